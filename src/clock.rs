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

/// Reads both clocks.
pub fn now() -> Now {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let wall = Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX));
    let boot = clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from);
    Now { wall, boot }
}
