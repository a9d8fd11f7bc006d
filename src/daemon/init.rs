//! As the first process of a container: it starts the daemon proper, hands signals on, and takes in all that end, whoever
//! they were children of. Only so a wait of the daemon for a child of its own is never robbed of its answer.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::io;
use std::process::Command;

/// Set for the daemon proper.
const MARK: &str = "CHECKER_INIT";

/// Whether this process must do that.
pub fn is_first() -> bool {
    std::process::id() == 1 && std::env::var_os(MARK).is_none()
}

/// The daemon proper takes signals itself: those that the first process waits for stay blocked in what it starts.
pub fn take_signals() {
    if std::env::var_os(MARK).is_some()
        && let Err(why) = signals().thread_unblock()
    {
        tracing::warn!("signals stay blocked: {why}");
    }
}

fn signals() -> SigSet {
    [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect()
}

/// Runs this program again with the same arguments, and lives as long as it; the answer is its exit code.
///
/// # Errors
/// If it cannot be started, or signals cannot be received.
pub fn serve() -> io::Result<u8> {
    let signals = signals();
    signals.thread_block()?;
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let child = Command::new("/proc/self/exe").args(args).env(MARK, "1").spawn()?;
    let daemon = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
    loop {
        match signals.wait()? {
            Signal::SIGCHLD => {
                if let Some(code) = take_in(daemon) {
                    return Ok(code);
                }
            }
            other => {
                // It has ended already, if it cannot be reached: SIGCHLD is on its way.
                if let Err(why) = kill(daemon, other) {
                    tracing::debug!("signal {other} was not handed on: {why}");
                }
            }
        }
    }
}

/// Takes in all that have ended; the exit code if the daemon is among them.
fn take_in(daemon: Pid) -> Option<u8> {
    let mut code = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) if pid == daemon => code = Some(u8::try_from(status).unwrap_or(1)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == daemon => {
                code = Some(128_u8.saturating_add(u8::try_from(signal as i32).unwrap_or(0)));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return code,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(why) => {
                tracing::warn!("children cannot be waited for: {why}");
                return code;
            }
        }
    }
}
