//! One connection, its transactions, and what happens when its file cannot be used any more.

use super::super::{Result, StoreClock, StoreError};
use super::errors::{Fault, Moment, Step, explain};
use super::home::Home;
use super::{place, schema};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::fmt;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long another process's write is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The same for a file that was in trouble a moment ago: a pass must not spend its time there.
pub(super) const SHORT: Duration = Duration::from_millis(500);

/// The WAL goes into the file when a process writes more than this many pages (of 4 KiB), and not at each close.
const WAL_PAGES: u32 = 4_000;

/// A WAL of more bytes than this is moved into the file at the end of a pass.
const SHRINK_ABOVE: u64 = 128 * 1024;

/// Memory for pages, in KiB. Taken only as far as it is used: what a pass reads, it reads once.
const CACHE_KIB: i32 = 16_384;

/// A write of unknown outcome is sent this often before the file counts as unusable.
const UNKNOWN_MAX: u32 = 3;

/// One operation changes its place this often at most.
const MOVES_MAX: u32 = 6;

/// Where a connection leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// To the state's own file.
    Main,
    /// To the file that stands in for it. Its episodes are numbered from here on, so that they are never taken for others.
    Refuge { episodes: u32 },
    /// To memory that ends with this process.
    Nowhere { episodes: u32 },
}

/// An open connection and where it leads.
pub(super) struct Conn {
    pub(super) raw: Connection,
    pub(super) path: PathBuf,
    pub(super) at: At,
    /// How often this process had changed its place when it was opened.
    pub(super) generation: u64,
}

impl Deref for Conn {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.raw
    }
}

impl Conn {
    /// Opens a file of ours and makes it if it is missing; brings it up to date.
    pub(super) fn open(path: &Path, patience: Duration) -> Result<Self> {
        Self::open_if(path, patience, |_| Ok(()))
    }

    /// The same, if its format is one that is wanted.
    fn open_if(path: &Path, patience: Duration, wanted: impl FnOnce(u32) -> Result<()>) -> Result<Self> {
        place::prepare(path, true)?;
        let conn = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, patience)?;
        let told = |e: rusqlite::Error| explain(e.into(), path, Moment::Work);
        // Before anything is written: a foreign file must stay as it is.
        let found =
            schema::version(&conn, path, schema::MIGRATIONS).map_err(|fault| explain(fault, path, Moment::Work))?;
        wanted(found)?;
        use_wal(&conn).map_err(told)?;
        if found < schema::newest(schema::MIGRATIONS) {
            schema::migrate(&conn, path, schema::MIGRATIONS)?;
        }
        Ok(conn)
    }

    /// Moves what the WAL holds into the file, if that is much and nobody else is at work.
    pub(super) fn shrink(&self) -> Result<()> {
        let mut wal = self.path.as_os_str().to_owned();
        wal.push("-wal");
        if std::fs::metadata(wal).is_ok_and(|m| m.len() > SHRINK_ABOVE) {
            let told = |e: rusqlite::Error| explain(e.into(), &self.path, Moment::Work);
            self.raw.busy_timeout(Duration::ZERO).map_err(told)?;
            let done = self.raw.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
            self.raw.busy_timeout(PATIENCE).map_err(told)?;
            done.map_err(told)?;
        }
        Ok(())
    }

    /// Memory that all connections of this process share while one of them is open.
    pub(super) fn nowhere() -> Result<Self> {
        let path = Path::new("file:/checker-nowhere?vfs=memdb");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_URI;
        let conn = Self::connect(path, flags, PATIENCE)?;
        schema::migrate(&conn, path, schema::MIGRATIONS)?;
        Ok(conn)
    }

    fn connect(path: &Path, access: OpenFlags, patience: Duration) -> Result<Self> {
        let raw = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .and_then(|conn| set_up(&conn, patience).map(|()| conn))
            .map_err(|e| explain(e.into(), path, Moment::Work))?;
        Ok(Self { raw, path: path.to_owned(), at: At::Main, generation: 0 })
    }

    pub(super) fn transact<T>(
        &self,
        behavior: TransactionBehavior,
        work: impl FnOnce(&Transaction<'_>) -> Step<T>,
    ) -> Result<T> {
        let told = |fault: Fault| explain(fault, &self.path, Moment::Work);
        let tx = Transaction::new_unchecked(&self.raw, behavior).map_err(|e| told(e.into()))?;
        if matches!(self.at, At::Refuge { .. }) {
            schema::still_ours(&tx).map_err(told)?;
        }
        let value = work(&tx).map_err(told)?;
        tx.commit().map_err(|e| explain(e.into(), &self.path, Moment::Commit))?;
        Ok(value)
    }

    pub(super) fn write<T>(&self, how: Durability, work: impl FnOnce(&Transaction<'_>) -> Step<T>) -> Result<T> {
        let set = |level: &str| {
            let set = self.raw.pragma_update(None, "synchronous", level);
            set.map_err(|e| explain(e.into(), &self.path, Moment::Work))
        };
        if how == Durability::Kill {
            return self.transact(TransactionBehavior::Immediate, work);
        }
        set("FULL")?;
        let done = self.transact(TransactionBehavior::Immediate, work);
        set("NORMAL")?;
        done
    }
}

fn set_up(conn: &Connection, patience: Duration) -> rusqlite::Result<()> {
    conn.busy_timeout(patience)?;
    conn.set_prepared_statement_cache_capacity(64);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "cache_size", -CACHE_KIB)?;
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
    let mut left = 250;
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

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// A kill loses nothing; a power cut may lose the newest commits, but none that a later durable one follows.
    Kill,
    /// Neither loses it.
    PowerCut,
}

/// A connection that every thread may use. With a home, an operation that its file refuses is repeated where the state
/// goes on: every write may be sent twice.
pub(super) struct Db {
    conn: Mutex<Conn>,
    pub(super) path: PathBuf,
    pub(super) clock: StoreClock,
    pub(super) home: Option<Arc<Home>>,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Db({})", self.path.display())
    }
}

impl Db {
    pub(super) fn open(path: &Path, clock: StoreClock) -> Result<Self> {
        Conn::open(path, PATIENCE).map(|conn| Self::of(conn, path, clock, None))
    }

    /// A new file, or one of today's format.
    pub(super) fn open_current(path: &Path, clock: StoreClock, patience: Duration) -> Result<Self> {
        let wanted = |found| if found == 0 { Ok(()) } else { schema::refuse_older(found, path) };
        Conn::open_if(path, patience, wanted).map(|conn| Self::of(conn, path, clock, None))
    }

    pub(super) fn connect(path: &Path, clock: StoreClock, access: OpenFlags) -> Result<Self> {
        Conn::connect(path, access, PATIENCE).map(|conn| Self::of(conn, path, clock, None))
    }

    pub(super) fn of(conn: Conn, path: &Path, clock: StoreClock, home: Option<Arc<Home>>) -> Self {
        Self { conn: Mutex::new(conn), path: path.to_owned(), clock, home }
    }

    /// A panic inside a transaction has rolled it back, so the connection is good.
    pub(super) fn lock(&self) -> MutexGuard<'_, Conn> {
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that `work` reads is of one moment.
    pub(super) fn read<T>(&self, work: impl Fn(&Connection) -> Step<T>) -> Result<T> {
        self.run(|conn| conn.transact(TransactionBehavior::Deferred, |tx| work(tx)))
    }

    pub(super) fn write<T>(&self, how: Durability, work: impl Fn(&Transaction<'_>) -> Step<T>) -> Result<T> {
        self.run(|conn| conn.write(how, &work))
    }

    /// One operation, where the state is.
    pub(super) fn run<T>(&self, op: impl Fn(&Conn) -> Result<T>) -> Result<T> {
        let mut conn = self.lock();
        let Some(home) = &self.home else { return op(&conn) };
        let (mut unknown, mut moves) = (0, 0);
        loop {
            let why = match op(&conn) {
                Err(why) if moves < MOVES_MAX && !matches!(why, StoreError::Refused(_)) => why,
                other => return other,
            };
            if matches!(why, StoreError::OutcomeUnknown(_)) && unknown < UNKNOWN_MAX {
                unknown += 1;
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
            moves += 1;
            match home.leave(&conn, &why) {
                Ok(next) => *conn = next,
                Err(_) => return Err(why),
            }
        }
    }

    /// One operation that the state's own file does or nobody: its place is not changed for it.
    pub(super) fn in_place<T>(&self, op: impl Fn(&Conn) -> Result<T>) -> Result<T> {
        let conn = self.lock();
        if conn.at == At::Main { op(&conn) } else { Err(super::super::rules::not_here()) }
    }

    /// A look in the state's own file.
    pub(super) fn look_in_place<T>(&self, work: impl Fn(&Connection) -> Step<T>) -> Result<T> {
        self.in_place(|conn| conn.transact(TransactionBehavior::Deferred, |tx| work(tx)))
    }

    /// Where the connection leads now.
    pub(super) fn at(&self) -> At {
        self.lock().at
    }
}
