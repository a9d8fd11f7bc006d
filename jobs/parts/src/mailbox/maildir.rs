//! The same in a maildir on this host (Maildir++: `cur` and `new`, and folders beside them whose names begin with a dot).
//!
//! That a message lies here proves delivery on this host, and nothing about the way into the world.
//!
//! Nothing is followed out of the maildir: a folder or message that is a symbolic link is none. Of each folder the newest
//! 2,000 messages are read, the newest by when the file was last changed or renamed, which nobody can set; and of each
//! message the header, 64 KiB at most. The deadline is asked for between messages, so a network file system that has died
//! may hold the caller for longer: call this where that does no harm.

use super::error::{LookError, Why};
use super::folders::{self, Place};
use super::header::{self, Header};
use super::until::Until;
use super::{Cleaned, Looked, Sighting, Skipped, Token};
use jiff::Timestamp;
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// Messages of a folder that are read.
const NEWEST: usize = 2_000;
/// Names of a folder that are looked at to find the newest.
const NAMES_MAX: usize = 100_000;
const FOLDERS_MAX: usize = 200;
const HEADER_MAX: usize = 64 << 10;
/// A folder is read again when messages were renamed meanwhile.
const ATTEMPTS: usize = 3;

/// Looks for `tokens` in all folders of the maildir at `path`. Changes nothing there.
///
/// # Errors
/// [`LookError`]: it could not be looked at, so nothing is known about any token.
pub fn look(path: &Path, tokens: &[Token], deadline: Instant) -> Result<Looked, LookError> {
    let mut looked = Looked::default();
    let skipped = visit(path, tokens, deadline, |hit| {
        looked.sightings.extend(hit.carried.iter().map(|token| Sighting {
            token: token.text.clone(),
            folder: hit.folder.shown.clone(),
            place: hit.folder.place,
            by_name: hit.folder.place != Place::Inbox && hit.folder.place != Place::Other,
            received: hit.header.received,
            internal_date: hit.delivered,
            proof: hit.header.proof.clone(),
        }));
        Ok(())
    });
    looked.skipped = skipped.map_err(|why| error(path, why))?;
    Ok(looked)
}

/// Removes the messages that carry one of `tokens`, and no others, from the maildir at `path`.
///
/// # Errors
/// [`LookError`]: it could not be looked at. What was done before stays done.
pub fn clean(path: &Path, tokens: &[Token], deadline: Instant) -> Result<Cleaned, LookError> {
    let mut cleaned = Cleaned::default();
    let skipped = visit(path, tokens, deadline, |hit| {
        let gone = unlinkat(hit.messages, hit.name, UnlinkatFlags::NoRemoveDir);
        match gone {
            Ok(()) => cleaned.removed += 1,
            Err(Errno::ENOENT) => {}
            Err(_) => cleaned.left += 1,
        }
        gone
    });
    cleaned.skipped = skipped.map_err(|why| error(path, why))?;
    Ok(cleaned)
}

struct Folder {
    shown: String,
    place: Place,
}

/// A message that carries tokens.
struct Hit<'a> {
    folder: &'a Folder,
    messages: BorrowedFd<'a>,
    name: &'a CStr,
    header: Header,
    carried: Vec<&'a Token>,
    delivered: Option<Timestamp>,
}

fn error(path: &Path, why: Why) -> LookError {
    LookError::new(&format!("maildir {}", path.display()), why)
}

/// Calls `found` with each message that carries one of `tokens`, once.
fn visit(
    path: &Path,
    tokens: &[Token],
    deadline: Instant,
    mut found: impl FnMut(Hit<'_>) -> Result<(), Errno>,
) -> Result<Vec<Skipped>, Why> {
    let until = Until::new(deadline);
    let root =
        open(path, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_RDONLY, Mode::empty()).map_err(unreadable)?;
    let mut skipped = Vec::new();
    let inbox = Folder { shown: "INBOX".to_owned(), place: Place::Inbox };
    if let Some(why) = visit_folder(&root, &inbox, tokens, &until, &mut found)? {
        skipped.push(Skipped { folder: inbox.shown, why });
    }
    let names = folder_names(&root).map_err(unreadable)?;
    for (at, name) in names.iter().enumerate() {
        let shown = folders::decoded(&String::from_utf8_lossy(name.to_bytes().get(1..).unwrap_or_default()));
        let place = shown.rsplit('.').next().and_then(folders::well_known).unwrap_or(Place::Other);
        let folder = Folder { shown, place };
        let why = if at < FOLDERS_MAX {
            match directory(&root, name) {
                Ok(fd) => visit_folder(&fd, &folder, tokens, &until, &mut found)?,
                // A link, or a file that looks like a folder: none of the maildir's.
                Err(Errno::ELOOP | Errno::ENOTDIR | Errno::ENOENT) => None,
                Err(e) => Some(e.desc().to_owned()),
            }
        } else {
            Some(format!("not looked at: the maildir has more than {FOLDERS_MAX} folders"))
        };
        skipped.extend(why.map(|why| Skipped { folder: folder.shown, why }));
    }
    Ok(skipped)
}

/// Visits `new` and `cur` of a folder, in this order: mail moves from the first to the second. `Some` says what could not be
/// done; without the inbox nothing can be said.
fn visit_folder(
    folder_fd: &OwnedFd,
    folder: &Folder,
    tokens: &[Token],
    until: &Until,
    found: &mut impl FnMut(Hit<'_>) -> Result<(), Errno>,
) -> Result<Option<String>, Why> {
    let mut seen = BTreeSet::new();
    let mut trouble = None;
    for sub in [c"new", c"cur"] {
        let messages = match directory(folder_fd, sub) {
            Ok(fd) => fd,
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) if folder.place == Place::Inbox => {
                let sub = sub.to_string_lossy();
                return Err(Why::Unreadable(format!("is no maildir, it has no folder {sub}; correct the key path")));
            }
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => continue,
            Err(e) if folder.place == Place::Inbox => return Err(unreadable(e)),
            Err(e) => return Ok(Some(e.desc().to_owned())),
        };
        for _ in 0..ATTEMPTS {
            let (names, cut) = newest(&messages).map_err(unreadable)?;
            if cut {
                trouble = Some(format!("only {NAMES_MAX} of its files were looked at"));
            }
            let mut renamed = false;
            for name in &names {
                until.left().ok_or_else(|| Why::Slow("its messages".to_owned()))?;
                match visit_message(&messages, name, folder, tokens, &mut seen, found) {
                    Ok(()) => {}
                    Err((_, Errno::ENOENT)) => renamed = true,
                    Err((what, e)) => trouble = Some(format!("{what}: {}", e.desc())),
                }
            }
            if !renamed {
                break;
            }
        }
    }
    Ok(trouble)
}

/// Reads a message, unless it was met before. An error says what could not be done.
fn visit_message(
    messages: &OwnedFd,
    name: &CStr,
    folder: &Folder,
    tokens: &[Token],
    seen: &mut BTreeSet<Vec<u8>>,
    found: &mut impl FnMut(Hit<'_>) -> Result<(), Errno>,
) -> Result<(), (&'static str, Errno)> {
    // What stands behind the colon are flags; the rest stays for a message's whole life.
    let id = name.to_bytes().split(|&b| b == b':').next().unwrap_or_default().to_vec();
    if seen.contains(&id) {
        return Ok(());
    }
    let read = read_header(messages, name).map_err(|e| ("a message cannot be read", e))?;
    let done = match read {
        Some((header, delivered)) if tokens.iter().any(|t| header.carries(t)) => {
            let carried = tokens.iter().filter(|t| header.carries(t)).collect();
            found(Hit { folder, messages: messages.as_fd(), name, header, carried, delivered })
        }
        _ => Ok(()),
    };
    // Who is gone under this name may have another one now, and is met again.
    if done != Err(Errno::ENOENT) {
        seen.insert(id);
    }
    done.map_err(|e| ("a message of ours cannot be removed", e))
}

fn unreadable(errno: Errno) -> Why {
    let remedy = match errno {
        Errno::ENOENT | Errno::ENOTDIR => "correct the key path",
        Errno::EACCES | Errno::EPERM => "run checker as the user who reads this mail, or let it into the folders",
        _ => "look at the file system",
    };
    Why::Unreadable(format!("cannot be read: {}; {remedy}", errno.desc()))
}

fn directory(parent: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    openat(parent, name, OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_RDONLY, Mode::empty())
}

/// The names of an open folder, read by a handle of its own.
fn entries(folder: &OwnedFd) -> Result<Dir, Errno> {
    Dir::from_fd(openat(folder, c".", OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_RDONLY, Mode::empty())?)
}

/// The folders beside the inbox, sorted.
fn folder_names(root: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in entries(root)?.iter().take(NAMES_MAX) {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.to_bytes();
        if bytes.len() > 1 && bytes.starts_with(b".") && bytes != b".." {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The newest files of a folder, and whether there were more names than are looked at.
fn newest(messages: &OwnedFd) -> Result<(Vec<CString>, bool), Errno> {
    let mut files: Vec<((i64, i64), CString)> = Vec::new();
    let mut cut = false;
    for (at, entry) in entries(messages)?.iter().enumerate() {
        let entry = entry?;
        let name = entry.file_name();
        let file = matches!(entry.file_type(), Some(Type::File) | None);
        if !file || name.to_bytes().starts_with(b".") {
            continue;
        }
        cut = at >= NAMES_MAX;
        if cut {
            break;
        }
        if let Ok(meta) = fstatat(messages, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            files.push(((meta.st_ctime, meta.st_ctime_nsec), name.to_owned()));
        }
    }
    files.sort_unstable_by(|a, b| b.cmp(a));
    files.truncate(NEWEST);
    Ok((files.into_iter().map(|(_, name)| name).collect(), cut))
}

/// Header and time of delivery; `None` if it is no plain file.
fn read_header(messages: &OwnedFd, name: &CStr) -> Result<Option<(Header, Option<Timestamp>)>, Errno> {
    // A pipe in a maildir must not hold us.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let fd = match openat(messages, name, flags, Mode::empty()) {
        Err(Errno::ELOOP) => return Ok(None),
        other => other?,
    };
    let meta = fstat(&fd)?;
    if SFlag::from_bits_truncate(meta.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Ok(None);
    }
    let mut file = File::from(fd);
    let mut raw = Vec::new();
    let mut part = [0; 8192];
    while raw.len() < HEADER_MAX {
        let count = file.read(&mut part).map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(Errno::EIO as i32)))?;
        let begin = raw.len().saturating_sub(2);
        raw.extend_from_slice(part.get(..count).unwrap_or_default());
        let ended = raw.get(begin..).unwrap_or_default().windows(3).any(|w| w.starts_with(b"\n\n") || w == b"\n\r\n");
        if count == 0 || ended {
            break;
        }
    }
    Ok(Some((header::read(&raw), Timestamp::from_second(meta.st_mtime).ok())))
}

#[cfg(test)]
mod tests;
