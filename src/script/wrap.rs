//! Runs a command and keeps a record of it, and changes nothing else: exit code, output, input, signals and environment are
//! those of the command alone, as far as one process around another can do that.
//!
//! **Invariant:** whatever is wrong with settings, store or spool, the command runs. **Invariant:** a success is written only
//! after the command has ended with 0.

mod process;
mod pump;

use super::book::Book;
use super::control::{self, Word};
use super::tail::Tail;
use crate::settings::Brief;
use crate::store::{RunRecord, RunStatus};
use checker_job::{Metric, Outcome, duration_words};
use nix::fcntl::Flock;
use process::{End, Ended, Running};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;
use uuid::Uuid;

/// So much of the end of the output is kept of a run that failed, in bytes.
pub const TAIL_MAX: usize = 8 * 1024;
/// And of one that succeeded.
const TAIL_OK: usize = 1_024;
/// The exit code where another run holds the lock, as Launchpad's scripts have it.
const IN_USE: u8 = 1;
/// That of a script that is switched off.
const DISABLED: u8 = 0;
/// The exit codes of a command that cannot be started, as shells have them.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
/// Where not even a thread or a runtime can be had (sysexits' `EX_OSERR`).
const NO_MEANS: u8 = 71;

/// A command and how it is to be run.
#[derive(Clone, Debug)]
pub struct Wrapped {
    /// The script.
    pub name: String,
    /// The host that its runs are recorded under.
    pub host: String,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// After this time it is stopped.
    pub timeout: Option<Duration>,
    /// Only one at a time.
    pub lock: bool,
}

/// Runs the command; the answer is the exit code. What is wrong with the record is said on stderr.
pub fn run(brief: Result<Brief, String>, wrapped: &Wrapped) -> u8 {
    let book = match brief {
        Ok(brief) => Some(Book::new(brief)),
        Err(why) => {
            say(&format!("checker: {} runs, and nothing is recorded of it: {why}", wrapped.name));
            None
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            say(&format!("checker: {} was not run: {why}", wrapped.name));
            return NO_MEANS;
        }
    };
    let code = runtime.block_on(allowed(book.as_ref(), wrapped));
    // A look at a file that hangs is not waited for.
    runtime.shutdown_background();
    code
}

/// Runs it, unless it is switched off or another run holds its lock.
async fn allowed(book: Option<&Book>, wrapped: &Wrapped) -> u8 {
    if let Some(control) = book.and_then(Book::control) {
        match control::ask(control, &wrapped.name).await {
            Word::Enabled => {}
            Word::Disabled(section) => {
                // Whoever has switched it off knows; cron would mail this each time.
                if io::stderr().is_terminal() {
                    say(&format!("{} INFO    Disabled by {section} section", utc_now()));
                }
                return DISABLED;
            }
            Word::Unclear(why) => {
                say(&format!("checker: {} runs, whether it is switched off or not: {why}", wrapped.name));
            }
        }
    }
    match lock(book, wrapped) {
        Ok(lock) => recorded(book, lock, wrapped).await,
        Err(path) => {
            say(&format!("{} INFO    Lockfile {path} in use", utc_now()));
            IN_USE
        }
    }
}

/// Begin, run, end; and whoever was left behind by the command may print on.
async fn recorded(book: Option<&Book>, lock: Option<Flock<File>>, wrapped: &Wrapped) -> u8 {
    let id = Uuid::now_v7();
    let begin = RunRecord::begun(id, &wrapped.name, &wrapped.host, crate::clock::now().wall);
    // First a sign of life, then the begin: a pass that sees the begin must not take it for that of a dead run.
    let held = book.and_then(|book| book.hold(id));
    note(book, &begin, "begin");
    let mut running = Running::start(wrapped, id);
    let ended = match &mut running {
        Ok(running) => running.wait(wrapped.timeout, id).await,
        Err(why) => {
            let end = End::NotStarted(why.to_string());
            Ended { end, took: Duration::ZERO, code: code_of(why), tail: Tail::new(0) }
        }
    };
    note(book, &finished(begin, &ended), "end");
    drop((held, lock));
    if let Ok(running) = running {
        running.linger().await;
    }
    ended.code
}

fn code_of(why: &io::Error) -> u8 {
    if why.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
}

/// The lock, if one is wanted and can be had. The error is the path of one that another holds.
fn lock(book: Option<&Book>, wrapped: &Wrapped) -> Result<Option<Flock<File>>, String> {
    if !wrapped.lock {
        return Ok(None);
    }
    let taken = match book {
        Some(book) => book.spool().lock(&wrapped.name),
        None => Err("without settings there is no place for it".to_owned()),
    };
    match taken {
        Ok((_, Some(lock))) => Ok(Some(lock)),
        Ok((path, None)) => Err(path.display().to_string()),
        Err(why) => {
            say(&format!("checker: {} runs without its lock: {why}", wrapped.name));
            Ok(None)
        }
    }
}

fn note(book: Option<&Book>, run: &RunRecord, what: &str) {
    if let Some(Err(why)) = book.map(|book| book.put(run)) {
        say(&format!("checker: the {what} of {} was not recorded: {why}", run.job));
    }
}

/// The record of a run that is over.
fn finished(begin: RunRecord, ended: &Ended) -> RunRecord {
    // By a clock that does not step.
    let at = begin.started.map(|started| started.plus(ended.took));
    let took = duration_words(ended.took);
    let exit = |code: i32| Metric::new("exit", f64::from(code), "");
    let outcome = match &ended.end {
        End::Exited(0) => Outcome::ok(format!("ran {took}")),
        End::Exited(code) => Outcome::failed(format!("exit {code} after {took}")).with_metric(exit(*code)),
        End::Signalled(name) => Outcome::failed(format!("killed by {name} after {took}")),
        End::TimedOut(limit) => {
            Outcome::failed(format!("stopped after {took}: --timeout gives it {}", duration_words(*limit)))
        }
        End::OutputLost(why) => {
            Outcome::failed(format!("it ended with 0 after {took}, and its output could not be written: {why}"))
        }
        End::NotStarted(why) => Outcome::failed(format!("it cannot be started: {why}")),
    };
    let kept = if matches!(ended.end, End::Exited(0)) { TAIL_OK } else { TAIL_MAX };
    let outcome = outcome.with_detail(ended.tail.text(kept)).bounded(500, TAIL_MAX + 100);
    RunRecord { status: RunStatus::Done, ended: at, outcome: Some(outcome), ..begin }
}

/// The time as the original's log had it.
fn utc_now() -> String {
    crate::decide::script::utc_text(crate::clock::now().wall)
}

/// A closed stderr changes nothing.
fn say(line: &str) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}
