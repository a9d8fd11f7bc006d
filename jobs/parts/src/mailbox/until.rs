//! The one deadline of a session, known to all its layers.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A moment that all layers of one session share. It may be moved nearer.
#[derive(Clone, Debug)]
pub(super) struct Until(Rc<Cell<Instant>>);

impl Until {
    pub(super) fn new(deadline: Instant) -> Self {
        Self(Rc::new(Cell::new(deadline)))
    }

    /// What is left; `None` when it is over.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.0.get().saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// At most `most` from now on.
    pub(super) fn at_most(&self, most: Duration) {
        self.0.set(self.0.get().min(Instant::now() + most));
    }
}
