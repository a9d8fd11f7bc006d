//! Jobs whose news a window has held back until its end.

use super::Pass;
use crate::decide::schedule::Reason;
use crate::decide::window::owes;
use crate::store::{Result, Slot};
use checker_job::{JobId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The jobs that run in this pass whatever their slot: the `hidden` ones, and those that had news in a window that has
/// ended. Trouble with the latter is logged and stops no check: they are told with their next run.
pub(super) fn once_more(
    pass: &Pass<'_>,
    known: &HashMap<JobId, Slot>,
    hidden: &BTreeSet<JobId>,
    now: Timestamp,
) -> BTreeMap<JobId, Reason> {
    let mut all = owed(pass, known, now).unwrap_or_else(|why| {
        tracing::warn!("what windows have held back waits for the next run: {why}");
        BTreeMap::new()
    });
    all.extend(hidden.iter().map(|job| (job.clone(), Reason::Hidden)));
    all
}

fn owed(pass: &Pass<'_>, known: &HashMap<JobId, Slot>, now: Timestamp) -> Result<BTreeMap<JobId, Reason>> {
    let windows = &pass.setup.windows;
    let glance = windows.glance(now);
    // Few are failing. Also where there are no windows any more: one may have been taken out.
    let failing = pass.setup.jobs.iter().map(|job| job.id()).filter(|job| known.get(job).is_some_and(|slot| slot.open));
    let open: Vec<JobId> = failing.filter(|job| !windows.hold(job, now, &glance)).cloned().collect();
    if open.is_empty() {
        return Ok(BTreeMap::new());
    }
    let states = pass.states(&open)?;
    let owing = states.into_iter().filter(|(job, state)| owes(state, &windows.of(job), now));
    Ok(owing.map(|(job, _)| (job, Reason::WindowEnded)).collect())
}
