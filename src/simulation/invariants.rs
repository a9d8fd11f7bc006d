//! What must hold at each step of a pass: of what is kept, of what starts, and of what peers say.

use super::engine::{Micros, micros};
use super::node::Node;
use super::world::World;
use crate::decide::pace::ANSWER;
use crate::decide::peers::{Heard, Verdict as Judged};
use crate::decide::schedule::{CATCH_UP_GRACE, CLOCK_AHEAD_MAX};
use crate::decide::{Alert, JobState, Word};
use crate::store::Ledger;
use checker_job::{JobId, Verdict};
use jiff::tz::TimeZone;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// A pass may come this much late, and be behind by one.
const SLACK: Duration = Duration::from_secs(50);

/// I6, I17: what is read is what was committed last, whoever died since and whatever was edited.
pub(super) fn loaded(node: &Node, job: &JobId, found: Option<&JobState>) -> Option<String> {
    let kept = node.committed.get(job);
    let same = found.unwrap_or(&JobState::default()) == kept.unwrap_or(&JobState::default());
    let seq = |s: Option<&JobState>| s.map_or(0, |s| s.seq);
    (!same).then(|| format!("I6: {job} was committed as number {} and is read as number {}", seq(kept), seq(found)))
}

/// I6: only a good outcome takes back what was counted.
pub(super) fn counted(job: &JobId, before: &JobState, after: &JobState, verdict: Verdict) -> Option<String> {
    let count = |s: &JobState| s.failure.as_ref().map_or(0, |e| e.count);
    let less = verdict != Verdict::Ok && count(after) < count(before);
    let back = after.episodes < before.episodes || after.seq <= before.seq;
    (less || back)
        .then(|| format!("I6: {job} was counted down without a success: {} to {}", count(before), count(after)))
}

/// Remembers what was committed.
pub(super) fn committed(node: &mut Node, own: bool, job: &JobId, alerts: &[Alert]) {
    let ledger: &dyn Ledger = if own { &node.kept.own } else { &node.kept.shared };
    let state = ledger.states(std::slice::from_ref(job)).unwrap_or_default().remove(job);
    match state {
        Some(state) => _ = node.committed.insert(job.clone(), state),
        None => _ = node.committed.remove(job),
    }
    for alert in alerts {
        node.owed.extend(alert.recipients.iter().map(|to| (alert.id.clone(), to.clone())));
    }
}

/// I9: while the host is up and cron comes, each job starts once in each period, or within the grace of a missing line.
pub(super) fn started(world: &mut World, n: usize) {
    let now = world.now;
    let Some(node) = world.nodes.get_mut(n) else { return };
    if !node.cron || node.passes_die || node.cron_fails > 0 {
        node.calm = now;
        return;
    }
    let grace = if node.setup.lines.is_some() { CATCH_UP_GRACE } else { Duration::ZERO };
    // A run during which the clock was set back has served a slot that is still to come.
    let grace = grace + if node.odd_clock { CLOCK_AHEAD_MAX } else { Duration::ZERO };
    let calm = node.calm;
    let passes = node.setup.pace.passes;
    // Where clocks are put back, a day has 25 hours.
    let longer = |every: Duration| if every > HOUR && node.setup.zone != TimeZone::UTC { HOUR } else { Duration::ZERO };
    let late = node.setup.jobs.iter().filter(|j| j.listed).find(|job| {
        let every = job.policy.every.period();
        let period = every.max(passes) + longer(every) + grace + passes * 2 + job.policy.timeout + SLACK;
        now - job.begun.unwrap_or(calm).max(calm) > micros(period)
    });
    let what = late.map(|j| {
        let since = j.begun.unwrap_or(calm).max(calm);
        format!("I9: {} was not started for {} s", j.id, (now - since) / 1_000_000)
    });
    if let Some(what) = what {
        node.calm = now;
        world.fault(what);
    }
}

/// I13: whatever peers do, asking them takes no longer than it may.
pub(super) fn asked(world: &mut World, begun: Micros) {
    let took = world.now - begun;
    if took > micros(ANSWER) {
        world.fault(format!("I13: peers have held up a pass for {} s", took / 1_000_000));
    }
}

/// I16: an answer that is none is never better than no answer.
pub(super) fn unsigned(world: &mut World, n: usize, answers: &[(usize, Heard)], verdicts: &[(usize, Judged)]) {
    let mut wrong = Vec::new();
    let Some(node) = world.nodes.get(n) else { return };
    for (at, heard) in answers {
        let keyed = node.setup.watched.get(*at).is_some_and(|w| w.node.is_some());
        let none = matches!(heard, Heard::Garbled(_)) || (keyed && *heard == Heard::Word(Word::True));
        let better = node.kept.views.get(*at).is_some_and(|v| v.is_ok() || v.silent == 0);
        let well = verdicts.iter().any(|(n, v)| n == at && v.outcome.verdict == Verdict::Ok);
        if none && (better || well) {
            wrong.push(format!("I16: {heard:?} counts as better than no answer"));
        }
    }
    world.faults(wrong);
}

/// I1, I17: whatever was to be told has been told, or need not be any more.
pub(super) fn owed(node: &Node) -> Vec<String> {
    let lost = node.owed.iter().take(3);
    lost.map(|(id, to)| {
        format!("I17: {} was to tell {to} of {}, step {}, and that is gone", node.name, id.job, id.step)
    })
    .collect()
}
