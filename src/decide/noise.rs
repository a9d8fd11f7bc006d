//! Flapping: a job that changes too often is told once on the bad edge and once when it has been steady again.

use super::transition::{Draft, Input, draft, silenced};
use super::{AlertKind, Flapping, JobState, Recipient};
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
        // Once it has been steady for long enough, a change does not begin the wait anew: it is told with this run.
        if !is_steady(flapping, now) {
            flapping.last_change = now;
        }
    } else if bad && state.changes.len() > CHANGES_MAX {
        let Some(episode) = &state.failure else {
            return;
        };
        state.flapping = Some(Box::new(Flapping {
            episode: episode.number,
            next_step: episode.next_step,
            since: state.changes.first().copied().unwrap_or(now),
            changes: u32::try_from(state.changes.len()).unwrap_or(u32::MAX),
            last_change: now,
            told: false,
            addressed: episode.addressed.clone(),
        }));
    }
}

/// Whether flapping has ended by `now`.
pub(super) fn is_steady(flapping: &Flapping, now: Timestamp) -> bool {
    now.since(flapping.last_change) >= STEADY
}

/// Whether a job that could not be judged for `lasted` is told: not if that happens too often, until it has lasted.
pub(super) fn may_tell_blind(told: &mut Vec<Timestamp>, now: Timestamp, lasted: Duration) -> bool {
    told.retain(|&at| at <= now && now.since(at) < CHANGES_WINDOW);
    let may = told.len() < CHANGES_MAX || lasted >= STEADY;
    if may {
        told.push(now);
    }
    may
}

/// On the bad edge: one message for all the changes to come.
pub(super) fn tell_flapping(state: &mut JobState, input: &Input<'_>, drafts: &mut Vec<Draft>) {
    let Some(flapping) = &mut state.flapping else {
        return;
    };
    if flapping.told {
        return;
    }
    flapping.told = true;
    flapping.addressed.extend(input.recipients.iter().cloned());
    drafts.push(Draft {
        episode: flapping.episode,
        step: flapping.next_step,
        kind: AlertKind::Flapping,
        verdict: input.outcome.verdict,
        since: flapping.since,
        failures: flapping.changes,
        recipients: input.recipients.to_vec(),
    });
    flapping.next_step += 1;
    let (number, step) = (flapping.episode, flapping.next_step);
    if let Some(episode) = state.failure.as_mut().filter(|e| e.number == number) {
        episode.next_step = step;
    }
}

/// After 30 steady minutes: one message with the count, to those who were told that it flaps (or, earlier in the same
/// episode, that it fails). If it is failing, that message is the first news of the failure.
pub(super) fn settle_flapping(state: &mut JobState, input: &Input<'_>, drafts: &mut Vec<Draft>) {
    if state.flapping.as_ref().is_none_or(|f| !is_steady(f, input.now)) {
        return;
    }
    let failing = state.is_failing();
    if failing && (input.held || silenced(state, input.now)) {
        return;
    }
    // A streak that may still turn either way is not steady: the run that ends it says what it is.
    if state.failure.is_some() && (!failing || state.good > 0) {
        return;
    }
    let Some(flapping) = state.flapping.take() else {
        return;
    };
    // What was told as flapping is over: the next change is news of its own.
    state.changes.clear();
    if failing {
        let Some(episode) = &mut state.failure else {
            return;
        };
        // It goes on as the episode in which flapping was told, so that its recovery reaches those who know of that.
        if !flapping.addressed.is_empty() {
            episode.number = flapping.episode;
            episode.next_step = flapping.next_step.max(episode.next_step);
        }
        episode.addressed.extend(flapping.addressed);
        episode.addressed.extend(input.recipients.iter().cloned());
        let to: Vec<Recipient> = episode.addressed.iter().cloned().collect();
        let mut steady = draft(episode, AlertKind::SteadyBad, input.now, &to);
        steady.failures = flapping.changes;
        drafts.push(steady);
    } else if !flapping.addressed.is_empty() {
        drafts.push(Draft {
            episode: flapping.episode,
            step: flapping.next_step,
            kind: AlertKind::SteadyGood,
            verdict: input.outcome.verdict,
            since: flapping.since,
            failures: flapping.changes,
            recipients: flapping.addressed.into_iter().collect(),
        });
    }
}
