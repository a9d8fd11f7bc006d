//! One process beside the pass, and what it says.

use super::wire::{Line, Order, Wanted};
use super::{Frame, Program};
use crate::clock;
use crate::runner::{Finished, Work};
use checker_job::Outcome;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Of what a process prints on stderr, at most this much is looked at: the words of an abort.
const STDERR_MAX: usize = 64 * 1024;

/// What is heard of a process.
pub(super) enum Said {
    Line(Line),
    /// It has ended, and how.
    End(String),
}

/// A process that runs suspects.
pub(super) struct Worker {
    pub(super) id: Uuid,
    group: Pid,
    open: BTreeMap<usize, Open>,
    /// How many jobs it was given.
    given: usize,
    heard: bool,
    /// It said that it has done all.
    pub(super) done: bool,
    started: Instant,
    /// It was told to end.
    ended: bool,
    buried: bool,
}

struct Open {
    work: Work,
    begun: Option<Instant>,
}

impl Worker {
    /// Starts the program again. It dies with the thread that calls this.
    pub(super) fn start(
        program: &Program,
        frame: &Frame,
        work: Vec<(usize, Work)>,
        say: &mpsc::Sender<(Uuid, Said)>,
    ) -> io::Result<Self> {
        let id = Uuid::now_v7();
        let jobs = work.iter().map(|(index, w)| Wanted { index: *index, job: w.job.id().clone(), run: w.run });
        let order = Order {
            parent: std::process::id(),
            now: frame.now,
            at_once: frame.at_once,
            scratch: frame.scratch.clone(),
            jobs: jobs.collect(),
        };
        let order = serde_json::to_string(&order)?;
        let mut command = Command::new(&program.path);
        command.args(&program.args).arg0("checker").process_group(0);
        // By this a later pass finds it, if it should outlive us.
        command.env(checker_parts::child::RUN_VARIABLE, frame.pass.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let say = say.clone();
        let listen = move || listen(id, child, &order, stdin, stdout, stderr, &say);
        if let Err(why) = std::thread::Builder::new().name("apart".to_owned()).spawn(listen) {
            // The child was dropped with the closure, so it reads the end of its order and ends.
            killpg(group, Signal::SIGKILL).ok();
            return Err(why);
        }
        let given = work.len();
        let open = work.into_iter().map(|(index, work)| (index, Open { work, begun: None })).collect();
        Ok(Self {
            id,
            group,
            open,
            given,
            heard: false,
            done: false,
            started: Instant::now(),
            ended: false,
            buried: false,
        })
    }

    /// Takes in what it said; a run that has ended comes back.
    pub(super) fn take(&mut self, line: Line) -> Option<Finished> {
        self.heard = true;
        self.done |= line == Line::Done;
        if let Line::Begins(index) = line {
            if let Some(open) = self.open.get_mut(&index) {
                open.begun = Some(Instant::now());
            }
            return None;
        }
        let finished = line.finished()?;
        // Nobody but us says which job this is: what was not asked for is not believed.
        self.open.remove(&finished.index).map(|_| finished)
    }

    /// Kills it if it will not answer any more.
    pub(super) fn end_if_silent(&mut self, start_max: Duration, silent_max: Duration) {
        let never_began = !self.heard && self.started.elapsed() > start_max;
        let over = |o: &Open| o.begun.is_some_and(|at| at.elapsed() > o.work.job.policy().timeout + silent_max);
        if !self.ended && (never_began || self.open.values().any(over)) {
            self.ended = true;
            killpg(self.group, Signal::SIGKILL).ok();
        }
    }

    /// After its end: which jobs were in flight, which had not begun, and whether there never was more than one. Children
    /// that it left behind are killed.
    pub(super) fn bury(mut self) -> (Vec<usize>, Vec<usize>, bool) {
        self.buried = true;
        let open = std::mem::take(&mut self.open);
        let (begun, not_begun): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, o)| o.begun.is_some());
        let runs: Vec<String> = begun.iter().map(|(_, o)| o.work.run.to_string()).collect();
        checker_parts::child::kill_groups_of_runs(&runs);
        let indices = |list: Vec<(usize, Open)>| list.into_iter().map(|(index, _)| index).collect();
        (indices(begun), indices(not_begun), self.given == 1)
    }
}

/// A run without an answer of its own.
pub(super) fn unanswered(index: usize, outcome: Outcome) -> Finished {
    Finished { index, outcome, started: clock::now().wall, took: Duration::ZERO, log: Vec::new() }
}

/// A thread for each process: it writes the order, hands on what is said, and waits for the end.
fn listen(
    id: Uuid,
    mut child: Child,
    order: &str,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    say: &mpsc::Sender<(Uuid, Said)>,
) {
    let words = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&words);
    // Not waited for: what a job has left behind may hold it open.
    let reads = std::thread::Builder::new().name("apart".to_owned()).spawn(move || keep_words(stderr, &kept));
    if let Some(mut pipe) = stdin
        && let Err(why) = pipe.write_all(order.as_bytes())
    {
        tracing::debug!("a process for suspects did not read its order: {why}");
    }
    for line in stdout.into_iter().flat_map(|out| BufReader::new(out).split(b'\n').map_while(Result::ok)) {
        if let Ok(line) = serde_json::from_slice(&line)
            && say.send((id, Said::Line(line))).is_err()
        {
            break;
        }
    }
    let status = child.wait();
    for _ in 0..20 {
        if reads.as_ref().is_ok_and(JoinHandle::is_finished) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let words = String::from_utf8_lossy(&words.lock().unwrap_or_else(PoisonError::into_inner)).into_owned();
    let end = status.map_or_else(|why| why.to_string(), |status| how(status, &words));
    // The pass has ended when nobody listens.
    drop(say.send((id, Said::End(end))));
}

/// Keeps what it printed on stderr; what is beyond the limit is read and dropped, so that it need not wait.
fn keep_words(stderr: Option<ChildStderr>, kept: &Mutex<Vec<u8>>) {
    let Some(mut stderr) = stderr else { return };
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = stderr.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < STDERR_MAX {
            kept.extend_from_slice(buffer.get(..n).unwrap_or_default());
        }
    }
}

impl Drop for Worker {
    /// The pass has ended before it.
    fn drop(&mut self) {
        if !self.buried {
            killpg(self.group, Signal::SIGKILL).ok();
        }
    }
}

/// How a process ended, for people.
fn how(status: ExitStatus, words: &str) -> String {
    let overflow = words.contains("has overflowed its stack");
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(6)) if overflow => "SIGABRT: the stack overflowed".to_owned(),
        (None, Some(6)) if words.contains("memory allocation of") => "SIGABRT: no memory was left".to_owned(),
        (None, Some(6)) => "SIGABRT: it aborted".to_owned(),
        (None, Some(9)) => "SIGKILL: for want of memory, or for want of an answer".to_owned(),
        (None, Some(11)) => "SIGSEGV: a fault of memory".to_owned(),
        (None, Some(signal)) => {
            Signal::try_from(signal).map_or_else(|_| format!("signal {signal}"), |s| s.as_str().to_owned())
        }
        (None, None) => "nobody knows how".to_owned(),
    }
}
