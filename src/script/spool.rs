//! Where runs of scripts wait while the store cannot be written: small files, one for each thing that is known of a run.
//!
//! The folder is `checker.db.scripts` beside the state. Where that takes no file (a full or read-only disk), the places of a
//! refuge are tried. The owner of the state and root write there; others can where the owner has made the folder and given it
//! to a group (`install -d -m 2770 -g GROUP`). Every pass takes in what it finds.
//!
//! **Invariant:** a file is complete or has another name: it is written beside its place and renamed. **Invariant:** a file
//! goes only when the store has what it says.

use crate::store::{RunRecord, RunStatus, Scripts, Source, StoreError, check_run, user_name};
use checker_job::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::unistd::{Gid, Uid, geteuid};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// A file is never longer: the tail of an output is the most of it.
const FILE_MAX: u64 = 256 * 1024;
/// A half-written file of a writer that was killed goes after this time.
const HALF_MAX: Duration = Duration::from_secs(3_600);
/// So many files are taken in by one pass.
const TAKE_MAX: usize = 5_000;

/// What a file holds.
#[derive(Serialize, Deserialize)]
struct Letter {
    v: u32,
    run: RunRecord,
}

/// The folders of one state, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct Spool {
    folders: Vec<PathBuf>,
    /// Whose state it is.
    owner: Uid,
}

/// Shows that the wrapper of a run is alive, until it is dropped or the process ends.
#[derive(Debug)]
#[must_use = "the run counts as given up when this is dropped"]
pub struct Alive {
    path: PathBuf,
    _lock: Flock<File>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        // Left behind, it is an empty file that a pass removes.
        drop(std::fs::remove_file(&self.path));
    }
}

/// What became of the files of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Taken into the store.
    pub taken: usize,
    /// Set aside: they cannot be read, or say what cannot be.
    pub bad: usize,
}

impl Spool {
    /// That of the state at `state`; `runtime` is `$RUNTIME_DIRECTORY`.
    pub fn of(state: &Path, runtime: Option<&Path>) -> Self {
        let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
        let around = state.parent().unwrap_or(Path::new("/"));
        let found = state.metadata().or_else(|_| around.metadata());
        let me = geteuid();
        let owner = found.map_or(me, |found| Uid::from_raw(found.uid()));
        let mut beside = state.as_os_str().to_owned();
        beside.push(".scripts");
        let mut folders = vec![PathBuf::from(beside)];
        // Elsewhere nobody would look for what another user left.
        if me.is_root() || me == owner {
            let name = format!(
                "checker-{owner}-{}.scripts",
                Uuid::new_v5(&Uuid::NAMESPACE_URL, state.as_os_str().as_encoded_bytes())
            );
            let temporary = std::env::temp_dir();
            for place in runtime.into_iter().chain([Path::new("/dev/shm"), &temporary, Path::new("/tmp")]) {
                let folder = place.join(&name);
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
            }
        }
        Self { folders, owner }
    }

    /// Keeps what is known of a run; the answer is the file.
    ///
    /// # Errors
    /// A sentence for each folder that did not take it.
    pub fn put(&self, run: &RunRecord) -> Result<PathBuf, String> {
        let stage = match (run.status, run.ended) {
            (RunStatus::Done, Some(_)) => "end",
            (RunStatus::Done, None) => "lost",
            _ => "begin",
        };
        let text = serde_json::to_vec(&Letter { v: 1, run: run.clone() }).map_err(|e| e.to_string())?;
        self.first(|folder| {
            let half = folder.join(format!(".{}.{stage}.tmp", run.id));
            let whole = folder.join(format!("{}.{stage}.json", run.id));
            let written = self.make(&half).and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
            written.and_then(|()| std::fs::rename(&half, &whole)).inspect_err(|_| drop(std::fs::remove_file(&half)))?;
            Ok(whole)
        })
    }

    /// Shows that the wrapper of `run` is alive, where the lock file of the state cannot show it.
    pub(super) fn alive(&self, run: Uuid) -> Result<Alive, String> {
        self.first(|folder| {
            let path = folder.join(format!("{run}.alive"));
            let lock = lock(self.make(&path)?)?.ok_or(io::ErrorKind::WouldBlock)?;
            Ok(Alive { path, _lock: lock })
        })
    }

    /// Takes the lock of the script `name`: only one wrapper with `--lock` runs it at a time. The answer is the file, and
    /// `None` in place of the lock while another holds it.
    pub(super) fn lock(&self, name: &str) -> Result<(PathBuf, Option<Flock<File>>), String> {
        let file = format!("{}.lock", file_name(name));
        self.first(|folder| {
            let path = folder.join(&file);
            let taken = lock(self.make(&path)?)?;
            Ok((path, taken))
        })
    }

    /// Whether a wrapper shows here that it is alive.
    pub fn is_alive(&self, run: Uuid) -> bool {
        self.there().any(|folder| is_locked(&folder.join(format!("{run}.alive"))))
    }

    /// Moves what is here into the store. What it does not take stays, for the next pass.
    ///
    /// # Errors
    /// Of the store.
    pub fn take_in(&self, shared: &dyn Scripts, node: Uuid, now: Timestamp) -> Result<Taken, StoreError> {
        let mut taken = Taken::default();
        let mut files: Vec<PathBuf> = self.there().flat_map(|folder| letters(folder, now)).collect();
        files.sort();
        for file in files.into_iter().take(TAKE_MAX) {
            let read = read(&file, self.owner).and_then(|run| check_run(&run).map(|()| run).map_err(|e| e.to_string()));
            match read {
                Ok(mut run) => {
                    if run.node.is_nil() {
                        run.node = node;
                    }
                    shared.record(std::slice::from_ref(&run))?;
                    remove(&file);
                    taken.taken += 1;
                }
                Err(why) => {
                    set_aside(&file, &why);
                    taken.bad += 1;
                }
            }
        }
        Ok(taken)
    }

    /// Tries one folder after the other.
    fn first<T>(&self, work: impl Fn(&Path) -> io::Result<T>) -> Result<T, String> {
        let mut troubles = Vec::new();
        for folder in &self.folders {
            match self.ready(folder).and_then(|()| work(folder)) {
                Ok(done) => return Ok(done),
                Err(e) => troubles.push(format!("{}: {e}", folder.display())),
            }
        }
        Err(troubles.join("; "))
    }

    /// Makes the folder, or sees that it is one that may be used.
    fn ready(&self, folder: &Path) -> io::Result<()> {
        let me = geteuid();
        let is_stranger = !me.is_root() && me != self.owner;
        match folder.symlink_metadata() {
            Ok(found) => self.judge(folder, &found),
            Err(e) if e.kind() == io::ErrorKind::NotFound && !is_stranger => {
                match DirBuilder::new().mode(0o700).create(folder) {
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                    other => other?,
                }
                if me.is_root() && me != self.owner {
                    let opened = OpenOptions::new()
                        .read(true)
                        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW)
                        .open(folder)?;
                    fchown(opened, Some(self.owner.as_raw()), None)?;
                }
                self.judge(folder, &folder.symlink_metadata()?)
            }
            Err(e) => Err(e),
        }
    }

    /// Whether a folder is the owner's (or root's) and, but for the one beside the state, closed to all others.
    fn judge(&self, folder: &Path, found: &std::fs::Metadata) -> io::Result<()> {
        let owner = Uid::from_raw(found.uid());
        let closed = if self.folders.first().is_some_and(|first| first == folder) { 0o002 } else { 0o077 };
        let good = found.is_dir() && (owner == self.owner || owner.is_root()) && found.mode() & closed == 0;
        if good { Ok(()) } else { Err(io::Error::other("this folder is another's, or open to others")) }
    }

    fn there(&self) -> impl Iterator<Item = &Path> {
        let good = |folder: &&PathBuf| folder.symlink_metadata().is_ok_and(|found| self.judge(folder, &found).is_ok());
        self.folders.iter().filter(good).map(PathBuf::as_path)
    }

    /// A file that the owner of the state can read, whoever makes it.
    fn make(&self, path: &Path) -> io::Result<File> {
        let me = geteuid();
        let mode = if me.is_root() || me == self.owner { 0o600 } else { 0o644 };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        if me.is_root() && me != self.owner {
            fchown(&file, Some(self.owner.as_raw()), None::<Gid>.map(Gid::as_raw))?;
        }
        Ok(file)
    }
}

/// `None`: another holds it.
fn lock(file: File) -> io::Result<Option<Flock<File>>> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, e)) => Err(e.into()),
    }
}

fn is_locked(path: &Path) -> bool {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    match opened.map(lock) {
        Ok(Ok(held)) => held.is_none(),
        // One that cannot be asked is not called dead.
        Ok(Err(_)) => true,
        Err(e) => e.kind() != io::ErrorKind::NotFound,
    }
}

/// A name as a file name: what is plain stays, so that a person finds it.
fn file_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let short: String = name.chars().map(|c| if plain(c) { c } else { '_' }).take(60).collect();
    if short == name { short } else { format!("{short}-{}", Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())) }
}

/// The whole letters of a folder. Remains of writers that were killed are removed.
fn letters(folder: &Path, now: Timestamp) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is = |ending: &str| path.extension().is_some_and(|e| e == ending);
        if is("json") && !name.starts_with('.') {
            found.push(path);
        } else if is("tmp") || is("alive") {
            let made = entry.metadata().map_or(now, |m| Timestamp::from_secs(m.mtime()));
            if now.since(made) > HALF_MAX && !(is("alive") && is_locked(&path)) {
                remove(&path);
            }
        }
    }
    found
}

fn read(path: &Path, owner: Uid) -> Result<RunRecord, String> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let mut file = opened.map_err(|e| e.to_string())?;
    let found = file.metadata().map_err(|e| e.to_string())?;
    if !found.is_file() || found.len() > FILE_MAX {
        return Err("it is no file of ours".to_owned());
    }
    let mut text = Vec::new();
    Read::by_ref(&mut file).take(FILE_MAX).read_to_end(&mut text).map_err(|e| e.to_string())?;
    let letter: Letter = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    let mut run = letter.run;
    let writer = Uid::from_raw(found.uid());
    // Calls of other hosts are put here by the daemon alone.
    let by_daemon = run.source == Source::Remote && writer == owner;
    if run.source != Source::Script && !by_daemon {
        return Err("it is no run of a script".to_owned());
    }
    super::check_name(run.job.as_str())?;
    super::check_host(&run.host)?;
    if let (Some(started), Some(ended)) = (run.started, run.ended) {
        super::check_times(started, ended)?;
    }
    if writer != owner && !writer.is_root() {
        run.asked_by = Some(user_name(writer));
    }
    run.outcome = run.outcome.map(|outcome| outcome.bounded(500, super::wrap::TAIL_MAX));
    Ok(run)
}

fn remove(file: &Path) {
    if let Err(why) = std::fs::remove_file(file)
        && why.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!("{} was taken in and stays: {why}", file.display());
    }
}

fn set_aside(file: &Path, why: &str) {
    let mut bad = file.as_os_str().to_owned();
    bad.push(".bad");
    match std::fs::rename(file, &bad) {
        Ok(()) => tracing::warn!("{} tells of no run and was set aside as .bad: {why}", file.display()),
        Err(e) => tracing::warn!("{} tells of no run ({why}) and stays: {e}", file.display()),
    }
}

#[cfg(test)]
mod tests;
