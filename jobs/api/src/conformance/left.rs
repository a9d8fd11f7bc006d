//! What runs leave behind in this process: children, threads, file handles.

use std::fs;
use std::time::{Duration, Instant};

/// What ends by itself has this long for it.
const SETTLED: Duration = Duration::from_secs(5);

/// What there is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    children: usize,
    threads: usize,
    handles: usize,
}

impl Left {
    pub(super) fn now() -> Self {
        let count = |folder: &str| fs::read_dir(folder).map_or(0, Iterator::count);
        Self { children: children(), threads: count("/proc/self/task"), handles: count("/proc/self/fd") }
    }

    /// `what` may have left nothing behind, once all has settled.
    pub(super) fn nothing_new(self, what: &str) -> Result<(), String> {
        let until = Instant::now() + SETTLED;
        loop {
            let now = Self::now();
            let more = [
                (now.children > self.children, "a child process: kill and wait for it where the future is dropped"),
                (
                    now.threads > self.threads,
                    "a thread that runs on: end it where the future is dropped, or on cx.cancel",
                ),
                (now.handles > self.handles, "an open file handle: close it where the future is dropped"),
            ];
            let Some((_, which)) = more.into_iter().find(|(is, _)| *is) else { return Ok(()) };
            if Instant::now() > until {
                return Err(format!("{what} left behind {which} ({self:?} became {now:?})"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Processes whose parent this one is, dead ones that nobody waited for among them.
fn children() -> usize {
    let own = std::process::id().to_string();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_child = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)).is_some_and(|parent| parent == own)
    };
    let pids = all.filter_map(|e| e.file_name().into_string().ok()).filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
    pids.filter(|pid| is_child(pid)).count()
}
