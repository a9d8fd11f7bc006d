//! The store in one `SQLite` file, opened by pass, daemon and commands alike.
//!
//! **Invariant:** a write is one transaction that takes the write lock at its start, so it never finds out late that
//! another process wrote; nothing waits inside it. **Invariant:** of what a pass asks of it, only `plan` waits for the disk;
//! beside that, a large WAL does on its way into the file at the end, and a refuge that is begun or merged.

mod aside;
mod db;
mod errors;
mod home;
mod ledger;
mod merge;
mod outbox;
mod own;
mod passes;
mod place;
mod places;
mod refuge;
mod repeated;
mod rescue;
mod retention;
mod runs;
mod schema;
mod scripts;
mod states;
mod values;

#[cfg(test)]
mod tests;

pub use home::{Degraded, Home};
pub(super) use place::{cannot_make, check_lock_file};
pub(crate) use place::{check_place, user_name};

use super::{
    Addressed, Applied, Change, Group, Ledger, OfJobs, OfNode, OpenPass, Own, PassEnd, PassStart, Planned, Result,
    Retention, RunRecord, Scripts, Shared, Slot, StoreClock, StoreError,
};
use crate::decide::script::{Activity, ScriptHour, ScriptName, Wanted};
use crate::decide::{Alert, Delivery, JobState, SendResult, Sent, Tally, Waiting};
use checker_job::{JobId, Timestamp};
use db::{At, Db, Durability};
use errors::{Moment, explain};
use rusqlite::OpenFlags;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// One open state file. Its two groups are [`Sqlite::shared`] and [`Sqlite::own`]; they, and their clones, share one
/// connection, so a call waits for the one before it.
#[derive(Clone, Debug)]
pub struct Sqlite(Arc<Db>);

/// One group of an open state file.
pub struct SqliteGroup<G> {
    db: Arc<Db>,
    group: PhantomData<G>,
}

/// What is remembered about jobs, in a file.
pub type SqliteShared = SqliteGroup<OfJobs>;

/// What is remembered about this node, in a file.
pub type SqliteOwn = SqliteGroup<OfNode>;

impl Sqlite {
    /// Opens the state file, and makes it (mode 0600) if it is missing. Its folder must exist. A file of an older format is
    /// brought up to date, after a copy (`checker.db.v1.bak`) was made beside it.
    ///
    /// Errors: [`StoreError::Refused`] for a missing folder, a network file system, something that is not a file,
    /// another user's file, one that others may write, another program's file; [`StoreError::SchemaNewer`],
    /// [`StoreError::Corrupt`], [`StoreError::ReadOnly`], [`StoreError::Full`], [`StoreError::Unavailable`].
    pub fn open(path: &Path, clock: StoreClock) -> Result<Self> {
        Db::open(path, clock).map(|db| Self(Arc::new(db)))
    }

    /// The same for whoever cannot wait: another process's write is waited for no longer than `patience`, and a file of an
    /// older format is left to others, because its copy may take long.
    ///
    /// # Errors
    /// As of [`Sqlite::open`].
    pub fn open_within(path: &Path, clock: StoreClock, patience: Duration) -> Result<Self> {
        Db::open_current(path, clock, patience).map(|db| Self(Arc::new(db)))
    }

    /// Opens the state file to look at it. It must exist and be of today's format; every write is
    /// [`StoreError::ReadOnly`].
    pub fn open_read_only(path: &Path, clock: StoreClock) -> Result<Self> {
        place::prepare(path, false)?;
        let db = Db::connect(path, clock, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let found = schema::version(&db.lock(), path, schema::MIGRATIONS);
        schema::refuse_older(found.map_err(|fault| explain(fault, path, Moment::Work))?, path)?;
        Ok(Self(Arc::new(db)))
    }

    /// What is remembered about jobs.
    pub fn shared(&self) -> SqliteShared {
        SqliteGroup::of(&self.0)
    }

    /// What is remembered about this node.
    pub fn own(&self) -> SqliteOwn {
        SqliteGroup::of(&self.0)
    }

    /// Moves what the WAL holds into the file, if that is much: whoever opens the file next reads all of it first. Another
    /// process at work is not waited for; then it is done another time.
    ///
    /// # Errors
    /// As of any write.
    pub fn shrink(&self) -> Result<()> {
        self.0.lock().shrink()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

impl<G> SqliteGroup<G> {
    fn of(db: &Arc<Db>) -> Self {
        Self { db: Arc::clone(db), group: PhantomData }
    }

    fn may_tell(&self) -> bool {
        self.db.home.as_ref().is_none_or(|home| home.may_tell())
    }
}

impl<G> Clone for SqliteGroup<G> {
    fn clone(&self) -> Self {
        Self::of(&self.db)
    }
}

impl<G: Group> fmt::Debug for SqliteGroup<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteGroup({:?}, {:?})", G::PREFIX, self.db)
    }
}

impl<G: Group> Ledger for SqliteGroup<G> {
    fn slots(&self) -> Result<HashMap<JobId, Slot>> {
        let mut slots = self.db.read(ledger::slots::<G>)?;
        if G::RUNS && matches!(self.db.at(), At::Nowhere { .. }) {
            slots.retain(|job, _| !crate::node::is_trouble(job));
        }
        Ok(slots)
    }

    fn states(&self, jobs: &[JobId]) -> Result<HashMap<JobId, JobState>> {
        let mut found = self.db.read(|c| ledger::states::<G>(c, jobs))?;
        if let At::Refuge { episodes } | At::Nowhere { episodes } = self.db.at() {
            // One that could not be read may have a past: its episodes must not be taken for those of that past.
            for job in jobs {
                found.entry(job.clone()).or_insert_with(|| JobState { episodes, ..JobState::default() });
            }
        }
        Ok(found)
    }

    fn commit(&self, changes: &[Change]) -> Result<Vec<Applied>> {
        super::rules::check_changes(changes)?;
        self.db.write(Durability::Kill, |tx| ledger::commit::<G>(tx, changes))
    }

    fn waiting(&self) -> Result<Vec<Waiting>> {
        if self.may_tell() { self.db.read(outbox::waiting::<G>) } else { Ok(Vec::new()) }
    }

    fn plan(&self, planned: &Planned) -> Result<()> {
        super::rules::check_plan(planned)?;
        self.db.write(Durability::PowerCut, |tx| outbox::plan::<G>(tx, planned))
    }

    fn addressees(&self, of: &BTreeSet<(JobId, u32)>) -> Result<BTreeSet<Addressed>> {
        self.db.read(|conn| outbox::addressees::<G>(conn, of))
    }

    fn unsent(&self) -> Result<Vec<Delivery>> {
        if self.may_tell() { self.db.read(outbox::unsent::<G>) } else { Ok(Vec::new()) }
    }

    fn mark(&self, delivery: Uuid, result: &SendResult, at: Timestamp, next_try: Timestamp) -> Result<()> {
        let marked = self.db.write(Durability::Kill, |tx| outbox::mark::<G>(tx, delivery, result, at, next_try));
        match marked {
            // It was sent, and the file that had it cannot be read any more: there is nothing to mark.
            Err(StoreError::Refused(why)) if self.db.at() != At::Main => {
                tracing::warn!("{why}");
                Ok(())
            }
            other => other,
        }
    }

    fn sent(&self, since: Timestamp) -> Result<Vec<Sent>> {
        self.db.read(|c| outbox::sent::<G>(c, since))
    }

    fn alerts(&self, job: Option<&JobId>, limit: usize) -> Result<Vec<Alert>> {
        self.db.read(|c| ledger::alerts::<G>(c, job, limit))
    }

    fn deliveries(&self, limit: usize) -> Result<Vec<Delivery>> {
        self.db.read(|c| outbox::deliveries::<G>(c, limit))
    }

    fn prune(&self, now: Timestamp, keep: &Retention) -> Result<u64> {
        self.db.write(Durability::Kill, |tx| retention::prune::<G>(tx, now, keep))
    }

    fn is_fleeting(&self) -> bool {
        matches!(self.db.at(), At::Nowhere { .. })
    }
}

impl Shared for SqliteShared {
    fn begin(&self, pass: &PassStart) -> Result<()> {
        super::rules::check_v7("pass", pass.id)?;
        self.db.write(Durability::Kill, |tx| passes::begin(tx, pass))?;
        self.db.home.iter().for_each(|home| home.begun(pass));
        Ok(())
    }

    fn open_passes(&self) -> Result<Vec<OpenPass>> {
        self.db.read(passes::open)
    }

    fn claim(&self, pass: Uuid, wanted: &[(JobId, Uuid)], dead: &[Uuid]) -> Result<BTreeSet<JobId>> {
        let taken = self.db.write(Durability::Kill, |tx| passes::claim(tx, pass, wanted, dead))?;
        Ok(match &self.db.home {
            Some(home) => home.claimed(pass, wanted, taken),
            None => taken,
        })
    }

    fn release(&self, pass: Uuid, jobs: &[JobId]) -> Result<()> {
        self.db.write(Durability::Kill, |tx| passes::release(tx, pass, jobs))?;
        self.db.home.iter().for_each(|home| home.released(pass, jobs));
        Ok(())
    }

    fn end(&self, pass: Uuid, end: &PassEnd) -> Result<()> {
        self.db.write(Durability::Kill, |tx| passes::end(tx, pass, end))?;
        self.db.home.iter().for_each(|home| home.ended(pass));
        Ok(())
    }

    fn passes(&self, limit: usize) -> Result<Vec<(PassStart, Option<PassEnd>)>> {
        self.db.read(|c| passes::newest(c, limit))
    }

    fn history(&self, job: &JobId, limit: usize) -> Result<Vec<RunRecord>> {
        self.db.read(|c| runs::history(c, job, limit))
    }

    fn hours(&self, job: &JobId, since: Timestamp) -> Result<Vec<Tally>> {
        self.db.read(|c| runs::hours(c, job, since))
    }
}

/// Runs of scripts are in the state's own file alone: a refuge knows none and takes none, and none of these operations moves
/// the state. So an end never comes to lie where its begin is not.
impl Scripts for SqliteShared {
    fn record(&self, runs: &[RunRecord]) -> Result<()> {
        super::rules::check_runs(runs)?;
        self.db.in_place(|conn| conn.write(Durability::Kill, |tx| scripts::record(tx, runs)))
    }

    fn record_for_good(&self, runs: &[RunRecord]) -> Result<()> {
        super::rules::check_runs(runs)?;
        self.db.in_place(|conn| conn.write(Durability::PowerCut, |tx| scripts::record(tx, runs)))
    }

    fn active(&self) -> Result<Vec<RunRecord>> {
        self.db.look_in_place(scripts::active)
    }

    fn activity(&self, wanted: &[Wanted]) -> Result<Vec<Activity>> {
        self.db.look_in_place(|c| scripts::activity(c, wanted))
    }

    fn script_runs(&self, name: &str, host: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
        self.db.look_in_place(|c| scripts::newest(c, name, host, limit))
    }

    fn scripts(&self) -> Result<Vec<ScriptName>> {
        self.db.look_in_place(scripts::names)
    }

    fn script_hours(&self, name: &str, since: Timestamp) -> Result<Vec<(String, ScriptHour)>> {
        self.db.look_in_place(|c| scripts::hours(c, name, since))
    }
}

impl Own for SqliteOwn {
    fn meta(&self, key: &str) -> Result<Option<String>> {
        self.db.read(|c| own::meta(c, key))
    }

    fn set_meta(&self, key: &str, value: Option<&str>) -> Result<()> {
        self.db.write(Durability::Kill, |tx| own::set_meta(tx, key, value))
    }

    fn lease(&self, name: &str, holder: Uuid, ttl: Duration, gone: &[Uuid]) -> Result<Option<Uuid>> {
        self.db.write(Durability::Kill, |tx| {
            // Read when the write lock is ours: the wait for it may have been long.
            own::lease(tx, self.db.clock.now(), name, holder, ttl, gone)
        })
    }

    fn release_lease(&self, name: &str, holder: Uuid) -> Result<()> {
        self.db.write(Durability::Kill, |tx| own::release_lease(tx, name, holder))
    }
}
