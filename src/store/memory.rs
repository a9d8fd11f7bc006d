//! The reference model: the same store in plain maps, and the store of simulations. It is written to be read, not to be
//! quick; where it and another implementation disagree, one of them is wrong, and mostly it is the other one.

mod ledger;
mod outbox;
mod passes;
mod retention;
mod scripts;

use super::{
    Addressed, Applied, Change, Group, Ledger, OfJobs, OfNode, OpenPass, Own, PassEnd, PassStart, Planned, Result,
    Retention, RunRecord, Scripts, Shared, Slot, StoreClock, rules,
};
use crate::decide::script::{Activity, ScriptHour, ScriptName, Wanted};
use crate::decide::{Alert, Delivery, JobState, SendResult, Sent, Tally, Waiting};
use checker_job::{JobId, Timestamp};
use ledger::Book;
use passes::Passes;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// A store that ends with its process. Clones and groups are handles on the same content.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Content>);

/// One group of it.
pub struct MemoryGroup<G> {
    content: Arc<Content>,
    group: PhantomData<G>,
}

/// What is remembered about jobs.
pub type MemoryShared = MemoryGroup<OfJobs>;

/// What is remembered about this node.
pub type MemoryOwn = MemoryGroup<OfNode>;

struct Content {
    clock: StoreClock,
    jobs: Mutex<(Book, Passes)>,
    node: Mutex<(Book, Keys)>,
}

/// Values by name, and leases with their holders and ends.
#[derive(Default)]
struct Keys {
    meta: BTreeMap<String, String>,
    leases: BTreeMap<String, (Uuid, Timestamp)>,
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

impl Memory {
    /// An empty store; leases are measured with `clock`.
    pub fn new(clock: StoreClock) -> Self {
        Self(Arc::new(Content { clock, jobs: Mutex::default(), node: Mutex::default() }))
    }

    /// What is remembered about jobs.
    pub fn shared(&self) -> MemoryShared {
        MemoryGroup::of(&self.0)
    }

    /// What is remembered about this node.
    pub fn own(&self) -> MemoryOwn {
        MemoryGroup::of(&self.0)
    }
}

impl<G> MemoryGroup<G> {
    fn of(content: &Arc<Content>) -> Self {
        Self { content: Arc::clone(content), group: PhantomData }
    }
}

impl<G> Clone for MemoryGroup<G> {
    fn clone(&self) -> Self {
        Self::of(&self.content)
    }
}

impl<G: Group> fmt::Debug for MemoryGroup<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryGroup({:?})", G::PREFIX)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<G: Group> MemoryGroup<G> {
    fn book<T>(&self, work: impl FnOnce(&mut Book) -> T) -> T {
        if G::RUNS { work(&mut lock(&self.content.jobs).0) } else { work(&mut lock(&self.content.node).0) }
    }
}

impl<G: Group> Ledger for MemoryGroup<G> {
    fn slots(&self) -> Result<HashMap<JobId, Slot>> {
        Ok(self.book(|b| b.slots()))
    }

    fn states(&self, jobs: &[JobId]) -> Result<HashMap<JobId, JobState>> {
        Ok(self.book(|b| b.states(jobs)))
    }

    fn commit(&self, changes: &[Change]) -> Result<Vec<Applied>> {
        rules::check_changes(changes)?;
        Ok(self.book(|b| changes.iter().map(|c| b.apply(c, G::RUNS)).collect()))
    }

    fn waiting(&self) -> Result<Vec<Waiting>> {
        Ok(self.book(|b| b.waiting()))
    }

    fn plan(&self, planned: &Planned) -> Result<()> {
        rules::check_plan(planned)?;
        self.book(|b| b.plan(planned));
        Ok(())
    }

    fn addressees(&self, of: &BTreeSet<(JobId, u32)>) -> Result<BTreeSet<Addressed>> {
        Ok(self.book(|b| b.addressees(of)))
    }

    fn unsent(&self) -> Result<Vec<Delivery>> {
        Ok(self.book(|b| b.unsent()))
    }

    fn mark(&self, delivery: Uuid, result: &SendResult, at: Timestamp, next_try: Timestamp) -> Result<()> {
        self.book(|b| b.mark(delivery, result, at, next_try))
    }

    fn sent(&self, since: Timestamp) -> Result<Vec<Sent>> {
        Ok(self.book(|b| b.sent(since)))
    }

    fn alerts(&self, job: Option<&JobId>, limit: usize) -> Result<Vec<Alert>> {
        Ok(self.book(|b| b.newest_alerts(job, limit)))
    }

    fn deliveries(&self, limit: usize) -> Result<Vec<Delivery>> {
        Ok(self.book(|b| b.newest_deliveries(limit)))
    }

    fn prune(&self, now: Timestamp, keep: &Retention) -> Result<u64> {
        let removed = if G::RUNS {
            let (book, passes) = &mut *lock(&self.content.jobs);
            retention::prune(book, Some(passes), now, keep)
        } else {
            retention::prune(&mut lock(&self.content.node).0, None, now, keep)
        };
        Ok(removed)
    }
}

impl MemoryShared {
    fn passes_of<T>(&self, work: impl FnOnce(&mut Passes) -> T) -> T {
        work(&mut lock(&self.content.jobs).1)
    }
}

impl Shared for MemoryShared {
    fn begin(&self, pass: &PassStart) -> Result<()> {
        rules::check_v7("pass", pass.id)?;
        self.passes_of(|p| p.begin(pass));
        Ok(())
    }

    fn open_passes(&self) -> Result<Vec<OpenPass>> {
        Ok(self.passes_of(|p| p.open()))
    }

    fn claim(&self, pass: Uuid, wanted: &[(JobId, Uuid)], dead: &[Uuid]) -> Result<BTreeSet<JobId>> {
        self.passes_of(|p| p.claim(pass, wanted, dead))
    }

    fn release(&self, pass: Uuid, jobs: &[JobId]) -> Result<()> {
        self.passes_of(|p| p.release(pass, jobs));
        Ok(())
    }

    fn end(&self, pass: Uuid, end: &PassEnd) -> Result<()> {
        self.passes_of(|p| p.end(pass, end))
    }

    fn passes(&self, limit: usize) -> Result<Vec<(PassStart, Option<PassEnd>)>> {
        Ok(self.passes_of(|p| p.newest(limit)))
    }

    fn history(&self, job: &JobId, limit: usize) -> Result<Vec<RunRecord>> {
        Ok(self.book(|b| b.history(job, limit)))
    }

    fn hours(&self, job: &JobId, since: Timestamp) -> Result<Vec<Tally>> {
        Ok(self.book(|b| b.hours(job, since)))
    }
}

impl Scripts for MemoryShared {
    fn record(&self, runs: &[RunRecord]) -> Result<()> {
        rules::check_runs(runs)?;
        self.book(|b| runs.iter().for_each(|run| b.record(run)));
        Ok(())
    }

    fn active(&self) -> Result<Vec<RunRecord>> {
        Ok(self.book(|b| b.active()))
    }

    fn activity(&self, wanted: &[Wanted]) -> Result<Vec<Activity>> {
        Ok(self.book(|b| wanted.iter().map(|w| b.activity(w)).collect()))
    }

    fn script_runs(&self, name: &str, host: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
        Ok(self.book(|b| b.script_runs(name, host, limit)))
    }

    fn scripts(&self) -> Result<Vec<ScriptName>> {
        Ok(self.book(|b| b.scripts()))
    }

    fn script_hours(&self, name: &str, since: Timestamp) -> Result<Vec<(String, ScriptHour)>> {
        Ok(self.book(|b| b.script_hours(name, since)))
    }
}

impl Own for MemoryOwn {
    fn meta(&self, key: &str) -> Result<Option<String>> {
        Ok(lock(&self.content.node).1.meta.get(key).cloned())
    }

    fn set_meta(&self, key: &str, value: Option<&str>) -> Result<()> {
        let meta = &mut lock(&self.content.node).1.meta;
        match value {
            Some(value) => meta.insert(key.to_owned(), value.to_owned()),
            None => meta.remove(key),
        };
        Ok(())
    }

    fn lease(&self, name: &str, holder: Uuid, ttl: Duration, gone: &[Uuid]) -> Result<Option<Uuid>> {
        let now = self.content.clock.now();
        let leases = &mut lock(&self.content.node).1.leases;
        match leases.get(name) {
            Some((other, until)) if *other != holder && *until > now && !gone.contains(other) => Ok(Some(*other)),
            _ => {
                leases.insert(name.to_owned(), (holder, now.plus(ttl)));
                Ok(None)
            }
        }
    }

    fn release_lease(&self, name: &str, holder: Uuid) -> Result<()> {
        let leases = &mut lock(&self.content.node).1.leases;
        if leases.get(name).is_some_and(|(other, _)| *other == holder) {
            leases.remove(name);
        }
        Ok(())
    }
}
