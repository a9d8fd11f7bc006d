//! Who is alive, without asking for process ids: a pass holds a lock, and a lock that is free means that its pass is dead.
//!
//! The locks are those of an *open file description* (`F_OFD_SETLK`). They belong to one opening of the file and go when
//! its last descriptor is closed, which the kernel does at any death, `kill -9` included. Unlike the older POSIX locks
//! they are not lost when another part of the process opens and closes the same file. The descriptor is closed on `exec`,
//! so no command that a job starts keeps a dead pass alive; only in the moment between `fork` and `exec` is there a second
//! holder.

use super::sqlite::{cannot_make, check_lock_file};
use super::{Result, StoreError};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// The lock file beside the state, opened once in a process. Nothing is ever written into it.
#[derive(Clone, Debug)]
pub struct LockFile(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: File,
    path: PathBuf,
    /// What this opening holds: the kernel tells only of the locks of others.
    held: Mutex<BTreeSet<Uuid>>,
}

/// While it lives, others see its holder alive.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub struct Guard {
    lock: LockFile,
    id: Uuid,
}

impl LockFile {
    /// Opens the lock file, and makes it (mode 0600) if it is missing. Its folder must exist.
    ///
    /// Errors: [`StoreError::Refused`] as for the state itself, [`StoreError::ReadOnly`], [`StoreError::Full`],
    /// [`StoreError::Unavailable`].
    pub fn open(path: &Path) -> Result<Self> {
        check_lock_file(path)?;
        // The standard library sets O_CLOEXEC.
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|e| cannot_make(path, &e))?;
        Ok(Self(Arc::new(Shared { file, path: path.to_owned(), held: Mutex::default() })))
    }

    /// The lock file of a state file: `checker.db.lock` beside `checker.db`.
    pub fn beside(state: &Path) -> Result<Self> {
        let mut path = state.as_os_str().to_owned();
        path.push(".lock");
        Self::open(Path::new(&path))
    }

    /// Shows that `id` (a pass, the daemon) is alive until the guard is dropped or this process ends.
    ///
    /// Errors: [`StoreError::Refused`] if it is held already, here or elsewhere.
    pub fn hold(&self, id: Uuid) -> Result<Guard> {
        let mut held = self.held();
        let free = !held.contains(&id);
        if !free || !self.set(id, libc::F_WRLCK)? {
            return Err(StoreError::Refused(format!(
                "{id} is alive already: its lock in {} is held",
                self.0.path.display()
            )));
        }
        held.insert(id);
        Ok(Guard { lock: self.clone(), id })
    }

    /// Whether nobody holds the lock of `id`: whoever had this id is dead, or has ended.
    pub fn is_free(&self, id: Uuid) -> Result<bool> {
        let held = self.held();
        if held.contains(&id) {
            return Ok(false);
        }
        let mut asked = lock_of(id, libc::F_WRLCK);
        fcntl(&self.0.file, FcntlArg::F_OFD_GETLK(&mut asked)).map_err(|e| self.failed(e))?;
        Ok(i32::from(asked.l_type) == libc::F_UNLCK)
    }

    fn held(&self) -> MutexGuard<'_, BTreeSet<Uuid>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `false` if another holds it.
    fn set(&self, id: Uuid, kind: i32) -> Result<bool> {
        match fcntl(&self.0.file, FcntlArg::F_OFD_SETLK(&lock_of(id, kind))) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(e) => Err(self.failed(e)),
        }
    }

    fn failed(&self, e: Errno) -> StoreError {
        StoreError::Unavailable(format!(
            "no lock on {}: {}: it must be on a local disk, and the system must have locks left",
            self.0.path.display(),
            e.desc()
        ))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut held = self.lock.held();
        held.remove(&self.id);
        // If this fails, the lock goes with the process.
        let _free = self.lock.set(self.id, libc::F_UNLCK);
    }
}

/// One byte at the place that is the id's own: its last 62 bits, which are random in a UUID of version 7. The file need
/// not be that long.
fn lock_of(id: Uuid, kind: i32) -> libc::flock {
    let place = id.as_u128() & ((1 << 62) - 1);
    libc::flock {
        l_type: i16::try_from(kind).unwrap_or(0),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or(0),
        l_start: i64::try_from(place).unwrap_or(0),
        l_len: 1,
        l_pid: 0,
    }
}
