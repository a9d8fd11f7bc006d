//! Runs jobs: bounded concurrency, a timeout for each, a panic becomes an outcome, and a job that blocks the shared
//! thread is found, named and left behind.
//!
//! Jobs that only await share one thread; jobs that may block get threads of their own. The caller's thread only
//! receives, so it keeps its own time whatever the jobs do. Nothing waits for a stuck thread at the end.

mod beat;
mod ends;
mod guard;
mod lanes;
mod mailbox;
mod rest;

use crate::clock;
use crate::registry::DynJob;
use checker_job::{Blame, Context, Metric, Outcome, Timestamp};
use checker_parts::handles;
use ends::{left_behind, panicked, timed_out};
use guard::{Guarded, Poisoned};
use lanes::{Handles, Held, Lane};
use mailbox::Mailbox;
use rest::Rest;

pub(crate) use guard::catch;
pub use lanes::AtOnce;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// A runtime that has not turned for this long is blocked by the job that it is polling.
const STALLED: Duration = Duration::from_secs(2);
const HEARTBEAT: Duration = Duration::from_millis(200);
/// A worker lets others go first after so many runs.
const GIVES_WAY_AFTER: u32 = 4;
/// A run gets back at most this much of the time that others took from it.
const GIVEN_BACK: Duration = Duration::from_secs(3);
/// A run that is this much over its timeout will not come back: its thread is stuck outside of the job.
const OVERDUE: Duration = Duration::from_secs(5);
pub(crate) const SUMMARY_BYTES_MAX: usize = 400;
pub(crate) const DETAIL_BYTES_MAX: usize = 16 * 1024;

/// One job to run.
#[derive(Clone)]
pub struct Work {
    /// The job.
    pub job: Arc<dyn DynJob>,
    /// The id of this run.
    pub run: Uuid,
}

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Work").field("job", self.job.id()).field("run", &self.run).finish()
    }
}

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Its place in the list that [`Runner::start`] was given.
    pub index: usize,
    /// What it found, cut to size.
    pub outcome: Outcome,
    /// When it started.
    pub started: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What it noted.
    pub log: Vec<String>,
}

/// How much runs at once, and where.
#[derive(Clone)]
pub struct Options {
    /// The `now` of the pass.
    pub now: Timestamp,
    /// How many runs go on at once.
    pub at_once: AtOnce,
    /// Below it each run that asks for one gets a scratch folder.
    pub scratch: Arc<Path>,
    /// Is told the place of each job just before its code runs.
    pub begins: Option<Arc<dyn Fn(usize) + Send + Sync>>,
}

/// Runs a list of jobs and hands out what they found, in the order in which they end.
pub struct Runner {
    pool: Arc<Pool>,
    /// Results that came and were not handed out.
    came: VecDeque<Finished>,
    done: Vec<bool>,
    open: usize,
    looked: Instant,
}

/// What the threads of a runner share.
struct Pool {
    work: Vec<Work>,
    options: Options,
    results: Mailbox,
    handles: Handles,
    started: Instant,
    /// Grows when the runtime is replaced: futures of an older one are dead.
    generation: AtomicU64,
    /// The last turn of the runtime, in milliseconds since `started`.
    beat_ms: AtomicU64,
    /// A run outlives its timeout on a thread of its own.
    stuck: AtomicBool,
    /// Milliseconds in which the runtime did not turn, because of slow polls.
    lost_ms: AtomicU64,
    /// The index + 1 of the job that is being polled, or 0.
    polling: AtomicUsize,
    /// When each job was started, in milliseconds since `started`, plus 1; 0 before that.
    begun_ms: Vec<AtomicU64>,
}

impl Runner {
    /// Starts running `work`, in its order.
    ///
    /// # Errors
    /// If not even one thread can be started.
    pub fn start(work: Vec<Work>, options: Options) -> std::io::Result<Self> {
        guard::quiet_panics();
        let open = work.len();
        let pool = Arc::new(Pool {
            begun_ms: work.iter().map(|_| AtomicU64::new(0)).collect(),
            results: Mailbox::new(open),
            work,
            options,
            handles: Handles::new(handles::raise(), handles::open().unwrap_or_default()),
            started: Instant::now(),
            generation: AtomicU64::new(0),
            beat_ms: AtomicU64::new(0),
            stuck: AtomicBool::new(false),
            lost_ms: AtomicU64::new(0),
            polling: AtomicUsize::new(0),
        });
        let runner = Self { pool, came: VecDeque::new(), done: vec![false; open], open, looked: Instant::now() };
        let blocks = |i: &usize| runner.pool.work.get(*i).is_some_and(|w| w.job.blocking());
        let (blocking, awaiting): (VecDeque<usize>, VecDeque<usize>) = (0..open).partition(blocks);
        runner.launch(awaiting, Mode::Shared)?;
        runner.launch(blocking, Mode::Threads)?;
        Ok(runner)
    }

    /// Jobs that have not ended.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Whether the job at `index` has ended.
    pub fn is_done(&self, index: usize) -> bool {
        self.done.get(index).copied().unwrap_or(true)
    }

    /// The next run that ends within `wait`, or `None`.
    pub fn next(&mut self, wait: Duration) -> Option<Finished> {
        let until = Instant::now() + wait;
        while self.open > 0 {
            if let Some(finished) = self.came.pop_front() {
                match self.take(finished) {
                    Some(finished) => return Some(finished),
                    None => continue,
                }
            }
            if self.looked.elapsed() >= HEARTBEAT
                && let Some(stuck) = self.stuck()
            {
                return Some(stuck);
            }
            let left = until.saturating_duration_since(Instant::now());
            self.came = self.pool.results.take(left.min(HEARTBEAT));
            if self.came.is_empty() && left.is_zero() {
                return None;
            }
        }
        None
    }

    /// Takes back what is left of outcomes, to be freed where it was made.
    pub fn give_back(&self, spent: Vec<Vec<Metric>>) {
        self.pool.results.give_back(spent);
    }

    /// A run counts once: what a replaced runtime still sends is dropped.
    fn take(&mut self, finished: Finished) -> Option<Finished> {
        let done = self.done.get_mut(finished.index)?;
        if std::mem::replace(done, true) {
            return None;
        }
        self.open -= 1;
        Some(finished)
    }

    /// Ends a run that keeps the runtime from turning, or that is long over its time. A pause of our own thread as well (a
    /// stopped or sleeping machine) is nobody's fault.
    fn stuck(&mut self) -> Option<Finished> {
        let now = Instant::now();
        let paused = now.duration_since(self.looked) > STALLED / 2;
        self.looked = now;
        let beat = Duration::from_millis(self.pool.beat_ms.load(Ordering::Acquire));
        if paused {
            self.pool.beat();
            return None;
        }
        let stalled = self.pool.started.elapsed().saturating_sub(beat) > STALLED;
        let polling = self.pool.polling.load(Ordering::Acquire);
        if stalled && polling > 0 {
            let outcome = Outcome::failed("blocked the thread that it shares with other jobs for more than 2 s")
                .with_detail("A job kind that may block must say `const BLOCKING: bool = true`.");
            return self.replace(polling - 1, outcome, STALLED);
        }
        let (index, over) = self.overdue()?;
        let outcome = Outcome::unknown("its run never came back", "a run never came back").with_detail(
            "Its thread is stuck outside of the job, for example in a drop. This is a fault in the job kind.",
        );
        let blocking = self.pool.work.get(index).is_some_and(|w| w.job.blocking());
        if stalled && !blocking {
            return self.replace(index, outcome, over);
        }
        self.take(left_behind(index, outcome, over))
    }

    /// A run that should have ended long ago, and how long it has taken.
    fn overdue(&self) -> Option<(usize, Duration)> {
        let now = self.pool.now_ms();
        let runs = self.pool.begun_ms.iter().zip(&self.pool.work).enumerate();
        runs.filter(|(index, _)| !self.is_done(*index)).find_map(|(index, (begun, work))| {
            let begun = begun.load(Ordering::Acquire).checked_sub(1)?;
            let took = Duration::from_millis(now.saturating_sub(begun));
            (took > work.job.policy().timeout + OVERDUE).then_some((index, took))
        })
    }

    /// Leaves the blocked runtime behind and runs what is open on a new one.
    fn replace(&mut self, culprit: usize, outcome: Outcome, took: Duration) -> Option<Finished> {
        self.pool.generation.fetch_add(1, Ordering::AcqRel);
        self.pool.polling.store(0, Ordering::Release);
        self.pool.beat();
        let awaits = |i: usize| self.pool.work.get(i).is_some_and(|w| !w.job.blocking());
        let awaiting: VecDeque<usize> =
            (0..self.done.len()).filter(|&i| i != culprit && !self.is_done(i) && awaits(i)).collect();
        let runs: Vec<String> =
            awaiting.iter().filter_map(|&i| self.pool.work.get(i)).map(|w| w.run.to_string()).collect();
        checker_parts::child::kill_groups_of_runs(&runs);
        if let Err(why) = self.launch(awaiting.clone(), Mode::Shared) {
            for index in awaiting {
                let outcome = Outcome::unknown(format!("no thread to run it on: {why}"), "no thread for jobs")
                    .blaming(Blame::Shortage);
                self.pool.send(left_behind(index, outcome, Duration::ZERO));
            }
        }
        self.take(left_behind(culprit, outcome, took))
    }

    fn launch(&self, queue: VecDeque<usize>, mode: Mode) -> std::io::Result<()> {
        if queue.is_empty() {
            return Ok(());
        }
        let pool = Arc::clone(&self.pool);
        let generation = pool.generation.load(Ordering::Acquire);
        let serve = move || serve(&pool, generation, queue, mode);
        std::thread::Builder::new().name("runner".to_owned()).spawn(serve)?;
        Ok(())
    }
}

/// Where jobs run.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Together, on the runtime's one thread. It can be replaced.
    Shared,
    /// Each on a thread of its own, beside a runtime that no job can block.
    Threads,
}

impl Pool {
    /// Hands out a result, cut to size.
    fn send(&self, finished: Finished) {
        let outcome = finished.outcome.bounded(SUMMARY_BYTES_MAX, DETAIL_BYTES_MAX);
        self.results.put(Finished { outcome, ..finished });
    }

    /// How many handles the run at `index` may open.
    fn handles_of(&self, index: usize) -> usize {
        self.work.get(index).map_or(0, |w| w.job.handles())
    }

    fn is_current(&self, generation: u64) -> bool {
        self.generation.load(Ordering::Acquire) == generation
    }
}

/// A runtime's thread.
fn serve(pool: &Arc<Pool>, generation: u64, queue: VecDeque<usize>, mode: Mode) {
    let rest = Arc::new(Rest::new());
    let runtime = match rest.runtime() {
        Ok(runtime) => runtime,
        Err(why) => {
            for index in queue {
                let outcome = Outcome::unknown(format!("no runtime for jobs: {why}"), "no runtime for jobs")
                    .blaming(Blame::Shortage);
                pool.send(left_behind(index, outcome, Duration::ZERO));
            }
            return;
        }
    };
    let tasks = tokio::task::LocalSet::new();
    if mode == Mode::Shared {
        let heart = Arc::clone(pool);
        tasks.spawn_local(async move {
            while heart.is_current(generation) {
                heart.beat();
                tokio::time::sleep(HEARTBEAT).await;
            }
        });
    }
    let at_once = &pool.options.at_once;
    let lane = |queue, start, most| lanes::serve(Lane::new(queue, mode, start, most), pool, generation, mode, &rest);
    if mode == Mode::Threads {
        tasks.block_on(&runtime, lane(queue, at_once.threads, at_once.threads_max));
    } else {
        let costly = |index: &usize| pool.handles_of(*index) > checker_job::HANDLES;
        let (costly, light): (VecDeque<usize>, VecDeque<usize>) = queue.into_iter().partition(costly);
        let light = lane(light, at_once.awaiting, at_once.awaiting_max);
        let costly = lane(costly, at_once.awaiting, at_once.awaiting);
        tasks.block_on(&runtime, async { tokio::join!(light, costly) });
    }
    drop(tasks);
    if mode == Mode::Threads && pool.stuck.load(Ordering::Acquire) {
        // What waits for it on a stuck thread would panic there, and a second panic in a drop would end the process.
        std::mem::forget(runtime);
    } else {
        runtime.shutdown_background();
    }
}

async fn work(pool: Arc<Pool>, generation: u64, lane: Rc<Lane>, mode: Mode) {
    let mut ran = 0_u32;
    while mode == Mode::Threads || pool.is_current(generation) {
        let Some(mut place) = lane.next(&pool) else {
            return;
        };
        let index = place.index;
        let Some(work) = pool.work.get(index) else {
            continue;
        };
        if let Some(begun) = pool.begun_ms.get(index) {
            begun.store(pool.now_ms().saturating_add(1), Ordering::Release);
        }
        if let Some(begins) = &pool.options.begins {
            begins(index);
        }
        let timeout = work.job.policy().timeout;
        let scratch = Arc::clone(&pool.options.scratch);
        let context = Arc::new(Context::new(pool.options.now, timeout, work.run.to_string(), scratch));
        let (wall, started) = (clock::now().wall, Instant::now());
        let outcome = match mode {
            Mode::Threads => on_own_thread(&pool, work, &context, timeout, place.handles.take()).await,
            Mode::Shared => match on_shared_thread(&pool, generation, index, work, &context, timeout).await {
                Some(outcome) => outcome,
                None => return,
            },
        };
        let took = started.elapsed();
        context.cancel.cancel();
        if let Some(scratch) = context.used_scratch()
            && let Err(why) = std::fs::remove_dir_all(scratch)
        {
            tracing::warn!("the scratch folder {} stays: {why}", scratch.display());
        }
        pool.send(Finished { index, outcome, started: wall, took, log: context.log_lines() });
        // Runs that never have to wait would keep all from their turn that wait for time or for a socket.
        ran += 1;
        if ran.is_multiple_of(GIVES_WAY_AFTER) {
            tokio::task::yield_now().await;
        }
    }
}

/// `None`: the runtime was replaced meanwhile, and somebody else has taken over.
async fn on_shared_thread(
    pool: &Arc<Pool>,
    generation: u64,
    index: usize,
    work: &Work,
    context: &Arc<Context>,
    timeout: Duration,
) -> Option<Outcome> {
    let run = match guard::catch(|| work.job.execute(context)) {
        Ok(run) => Guarded::new(run, pool, generation, index),
        Err(what) => return Some(panicked(&what)),
    };
    // A job that blocks the thread for a moment must not cost another one its answer.
    let (mut run, mut lost, mut wait, mut left) = (std::pin::pin!(run), pool.lost(), timeout, GIVEN_BACK);
    loop {
        match tokio::time::timeout(wait, run.as_mut()).await {
            Ok(Ok(outcome)) => return Some(outcome),
            Ok(Err(Poisoned::Panic(what))) => return Some(panicked(&what)),
            Ok(Err(Poisoned::Replaced)) => return None,
            Err(_) => {}
        }
        wait = pool.lost().saturating_sub(lost).min(left);
        if wait.is_zero() {
            return Some(timed_out(timeout, &context.cancel));
        }
        (lost, left) = (pool.lost(), left.saturating_sub(wait));
    }
}

async fn on_own_thread(
    pool: &Pool,
    work: &Work,
    context: &Arc<Context>,
    timeout: Duration,
    handles: Option<Held>,
) -> Outcome {
    let (answer, receive) = tokio::sync::oneshot::channel();
    let (job, cx, handle) = (Arc::clone(&work.job), Arc::clone(context), tokio::runtime::Handle::current());
    let thread = std::thread::Builder::new().name("job".to_owned()).spawn(move || {
        let outcome = guard::catch(|| handle.block_on(job.execute(&cx)));
        drop(handles);
        // Nobody listens any more after the timeout.
        drop(answer.send(outcome));
    });
    if let Err(why) = thread {
        return Outcome::unknown(format!("no thread for the job: {why}"), "no thread for a job")
            .blaming(Blame::Shortage);
    }
    match tokio::time::timeout(timeout, receive).await {
        Ok(Ok(Ok(outcome))) => outcome,
        Ok(Ok(Err(what))) => panicked(&what),
        Ok(Err(_)) => panicked("its thread ended without an answer"),
        Err(_) => {
            pool.stuck.store(true, Ordering::Release);
            timed_out(timeout, &context.cancel)
        }
    }
}

#[cfg(test)]
mod tests;
