//! Steps of the wall clock, noticed at the start of a pass.

use super::Pass;
use crate::clock;
use crate::decide::step::{self, Base, Step};
use crate::node;
use crate::outbox::again;
use crate::store::{Change, Ledger, Result};
use checker_job::{JobId, Timestamp};

/// Where both clocks of an earlier pass are kept in the own group.
const CLOCK: &str = "clock";
const BATCH_MAX: usize = 1_000;

/// Compares the clocks with those of an earlier pass. A step is taken out of what is remembered before anything is
/// decided on it, and told. Trouble with this is logged and stops no check.
pub(super) fn watch(pass: &Pass<'_>) {
    if let Err(why) = compare(pass) {
        tracing::warn!("the clock is not watched in this pass: {why}");
    }
}

fn compare(pass: &Pass<'_>) -> Result<()> {
    let now = pass.clock.begun();
    let base: Option<Base> = pass.own.meta(CLOCK)?.and_then(|t| serde_json::from_str(&t).ok());
    let compared = step::compare(base.as_ref(), now.wall, now.boot, &clock::boot_id());
    remember(pass, compared.first.as_ref())?;
    if let Some(step) = compared.step {
        tracing::warn!("the wall clock has stepped by {} s", step.micros / 1_000_000);
        take_out(pass.shared, step, now.wall)?;
        take_out(pass.own, step, now.wall)?;
    }
    let told = compared.step.filter(|s| s.is_told());
    if told.is_some() || compared.steady {
        node::clock(pass.own, &pass.setup.contacts, told, now.wall)?;
    }
    // Last: after a kill the step is found again.
    remember(pass, compared.next.as_ref())
}

fn remember(pass: &Pass<'_>, base: Option<&Base>) -> Result<()> {
    let Some(base) = base else { return Ok(()) };
    pass.own.set_meta(CLOCK, Some(&serde_json::to_string(base).unwrap_or_default()))
}

/// Moves the instants that are remembered of one group. A state that another pass changes meanwhile is left to it.
fn take_out(ledger: &(impl Ledger + ?Sized), step: Step, now: Timestamp) -> Result<()> {
    let jobs: Vec<JobId> = ledger.slots()?.into_keys().collect();
    for jobs in jobs.chunks(BATCH_MAX) {
        let moved = ledger.states(jobs)?.into_iter().filter_map(|(job, state)| {
            let mut next = step::moved(&state, step, now)?;
            next.seq = state.seq + 1;
            Some(Change { job, expected_seq: state.seq, state: Some(next), run: None, alerts: Vec::new(), hour: None })
        });
        let changes: Vec<Change> = moved.collect();
        if !changes.is_empty() {
            again(|| ledger.commit(&changes))?;
        }
    }
    Ok(())
}
