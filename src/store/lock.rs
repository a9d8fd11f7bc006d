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
    /// `F_WRLCK`; for a file that may only be read, `F_RDLCK`, which the kernel lets several hold.
    kind: i32,
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
        Ok(Self(Arc::new(Shared { file, path: path.to_owned(), held: Mutex::default(), kind: libc::F_WRLCK })))
    }

    /// The lock file of a state file: `checker.db.lock` beside `checker.db`.
    pub fn beside(state: &Path) -> Result<Self> {
        Self::open(&name_beside(state))
    }

    /// The same where nothing may be written: on a read-only disk, or a file of another user. It must exist.
    pub fn look_beside(state: &Path) -> Result<Self> {
        Self::read_only(&name_beside(state))
    }

    /// Locks on the program file itself: where there is no place for a lock file.
    pub fn of_program() -> Result<Self> {
        Self::read_only(Path::new("/proc/self/exe"))
    }

    fn read_only(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| cannot_make(path, &e))?;
        Ok(Self(Arc::new(Shared { file, path: path.to_owned(), held: Mutex::default(), kind: libc::F_RDLCK })))
    }

    /// Shows that `id` (a pass, the daemon) is alive until the guard is dropped or this process ends.
    ///
    /// Errors: [`StoreError::Refused`] if it is held already, here or elsewhere.
    pub fn hold(&self, id: Uuid) -> Result<Guard> {
        let mut held = self.held();
        let free = !held.contains(&id);
        if !free || !self.set(id, self.0.kind)? || !self.is_alone(id)? {
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
        self.is_unheld(id)
    }

    /// Whether no other opening holds it.
    fn is_unheld(&self, id: Uuid) -> Result<bool> {
        let mut asked = lock_of(id, libc::F_WRLCK);
        fcntl(&self.0.file, FcntlArg::F_OFD_GETLK(&mut asked)).map_err(|e| self.failed(e))?;
        Ok(i32::from(asked.l_type) == libc::F_UNLCK)
    }

    /// A lock that several may hold is ours if nobody else has it, too. Of two who take it at once, both may give it back.
    fn is_alone(&self, id: Uuid) -> Result<bool> {
        let alone = self.0.kind == libc::F_WRLCK || self.is_unheld(id)?;
        if !alone {
            self.set(id, libc::F_UNLCK)?;
        }
        Ok(alone)
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

fn name_beside(state: &Path) -> PathBuf {
    let mut path = state.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::suite::{await_word, child_of};
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use std::os::unix::fs::MetadataExt;
    use std::process::Command;

    const LOCK: &str = "CHECKER_TEST_LOCK";

    fn an_id(n: u64) -> Uuid {
        Uuid::from_u128((7 << 76) | (2 << 62) | u128::from(n))
    }

    #[test]
    fn a_lock_is_held_until_its_guard_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("checker.db");
        let ours = LockFile::beside(&state).unwrap();
        let theirs = LockFile::beside(&state).unwrap();
        let mode = std::fs::metadata(folder.path().join("checker.db.lock")).unwrap();
        assert_eq!(mode.mode() & 0o777, 0o600);

        let guard = ours.hold(an_id(1)).unwrap();
        for (lock, who) in [(&ours, "we"), (&theirs, "they")] {
            assert!(!lock.is_free(an_id(1)).unwrap(), "{who} see it free");
            assert!(lock.is_free(an_id(2)).unwrap(), "{who} see it held");
            let why = lock.hold(an_id(1)).unwrap_err();
            assert!(matches!(why, StoreError::Refused(_)), "{why}");
        }
        // Neighbours, and a passing reader of the same file, do not touch it.
        let other = theirs.hold(an_id(2)).unwrap();
        drop(std::fs::read(folder.path().join("checker.db.lock")).unwrap());
        drop(LockFile::beside(&state).unwrap());
        drop(other);
        assert!(!theirs.is_free(an_id(1)).unwrap());
        drop(guard);
        assert!(theirs.is_free(an_id(1)).unwrap());
        assert!(theirs.hold(an_id(1)).is_ok());
    }

    #[test]
    fn places_differ_where_the_random_bits_do() {
        let place = |id| lock_of(id, libc::F_WRLCK).l_start;
        assert_eq!(place(Uuid::from_u128(u128::MAX)), (1 << 62) - 1);
        assert_ne!(place(an_id(1)), place(an_id(2)));
    }

    /// Not a case: what the child of the next test does.
    #[test]
    fn child_that_holds_a_lock() {
        let Some(path) = std::env::var_os(LOCK) else {
            return;
        };
        let lock = LockFile::open(Path::new(&path)).unwrap();
        let _guard = lock.hold(an_id(1)).unwrap();
        // As a job's command that outlives its pass.
        let mut command = Command::new("sleep").arg("60").spawn().unwrap();
        println!("holding {}", command.id());
        command.wait().unwrap();
        std::thread::sleep(std::time::Duration::from_secs(60));
    }

    #[test]
    fn the_lock_of_a_killed_process_is_free_though_its_command_lives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checker.db.lock");
        let mut child = child_of("store::lock::tests::child_that_holds_a_lock", LOCK, &path);
        let command: i32 = await_word(&mut child, "holding").parse().unwrap();
        let lock = LockFile::open(&path).unwrap();
        assert!(!lock.is_free(an_id(1)).unwrap());
        assert!(lock.hold(an_id(1)).is_err());

        child.kill().unwrap();
        child.wait().unwrap();
        let lives = kill(Pid::from_raw(command), None).is_ok();
        let free = lock.is_free(an_id(1)).unwrap();
        kill(Pid::from_raw(command), Signal::SIGKILL).unwrap();
        assert!(lives, "the command ended too early to show anything");
        assert!(free);
        assert!(lock.hold(an_id(1)).is_ok());
    }
}
