//! How long a thread of the runner had nothing to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Counts the time in which a runtime's thread sleeps, by what the runtime calls before and after. Times are microseconds.
#[derive(Debug)]
pub(super) struct Rest {
    started: Instant,
    asleep_since: AtomicU64,
    slept: AtomicU64,
}

impl Rest {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), asleep_since: AtomicU64::new(0), slept: AtomicU64::new(0) }
    }

    /// A runtime for this thread, whose sleep is counted here.
    pub(super) fn runtime(self: &Arc<Self>) -> std::io::Result<Runtime> {
        let (before, after) = (Arc::clone(self), Arc::clone(self));
        let mut builder = Builder::new_current_thread();
        builder.on_thread_park(move || before.begins()).on_thread_unpark(move || after.ends());
        builder.enable_all().build()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The thread is about to sleep.
    fn begins(&self) {
        self.asleep_since.store(self.now(), Ordering::Relaxed);
    }

    /// It woke up.
    fn ends(&self) {
        let slept = self.now().saturating_sub(self.asleep_since.load(Ordering::Relaxed));
        self.slept.fetch_add(slept, Ordering::Relaxed);
    }

    /// All its sleep so far.
    pub(super) fn total(&self) -> Duration {
        Duration::from_micros(self.slept.load(Ordering::Relaxed))
    }
}
