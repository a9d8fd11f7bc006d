//! What every implementation agrees on: which values are refused, and what follows from a value alone.

use super::{Change, Planned, Result, Retention, RunRecord, RunStatus, Source, StoreError};
use crate::decide::{DeliveryState, JobState};
use checker_job::{Timestamp, Verdict};
use uuid::Uuid;

/// Refuses changes that contradict themselves. Such a change is a fault of the program, so nothing of the call is written.
pub(super) fn check_changes(changes: &[Change]) -> Result<()> {
    for change in changes {
        let job = &change.job;
        if let Some(state) = &change.state
            && Some(state.seq) != change.expected_seq.checked_add(1)
        {
            return refuse(format!(
                "a change of the job {job} was decided on its state number {} and leads to number {}: it must lead to \
                 the next one. This is a fault of Checker: please report it",
                change.expected_seq, state.seq
            ));
        }
        if let Some(run) = &change.run {
            if run.job != *job {
                return refuse(format!(
                    "a change of the job {job} carries a run of {}. This is a fault of Checker: please report it",
                    run.job
                ));
            }
            check_v7("run", run.id)?;
        }
        if let Some(alert) = change.alerts.iter().find(|a| a.id.job != *job) {
            return refuse(format!(
                "a change of the job {job} carries an alert of {}. This is a fault of Checker: please report it",
                alert.id.job
            ));
        }
    }
    Ok(())
}

/// Refuses runs that are none of a script.
pub(super) fn check_runs(runs: &[RunRecord]) -> Result<()> {
    runs.iter().try_for_each(check_run)
}

/// Refuses a run that is none of a script, or that contradicts itself.
pub(crate) fn check_run(run: &RunRecord) -> Result<()> {
    check_v7("run", run.id)?;
    let name = &run.job;
    if run.source == Source::Cron || run.pass.is_some() {
        return refuse(format!("a run of {name} belongs to a pass. This is a fault of Checker: please report it"));
    }
    let over = run.status == RunStatus::Done;
    let succeeded = run.outcome.as_ref().is_some_and(|o| o.verdict == Verdict::Ok);
    let good = run.started.is_some()
        && run.outcome.is_some() == over
        && (over || run.ended.is_none())
        && (!succeeded || run.ended.is_some());
    if !good {
        return refuse(format!("a run of {name} contradicts itself. This is a fault of Checker: please report it"));
    }
    if run.ended.is_some_and(|ended| Some(ended) < run.started) {
        return refuse(format!("a run of {name} ended before it started: give the times the other way round"));
    }
    Ok(())
}

/// Refuses deliveries that are not new.
pub(super) fn check_plan(planned: &Planned) -> Result<()> {
    match planned.deliveries.iter().find(|d| d.state != DeliveryState::Unsent) {
        Some(d) => refuse(format!(
            "the delivery {} was planned as if it had been sent already. This is a fault of Checker: please report it",
            d.id
        )),
        None => Ok(()),
    }
}

/// Age is told from the ids of runs and passes, so they must carry their time.
pub(super) fn check_v7(what: &str, id: Uuid) -> Result<()> {
    if id.get_version_num() == 7 {
        return Ok(());
    }
    refuse(format!("the id {id} of a {what} is no UUID of version 7. This is a fault of Checker: please report it"))
}

/// A delivery that is not there.
pub(super) fn no_delivery(id: Uuid) -> StoreError {
    StoreError::Refused(format!("the answer to the delivery {id} was not noted: there is no such delivery"))
}

/// A pass that was never begun.
pub(super) fn no_pass(id: Uuid) -> StoreError {
    StoreError::Refused(format!("there is no pass {id}: it was never begun"))
}

/// A pass that may not claim any more.
pub(super) fn pass_closed(id: Uuid) -> StoreError {
    StoreError::Refused(format!(
        "the pass {id} may not take jobs: it has ended, or another pass saw its lock free and took it for dead"
    ))
}

/// A pass that calls itself dead.
pub(super) fn pass_dead(id: Uuid) -> StoreError {
    StoreError::Refused(format!("the pass {id} called itself dead. This is a fault of Checker: please report it"))
}

fn refuse<T>(why: String) -> Result<T> {
    Err(StoreError::Refused(why))
}

/// The lowest number of an episode that is open, told or not.
pub(super) fn oldest_open(state: &JobState) -> Option<u32> {
    let stretches = [&state.failure, &state.blind].map(|e| e.as_ref().map(|e| e.number));
    let flapping = state.flapping.as_ref().map(|f| f.episode);
    stretches.into_iter().chain([flapping]).flatten().min()
}

/// What stays of a forgotten job.
pub(super) fn counters(seq: u64, episodes: u32) -> JobState {
    JobState { seq, episodes, ..JobState::default() }
}

/// What is older than this goes.
pub(super) fn cutoff(now: Timestamp, keep: &Retention) -> Timestamp {
    now.minus(keep.age)
}

/// Where the state is not in its own place, runs of scripts are kept in the spool.
pub(super) fn not_here() -> StoreError {
    StoreError::Unavailable("the state is not in its own place: runs of scripts wait until it is".to_owned())
}

/// Hours that begin before this go. A whole hour, so that there is nothing to do but once an hour.
pub(super) fn hours_cutoff(now: Timestamp, keep: &Retention) -> Timestamp {
    const HOUR: i64 = 3_600_000_000;
    let exact = now.minus(keep.hours).micros();
    Timestamp::from_micros(exact.saturating_sub(exact.rem_euclid(HOUR)))
}

/// All ids of version 7 that were made before `at` (in milliseconds) are smaller than this.
pub(super) fn first_id(at: Timestamp) -> Uuid {
    let millis = at.since(Timestamp::default()).as_millis();
    Uuid::from_u128(millis.min((1 << 48) - 1) << 80)
}
