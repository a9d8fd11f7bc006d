//! A refuge: a state file that stands in for the one that cannot be used.

use super::super::{Group, OfJobs, OfNode, Result};
use super::db::{At, Conn, Durability, PATIENCE};
use super::errors::{Moment, Step, explain};
use super::place::folder_of;
use super::rescue::{Extent, number_from, source, take};
use super::{places, schema};
use rusqlite::{Connection, OpenFlags, Transaction};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// What a refuge knows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Its own id. One that goes on in another place keeps it.
    pub(super) id: String,
    /// How often it has gone on in another place: the highest counts.
    pub(super) moves: u32,
    /// Episodes that begin in it have higher numbers.
    pub(super) episodes: u32,
}

/// Reads what a file knows of itself; `None` if it is no refuge, or one that was never completed.
pub(super) fn facts(file: &Path) -> Option<Facts> {
    let conn = raw(file, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
    read_facts(&conn)
}

fn raw(file: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let access = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let conn = Connection::open_with_flags(file, access)?;
    conn.busy_timeout(PATIENCE)?;
    Ok(conn)
}

fn read_facts(conn: &Connection) -> Option<Facts> {
    let sql = "SELECT id, moves, episodes FROM refuge";
    conn.query_row(sql, [], |r| Ok(Facts { id: r.get(0)?, moves: r.get(1)?, episodes: r.get(2)? })).ok()
}

/// The file to go on in, frozen or not.
pub(super) fn frozen(file: &Path, frozen: bool) -> Result<Connection> {
    let told = |fault| explain(fault, file, Moment::Work);
    let conn = raw(file, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|e| told(e.into()))?;
    if schema::is_frozen(&conn).map_err(told)? != frozen {
        schema::freeze(&conn, frozen).map_err(told)?;
    }
    Ok(conn)
}

/// Opens a refuge to work in it.
pub(super) fn open(file: &Path, patience: Duration) -> Result<Conn> {
    let mut conn = Conn::open(file, patience)?;
    let facts = read_facts(&conn).ok_or_else(|| {
        super::StoreError::Unavailable(format!("{} is no refuge of the state (any more)", file.display()))
    })?;
    conn.at = At::Refuge { episodes: facts.episodes };
    Ok(conn)
}

/// Where a refuge begins from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From<'a> {
    /// The state's own file. Episodes get numbers from here on.
    Main(&'a Path, u32),
    /// Another refuge, which cannot be used any more.
    Refuge(&'a Path),
}

/// Makes a refuge in `folder` with the last good state, unless there is one already. Whoever calls this holds the lock of
/// the mender there.
pub(super) fn make(file: &Path, from: From<'_>) -> Result<Conn> {
    if let Ok(conn) = open(file, PATIENCE) {
        return Ok(conn);
    }
    if !file.exists() {
        // A refuge that was being removed when its pass was killed: its WAL must not come back to life.
        places::clear(file);
    }
    let mut conn = Conn::open(file, PATIENCE)?;
    let copy = folder_of(file).join("copy");
    let facts = fill(&conn, from, Some(&copy))?;
    conn.at = At::Refuge { episodes: facts.episodes };
    Ok(conn)
}

/// The same in memory.
pub(super) fn nowhere(from: From<'_>) -> Result<Conn> {
    let mut conn = Conn::nowhere()?;
    let facts = match read_facts(&conn) {
        Some(facts) => facts,
        None => fill(&conn, from, None)?,
    };
    conn.at = At::Nowhere { episodes: facts.episodes };
    Ok(conn)
}

/// One commit: a refuge is complete, or it is none.
fn fill(conn: &Conn, from: From<'_>, copy: Option<&Path>) -> Result<Facts> {
    let path = match from {
        From::Main(path, _) | From::Refuge(path) => path,
    };
    let found = source(path, copy);
    let facts = match from {
        From::Refuge(path) => facts(path).map(|f| Facts { moves: f.moves + 1, ..f }),
        From::Main(..) => None,
    };
    let first = if let From::Main(_, first) = from { first } else { 0 };
    let facts = facts.unwrap_or_else(|| Facts { id: Uuid::now_v7().to_string(), moves: 0, episodes: first });
    let extent = if matches!(from, From::Main(..)) { Extent::Needed } else { Extent::Whole };
    conn.write(Durability::Kill, |tx| {
        tx.execute_batch(
            "CREATE TABLE refuge (id TEXT NOT NULL, moves INTEGER NOT NULL, episodes INTEGER NOT NULL);
             CREATE TABLE base AS SELECT '' AS prefix, * FROM state WHERE false;
             CREATE UNIQUE INDEX base_key ON base (prefix, job);",
        )?;
        if let Some(found) = &found {
            take(found, tx, extent)?;
        }
        match from {
            From::Main(..) => {
                begin::<OfJobs>(tx, facts.episodes)?;
                begin::<OfNode>(tx, facts.episodes)?;
            }
            From::Refuge(_) => {
                if let Some(found) = &found {
                    found.take_base(tx)?;
                }
            }
        }
        tx.execute(
            "INSERT INTO refuge (id, moves, episodes) VALUES (?1, ?2, ?3)",
            (&facts.id, facts.moves, facts.episodes),
        )?;
        Ok(())
    })?;
    Ok(facts)
}

fn begin<G: Group>(tx: &Transaction<'_>, first: u32) -> Step<()> {
    let p = G::PREFIX;
    tx.execute(&format!("INSERT INTO base SELECT ?1, * FROM {p}state"), [p])?;
    number_from(tx, p, first)
}

/// Whether passes are open in the refuge that others can see alive there alone: then it may not end yet.
pub(super) fn open_passes(conn: &Connection) -> Step<Vec<Uuid>> {
    super::values::rows(conn, "SELECT id FROM pass WHERE is_open = 1", [], |r| super::values::id(r, 0))
}

/// Removes what is left of a refuge that is merged, or of one that another has taken over.
pub(super) fn remove(file: &Path) {
    if let Err(why) = places::remove(file) {
        tracing::warn!("{} stays, and is not used any more: {why}", file.display());
    }
}

/// The refuge in use, of all that are there: the one that was moved last.
pub(super) fn newest(files: Vec<PathBuf>) -> Option<PathBuf> {
    let known = files.into_iter().filter_map(|file| Some((facts(&file)?.moves, file)));
    known.max_by_key(|(moves, _)| *moves).map(|(_, file)| file)
}
