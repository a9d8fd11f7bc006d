//! Maintenance windows: silences that are planned and come again. Pure.
//!
//! A window opens at a local time on the days that it names, and ends when its length has passed, whatever the local clock
//! shows then. Each of these days has one start: where the zone's clock skips that time, the first instant after the gap;
//! where the time comes twice, its first coming. A day that the zone leaves out has none. No opening reaches into the next
//! one of the same window.
//!
//! What a run finds that began while a window of its job is open is held back as by a silence. A job of which something
//! was held back runs again in the first pass after the end ([`owes`]), so that nobody waits for its next slot.

use super::{Episode, JobState};
use checker_job::{JobId, Timestamp, Verdict};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::collections::BTreeMap;
use std::time::Duration;

/// A window that comes again is no longer than this.
pub const LENGTH_MAX: Duration = Duration::from_secs(86_400);
/// So many days before an instant an opening that holds it may have its place: it begins up to a day late, behind a gap, and
/// is a day long.
const DAYS_BACK: i32 = 4;
/// The next opening of a window may cut an opening short if it belongs to one of so many next days.
const DAYS_ON: i32 = 3;

/// The days of a window, in its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Days {
    /// Each.
    Daily,
    /// These days of the week.
    Week(Vec<Weekday>),
    /// These days of the month, from 1. A month without such a day is left out.
    Month(Vec<i8>),
}

impl Days {
    fn hold(&self, day: Date) -> bool {
        match self {
            Self::Daily => true,
            Self::Week(days) => days.contains(&day.weekday()),
            Self::Month(days) => days.contains(&day.day()),
        }
    }
}

/// When a window is open, in its zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Again and again.
    Again {
        /// On these days.
        days: Days,
        /// From this time on.
        start: Time,
        /// For so long, by a clock that nobody changes; at most [`LENGTH_MAX`].
        length: Duration,
    },
    /// Once.
    Once {
        /// From then on.
        from: DateTime,
        /// Until then.
        until: DateTime,
    },
}

/// A planned silence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its name.
    pub name: String,
    /// Whose local time counts.
    pub zone: TimeZone,
    /// When it is open.
    pub when: When,
}

/// One time at which a window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

impl Opening {
    /// Whether it is open at `at`.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

impl Window {
    /// Its openings that end after `at`, one after the other.
    pub fn openings(&self, at: Timestamp) -> impl Iterator<Item = Opening> + '_ {
        let days = std::iter::successors(self.first_day(at), |day| day.tomorrow().ok());
        let again = days.filter_map(|day| self.opening_of(day));
        self.once().into_iter().chain(again).filter(move |opening| opening.end > at)
    }

    /// The opening that holds `at`.
    pub fn open_at(&self, at: Timestamp) -> Option<Opening> {
        self.openings(at).next().filter(|opening| opening.holds(at))
    }

    /// The opening of a window that comes once.
    pub fn once(&self) -> Option<Opening> {
        let When::Once { from, until } = self.when else { return None };
        let opening = Opening { start: instant(&self.zone, from)?, end: instant(&self.zone, until)? };
        (opening.start < opening.end).then_some(opening)
    }

    /// The first day whose opening may end after `at`.
    fn first_day(&self, at: Timestamp) -> Option<Date> {
        let When::Again { .. } = self.when else { return None };
        let day = jiff::Timestamp::from_microsecond(at.micros()).ok()?.to_zoned(self.zone.clone()).date();
        Some(day.checked_sub(DAYS_BACK.days()).unwrap_or(day))
    }

    fn opening_of(&self, day: Date) -> Option<Opening> {
        let When::Again { length, .. } = &self.when else { return None };
        let start = self.start_of(day)?;
        let end = start.plus(*length);
        let next = (1..=DAYS_ON).find_map(|days| self.start_of(day.checked_add(days.days()).ok()?));
        let end = next.map_or(end, |next| next.min(end));
        (start < end).then_some(Opening { start, end })
    }

    fn start_of(&self, day: Date) -> Option<Timestamp> {
        let When::Again { days, start, .. } = &self.when else { return None };
        if !days.hold(day) {
            return None;
        }
        let at = day.to_datetime(*start);
        let skipped = matches!(self.zone.to_ambiguous_timestamp(at).offset(), AmbiguousOffset::Gap { .. });
        if skipped && !exists(&self.zone, day) {
            return None;
        }
        instant(&self.zone, at)
    }
}

/// Whether the zone's clock ever shows this day.
fn exists(zone: &TimeZone, day: Date) -> bool {
    let first = instant(zone, day.at(0, 0, 0, 0)).and_then(|at| jiff::Timestamp::from_microsecond(at.micros()).ok());
    first.is_some_and(|first| first.to_zoned(zone.clone()).date() == day)
}

/// The first instant at which the zone's clock has reached this time.
fn instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    let at = match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok()?,
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok()?,
        AmbiguousOffset::Gap { before, .. } => {
            // By the old offset it is the time of the change or later.
            let late = before.to_timestamp(local).ok()?;
            let after = late.checked_add(1.microsecond()).ok()?;
            let moves = |at: &jiff::Timestamp| {
                let earlier = at.checked_sub(1.microsecond()).ok();
                earlier.is_some_and(|earlier| zone.to_offset(earlier) != zone.to_offset(*at))
            };
            zone.preceding(after).map(|change| change.timestamp()).find(moves).unwrap_or(late)
        }
    };
    Some(Timestamp::from_micros(at.as_microsecond()))
}

/// The longest time on end, from an opening that `from` or later holds to one that begins before `until`, in which one of
/// these windows is open. A pause shorter than `pause` counts as none: no run might begin in it.
pub fn longest<'a>(
    windows: impl IntoIterator<Item = &'a Window>,
    from: Timestamp,
    until: Timestamp,
    pause: Duration,
) -> Duration {
    let of = |window: &'a Window| window.openings(from).take_while(move |opening| opening.start < until);
    let mut all: Vec<Opening> = windows.into_iter().flat_map(of).collect();
    all.sort();
    let (mut longest, mut open) = (Duration::ZERO, None::<Opening>);
    for next in all {
        let joined = match open {
            Some(before) if next.start <= before.end.plus(pause) => {
                Opening { start: before.start, end: before.end.max(next.end) }
            }
            _ => next,
        };
        longest = longest.max(joined.end.since(joined.start));
        open = Some(joined);
    }
    longest
}

/// Whether a job owes news: its last run began in a window, what it found was held back, and none of its windows is open now.
/// It is to run once more. That it was held is remembered, since settings change: who takes a window out when the work is
/// done wants to hear what still fails.
pub fn owes<'a>(state: &JobState, windows: &(impl Iterator<Item = &'a Window> + Clone), now: Timestamp) -> bool {
    let news = |e: &Episode| e.confirmed && e.told_at.is_none();
    let worse = |e: &Episode| e.confirmed && e.told_verdict == Some(Verdict::Warning) && e.verdict == Verdict::Failed;
    let failure = state.failure.as_deref().is_some_and(|e| news(e) || worse(e) || state.flapping.is_some());
    let held_back = failure || state.blind.as_deref().is_some_and(news);
    held_back && state.planned && !windows.clone().any(|w| w.open_at(now).is_some())
}

/// All windows, each with the jobs that it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Windows {
    all: Vec<(Window, Vec<JobId>)>,
    of: BTreeMap<JobId, Vec<usize>>,
}

impl Windows {
    /// These windows, with their jobs.
    pub fn new(all: Vec<(Window, Vec<JobId>)>) -> Self {
        let mut of: BTreeMap<JobId, Vec<usize>> = BTreeMap::new();
        for (n, (_, jobs)) in all.iter().enumerate() {
            for job in jobs {
                let known = of.entry(job.clone()).or_default();
                if known.last() != Some(&n) {
                    known.push(n);
                }
            }
        }
        Self { all, of }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Each with its jobs, in the order of the settings.
    pub fn iter(&self) -> impl Iterator<Item = (&Window, &[JobId])> {
        self.all.iter().map(|(window, jobs)| (window, jobs.as_slice()))
    }

    /// Those of a job.
    pub fn of(&self, job: &JobId) -> impl Iterator<Item = &Window> + Clone {
        self.of.get(job).into_iter().flatten().filter_map(|n| self.all.get(*n)).map(|(window, _)| window)
    }

    /// Each job that has windows, with these and their places.
    pub fn by_job(&self) -> impl Iterator<Item = (&JobId, Vec<(usize, &Window)>)> {
        let window = |n: &usize| Some((*n, &self.all.get(*n)?.0));
        self.of.iter().map(move |(job, places)| (job, places.iter().filter_map(window).collect()))
    }

    /// The one of a job's windows that is open at `at` and ends last.
    pub fn open(&self, job: &JobId, at: Timestamp) -> Option<(&Window, Opening)> {
        let open = self.of(job).filter_map(|window| Some((window, window.open_at(at)?)));
        open.max_by_key(|(_, opening)| opening.end)
    }

    /// What is open at `at` and soon after it, for many jobs.
    pub fn glance(&self, at: Timestamp) -> Glance {
        let next = self.all.iter().map(|(window, _)| window.openings(at).next());
        Glance { at, next: next.collect() }
    }

    /// Whether a window of this job is open at `at`.
    pub fn hold(&self, job: &JobId, at: Timestamp, glance: &Glance) -> bool {
        let open = |n: &usize| match glance.next.get(*n) {
            Some(None) if at >= glance.at => false,
            Some(Some(next)) if at >= glance.at && at < next.end => next.holds(at),
            _ => self.all.get(*n).is_some_and(|(window, _)| window.open_at(at).is_some()),
        };
        self.of.get(job).into_iter().flatten().any(open)
    }
}

/// The first opening of each window that ends after an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    at: Timestamp,
    next: Vec<Option<Opening>>,
}

#[cfg(test)]
mod tests;
