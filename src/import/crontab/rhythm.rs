//! How long a script may take to succeed, from how often it is called.

use crate::decide::script::cron::Cron;
use checker_job::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// 2024 and 2025, in seconds: two years, one of them with a 29 February.
const YEARS: (i64, i64) = (1_704_067_200, 1_767_225_600);

/// The longest gap between two neighbouring slots of two years, in UTC. None: there is no slot.
///
/// In UTC the slots of each day that has any are alike. So those of one day are looked at, and then the steps from the last
/// of a day to the first of another: a line that calls each minute costs no million of steps.
pub(super) fn longest_gap(cron: &Cron) -> Option<Duration> {
    let next = |after: Timestamp| cron.next(after, &TimeZone::UTC);
    let first = next(Timestamp::from_micros(Timestamp::from_secs(YEARS.0).micros().saturating_sub(1)))?;
    let (mut last, mut longest) = (first, Duration::ZERO);
    while let Some(slot) = next(last).filter(|slot| day(*slot) == day(first)) {
        longest = longest.max(slot.since(last));
        last = slot;
    }
    let span = last.micros().saturating_sub(first.micros());
    while last < Timestamp::from_secs(YEARS.1)
        && let Some(slot) = next(last)
    {
        longest = longest.max(slot.since(last));
        last = Timestamp::from_micros(slot.micros().saturating_add(span));
    }
    Some(longest)
}

fn day(at: Timestamp) -> i64 {
    at.micros().div_euclid(24 * 3_600 * 1_000_000)
}

/// So long after its slot it must have succeeded.
pub(super) fn grace(gap: Duration) -> String {
    let gap = gap.as_secs();
    words(if gap <= 10 * MINUTE {
        5 * MINUTE
    } else if gap <= HOUR {
        (gap / 3).max(10 * MINUTE)
    } else if gap < DAY {
        (gap / 3).clamp(20 * MINUTE, HOUR)
    } else if rare(gap) {
        2 * HOUR
    } else {
        HOUR
    })
}

/// What one may want to allow a run of a script that does not run more often than daily.
pub(super) fn max_runtime(gap: Duration) -> Option<&'static str> {
    let gap = gap.as_secs();
    (gap >= DAY).then_some(if rare(gap) { "6h" } else { "2h" })
}

/// Weekly or rarer. What runs on working days alone pauses for three days.
fn rare(gap: u64) -> bool {
    gap > 4 * DAY
}

/// As settings write a time: whole minutes or hours.
fn words(secs: u64) -> String {
    if secs.is_multiple_of(HOUR) { format!("{}h", secs / HOUR) } else { format!("{}min", secs / MINUTE) }
}
