//! What the records of scripts mean. Pure.

mod activity;
pub mod cron;
pub mod expected;
pub mod monitor;
pub mod ping;

pub use activity::{Activity, Measured, ScriptHour, ScriptName, Wanted};
pub(crate) use activity::{share, stage};
pub use expected::{Expected, Watched};

use checker_job::Timestamp;

/// An instant as Launchpad's texts have it: `YYYY-MM-DD HH:MM:SS`, in UTC, rounded down.
pub fn utc_text(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.secs());
    at.map_or_else(|_| "?".to_owned(), |t| t.strftime("%Y-%m-%d %H:%M:%S").to_string())
}
