//! How many runs go on at once. A lane is a queue and the places beside it: few at first, more while this thread rests, many
//! while slow runs hold them, and never more than the handles of this process allow.

use super::rest::Rest;
use super::{Mode, Pool, work};
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

/// How many runs go on at once, within what the handles of this process allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtOnce {
    /// Awaiting runs, as long as they are quick. Those that take many handles, such as programs, stay at this.
    pub awaiting: usize,
    /// Awaiting runs, while slow ones hold their places.
    pub awaiting_max: usize,
    /// Blocking runs, at first.
    pub threads: usize,
    /// Blocking runs, while slow ones hold their places.
    pub threads_max: usize,
}

impl Default for AtOnce {
    fn default() -> Self {
        Self { awaiting: 256, awaiting_max: 16_384, threads: 32, threads_max: 256 }
    }
}

/// Places of awaiting runs at first. Each run that goes on holds memory that the others then no longer find in the
/// processor's cache: with quick targets, 256 at once cost a tenth more than these.
const FIRST: usize = 8;
/// How often a lane with few places looks whether the thread rests though runs wait.
const GLANCE: Duration = Duration::from_millis(2);
/// How often a lane looks whether slow runs hold its places.
const LOOK: Duration = Duration::from_millis(25);
/// Runs that take longer than this on average are slow: then more at once ends them sooner. Quicker ones are held up by
/// this machine, where more at once costs and gains nothing.
const SLOW: Duration = Duration::from_millis(200);
/// One slow look may be a machine that was busy elsewhere; so many in a row are slow targets.
const LOOKS: u32 = 2;
/// A lane grows by no more than this at a look: all of these runs start at the same moment.
const STEP_MAX: usize = 2_048;
/// Kept free for the store, mail, the log and the system's libraries.
const RESERVE: usize = 64;
/// A lane runs this many whatever the handles say, out of the reserve: a pass must come to its end.
const FLOOR: usize = 4;

/// The handles that runs may still open. Clones share one count.
#[derive(Clone, Debug)]
pub(super) struct Handles(Arc<AtomicUsize>);

/// Handles that a run may open; they are free again when this is dropped.
#[derive(Debug)]
pub(super) struct Held {
    handles: Handles,
    count: usize,
}

impl Handles {
    /// Of a process that may have `limit` open and has `open`.
    pub(super) fn new(limit: usize, open: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(limit.saturating_sub(open).saturating_sub(RESERVE))))
    }

    fn free(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn take(&self, count: usize) -> Option<Held> {
        let less = |free: usize| free.checked_sub(count);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, less).ok()?;
        Some(Held { handles: self.clone(), count })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.handles.0.fetch_add(self.count, Ordering::AcqRel);
    }
}

/// A queue of runs, and how many of them go on at once.
pub(super) struct Lane {
    queue: RefCell<VecDeque<usize>>,
    /// Places while runs are quick, at most.
    start: usize,
    /// Places now.
    limit: Cell<usize>,
    /// Slow looks in a row.
    slow: Cell<u32>,
    /// Never more places than this.
    most: usize,
    running: Cell<usize>,
    /// Runs that ended since the last look.
    ended: Cell<usize>,
}

/// A run that has its place.
pub(super) struct Place<'a> {
    pub(super) index: usize,
    /// The handles that it may open, if there were any: they go along with a thread that outlives its run.
    pub(super) handles: Option<Held>,
    lane: &'a Lane,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.lane.running.set(self.lane.running.get().saturating_sub(1));
        self.lane.ended.set(self.lane.ended.get() + 1);
    }
}

impl Lane {
    pub(super) fn new(queue: VecDeque<usize>, mode: Mode, start: usize, most: usize) -> Rc<Self> {
        let start = start.max(1);
        // A thread of its own rests whenever its run does.
        let first = if mode == Mode::Shared { start.min(FIRST) } else { start };
        Rc::new(Self {
            queue: RefCell::new(queue),
            start,
            limit: Cell::new(first),
            slow: Cell::new(0),
            most: most.max(start),
            running: Cell::new(0),
            ended: Cell::new(0),
        })
    }

    /// The next run, if there is one, and a place and handles for it.
    pub(super) fn next<'a>(&'a self, pool: &'a Pool) -> Option<Place<'a>> {
        if self.running.get() >= self.limit.get() {
            return None;
        }
        let mut queue = self.queue.borrow_mut();
        let handles = pool.handles.take(pool.handles_of(*queue.front()?));
        if handles.is_none() && self.running.get() >= FLOOR {
            return None;
        }
        let index = queue.pop_front()?;
        self.running.set(self.running.get() + 1);
        Some(Place { index, handles, lane: self })
    }

    fn waiting(&self) -> usize {
        self.queue.borrow().len()
    }

    /// How many workers to start beside `workers`: as many as have a place, a run and handles.
    fn wanted(&self, pool: &Pool, workers: usize) -> usize {
        let each = self.queue.borrow().front().map_or(1, |&i| pool.handles_of(i)).max(1);
        let room = (pool.handles.free() / each).max(FLOOR.saturating_sub(workers));
        self.limit.get().saturating_sub(workers).min(self.waiting()).min(room)
    }

    fn is_small(&self) -> bool {
        self.limit.get() < self.start
    }

    /// More places, if all are taken and the thread `rested` for the larger part of the time.
    fn glance(&self, rested: Duration, since: Duration) {
        if self.running.get() >= self.limit.get() && rested.saturating_mul(2) > since {
            self.limit.set(self.limit.get().saturating_mul(2).min(self.start));
        }
    }

    /// More places, if all are taken and slow runs hold them; fewer again, where runs are quick.
    fn look(&self, since: Duration) {
        let (limit, running) = (self.limit.get(), self.running.get());
        let ended = self.ended.replace(0);
        let slow = is_slow(running, ended, since);
        self.slow.set(if slow { self.slow.get().saturating_add(1) } else { 0 });
        if !slow {
            self.limit.set((limit / 2).max(self.start.min(limit)));
        } else if running >= limit && self.slow.get() >= LOOKS {
            self.limit.set((limit + limit.min(STEP_MAX)).min(self.most));
        }
    }
}

/// Whether runs are slow, of which `running` went on at once and `ended` ended within `since`.
fn is_slow(running: usize, ended: usize, since: Duration) -> bool {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    since.saturating_mul(count(running)) >= SLOW.saturating_mul(count(ended))
}

/// Runs what is in a lane. Workers pull from its queue, so that slow jobs cost a place and not a task each.
pub(super) async fn serve(lane: Rc<Lane>, pool: &Arc<Pool>, generation: u64, mode: Mode, rest: &Rest) {
    let mut workers = JoinSet::new();
    let start = |workers: &mut JoinSet<()>| {
        for _ in 0..lane.wanted(pool, workers.len()) {
            workers.spawn_local(work(Arc::clone(pool), generation, Rc::clone(&lane), mode));
        }
    };
    start(&mut workers);
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked = Instant::now();
    let mut glances = tokio::time::interval(GLANCE);
    glances.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen_at, mut seen_rest) = (Instant::now(), Duration::ZERO);
    loop {
        let waiting = lane.waiting() > 0 && (mode == Mode::Threads || pool.is_current(generation));
        tokio::select! {
            Some(ended) = workers.join_next() => if let Err(why) = ended {
                // A job may panic where it is dropped.
                tracing::warn!("a worker ended early: {why}");
                start(&mut workers);
            },
            _ = glances.tick(), if waiting && lane.is_small() => {
                let total = rest.total();
                let rested = total.saturating_sub(std::mem::replace(&mut seen_rest, total));
                lane.glance(rested, std::mem::replace(&mut seen_at, Instant::now()).elapsed());
                start(&mut workers);
            }
            _ = looks.tick(), if waiting => {
                lane.look(std::mem::replace(&mut looked, Instant::now()).elapsed());
                start(&mut workers);
            }
            else => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_slow_by_how_long_they_hold_a_place() {
        let look = Duration::from_millis(25);
        assert!(is_slow(256, 0, look), "nothing ended");
        assert!(is_slow(256, 25, look), "256 ms each");
        assert!(!is_slow(256, 64, look), "100 ms each");
        // What counts is the time that has passed, not the time that should have.
        assert!(is_slow(256, 64, look * 4) && !is_slow(256, 640, look * 4));
    }

    #[test]
    fn a_lane_doubles_and_then_grows_by_steps_to_its_most_and_shrinks_where_runs_are_quick() {
        let lane = Lane::new(VecDeque::new(), Mode::Threads, 256, 7_000);
        let look = |running: usize, ended: usize| {
            lane.running.set(running);
            lane.ended.set(ended);
            lane.look(LOOK);
            lane.limit.get()
        };
        assert_eq!(look(256, 0), 256, "one slow look says nothing");
        assert_eq!(look(256, 200), 256, "runs are quick");
        assert_eq!((look(256, 0), look(255, 0)), (256, 256), "a place was free");
        let seen: Vec<usize> = (0..7).map(|_| look(lane.limit.get(), 0)).collect();
        assert_eq!(seen, [512, 1_024, 2_048, 4_096, 6_144, 7_000, 7_000]);
        let seen: Vec<usize> = (0..6).map(|_| look(lane.limit.get(), 7_000)).collect();
        assert_eq!(seen, [3_500, 1_750, 875, 437, 256, 256]);
    }

    #[test]
    fn a_lane_begins_with_few_places_and_gets_more_while_its_thread_rests() {
        let lane = Lane::new(VecDeque::new(), Mode::Shared, 256, 7_000);
        assert_eq!(Lane::new(VecDeque::new(), Mode::Shared, 3, 3).limit.get(), 3);
        let glance = |running: usize, rested: u64| {
            lane.running.set(running);
            lane.glance(Duration::from_micros(rested), GLANCE);
            lane.limit.get()
        };
        assert_eq!(glance(8, 900), 8, "the thread has enough to do");
        assert_eq!(glance(7, 2_000), 8, "a place is free");
        let seen: Vec<usize> = (0..6).map(|_| glance(lane.limit.get(), 1_100)).collect();
        assert_eq!(seen, [16, 32, 64, 128, 256, 256]);
        // Quick runs leave it what it has.
        lane.limit.set(64);
        lane.ended.set(1_000);
        lane.look(LOOK);
        assert_eq!(lane.limit.get(), 64);
    }

    #[test]
    fn handles_come_back_and_never_run_below_the_reserve() {
        let handles = Handles::new(100, 20);
        let held = handles.take(10).unwrap();
        assert!(handles.take(7).is_none() && handles.take(6).is_some());
        drop(held);
        assert_eq!(handles.free(), 100 - 20 - RESERVE);
        assert!(Handles::new(50, 20).take(1).is_none());
    }
}
