//! The command itself: started, waited for, passed signals on to, stopped.

use super::super::tail::Tail;
use super::pump::Pumps;
use super::{TAIL_MAX, Wrapped};
use checker_parts::child::{RUN_VARIABLE, kill_groups_of_runs};
use nix::libc;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

/// A command that is asked to end gets so long.
const GRACE: Duration = Duration::from_secs(10);
/// The exit code of a command that ran out of its time, as timeout(1) has it.
const TIMED_OUT: u8 = 124;
/// What is passed on: what people, init systems and terminals send to end something or to have it look again.
const PASSED_ON: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];

/// The exit code of a command whose output could not be written (sysexits' `EX_IOERR`).
const OUTPUT_LOST: u8 = 74;

/// How a command ended.
pub(super) enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(String),
    /// It was given so long.
    TimedOut(Duration),
    /// By itself and well, but what it printed could not be written where it was to go.
    OutputLost(String),
    /// It never began.
    NotStarted(String),
}

/// A command that is over.
pub(super) struct Ended {
    pub(super) end: End,
    /// How long the command itself ran.
    pub(super) took: Duration,
    /// The exit code that goes with it.
    pub(super) code: u8,
    /// The end of what it printed.
    pub(super) tail: Tail,
}

/// A command that runs.
pub(super) struct Running {
    child: Child,
    pid: Pid,
    /// It has a process group of its own.
    alone: bool,
    signals: mpsc::UnboundedReceiver<Signal>,
    pumps: Pumps,
}

impl Running {
    /// Starts the command. At a terminal it stays in our group, so that it can read from it and Ctrl-C reaches it; under
    /// cron it has one of its own, so that all of it can be stopped.
    pub(super) fn start(wrapped: &Wrapped, run: Uuid) -> io::Result<Self> {
        let (program, rest) = wrapped.command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        // Whatever stdin is: a program may ask for a password at the terminal itself.
        let alone = std::fs::File::open("/dev/tty").is_err();
        // Before the command begins: from then on none is lost.
        let signals = signals()?;
        let start = |program: &OsStr, words: &[OsString]| {
            let mut command = Command::new(program);
            command.args(words).env(RUN_VARIABLE, run.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped());
            if alone {
                command.process_group(0);
            }
            command.spawn()
        };
        let mut child = match start(program, rest) {
            // As every shell does with a script that does not say by what it is run.
            Err(why) if why.raw_os_error() == Some(libc::ENOEXEC) => start(OsStr::new("/bin/sh"), &wrapped.command)?,
            started => started?,
        };
        let pid =
            child.id().and_then(|id| i32::try_from(id).ok()).ok_or_else(|| io::Error::other("it has no process id"))?;
        let pumps = Pumps::start(&mut child)?;
        Ok(Self { child, pid: Pid::from_raw(pid), alone, signals, pumps })
    }

    /// Until the command itself has ended. What it has started may live on.
    pub(super) async fn wait(&mut self, timeout: Option<Duration>, run: Uuid) -> Ended {
        let begin = Instant::now();
        let mut until = timeout.map(|t| (begin + t, Signal::SIGTERM));
        let mut timed_out = false;
        let status = loop {
            let (at, next) = until.unwrap_or((begin, Signal::SIGTERM));
            tokio::select! {
                status = self.child.wait() => break status,
                Some(signal) = self.signals.recv() => self.pass_on(signal),
                () = sleep_until(at), if until.is_some() => {
                    timed_out = true;
                    self.send(next);
                    if next == Signal::SIGKILL && self.alone {
                        kill_groups_of_runs(&[run.to_string()]);
                    }
                    until = (next == Signal::SIGTERM).then(|| (Instant::now() + GRACE, Signal::SIGKILL));
                }
            }
        };
        let took = begin.elapsed();
        // What it printed before it ended is in the pipes.
        self.pumps.settle().await;
        if timed_out && self.alone {
            // What it had started was asked to end with it, and has the same time for that.
            drop(timeout_at(begin + timeout.unwrap_or_default() + GRACE, self.pumps.done()).await);
            kill_groups_of_runs(&[run.to_string()]);
        }
        let (end, code) = match status {
            Ok(status) => meaning(status),
            Err(why) => (End::NotStarted(format!("its end cannot be seen: {why}")), u8::MAX),
        };
        let tail = self.pumps.tail(TAIL_MAX);
        if let (End::Exited(0), Some(why)) = (&end, self.pumps.lost()) {
            return Ended { end: End::OutputLost(why.clone()), took, code: OUTPUT_LOST, tail };
        }
        match timeout {
            Some(limit) if timed_out => Ended { end: End::TimedOut(limit), took, code: TIMED_OUT, tail },
            _ => Ended { end, took, code, tail },
        }
    }

    /// What the command left behind may hold its output open, as a daemon that it restarted does. Without us it would die
    /// of its next line, so we stay until it closes it, or until we are asked to end.
    pub(super) async fn linger(mut self) {
        tokio::select! {
            () = self.pumps.done() => {}
            _ = self.signals.recv() => {}
        }
    }

    fn pass_on(&self, signal: Signal) {
        // A terminal has sent these to the whole group.
        if self.alone || !matches!(signal, Signal::SIGINT | Signal::SIGQUIT) {
            self.send(signal);
        }
    }

    fn send(&self, signal: Signal) {
        // It is not reaped yet, so the number is still its own. One that has just ended needs no signal.
        let sent = if self.alone { killpg(self.pid, signal) } else { kill(self.pid, signal) };
        if let Err(why) = sent {
            tracing::debug!("{signal} was not passed on: {why}");
        }
    }
}

/// Signals to us, one after the other. One that we were started to ignore (nohup) is left alone, and so is the command's.
fn signals() -> io::Result<mpsc::UnboundedReceiver<Signal>> {
    let (to, signals) = mpsc::unbounded_channel();
    let ignored = ignored();
    for which in PASSED_ON.into_iter().filter(|s| ignored >> (*s as i32 - 1) & 1 == 0) {
        let (to, mut stream) = (to.clone(), signal(SignalKind::from_raw(which as libc::c_int))?);
        tokio::spawn(async move { while stream.recv().await.is_some() && to.send(which).is_ok() {} });
    }
    Ok(signals)
}

/// The signals that this process ignores, a bit each (proc(5), `SigIgn`).
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn meaning(status: ExitStatus) -> (End, u8) {
    match (status.code(), status.signal()) {
        (Some(code), _) => (End::Exited(code), u8::try_from(code).unwrap_or(u8::MAX)),
        (None, signal) => {
            let number = signal.unwrap_or(0);
            let name = Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |s| s.as_str().to_owned());
            (End::Signalled(name), 128_u8.saturating_add(u8::try_from(number).unwrap_or(0)))
        }
    }
}
