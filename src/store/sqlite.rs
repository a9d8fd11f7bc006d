//! The store in one `SQLite` file, opened by pass, daemon and commands alike.
//!
//! **Invariant:** a write is one transaction that takes the write lock at its start, so it never finds out late that
//! another process wrote; nothing waits inside it. **Invariant:** only `plan` waits for the disk.

mod errors;
mod ledger;
mod outbox;
mod own;
mod passes;
mod place;
mod retention;
mod runs;
mod schema;
mod values;

#[cfg(test)]
mod tests;

pub(super) use place::{cannot_make, check_lock_file};

use super::{
    Applied, Change, Group, Ledger, OfJobs, OfNode, OpenPass, Own, PassEnd, PassStart, Planned, Result, Retention,
    RunRecord, Shared, Slot, StoreClock, StoreError,
};
use crate::decide::{Alert, Delivery, JobState, SendResult, Sent, Tally, Waiting};
use checker_job::{JobId, Timestamp};
use errors::{Fault, Moment, Step, explain};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How long another process's write is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The WAL goes into the file when it has this many pages (of 4 KiB), and not at each close.
const WAL_PAGES: u32 = 4_000;

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
        place::prepare(path, true)?;
        Self::connect(path, clock, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|db| {
            let told = |e: rusqlite::Error| explain(e.into(), path, Moment::Work);
            // Before anything is written: a foreign file must stay as it is.
            schema::version(&db.lock(), path, schema::MIGRATIONS)
                .map_err(|fault| explain(fault, path, Moment::Work))?;
            use_wal(&db.lock()).map_err(told)?;
            schema::migrate(&db.lock(), path, schema::MIGRATIONS)?;
            Ok(Self(Arc::new(db)))
        })
    }

    /// Opens the state file to look at it. It must exist and be of today's format; every write is
    /// [`StoreError::ReadOnly`].
    pub fn open_read_only(path: &Path, clock: StoreClock) -> Result<Self> {
        place::prepare(path, false)?;
        let db = Self::connect(path, clock, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let found = schema::version(&db.lock(), path, schema::MIGRATIONS)
            .map_err(|fault| explain(fault, path, Moment::Work))?;
        if found < schema::newest(schema::MIGRATIONS) {
            return Err(StoreError::Unavailable(format!(
                "{} was written by an older Checker: the next `checker cron` brings it up to date",
                path.display()
            )));
        }
        Ok(Self(Arc::new(db)))
    }

    fn connect(path: &Path, clock: StoreClock, access: OpenFlags) -> Result<Db> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)
            .and_then(|conn| set_up(&conn).map(|()| conn))
            .map_err(|e| explain(e.into(), path, Moment::Work))?;
        Ok(Db { conn: Mutex::new(conn), path: path.to_owned(), clock })
    }

    /// What is remembered about jobs.
    pub fn shared(&self) -> SqliteShared {
        SqliteGroup::of(&self.0)
    }

    /// What is remembered about this node.
    pub fn own(&self) -> SqliteOwn {
        SqliteGroup::of(&self.0)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

fn set_up(conn: &Connection) -> rusqlite::Result<()> {
    conn.busy_timeout(PATIENCE)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "wal_autocheckpoint", WAL_PAGES).or_else(returned_rows)?;
    conn.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024).or_else(returned_rows)
}

/// Some pragmas answer with their new value.
fn returned_rows(e: rusqlite::Error) -> rusqlite::Result<()> {
    match e {
        rusqlite::Error::ExecuteReturnedResults => Ok(()),
        e => Err(e),
    }
}

/// Does nothing to a file that is in this mode. Two processes that make the file at once may meet here, and `SQLite`
/// does not wait for this lock by itself.
fn use_wal(conn: &Connection) -> rusqlite::Result<()> {
    let mut left = 100;
    loop {
        match conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())) {
            Err(e)
                if left > 0
                    && matches!(
                        e.sqlite_error_code(),
                        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
                    ) =>
            {
                left -= 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            other => return other,
        }
    }
}

/// One connection. The lock makes it usable from every thread.
struct Db {
    conn: Mutex<Connection>,
    path: PathBuf,
    clock: StoreClock,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Db({})", self.path.display())
    }
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durability {
    /// A kill loses nothing; a power cut may lose the newest commits, but none that a later durable one follows.
    Kill,
    /// Neither loses it.
    PowerCut,
}

impl Db {
    /// A panic inside a transaction has rolled it back, so the connection is good.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that `work` reads is of one moment.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Step<T>) -> Result<T> {
        let conn = self.lock();
        self.transact(&conn, TransactionBehavior::Deferred, |tx| work(tx))
    }

    fn write<T>(&self, how: Durability, work: impl FnOnce(&Transaction<'_>) -> Step<T>) -> Result<T> {
        let conn = self.lock();
        let set = |level: &str| {
            conn.pragma_update(None, "synchronous", level).map_err(|e| explain(e.into(), &self.path, Moment::Work))
        };
        if how == Durability::Kill {
            return self.transact(&conn, TransactionBehavior::Immediate, work);
        }
        set("FULL")?;
        let done = self.transact(&conn, TransactionBehavior::Immediate, work);
        set("NORMAL")?;
        done
    }

    fn transact<T>(
        &self,
        conn: &Connection,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Step<T>,
    ) -> Result<T> {
        let told = |fault: Fault| explain(fault, &self.path, Moment::Work);
        let tx = Transaction::new_unchecked(conn, behavior).map_err(|e| told(e.into()))?;
        let value = work(&tx).map_err(told)?;
        tx.commit().map_err(|e| explain(e.into(), &self.path, Moment::Commit))?;
        Ok(value)
    }
}

impl<G> SqliteGroup<G> {
    fn of(db: &Arc<Db>) -> Self {
        Self { db: Arc::clone(db), group: PhantomData }
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
    fn slots(&self) -> Result<BTreeMap<JobId, Slot>> {
        self.db.read(ledger::slots::<G>)
    }

    fn states(&self, jobs: &[JobId]) -> Result<BTreeMap<JobId, JobState>> {
        self.db.read(|c| ledger::states::<G>(c, jobs))
    }

    fn commit(&self, changes: &[Change]) -> Result<Vec<Applied>> {
        super::rules::check_changes(changes)?;
        self.db.write(Durability::Kill, |tx| ledger::commit::<G>(tx, changes))
    }

    fn waiting(&self) -> Result<Vec<Waiting>> {
        self.db.read(outbox::waiting::<G>)
    }

    fn plan(&self, planned: &Planned) -> Result<()> {
        super::rules::check_plan(planned)?;
        self.db.write(Durability::PowerCut, |tx| outbox::plan::<G>(tx, planned))
    }

    fn unsent(&self) -> Result<Vec<Delivery>> {
        self.db.read(outbox::unsent::<G>)
    }

    fn mark(&self, delivery: Uuid, result: &SendResult, at: Timestamp, next_try: Timestamp) -> Result<()> {
        self.db.write(Durability::Kill, |tx| outbox::mark::<G>(tx, delivery, result, at, next_try))
    }

    fn sent(&self, since: Timestamp) -> Result<Vec<Sent>> {
        self.db.read(|c| outbox::sent::<G>(c, since))
    }

    fn deliveries(&self, limit: usize) -> Result<Vec<Delivery>> {
        self.db.read(|c| outbox::deliveries::<G>(c, limit))
    }

    fn prune(&self, now: Timestamp, keep: &Retention) -> Result<u64> {
        self.db.write(Durability::Kill, |tx| retention::prune::<G>(tx, now, keep))
    }
}

impl Shared for SqliteShared {
    fn begin(&self, pass: &PassStart) -> Result<()> {
        super::rules::check_v7("pass", pass.id)?;
        self.db.write(Durability::Kill, |tx| passes::begin(tx, pass))
    }

    fn open_passes(&self) -> Result<Vec<OpenPass>> {
        self.db.read(passes::open)
    }

    fn claim(&self, pass: Uuid, wanted: &BTreeMap<JobId, Uuid>, dead: &[Uuid]) -> Result<BTreeMap<JobId, Uuid>> {
        self.db.write(Durability::Kill, |tx| passes::claim(tx, pass, wanted, dead))
    }

    fn release(&self, pass: Uuid, jobs: &[JobId]) -> Result<()> {
        self.db.write(Durability::Kill, |tx| passes::release(tx, pass, jobs))
    }

    fn end(&self, pass: Uuid, end: &PassEnd) -> Result<()> {
        self.db.write(Durability::Kill, |tx| passes::end(tx, pass, end))
    }

    fn passes(&self, limit: usize) -> Result<Vec<(PassStart, Option<PassEnd>)>> {
        self.db.read(|c| passes::newest(c, limit))
    }

    fn history(&self, job: &JobId, limit: usize) -> Result<Vec<RunRecord>> {
        self.db.read(|c| runs::history(c, job, limit))
    }

    fn alerts(&self, job: Option<&JobId>, limit: usize) -> Result<Vec<Alert>> {
        self.db.read(|c| ledger::alerts(c, job, limit))
    }

    fn hours(&self, job: &JobId, since: Timestamp) -> Result<Vec<Tally>> {
        self.db.read(|c| runs::hours(c, job, since))
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
