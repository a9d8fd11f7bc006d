//! Flapping: a job that changes too often is told once on the bad edge and once when it has been steady again.

use super::{Flapping, JobState};
use checker_job::Timestamp;
use std::time::Duration;

/// More changes than this within [`CHANGES_WINDOW`] are flapping.
pub(super) const CHANGES_MAX: usize = 4;
const CHANGES_WINDOW: Duration = Duration::from_secs(3_600);
/// Without a change for this long, flapping is over.
pub(super) const STEADY: Duration = Duration::from_secs(1_800);

/// Counts a confirmed change. `bad` is true where it leads to failure or to a worse one: only there flapping begins.
pub(super) fn changed(state: &mut JobState, now: Timestamp, bad: bool) {
    state.changes.retain(|&at| at <= now && now.since(at) < CHANGES_WINDOW);
    state.changes.push(now);
    // The count in the message is what matters, not each instant: keep the list short for a job that never rests.
    if state.changes.len() > 64 {
        state.changes.remove(0);
    }
    if let Some(flapping) = &mut state.flapping {
        flapping.changes = flapping.changes.saturating_add(1);
        flapping.last_change = now;
    } else if bad && state.changes.len() > CHANGES_MAX {
        let Some(episode) = &state.failure else {
            return;
        };
        state.flapping = Some(Flapping {
            episode: episode.number,
            next_step: episode.next_step,
            since: state.changes.first().copied().unwrap_or(now),
            changes: u32::try_from(state.changes.len()).unwrap_or(u32::MAX),
            last_change: now,
            told: false,
            addressed: episode.addressed.clone(),
        });
    }
}

/// Whether flapping has ended by `now`.
pub(super) fn is_steady(flapping: &Flapping, now: Timestamp) -> bool {
    now.since(flapping.last_change) >= STEADY
}
