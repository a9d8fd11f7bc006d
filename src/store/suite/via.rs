use super::super::{
    Addressed, Applied, Change, Ledger, OpenPass, Own, PassEnd, PassStart, Planned, Result, Retention, RunRecord,
    Scripts, Shared, Slot, StoreError,
};
use crate::decide::script::{Activity, ScriptHour, ScriptName, Wanted};
use crate::decide::{Alert, Delivery, JobState, SendResult, Sent, Tally, Waiting};
use checker_job::{JobId, Timestamp};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::time::Duration;
use uuid::Uuid;

/// What stands between a case and its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Each call takes the next connection.
    Turns,
    /// Each write is sent a second time (by the next connection), and that must answer the same.
    Twice,
    /// Each write is done, and answered with "perhaps"; sent again, it is answered.
    Flaky,
}

pub(super) struct Via<S> {
    stores: Vec<S>,
    how: How,
    turn: Cell<usize>,
    in_doubt: Cell<bool>,
}

impl<S> Via<S> {
    pub(super) fn new(stores: Vec<S>, how: How) -> Self {
        Self { stores, how, turn: Cell::new(0), in_doubt: Cell::new(false) }
    }

    fn next(&self) -> &S {
        let turn = self.turn.get();
        self.turn.set(turn + 1);
        &self.stores[turn % self.stores.len()]
    }

    fn write<T: Debug + PartialEq>(&self, work: impl Fn(&S) -> Result<T>) -> Result<T> {
        self.write_like(work, |first, second| first == second)
    }

    fn write_like<T: Debug>(&self, work: impl Fn(&S) -> Result<T>, alike: impl Fn(&T, &T) -> bool) -> Result<T> {
        match self.how {
            How::Turns => work(self.next()),
            How::Twice => {
                let first = work(self.next());
                let second = work(self.next());
                let same = match (&first, &second) {
                    (Ok(a), Ok(b)) => alike(a, b),
                    (Err(a), Err(b)) => a == b,
                    _ => false,
                };
                assert!(same, "{first:?}, and sent again {second:?}");
                first
            }
            How::Flaky => {
                let answer = work(self.next());
                if self.in_doubt.replace(!self.in_doubt.get()) {
                    return answer;
                }
                answer?;
                Err(StoreError::OutcomeUnknown("the line is dead".to_owned()))
            }
        }
    }
}

impl<S: Ledger> Ledger for Via<S> {
    fn slots(&self) -> Result<HashMap<JobId, Slot>> {
        self.next().slots()
    }
    fn states(&self, jobs: &[JobId]) -> Result<HashMap<JobId, JobState>> {
        self.next().states(jobs)
    }
    fn commit(&self, changes: &[Change]) -> Result<Vec<Applied>> {
        let again = |first: &Applied| match first {
            Applied::Done => Applied::Already,
            other => *other,
        };
        self.write_like(|s| s.commit(changes), |first, second| first.iter().map(again).eq(second.iter().copied()))
    }
    fn waiting(&self) -> Result<Vec<Waiting>> {
        self.next().waiting()
    }
    fn plan(&self, planned: &Planned) -> Result<()> {
        self.write(|s| s.plan(planned))
    }
    fn addressees(&self, of: &BTreeSet<(JobId, u32)>) -> Result<BTreeSet<Addressed>> {
        self.next().addressees(of)
    }
    fn unsent(&self) -> Result<Vec<Delivery>> {
        self.next().unsent()
    }
    fn mark(&self, delivery: Uuid, result: &SendResult, at: Timestamp, next_try: Timestamp) -> Result<()> {
        self.write(|s| s.mark(delivery, result, at, next_try))
    }
    fn sent(&self, since: Timestamp) -> Result<Vec<Sent>> {
        self.next().sent(since)
    }
    fn alerts(&self, job: Option<&JobId>, limit: usize) -> Result<Vec<Alert>> {
        self.next().alerts(job, limit)
    }
    fn deliveries(&self, limit: usize) -> Result<Vec<Delivery>> {
        self.next().deliveries(limit)
    }
    /// A batch is a step, not a state: sent twice, it is two steps.
    fn prune(&self, now: Timestamp, keep: &Retention) -> Result<u64> {
        self.next().prune(now, keep)
    }
}

impl<S: Shared> Shared for Via<S> {
    fn begin(&self, pass: &PassStart) -> Result<()> {
        self.write(|s| s.begin(pass))
    }
    fn open_passes(&self) -> Result<Vec<OpenPass>> {
        self.next().open_passes()
    }
    fn claim(&self, pass: Uuid, wanted: &[(JobId, Uuid)], dead: &[Uuid]) -> Result<BTreeSet<JobId>> {
        self.write(|s| s.claim(pass, wanted, dead))
    }
    fn release(&self, pass: Uuid, jobs: &[JobId]) -> Result<()> {
        self.write(|s| s.release(pass, jobs))
    }
    fn end(&self, pass: Uuid, end: &PassEnd) -> Result<()> {
        self.write(|s| s.end(pass, end))
    }
    fn passes(&self, limit: usize) -> Result<Vec<(PassStart, Option<PassEnd>)>> {
        self.next().passes(limit)
    }
    fn history(&self, job: &JobId, limit: usize) -> Result<Vec<RunRecord>> {
        self.next().history(job, limit)
    }
    fn hours(&self, job: &JobId, since: Timestamp) -> Result<Vec<Tally>> {
        self.next().hours(job, since)
    }
}

impl<S: Scripts> Scripts for Via<S> {
    fn record(&self, runs: &[RunRecord]) -> Result<()> {
        self.write(|s| s.record(runs))
    }
    fn active(&self) -> Result<Vec<RunRecord>> {
        self.next().active()
    }
    fn activity(&self, wanted: &[Wanted]) -> Result<Vec<Activity>> {
        self.next().activity(wanted)
    }
    fn script_runs(&self, name: &str, host: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
        self.next().script_runs(name, host, limit)
    }
    fn scripts(&self) -> Result<Vec<ScriptName>> {
        self.next().scripts()
    }
    fn script_hours(&self, name: &str, since: Timestamp) -> Result<Vec<(String, ScriptHour)>> {
        self.next().script_hours(name, since)
    }
}

impl<S: Own> Own for Via<S> {
    fn meta(&self, key: &str) -> Result<Option<String>> {
        self.next().meta(key)
    }
    fn set_meta(&self, key: &str, value: Option<&str>) -> Result<()> {
        self.write(|s| s.set_meta(key, value))
    }
    fn lease(&self, name: &str, holder: Uuid, ttl: Duration, gone: &[Uuid]) -> Result<Option<Uuid>> {
        self.write(|s| s.lease(name, holder, ttl, gone))
    }
    fn release_lease(&self, name: &str, holder: Uuid) -> Result<()> {
        self.write(|s| s.release_lease(name, holder))
    }
}
