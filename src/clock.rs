//! The only place that reads the time.

use checker_job::Timestamp;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// One reading of both clocks, taken once and passed on as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, in UTC: what people and slots mean. It may step.
    pub wall: Timestamp,
    /// Time since the machine started, sleep included. It never steps; it starts again at each boot.
    pub boot: Duration,
}

/// A clock that never steps: the wall clock as it was once, and the time that has passed since by the other clock. All
/// decisions of a pass are made by one of these, so that a step in its middle is the next pass's to notice.
#[derive(Clone, Copy, Debug)]
pub struct Steady {
    start: Now,
}

impl Steady {
    /// One that begins now.
    pub fn start() -> Self {
        Self { start: now() }
    }

    /// What both clocks said at the start.
    pub fn begun(&self) -> Now {
        self.start
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.start.wall.plus(now().boot.saturating_sub(self.start.boot))
    }
}

/// Which boot of this machine this is; empty where the system does not say.
pub fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// Reads both clocks.
pub fn now() -> Now {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let wall = Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX));
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    Now { wall, boot }
}
