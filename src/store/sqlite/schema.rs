//! The tables, and how an older file becomes a file of today.
//!
//! Instants are whole microseconds since 1970, ids are 16 bytes. A migration is never changed once it was released: a new
//! one is added at the end. The number of the newest is the file's format.

use super::super::{Group, OfJobs, OfNode, Result, StoreError};
use super::errors::{Fault, Moment, Step, explain};
use super::place;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Marks the file as Checker's ("Chkr").
const APPLICATION: i32 = 0x4368_6b72;

/// One step from a format to the next.
pub(in crate::store) type Migration = fn() -> String;

/// Format 1 knows jobs; format 2 knows this node, too; format 3 finds runs of scripts.
pub(in crate::store) const MIGRATIONS: &[Migration] = &[about_jobs, about_this_node, about_scripts];

fn about_jobs() -> String {
    // `run`: its id carries its time, so age needs no index; the one index serves "the newest success of each script".
    let own = "
        CREATE TABLE pass (
            id BLOB NOT NULL PRIMARY KEY,
            node BLOB NOT NULL,
            started BIGINT NOT NULL,
            called TEXT NOT NULL,
            claims TEXT NOT NULL,
            is_open INTEGER NOT NULL,
            ended BIGINT,
            runs BIGINT NOT NULL,
            bad BIGINT NOT NULL
        );
        CREATE INDEX pass_open ON pass (id) WHERE is_open = 1;
        CREATE TABLE run (
            id BLOB NOT NULL PRIMARY KEY,
            job TEXT NOT NULL,
            status TEXT NOT NULL,
            queue TEXT NOT NULL,
            priority BIGINT NOT NULL,
            not_before BIGINT,
            attempt BIGINT NOT NULL,
            source TEXT NOT NULL,
            asked_by TEXT,
            args TEXT,
            node BLOB NOT NULL,
            host TEXT NOT NULL,
            pass BLOB,
            started BIGINT,
            ended BIGINT,
            verdict TEXT,
            outcome TEXT,
            steady INTEGER NOT NULL,
            seq BIGINT
        );
        CREATE INDEX run_success ON run (job, host, id) WHERE source = 'script' AND verdict = 'ok';
        CREATE TABLE hour (
            job TEXT NOT NULL,
            start BIGINT NOT NULL,
            ok BIGINT NOT NULL,
            warning BIGINT NOT NULL,
            failed BIGINT NOT NULL,
            unknown BIGINT NOT NULL,
            micros_sum BIGINT NOT NULL,
            micros_max BIGINT NOT NULL,
            PRIMARY KEY (job, start)
        );
        CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
        INSERT INTO counter (name, value) VALUES ('steady', 0), ('hours', 0);";
    ledger(OfJobs::PREFIX) + own
}

fn about_this_node() -> String {
    let own = "
        CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE lease (name TEXT NOT NULL PRIMARY KEY, holder BLOB NOT NULL, until BIGINT NOT NULL);";
    ledger(OfNode::PREFIX) + own
}

/// The indexes leave out what passes write: that would cost a pass dearly, and nobody looks there.
fn about_scripts() -> String {
    "
        DROP INDEX run_success;
        CREATE INDEX run_success ON run (job, host, ended, id) WHERE source <> 'cron' AND verdict = 'ok';
        CREATE INDEX run_script ON run (job, id) WHERE source <> 'cron';
        CREATE INDEX run_open ON run (id) WHERE status <> 'done';
        CREATE TABLE script_hour (
            name TEXT NOT NULL,
            host TEXT NOT NULL,
            start BIGINT NOT NULL,
            ok BIGINT NOT NULL,
            failed BIGINT NOT NULL,
            micros_sum BIGINT NOT NULL,
            micros_max BIGINT NOT NULL,
            PRIMARY KEY (name, host, start)
        );
        INSERT INTO counter (name, value) VALUES ('script_hours', 0);"
        .to_owned()
}

/// The tables that both groups have.
fn ledger(p: &str) -> String {
    format!(
        "
        CREATE TABLE {p}state (
            job TEXT NOT NULL PRIMARY KEY,
            seq BIGINT NOT NULL,
            run BLOB,
            slot BIGINT,
            oldest_open BIGINT,
            episodes BIGINT NOT NULL DEFAULT 0,
            forgotten INTEGER NOT NULL DEFAULT 0,
            ran_at BIGINT, verdict TEXT, summary TEXT NOT NULL DEFAULT '', since BIGINT,
            hour BIGINT NOT NULL DEFAULT 0, ok BIGINT NOT NULL DEFAULT 0,
            micros_sum BIGINT NOT NULL DEFAULT 0, micros_max BIGINT NOT NULL DEFAULT 0,
            rest TEXT
        );
        CREATE TABLE {p}alert (
            job TEXT NOT NULL,
            episode BIGINT NOT NULL,
            step BIGINT NOT NULL,
            at BIGINT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (job, episode, step)
        );
        CREATE INDEX {p}alert_at ON {p}alert (at);
        CREATE TABLE {p}addressee (
            job TEXT NOT NULL,
            episode BIGINT NOT NULL,
            step BIGINT NOT NULL,
            recipient TEXT NOT NULL,
            state TEXT NOT NULL,
            delivery BLOB,
            reason TEXT,
            thread TEXT,
            thread_at BIGINT,
            PRIMARY KEY (job, episode, step, recipient)
        );
        CREATE INDEX {p}addressee_open ON {p}addressee (job, episode)
            WHERE state IN ('waiting', 'withheld', 'planned');
        CREATE TABLE {p}delivery (
            id BLOB NOT NULL PRIMARY KEY,
            recipient TEXT NOT NULL,
            alerts TEXT NOT NULL,
            subject TEXT NOT NULL,
            body TEXT NOT NULL,
            message_id TEXT NOT NULL,
            in_reply_to TEXT,
            urgent INTEGER NOT NULL,
            digest INTEGER NOT NULL,
            created_at BIGINT NOT NULL,
            attempts BIGINT NOT NULL,
            next_try BIGINT NOT NULL,
            last_error TEXT,
            state TEXT NOT NULL,
            settled_at BIGINT,
            answer TEXT,
            tried_at BIGINT
        );
        CREATE INDEX {p}delivery_at ON {p}delivery (created_at);
        CREATE INDEX {p}delivery_open ON {p}delivery (created_at) WHERE state IN ('unsent', 'refused');"
    )
}

/// The newest format that `steps` lead to.
pub(in crate::store) fn newest(steps: &[Migration]) -> u32 {
    u32::try_from(steps.len()).unwrap_or(u32::MAX)
}

/// The format of the file; 0 for a new one. Refuses what is not ours and what is newer than `steps`.
pub(in crate::store) fn version(conn: &Connection, path: &Path, steps: &[Migration]) -> Step<u32> {
    // All of one moment: another process may just be making the file.
    let moment = conn.is_autocommit().then(|| conn.unchecked_transaction()).transpose()?;
    let pragma = |name: &str| conn.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
    let (application, found) = (pragma("application_id")?, pragma("user_version")?);
    let ours = application == i64::from(APPLICATION);
    let is_empty = || conn.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |r| r.get(0));
    let fresh = !ours && application == 0 && found == 0 && is_empty()?;
    drop(moment);
    if !(ours || fresh) {
        return Err(Fault::Told(StoreError::Refused(format!(
            "{} is the SQLite file of another program: set `state` under [general] to another name",
            path.display()
        ))));
    }
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    let known = newest(steps);
    if found > known {
        return Err(Fault::Told(StoreError::SchemaNewer { found, known }));
    }
    Ok(found)
}

/// Refuses a file of an older format; 0 is that of a new file.
pub(in crate::store) fn refuse_older(found: u32, path: &Path) -> Result<()> {
    if found >= newest(MIGRATIONS) {
        return Ok(());
    }
    Err(StoreError::Unavailable(format!(
        "{} was written by an older Checker: the next `checker cron` brings it up to date",
        path.display()
    )))
}

/// What is frozen has this format: its content is on its way to another file.
const FROZEN: u32 = 1_000_000;

/// Whether nobody has frozen the file since it was opened.
pub(in crate::store) fn still_ours(conn: &Connection) -> Step<()> {
    if is_frozen(conn)? {
        return Err(Fault::Told(StoreError::Unavailable("the state is on its way back to its own place".to_owned())));
    }
    Ok(())
}

/// Whether the file is frozen.
pub(in crate::store) fn is_frozen(conn: &Connection) -> Step<bool> {
    Ok(conn.pragma_query_value(None, "user_version", |r| r.get::<_, u32>(0))? == FROZEN)
}

/// Freezes a file of today's format, or makes it usable again.
pub(in crate::store) fn freeze(conn: &Connection, frozen: bool) -> Step<()> {
    Ok(conn.pragma_update(None, "user_version", if frozen { FROZEN } else { newest(MIGRATIONS) })?)
}

/// Makes the tables of a new file; brings an older file up to date, after a copy of it was made beside it.
pub(in crate::store) fn migrate(conn: &Connection, path: &Path, steps: &[Migration]) -> Result<()> {
    let told = |fault| explain(fault, path, Moment::Work);
    let before = version(conn, path, steps).map_err(told)?;
    if before == newest(steps) {
        return Ok(());
    }
    let copy = match before {
        0 => None,
        v => Some(copy_beside(conn, path, v).map_err(told)?),
    };
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate).map_err(|e| told(e.into()))?;
    // Another process may have done it by now.
    let found = version(&tx, path, steps).map_err(told)?;
    if let Some((made, kept)) = copy {
        if found == before { std::fs::rename(&made, &kept) } else { std::fs::remove_file(&made) }
            .map_err(|e| place::cannot_make(&kept, &e))?;
    }
    apply(&tx, found, steps).map_err(told)?;
    tx.commit().map_err(|e| explain(e.into(), path, Moment::Commit))
}

fn apply(tx: &Transaction<'_>, found: u32, steps: &[Migration]) -> Step<()> {
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for step in steps.iter().skip(done) {
        tx.execute_batch(&step())?;
    }
    tx.pragma_update(None, "application_id", APPLICATION)?;
    tx.pragma_update(None, "user_version", newest(steps))?;
    Ok(())
}

/// A whole copy, the WAL's content included, under a name of this process; and the name that it is to get.
fn copy_beside(conn: &Connection, path: &Path, version: u32) -> Step<(PathBuf, PathBuf)> {
    let with = |end: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let kept = with(format!(".v{version}.bak"));
    let made = with(format!(".v{version}.{}.tmp", std::process::id()));
    // A left-over of a process that had our number and was killed.
    if made.exists() {
        std::fs::remove_file(&made).map_err(|e| place::cannot_make(&made, &e))?;
    }
    // Made here, so that nobody else can read it at any time.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&made)
        .map_err(|e| place::cannot_make(&made, &e))?;
    let Some(text) = made.to_str() else {
        return Err(Fault::Told(StoreError::Refused(format!(
            "{} cannot be brought up to date: a copy is made first, and SQLite wants its path to be UTF-8",
            path.display()
        ))));
    };
    conn.execute("VACUUM INTO ?1", [text])?;
    Ok((made, kept))
}
