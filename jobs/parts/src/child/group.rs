//! A started child and its process group.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, geteuid, getpgid, getpgrp};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// A child that leads a process group of its own. Dropped before it was reaped, it kills the group.
#[derive(Debug)]
pub(super) struct Group {
    child: Option<Child>,
    leader: Pid,
}

impl Group {
    /// Takes over a child that was started as the leader of a new group. `None` for a pid beyond the kernel's range.
    pub(super) fn of(child: Child) -> Option<Self> {
        let leader = Pid::from_raw(i32::try_from(child.id()).ok()?);
        Some(Self { child: Some(child), leader })
    }

    /// Our ends of its stdin, stdout and stderr; each is given once.
    pub(super) fn pipes(&mut self) -> (Option<OwnedFd>, Option<OwnedFd>, Option<OwnedFd>) {
        let Some(child) = &mut self.child else {
            return (None, None, None);
        };
        (
            child.stdin.take().map(OwnedFd::from),
            child.stdout.take().map(OwnedFd::from),
            child.stderr.take().map(OwnedFd::from),
        )
    }

    /// Sends `signal` to the whole group. That the group is gone already is no fault.
    pub(super) fn signal(&self, signal: Signal) {
        if self.child.is_some() {
            killpg(self.leader, signal).ok();
        }
    }

    /// Returns when the leader has ended, and leaves it unreaped.
    ///
    /// It asks now and then, soon at first and later every 50 ms. A child that ends closes its pipes too, and whoever
    /// sees that calls this anew; so only a child whose output is held open by another is noticed late. A signal handler
    /// or a process handle would save these calls, but needs a global state or code that this project does without.
    pub(super) async fn leader_ended(&self) {
        let ask = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        let mut pause = Duration::from_millis(1);
        while let Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) = waitid(Id::Pid(self.leader), ask) {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// The leader's exit status, once it has ended. After this the group can be signalled no more.
    pub(super) fn reap(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten();
        if status.is_some() {
            self.child = None;
        }
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        let Some(mut child) = self.child.take() else {
            return;
        };
        if !matches!(child.try_wait(), Ok(Some(_))) {
            // A process stuck in the kernel dies late. A thread may wait for that; nobody else should.
            std::thread::Builder::new().name("reap".to_owned()).spawn(move || child.wait()).ok();
        }
    }
}

/// How long those who were killed may take to die.
const DYING: Duration = Duration::from_millis(500);

/// Kills (SIGKILL) every process group that holds a process of one of these runs, and says how many groups that were.
/// Such a process is known by `CHECKER_RUN` in its environment, so children in groups and sessions of their own are found
/// too. Only processes of our own user are looked at, and our own group is never killed.
///
/// To be called before the claims of a dead pass are freed, so that no job runs twice at once: it comes back when none of
/// them lives, or after half a second; whoever is stuck in the kernel dies later. Reads `/proc` and blocks.
pub fn kill_groups_of_runs(run_ids: &[String]) -> usize {
    let mut killed = BTreeSet::new();
    let (until, mut pause) = (Instant::now() + DYING, Duration::from_millis(1));
    loop {
        // Anew each time: who forks while we look may be missed once.
        let living = groups_of_runs(run_ids);
        if living.is_empty() || Instant::now() >= until {
            return killed.len();
        }
        killed.extend(living.into_iter().filter(|group| killpg(Pid::from_raw(*group), Signal::SIGKILL).is_ok()));
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// The process groups that hold a process of one of these runs; never our own group.
pub(super) fn groups_of_runs(run_ids: &[String]) -> BTreeSet<i32> {
    let wanted: BTreeSet<Vec<u8>> =
        run_ids.iter().map(|id| format!("{}={id}", super::RUN_VARIABLE).into_bytes()).collect();
    let (user, own) = (geteuid().as_raw(), getpgrp());
    let mut groups = BTreeSet::new();
    if wanted.is_empty() {
        return groups;
    }
    let Ok(processes) = fs::read_dir("/proc") else {
        return groups;
    };
    for entry in processes.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        if entry.metadata().map(|m| m.uid()).ok() != Some(user) || !carries(pid, &wanted) {
            continue;
        }
        // Groups 0 and 1 are the kernel's and init's: to signal them would hit everyone.
        match getpgid(Some(Pid::from_raw(pid))) {
            Ok(group) if group != own && group.as_raw() > 1 => {
                groups.insert(group.as_raw());
            }
            _ => {}
        }
    }
    groups
}

fn carries(pid: i32, wanted: &BTreeSet<Vec<u8>>) -> bool {
    const ENVIRONMENT_MAX: u64 = 4 * 1024 * 1024;
    let mut bytes = Vec::new();
    let Ok(file) = File::open(format!("/proc/{pid}/environ")) else {
        return false;
    };
    // A process that ends while it is read gives an error and what was read before: enough to judge it.
    file.take(ENVIRONMENT_MAX).read_to_end(&mut bytes).ok();
    bytes.split(|b| *b == 0).any(|entry| wanted.contains(entry))
}
