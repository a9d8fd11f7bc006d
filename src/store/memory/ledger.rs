use super::super::{Applied, Change, RunRecord, RunStatus, Slot, rules};
use crate::decide::script::{ScriptHour, ScriptName};
use crate::decide::{Alert, AlertId, Delivery, JobState, Recipient, Tally};
use checker_job::{JobId, Timestamp};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// The ledger of one group, with runs and hours (which stay empty for the node's).
#[derive(Default)]
pub(super) struct Book {
    pub(super) states: BTreeMap<JobId, Kept>,
    pub(super) alerts: BTreeMap<AlertId, Alert>,
    pub(super) addressees: BTreeMap<(AlertId, Recipient), Progress>,
    pub(super) deliveries: BTreeMap<Uuid, Posted>,
    pub(super) runs: BTreeMap<Uuid, KeptRun>,
    pub(super) hours: BTreeMap<(JobId, Timestamp), Tally>,
    pub(super) script_hours: BTreeMap<(ScriptName, Timestamp), ScriptHour>,
}

/// A state; of a forgotten job only the counters are left in it.
pub(super) struct Kept {
    pub(super) state: JobState,
    pub(super) forgotten: bool,
}

/// A run, and whether it led to a state or came too late.
pub(super) struct KeptRun {
    pub(super) record: RunRecord,
    pub(super) applied: bool,
}

/// How far an alert has come with one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Waiting,
    Withheld,
    Planned(Uuid),
    /// By the delivery of this creation and Message-ID.
    Told(Timestamp, String),
    Refused(Uuid),
    Dropped,
}

impl Progress {
    /// Whether somebody is still to be told.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Waiting | Self::Withheld | Self::Planned(_))
    }
}

/// A delivery, and the newest try that did not end in acceptance.
pub(super) struct Posted {
    pub(super) delivery: Delivery,
    pub(super) tried_at: Option<Timestamp>,
}

impl Book {
    pub(super) fn slots(&self) -> HashMap<JobId, Slot> {
        let known = self.states.iter().filter(|(_, kept)| !kept.forgotten);
        known
            .map(|(job, kept)| {
                let slot = Slot {
                    seq: kept.state.seq,
                    slot: kept.state.slot,
                    open: rules::oldest_open(&kept.state).is_some(),
                };
                (job.clone(), slot)
            })
            .collect()
    }

    pub(super) fn states(&self, jobs: &[JobId]) -> HashMap<JobId, JobState> {
        let found = jobs.iter().filter_map(|job| {
            let kept = self.states.get(job)?;
            Some((job.clone(), kept.state.clone()))
        });
        found.collect()
    }

    pub(super) fn apply(&mut self, change: &Change, runs: bool) -> Applied {
        let run = change.run.as_ref().filter(|_| runs);
        let seq = self.states.get(&change.job).map_or(0, |k| k.state.seq);
        let fresh = seq == change.expected_seq;
        if !fresh && self.is_repeat(change, run) {
            return Applied::Already;
        }
        if let Some(record) = run {
            match self.runs.get(&record.id) {
                Some(before) if before.record.status == RunStatus::Done => {
                    return if before.applied { Applied::Already } else { Applied::Stale };
                }
                _ => {
                    let kept = KeptRun { record: record.clone(), applied: fresh };
                    self.runs.insert(record.id, kept);
                }
            }
        }
        if !fresh {
            return Applied::Stale;
        }
        match &change.state {
            Some(state) => {
                let kept = Kept { state: state.clone(), forgotten: false };
                self.states.insert(change.job.clone(), kept);
            }
            None => self.forget(&change.job),
        }
        for alert in &change.alerts {
            self.add_alert(alert);
        }
        if let Some(hour) = change.hour.as_ref().filter(|_| runs) {
            self.add_hour(&change.job, hour);
        }
        Applied::Done
    }

    fn is_repeat(&self, change: &Change, run: Option<&RunRecord>) -> bool {
        let kept = self.states.get(&change.job);
        let next = kept.is_some_and(|k| k.state.seq == change.expected_seq + 1);
        match (&change.state, kept, run) {
            (None, None, None) => true,
            (None, Some(kept), None) => next && kept.forgotten,
            (None, _, Some(_)) | (Some(_), None, _) => false,
            (Some(_), Some(kept), Some(run)) => next && kept.state.run == Some(run.id),
            (Some(state), Some(kept), None) => next && kept.state == *state,
        }
    }

    fn forget(&mut self, job: &JobId) {
        if let Some(kept) = self.states.remove(job)
            && kept.state.episodes > 0
        {
            let state = rules::counters(kept.state.seq + 1, kept.state.episodes);
            let kept = Kept { state, forgotten: true };
            self.states.insert(job.clone(), kept);
        }
    }

    fn add_alert(&mut self, alert: &Alert) {
        if self.alerts.contains_key(&alert.id) {
            return;
        }
        self.alerts.insert(alert.id.clone(), alert.clone());
        for recipient in &alert.recipients {
            let key = (alert.id.clone(), recipient.clone());
            self.addressees.entry(key).or_insert(Progress::Waiting);
        }
    }

    fn add_hour(&mut self, job: &JobId, hour: &Tally) {
        let key = (job.clone(), hour.hour);
        let there = self.hours.entry(key).or_insert_with(|| Tally { hour: hour.hour, ..Tally::default() });
        there.ok += hour.ok;
        there.warning += hour.warning;
        there.failed += hour.failed;
        there.unknown += hour.unknown;
        there.micros_sum += hour.micros_sum;
        there.micros_max = there.micros_max.max(hour.micros_max);
    }

    pub(super) fn history(&self, job: &JobId, limit: usize) -> Vec<RunRecord> {
        let all = self.runs.values().rev().map(|kept| &kept.record);
        all.filter(|r| r.job == *job).take(limit).cloned().collect()
    }

    pub(super) fn newest_alerts(&self, job: Option<&JobId>, limit: usize) -> Vec<Alert> {
        let mut found: Vec<&Alert> = self.alerts.values().filter(|a| job.is_none_or(|job| a.id.job == *job)).collect();
        found.sort_by_key(|a| std::cmp::Reverse((a.at, &a.id)));
        found.into_iter().take(limit).cloned().collect()
    }

    pub(super) fn hours(&self, job: &JobId, since: Timestamp) -> Vec<Tally> {
        let all = self.hours.iter();
        all.filter(|((of, start), _)| of == job && *start >= since).map(|(_, tally)| tally.clone()).collect()
    }
}
