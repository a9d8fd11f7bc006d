//! Runs that began and whose wrapper is gone: killed, or with the host.

use super::spool::Spool;
use crate::store::{Home, RunRecord, RunStatus, Scripts, Source, StoreError};
use checker_job::{Outcome, Timestamp, duration_words};
use std::time::Duration;
use uuid::Uuid;

/// What a run is called that nobody ended.
pub const NEVER_FINISHED: &str = "started, never finished";
/// A run on another host cannot be asked whether it lives; after this time nobody waits for it any more.
const REMOTE_MAX: Duration = Duration::from_secs(8 * 86_400);

/// Takes in what waits in the spool, and gives up runs of this node whose wrapper is gone.
///
/// In this order: who is gone is asked first, because a wrapper writes its end before it goes; then the spool; and what is
/// still open of those that were gone has no end anywhere.
///
/// # Errors
/// Of the store.
pub fn settle(
    shared: &dyn Scripts,
    spool: &Spool,
    home: &Home,
    node: Uuid,
    now: Timestamp,
) -> Result<Vec<RunRecord>, StoreError> {
    let gone: Vec<Uuid> =
        shared.active()?.iter().filter(|run| is_gone(run, spool, home, node, now)).map(|run| run.id).collect();
    let taken = spool.take_in(shared, node, now)?;
    if taken.taken + taken.bad > 0 {
        tracing::info!("{} record(s) of scripts taken in, {} set aside", taken.taken, taken.bad);
    }
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let open = shared.active()?.into_iter().filter(|run| gone.contains(&run.id));
    let given_up: Vec<RunRecord> = open.map(|run| give_up(run, now)).collect();
    shared.record(&given_up)?;
    Ok(given_up)
}

fn is_gone(run: &RunRecord, spool: &Spool, home: &Home, node: Uuid, now: Timestamp) -> bool {
    let age = now.since(run.started.unwrap_or(now));
    if run.source != Source::Script || run.node != node {
        return age > REMOTE_MAX;
    }
    // It shows that it lives before it writes its begin.
    home.is_gone(run.id) && !spool.is_alive(run.id)
}

fn give_up(run: RunRecord, now: Timestamp) -> RunRecord {
    let ago = duration_words(now.since(run.started.unwrap_or(now)));
    let outcome = Outcome::failed(NEVER_FINISHED).with_detail(format!(
        "It began {ago} before this was seen. Nobody wrote its end: what ran it was killed, or the host went down."
    ));
    RunRecord { status: RunStatus::Done, outcome: Some(outcome), ..run }
}
