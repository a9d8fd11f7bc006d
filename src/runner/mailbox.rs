//! Results on their way from the threads that run jobs to the one that decides.
//!
//! To wake that thread for each of thousands of quick results costs more than most of the checks. So it is woken for the
//! first, and then sleeps on a little while the others come.
//!
//! What is left of them goes the other way: to free the memory of another thread makes both wait for one lock.

use super::Finished;
use checker_job::Metric;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So many results are worth waking up for.
const ENOUGH: usize = 256;
/// Fewer than that wait so long for others.
const GATHER: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
struct Inside {
    results: VecDeque<Finished>,
    /// Results that are still to come; more may come of runs that were given up.
    expected: usize,
    /// Somebody waits for this many.
    wanted: usize,
    /// What nobody needs any more.
    spent: Vec<Vec<Metric>>,
}

/// Where results wait.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inside: Mutex<Inside>,
    came: Condvar,
}

impl Mailbox {
    pub(super) fn new(expected: usize) -> Self {
        let inside = Inside { expected, ..Inside::default() };
        Self { inside: Mutex::new(inside), came: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, finished: Finished) {
        let mut inside = self.lock();
        let spent = std::mem::take(&mut inside.spent);
        inside.results.push_back(finished);
        inside.expected = inside.expected.saturating_sub(1);
        let wake = inside.wanted > 0 && (inside.results.len() >= inside.wanted || inside.expected == 0);
        drop(inside);
        if wake {
            self.came.notify_one();
        }
        drop(spent);
    }

    /// Gives memory back to the thread that it came from.
    pub(super) fn give_back(&self, spent: Vec<Vec<Metric>>) {
        let mut inside = self.lock();
        if inside.expected > 0 {
            inside.spent.extend(spent);
        }
    }

    /// All results that are there. Waits for the first at most `wait`, and then a little for others.
    pub(super) fn take(&self, wait: Duration) -> VecDeque<Finished> {
        let mut inside = self.lock();
        if !wait.is_zero() {
            inside = self.wait_for(inside, 1, wait);
            if !inside.results.is_empty() && inside.expected > 0 {
                inside = self.wait_for(inside, ENOUGH, GATHER.min(wait));
            }
        }
        inside.wanted = 0;
        std::mem::take(&mut inside.results)
    }

    fn wait_for<'a>(&self, mut inside: MutexGuard<'a, Inside>, count: usize, wait: Duration) -> MutexGuard<'a, Inside> {
        let until = Instant::now() + wait;
        inside.wanted = count;
        while inside.results.len() < count && (inside.expected > 0 || inside.results.is_empty()) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inside = self.came.wait_timeout(inside, left).map_or_else(|e| e.into_inner().0, |(inside, _)| inside);
        }
        inside
    }
}
