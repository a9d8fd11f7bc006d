//! What stands between a job and the thread that it runs on: panics are caught, and the job that is being polled is
//! known by its place.

use super::Pool;
use checker_job::Outcome;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll};

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    /// How many times this thread is inside [`catch`].
    static CATCHING: Cell<u32> = const { Cell::new(0) };
}

/// Why a guarded run gave no outcome.
pub(super) enum Poisoned {
    /// It panicked, saying this.
    Panic(String),
    /// Its runtime was replaced.
    Replaced,
}

/// A run on the shared thread.
pub(super) struct Guarded<'a> {
    inner: Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>,
    pool: &'a Arc<Pool>,
    generation: u64,
    index: usize,
}

impl<'a> Guarded<'a> {
    pub(super) fn new(
        inner: Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>,
        pool: &'a Arc<Pool>,
        generation: u64,
        index: usize,
    ) -> Self {
        Self { inner, pool, generation, index }
    }
}

impl Future for Guarded<'_> {
    type Output = Result<Outcome, Poisoned>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        if !self.pool.is_current(self.generation) {
            return Poll::Ready(Err(Poisoned::Replaced));
        }
        // What is measured is this one poll: many short ones are nobody's fault.
        let before = self.pool.beat();
        self.pool.polling.store(self.index + 1, Ordering::Release);
        let polled = catch(|| self.inner.as_mut().poll(cx));
        if !self.pool.is_current(self.generation) {
            return Poll::Ready(Err(Poisoned::Replaced));
        }
        self.pool.polling.store(0, Ordering::Release);
        self.pool.lose(before);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(outcome)) => Poll::Ready(Ok(outcome)),
            Err(what) => Poll::Ready(Err(Poisoned::Panic(what))),
        }
    }
}

/// Runs `f`; a panic in it becomes its words and its place in the source.
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, String> {
    quiet_panics();
    CATCHING.set(CATCHING.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(CATCHING.get() - 1);
    result.map_err(|_| LAST_PANIC.with_borrow_mut(Option::take).unwrap_or_else(|| "it left no words".to_owned()))
}

/// Keeps panics of jobs off stderr, where cron would mail them: their words go into the outcome. Panics elsewhere are
/// printed as ever.
pub(super) fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let thread = std::thread::current();
            if CATCHING.get() == 0 && !matches!(thread.name(), Some("runner" | "job")) {
                before(info);
                return;
            }
            let words = info
                .payload()
                .downcast_ref::<&str>()
                .map(|s| (*s).to_owned())
                .or_else(|| info.payload().downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "it left no words".to_owned());
            let place = info.location().map(|l| format!(" at {}:{}", l.file(), l.line())).unwrap_or_default();
            LAST_PANIC.set(Some(format!("{words}{place}")));
        }));
    });
}
