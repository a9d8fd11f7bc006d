//! Runs jobs that may end their process in processes of their own, beside the pass, and finds which of them did it.
//!
//! The program starts itself (the hidden subcommand `apart`), writes an [`Order`] to it and reads [`Line`]s back. If that
//! process dies, those that were in flight are run again in smaller groups ([`groups`]), at last each alone; all others
//! of the group simply go on in a new process.

mod watch;
mod wire;

pub use wire::{Line, Order, Wanted};

use crate::decide::isolation::{ALONE, Conviction, Event, groups, is_out_of_handles};
use crate::runner::{AtOnce, Finished, Work};
use checker_job::{Blame, Outcome, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};
use uuid::Uuid;
use watch::{Said, Worker};

/// Processes at once.
const WORKERS_MAX: usize = 8;
/// After this time no new process is started, so that the pass stays in its minute: the rest is the next pass's.
const STARTS_UNTIL: Duration = Duration::from_secs(40);
/// A process that has not begun its first job by then never will.
const START_MAX: Duration = Duration::from_secs(20);
/// A process whose job is this much over its timeout does not answer any more: its own runner would have ended the job.
const SILENT_MAX: Duration = Duration::from_secs(12);
/// No process can be started for so long: then it is no passing want.
const REFUSED_MAX: Duration = Duration::from_secs(5);
/// If more jobs than this find no file handle even in a process of their own, the whole host has none.
const NO_HANDLES_MAX: usize = 256;

/// How the program starts itself again.
#[derive(Clone, Debug)]
pub struct Program {
    /// Itself.
    pub path: PathBuf,
    /// Up to and with the subcommand.
    pub args: Vec<OsString>,
}

/// What all processes of a pass are told.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The `now` of the pass.
    pub now: Timestamp,
    /// The pass: its processes are known by it.
    pub pass: Uuid,
    /// How many runs go on at once, in each process.
    pub at_once: AtOnce,
    /// Below it runs get scratch folders.
    pub scratch: PathBuf,
}

/// Jobs that run apart, and what became of them.
pub struct Apart {
    program: Program,
    frame: Frame,
    work: BTreeMap<usize, Suspect>,
    waiting: VecDeque<Vec<usize>>,
    workers: Vec<Worker>,
    said: mpsc::Receiver<(Uuid, Said)>,
    sayer: mpsc::Sender<(Uuid, Said)>,
    ready: VecDeque<Finished>,
    events: Vec<Event>,
    narrowed: Vec<usize>,
    left: Vec<usize>,
    no_handles: usize,
    /// Since when no process can be started.
    refused: Option<Instant>,
    started: Instant,
}

struct Suspect {
    work: Work,
    deaths: u32,
    /// What it found in this process, where there was no handle left for it: if it can be run nowhere else, that stands.
    found: Option<Finished>,
}

impl Apart {
    /// Nothing runs yet.
    pub fn new(program: Program, frame: Frame) -> Self {
        let (sayer, said) = mpsc::channel();
        Self {
            program,
            frame,
            work: BTreeMap::new(),
            waiting: VecDeque::new(),
            workers: Vec::new(),
            said,
            sayer,
            ready: VecDeque::new(),
            events: Vec::new(),
            narrowed: Vec::new(),
            left: Vec::new(),
            no_handles: 0,
            refused: None,
            started: Instant::now(),
        }
    }

    /// Adds jobs under their place in the pass, each with the deaths that are held against it.
    pub fn add(&mut self, jobs: Vec<(usize, Work, u32)>) {
        let indices: Vec<usize> = jobs.iter().map(|(index, ..)| *index).collect();
        self.work.extend(jobs.into_iter().map(|(index, work, deaths)| (index, Suspect { work, deaths, found: None })));
        self.queue(&indices);
    }

    /// Runs a job again that found no handle in this process. `found` says its place in the pass.
    pub fn again(&mut self, work: Work, found: Finished) {
        let index = found.index;
        self.work.insert(index, Suspect { work, deaths: 1, found: Some(found) });
        self.queue(&[index]);
    }

    /// Jobs that have not ended.
    pub fn open(&self) -> usize {
        self.work.len() + self.ready.len()
    }

    /// The next run that has ended. Does not wait.
    pub fn take(&mut self) -> Option<Finished> {
        while self.ready.is_empty() {
            let Ok((worker, said)) = self.said.try_recv() else { break };
            self.hear(worker, said);
        }
        self.end_the_silent();
        self.start_some();
        self.ready.pop_front()
    }

    /// What happened to jobs since this was asked last.
    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Jobs that will take longer than their timeout, since this was asked last: nobody should wait for them.
    pub fn narrowed(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.narrowed)
    }

    /// Jobs for which this pass has no time left.
    pub fn left(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.left)
    }

    /// Makes groups of these jobs.
    fn queue(&mut self, indices: &[usize]) {
        let of = |index: &usize| self.work.get(index).map(|s| (*index, s.deaths));
        self.waiting.extend(groups(&indices.iter().filter_map(of).collect::<Vec<_>>()));
    }

    fn start_some(&mut self) {
        let late = self.started.elapsed() > STARTS_UNTIL;
        while late || self.workers.len() < WORKERS_MAX {
            let Some(group) = self.waiting.pop_front() else { return };
            if late {
                for index in &group {
                    self.work.remove(index);
                }
                self.left.extend(group);
                continue;
            }
            let of = |index: &usize| self.work.get(index).map(|s| (*index, s.work.clone()));
            let work = group.iter().filter_map(of).collect();
            match Worker::start(&self.program, &self.frame, work, &self.sayer) {
                Ok(worker) => {
                    self.refused = None;
                    self.workers.push(worker);
                }
                // Handles and memory may come back in a moment.
                Err(_) if self.refused.get_or_insert_with(Instant::now).elapsed() < REFUSED_MAX => {
                    self.waiting.push_front(group);
                    return;
                }
                Err(why) => {
                    let whom = group.iter().filter_map(|index| self.work.get(index));
                    // Where they ran there was no room for them: the next pass begins with them apart.
                    self.events.extend(whom.map(|s| Event::Stuck(s.work.job.id().clone())));
                    self.cannot_run(&group, &why.to_string());
                }
            }
        }
    }

    /// Nobody's fault but ours.
    fn cannot_run(&mut self, group: &[usize], why: &str) {
        if group.is_empty() {
            return;
        }
        tracing::error!("no process to run suspects in: {why}");
        for index in group {
            let found = self.work.get_mut(index).and_then(|s| s.found.take());
            self.finish(found.unwrap_or_else(|| watch::unanswered(*index, nowhere(why))));
        }
    }

    /// A run has ended.
    fn finish(&mut self, finished: Finished) {
        if self.work.remove(&finished.index).is_some() {
            self.ready.push_back(finished);
        }
    }

    fn hear(&mut self, worker: Uuid, said: Said) {
        let Some(at) = self.workers.iter().position(|w| w.id == worker) else { return };
        match said {
            Said::Line(line) => {
                if let Some(finished) = self.workers.get_mut(at).and_then(|w| w.take(line)) {
                    self.judge(finished);
                }
            }
            Said::End(how) => {
                let worker = self.workers.swap_remove(at);
                self.bury(worker, &how);
            }
        }
    }

    fn judge(&mut self, finished: Finished) {
        let index = finished.index;
        let Some(suspect) = self.work.get_mut(&index) else { return };
        if is_out_of_handles(&finished.outcome) && suspect.deaths < ALONE && self.no_handles < NO_HANDLES_MAX {
            // Another job of the group may have taken them all.
            self.no_handles += 1;
            suspect.deaths = suspect.deaths.max(1) + 1;
            self.queue(&[index]);
            return;
        }
        self.events.push(Event::Survived(suspect.work.job.id().clone()));
        self.finish(finished);
    }

    /// A process has ended: well, or with its jobs.
    fn bury(&mut self, worker: Worker, how: &str) {
        let done = worker.done;
        let (in_flight, not_begun, alone) = worker.bury();
        if done {
            // What it did not find left the settings meanwhile: the next pass sees to that.
            for index in &not_begun {
                self.work.remove(index);
            }
            return self.left.extend(not_begun);
        }
        if in_flight.is_empty() {
            return self.cannot_run(&not_begun, &format!("it ended before its first job: {how}"));
        }
        tracing::warn!("a process of {} suspects ended: {how}", in_flight.len() + not_begun.len());
        self.queue(&not_begun);
        for index in &in_flight {
            let Some(suspect) = self.work.get_mut(index) else { continue };
            suspect.deaths = suspect.deaths.saturating_add(1);
            self.narrowed.push(*index);
            let job = suspect.work.job.id().clone();
            self.events.push(Event::Died { job, how: how.to_owned(), alone });
        }
        if !alone {
            return self.queue(&in_flight);
        }
        for index in in_flight {
            let conviction = Conviction { how: how.to_owned(), tried: self.frame.now };
            self.finish(watch::unanswered(index, conviction.outcome(None)));
        }
    }

    /// A process that does not answer is ended; its end is then heard like any other.
    fn end_the_silent(&mut self) {
        for worker in &mut self.workers {
            worker.end_if_silent(START_MAX, SILENT_MAX);
        }
    }
}

fn nowhere(why: &str) -> Outcome {
    Outcome::unknown(
        format!("no process of its own to run it in: {why}"),
        "no process of their own for jobs that may have ended a pass",
    )
    .blaming(Blame::Shortage)
}
