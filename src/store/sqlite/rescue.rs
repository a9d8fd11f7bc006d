//! The last good state, read out of a file that may be damaged, locked, newer than we are, or on a disk that nobody can
//! write: row by row, and what cannot be read is left behind.

use super::super::{Group, OfJobs, OfNode, Result};
use super::errors::Step;
use super::place::cannot_make;
use super::states;
use super::values::rows;
use crate::decide::{Alert, AlertId};
use checker_job::{JobId, Outcome};
use nix::unistd::geteuid;
use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, params_from_iter};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::copy;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// A file in trouble is not waited for.
const PATIENCE: Duration = Duration::from_millis(300);

/// How much is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What decisions and messages need. The history stays where it is, and is there when the file is back.
    Needed,
    /// Everything: the file that it is read from is not used again.
    Whole,
}

/// An open file that is only read.
pub(super) struct Source {
    conn: Connection,
    /// A copy that goes when it was read.
    copy: Option<PathBuf>,
}

impl Source {
    /// What a refuge began with goes along with it.
    pub(super) fn take_base(&self, into: &Transaction<'_>) -> Step<()> {
        take_table(&self.conn, into, "base", "1").map(drop)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        if let Some(copy) = &self.copy {
            remove_copy(copy);
        }
    }
}

/// A left-over is harmless: it is in a folder of ours that goes as a whole.
fn remove_copy(copy: &Path) {
    for ending in ["", "-wal", "-shm"] {
        drop(std::fs::remove_file(with(copy, ending)));
    }
}

pub(super) fn with(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Opens what there is to be read: the file where it is, else a copy of file and WAL at `copy`, else the file alone.
pub(super) fn source(main: &Path, copy: Option<&Path>) -> Option<Source> {
    let found = main.metadata().ok().filter(std::fs::Metadata::is_file)?;
    // In another user's file we leave no trace.
    let ours = found.uid() == geteuid().as_raw();
    let in_place = ours.then(|| open(main, OpenFlags::SQLITE_OPEN_READ_ONLY)).flatten();
    if let Some(conn) = in_place {
        return Some(Source { conn, copy: None });
    }
    let copied = copy.and_then(|copy| {
        let made = copy_files(main, copy);
        let conn = made.ok().and_then(|()| open(copy, OpenFlags::SQLITE_OPEN_READ_WRITE));
        if conn.is_none() {
            remove_copy(copy);
        }
        conn.map(|conn| Source { conn, copy: Some(copy.to_owned()) })
    });
    copied.or_else(|| {
        let text = main.to_str()?.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
        let uri = PathBuf::from(format!("file:{text}?immutable=1"));
        let conn = open(&uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?;
        Some(Source { conn, copy: None })
    })
}

/// An open file of which at least the list of tables can be read.
fn open(path: &Path, access: OpenFlags) -> Option<Connection> {
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).ok()?;
    conn.busy_timeout(PATIENCE).ok()?;
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get::<_, i64>(0)).ok()?;
    Some(conn)
}

/// File and WAL as they are. Another process may write meanwhile: then once more.
fn copy_files(main: &Path, to: &Path) -> Result<()> {
    let wal = with(main, "-wal");
    let looks = || (look(main), look(&wal));
    for _ in 0..3 {
        remove_copy(to);
        let before = looks();
        copy_file(main, to)?;
        if wal.exists() {
            copy_file(&wal, &with(to, "-wal"))?;
        }
        if looks() == before {
            break;
        }
    }
    Ok(())
}

fn look(path: &Path) -> Option<(u64, i64, i64)> {
    path.metadata().ok().map(|m| (m.len(), m.mtime(), m.mtime_nsec()))
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    let copied = made.and_then(|mut to| copy(&mut File::open(from)?, &mut to));
    copied.map(|_| ()).map_err(|e| cannot_make(to, &e))
}

/// The tables, what of them is needed, and whether that is a piece of history.
const TABLES: [(&str, &str, bool); 14] = [
    ("state", "1", false),
    ("alert", "1", false),
    ("addressee", "1", false),
    ("delivery", NEW_DELIVERIES, false),
    ("own_state", "1", false),
    ("own_alert", "1", false),
    ("own_addressee", "1", false),
    ("own_delivery", NEW_DELIVERIES, false),
    ("meta", "1", false),
    ("lease", "1", false),
    ("pass", "is_open = 1 OR id IN (SELECT id FROM pass ORDER BY id DESC LIMIT 5)", false),
    ("run", SCRIPTS, false),
    ("hour", "1", true),
    ("script_hour", "1", true),
];

/// Without its newest success a script would look as if it had never run, and without its begin as if it did not run now.
const SCRIPTS: &str = "source <> 'cron' AND (status <> 'done' OR (verdict = 'ok' AND NOT EXISTS (SELECT 1 FROM run n
    WHERE n.source <> 'cron' AND n.verdict = 'ok' AND n.job = run.job AND n.host = run.host AND n.ended > run.ended)))";

/// What limits and the outbox look at.
const NEW_DELIVERIES: &str =
    "state IN ('unsent', 'refused') OR created_at > (SELECT max(created_at) FROM delivery) - 172800000000";

/// Takes what can be read into a file of ours. The answer is whether all of it could be read.
pub(super) fn take(from: &Source, into: &Transaction<'_>, extent: Extent) -> Step<bool> {
    let mut whole = true;
    for (table, needed, history) in TABLES {
        if history && extent == Extent::Needed {
            continue;
        }
        let which = if extent == Extent::Needed { needed } else { "1" };
        let which = if table.starts_with("own_") {
            which.replace("FROM delivery", "FROM own_delivery")
        } else {
            which.to_owned()
        };
        whole &= take_table(&from.conn, into, table, &which)?;
    }
    for group in [OfJobs::PREFIX, OfNode::PREFIX] {
        states::remove_unreadable(into, group)?;
    }
    into.execute("UPDATE counter SET value = (SELECT count(*) FROM run WHERE steady = 1) WHERE name = 'steady'", [])?;
    Ok(whole)
}

fn columns(conn: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |r| r.get(0))?;
    names.collect()
}

/// Forward as far as it goes, and then from the end backward.
fn take_table(from: &Connection, into: &Transaction<'_>, table: &str, which: &str) -> Step<bool> {
    let Ok(theirs) = columns(from, table) else { return Ok(false) };
    let both: Vec<String> = columns(into, table)?.into_iter().filter(|c| theirs.contains(c)).collect();
    if both.is_empty() {
        return Ok(true);
    }
    let names = both.join(", ");
    let places: Vec<String> = (1..=both.len()).map(|n| format!("?{n}")).collect();
    let insert = format!("INSERT OR IGNORE INTO {table} ({names}) VALUES ({})", places.join(", "));
    for direction in ["ASC", "DESC"] {
        let select = format!("SELECT {names} FROM {table} WHERE {which} ORDER BY rowid {direction}");
        if take_rows(from, &select, &both, into, &insert, table)? {
            return Ok(direction == "ASC");
        }
    }
    Ok(false)
}

/// Whether the last row was reached.
fn take_rows(
    from: &Connection,
    select: &str,
    columns: &[String],
    into: &Transaction<'_>,
    insert: &str,
    table: &str,
) -> Step<bool> {
    let Ok(mut statement) = from.prepare(select) else { return Ok(false) };
    let Ok(mut found) = statement.query([]) else { return Ok(false) };
    let mut insert = into.prepare(insert)?;
    loop {
        let row = match found.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(true),
            Err(_) => return Ok(false),
        };
        let values: rusqlite::Result<Vec<Value>> = (0..columns.len()).map(|at| row.get(at)).collect();
        let Ok(values) = values else { continue };
        if !columns.iter().zip(&values).all(|(column, value)| is_sound(table, column, value)) {
            continue;
        }
        match insert.execute(params_from_iter(values)) {
            Ok(_) => {}
            // A newer or damaged row that breaks a rule of ours.
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Whether a text is what is written there: one that cannot be read would stop every pass.
fn is_sound(table: &str, column: &str, value: &Value) -> bool {
    fn reads<T: DeserializeOwned>(text: &str) -> bool {
        serde_json::from_str::<T>(text).is_ok()
    }
    let check: fn(&str) -> bool = match (table, column) {
        ("alert" | "own_alert", "body") => reads::<Alert>,
        ("delivery" | "own_delivery", "alerts") => reads::<Vec<AlertId>>,
        ("pass", "claims") => reads::<BTreeMap<JobId, Uuid>>,
        ("run", "outcome") => reads::<Outcome>,
        _ => return true,
    };
    match value {
        Value::Text(text) => check(text),
        Value::Null => column == "outcome",
        _ => false,
    }
}

/// Numbers the episodes and alerts that begin from now on so that they are never taken for others: while this file stands
/// in for another, that one may go on as well.
pub(super) fn number_from(tx: &Transaction<'_>, prefix: &str, first: u32) -> Step<()> {
    let sql = format!("SELECT {}, forgotten FROM {prefix}state", states::COLUMNS);
    let found = rows(tx, &sql, [], states::read_kept)?;
    let mut writer = states::Writer::new(tx, prefix)?;
    for (job, state, forgotten) in found {
        let before = state.seq;
        writer.update(&job, before, &crate::decide::merge::renumbered(state, first), forgotten)?;
    }
    Ok(())
}
