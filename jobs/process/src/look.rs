//! Finds the processes that are meant.

use crate::proc::{Proc, Stat, has_ended};
use crate::select::{Closer, Select};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::time::Duration;

/// More processes than this are not looked at.
const PROCESSES_MAX: usize = 100_000;
/// Parents that are followed; deeper is a loop, from numbers that were given anew in between.
const DEPTH_MAX: usize = 1_000;

/// What is judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    /// Those that are meant, by number.
    pub(crate) found: Vec<Stat>,
    /// Whether other users' processes may be hidden from us.
    pub(crate) hidden: bool,
    /// Time since the host has started.
    pub(crate) since_boot: Duration,
    /// When process 1 started, after the host: in a container, that is the start of the container. 0 if it is hidden.
    pub(crate) first: Duration,
    /// The memory of the host in bytes; 0 if it is not known.
    pub(crate) memory: u64,
}

/// Why we could not look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Worded alike for all jobs that it hinders.
    pub(crate) cause: String,
    pub(crate) sentence: String,
}

impl Fault {
    pub(crate) fn of(cause: impl Into<String>) -> Self {
        let cause = cause.into();
        Self { sentence: cause.clone(), cause }
    }

    fn reading(what: &str, error: &io::Error) -> Self {
        Self::of(format!("{what} cannot be read: {error}; is /proc mounted?"))
    }
}

/// The number of the wanted user. Names are looked up at each run, as users come and go.
pub(crate) fn user_id(select: &Select) -> Result<Option<u32>, Fault> {
    let Some(user) = &select.user else { return Ok(None) };
    if let Ok(number) = user.parse() {
        return Ok(Some(number));
    }
    match nix::unistd::User::from_name(user) {
        Ok(Some(user)) => Ok(Some(user.uid.as_raw())),
        Ok(None) => Err(Fault::of(format!("there is no user {user} on this host; mend the key user"))),
        Err(error) => Err(Fault::of(format!("the user {user} cannot be looked up: {error}"))),
    }
}

/// The host itself, without any process.
pub(crate) fn host(proc: &Proc) -> Result<Look, Fault> {
    // A /proc without us is none, or that of another container: what it shows says nothing.
    proc.stat(proc.own).map_err(|e| Fault::reading("Checker's own process in /proc", &e))?;
    // Process 1 is always there, and nearly never ours. Ours are always shown.
    let first = match proc.stat(1) {
        Ok(first) => Some(first.started),
        Err(error) if has_ended(&error) || is_forbidden(&error) => None,
        Err(error) => return Err(Fault::reading("the stat of process 1", &error)),
    };
    Ok(Look {
        found: Vec::new(),
        hidden: first.is_none(),
        since_boot: proc.since_boot,
        first: first.unwrap_or_default(),
        memory: proc.memory().unwrap_or_default(),
    })
}

/// Looks at all processes, until it is `enough`.
pub(crate) fn all(proc: &Proc, select: &Select, enough: &dyn Fn() -> bool) -> Result<Look, Fault> {
    let user = user_id(select)?;
    let mut look = host(proc)?;
    let (pids, more) = proc.pids(PROCESSES_MAX).map_err(|e| Fault::reading("/proc", &e))?;
    if more {
        return Err(Fault::of(format!("this host has more than {PROCESSES_MAX} processes, too many to look at")));
    }
    let late = || Fault::of("there was not enough time to look at all processes; give more timeout");
    let mut stats = BTreeMap::new();
    for pid in pids {
        if enough() {
            return Err(late());
        }
        match proc.stat(pid) {
            Ok(stat) => {
                stats.insert(pid, stat);
            }
            Err(error) if has_ended(&error) => {}
            Err(error) if is_forbidden(&error) => look.hidden = true,
            Err(error) => return Err(Fault::reading("the stat of a process", &error)),
        }
    }
    let family = Family::of(proc, &stats);
    for (pid, stat) in &stats {
        if enough() {
            return Err(late());
        }
        if family.is_ours(*pid, &stats) {
            continue;
        }
        match fits(proc, select, user, stat) {
            Ok(true) => look.found.push(stat.clone()),
            Ok(false) => {}
            Err(error) if has_ended(&error) => {}
            Err(error) if is_forbidden(&error) => look.hidden = true,
            Err(error) => return Err(Fault::reading("the command line or the user of a process", &error)),
        }
    }
    // Nobody hides our own from us.
    look.hidden &= user.is_none_or(|user| user != nix::unistd::geteuid().as_raw());
    Ok(look)
}

/// Whether a process is meant.
///
/// # Errors
/// What cannot be read of it: it has ended meanwhile, or is hidden from us.
pub(crate) fn fits(proc: &Proc, select: &Select, user: Option<u32>, stat: &Stat) -> io::Result<bool> {
    if select.wants_a_closer_look() && !select.fits(stat, &closer(proc, stat)?) {
        return Ok(false);
    }
    match user {
        None => Ok(true),
        Some(user) => Ok(proc.user(stat.pid)? == user),
    }
}

/// What `stat` does not tell of a process.
pub(crate) fn closer(proc: &Proc, stat: &Stat) -> io::Result<Closer> {
    let words = if stat.is_kernel_thread { Vec::new() } else { proc.command_line(stat.pid)? };
    Ok(Closer { words, executable: proc.executable(stat.pid) })
}

/// Whether something is hidden from us, and not gone.
pub(crate) fn is_forbidden(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied
}

/// This process and those of its parents that are here only because it is.
struct Family {
    own: u32,
    parents: Vec<u32>,
}

impl Family {
    fn of(proc: &Proc, stats: &BTreeMap<u32, Stat>) -> Self {
        let own_name = proc.executable(proc.own).and_then(|exe| Some(exe.file_name()?.to_str()?.to_owned()));
        let own_session = stats.get(&proc.own).map(|stat| stat.session);
        let calls_us = |pid: u32| {
            let words = proc.command_line(pid).unwrap_or_default();
            own_name.as_ref().is_some_and(|name| words.iter().any(|word| word.contains(name.as_str())))
        };
        let parents = above(proc.own, stats)
            .filter(|stat| Some(stat.session) == own_session || calls_us(stat.pid))
            .map(|stat| stat.pid)
            .collect();
        Self { own: proc.own, parents }
    }

    fn is_ours(&self, pid: u32, stats: &BTreeMap<u32, Stat>) -> bool {
        pid == self.own || self.parents.contains(&pid) || above(pid, stats).any(|stat| stat.pid == self.own)
    }
}

/// The parents of a process, from the next one on.
fn above(pid: u32, stats: &BTreeMap<u32, Stat>) -> impl Iterator<Item = &Stat> {
    let parent = move |stat: &&Stat| stats.get(&stat.parent);
    std::iter::successors(stats.get(&pid), parent).skip(1).take(DEPTH_MAX)
}
