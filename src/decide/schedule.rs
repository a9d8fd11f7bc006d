//! What is due. Decided on slots, not on elapsed time with slack: a slot is served by a committed run, whoever ran it.

use checker_job::{Frequency, Timestamp};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How long an unserved slot waits for its own crontab line before any pass serves it.
pub const CATCH_UP_GRACE: Duration = Duration::from_secs(600);
/// Unserved slots of one class before its missing crontab line is told.
pub const MISSED_SLOTS_MAX: u32 = 2;
/// A slot that was served this far ahead of the clock means that the clock was wrong then.
pub(crate) const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(300);
/// Passes this near to the start of a slot, before and after it, show that the host was up.
const WITNESS: Duration = Duration::from_secs(300);

/// A crontab line of the first program: what `-c` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// `-c minute`
    Minute,
    /// `-c hour`
    Hour,
    /// `-c day`
    Day,
    /// `-c day_noon`
    DayNoon,
}

impl Class {
    /// All classes.
    pub const ALL: [Self; 4] = [Self::Minute, Self::Hour, Self::Day, Self::DayNoon];

    /// The class whose line serves jobs of this frequency: minute grids go with `minute`, hour grids with `hour`.
    pub fn of(every: Frequency) -> Self {
        match every {
            Frequency::Minute | Frequency::Minutes(_) => Self::Minute,
            Frequency::Hour | Frequency::Hours(_) => Self::Hour,
            Frequency::Day => Self::Day,
            Frequency::DayNoon => Self::DayNoon,
        }
    }

    /// The word after `-c`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::DayNoon => "day_noon",
        }
    }

    /// The first program's crontab line for this class, without the command.
    pub fn crontab(self) -> &'static str {
        match self {
            Self::Minute => "1-59 * * * *",
            Self::Hour => "0 1-11,13-23 * * *",
            Self::Day => "0 0 * * *",
            Self::DayNoon => "0 12 * * *",
        }
    }

    fn frequency(self) -> Frequency {
        match self {
            Self::Minute => Frequency::Minute,
            Self::Hour => Frequency::Hour,
            Self::Day => Frequency::Day,
            Self::DayNoon => Frequency::DayNoon,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What cron called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Called {
    /// No `-c`: all that is due. One crontab line, each minute, is enough.
    All,
    /// `-c CLASS`, with the classes that it includes: `hour` includes minute, `day` and `day_noon` include hour and
    /// minute, because their lines leave out what falls on the same minute.
    Class(Class),
    /// `--now`: everything, slots or not.
    Now,
}

impl Called {
    /// Whether `class` is called for.
    pub fn includes(self, class: Class) -> bool {
        match self {
            Self::All | Self::Now => true,
            Self::Class(called) => match class {
                Class::Minute => true,
                Class::Hour => called != Class::Minute,
                Class::Day | Class::DayNoon => called == class,
            },
        }
    }
}

impl fmt::Display for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Class(class) => class.fmt(f),
            Self::Now => f.write_str("now"),
        }
    }
}

/// Why a job is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It never ran.
    NeverRan,
    /// Its slot has come.
    Slot,
    /// Its slot came at least [`CATCH_UP_GRACE`] ago and its own line did not serve it.
    CatchUp,
    /// Its last run was hidden by a fault of this host, which is over.
    Hidden,
    /// A window has ended that held back what its last run found.
    WindowEnded,
    /// `--now`.
    Asked,
}

/// The slots of one instant, computed once for each frequency.
#[derive(Debug)]
pub struct Slots<'a> {
    now: Timestamp,
    zone: &'a TimeZone,
    known: BTreeMap<Frequency, Timestamp>,
}

impl<'a> Slots<'a> {
    /// Slots at `now` in the zone whose midnight `day` means.
    pub fn new(now: Timestamp, zone: &'a TimeZone) -> Self {
        Self { now, zone, known: BTreeMap::new() }
    }

    /// The start of the slot of `every` that holds `now`.
    pub fn of(&mut self, every: Frequency) -> Timestamp {
        *self.known.entry(every).or_insert_with(|| slot(every, self.zone, self.now))
    }
}

/// The start of the slot that holds `at`: the local minute, hour, midnight or noon, or a place of an n-minute or n-hour
/// grid that begins anew at each local midnight. Kept in UTC, so a repeated local hour is a slot of its own.
///
/// Slots never go back: where a zone sets its clock back over midnight, noon or a place of a grid, that slot goes on.
pub fn slot(every: Frequency, zone: &TimeZone, at: Timestamp) -> Timestamp {
    let Ok(instant) = jiff::Timestamp::from_microsecond(at.micros()) else {
        return at;
    };
    let local = instant.to_zoned(zone.clone());
    let start = match every {
        Frequency::Minute => Some(instant_of(at.secs().div_euclid(60) * 60)),
        Frequency::Hour => Some(hour(&local, at)),
        Frequency::Day => midnight(&local, at),
        Frequency::DayNoon => {
            let dates = (-2..=1).map(|days| local.date().checked_add(days.days()));
            newest(at, zone, dates.filter_map(|d| Some(d.ok()?.at(12, 0, 0, 0))))
        }
        Frequency::Minutes(n) => midnight(&local, at).map(|midnight| {
            let step = i64::from(n.max(1)) * 60;
            let midnight = midnight.secs();
            instant_of(midnight + (at.secs() - midnight).div_euclid(step) * step)
        }),
        Frequency::Hours(n) => {
            let step = usize::try_from(n.clamp(1, 24)).unwrap_or(24);
            let dates = [Ok(local.date()), local.date().tomorrow()];
            let places = dates
                .into_iter()
                .filter_map(Result::ok)
                .flat_map(|d| (0..24).step_by(step).map(move |h| d.at(h, 0, 0, 0)));
            // A place that the zone skips is none; the day's first one may be skipped too.
            newest(at, zone, places).max(midnight(&local, at))
        }
    };
    start.unwrap_or(at).min(at)
}

fn instant_of(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

/// The local hour. Where the zone's clock changed within it, it begins anew with the change.
fn hour(local: &jiff::Zoned, at: Timestamp) -> Timestamp {
    let start = instant_of(at.secs() - i64::from(local.minute()) * 60 - i64::from(local.second()));
    let zone = local.time_zone();
    let offset = jiff::Timestamp::from_second(start.secs()).map(|s| zone.to_offset(s));
    if offset.is_ok_and(|o| o == local.offset()) {
        return start;
    }
    let after = local.timestamp().checked_add(1.microsecond());
    let change = after
        .ok()
        .and_then(|after| zone.preceding(after).next())
        .map_or(start, |change| instant_of(change.timestamp().as_second()));
    start.max(change)
}

/// The start of the newest local day that has begun: tomorrow's, if the clock was set back over midnight.
fn midnight(local: &jiff::Zoned, at: Timestamp) -> Option<Timestamp> {
    let today = local.start_of_day().ok().map(|z| from_zoned(&z));
    let tomorrow = local.date().tomorrow().ok()?.at(0, 0, 0, 0);
    newest(at, local.time_zone(), [tomorrow]).max(today)
}

/// The newest of these local times that has come. One that the zone skips counts from where its clock stands then.
fn newest(
    at: Timestamp,
    zone: &TimeZone,
    places: impl IntoIterator<Item = jiff::civil::DateTime>,
) -> Option<Timestamp> {
    places
        .into_iter()
        .filter_map(|place| Some(from_zoned(&place.to_zoned(zone.clone()).ok()?)))
        .filter(|&start| start <= at)
        .max()
}

fn from_zoned(zoned: &jiff::Zoned) -> Timestamp {
    Timestamp::from_micros(zoned.timestamp().as_microsecond())
}

/// Whether a job is due. `slot` is the current one, `served` the one that its last committed run served.
pub fn due(
    every: Frequency,
    served: Option<Timestamp>,
    slot: Timestamp,
    now: Timestamp,
    called: Called,
) -> Option<Reason> {
    if called == Called::Now {
        return Some(Reason::Asked);
    }
    let Some(served) = served else {
        return Some(Reason::NeverRan);
    };
    // A slot in the future was served while the clock was ahead: it must not hold the job until then.
    let clock_was_ahead = served > now.plus(CLOCK_AHEAD_MAX);
    if served >= slot && !clock_was_ahead {
        return None;
    }
    if called.includes(Class::of(every)) {
        return Some(Reason::Slot);
    }
    #[cfg(test)]
    if super::planted::is(super::planted::Bug::NeverCaughtUp) {
        return None;
    }
    (now.since(slot) >= CATCH_UP_GRACE || clock_was_ahead).then_some(Reason::CatchUp)
}

/// What is remembered of the crontab lines, to notice one that is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CronMemory {
    /// When the newest pass began.
    pub last_pass: Option<Timestamp>,
    /// What is known of each class.
    pub classes: BTreeMap<Class, ClassMemory>,
}

/// What is remembered of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClassMemory {
    /// When cron last called for it.
    pub called_at: Option<Timestamp>,
    /// The newest slot around whose start passes ran.
    pub witnessed: Option<Timestamp>,
    /// The newest slot that was counted as missed.
    pub counted: Option<Timestamp>,
    /// Slots missed in a row.
    pub missed: u32,
}

impl CronMemory {
    /// Whether some later pass would decide otherwise without `next`. A pass that only comes again soon says nothing new, so
    /// it need not be written down. `needed` is what `next` was made with.
    pub fn moves_on(&self, next: &Self, needed: &BTreeMap<Class, Timestamp>) -> bool {
        let soon = match (self.last_pass, next.last_pass) {
            (Some(before), Some(now)) => before <= now && now.since(before) < WITNESS / 2,
            (before, now) => before == now,
        };
        let same = |(class, before): (&Class, &ClassMemory)| {
            let Some(after) = next.classes.get(class) else { return false };
            // In the same slot it does not matter how often it was called.
            let called = match (before.called_at, after.called_at) {
                (Some(old), Some(new)) if old < new => needed.get(class).is_some_and(|slot| old >= *slot),
                (old, new) => old == new,
            };
            called && ClassMemory { called_at: after.called_at, ..before.clone() } == *after
        };
        !(soon && self.classes.len() == next.classes.len() && self.classes.iter().all(same))
    }

    /// The memory after a pass at `now`. `needed` are the classes that have jobs, with their current slot.
    #[must_use]
    pub fn after(&self, now: Timestamp, called: Called, needed: &BTreeMap<Class, Timestamp>) -> Self {
        let mut next = self.clone();
        next.classes.retain(|class, _| needed.contains_key(class));
        for (&class, &slot) in needed {
            let memory = next.classes.entry(class).or_default();
            // A pass by hand says nothing about the crontab.
            if called == Called::Now {
                continue;
            }
            if called == Called::All || called == Called::Class(class) {
                *memory = ClassMemory { called_at: Some(now), ..ClassMemory::default() };
                continue;
            }
            // Another line served the slot (`day` serves the hour of midnight). That its own line is there is not said.
            if called.includes(class) {
                memory.called_at = Some(now);
                continue;
            }
            let before = self.last_pass.is_some_and(|last| last < slot && slot.since(last) <= WITNESS);
            if before && now.since(slot) <= WITNESS {
                memory.witnessed = Some(slot);
            }
            let unserved = memory.called_at.is_none_or(|at| at < slot || at > now);
            let seen = memory.witnessed == Some(slot);
            if unserved && seen && now.since(slot) >= CATCH_UP_GRACE && memory.counted != Some(slot) {
                memory.counted = Some(slot);
                memory.missed = memory.missed.saturating_add(1);
            }
        }
        if called != Called::Now {
            next.last_pass = Some(now);
        }
        next
    }

    /// The classes whose crontab line is missing.
    pub fn missing(&self) -> impl Iterator<Item = Class> + '_ {
        let most = MISSED_SLOTS_MAX;
        #[cfg(test)]
        let most = if super::planted::is(super::planted::Bug::ClassNeverMissing) { u32::MAX } else { most };
        self.classes.iter().filter(move |(_, m)| m.missed >= most).map(|(&class, _)| class)
    }
}

/// The classes that have jobs, each with the slot that holds `now`.
pub fn needed(frequencies: impl IntoIterator<Item = Frequency>, slots: &mut Slots<'_>) -> BTreeMap<Class, Timestamp> {
    let mut classes = BTreeMap::new();
    for every in frequencies {
        let class = Class::of(every);
        classes.entry(class).or_insert_with(|| slots.of(class.frequency()));
    }
    classes
}

#[cfg(test)]
mod called;
#[cfg(test)]
mod life;
#[cfg(test)]
mod tests;
