//! Who runs the jobs of a pass: the runner in this process, and processes beside it for jobs that may end theirs.

use super::Setup;
use super::due::Due;
use crate::apart::{Apart, Frame};
use crate::decide::isolation::{Deaths, Event, Place, is_out_of_handles};
use crate::outbox::again;
use crate::runner::{Finished, Options, Runner, Work};
use crate::store::{Own, Result, StoreError};
use checker_job::{JobId, Metric, Timestamp, Verdict};
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Where deaths are remembered, in the own group.
const DEATHS: &str = "deaths";
/// Handles kept back.
const RESERVE: usize = 24;
/// How often processes beside the pass are heard.
const LISTEN: Duration = Duration::from_millis(10);

/// Runs the jobs of a pass, and hands out what they found.
pub(super) struct Crew<'a> {
    due: &'a [Due],
    own: &'a dyn Own,
    now: Timestamp,
    runner: Runner,
    /// Which job of the pass each of the runner's is.
    here: Vec<usize>,
    apart: Apart,
    ready: VecDeque<Finished>,
    deaths: Deaths,
    /// What is to be noted at the next occasion.
    unnoted: Vec<Event>,
    late: Vec<usize>,
    left: Vec<usize>,
    /// Handles kept back for the time when a job has taken all others.
    reserve: Vec<File>,
}

/// Notes that passes died while they held these jobs.
pub(super) fn suspect<'a>(own: &dyn Own, jobs: impl Iterator<Item = &'a JobId>, now: Timestamp) {
    let jobs: BTreeSet<JobId> = jobs.cloned().collect();
    if !jobs.is_empty() {
        tracing::warn!("a pass died while it held {} job(s): they run apart now", jobs.len());
        note(own, &[Event::PassDied(jobs.into_iter().collect())], now);
    }
}

/// Enough for a process beside us, a connection to the store and one to a mail server.
fn reserve() -> Vec<File> {
    let Ok(first) = File::open("/dev/null") else { return Vec::new() };
    let more: Vec<File> = (1..RESERVE).map_while(|_| first.try_clone().ok()).collect();
    more.into_iter().chain([first]).collect()
}

/// Read and written in one go: passes may overlap, and none of them notes anything of a job that another one holds.
fn note(own: &dyn Own, events: &[Event], now: Timestamp) {
    let noted = again(|| {
        let mut deaths = read(own)?;
        let before = deaths.clone();
        for event in events {
            deaths.note(event, now);
        }
        if deaths == before {
            return Ok(());
        }
        let text = serde_json::to_string(&deaths).map_err(|e| StoreError::Refused(e.to_string()))?;
        own.set_meta(DEATHS, Some(&text))
    });
    if let Err(why) = noted {
        tracing::warn!("it cannot be noted which jobs end their process: {why}");
    }
}

fn read(own: &dyn Own) -> Result<Deaths> {
    Ok(own.meta(DEATHS)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

impl<'a> Crew<'a> {
    /// Starts all of them, each where it belongs. Of scripts there is nothing to start: they are `judged` already, or nobody
    /// waits for them.
    pub(super) fn start(
        setup: &Setup,
        own: &'a dyn Own,
        pass: Uuid,
        due: &'a [Due],
        now: Timestamp,
        judged: Vec<Finished>,
    ) -> Result<Self> {
        let deaths = read(own)?;
        let (mut here, mut work, mut apart_work) = (Vec::new(), Vec::new(), Vec::new());
        let (mut ready, mut late) = (VecDeque::from(judged), Vec::new());
        if ready.is_empty() {
            late.extend(due.iter().enumerate().filter(|(_, d)| d.job.expected().is_some()).map(|(index, _)| index));
        }
        let to_run = due.iter().enumerate().filter(|(_, d)| d.job.expected().is_none());
        for (index, d) in to_run {
            let one = Work { job: Arc::clone(&d.job), run: d.run };
            match deaths.place(d.job.id(), now) {
                Place::Here => {
                    here.push(index);
                    work.push(one);
                }
                Place::Apart(times) => {
                    late.extend((times > 1).then_some(index));
                    apart_work.push((index, one, times));
                }
                Place::Nowhere(outcome) => {
                    ready.push_back(Finished {
                        index,
                        outcome: *outcome,
                        started: now,
                        took: Duration::ZERO,
                        log: Vec::new(),
                    });
                }
            }
        }
        let (at_once, scratch) = (setup.at_once, setup.scratch.clone());
        let options = Options { now, at_once, scratch: scratch.as_path().into(), begins: None };
        let runner =
            Runner::start(work, options).map_err(|e| StoreError::Refused(format!("no thread for the jobs: {e}")))?;
        let frame = Frame { now, pass, at_once, scratch };
        let mut apart = Apart::new(setup.again.clone(), frame);
        apart.add(apart_work);
        Ok(Self {
            due,
            own,
            now,
            runner,
            here,
            apart,
            ready,
            deaths,
            unnoted: Vec::new(),
            late,
            left: Vec::new(),
            reserve: reserve(),
        })
    }

    /// Jobs that have not ended.
    pub(super) fn open(&self) -> usize {
        self.runner.open() + self.apart.open() + self.ready.len()
    }

    /// The next run that ends within `wait`, or `None`.
    pub(super) fn next(&mut self, wait: Duration) -> Option<Finished> {
        let until = Instant::now() + wait;
        loop {
            if let Some(finished) = self.ready.pop_front() {
                return Some(finished);
            }
            let beside = self.apart.open() > 0;
            if beside {
                let finished = self.apart.take();
                self.remember();
                if finished.is_some() {
                    return finished;
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            let patience = if beside { left.min(LISTEN) } else { left };
            if self.runner.open() == 0 {
                // It returns at once when it has nothing.
                std::thread::sleep(if self.apart.open() > 0 { patience } else { Duration::ZERO });
            } else if let Some(finished) = self.runner.next(patience)
                && let Some(finished) = self.judge(finished)
            {
                return Some(finished);
            }
            if left.is_zero() || self.open() == 0 {
                return None;
            }
        }
    }

    /// Takes back what is left of outcomes.
    pub(super) fn give_back(&self, spent: Vec<Vec<Metric>>) {
        self.runner.give_back(spent);
    }

    /// Jobs whose code may end this process, in whatever it is asked for.
    pub(super) fn suspects(&self) -> BTreeSet<usize> {
        let marked = |(_, d): &(usize, &Due)| self.deaths.marks.contains_key(d.job.id());
        self.due.iter().enumerate().filter(marked).map(|(index, _)| index).collect()
    }

    /// Gives back what was kept for this moment: a message is to be sent.
    pub(super) fn make_room(&mut self) {
        self.reserve.clear();
    }

    /// Jobs that nobody should wait for, since this was asked last.
    pub(super) fn nobody_waits_for(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.late)
    }

    /// Jobs that this pass had no time for.
    pub(super) fn finish(&mut self) -> Vec<usize> {
        self.write();
        std::mem::take(&mut self.left)
    }

    /// A run that ended in this process. One that found no file handle is run again where there are some.
    fn judge(&mut self, finished: Finished) -> Option<Finished> {
        let index = *self.here.get(finished.index)?;
        let finished = Finished { index, ..finished };
        let due = self.due.get(index)?;
        let timeout = due.job.policy().timeout;
        if is_out_of_handles(&finished.outcome) {
            self.make_room();
            let work = Work { job: Arc::clone(&due.job), run: due.run };
            self.apart.again(work, finished);
            return None;
        }
        if due.job.blocking() && finished.outcome.verdict == Verdict::Failed && finished.took >= timeout {
            self.unnoted.push(Event::Stuck(due.job.id().clone()));
        }
        Some(finished)
    }

    /// Notes what is new about suspects. Of most there is nothing to note.
    fn remember(&mut self) {
        self.late.extend(self.apart.narrowed());
        let left = self.apart.left();
        self.late.extend(&left);
        self.left.extend(left);
        let mut events = self.apart.events();
        events.retain(|event| match event {
            Event::Survived(job) => self.deaths.marks.contains_key(job),
            _ => true,
        });
        if events.is_empty() {
            return;
        }
        for event in &events {
            self.deaths.note(event, self.now);
        }
        // Who survives can be noted at the end; who dies must not be run in this process if we are killed.
        let dies = events.iter().any(|event| matches!(event, Event::Died { .. }));
        self.unnoted.append(&mut events);
        if dies {
            self.write();
        }
    }

    fn write(&mut self) {
        if !self.unnoted.is_empty() {
            note(self.own, &std::mem::take(&mut self.unnoted), self.now);
        }
    }
}
