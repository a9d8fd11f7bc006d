//! Steps of the wall clock: noticed by comparing it with the time since boot, and taken out of what is remembered. Pure.
//!
//! The time since boot goes on while the machine sleeps and never steps. So wall time less boot time is constant but for
//! the slow corrections of a time service, and a jump of it is a step. All durations that matter (since when a job fails,
//! when it was last told) are kept true by moving the remembered instants along.

use super::JobState;
use checker_job::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A jump of this or more is told, and remembered instants move with it.
pub const STEP_MIN: Duration = Duration::from_secs(60);
/// A clock that jumped back by more than this may have left served slots in the future.
const BACK_MIN: Duration = Duration::from_secs(1);
/// The comparison begins anew after this, so that slow corrections never add up to a step.
const RENEW: Duration = Duration::from_secs(3_600);
/// A clock that did not step for this long is steady again.
pub const STEADY: Duration = Duration::from_secs(3_600);

/// Both clocks at an earlier pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Which boot of the machine the boot time belongs to.
    pub boot_id: String,
    /// The wall clock.
    pub wall: Timestamp,
    /// The time since that boot, in microseconds.
    pub boot: i64,
    /// When the clock last stepped, by the time after the step, until it counts as steady.
    #[serde(default)]
    pub stepped: Option<Timestamp>,
}

/// How far the wall clock jumped, in microseconds: ahead, or back if negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// See the type.
    pub micros: i64,
}

impl Step {
    /// Its length.
    pub fn length(self) -> Duration {
        Duration::from_micros(self.micros.unsigned_abs())
    }

    /// Whether it is told, and moves remembered instants.
    pub fn is_told(self) -> bool {
        self.length() >= STEP_MIN
    }

    fn moved(self, at: Timestamp) -> Timestamp {
        Timestamp::from_micros(at.micros().saturating_add(self.micros))
    }
}

/// What a pass finds out about the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// A jump that is to be taken out of what is remembered.
    pub step: Option<Step>,
    /// What to remember before the step is told: that there was one. Else a kill in between, after which the clock is set
    /// right again, would leave a trouble that nothing ends.
    pub first: Option<Base>,
    /// What to remember, if it differs from what is.
    pub next: Option<Base>,
    /// The clock has stepped before and counts as steady again.
    pub steady: bool,
}

/// Compares both clocks with those of an earlier pass.
pub fn compare(base: Option<&Base>, wall: Timestamp, boot: Duration, boot_id: &str) -> Compared {
    let boot = i64::try_from(boot.as_micros()).unwrap_or(i64::MAX);
    let fresh = |stepped| Base { boot_id: boot_id.to_owned(), wall, boot, stepped };
    let Some(base) = base else {
        return Compared { step: None, first: None, next: Some(fresh(None)), steady: false };
    };
    let jump = jump(base, wall, boot, boot_id);
    #[cfg(test)]
    let jump = if super::planted::is(super::planted::Bug::StepIgnored) { 0 } else { jump };
    let back = micros_of(BACK_MIN);
    let step = Some(Step { micros: jump }).filter(|s| s.is_told() || jump <= -back);
    let told = step.is_some_and(Step::is_told);
    let stepped = match (told, base.stepped) {
        (true, _) => Some(wall),
        // Noted while the clock was ahead: the hour counts from now.
        (false, before) => before.map(|at| at.min(wall)),
    };
    let ahead = base.stepped.is_some_and(|at| at > wall);
    let steady = !told && stepped.is_some_and(|at| wall.since(at) >= STEADY);
    let stepped = stepped.filter(|_| !steady);
    let old = base.boot_id != boot_id || boot.saturating_sub(base.boot) >= micros_of(RENEW);
    let renew = step.is_some() || old || steady || ahead || jump.saturating_abs() >= back;
    let first = told.then(|| Base { stepped: Some(wall), ..base.clone() });
    Compared { step, first, next: renew.then(|| fresh(stepped)), steady }
}

fn micros_of(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// After a boot only a clock that is behind what it was shows: how long the machine was off is not known.
fn jump(base: &Base, wall: Timestamp, boot: i64, boot_id: &str) -> i64 {
    let walked = wall.micros().saturating_sub(base.wall.micros());
    if base.boot_id == boot_id { walked.saturating_sub(boot.saturating_sub(base.boot)) } else { walked.min(0) }
}

/// A state after the wall clock has stepped; `now` is the time after the step. `None` if nothing of it is touched.
pub fn moved(state: &JobState, step: Step, now: Timestamp) -> Option<JobState> {
    let mut next = state.clone();
    // Nobody can have served what has not come: it is due again when the clock says so.
    if let Some(slot) = &mut next.slot
        && *slot > now
    {
        *slot = step.moved(*slot).min(now);
    }
    let open = state.failure.is_some() || state.blind.is_some() || state.flapping.is_some();
    let recent =
        !state.changes.is_empty() || !state.blinds.is_empty() || state.silence.is_some() || state.watched.is_some();
    if step.is_told() && (open || recent) {
        shift(&mut next, step);
    }
    (next != *state).then_some(next)
}

/// All instants from which a time is counted.
fn shift(state: &mut JobState, step: Step) {
    for episode in [&mut state.failure, &mut state.blind].into_iter().flatten() {
        episode.since = step.moved(episode.since);
        episode.told_at = episode.told_at.map(|at| step.moved(at));
    }
    if let Some(flapping) = &mut state.flapping {
        flapping.since = step.moved(flapping.since);
        flapping.last_change = step.moved(flapping.last_change);
    }
    for at in state.changes.iter_mut().chain(&mut state.blinds) {
        *at = step.moved(*at);
    }
    if let Some(silence) = &mut state.silence {
        silence.until = step.moved(silence.until);
    }
    if let Some(watched) = &mut state.watched {
        watched.since = step.moved(watched.since);
    }
    state.since = state.since.map(|at| step.moved(at));
    state.ran_at = state.ran_at.map(|at| step.moved(at));
}

#[cfg(test)]
mod tests;
