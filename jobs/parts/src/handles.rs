//! How many handles (files, sockets, pipes) this process may have open.
//!
//! The system gives a soft limit, usually 1024, and a hard one, usually far higher. The soft one is low for the sake of old
//! programs that cannot count further; Checker can. So it takes what the hard one allows, and its children get back what
//! it was given itself.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};
use std::sync::OnceLock;

/// Where a hard limit is far beyond all need (or there is none), so many are enough.
const ENOUGH: u64 = 1 << 20;

/// What this process was given, once its limit is raised.
static GIVEN: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit of this process to its hard one, and says how many handles it may have open now. Where the system
/// refuses, the limit stays.
pub fn raise() -> usize {
    let given = getrlimit(Resource::Nofile);
    let hard = given.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if given.current.is_some_and(|soft| soft < hard) {
        // First: a child that starts beside us must find what to put back.
        GIVEN.get_or_init(|| given);
        let _refused = setrlimit(Resource::Nofile, Rlimit { current: Some(hard), maximum: given.maximum });
    }
    limit()
}

/// How many handles this process may have open.
pub fn limit() -> usize {
    let soft = getrlimit(Resource::Nofile).current.unwrap_or(ENOUGH);
    usize::try_from(soft.min(ENOUGH)).unwrap_or(usize::MAX)
}

/// How many handles this process has open, or `None` where the system does not tell.
pub fn open() -> Option<usize> {
    // The folder's own handle is among them.
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1))
}

/// Gives a child that has just started the limit that this process was given. To be called right after the start: a program
/// counts its handles late, if ever.
pub fn give_back(child: u32) {
    let pid = i32::try_from(child).ok().and_then(Pid::from_raw);
    if let (Some(given), Some(pid)) = (GIVEN.get(), pid) {
        // The child may have ended already, or have become another user.
        let _gone = prlimit(Some(pid), Resource::Nofile, *given);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_counted() {
        let before = open().unwrap();
        let held: Vec<_> = (0..50).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        // Other tests open files beside this one.
        assert!(open().unwrap() + 25 > before + held.len());
        assert!(open().unwrap() < limit());
    }
}
