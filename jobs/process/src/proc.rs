//! `/proc` as text, and each file of it with a limit. The only place that knows its forms (proc(5)).

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// No `stat` and no `status` is longer.
const TEXT_MAX: u64 = 16 * 1024;
/// So much of a command line is matched; the kernel would give 2 MiB.
const COMMAND_LINE_MAX: u64 = 64 * 1024;
/// A flag of kernel threads in `stat` (`PF_KTHREAD` of the kernel's `sched.h`).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// A `/proc`, and which process in it we are.
#[derive(Debug)]
pub(crate) struct Proc {
    root: PathBuf,
    pub(crate) own: u32,
    ticks_per_second: u64,
    page: u64,
}

/// One process as its `stat` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: u32,
    /// The kernel's name: of a program, the first 15 bytes of its file's name, unless it has renamed itself.
    pub(crate) name: String,
    /// As in proc(5): `R` running, `S` sleeping, `D` uninterruptible, `T` stopped, `t` traced, `Z` zombie, `X` dead...
    pub(crate) state: char,
    pub(crate) parent: u32,
    pub(crate) session: i64,
    pub(crate) is_kernel_thread: bool,
    /// From the start of the host to that of the process.
    pub(crate) started: Duration,
    /// Resident memory in bytes.
    pub(crate) memory: u64,
}

impl Proc {
    pub(crate) fn of_this_host() -> Self {
        Self::at(Path::new("/proc"), std::process::id())
    }

    pub(crate) fn at(root: &Path, own: u32) -> Self {
        Self {
            root: root.to_owned(),
            own,
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page: rustix::param::page_size() as u64,
        }
    }

    /// The numbers of all processes that are shown to us, at most `max`; and whether there were more.
    pub(crate) fn pids(&self, max: usize) -> io::Result<(Vec<u32>, bool)> {
        let mut pids = Vec::new();
        for entry in std::fs::read_dir(&self.root)? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if pids.len() == max {
                return Ok((pids, true));
            }
            pids.push(pid);
        }
        Ok((pids, false))
    }

    /// Time since the host has started.
    pub(crate) fn uptime(&self) -> io::Result<Duration> {
        let text = self.text("uptime", TEXT_MAX)?;
        let seconds = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
        let read = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
        read.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "uptime is no number"))
    }

    /// The memory of the host, in bytes.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let text = self.text("meminfo", TEXT_MAX)?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
        kib.and_then(|kib| kib.checked_mul(1024))
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "meminfo has no MemTotal"))
    }

    pub(crate) fn stat(&self, pid: u32) -> io::Result<Stat> {
        let text = self.text(&format!("{pid}/stat"), TEXT_MAX)?;
        self.parse_stat(pid, &text).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "stat has another form"))
    }

    /// A name may hold spaces and parentheses, as in `1 (a) S (b) R 0 ...`: it ends at the last one of the line, because
    /// only numbers follow.
    fn parse_stat(&self, pid: u32, text: &str) -> Option<Stat> {
        let (before, after) = text.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let number = |n: usize| fields.get(n).and_then(|f| f.parse::<u64>().ok());
        // Counted from the state, which is field 3 of proc(5).
        let ticks = number(19)?;
        let per_second = self.ticks_per_second;
        let nanos = u32::try_from(ticks % per_second * 1_000_000_000 / per_second).ok()?;
        Some(Stat {
            pid,
            name: name.to_owned(),
            state: fields.first()?.chars().next()?,
            parent: u32::try_from(number(1)?).ok()?,
            session: fields.get(3)?.parse().ok()?,
            is_kernel_thread: number(6)? & KERNEL_THREAD != 0,
            started: Duration::new(ticks / per_second, nanos),
            memory: number(21)?.saturating_mul(self.page),
        })
    }

    /// The words of the command line. Kernel threads and zombies have none.
    pub(crate) fn command_line(&self, pid: u32) -> io::Result<Vec<String>> {
        let text = self.text(&format!("{pid}/cmdline"), COMMAND_LINE_MAX)?;
        let text = text.trim_end_matches('\0');
        if text.is_empty() { Ok(Vec::new()) } else { Ok(text.split('\0').map(str::to_owned).collect()) }
    }

    /// The file of the program, where we may know it: those of other users are for root alone.
    pub(crate) fn executable(&self, pid: u32) -> Option<PathBuf> {
        let path = std::fs::read_link(self.root.join(pid.to_string()).join("exe")).ok()?;
        // So the kernel marks a file that was replaced while the program runs, as by an update.
        let bare = path.to_str().and_then(|text| text.strip_suffix(" (deleted)")).map(PathBuf::from);
        Some(bare.unwrap_or(path))
    }

    /// The effective user. Not the owner of the folder, which is root for a process that may not be dumped.
    pub(crate) fn user(&self, pid: u32) -> io::Result<u32> {
        let text = self.text(&format!("{pid}/status"), TEXT_MAX)?;
        let line = text.lines().find_map(|line| line.strip_prefix("Uid:"));
        let effective = line.and_then(|ids| ids.split_whitespace().nth(1)).and_then(|id| id.parse().ok());
        effective.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "status has no Uid"))
    }

    /// Whether other users' processes are hidden from us. Process 1 is always there and nearly never ours.
    pub(crate) fn hides(&self) -> bool {
        self.stat(1).is_err()
    }

    fn text(&self, name: &str, max: u64) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::open(self.root.join(name))?.take(max).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Whether a process ended while it was looked at. ESRCH comes from reading a file that was open already.
pub(crate) fn has_ended(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(nix::errno::Errno::ESRCH as i32)
}
