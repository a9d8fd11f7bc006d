//! One outcome's effect on one job: the next state, and what should be told. Pure.

use super::noise::{changed, is_steady, may_tell_blind, settle_flapping, tell_flapping};
use super::{AlertKind, Episode, JobState, Recipient, Tally};
use checker_job::{Notify, Outcome, Policy, Remind, Timestamp, Verdict};
use std::time::Duration;
use uuid::Uuid;

/// What a transition is decided on, beside the state.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The time of the decision.
    pub now: Timestamp,
    /// The slot that the run served.
    pub slot: Timestamp,
    /// The run.
    pub run: Uuid,
    /// When it started.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What it found.
    pub outcome: &'a Outcome,
    /// The job's policy.
    pub policy: &'a Policy,
    /// Whom its alerts go to.
    pub recipients: &'a [Recipient],
    /// A job that it depends on is failing, or the run began in a window: nothing new is told.
    pub held: bool,
}

/// An alert before the job has worded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The episode it belongs to.
    pub episode: u32,
    /// Its number within the episode.
    pub step: u32,
    /// What it says.
    pub kind: AlertKind,
    /// The judgement that it tells of.
    pub verdict: Verdict,
    /// The first failure of the episode.
    pub since: Timestamp,
    /// Bad outcomes of the episode, or changes for flapping.
    pub failures: u32,
    /// Whom it is addressed to.
    pub recipients: Vec<Recipient>,
}

/// What a transition leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The next state; its `seq` is one higher.
    pub state: JobState,
    /// What should be told.
    pub drafts: Vec<Draft>,
    /// An hour that is complete.
    pub hour: Option<Tally>,
    /// The run found the same good state as the one before.
    pub steady: bool,
}

/// Decides what an outcome changes.
///
/// Outcomes that are neither `Ok` nor `Unknown` count toward the failure threshold. `Unknown` changes neither streak nor
/// failing state and has a streak of its own with the same threshold.
pub fn transition(state: JobState, input: &Input<'_>) -> Step {
    let verdict = input.outcome.verdict;
    let steady = verdict == Verdict::Ok && state.verdict == Some(Verdict::Ok) && state.failure.is_none();
    let mut next = state;
    mend_clock(&mut next, input.now);
    let hour = tally(&mut next.tally, input);
    note_run(&mut next, input);
    let mut drafts = Vec::new();
    match verdict {
        Verdict::Unknown => blind(&mut next, input, &mut drafts),
        Verdict::Ok | Verdict::Warning | Verdict::Failed => {
            sighted(&mut next, input, &mut drafts);
            if verdict == Verdict::Ok {
                good(&mut next, input, &mut drafts);
            } else {
                bad(&mut next, input, &mut drafts);
            }
            settle_flapping(&mut next, input, &mut drafts);
        }
    }
    Step { state: next, drafts, hour, steady }
}

/// A run that says nothing of its target, because the fault is our own: it is noted and counted as unknown, and streaks,
/// episodes and what was told stay as they are.
pub fn hide(state: JobState, input: &Input<'_>) -> Step {
    let mut next = state;
    let hour = tally(&mut next.tally, input);
    note_run(&mut next, input);
    #[cfg(test)]
    if crate::decide::planted::is(crate::decide::planted::Bug::HidingForgets) {
        next.failure = None;
    }
    Step { state: next, drafts: Vec::new(), hour, steady: false }
}

/// A job has left the settings: those who were told that it fails are told that nobody watches it any more.
pub fn close(state: &JobState, now: Timestamp) -> Vec<Draft> {
    let mut drafts = Vec::new();
    #[cfg(test)]
    if crate::decide::planted::is(crate::decide::planted::Bug::ClosedSilently) {
        return drafts;
    }
    // Told as flapping, or as failing before it flapped.
    let flapping = state.flapping.as_ref().filter(|f| !f.addressed.is_empty());
    if let Some(f) = flapping {
        drafts.push(Draft {
            episode: f.episode,
            step: f.next_step,
            kind: AlertKind::Closed,
            verdict: Verdict::Failed,
            since: f.since,
            failures: f.changes,
            recipients: f.addressed.iter().cloned().collect(),
        });
    }
    for episode in [&state.failure, &state.blind].into_iter().flatten() {
        let covered = flapping.is_some_and(|f| f.episode == episode.number);
        if episode.told_at.is_some() && !covered {
            let mut episode = episode.clone();
            drafts.push(draft(&mut episode, AlertKind::Closed, now, &[]));
        }
    }
    drafts
}

/// Instants in the future were written while the clock was ahead: they must not hold back what is due.
fn mend_clock(state: &mut JobState, now: Timestamp) {
    #[cfg(test)]
    if crate::decide::planted::is(crate::decide::planted::Bug::StepIgnored) {
        return;
    }
    for episode in [&mut state.failure, &mut state.blind].into_iter().flatten() {
        episode.told_at = episode.told_at.map(|at| at.min(now));
        episode.since = episode.since.min(now);
    }
    if let Some(flapping) = &mut state.flapping {
        flapping.last_change = flapping.last_change.min(now);
    }
}

fn note_run(state: &mut JobState, input: &Input<'_>) {
    let verdict = input.outcome.verdict;
    if state.verdict != Some(verdict) {
        state.since = Some(input.now);
    }
    state.seq += 1;
    state.run = Some(input.run);
    state.slot = Some(input.slot);
    state.ran_at = Some(input.started);
    state.verdict = Some(verdict);
    state.summary.clone_from(&input.outcome.summary);
}

/// Counts a run into its hour; the answer is the hour before, once it is complete.
fn tally(tally: &mut Tally, input: &Input<'_>) -> Option<Tally> {
    let hour = Timestamp::from_secs(input.now.secs().div_euclid(3_600) * 3_600);
    let runs = tally.ok + tally.warning + tally.failed + tally.unknown;
    let complete = (tally.hour != hour && runs > 0).then(|| tally.clone());
    if tally.hour != hour {
        *tally = Tally { hour, ..Tally::default() };
    }
    match input.outcome.verdict {
        Verdict::Ok => tally.ok += 1,
        Verdict::Warning => tally.warning += 1,
        Verdict::Failed => tally.failed += 1,
        Verdict::Unknown => tally.unknown += 1,
    }
    let micros = u64::try_from(input.took.as_micros()).unwrap_or(u64::MAX);
    tally.micros_sum = tally.micros_sum.saturating_add(micros);
    tally.micros_max = tally.micros_max.max(micros);
    complete
}

pub(super) fn silenced(state: &JobState, now: Timestamp) -> bool {
    state.silence.as_ref().is_some_and(|s| now < s.until)
}

fn open(slot: &mut Option<Box<Episode>>, number: &mut u32, now: Timestamp, verdict: Verdict) {
    let episode = slot.get_or_insert_with(|| {
        *number += 1;
        Box::new(Episode {
            number: *number,
            since: now,
            count: 0,
            confirmed: false,
            verdict,
            told_verdict: None,
            told_at: None,
            next_step: 0,
            addressed: std::collections::BTreeSet::new(),
        })
    });
    episode.count = episode.count.saturating_add(1);
    episode.verdict = verdict;
}

pub(super) fn draft(episode: &mut Episode, kind: AlertKind, now: Timestamp, recipients: &[Recipient]) -> Draft {
    let step = episode.next_step;
    episode.next_step += 1;
    episode.addressed.extend(recipients.iter().cloned());
    if !kind.is_ending() {
        episode.told_at = Some(now);
        episode.told_verdict = Some(episode.verdict);
    }
    let to = if kind.is_ending() { episode.addressed.iter().cloned().collect() } else { recipients.to_vec() };
    Draft {
        episode: episode.number,
        step,
        kind,
        verdict: episode.verdict,
        since: episode.since,
        failures: episode.count,
        recipients: to,
    }
}

/// The time between two messages about one failing job; `None`: no second one.
pub fn interval(policy: &Policy) -> Option<Duration> {
    match policy.notify {
        Notify::Every => Some(Duration::ZERO),
        Notify::FiveMinutes => Some(Duration::from_secs(300)),
        Notify::TenMinutes => Some(Duration::from_secs(600)),
        Notify::Hour => Some(Duration::from_secs(3_600)),
        Notify::Day => Some(Duration::from_secs(86_400)),
        Notify::StateChange => match policy.remind {
            Remind::Never => None,
            Remind::Every(time) => Some(time),
        },
    }
}

/// A reminder goes out with the run that is nearest to its time, so cron's jitter neither drops nor doubles one.
fn remind_due(episode: &Episode, input: &Input<'_>) -> bool {
    let (Some(told), Some(interval)) = (episode.told_at, interval(input.policy)) else {
        return false;
    };
    input.now.since(told) + input.policy.every.period() / 2 > interval
}

fn blind(state: &mut JobState, input: &Input<'_>, drafts: &mut Vec<Draft>) {
    let held = input.held || silenced(state, input.now);
    let acked = state.ack.is_some();
    open(&mut state.blind, &mut state.episodes, input.now, Verdict::Unknown);
    let Some(episode) = &mut state.blind else {
        return;
    };
    episode.confirmed |= episode.count >= input.policy.failure_threshold;
    if !episode.confirmed || held {
        return;
    }
    if episode.told_at.is_none() {
        let lasted = input.now.since(episode.since);
        if !may_tell_blind(&mut state.blinds, input.now, lasted) {
            return;
        }
        drafts.push(draft(episode, AlertKind::CannotJudge, input.now, input.recipients));
    } else if !acked && remind_due(episode, input) {
        drafts.push(draft(episode, AlertKind::StillCannotJudge, input.now, input.recipients));
    }
}

fn sighted(state: &mut JobState, input: &Input<'_>, drafts: &mut Vec<Draft>) {
    let Some(mut episode) = state.blind.take() else {
        return;
    };
    if episode.told_at.is_some() {
        episode.verdict = input.outcome.verdict;
        drafts.push(draft(&mut episode, AlertKind::JudgedAgain, input.now, &[]));
    }
    if state.failure.is_none() {
        state.ack = None;
    }
}

fn good(state: &mut JobState, input: &Input<'_>, drafts: &mut Vec<Draft>) {
    // Whatever was acknowledged is over, even if it never reached its threshold.
    if !state.is_failing() {
        state.failure = None;
        state.ack = None;
        return;
    }
    state.good += 1;
    if state.good < input.policy.recovery_threshold {
        return;
    }
    state.good = 0;
    state.ack = None;
    changed(state, input.now, false);
    let Some(mut episode) = state.failure.take() else {
        return;
    };
    #[cfg(test)]
    if crate::decide::planted::is(crate::decide::planted::Bug::NoRecovery) {
        return;
    }
    // While flapping, the message that it is steady again is the recovery of what was told before.
    if let Some(flapping) = &mut state.flapping {
        if flapping.episode == episode.number {
            flapping.next_step = flapping.next_step.max(episode.next_step);
        }
    } else if episode.told_at.is_some() {
        episode.verdict = Verdict::Ok;
        drafts.push(draft(&mut episode, AlertKind::Recovery, input.now, &[]));
    }
}

fn bad(state: &mut JobState, input: &Input<'_>, drafts: &mut Vec<Draft>) {
    let verdict_before = state.failure.as_ref().map(|e| e.verdict);
    state.good = 0;
    open(&mut state.failure, &mut state.episodes, input.now, input.outcome.verdict);
    let Some(episode) = &mut state.failure else {
        return;
    };
    let crossed = !episode.confirmed && episode.count >= input.policy.failure_threshold;
    episode.confirmed |= crossed;
    if !episode.confirmed {
        return;
    }
    let worse = verdict_before == Some(Verdict::Warning) && input.outcome.verdict == Verdict::Failed;
    let better = verdict_before == Some(Verdict::Failed) && input.outcome.verdict == Verdict::Warning;
    if crossed || worse || better {
        changed(state, input.now, crossed || worse);
    }
    if input.held || silenced(state, input.now) {
        return;
    }
    match &state.flapping {
        None => tell_bad(state, input, drafts),
        // It is steady now: that is the message, and `settle_flapping` has it.
        Some(flapping) if is_steady(flapping, input.now) => {}
        Some(_) => tell_flapping(state, input, drafts),
    }
}

fn tell_bad(state: &mut JobState, input: &Input<'_>, drafts: &mut Vec<Draft>) {
    let acked = state.ack.is_some();
    let Some(episode) = &mut state.failure else {
        return;
    };
    let kind = match (episode.told_at, episode.told_verdict, episode.verdict) {
        (None, _, _) => Some(AlertKind::Down),
        (Some(_), Some(Verdict::Warning), Verdict::Failed) => Some(AlertKind::Worse),
        (Some(_), Some(Verdict::Failed), Verdict::Warning) if !acked => Some(AlertKind::Better),
        _ if !acked && remind_due(episode, input) => Some(AlertKind::Reminder),
        _ => None,
    };
    if let Some(kind) = kind {
        drafts.push(draft(episode, kind, input.now, input.recipients));
    }
}

#[cfg(test)]
mod flapping;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
