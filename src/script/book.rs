//! Where runs of scripts are written down: into the store if it takes them at once, else into the spool.

use super::spool::{Alive, Spool};
use super::{ScriptActivity, checked};
use crate::node::identity;
use crate::settings::{Brief, Control};
use crate::store::{Guard, Home, LockFile, RunRecord, Scripts, Sqlite, StoreClock, StoreError};
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// A script does not wait longer for another writer, neither at its begin nor at its end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where a run was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the store.
    Store,
    /// In this file, until a pass takes it in; and why.
    Spool(PathBuf, String),
}

/// Shows that a wrapper is alive.
#[derive(Debug)]
#[expect(dead_code, reason = "it is held, not read")]
pub(super) enum Held {
    /// At its place in the lock file of the state.
    Lock(Guard),
    /// By a file in the spool.
    File(Alive),
}

/// The state of these settings, as far as scripts are concerned.
#[derive(Clone, Debug)]
pub struct Book {
    brief: Brief,
    spool: Spool,
}

impl Book {
    /// That of these settings. Nothing is opened yet.
    pub fn new(brief: Brief) -> Self {
        let spool = Spool::of(&brief.state);
        Self { brief, spool }
    }

    /// Where it stands which scripts are switched off.
    pub(super) fn control(&self) -> Option<&Control> {
        self.brief.control.as_ref()
    }

    /// Where runs wait while the store takes none.
    pub fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Writes what is known of a run, within a second.
    ///
    /// # Errors
    /// A sentence: neither store nor spool took it.
    pub fn put(&self, run: &RunRecord) -> Result<Kept, String> {
        let Err(why) = self.store(run) else { return Ok(Kept::Store) };
        match self.spool.put(run) {
            Ok(file) => Ok(Kept::Spool(file, why.to_string())),
            Err(spool) => Err(format!("{why}; and no file can be written either: {spool}")),
        }
    }

    /// Writes a success that somebody tells of.
    ///
    /// # Errors
    /// A sentence: it cannot be, or neither store nor spool took it.
    pub fn record(&self, activity: &ScriptActivity) -> Result<Kept, String> {
        self.put(&checked(activity)?)
    }

    fn store(&self, run: &RunRecord) -> Result<(), StoreError> {
        let home = Home::new(&self.brief.state, self.brief.runtime.as_deref(), StoreClock::system(), false);
        if home.refuge().is_some() {
            return Err(StoreError::Unavailable("the state is not in its own place for now".to_owned()));
        }
        let store = Sqlite::open_within(&self.brief.state, StoreClock::system(), PATIENCE)?;
        let node = identity(&store.own())?;
        store.shared().record(&[RunRecord { node, ..run.clone() }])
    }

    /// Shows that the wrapper of `run` is alive. Where nothing can show it, the run counts as given up when a pass looks.
    pub(super) fn hold(&self, run: Uuid) -> Option<Held> {
        // In the folder of another user the lock file is not ours to make.
        let lock = self.spool.is_ours().then(|| LockFile::beside(&self.brief.state).and_then(|lock| lock.hold(run)));
        lock.and_then(Result::ok).map(Held::Lock).or_else(|| self.spool.alive(run).ok().map(Held::File))
    }
}
