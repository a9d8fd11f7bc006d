//! What this kind reads of `/proc`, by `checker_parts::procfs` within bounds. The only place here that knows its forms (proc(5)).

use checker_parts::procfs;
use nix::time::{ClockId, clock_gettime};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A flag of kernel threads in `stat` (`PF_KTHREAD` of the kernel's `sched.h`).
const KERNEL_THREAD: u64 = 0x0020_0000;

/// A `/proc`, and which process in it we are.
#[derive(Debug)]
pub(crate) struct Proc {
    root: PathBuf,
    pub(crate) own: u32,
    /// Time since the host has started, by the clock that `stat` counts in. Not `/proc/uptime`: containers (lxcfs) put the time
    /// since their own start there, and leave `stat` as it is.
    pub(crate) since_boot: Duration,
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

impl Stat {
    /// Whether it is a zombie, or about to vanish.
    pub(crate) fn has_died(&self) -> bool {
        "ZXx".contains(self.state)
    }
}

impl Proc {
    pub(crate) fn of_this_host() -> Self {
        // Linux always has this clock.
        let since_boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
        Self::at(Path::new("/proc"), std::process::id(), since_boot)
    }

    /// One of files, in which we are the process `own`, `since_boot` after the start of the host.
    pub(crate) fn at(root: &Path, own: u32, since_boot: Duration) -> Self {
        Self {
            root: root.to_owned(),
            own,
            since_boot,
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

    /// The memory of the host, in bytes.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let text = self.text("meminfo")?;
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
        kib.and_then(|kib| kib.checked_mul(1024))
            .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "meminfo has no MemTotal"))
    }

    pub(crate) fn stat(&self, pid: u32) -> io::Result<Stat> {
        let text = self.text(&format!("{pid}/stat"))?;
        let read = procfs::Stat::parse(text.as_bytes()).and_then(|stat| self.in_units(stat));
        read.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "stat has another form"))
    }

    /// Ticks as time, and pages as bytes.
    fn in_units(&self, stat: procfs::Stat) -> Option<Stat> {
        let procfs::Stat { pid, name, state, parent, session, flags, started, pages } = stat;
        let per_second = self.ticks_per_second;
        let nanos = u32::try_from(started % per_second * 1_000_000_000 / per_second).ok()?;
        Some(Stat {
            pid,
            name: name.to_string_lossy().into_owned(),
            state,
            parent,
            session,
            is_kernel_thread: flags & KERNEL_THREAD != 0,
            started: Duration::new(started / per_second, nanos),
            memory: pages.saturating_mul(self.page),
        })
    }

    /// The words of the command line, of which the first 64 KiB are kept. Kernel threads and zombies have none.
    pub(crate) fn command_line(&self, pid: u32) -> io::Result<Vec<String>> {
        let text = self.text(&format!("{pid}/cmdline"))?;
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
        let text = self.text(&format!("{pid}/status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Uid:"));
        let effective = line.and_then(|ids| ids.split_whitespace().nth(1)).and_then(|id| id.parse().ok());
        effective.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "status has no Uid"))
    }

    fn text(&self, name: &str) -> io::Result<String> {
        procfs::read(&self.root.join(name))
    }
}

/// Whether a process ended while it was looked at. ESRCH comes from reading a file that was open already.
pub(crate) fn has_ended(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(nix::errno::Errno::ESRCH as i32)
}
