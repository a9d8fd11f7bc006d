//! What every implementation must do. Each case runs on the model, on a file, on one file through two connections in
//! turns, and on both with every write sent twice.

mod fixtures;
mod kill;
mod leases;
mod ledger;
mod model;
mod outbox;
mod passes;
mod retention;
mod scripts;
mod truth;
mod unknown;
mod via;

use super::{Memory, MemoryOwn, MemoryShared, Own, Shared, Sqlite, SqliteOwn, SqliteShared, StoreClock};
use std::path::PathBuf;
use via::{How, Via};

pub(super) use kill::{await_word, child_of};

/// A store to try things on.
trait Bench {
    type Jobs: Shared;
    type Node: Own;
    fn new(clock: StoreClock) -> Self;
    fn jobs(&self) -> &Self::Jobs;
    fn node(&self) -> &Self::Node;
}

/// A bench made of two handles and whatever must outlive them.
struct Handles<J, N> {
    jobs: J,
    node: N,
    _folder: Option<tempfile::TempDir>,
}

macro_rules! bench {
    ($name:ident, $jobs:ty, $node:ty, |$clock:ident| $make:expr) => {
        struct $name(Handles<$jobs, $node>);
        impl Bench for $name {
            type Jobs = $jobs;
            type Node = $node;
            fn new($clock: StoreClock) -> Self {
                Self($make)
            }
            fn jobs(&self) -> &$jobs {
                &self.0.jobs
            }
            fn node(&self) -> &$node {
                &self.0.node
            }
        }
    };
}

/// A folder in memory, where there is one, so that durable commits do not slow the tests down.
fn folder() -> tempfile::TempDir {
    let fast = PathBuf::from("/dev/shm");
    if fast.is_dir() { tempfile::tempdir_in(fast).unwrap() } else { tempfile::tempdir().unwrap() }
}

bench!(OnMemory, MemoryShared, MemoryOwn, |clock| {
    let store = Memory::new(clock);
    Handles { jobs: store.shared(), node: store.own(), _folder: None }
});

bench!(OnMemoryTwice, Via<MemoryShared>, Via<MemoryOwn>, |clock| {
    let store = Memory::new(clock);
    Handles {
        jobs: Via::new(vec![store.shared()], How::Twice),
        node: Via::new(vec![store.own()], How::Twice),
        _folder: None,
    }
});

bench!(OnFile, SqliteShared, SqliteOwn, |clock| {
    let folder = folder();
    let store = Sqlite::open(&folder.path().join("checker.db"), clock).unwrap();
    Handles { jobs: store.shared(), node: store.own(), _folder: Some(folder) }
});

fn two_connections(clock: &StoreClock, how: How) -> Handles<Via<SqliteShared>, Via<SqliteOwn>> {
    let folder = folder();
    let path = folder.path().join("checker.db");
    let stores = [(); 2].map(|()| Sqlite::open(&path, clock.clone()).unwrap());
    Handles {
        jobs: Via::new(stores.iter().map(Sqlite::shared).collect(), how),
        node: Via::new(stores.iter().map(Sqlite::own).collect(), how),
        _folder: Some(folder),
    }
}

bench!(OnFileInTurns, Via<SqliteShared>, Via<SqliteOwn>, |clock| two_connections(&clock, How::Turns));

bench!(OnFileTwice, Via<SqliteShared>, Via<SqliteOwn>, |clock| two_connections(&clock, How::Twice));

macro_rules! on_every_store {
    ($($room:ident::$case:ident,)*) => {
        on_every_store!(@ on_memory OnMemory $($room::$case,)*);
        on_every_store!(@ on_memory_twice OnMemoryTwice $($room::$case,)*);
        on_every_store!(@ on_file OnFile $($room::$case,)*);
        on_every_store!(@ on_file_in_turns OnFileInTurns $($room::$case,)*);
        on_every_store!(@ on_file_twice OnFileTwice $($room::$case,)*);
    };
    (@ $name:ident $bench:ident $($room:ident::$case:ident,)*) => {
        mod $name {
            $(#[test] fn $case() { super::$room::$case::<super::$bench>(); })*
        }
    };
}

on_every_store! {
    ledger::a_change_counts_once,
    ledger::a_repeat_is_known_when_the_state_has_moved_on,
    ledger::a_stale_result_leaves_its_run_alone,
    ledger::two_passes_decide_one_alert_at_once,
    ledger::answers_come_in_the_order_of_the_changes,
    ledger::states_of_one_some_and_all,
    ledger::all_of_a_state_comes_back,
    ledger::each_run_of_a_commit_keeps_its_own_values,
    ledger::a_change_without_a_run_counts_once,
    ledger::a_change_that_contradicts_itself_writes_nothing,
    ledger::a_forgotten_job_keeps_its_counters_while_its_alerts_are_kept,
    ledger::a_job_without_episodes_is_forgotten_whole,
    ledger::slots_say_what_is_due_and_what_is_open,
    ledger::hours_add_up,
    ledger::the_groups_are_apart,
    ledger::a_run_that_waited_becomes_done_once,
    ledger::all_of_a_run_comes_back,
    ledger::alerts_come_newest_first,
    outbox::an_alert_is_told_and_the_next_one_continues_its_thread,
    outbox::urgent_ones_leave_first_and_then_the_oldest,
    outbox::later_counts_tries,
    outbox::a_refused_delivery_is_retried_and_its_alert_waits_no_more,
    outbox::what_a_refused_delivery_carries_waits_where_news_of_the_same_job_does,
    outbox::superseded_deliveries_hand_their_alerts_over,
    outbox::an_acceptance_after_superseding_is_the_truth,
    outbox::withheld_and_dropped_alerts,
    outbox::an_alert_gets_more_addressees_and_they_are_known,
    outbox::the_earliest_delivery_begins_the_thread,
    outbox::a_delivery_may_carry_what_is_not_known,
    outbox::an_answer_to_no_delivery_is_refused,
    outbox::a_plan_of_something_sent_is_refused,
    outbox::what_was_sent_counts_for_the_budget,
    passes::a_job_is_held_by_one_pass,
    passes::claims_of_the_dead_are_freed_and_of_the_living_not,
    passes::a_pass_that_is_not_open_takes_nothing,
    passes::an_end_frees_and_the_first_one_counts,
    leases::a_lease_goes_by_the_stores_time_alone,
    leases::a_lease_goes_over_from_the_dead,
    leases::values_by_name,
    retention::age_decides_and_the_newest_success_stays,
    retention::steady_runs_are_limited,
    retention::a_batch_bounds_what_goes_at_once,
    retention::open_things_stay,
    retention::hours_go_after_their_own_time,
    retention::refused_deliveries_go_by_age_and_unsent_ones_never,
    scripts::a_run_comes_further_and_never_back,
    scripts::the_last_end_and_the_last_start_are_two_things,
    scripts::what_ended_later_is_not_seen,
    scripts::hosts_are_apart,
    scripts::a_window_is_counted_and_so_is_the_time_before,
    scripts::names_stay_known_by_their_hours,
    scripts::what_contradicts_itself_writes_nothing,
    truth::a_refused_down_is_never_told_without_its_end,
    truth::a_refused_digest_is_dissolved_and_the_rest_of_it_told,
    truth::a_refused_episode_and_the_next_one_are_one_message,
    truth::what_was_withheld_takes_the_refused_one_along,
    truth::a_refused_delivery_that_went_by_age_is_told_no_more,
}
