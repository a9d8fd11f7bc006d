//! The control socket: how passes and commands of this host speak with the daemon. One line of JSON each way.
//!
//! The socket is a file with mode 0600, and who connects must be the daemon's own user or root: the kernel says who it is.

use crate::decide::health::PassReport;
use crate::decide::status::{NodeId, Sees, Status};
use checker_job::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A line is no longer than this, either way.
pub const LINE_MAX: u64 = 4 << 20;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub enum Ask {
    /// Are you there?
    Hello,
    /// A pass has served.
    Pass {
        /// What it saw.
        report: PassReport,
        /// The program that it runs.
        program: Program,
        /// The settings that it ran on, as a digest.
        settings: String,
    },
    /// A pass has asked the peers.
    Sees {
        /// How it sees them.
        sees: Vec<Sees>,
        /// The askers that it has taken note of.
        askers: BTreeMap<NodeId, Vec<String>>,
    },
    /// A peer knows a higher number of a status of ours: go on above that.
    CountOn,
    /// What do you know?
    Status,
    /// Be away until then: peers are not to worry. `None`: we are back.
    Away {
        /// When it ends.
        until: Option<Timestamp>,
    },
    /// Something is to be told: look into the outbox.
    Drain,
}

/// Which file a program is, so that an upgrade is noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Program {
    /// The file's device.
    pub dev: u64,
    /// The file's inode.
    pub ino: u64,
    /// When it was changed last, in seconds.
    pub changed: i64,
}

/// What the daemon says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// Its process id.
    pub pid: u32,
    /// Since when it runs.
    pub started: Timestamp,
    /// Its version.
    pub version: String,
    /// The word it says on its port.
    pub word: String,
    /// The status it gives to peers, as JSON.
    pub status: Option<serde_json::Value>,
    /// What peers have pushed, with the age in seconds.
    pub pushed: Vec<(NodeId, Status, u64)>,
    /// The machines that have asked with the key of each peer since it was last told how the peers are.
    pub askers: BTreeMap<NodeId, Vec<String>>,
    /// How long it has run, in seconds, whatever the wall clock did.
    pub up_s: u64,
    /// Its duties hang: it answers, and does nothing else.
    pub hangs: bool,
    /// What it could not do, in a sentence.
    pub problem: Option<String>,
}

/// Asks the daemon at this socket.
///
/// # Errors
/// A few words that say why there is no answer.
pub fn ask(socket: &Path, ask: &Ask, within: Duration) -> Result<Answer, String> {
    exchange(socket, ask, within).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => format!("there is no socket {}", socket.display()),
        io::ErrorKind::ConnectionRefused => format!("nobody listens at {}", socket.display()),
        io::ErrorKind::PermissionDenied => {
            format!("{} belongs to another user; run this as that user", socket.display())
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("no answer at {} within {} s", socket.display(), within.as_secs())
        }
        _ => format!("{}: {e}", socket.display()),
    })
}

fn exchange(socket: &Path, ask: &Ask, within: Duration) -> io::Result<Answer> {
    let mut stream = connect(socket)?;
    stream.set_read_timeout(Some(within))?;
    stream.set_write_timeout(Some(within))?;
    let mut line = serde_json::to_string(ask).map_err(io::Error::other)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream.take(LINE_MAX)).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::other("it hung up without an answer"));
    }
    serde_json::from_str(&answer).map_err(|e| io::Error::other(format!("its answer is none: {e}")))
}

/// A daemon that is frozen accepts nobody: once its queue is full, a usual connect would wait for ever.
fn connect(socket: &Path) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&fd, &SocketAddrUnix::new(socket)?)?;
    let stream = UnixStream::from(fd);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

impl Program {
    /// The one that runs.
    pub fn running() -> Self {
        Self::of(Path::new("/proc/self/exe")).unwrap_or_default()
    }

    /// The one in this file; `None` if there is none.
    pub fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(file).ok().map(|m| Self { dev: m.dev(), ino: m.ino(), changed: m.mtime() })
    }

    /// Where an upgrade puts the next one: the file that this one was started from, or the running one itself if nothing is
    /// there any more.
    pub fn file() -> PathBuf {
        let started = std::env::current_exe().map(undeleted).ok();
        started.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from("/proc/self/exe"))
    }
}

/// The kernel marks the path of a file that was replaced.
fn undeleted(path: PathBuf) -> PathBuf {
    path.to_str().and_then(|text| text.strip_suffix(" (deleted)")).map(PathBuf::from).unwrap_or(path)
}
