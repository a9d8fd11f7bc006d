//! Where runs of scripts wait while the store cannot be written: small files, one for each thing that is known of a run.
//!
//! The folder is `checker.db.scripts` beside the state. Where that takes no file (a full or read-only disk), one in /dev/shm or
//! /tmp is tried. The owner of the state and root write there; others can where the owner has made the folder and given it
//! to a group (`install -d -m 2770 -g GROUP`). Every pass takes in what it finds.
//!
//! **Invariant:** a file is complete or has another name: it is written beside its place and renamed. **Invariant:** a file
//! goes only when the store has what it says.

use crate::decide::script::ping::BODY_MAX;
use crate::store::{RunRecord, RunStatus, Scripts, Source, StoreError, check_run, user_name};
use checker_job::Timestamp;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use nix::unistd::{Uid, geteuid};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// A file is never longer: the tail of an output is the most of it.
const FILE_MAX: u64 = 256 * 1024;
/// A half-written file of a writer that was killed goes after this time.
const HALF_MAX: Duration = Duration::from_secs(3_600);
/// The version of what a file holds.
const LETTER: u32 = 1;
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
    /// That of the state at `state`.
    pub fn of(state: &Path) -> Self {
        let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
        let around = state.parent().unwrap_or(Path::new("/"));
        let found = state.metadata().or_else(|_| around.metadata());
        let me = geteuid();
        let owner = found.map_or(me, |found| Uid::from_raw(found.uid()));
        let mut beside = state.as_os_str().to_owned();
        beside.push(".scripts");
        let mut folders = vec![PathBuf::from(beside)];
        // Elsewhere nobody would look for what another user left. These places are the same for cron and for a service.
        if me.is_root() || me == owner {
            let bytes = state.as_os_str().as_encoded_bytes();
            let name = format!("checker-{owner}-{}.scripts", Uuid::new_v5(&Uuid::NAMESPACE_URL, bytes));
            folders.extend(["/dev/shm", "/tmp"].map(|place| Path::new(place).join(&name)));
        }
        Self { folders, owner }
    }

    /// Whether this process runs as the owner of the state.
    pub(super) fn is_ours(&self) -> bool {
        geteuid() == self.owner
    }

    /// Keeps what is known of a run; the answer is the file.
    ///
    /// # Errors
    /// A sentence for each folder that did not take it.
    pub fn put(&self, run: &RunRecord) -> Result<PathBuf, String> {
        let letter = Letter::of(run);
        self.first(|folder| letter.write(self, folder))
    }

    /// The same beside the state alone, where it outlives a power cut: whoever told of it may forget it.
    ///
    /// # Errors
    /// A sentence.
    pub fn put_for_good(&self, run: &RunRecord) -> Result<PathBuf, String> {
        let letter = Letter::of(run);
        let Some(path) = self.folders.first() else { return Err("there is no place for it".to_owned()) };
        let kept = self.ready(path).and_then(|folder| {
            let file = letter.write(self, &folder)?;
            // So that the name, too, is there after a power cut.
            folder.handle.sync_all().map(|()| file)
        });
        kept.map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Shows that the wrapper of `run` is alive, where the lock file of the state cannot show it.
    pub(super) fn alive(&self, run: Uuid) -> Result<Alive, String> {
        self.first(|folder| {
            let name = format!("{run}.alive");
            let lock = lock(self.make(folder, &name)?)?.ok_or(io::ErrorKind::WouldBlock)?;
            Ok(Alive { path: folder.path.join(name), _lock: lock })
        })
    }

    /// Takes the lock of the script `name`: only one wrapper with `--lock` runs it at a time. The answer is the file, and
    /// `None` in place of the lock while another holds it. A file that cannot be locked is not replaced by another one
    /// elsewhere: then both would run.
    pub(super) fn lock(&self, name: &str) -> Result<(PathBuf, Option<Flock<File>>), String> {
        let (file, mut troubles) = (format!("{}.lock", file_name(name)), Vec::new());
        for path in &self.folders {
            match self.ready(path) {
                Err(e) => troubles.push(format!("{}: {e}", path.display())),
                Ok(folder) => {
                    let there = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(folder.at(&file));
                    let opened = match there {
                        Err(e) if e.kind() == io::ErrorKind::NotFound => self.make(&folder, &file).and_then(|made| {
                            // There is nothing in it, and whoever may run the script must be able to take it.
                            made.set_permissions(Permissions::from_mode(0o644)).map(|()| made)
                        }),
                        other => other,
                    };
                    let taken = opened.and_then(lock).map_err(|e| format!("{}: {e}", path.join(&file).display()))?;
                    return Ok((path.join(&file), taken));
                }
            }
        }
        Err(troubles.join("; "))
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
            let text = match text_of(&file) {
                Ok(text) => text,
                Err(why) => {
                    tracing::warn!("{} cannot be read now, and stays: {why}", file.display());
                    continue;
                }
            };
            let read = text.and_then(|(text, writer)| read(&text, writer, self.owner));
            match read.and_then(|run| check_run(&run).map(|()| run).map_err(|e| e.to_string())) {
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
    fn first<T>(&self, work: impl Fn(&Folder) -> io::Result<T>) -> Result<T, String> {
        let mut troubles = Vec::new();
        for path in &self.folders {
            match self.ready(path).and_then(|folder| work(&folder)) {
                Ok(done) => return Ok(done),
                Err(e) => troubles.push(format!("{}: {e}", path.display())),
            }
        }
        Err(troubles.join("; "))
    }

    /// Makes the folder if it is missing, opens it, and sees that it is one that may be used. From then on nobody can put
    /// another in its place.
    fn ready(&self, path: &Path) -> io::Result<Folder> {
        let me = geteuid();
        let is_stranger = !me.is_root() && me != self.owner;
        let open = || {
            OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC)
                .open(path)
        };
        let handle = match open() {
            Err(e) if e.kind() == io::ErrorKind::NotFound && !is_stranger => {
                match DirBuilder::new().mode(0o700).create(path) {
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                    other => other?,
                }
                let made = open()?;
                // One that we have just made is empty and closed; another's is not given away.
                if me.is_root()
                    && me != self.owner
                    && made.metadata()?.uid() == 0
                    && made.metadata()?.mode() & 0o777 == 0o700
                {
                    fchown(&made, Some(self.owner.as_raw()), None)?;
                }
                made
            }
            other => other?,
        };
        self.judge(path, &handle.metadata()?)?;
        Ok(Folder { handle, path: path.to_owned() })
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

    /// A new file that the owner of the state can read, whoever makes it.
    fn make(&self, folder: &Folder, name: &str) -> io::Result<File> {
        let me = geteuid();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(folder.at(name))?;
        if me.is_root() && me != self.owner {
            fchown(&file, Some(self.owner.as_raw()), None)?;
        } else if me != self.owner {
            // Whatever the umask says; only those whom the owner lets in can reach it.
            file.set_permissions(Permissions::from_mode(0o644))?;
        }
        Ok(file)
    }
}

/// A folder that was looked at, and stays the one that was.
struct Folder {
    handle: File,
    path: PathBuf,
}

impl Folder {
    /// A name in it, by the open handle and not by the path.
    fn at(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.handle.as_raw_fd()))
    }
}

impl Letter {
    fn of(run: &RunRecord) -> Self {
        Self { v: LETTER, run: run.clone() }
    }

    /// Complete, or under another name.
    fn write(&self, spool: &Spool, folder: &Folder) -> io::Result<PathBuf> {
        let stage = match (self.run.status, self.run.ended) {
            (RunStatus::Done, Some(_)) => "end",
            (RunStatus::Done, None) => "lost",
            _ => "begin",
        };
        let text = serde_json::to_vec(self)?;
        // Nobody else can have made a file of this name before.
        let half = format!(".{}.{stage}.{}.tmp", self.run.id, Uuid::now_v7());
        let whole = format!("{}.{stage}.json", self.run.id);
        let mut file = spool.make(folder, &half)?;
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        let moved = written.and_then(|()| std::fs::rename(folder.at(&half), folder.at(&whole)));
        moved.inspect_err(|_| drop(std::fs::remove_file(folder.at(&half))))?;
        Ok(folder.path.join(whole))
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

/// What stands in a file and who wrote it; the inner error is of what is no file of ours, the outer one may pass.
fn text_of(path: &Path) -> io::Result<Result<(Vec<u8>, Uid), String>> {
    let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let mut file = match opened {
        Err(e) if e.raw_os_error() == Some(libc::ELOOP) => return Ok(Err("it is a link".to_owned())),
        other => other?,
    };
    let found = file.metadata()?;
    if !found.is_file() || found.len() > FILE_MAX {
        return Ok(Err("it is no file of ours".to_owned()));
    }
    let mut text = Vec::new();
    Read::by_ref(&mut file).take(FILE_MAX).read_to_end(&mut text)?;
    Ok(Ok((text, Uid::from_raw(found.uid()))))
}

fn read(text: &[u8], writer: Uid, owner: Uid) -> Result<RunRecord, String> {
    let letter: Letter = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    if letter.v != LETTER {
        return Err(format!("it is of version {}, and this program reads version {LETTER}", letter.v));
    }
    let mut run = letter.run;
    // Calls of other hosts are put here by the daemon alone.
    let by_daemon = run.source == Source::Remote && writer == owner;
    if run.source != Source::Script && !by_daemon {
        return Err("it is no run of a script".to_owned());
    }
    super::check_name(run.job.as_str())?;
    super::check_host(&run.host)?;
    if writer != owner && !writer.is_root() {
        run.asked_by = Some(user_name(writer));
    }
    run.outcome = run.outcome.map(|outcome| outcome.bounded(500, BODY_MAX));
    Ok(run)
}

fn remove(file: &Path) {
    if let Err(why) = std::fs::remove_file(file)
        && why.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!("{} has served its purpose and cannot be removed: {why}", file.display());
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
