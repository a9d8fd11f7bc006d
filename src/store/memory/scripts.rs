//! Runs of scripts, by name and host.

use super::super::{RunRecord, RunStatus, Source};
use super::ledger::{Book, KeptRun};
use crate::decide::script::{Activity, Measured, ScriptHour, ScriptName, Wanted, share, stage};
use checker_job::{Timestamp, Verdict};
use std::collections::BTreeSet;
use std::time::Duration;

impl Book {
    pub(super) fn record(&mut self, run: &RunRecord) {
        let far = |run: &RunRecord| stage(run.status, run.ended.is_some());
        if self.runs.get(&run.id).is_some_and(|before| far(&before.record) >= far(run)) {
            return;
        }
        self.runs.insert(run.id, KeptRun { record: run.clone(), applied: false });
        let Some(share) = share(run) else { return };
        let key = (ScriptName { name: run.job.to_string(), host: run.host.clone() }, share.hour);
        let there = self.script_hours.entry(key).or_insert(ScriptHour { hour: share.hour, ..ScriptHour::default() });
        there.ok.join(share.ok);
        there.failed += share.failed;
    }

    /// Oldest first.
    fn of_scripts(&self) -> impl DoubleEndedIterator<Item = &RunRecord> {
        self.runs.values().map(|kept| &kept.record).filter(|run| run.source != Source::Cron)
    }

    pub(super) fn active(&self) -> Vec<RunRecord> {
        self.of_scripts().filter(|run| run.status != RunStatus::Done).cloned().collect()
    }

    pub(super) fn activity(&self, wanted: &Wanted) -> Activity {
        let is_its = |run: &&RunRecord| {
            run.job.as_str() == wanted.name && wanted.host.as_ref().is_none_or(|host| *host == run.host)
        };
        let its: Vec<&RunRecord> = self.of_scripts().filter(is_its).collect();
        let ended: Vec<&RunRecord> =
            its.iter().copied().filter(|run| run.is_success() && run.ended <= Some(wanted.until)).collect();
        let success = ended.iter().copied().max_by_key(|run| (run.ended, run.id));
        // Of those that started at once, the one that ended last.
        let started = ended.iter().copied().max_by_key(|run| (run.started, run.ended, run.id));
        let of_window = |run: &&&RunRecord| wanted.since.is_some() && run.ended >= wanted.since;
        let judged = |r: &RunRecord| r.outcome.as_ref().is_some_and(|o| o.verdict != Verdict::Unknown);
        let over = its.iter().rev().filter(|r| judged(r) && r.started <= Some(wanted.until));
        let active = its.iter().filter(|run| wanted.newest > 0 && run.status != RunStatus::Done);
        Activity {
            success: success.cloned(),
            started: started.filter(|run| success.is_some_and(|s| s.id != run.id)).cloned(),
            active: active.map(|run| (*run).clone()).collect(),
            newest: over.take(wanted.newest).map(|run| (*run).clone()).collect(),
            window: ended.iter().filter(of_window).fold(Measured::default(), |mut sum, run| {
                sum.add(run.ended.unwrap_or_default().since(run.started.unwrap_or_default()));
                sum
            }),
            before: self.before(wanted),
        }
    }

    fn before(&self, wanted: &Wanted) -> Measured {
        let (Some(from), Some(until)) = (wanted.before, wanted.since) else { return Measured::default() };
        let mut sum = Measured::default();
        for ((script, start), hour) in &self.script_hours {
            let its = script.name == wanted.name && wanted.host.as_ref().is_none_or(|host| *host == script.host);
            if its && *start >= from && start.plus(Duration::from_secs(3_600)) <= until {
                sum.join(hour.ok);
            }
        }
        sum
    }

    pub(super) fn script_runs(&self, name: &str, host: Option<&str>, limit: usize) -> Vec<RunRecord> {
        let its = |run: &&RunRecord| run.job.as_str() == name && host.is_none_or(|host| host == run.host);
        self.of_scripts().rev().filter(its).take(limit).cloned().collect()
    }

    pub(super) fn scripts(&self) -> Vec<ScriptName> {
        let runs = self.of_scripts().filter(|run| run.is_success() || run.status != RunStatus::Done);
        let runs = runs.map(|run| ScriptName { name: run.job.to_string(), host: run.host.clone() });
        let all: BTreeSet<ScriptName> =
            runs.chain(self.script_hours.keys().map(|(script, _)| script.clone())).collect();
        all.into_iter().collect()
    }

    pub(super) fn script_hours(&self, name: &str, since: Timestamp) -> Vec<(String, ScriptHour)> {
        let all = self.script_hours.iter().filter(|((script, start), _)| script.name == name && *start >= since);
        let mut found: Vec<_> = all.map(|((script, _), hour)| (script.host.clone(), *hour)).collect();
        found.sort_by(|a, b| (a.1.hour, &a.0).cmp(&(b.1.hour, &b.0)));
        found
    }
}
