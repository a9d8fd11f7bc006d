use checker_job::Timestamp;
use std::fmt;
use std::sync::Arc;

/// The store's own time. Leases are measured with it and with nothing else; the `now` of a pass never meets it.
#[derive(Clone)]
pub struct StoreClock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl StoreClock {
    /// The clock of this machine: right for a file on it.
    pub fn system() -> Self {
        Self(Arc::new(|| crate::clock::now().wall))
    }

    /// Any other source, for simulations and tests.
    pub fn new(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// What it reads.
    pub(super) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for StoreClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreClock({})", self.now().micros())
    }
}
