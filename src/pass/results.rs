//! Outcomes become committed changes: each is decided on the newest state, after the jobs that it depends on.

mod arrive;

use super::doubt::Doubt;
use super::due::Due;
use super::wording::{self, Words};
use super::{Pass, Ran, Report, States};
use crate::decide::confirm::Seen;
use crate::decide::transition::{Draft, Input, close as close_drafts, hide, transition};
use crate::decide::window::Glance;
use crate::decide::{Alert, AlertId, AlertKind, JobState, Recipient};
use crate::outbox::again;
use crate::runner::Finished;
use crate::store::{Applied, Change, Result, RunRecord, RunStatus, Source};
use checker_job::{JobId, Metric, Policy, Timestamp, Verdict, duration_words};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Results are committed at least this often, so that a kill loses little.
const PACE: Duration = Duration::from_secs(1);
const BATCH_MAX: usize = 1_000;

/// Results on their way into the store.
pub(super) struct Results<'a> {
    due: &'a [Due],
    index: BTreeMap<&'a JobId, usize>,
    parents: Vec<Vec<JobId>>,
    /// Which windows are open.
    windows: Glance,
    /// States as they were when the jobs were claimed, of those that are not decided.
    states: States,
    /// How the jobs do that others depend on.
    heads: BTreeMap<JobId, JobState>,
    waiting: Vec<Finished>,
    /// Outcomes that may be our own fault.
    doubt: Doubt,
    decided: BTreeSet<usize>,
    /// What is left of outcomes that are committed.
    spent: Vec<Vec<Metric>>,
    /// Whose own words are not asked for.
    suspects: BTreeSet<usize>,
    /// Those of whom peers are being asked.
    asked: BTreeSet<usize>,
    /// What peers say of targets.
    seen: BTreeMap<usize, Seen>,
    committed_at: Instant,
    /// Jobs that are done and still claimed.
    done: Vec<JobId>,
    released_at: Instant,
}

impl<'a> Results<'a> {
    /// `states` are those of the jobs that are due.
    pub(super) fn new(
        pass: &Pass<'_>,
        due: &'a [Due],
        states: States,
        doubt: Doubt,
        suspects: BTreeSet<usize>,
    ) -> Result<Self> {
        let (index, parents) = dependencies(pass, due);
        let heads: BTreeSet<&JobId> = parents.iter().flatten().collect();
        let heads: Vec<JobId> = heads.into_iter().cloned().collect();
        let mut found = if heads.is_empty() { States::new() } else { pass.states(&heads)? };
        let heads = heads.into_iter().map(|job| (job.clone(), found.remove(&job).unwrap_or_default())).collect();
        Ok(Self {
            due,
            index,
            parents,
            windows: pass.setup.windows.glance(pass.clock.begun().wall),
            states,
            heads,
            waiting: Vec::new(),
            doubt,
            decided: BTreeSet::new(),
            spent: Vec::new(),
            suspects,
            asked: BTreeSet::new(),
            seen: BTreeMap::new(),
            committed_at: Instant::now(),
            done: Vec::new(),
            released_at: Instant::now(),
        })
    }

    fn take(&mut self, finished: Finished) {
        for line in &finished.log {
            tracing::debug!("{}: {line}", self.due.get(finished.index).map_or("", |d| d.job.policy().name.as_str()));
        }
        if Doubt::about(&finished.outcome) {
            self.doubt.put(finished);
        } else {
            self.waiting.push(finished);
        }
    }

    /// What is left of outcomes that were committed since this was asked last.
    pub(super) fn spent(&mut self) -> Vec<Vec<Metric>> {
        std::mem::take(&mut self.spent)
    }

    /// Results that are not committed. Doubtful ones wait for the next wave and are no reason to stop receiving.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Commits what can be decided: now with `flush`, else at its pace. `alone` takes along also those whose dependencies
    /// still run.
    pub(super) fn commit(&mut self, pass: &Pass<'_>, flush: bool, alone: bool, report: &mut Report) -> Result<()> {
        if flush {
            let states = &self.states;
            let failing = |due: &Due| states.get(due.job.id()).is_some_and(JobState::is_failing);
            self.waiting.extend(self.doubt.release(pass, self.due, failing));
        }
        let paced = self.committed_at.elapsed() >= PACE || self.waiting.len() >= BATCH_MAX;
        if !self.waiting.is_empty() && (flush || paced) {
            self.commit_waiting(pass, alone, report)?;
        }
        if flush {
            let judged = self.judged();
            self.doubt.settle(pass, &judged);
        }
        Ok(())
    }

    /// Jobs whose outcome in this pass counts.
    fn judged(&self) -> BTreeSet<&'a JobId> {
        let decided = if self.doubt.is_open() { Some(&self.decided) } else { None };
        let counts = decided.into_iter().flatten().filter(|i| !self.doubt.is_hidden(**i));
        counts.filter_map(|i| self.due.get(*i)).map(|d| d.job.id()).collect()
    }

    fn commit_waiting(&mut self, pass: &Pass<'_>, alone: bool, report: &mut Report) -> Result<()> {
        while let Some(batch) = self.next_batch(alone) {
            self.commit_batch(pass, batch, report)?;
        }
        self.committed_at = Instant::now();
        Ok(())
    }

    /// Results whose dependencies in this pass are decided; all of them with `alone`.
    fn next_batch(&mut self, alone: bool) -> Option<Vec<Finished>> {
        let waiting = std::mem::take(&mut self.waiting);
        let ready = |f: &Finished| self.waits_for(f.index).next().is_none();
        let (mut batch, mut rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(ready);
        if batch.is_empty() && alone {
            // What waits for peers comes soon.
            let soon = |f: &Finished| self.waits_for(f.index).any(|parent| self.asked.contains(&parent));
            (rest, batch) = rest.into_iter().partition(soon);
        }
        let over = batch.split_off(batch.len().min(BATCH_MAX));
        rest.extend(over);
        self.waiting = rest;
        (!batch.is_empty()).then_some(batch)
    }

    /// Jobs of this pass that this one depends on and that are not decided.
    fn waits_for(&self, index: usize) -> impl Iterator<Item = usize> {
        let parents = self.parents.get(index).into_iter().flatten().filter_map(|p| self.index.get(p).copied());
        parents.filter(move |parent| *parent != index && !self.decided.contains(parent))
    }

    fn commit_batch(&mut self, pass: &Pass<'_>, batch: Vec<Finished>, report: &mut Report) -> Result<()> {
        let now = pass.clock.now();
        let due = self.due;
        let known = |f: Finished| Some((due.get(f.index)?, f));
        let batch: Vec<(&Due, Finished)> = batch.into_iter().filter_map(known).collect();
        let (mut runs, mut changes) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for (due, finished) in batch {
            let before = self.states.remove(due.job.id()).unwrap_or_default();
            let Finished { index, started, took, .. } = finished;
            runs.push(Run { due, index, started, took, before: before.run });
            changes.push(self.change(pass, due, finished, before, due.run, now));
        }
        let applied = again(|| pass.shared.commit(&changes))?;
        for ((run, mut change), mut applied) in runs.into_iter().zip(changes).zip(applied) {
            if applied == Applied::Stale {
                applied = self.decide_anew(pass, &run, &mut change, now)?;
            }
            self.decided.insert(run.index);
            self.done.push(run.due.job.id().clone());
            if let Some(outcome) = change.run.take().and_then(|r| r.outcome) {
                report.ran.push(ran(&run, applied, outcome.verdict, outcome.summary));
                self.spent.push(outcome.metrics);
            }
            if let (Applied::Done | Applied::Already, Some(state)) = (applied, change.state)
                && let Some(head) = self.heads.get_mut(&change.job)
            {
                *head = state;
            }
        }
        Ok(())
    }

    /// Gives back the claims of jobs that are done. Each time all that the pass holds is written anew, so where that is much
    /// it is done at its pace. The end of the pass does it by itself.
    pub(super) fn release(&mut self, pass: &Pass<'_>) -> Result<()> {
        let few = self.due.len() <= BATCH_MAX;
        let early = !few && self.released_at.elapsed() < PACE;
        if self.done.is_empty() || early || self.decided.len() == self.due.len() {
            return Ok(());
        }
        let done = std::mem::take(&mut self.done);
        again(|| pass.shared.release(pass.id, &done))?;
        self.released_at = Instant::now();
        Ok(())
    }

    /// The state has moved on since it was read. If no newer run did that but a person (an acknowledgement, a silence), the
    /// result still counts: it is decided on what is there now.
    fn decide_anew(&mut self, pass: &Pass<'_>, run: &Run<'_>, change: &mut Change, now: Timestamp) -> Result<Applied> {
        let job = run.due.job.id();
        for _ in 0..10 {
            let fresh = pass.states(std::slice::from_ref(job))?.remove(job).unwrap_or_default();
            let Some(outcome) = change.run.as_ref().and_then(|r| r.outcome.clone()) else {
                break;
            };
            if fresh.run != run.before {
                break;
            }
            let Run { due, index, started, took, .. } = *run;
            let finished = Finished { index, outcome, started, took, log: Vec::new() };
            // The store knows the first id as one that came too late.
            *change = self.change(pass, due, finished, fresh, Uuid::now_v7(), now);
            let applied = again(|| pass.shared.commit(std::slice::from_ref(change)))?;
            if let Some(&applied) = applied.first().filter(|a| **a != Applied::Stale) {
                return Ok(applied);
            }
        }
        Ok(Applied::Stale)
    }

    /// Whether nothing new is told of it: because of what it depends on, and because that was planned.
    fn held(&self, pass: &Pass<'_>, due: &Due, finished: &Finished) -> (bool, bool) {
        let mut parents = self.parents.get(finished.index).into_iter().flatten();
        let held = parents.any(|p| self.heads.get(p).is_some_and(JobState::is_bad));
        (held, pass.setup.windows.hold(due.job.id(), finished.started, &self.windows))
    }

    /// What a run changes, `before` being the state as it is now.
    fn change(
        &self,
        pass: &Pass<'_>,
        due: &Due,
        finished: Finished,
        before: JobState,
        run: Uuid,
        now: Timestamp,
    ) -> Change {
        let job = due.job.as_ref();
        // Who was asked about waited, and fails since it was seen to fail.
        let ended = finished.started.plus(finished.took);
        let now = if self.seen.contains_key(&finished.index) { now.min(ended) } else { now };
        let (policy, (held, planned)) = (policy(pass, due), self.held(pass, due, &finished));
        let is_hidden = self.doubt.is_hidden(finished.index);
        let decide = if is_hidden { hide } else { transition };
        let expected_seq = before.seq;
        let recipients = pass.setup.recipients(job.policy());
        let mut step = decide(before, &input(due, &finished, run, now, &policy, &recipients, held || planned));
        if let Some(expected) = due.job.expected() {
            step.state.watched = Some(Box::new(expected.watched(&step.state, finished.started)));
        }
        if !is_hidden {
            step.state.planned = planned && (step.state.failure.is_some() || step.state.blind.is_some());
        }
        let words = if self.suspects.contains(&finished.index) { Words::Standard } else { Words::Own };
        let seen = self.seen.get(&finished.index);
        let word = |draft| wording::alert(&due.job, draft, &finished.outcome, seen, now, words);
        let alerts = step.drafts.into_iter().map(word).collect();
        let record = RunRecord { id: run, ..record(pass, due, finished, step.steady) };
        Change {
            job: job.id().clone(),
            expected_seq,
            state: Some(step.state),
            run: Some(record),
            alerts,
            hour: step.hour,
        }
    }
}

/// The rules of a job in this pass.
fn policy<'d>(pass: &Pass<'_>, due: &'d Due) -> Cow<'d, Policy> {
    let mut policy = Cow::Borrowed(due.job.policy());
    if pass.shared.is_fleeting() {
        // Nobody counts from pass to pass.
        policy.to_mut().failure_threshold = 1;
    }
    policy
}

/// What a transition is decided on.
fn input<'a>(
    due: &Due,
    finished: &'a Finished,
    run: Uuid,
    now: Timestamp,
    policy: &'a Policy,
    recipients: &'a [Recipient],
    held: bool,
) -> Input<'a> {
    let Finished { outcome, started, took, .. } = finished;
    Input { now, slot: due.slot, run, started: *started, took: *took, outcome, policy, recipients, held }
}

/// A run whose outcome is on its way into the store.
struct Run<'a> {
    due: &'a Due,
    index: usize,
    started: Timestamp,
    took: Duration,
    /// The run that the state was of when this one was claimed.
    before: Option<Uuid>,
}

/// A run for people who watch.
fn ran(run: &Run<'_>, applied: Applied, verdict: Verdict, summary: String) -> Ran {
    let name = &run.due.job.policy().name;
    tracing::debug!("{name}: {}: {summary} [{}]", verdict.word(), duration_words(run.took));
    let (reason, took, stale) = (run.due.reason, run.took, applied == Applied::Stale);
    Ran { name: name.clone(), reason, verdict, summary, took, stale }
}

type Dependencies<'a> = (BTreeMap<&'a JobId, usize>, Vec<Vec<JobId>>);

/// Where each job of this pass stands, and what each depends on. Empty where nothing depends on anything, as is usual.
fn dependencies<'a>(pass: &Pass<'_>, due: &'a [Due]) -> Dependencies<'a> {
    if due.iter().all(|d| d.job.policy().depends_on.is_empty()) {
        return Dependencies::default();
    }
    let names: BTreeMap<&str, &JobId> =
        pass.setup.jobs.iter().flat_map(|j| [(j.policy().name.as_str(), j.id()), (j.id().as_str(), j.id())]).collect();
    let parents = due
        .iter()
        .map(|d| d.job.policy().depends_on.iter().filter_map(|n| names.get(n.as_str())).map(|id| (*id).clone()))
        .map(Iterator::collect)
        .collect();
    (due.iter().enumerate().map(|(i, d)| (d.job.id(), i)).collect(), parents)
}

fn record(pass: &Pass<'_>, due: &Due, finished: Finished, steady: bool) -> RunRecord {
    RunRecord {
        id: due.run,
        job: due.job.id().clone(),
        status: RunStatus::Done,
        queue: String::new(),
        priority: 0,
        not_before: None,
        attempt: 1,
        source: Source::Cron,
        asked_by: None,
        args: None,
        node: pass.setup.node,
        host: pass.setup.host.clone(),
        pass: Some(pass.id),
        started: Some(finished.started),
        ended: Some(finished.started.plus(finished.took)),
        outcome: Some(finished.outcome),
        steady,
    }
}

/// Jobs that left the settings are forgotten; where one was told as failing, that is told.
pub(super) fn close(pass: &Pass<'_>, gone: &[JobId], now: Timestamp) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let mut changes = Vec::with_capacity(gone.len());
    let mut states = pass.states(gone)?;
    for (job, state) in gone.iter().filter_map(|job| states.remove_entry(job)) {
        let mut alerts = Vec::new();
        for draft in close_drafts(&state, now) {
            // Only what was told before still says how the job was called.
            let last = pass.shared.alerts(Some(&job), 1)?.pop();
            alerts.push(closed(&job, &state, draft, last, now));
        }
        // The store keeps what numbers its alerts, so that none of them is ever taken for another if the job comes back.
        changes.push(Change { job, expected_seq: state.seq, state: None, run: None, alerts, hour: None });
    }
    again(|| pass.shared.commit(&changes)).map(|_| ())
}

/// The job is gone, so its last words serve.
fn closed(job: &JobId, state: &JobState, draft: Draft, last: Option<Alert>, now: Timestamp) -> Alert {
    let (name, host) = last.map_or_else(|| (job.to_string(), None), |a| (a.name, a.host));
    Alert {
        id: AlertId { job: job.clone(), episode: draft.episode, step: draft.step },
        kind: AlertKind::Closed,
        verdict: draft.verdict,
        at: now,
        since: draft.since,
        failures: draft.failures,
        subject: format!("NO LONGER WATCHED: {name}: it has left the settings while it was failing"),
        name,
        host,
        cause: None,
        body: format!("It last said: {}", state.summary),
        note: None,
        recipients: draft.recipients,
    }
}
