//! The file in which a daemon notes its number, and the classic lie: a file that was left behind.

use crate::look::{self, Fault, Look, is_forbidden};
use crate::proc::{Proc, Stat, has_ended};
use crate::select::Select;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// A longer file is none of these; that of `PostgreSQL` has some lines more.
const FILE_MAX: u64 = 4 * 1024;

/// Why there is no process to judge.
pub(crate) enum Stop {
    /// The target is at fault.
    Bad(String),
    /// We could not look.
    Ours(Fault),
}

/// The process that `file` names, if it is the one that is meant.
pub(crate) fn look(proc: &Proc, file: &Path, select: &Select) -> Result<Look, Stop> {
    let user = look::user_id(select).map_err(Stop::Ours)?;
    let look = look::host(proc).map_err(Stop::Ours)?;
    let pid = number(file)?;
    named(&Named { file, pid, select, fits: &|stat| look::fits(proc, select, user, stat) }, look, proc.stat(pid))
}

/// The number that a file holds, and who that should be.
pub(crate) struct Named<'a> {
    pub(crate) file: &'a Path,
    pub(crate) pid: u32,
    pub(crate) select: &'a Select,
    /// Whether a process is meant, as in [`look::fits`].
    pub(crate) fits: &'a dyn Fn(&Stat) -> io::Result<bool>,
}

/// What is to be judged of the process with that number. `look` is that of the host.
pub(crate) fn named(named: &Named<'_>, mut look: Look, stat: io::Result<Stat>) -> Result<Look, Stop> {
    let Named { file, pid, select, fits } = *named;
    let shown = file.display();
    let stale = "the file was left behind";
    let stat = match stat {
        Ok(stat) => stat,
        Err(error) if has_ended(&error) && !look.hidden => {
            return Err(Stop::Bad(format!("process {pid}, which {shown} names, does not run: {stale}")));
        }
        Err(_) if look.hidden => return Err(Stop::Ours(hidden(&format!("process {pid} (named by {shown})")))),
        Err(error) => return Err(Stop::Ours(Fault::of(format!("process {pid} cannot be looked at: {error}")))),
    };
    match fits(&stat) {
        Ok(true) => {}
        // It has no command line any more by which it could be told.
        Ok(false) if stat.has_died() => {}
        Ok(false) => {
            let (name, words) = (&stat.name, select.words());
            return Err(Stop::Bad(format!(
                "process {pid}, which {shown} names, is {name:?} and not a process{words}: {stale}, and the number has \
                 been given to another"
            )));
        }
        Err(error) if has_ended(&error) => {
            return Err(Stop::Bad(format!("process {pid}, which {shown} names, has just ended")));
        }
        Err(error) if is_forbidden(&error) => {
            return Err(Stop::Ours(hidden(&format!("process {pid} (named by {shown})"))));
        }
        Err(error) => return Err(Stop::Ours(Fault::of(format!("process {pid} cannot be looked at: {error}")))),
    }
    look.found.push(stat);
    look.hidden = false;
    Ok(look)
}

/// What hinders us where other users' processes are not shown.
pub(crate) fn hidden(whom: &str) -> Fault {
    let cause = "other users' processes are hidden from Checker (hidepid= of /proc, or ProtectProc= of its unit)";
    let remedy =
        "mount /proc with gid= of a group of Checker's user, take ProtectProc= out, or set `user` if they are its own";
    Fault { cause: cause.to_owned(), sentence: format!("{whom} may run, but {cause}; {remedy}") }
}

fn number(file: &Path) -> Result<u32, Stop> {
    let shown = file.display();
    let text = match read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let sentence = format!("{shown} is not there: the daemon does not run, or notes its number elsewhere");
            return Err(Stop::Bad(sentence));
        }
        Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(Stop::Bad(format!("{shown} {error}"))),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let cause = "Checker's user may not read a file that it should check".to_owned();
            return Err(Stop::Ours(Fault {
                cause,
                sentence: format!(
                    "Checker's user may not read {shown}; give it leave (docs/operating.md, \"What some kinds need\")"
                ),
            }));
        }
        Err(error) => return Err(Stop::Ours(Fault::of(format!("{shown} cannot be read: {error}")))),
    };
    let first = text.trim_start().lines().next().unwrap_or_default().trim();
    if first.is_empty() {
        return Err(Stop::Bad(format!(
            "{shown} is empty: the daemon has not written its number, or the disk was full"
        )));
    }
    // 0 is nobody's number.
    first.parse().ok().filter(|pid| *pid > 0).ok_or_else(|| {
        let head: String = first.chars().take(40).collect();
        Stop::Bad(format!("{shown} holds {head:?} and not the number of a process"))
    })
}

fn read(file: &Path) -> io::Result<String> {
    // A named pipe would block whoever opens it.
    if !std::fs::metadata(file)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
