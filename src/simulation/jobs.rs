//! The jobs of a pass: due, run, decided, committed, told in waves.

use super::engine::{Micros, Sim, micros};
use super::invariants;
use super::node::{Job, Node, ok};
use super::outbox::At;
use super::pass::{beside, finish_wave, last_drain, trouble};
use super::world::{Moment, World, at_offset};
use crate::decide::bound::WAVE_MAX;
#[cfg(test)]
use crate::decide::planted::{self, Bug};
use crate::decide::schedule::{Called, due, slot};
use crate::decide::step::{self, Step};
use crate::decide::transition::{self, Input};
use crate::store::{Change, Ledger};
use checker_job::{JobId, Outcome, Timestamp, Verdict};
use jiff::tz::TimeZone;
use std::time::Duration;

/// Whether a job may be due: asked of the schedule once for each slot.
pub(super) fn may_be_due(job: &mut Job, now: Timestamp) -> bool {
    match job.slot {
        // It has served this slot, and the slot goes on.
        Some((start, end)) if start <= now && now < end => false,
        _ => true,
    }
}

/// Until when the slot that holds `now` goes on for sure.
fn slot_end(job: &Job, zone: &TimeZone, start: Timestamp) -> Timestamp {
    let end = start.plus(job.policy.every.period());
    let before = Timestamp::from_micros(end.micros() - 1);
    if slot(job.policy.every, zone, before) == start { end } else { start }
}

struct Run {
    job: usize,
    /// What it was when it began: the settings may be edited meanwhile.
    id: JobId,
    slot: Timestamp,
    ends: Micros,
    started: Timestamp,
    /// Its target answered when it was asked.
    up: bool,
}

/// All jobs of one pass.
pub(super) async fn run(sim: &Sim, at: At, called: Called, offset: i64, begun: Micros) {
    sim.point(at.1).await;
    left(&mut sim.w(), at.0, offset);
    sim.point(at.1).await;
    let mut runs = claim(&mut sim.w(), at, called, offset);
    sim.point(at.1).await;
    runs.sort_by_key(|r| (r.ends, r.job));
    let wave = sim.w().now + micros(WAVE_MAX);
    let slow = |w: &World, r: &Run| {
        let timeout = w.nodes.get(at.0).and_then(|n| n.setup.jobs.get(r.job)).map(|j| j.policy.timeout);
        timeout.is_some_and(|t| t > Duration::from_secs(40)) || r.ends > wave
    };
    let (late, soon): (Vec<Run>, Vec<Run>) = {
        let world = sim.w();
        runs.into_iter().partition(|r| slow(&world, r))
    };
    if let Some(last) = soon.iter().map(|r| r.ends).max() {
        wait_until(sim, last).await;
    }
    commit(sim, at, &soon, offset).await;
    finish_wave(sim, at, offset).await;
    let took = sim.w().now - begun;
    if took > micros(WAVE_MAX + Duration::from_secs(20)) {
        sim.w().fault(format!("I15: the first wave of a pass took {} s", took / 1_000_000));
    }
    if late.is_empty() {
        last_drain(sim, at).await;
        return;
    }
    if sim.w().nodes.get(at.0).is_some_and(|n| n.kept.news) {
        beside(sim, at);
    }
    for run in late {
        wait_until(sim, run.ends).await;
        commit(sim, at, &[run], offset).await;
        last_drain(sim, at).await;
    }
}

async fn wait_until(sim: &Sim, when: Micros) {
    let left = when - sim.w().now;
    sim.sleep(Duration::from_micros(u64::try_from(left).unwrap_or(0))).await;
}

/// What is due and runs nowhere else, with the time at which each run will end.
fn claim(world: &mut World, at: At, called: Called, offset: i64) -> Vec<Run> {
    let now = at_offset(world.now, offset);
    let mut wanted = Vec::new();
    let Some(node) = world.nodes.get_mut(at.0) else { return Vec::new() };
    let due_now: Vec<(usize, Timestamp)> =
        (0..node.setup.jobs.len()).filter_map(|job| Some((job, is_due(node, job, called, now)?))).collect();
    for (job, slot) in due_now {
        #[cfg(test)]
        if planted::is(Bug::RunsOverlap) {
            node.claims.remove(&job);
        }
        if node.claims.contains_key(&job) {
            continue;
        }
        node.claims.insert(job, at.1);
        wanted.push((job, slot));
    }
    let mut runs = Vec::with_capacity(wanted.len());
    for (job, slot) in wanted {
        let this = world.nodes.get(at.0).and_then(|n| n.setup.jobs.get(job)).map(|j| (j.up, j.id.clone()));
        let Some((up, id)) = this else { continue };
        let took = lasts(world, at.0, job);
        starts(world, at.0, job);
        #[cfg(test)]
        if planted::is(Bug::JobHangsForEver) && !up {
            continue;
        }
        runs.push(Run { job, id, slot, ends: world.now + micros(took), started: now, up });
    }
    if !runs.is_empty() {
        world.moment(at.0, Moment::JobBegun);
    }
    runs
}

fn is_due(node: &mut Node, at: usize, called: Called, now: Timestamp) -> Option<Timestamp> {
    let job = node.setup.jobs.get_mut(at)?;
    if !job.listed || !may_be_due(job, now) {
        return None;
    }
    let current = slot(job.policy.every, &node.setup.zone, now);
    let served = node.kept.shared.slots().unwrap_or_default().get(&job.id).and_then(|s| s.slot);
    if due(job.policy.every, served, current, now, called).is_some() {
        return Some(current);
    }
    let waits_for_line = served.is_none_or(|s| s < current);
    if !waits_for_line {
        job.slot = Some((current, slot_end(job, &node.setup.zone, current)));
    }
    None
}

fn lasts(world: &mut World, n: usize, job: usize) -> Duration {
    let job = world.nodes.get(n).and_then(|node| node.setup.jobs.get(job));
    let Some((timeout, up)) = job.map(|j| (j.policy.timeout, j.up)) else { return Duration::ZERO };
    // A target that is down refuses, or is silent until the run is ended.
    if !up && world.rng.mille(500) { timeout } else { world.take(timeout) }
}

/// A job starts.
fn starts(world: &mut World, n: usize, job: usize) {
    let now = world.now;
    let Some(node) = world.nodes.get_mut(n) else { return };
    let Some(job) = node.setup.jobs.get_mut(job) else { return };
    job.begun = Some(now);
}

/// Decides and commits these runs.
async fn commit(sim: &Sim, at: At, runs: &[Run], offset: i64) {
    if runs.is_empty() {
        return;
    }
    sim.point(at.1).await;
    #[cfg(test)]
    if planted::is(Bug::OneFailureEndsThePass) && runs.iter().any(|r| !r.up) {
        return;
    }
    let (hidden, now) = {
        let mut world = sim.w();
        let now = at_offset(world.now, offset);
        (runs.iter().filter(|r| decide(&mut world, at, r, now)).count(), now)
    };
    network(sim, at, hidden, now).await;
    sim.point(at.1).await;
}

/// Our own network: one message, and nothing of the jobs that it hides.
async fn network(sim: &Sim, at: At, hidden: usize, now: Timestamp) {
    let uplink = sim.w().nodes.get(at.0).is_some_and(|n| n.uplink);
    let outcome = match (hidden > 0, uplink) {
        (true, _) => Outcome::failed("this host is cut off"),
        (false, true) => Outcome::ok("the network works again"),
        (false, false) => return,
    };
    let two = crate::decide::trouble::Trouble { threshold: 2, ..trouble("network", Duration::from_secs(86_400)) };
    super::outbox::judge(sim, at, &two, &outcome, None, false, now).await;
}

/// One run's effect. Whether our own fault hid it.
fn decide(world: &mut World, at: At, run: &Run, now: Timestamp) -> bool {
    let id = world.id();
    let Some(node) = world.nodes.get_mut(at.0) else { return false };
    let uplink = node.uplink;
    let holder = node.claims.remove(&run.job);
    // A job that has left the settings meanwhile has no state for its result.
    if !node.setup.jobs.get(run.job).is_some_and(|job| job.listed && job.id == run.id) {
        return false;
    }
    let before = node.kept.shared.states(std::slice::from_ref(&run.id)).unwrap_or_default().remove(&run.id);
    let mut wrong: Vec<String> = invariants::loaded(node, &run.id, before.as_ref()).into_iter().collect();
    let Some(job) = node.setup.jobs.get_mut(run.job) else { return false };
    let outcome = if run.up && uplink { ok() } else { Outcome::failed("silent for its whole time") };
    let hidden = !uplink && outcome.verdict != Verdict::Ok;
    #[cfg(test)]
    let hidden = hidden && !planted::is(Bug::OwnNetworkIgnored);
    let before = before.unwrap_or_default();
    let (expected_seq, known) = (before.seq, before.clone());
    let input = Input {
        now,
        slot: run.slot,
        run: id,
        started: run.started,
        took: Duration::ZERO,
        outcome: &outcome,
        policy: &job.policy,
        recipients: &node.setup.contacts,
        held: false,
    };
    let step = if hidden { transition::hide(before, &input) } else { transition::transition(before, &input) };
    wrong.extend(invariants::counted(
        &run.id,
        &known,
        &step.state,
        if hidden { Verdict::Unknown } else { outcome.verdict },
    ));
    let alerts: Vec<_> = step.drafts.into_iter().map(|d| worded(&job.id, d, now)).collect();
    job.slot = (!hidden).then(|| (run.slot, slot_end(job, &node.setup.zone, run.slot)));
    node.kept.news |= !alerts.is_empty();
    node.kinds.extend(alerts.iter().map(|a| (a.id.clone(), a.kind)));
    let lied = alerts.iter().any(|a| a.kind.is_urgent()) && run.up;
    let change =
        Change { job: job.id.clone(), expected_seq, state: Some(step.state), run: None, alerts, hour: step.hour };
    let written = node.kept.shared.commit(std::slice::from_ref(&change));
    invariants::committed(node, false, &run.id, &change.alerts);
    world.faults(wrong);
    if lied {
        world.fault("I14: a target that is well was told as down".to_owned());
    }
    if let Err(why) = written {
        world.fault(format!("a run could not be written: {why}"));
    }
    if holder != Some(at.1) {
        world.fault("I10: a run was committed that another pass had claimed".to_owned());
    }
    hidden
}

fn worded(job: &JobId, draft: transition::Draft, now: Timestamp) -> crate::decide::Alert {
    crate::decide::Alert {
        id: crate::decide::AlertId { job: job.clone(), episode: draft.episode, step: draft.step },
        kind: draft.kind,
        verdict: draft.verdict,
        at: now,
        since: draft.since,
        failures: draft.failures,
        name: String::new(),
        host: None,
        cause: None,
        subject: String::new(),
        body: String::new(),
        note: None,
        recipients: draft.recipients,
    }
}

/// The clock has stepped: what is remembered moves along.
pub(super) fn moved(world: &mut World, n: usize, step: Step, now: Timestamp) {
    let Some(node) = world.nodes.get_mut(n) else { return };
    let mut ids: Vec<(bool, JobId)> = node.kept.open.iter().map(|id| (true, id.clone())).collect();
    for job in &mut node.setup.jobs {
        job.slot = None;
        ids.push((false, job.id.clone()));
    }
    for (own, id) in ids {
        let ledger: &dyn Ledger = if own { &node.kept.own } else { &node.kept.shared };
        move_one(ledger, &id, step, now);
        invariants::committed(node, own, &id, &[]);
    }
}

/// Jobs that have left the settings are forgotten; who was told that they fail is told.
fn left(world: &mut World, n: usize, offset: i64) {
    let now = at_offset(world.now, offset);
    let Some(node) = world.nodes.get_mut(n) else { return };
    if !std::mem::take(&mut node.edited) {
        return;
    }
    let listed = |id: &JobId| node.setup.jobs.iter().any(|job| job.listed && job.id == *id);
    let mut gone: Vec<JobId> = node.kept.shared.slots().unwrap_or_default().into_keys().collect();
    #[cfg(test)]
    let listed = |id: &JobId| !planted::is(Bug::ReloadForgets) && listed(id);
    gone.retain(|id| !listed(id));
    gone.sort();
    let mut states = node.kept.shared.states(&gone).unwrap_or_default();
    let mut changes = Vec::new();
    for (job, state) in gone.iter().filter_map(|id| states.remove_entry(id)) {
        let alerts: Vec<_> = transition::close(&state, now).into_iter().map(|d| worded(&job, d, now)).collect();
        node.kept.news |= !alerts.is_empty();
        node.kinds.extend(alerts.iter().map(|a| (a.id.clone(), a.kind)));
        changes.push(Change { job, expected_seq: state.seq, state: None, run: None, alerts, hour: None });
    }
    let written = node.kept.shared.commit(&changes);
    for change in &changes {
        #[cfg(test)]
        if planted::is(Bug::ReloadForgets) {
            continue;
        }
        invariants::committed(node, false, &change.job, &change.alerts);
    }
    #[cfg(test)]
    if planted::is(Bug::ReloadDropsMail) {
        let waiting = node.kept.shared.waiting().unwrap_or_default();
        let dropped = waiting.into_iter().map(|w| (w.alert.id, w.recipient, String::new())).collect();
        _ = node.kept.shared.plan(&crate::store::Planned { dropped, ..Default::default() });
    }
    if let Err(why) = written {
        world.fault(format!("I17: what has left the settings could not be closed: {why}"));
    }
}

fn move_one(ledger: &dyn Ledger, id: &JobId, by: Step, now: Timestamp) {
    let Some(state) = ledger.states(std::slice::from_ref(id)).unwrap_or_default().remove(id) else { return };
    let expected_seq = state.seq;
    if let Some(mut next) = step::moved(&state, by, now) {
        next.seq += 1;
        let change =
            Change { job: id.clone(), expected_seq, state: Some(next), run: None, alerts: Vec::new(), hour: None };
        _ = ledger.commit(std::slice::from_ref(&change));
    }
}
