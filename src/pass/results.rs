//! Outcomes become committed changes: each is decided on the newest state, after the jobs that it depends on.

use super::due::Due;
use super::{Pass, Ran, Report, wording};
use crate::clock;
use crate::decide::transition::{Input, close as close_drafts, transition};
use crate::decide::{Alert, AlertId, AlertKind, JobState};
use crate::outbox::again;
use crate::runner::Finished;
use crate::store::{Applied, Change, Result, RunRecord, RunStatus, Source};
use checker_job::{JobId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Results are committed at least this often, so that a kill loses little.
const PACE: Duration = Duration::from_secs(1);
const BATCH_MAX: usize = 1_000;

/// Results on their way into the store.
pub(super) struct Results<'a> {
    due: &'a [Due],
    index: BTreeMap<&'a JobId, usize>,
    parents: Vec<Vec<JobId>>,
    states: BTreeMap<JobId, JobState>,
    waiting: Vec<Finished>,
    decided: BTreeSet<usize>,
    committed_at: Instant,
}

impl<'a> Results<'a> {
    pub(super) fn new(pass: &Pass<'_>, due: &'a [Due]) -> Result<Self> {
        let names: BTreeMap<&str, &JobId> = pass
            .setup
            .jobs
            .iter()
            .flat_map(|j| [(j.policy().name.as_str(), j.id()), (j.id().as_str(), j.id())])
            .collect();
        let parents: Vec<Vec<JobId>> = due
            .iter()
            .map(|d| d.job.policy().depends_on.iter().filter_map(|n| names.get(n.as_str())).map(|id| (*id).clone()))
            .map(Iterator::collect)
            .collect();
        let index: BTreeMap<&JobId, usize> = due.iter().enumerate().map(|(i, d)| (d.job.id(), i)).collect();
        let mut needed: BTreeSet<JobId> = index.keys().map(|id| (*id).clone()).collect();
        needed.extend(parents.iter().flatten().cloned());
        let states = pass.states(&needed.into_iter().collect::<Vec<_>>())?;
        Ok(Self {
            due,
            index,
            parents,
            states,
            waiting: Vec::new(),
            decided: BTreeSet::new(),
            committed_at: Instant::now(),
        })
    }

    pub(super) fn take(&mut self, finished: Finished) {
        for line in &finished.log {
            tracing::debug!("{}: {line}", self.due.get(finished.index).map_or("", |d| d.job.policy().name.as_str()));
        }
        self.waiting.push(finished);
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Commits what can be decided. A wave takes along also those whose dependencies still run.
    pub(super) fn commit(&mut self, pass: &Pass<'_>, wave: bool, report: &mut Report) -> Result<()> {
        let paced = self.committed_at.elapsed() >= PACE || self.waiting.len() >= BATCH_MAX;
        if self.waiting.is_empty() || !(wave || paced) {
            return Ok(());
        }
        while let Some(batch) = self.next_batch(wave) {
            self.commit_batch(pass, batch, report)?;
        }
        self.committed_at = Instant::now();
        Ok(())
    }

    /// Results whose dependencies in this pass are decided; all of them where a wave waits for nobody any more.
    fn next_batch(&mut self, wave: bool) -> Option<Vec<Finished>> {
        let ready = |f: &Finished| {
            self.parents.get(f.index).is_none_or(|parents| {
                parents.iter().all(|p| self.index.get(p).is_none_or(|i| self.decided.contains(i) || *i == f.index))
            })
        };
        let (mut batch, mut rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.waiting).into_iter().partition(ready);
        if batch.is_empty() && wave {
            batch = std::mem::take(&mut rest);
        }
        let over = batch.split_off(batch.len().min(BATCH_MAX));
        rest.extend(over);
        self.waiting = rest;
        (!batch.is_empty()).then_some(batch)
    }

    fn commit_batch(&mut self, pass: &Pass<'_>, batch: Vec<Finished>, report: &mut Report) -> Result<()> {
        let now = clock::now().wall;
        let changes: Vec<Change> = batch.iter().filter_map(|f| self.change(pass, f, now)).collect();
        let applied = again(|| pass.shared.commit(&changes))?;
        let mut done = Vec::with_capacity(batch.len());
        for ((finished, change), applied) in batch.into_iter().zip(changes).zip(applied) {
            self.decided.insert(finished.index);
            let Some(due) = self.due.get(finished.index) else { continue };
            done.push(due.job.id().clone());
            report.ran.push(Ran {
                name: due.job.policy().name.clone(),
                reason: due.reason,
                verdict: finished.outcome.verdict,
                summary: finished.outcome.summary,
                took: finished.took,
                stale: applied == Applied::Stale,
            });
            if let (Applied::Done | Applied::Already, Some(state)) = (applied, change.state) {
                self.states.insert(change.job, state);
            }
        }
        if self.decided.len() < self.due.len() {
            again(|| pass.shared.release(pass.id, &done))?;
        }
        Ok(())
    }

    fn change(&self, pass: &Pass<'_>, finished: &Finished, now: Timestamp) -> Option<Change> {
        let due = self.due.get(finished.index)?;
        let job = due.job.as_ref();
        let before = self.states.get(job.id()).cloned().unwrap_or_default();
        let held = self
            .parents
            .get(finished.index)
            .is_some_and(|ps| ps.iter().any(|p| self.states.get(p).is_some_and(JobState::is_bad)));
        let step = transition(
            &before,
            &Input {
                now,
                slot: due.slot,
                run: due.run,
                started: finished.started,
                took: finished.took,
                outcome: &finished.outcome,
                policy: job.policy(),
                recipients: &pass.setup.recipients(job.policy()),
                held,
            },
        );
        let alerts = step.drafts.into_iter().map(|d| wording::alert(job, d, &finished.outcome, now)).collect();
        Some(Change {
            job: job.id().clone(),
            expected_seq: before.seq,
            state: Some(step.state),
            run: Some(record(pass, due, finished, step.steady)),
            alerts,
            hour: step.hour,
        })
    }
}

fn record(pass: &Pass<'_>, due: &Due, finished: &Finished, steady: bool) -> RunRecord {
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
        outcome: Some(finished.outcome.clone()),
        steady,
    }
}

/// Jobs that left the settings are forgotten; where one was told as failing, that is told.
pub(super) fn close(pass: &Pass<'_>, gone: &[JobId], now: Timestamp) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let states = pass.states(gone)?;
    let changes: Vec<Change> = states
        .into_iter()
        .map(|(job, state)| Change {
            alerts: close_drafts(&state, now).into_iter().map(|d| closed(&job, &state, d, now)).collect(),
            job,
            expected_seq: state.seq,
            // The store keeps what numbers its alerts, so that none of them is ever taken for another if the job comes back.
            state: None,
            run: None,
            hour: None,
        })
        .collect();
    again(|| pass.shared.commit(&changes)).map(|_| ())
}

/// The job is gone, so its last words serve.
fn closed(job: &JobId, state: &JobState, draft: crate::decide::transition::Draft, now: Timestamp) -> Alert {
    Alert {
        id: AlertId { job: job.clone(), episode: draft.episode, step: draft.step },
        kind: AlertKind::Closed,
        verdict: draft.verdict,
        at: now,
        since: draft.since,
        failures: draft.failures,
        name: job.to_string(),
        host: None,
        cause: None,
        subject: format!("NO LONGER WATCHED: {job}: it has left the settings while it was failing"),
        body: format!("It last said: {}", state.summary),
        note: None,
        recipients: draft.recipients,
    }
}
