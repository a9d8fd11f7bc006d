//! A damaged file is set aside under a name that says when, and never deleted; what can be read of it goes on in a fresh
//! one at its place.

use super::super::{Result, StoreError};
use super::db::{Conn, PATIENCE};
use super::errors::Moment;
use super::place::{cannot_make, folder_of};
use super::rescue::{Extent, source, take, with};
use super::{db::Durability, errors::explain};
use checker_job::Timestamp;
use std::fs::{hard_link, remove_file, rename};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A disk that damages one file after the other must not be filled with them: then the refuge serves.
const APART: i64 = 3_600;

/// What became of the damaged file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aside {
    pub(super) name: PathBuf,
    /// Whether all rows could be read.
    pub(super) whole: bool,
}

/// Begins a fresh file at `main` with what can be read of the one there, and keeps that one under another name. Whoever
/// calls this holds the lock of the mender.
///
/// # Errors
/// If the place cannot be written, or it was done within the hour: then the damaged file is where it was.
pub(super) fn set_aside(main: &Path, now: Timestamp) -> Result<Aside> {
    if newest(main).is_some_and(|at| (0..APART).contains(&(now.micros() / 1_000_000 - at))) {
        return Err(StoreError::Unavailable(format!("{} was damaged twice within an hour", main.display())));
    }
    let fresh = with(main, ".fresh");
    remove_all(&fresh);
    let filled = fill(main, &fresh);
    let name = with(main, &format!("{MARK}{}", stamp(now)));
    let moved = filled.and_then(|whole| {
        swap(main, &fresh, &name).map_err(|e| cannot_make(&name, &e))?;
        Ok(Aside { name, whole })
    });
    if moved.is_err() {
        remove_all(&fresh);
    }
    moved
}

/// What stands between the state's name and the time.
const MARK: &str = ".damaged-";

fn stamp(now: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(now.micros()).unwrap_or_default();
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// When a file was last set aside, in seconds since 1970.
pub(super) fn newest(main: &Path) -> Option<i64> {
    let begin = format!("{}{MARK}", main.file_name()?.to_str()?);
    let names = std::fs::read_dir(folder_of(main)).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok());
    let stamps = names.filter_map(|n| n.strip_prefix(&begin).map(str::to_owned));
    let parse = |s: String| {
        let at = jiff::fmt::strtime::parse("%Y%m%dT%H%M%SZ", &s).ok()?.to_datetime().ok()?;
        Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    };
    stamps.filter_map(parse).max()
}

fn fill(main: &Path, fresh: &Path) -> Result<bool> {
    let conn = Conn::open(fresh, PATIENCE)?;
    let whole = match source(main, Some(&with(main, ".copy"))) {
        Some(from) => conn.write(Durability::PowerCut, |tx| take(&from, tx, Extent::Whole))?,
        None => false,
    };
    // Its content must stand in the file itself: the WAL keeps the name that it has now.
    let done = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |r| r.get::<_, i64>(0));
    match done.map_err(|e| explain(e.into(), fresh, Moment::Work))? {
        0 => Ok(whole),
        _ => Err(StoreError::Unavailable(format!("{} is in use", fresh.display()))),
    }
}

/// The WAL of the old file must never lie beside the new one.
fn swap(main: &Path, fresh: &Path, name: &Path) -> std::io::Result<()> {
    hard_link(main, name)?;
    for ending in ["-wal", "-shm"] {
        match rename(with(main, ending), with(name, ending)) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    rename(fresh, main)?;
    drop(remove_file(with(fresh, "-wal")));
    drop(remove_file(with(fresh, "-shm")));
    std::fs::File::open(folder_of(main)).and_then(|folder| folder.sync_all())
}

fn remove_all(fresh: &Path) {
    for ending in ["", "-wal", "-shm"] {
        drop(remove_file(with(fresh, ending)));
    }
}

impl Aside {
    /// What a person wants to know of it.
    pub(super) fn words(&self) -> String {
        let how_much = if self.whole { "everything in it could be read" } else { "not all of it could be read" };
        format!("the damaged file is kept as {} ({how_much}), and a fresh one is in use", self.name.display())
    }
}
