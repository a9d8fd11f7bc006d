//! When a line of a crontab calls. Pure.
//!
//! The rules are those of Debian's cron (`entry.c` and `cron.c` of 3.0pl1-162, crontab(5), cron(8)):
//!
//! - Day of month and day of week must both match if one of them begins with `*`, as `*/2` does; else either may.
//! - A line neither whose minute nor whose hour begins with `*` is fixed: it is called when the zone's clock first reaches
//!   its time. Where the clock skips that time, this is the first instant after the gap, once for all that was skipped;
//!   where the time comes twice, its first coming.
//! - Each other line goes by what the clock shows: nothing in a gap, and twice what is shown twice.
//!
//! Debian's cron takes a change by three hours or more for a correction of the clock, and forgets what was skipped. Here
//! each change counts alike, so that no zone loses or doubles a daily call: the call of a day that a zone leaves out comes at
//! the first instant after the gap. That is the next day's midnight, so of a call at midnight nothing more is left.
//!
//! A range that runs backwards is refused, though Debian reads it as one without numbers.

mod fields;

use checker_job::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp as Moment, ToSpan};
use std::fmt;

/// No line that ever calls pauses longer: a 29 February that must be a given day of the week comes again within 40 years,
/// over 2100 too.
const MONTHS_MAX: u16 = 50 * 12;
/// No zone sets its clock back by more.
const BACK_MAX: SignedDuration = SignedDuration::from_hours(26);
/// Bit 0 of each week.
const WEEKS: u64 = 0b1_0000001_0000001_0000001_0000001_0000001;

/// When a line of a crontab calls: its five fields or its nickname. Source: crontab(5) and the source of Debian's cron.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// From Sunday, bit 0, to Saturday.
    weekdays: u64,
    /// Day of month or day of week is enough.
    either: bool,
    /// It is called when its time is first reached, not by what the clock shows.
    fixed: bool,
}

impl Cron {
    /// Reads an expression. Err: what is wrong, in which field and token, and after "; " what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let [minute, hour, day, month, weekday] = fields::words(text)?;
        let (minute, hour) = (fields::MINUTE.parse(minute)?, fields::HOUR.parse(hour)?);
        let (day, month) = (fields::DAY.parse(day)?, fields::MONTH.parse(month)?);
        let weekday = fields::WEEKDAY.parse(weekday)?;
        Ok(Self {
            text: text.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
            minutes: minute.numbers,
            hours: hour.numbers,
            days: day.numbers,
            months: month.numbers,
            weekdays: (weekday.numbers | weekday.numbers >> 7) & 0x7f,
            either: !day.star && !weekday.star,
            fixed: !minute.star && !hour.star,
        })
    }

    /// The first slot after `after`. None: there is none, as for 30 February, or time ends before it.
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let after = Moment::from_microsecond(after.micros()).ok()?;
        let next = if self.fixed {
            reach(zone, self.place_after(reached(zone, after))?)
        } else {
            self.shown_after(zone, after)
        };
        next.map(|next| Timestamp::from_micros(next.as_microsecond()))
    }

    /// The newest slot at or before `at`. None: there is none, or time begins after it.
    pub fn latest(&self, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let at = Moment::from_microsecond(at.micros()).ok()?;
        let latest =
            if self.fixed { reach(zone, self.place_until(reached(zone, at))?) } else { self.shown_until(zone, at) };
        latest.map(|latest| Timestamp::from_micros(latest.as_microsecond()))
    }

    /// The first instant after `after` at which the clock shows a place. From change to change of the zone: in between its
    /// clock is even. No place lies between `from` and `place`.
    fn shown_after(&self, zone: &TimeZone, after: Moment) -> Option<Moment> {
        let mut offset = zone.to_offset(after);
        let mut from = offset.to_datetime(after);
        let mut place = self.place_after(from)?;
        for change in zone.following(after) {
            let at = offset.to_timestamp(place).ok()?;
            if at < change.timestamp() {
                return Some(at);
            }
            offset = change.offset();
            let local = offset.to_datetime(before(change.timestamp())?);
            if local < from || local >= place {
                from = local;
                place = self.place_after(from)?;
            }
        }
        offset.to_timestamp(place).ok()
    }

    /// The newest instant until `at` at which the clock shows a place.
    fn shown_until(&self, zone: &TimeZone, at: Moment) -> Option<Moment> {
        let mut offset = zone.to_offset(at);
        let mut from = offset.to_datetime(at);
        let mut place = self.place_until(from)?;
        for change in changes_until(zone, at) {
            let found = offset.to_timestamp(place).ok()?;
            if found >= change {
                return Some(found);
            }
            let until = before(change)?;
            offset = zone.to_offset(until);
            let local = offset.to_datetime(until);
            if local > from || local < place {
                from = local;
                place = self.place_until(from)?;
            }
        }
        offset.to_timestamp(place).ok()
    }

    /// The first place on the local calendar after the minute of `local`.
    fn place_after(&self, local: DateTime) -> Option<DateTime> {
        let (date, hour) = (local.date(), local.hour());
        if has(self.days_of(date.year(), date.month()), date.day()) {
            let minute = at_least(self.minutes, local.minute().saturating_add(1)).filter(|_| has(self.hours, hour));
            let later = || Some((at_least(self.hours, hour.saturating_add(1))?, at_least(self.minutes, 0)?));
            if let Some((hour, minute)) = minute.map(|minute| (hour, minute)).or_else(later) {
                return place(date, hour, minute);
            }
        }
        place(self.day_after(date)?, at_least(self.hours, 0)?, at_least(self.minutes, 0)?)
    }

    /// The last place on the local calendar until the minute of `local`.
    fn place_until(&self, local: DateTime) -> Option<DateTime> {
        let (date, hour) = (local.date(), local.hour());
        if has(self.days_of(date.year(), date.month()), date.day()) {
            let minute = at_most(self.minutes, local.minute()).filter(|_| has(self.hours, hour));
            let earlier = || Some((at_most(self.hours, hour.saturating_sub(1))?, at_most(self.minutes, 59)?));
            if let Some((hour, minute)) = minute.map(|minute| (hour, minute)).or_else(earlier) {
                return place(date, hour, minute);
            }
        }
        place(self.day_before(date)?, at_most(self.hours, 23)?, at_most(self.minutes, 59)?)
    }

    fn day_after(&self, date: Date) -> Option<Date> {
        let (mut year, mut month, mut from) = (date.year(), date.month(), date.day().saturating_add(1));
        for _ in 0..=MONTHS_MAX {
            if let Some(day) = at_least(self.days_of(year, month), from) {
                return Date::new(year, month, day).ok();
            }
            (year, month) = if month == 12 { (year.checked_add(1)?, 1) } else { (year, month.saturating_add(1)) };
            from = 1;
        }
        None
    }

    fn day_before(&self, date: Date) -> Option<Date> {
        let (mut year, mut month, mut until) = (date.year(), date.month(), date.day().saturating_sub(1));
        for _ in 0..=MONTHS_MAX {
            if let Some(day) = at_most(self.days_of(year, month), until) {
                return Date::new(year, month, day).ok();
            }
            (year, month) = if month == 1 { (year.checked_sub(1)?, 12) } else { (year, month.saturating_sub(1)) };
            until = 31;
        }
        None
    }

    /// The days of a month that match, as a set.
    fn days_of(&self, year: i16, month: i8) -> u64 {
        let Ok(first) = Date::new(year, month, 1) else { return 0 };
        if !has(self.months, month) {
            return 0;
        }
        let in_week = (self.weekdays * WEEKS) >> first.weekday().to_sunday_zero_offset() << 1;
        let days = if self.either { self.days | in_week } else { self.days & in_week };
        // The length of the month, and no day 0.
        days & !1 & (u64::MAX >> (63 - first.days_in_month()))
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The furthest local time that the zone's clock has shown until `at`: more than it shows, where it was set back just now.
fn reached(zone: &TimeZone, at: Moment) -> DateTime {
    let shown = |at| zone.to_offset(at).to_datetime(at);
    let recent = changes_until(zone, at).take_while(|change| at.duration_since(*change) < BACK_MAX);
    recent.filter_map(before).map(shown).fold(shown(at), DateTime::max)
}

/// The first instant at which the zone's clock has reached this local time.
fn reach(zone: &TimeZone, local: DateTime) -> Option<Moment> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { before: old, .. } => {
            // By the old offset it is the time of the change or later.
            let late = old.to_timestamp(local).ok()?;
            let moves = |at: &Moment| before(*at).is_some_and(|earlier| zone.to_offset(earlier) != zone.to_offset(*at));
            Some(changes_until(zone, late).find(moves).unwrap_or(late))
        }
    }
}

/// The instants at which something in the zone changed, from `at` backwards.
fn changes_until(zone: &TimeZone, at: Moment) -> impl Iterator<Item = Moment> {
    zone.preceding(at.checked_add(1.microsecond()).unwrap_or(at)).map(|change| change.timestamp())
}

fn before(at: Moment) -> Option<Moment> {
    at.checked_sub(1.microsecond()).ok()
}

fn place(date: Date, hour: i8, minute: i8) -> Option<DateTime> {
    Some(date.to_datetime(Time::new(hour, minute, 0, 0).ok()?))
}

/// Whether `n` is in the set.
fn has(set: u64, n: i8) -> bool {
    at_least(set, n) == Some(n)
}

/// The lowest number in the set that is no lower than `n`.
fn at_least(set: u64, n: i8) -> Option<i8> {
    let rest = set & u64::MAX.checked_shl(n.try_into().ok()?)?;
    i8::try_from(rest.trailing_zeros()).ok().filter(|_| rest != 0)
}

/// The highest number in the set that is no higher than `n`.
fn at_most(set: u64, n: i8) -> Option<i8> {
    let rest = set & (u64::MAX.checked_shr(63_i8.checked_sub(n)?.try_into().ok()?)?);
    i8::try_from(rest.checked_ilog2()?).ok()
}

#[cfg(test)]
mod tests;
