//! A file that several processes append to and that any of them rotates.
//!
//! Each line is one `write` to a file opened for appending, so lines do not mix. Before each line the file at the path
//! is compared with the open one: if another process rotated it, it is opened anew. Who rotates holds a lock on the file
//! that is full, and looks again once it has it: two processes never rotate one file twice. Nobody waits for the lock
//! but for some milliseconds, so a stopped process stops no other: then lines go into the full file.

use nix::fcntl::OFlag;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Looks at a full file before a line goes into it all the same.
const LOOKS_MAX: usize = 10;
/// Between two looks, while another process rotates.
const PAUSE: Duration = Duration::from_millis(1);
/// Tries to open a file that comes and goes.
const OPENS_MAX: usize = 100;

/// The log file of this process. It is opened at the first line.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    open: Option<Open>,
    /// The last write ended within a line.
    torn: bool,
    /// Lines that could not be written since the last one that could.
    lost: u64,
    /// Whether its trouble was told.
    told: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    id: (u64, u64),
}

/// What became of an attempt to rotate.
#[derive(Debug, PartialEq, Eq)]
enum Rotation {
    /// There is another file at the path now.
    Done,
    /// Another process is at it.
    Busy,
    /// It is not ours to rotate.
    Left,
}

fn id_of(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

impl RotatingFile {
    pub(super) fn new(path: PathBuf, max_bytes: u64, keep: u32) -> Self {
        Self { path, max_bytes, keep, open: None, torn: false, lost: 0, told: false }
    }

    /// Writes a line, which ends with its line feed. `note` words how many were lost before it. The answer is a
    /// sentence about trouble, the first time there is any.
    pub(super) fn write(&mut self, line: &str, note: &dyn Fn(u64) -> String) -> Option<String> {
        let told = self.told;
        let text = if self.lost > 0 { note(self.lost) + line } else { line.to_owned() };
        let trouble = match self.append(&text) {
            Ok(trouble) => {
                self.lost = 0;
                trouble
            }
            Err(why) => {
                self.lost = self.lost.saturating_add(1);
                let path = self.path.display();
                Some(format!("the log {path} cannot be written: {why}; {}", remedy(&why)))
            }
        };
        self.told |= trouble.is_some();
        trouble.filter(|_| !told)
    }

    /// The answer is trouble that did not keep the line from being written.
    fn append(&mut self, line: &str) -> std::io::Result<Option<String>> {
        let mut trouble = None;
        for _ in 0..LOOKS_MAX {
            let now = self.current()?;
            let full = now.len() > 0 && now.len().saturating_add(line.len() as u64) > self.max_bytes;
            if !full || !now.is_file() {
                break;
            }
            match self.rotate(line.len() as u64) {
                Ok(Rotation::Done) => {}
                Ok(Rotation::Busy) => std::thread::sleep(PAUSE),
                Ok(Rotation::Left) => break,
                Err(why) => {
                    let path = self.path.display();
                    let remedy = remedy(&why);
                    trouble = Some(format!("the log {path} is full and cannot be rotated: {why}; {remedy}"));
                    break;
                }
            }
        }
        self.put(line.as_bytes()).map(|()| trouble)
    }

    /// Makes sure that the open file is the one at the path, and says what it is.
    fn current(&mut self) -> std::io::Result<Metadata> {
        match (std::fs::metadata(&self.path), &self.open) {
            (Ok(now), Some(open)) if id_of(&now) == open.id => return Ok(now),
            (Err(why), _) if why.kind() != ErrorKind::NotFound => return Err(why),
            _ => {}
        }
        self.open = None;
        let file = open(&self.path)?;
        let now = file.metadata()?;
        self.open = Some(Open { file, id: id_of(&now) });
        // Whether the former file ended within a line is not this one's matter.
        self.torn = false;
        Ok(now)
    }

    fn put(&mut self, line: &[u8]) -> std::io::Result<()> {
        let Some(Open { file, .. }) = &mut self.open else {
            return Err(ErrorKind::NotFound.into());
        };
        // Ends what the last write left behind within a line.
        let mended = self.torn.then(|| [b"\n", line].concat());
        let mut bytes = mended.as_deref().unwrap_or(line);
        while !bytes.is_empty() {
            match file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = bytes.get(n..).unwrap_or_default();
                    self.torn = !bytes.is_empty();
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    fn rotate(&self, more: u64) -> std::io::Result<Rotation> {
        let Some(Open { file, id }) = &self.open else {
            return Ok(Rotation::Left);
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Rotation::Busy),
            Err(TryLockError::Error(why)) => return Err(why),
        }
        // The lock goes when the file is closed, or here if it stays open.
        let result = self.rotate_locked(*id, more);
        file.unlock()?;
        result
    }

    fn rotate_locked(&self, id: (u64, u64), more: u64) -> std::io::Result<Rotation> {
        match std::fs::metadata(&self.path) {
            Ok(now) if id_of(&now) != id || now.len().saturating_add(more) <= self.max_bytes => {
                return Ok(Rotation::Done);
            }
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Rotation::Done),
            Err(why) => return Err(why),
            Ok(now) => {
                // A file made by us could not be written by the one whose log it is.
                let me = nix::unistd::geteuid();
                if !me.is_root() && now.uid() != me.as_raw() {
                    return Ok(Rotation::Left);
                }
                self.shift()?;
                if me.is_root() {
                    let file = open(&self.path)?;
                    fchown(&file, Some(now.uid()), Some(now.gid()))?;
                }
            }
        }
        self.forget_surplus();
        Ok(Rotation::Done)
    }

    /// `FILE` becomes `FILE.1`, `FILE.1` becomes `FILE.2`, and so on up to the first number that is free; only if none
    /// is, the oldest goes. Killed in the middle, it leaves a free number and no loss.
    fn shift(&self) -> std::io::Result<()> {
        if self.keep == 0 {
            return std::fs::remove_file(&self.path);
        }
        let free = (1..self.keep).find(|&n| !self.old(n).exists()).unwrap_or(self.keep);
        for n in (1..free).rev() {
            std::fs::rename(self.old(n), self.old(n + 1))?;
        }
        std::fs::rename(&self.path, self.old(1))
    }

    /// After `keep` was lowered. What cannot be removed stays: it does no harm.
    fn forget_surplus(&self) {
        let mut n = self.keep.saturating_add(1);
        while std::fs::remove_file(self.old(n)).is_ok() {
            n = n.saturating_add(1);
        }
    }

    fn old(&self, n: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{n}"));
        name.into()
    }
}

/// Opens for appending. A new file is 0640; made by root it belongs to the owner of its folder, so that a command run
/// by root does not lock out the user whose passes log there. A missing folder is made, its parent is not.
fn open(path: &Path) -> std::io::Result<File> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owner = match std::fs::metadata(folder) {
        Err(why) if why.kind() == ErrorKind::NotFound => match std::fs::DirBuilder::new().mode(0o750).create(folder) {
            Err(why) if why.kind() != ErrorKind::AlreadyExists => return Err(why),
            _ => std::fs::metadata(folder)?,
        },
        found => found?,
    };
    let foreign = nix::unistd::geteuid().is_root() && owner.uid() != 0;
    // A pipe that nobody reads is an error, not a wait.
    let mut flags = OFlag::O_NONBLOCK;
    if foreign {
        // Root must not be led out of a folder that is another user's.
        flags |= OFlag::O_NOFOLLOW;
    }
    let options = || OpenOptions::new().append(true).mode(0o640).custom_flags(flags.bits()).clone();
    // Between a look and the next step another process may make the file, or rotate it away.
    let mut tries = 0;
    loop {
        match options().open(path) {
            Err(why) if why.kind() == ErrorKind::NotFound => {}
            opened => return opened,
        }
        match options().create_new(true).open(path) {
            Err(why) if why.kind() == ErrorKind::AlreadyExists && tries < OPENS_MAX => tries += 1,
            Ok(file) if foreign => {
                fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
                return Ok(file);
            }
            opened => return opened,
        }
    }
}

fn remedy(why: &std::io::Error) -> &'static str {
    match why.kind() {
        ErrorKind::PermissionDenied => "give it and its folder to the user who runs Checker",
        ErrorKind::NotFound => "make its folder, or correct [log] file in the settings",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space",
        ErrorKind::ReadOnlyFilesystem => "look why the file system is read-only (a failing disk?)",
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => "correct [log] file in the settings",
        _ => "look at its folder and at [log] file in the settings; the program goes on without",
    }
}
