//! Runs a child process and comes back in time, whatever the child does.
//!
//! A child has no shell around it, an environment that we made, its own process group and a limit. At the limit the
//! whole group is asked to end and then killed, grandchildren included. It may ignore signals, print without end, write
//! no UTF-8, or leave something behind that holds its output open: the answer comes within the limit all the same. A
//! dropped future kills the group.
//!
//! Left alone on purpose: a process that the child leaves behind with its output directed elsewhere, and one that moved
//! into a session of its own. So a check may restart a daemon.

mod group;
mod pump;
mod start;
#[cfg(test)]
mod tests;

pub use group::kill_groups_of_runs;
pub use start::{StartError, open_to_others};

use group::Group;
use nix::sys::signal::Signal;
use pump::{Flood, Pump};
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The variable by which the processes of a run are known, whoever started them.
pub const RUN_VARIABLE: &str = "CHECKER_RUN";

/// Where programs are looked for, and the `PATH` of every child that is given no other. It does not depend on who
/// started Checker, so that a check that works in a shell works under cron.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Bytes kept of each of stdout and stderr, if nothing else is asked for.
pub const OUTPUT_KEPT: usize = 64 * 1024;

/// A child that prints more bytes than this on one stream is killed.
const FLOOD: u64 = 64 * 1024 * 1024;

/// How long, after the child itself has ended, something it left behind may keep its output open.
const LEFT_BEHIND: Duration = Duration::from_millis(500);

/// A program and how it is to be run.
#[derive(Clone)]
pub struct Program {
    /// The program and its arguments, given to it as they are. The first word is an absolute path or a name that is
    /// looked for in `PATH`.
    pub argv: Vec<String>,
    /// Variables added to `PATH`, `LANG=C.UTF-8`, `HOME` and [`RUN_VARIABLE`]; all others are cleared.
    pub env: Vec<(String, String)>,
    /// The working directory; `/` if none is given.
    pub directory: Option<PathBuf>,
    /// What the child reads on stdin; if empty, stdin is `/dev/null`.
    pub input: Vec<u8>,
    /// Bytes kept of each of stdout and stderr. The rest is read and dropped.
    pub output_kept: usize,
}

/// Shows no values of variables and no input: they may be secrets.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Program")
            .field("argv", &self.argv)
            .field("env", &names)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal, which was not ours.
    Signalled(i32),
    /// It did not end within its limit and was killed, with its whole group.
    TimedOut,
    /// It printed more than 64 MiB and was killed, with its whole group.
    Flooded,
}

/// What was read of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The text; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Whether more was printed than was kept.
    pub truncated: bool,
}

/// What became of a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub exit: Exit,
    /// What it printed on stdout.
    pub stdout: Captured,
    /// What it printed on stderr.
    pub stderr: Captured,
    /// From its start until we knew the answer.
    pub took: Duration,
}

impl Program {
    /// A program with no variables of its own, in `/`, without input.
    pub fn new<W: Into<String>>(argv: impl IntoIterator<Item = W>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            directory: None,
            input: Vec::new(),
            output_kept: OUTPUT_KEPT,
        }
    }

    /// Runs the program and answers within `limit`, which holds all: start, run, and the grace between the request to
    /// end (SIGTERM, sent a tenth of `limit`, at most 1 s, before) and SIGKILL. Needs a tokio runtime with IO and time.
    ///
    /// # Errors
    /// Only if the program could not be started.
    pub async fn run(&self, run_id: &str, limit: Duration) -> Result<Report, StartError> {
        let begin = Instant::now();
        let times = Times::new(begin, limit);
        let mut group = self.start(run_id, times.end).await?;
        let mut pump = Pump::new(&mut group, &self.input, self.output_kept, FLOOD)
            .map_err(|e| StartError::system(&self.argv, &e))?;
        let (why, ended) = watch(&group, &mut pump, &times).await;
        let status = if ended { group.reap() } else { None };
        let exit = match (why, status) {
            (Why::Flood, _) => Exit::Flooded,
            (Why::Time, _) => Exit::TimedOut,
            (Why::Ended, Some(status)) => match (status.code(), status.signal()) {
                (Some(code), _) => Exit::Exited(code),
                (None, Some(signal)) => Exit::Signalled(signal),
                (None, None) => return Err(StartError::lost(&self.argv)),
            },
            (Why::Ended, None) => return Err(StartError::lost(&self.argv)),
        };
        let (stdout, stderr) = pump.captured();
        Ok(Report { exit, stdout, stderr, took: begin.elapsed() })
    }

    /// Starting reads the disk, and a disk may hang: it is done on a thread of its own. If nobody waits for the result
    /// any more, its drop kills what was started.
    async fn start(&self, run_id: &str, end: Instant) -> Result<Group, StartError> {
        let (program, run_id) = (self.clone(), run_id.to_owned());
        let starting = tokio::task::spawn_blocking(move || start::start(&program, &run_id));
        match timeout_at(end, starting).await {
            Ok(Ok(started)) => started,
            Ok(Err(_)) => Err(StartError::lost(&self.argv)),
            Err(_) => Err(StartError::stuck(&self.argv)),
        }
    }
}

/// The instants at which patience ends.
struct Times {
    term: Instant,
    kill: Instant,
    end: Instant,
}

impl Times {
    fn new(begin: Instant, limit: Duration) -> Self {
        let grace = (limit / 10).min(Duration::from_secs(1));
        let settle = (limit / 20).min(Duration::from_millis(200));
        Self {
            term: begin + limit.saturating_sub(settle + grace),
            kill: begin + limit.saturating_sub(settle),
            end: begin + limit,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Ended,
    Time,
    Flood,
}

/// Waits until the child has ended or has to; says why, and whether its leader is seen to have ended. The leader is not
/// reaped here: while it is not, its group's id cannot become someone else's, and signals hit only what they should.
async fn watch(group: &Group, pump: &mut Pump, times: &Times) -> (Why, bool) {
    let mut pumping = pin!(pump.run());
    let mut leader = pin!(group.leader_ended());
    let (mut open, mut alive) = (true, true);
    let why = loop {
        tokio::select! {
            biased;
            () = &mut leader => { alive = false; break Why::Ended }
            read = &mut pumping, if open => {
                open = false;
                if read == Err(Flood) { break Why::Flood }
                leader.set(group.leader_ended());
            }
            () = sleep_until(times.term) => break Why::Time,
        }
    };
    let mut until = match why {
        Why::Ended => (Instant::now() + LEFT_BEHIND).min(times.kill),
        Why::Flood => Instant::now(),
        Why::Time => {
            group.signal(Signal::SIGTERM);
            times.kill
        }
    };
    for last in [false, true] {
        while open || alive {
            tokio::select! {
                biased;
                () = &mut leader, if alive => alive = false,
                _ = &mut pumping, if open => {
                    open = false;
                    if alive { leader.set(group.leader_ended()) }
                }
                () = sleep_until(until) => break,
            }
        }
        // What ended by itself and left nothing at our pipes is left alone; all else is killed, once, as a group.
        if last || (why == Why::Ended && !open) {
            break;
        }
        group.signal(Signal::SIGKILL);
        until = times.end.min(Instant::now() + Duration::from_secs(1)).max(Instant::now());
    }
    (why, !alive)
}
