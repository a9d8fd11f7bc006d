//! What `SQLite` says, in the words of [`StoreError`].

use super::super::StoreError;
use nix::unistd::{AccessFlags, access};
use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use std::path::Path;

/// What can go wrong inside one operation.
#[derive(Debug)]
pub(in crate::store) enum Fault {
    Sql(rusqlite::Error),
    /// A text in the file that is not what was written there.
    Text {
        what: String,
        why: String,
    },
    Told(StoreError),
}

pub(in crate::store) type Step<T> = std::result::Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        Self::Sql(e)
    }
}

impl From<StoreError> for Fault {
    fn from(e: StoreError) -> Self {
        Self::Told(e)
    }
}

/// Where in an operation it went wrong: a failed commit may have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Moment {
    Work,
    Commit,
}

pub(in crate::store) fn explain(fault: Fault, path: &Path, moment: Moment) -> StoreError {
    match fault {
        Fault::Told(e) => e,
        Fault::Text { what, why } => {
            StoreError::Corrupt(format!("{what} in {} is not readable ({why}): {REMEDY}", path.display()))
        }
        Fault::Sql(e) => explain_sql(&e, path, moment),
    }
}

const REMEDY: &str = "move the file away, with those of the same name that end in -wal and -shm, to begin anew, or put \
                      a good copy in its place";

fn explain_sql(e: &rusqlite::Error, path: &Path, moment: Moment) -> StoreError {
    let file = path.display();
    let Some(code) = e.sqlite_error_code() else {
        return StoreError::Corrupt(format!("{file} holds a value that Checker never writes ({e}): {REMEDY}"));
    };
    match code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StoreError::Unavailable(format!(
            "{file} stayed locked by another process ({e}): see which one with `fuser -v {file}`"
        )),
        ErrorCode::DiskFull => no_room(path),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied => {
            read_only(path, &e.to_string())
        }
        ErrorCode::CannotOpen if !folder_is_writable(path) => read_only(path, &e.to_string()),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StoreError::Corrupt(format!("{file}: {e}: {REMEDY}")),
        ErrorCode::SystemIoFailure if is_shm_size(e) => no_room(path),
        ErrorCode::SystemIoFailure if moment == Moment::Commit => StoreError::OutcomeUnknown(format!(
            "{file} could not be written for certain ({e}): look for disk errors in the system's log"
        )),
        ErrorCode::SystemIoFailure => StoreError::Unavailable(format!(
            "{file} could not be read or written ({e}): look for disk errors in the system's log"
        )),
        // A table or column that is missing, or a row that breaks a rule: our own statements are right for our own file.
        ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => {
            StoreError::Corrupt(format!("{file} is not as Checker left it ({e}): {REMEDY}"))
        }
        ErrorCode::TooBig => StoreError::Refused(format!("a value is too large to be kept in {file} ({e})")),
        _ => StoreError::Unavailable(format!("{file}: {e}")),
    }
}

/// The index of the WAL could not grow: that is a full disk, whatever its code says.
fn is_shm_size(e: &rusqlite::Error) -> bool {
    matches!(e, rusqlite::Error::SqliteFailure(f, _) if f.extended_code == SQLITE_IOERR_SHMSIZE)
}

fn folder_is_writable(path: &Path) -> bool {
    path.parent().is_some_and(|p| access(p, AccessFlags::W_OK | AccessFlags::X_OK).is_ok())
}

pub(in crate::store) fn no_room(path: &Path) -> StoreError {
    StoreError::Full(format!(
        "the disk under {} is full: make room there (`df -h` shows how much is used)",
        path.display()
    ))
}

pub(in crate::store) fn read_only(path: &Path, why: &str) -> StoreError {
    StoreError::ReadOnly(format!(
        "{} ({why}): the file and its folder must be writable for the user that runs Checker, and the disk must not be \
         mounted read-only",
        path.display()
    ))
}
