//! Finds a program, judges whether it may be run, and starts it.

use super::group::Group;
use super::{DEFAULT_PATH, Program, RUN_VARIABLE};
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, geteuid};
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Why a program could not be started. Each says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// There is no program: the list of words is empty, or its first word is.
    Empty,
    /// The program is a relative path, which would depend on where Checker was started.
    Relative {
        /// As given.
        program: String,
    },
    /// There is no such file.
    Missing {
        /// As given.
        program: String,
        /// Where it was looked for, if it was given without a path.
        path: Option<String>,
    },
    /// The file is there, but this user may not execute it.
    NotExecutable {
        /// The file.
        file: PathBuf,
    },
    /// The file is executable, but neither a program of this machine nor a script with a first line `#!`.
    NotAProgram {
        /// The file.
        file: PathBuf,
    },
    /// The script's first line names an interpreter that is not there.
    NoInterpreter {
        /// The script.
        file: PathBuf,
        /// What stands behind `#!`.
        interpreter: String,
    },
    /// The working directory is not there, or is not a directory.
    NoDirectory {
        /// As given.
        directory: PathBuf,
    },
    /// We are root, and others may change this file or directory, so that whoever does is root too.
    OpenToOthers {
        /// The program.
        file: PathBuf,
        /// What others may write to.
        open: PathBuf,
    },
    /// A cause of this host: no memory, no free process, a disk that hangs.
    System {
        /// The program, as given.
        program: String,
        /// What the system said.
        error: String,
        /// Whether the system has run out of something: handles, memory, processes.
        shortage: bool,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "no program is given; name one"),
            Self::Relative { program } => write!(f, "{program} is a relative path; write the whole path, from / on"),
            Self::Missing { program, path: None } if program.contains(' ') => {
                write!(f, "there is no program {program}; if arguments were meant, give each as a word of its own")
            }
            Self::Missing { program, path: None } => {
                write!(f, "there is no program {program}; install it or mend the path")
            }
            Self::Missing { program, path: Some(path) } => {
                write!(f, "there is no program {program} in {path}; install it or write its whole path")
            }
            Self::NotExecutable { file } => write!(
                f,
                "this user may not execute {0}; try chmod +x {0}, and see that its disk is not mounted noexec",
                file.display()
            ),
            Self::NotAProgram { file } => write!(
                f,
                "{} is no program of this machine, nor a script whose first line is like #!/bin/sh",
                file.display()
            ),
            Self::NoInterpreter { file, interpreter } => write!(
                f,
                "{} wants to be run by {interpreter}, which is not there; install it or mend the first line",
                file.display()
            ),
            Self::NoDirectory { directory } => write!(
                f,
                "there is no directory {} that this user may enter; create it or mend the key",
                directory.display()
            ),
            Self::OpenToOthers { file, open } => write!(
                f,
                "{} is not run as root, because everyone may write to {1}; try chmod o-w {1}",
                file.display(),
                open.display()
            ),
            Self::System { program, error, .. } => {
                write!(f, "{program} could not be started: {error}")
            }
        }
    }
}

impl std::error::Error for StartError {}

impl StartError {
    /// A cause of this host, not of the program.
    pub(super) fn system(argv: &[String], error: &io::Error) -> Self {
        let shortage = matches!(
            error.raw_os_error().map(Errno::from_raw),
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::EAGAIN)
        );
        Self::System { program: argv.first().cloned().unwrap_or_default(), error: error.to_string(), shortage }
    }

    /// Whether this host has run out of what it takes.
    pub fn is_shortage(&self) -> bool {
        matches!(self, Self::System { shortage: true, .. })
    }

    /// The start did not return in time.
    pub(super) fn stuck(argv: &[String]) -> Self {
        Self::System {
            program: argv.first().cloned().unwrap_or_default(),
            error: "its start did not return in time; does its disk answer?".to_owned(),
            shortage: false,
        }
    }

    /// Somebody else took the exit status, or the starting thread died.
    pub(super) fn lost(argv: &[String]) -> Self {
        Self::System {
            program: argv.first().cloned().unwrap_or_default(),
            error: "what became of it was lost".to_owned(),
            shortage: false,
        }
    }
}

/// If the memory of this host runs out, the system is to end the child before us. Best effort: it may have ended already.
fn goes_first(child: u32) {
    drop(fs::write(format!("/proc/{child}/oom_score_adj"), "500"));
}

/// Starts `program` as the leader of a new process group. Blocks.
pub(super) fn start(program: &Program, run_id: &str) -> Result<Group, StartError> {
    let file = find(program)?;
    let directory = program.directory.as_deref().unwrap_or(Path::new("/"));
    if !directory.is_dir() || access(directory, AccessFlags::X_OK).is_err() {
        return Err(StartError::NoDirectory { directory: directory.to_owned() });
    }
    if geteuid().is_root()
        && let Some(open) = open_to_others(&file)
    {
        return Err(StartError::OpenToOthers { file, open });
    }
    let mut command = command(program, run_id, &file, directory);
    let mut tries = 0;
    let child = loop {
        match command.spawn() {
            Ok(child) => {
                crate::handles::give_back(child.id());
                goes_first(child.id());
                break child;
            }
            // The file is just being written, as in an upgrade.
            Err(e) if e.raw_os_error() == Some(Errno::ETXTBSY as i32) && tries < 10 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(e) => return Err(why_not(program, file, &e)),
        }
    };
    Group::of(child).ok_or_else(|| StartError::lost(&program.argv))
}

fn command(program: &Program, run_id: &str, file: &Path, directory: &Path) -> Command {
    let home = std::env::var_os("HOME").unwrap_or_else(|| "/".into());
    let stdin = if program.input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut command = Command::new(file);
    command
        .args(program.argv.iter().skip(1))
        .current_dir(directory)
        .env_clear()
        .env("PATH", DEFAULT_PATH)
        .env("LANG", "C.UTF-8")
        .env("HOME", home)
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .env(RUN_VARIABLE, run_id)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// The file to execute: an absolute path as it is, a bare name out of the child's `PATH`.
fn find(program: &Program) -> Result<PathBuf, StartError> {
    let name = program.argv.first().map_or("", String::as_str);
    if name.is_empty() {
        return Err(StartError::Empty);
    }
    if name.starts_with('/') {
        let file = PathBuf::from(name);
        return match fs::metadata(&file) {
            Ok(meta) if meta.is_file() && access(&file, AccessFlags::X_OK).is_ok() => Ok(file),
            Ok(_) => Err(StartError::NotExecutable { file }),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Err(StartError::NotExecutable { file }),
            Err(_) => Err(StartError::Missing { program: name.to_owned(), path: None }),
        };
    }
    if name.contains('/') {
        return Err(StartError::Relative { program: name.to_owned() });
    }
    let given = program.env.iter().rev().find(|(key, _)| key == "PATH");
    let path = given.map_or(DEFAULT_PATH, |(_, value)| value);
    let mut denied = None;
    for folder in path.split(':').filter(|folder| folder.starts_with('/')) {
        let file = Path::new(folder).join(name);
        if !file.is_file() {
            continue;
        }
        if access(&file, AccessFlags::X_OK).is_ok() {
            return Ok(file);
        }
        denied.get_or_insert(file);
    }
    Err(match denied {
        Some(file) => StartError::NotExecutable { file },
        None => StartError::Missing { program: name.to_owned(), path: Some(path.to_owned()) },
    })
}

/// What the system's refusal to execute `file`, which is there, means.
fn why_not(program: &Program, file: PathBuf, error: &io::Error) -> StartError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EACCES | Errno::EPERM) => StartError::NotExecutable { file },
        Some(Errno::ENOEXEC) => StartError::NotAProgram { file },
        Some(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => match interpreter(&file) {
            Some(interpreter) => StartError::NoInterpreter { file, interpreter },
            // A program for another C library or machine: its loader is what is missing.
            None if file.is_file() => StartError::NotAProgram { file },
            None => StartError::Missing { program: file.display().to_string(), path: None },
        },
        _ => StartError::system(&program.argv, error),
    }
}

/// What stands behind `#!` in the first line.
fn interpreter(file: &Path) -> Option<String> {
    let mut head = Vec::new();
    fs::File::open(file).ok()?.take(256).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let line = head.strip_prefix("#!")?.split('\n').next()?;
    // A script written on Windows asks for an interpreter whose name ends in a carriage return.
    let shown = line.trim_matches([' ', '\t']).replace('\r', "\\r");
    Some(shown.split_whitespace().next()?.to_owned())
}

/// The file itself, or a directory above it, if everyone may write to it and so replace what we run. A sticky directory
/// such as `/tmp` lets only owners replace what is theirs, and is no such place.
pub fn open_to_others(file: &Path) -> Option<PathBuf> {
    let file = fs::canonicalize(file).ok()?;
    let open = file.ancestors().enumerate().find(|(up, place)| {
        fs::metadata(place).is_ok_and(|meta| {
            let sticky = *up > 0 && meta.mode() & 0o1000 != 0;
            meta.mode() & 0o002 != 0 && !sticky
        })
    });
    open.map(|(_, place)| place.to_owned())
}
