//! A cron daemon that looks at its clock each minute, as Debian's does, against the slots that are computed.

use super::*;

/// A place in the list of a field.
#[derive(Clone, Debug)]
enum Item {
    Star,
    Steps(i8),
    Number(i8),
    Range(i8, i8, i8),
}

/// The numbers of a field, and its places.
type Field = ((i8, i8), Vec<Item>);

/// A line, read by looking at each of its places.
#[derive(Clone, Debug)]
struct Line([Field; 5]);

impl Line {
    fn text(&self) -> String {
        let field = |(_, items): &Field| items.iter().map(item_text).collect::<Vec<_>>().join(",");
        self.0.iter().map(field).collect::<Vec<_>>().join(" ")
    }

    fn star(&self, n: usize) -> bool {
        matches!(self.0[n].1[0], Item::Star | Item::Steps(_))
    }

    fn fixed(&self) -> bool {
        !self.star(0) && !self.star(1)
    }

    fn holds(&self, n: usize, value: i8) -> bool {
        let ((low, high), items) = &self.0[n];
        let within = |from: i8, to: i8, step: i8| from <= value && value <= to && (value - from) % step == 0;
        items.iter().any(|item| match item {
            Item::Star => true,
            Item::Steps(step) => within(*low, *high, *step),
            Item::Number(number) => *number == value,
            Item::Range(from, to, step) => within(*from, *to, *step),
        })
    }

    fn on(&self, date: Date) -> bool {
        let weekday = date.weekday().to_sunday_zero_offset();
        let weekday = self.holds(4, weekday) || (weekday == 0 && self.holds(4, 7));
        let day = self.holds(2, date.day());
        let days = if self.star(2) || self.star(4) { day && weekday } else { day || weekday };
        self.holds(3, date.month()) && days
    }

    fn matches(&self, local: DateTime) -> bool {
        self.holds(0, local.minute()) && self.holds(1, local.hour()) && self.on(local.date())
    }
}

fn item_text(item: &Item) -> String {
    match item {
        Item::Star => "*".to_owned(),
        Item::Steps(step) => format!("*/{step}"),
        Item::Number(number) => number.to_string(),
        Item::Range(from, to, 1) => format!("{from}-{to}"),
        Item::Range(from, to, step) => format!("{from}-{to}/{step}"),
    }
}

fn field(low: i8, high: i8, star: u32) -> impl Strategy<Value = Field> {
    let range = (low..=high, low..=high, prop_oneof![2 => Just(1_i8), 1 => 1..=high]);
    let range = range.prop_map(|(a, b, step)| Item::Range(a.min(b), a.max(b), step));
    let number = || (low..=high).prop_map(Item::Number);
    let steps = prop_oneof![3 => 2..=high, 1 => Just(high + 5)].prop_map(Item::Steps);
    let item = prop_oneof![4 => number(), 3 => range, 1 => steps.clone(), 1 => Just(Item::Star)];
    let items = prop_oneof![
        star => Just(vec![Item::Star]),
        1 => steps.prop_map(|steps| vec![steps]),
        3 => prop::collection::vec(number(), 1..3),
        2 => prop::collection::vec(item, 1..4),
    ];
    items.prop_map(move |items| ((low, high), items))
}

fn line() -> impl Strategy<Value = Line> {
    // Most changes of clocks are at night, at a full or half hour.
    let exact = prop_oneof![Just(0_i8), Just(30), Just(59)].prop_map(|minute| ((0, 59), vec![Item::Number(minute)]));
    let minute = prop_oneof![1 => exact, 3 => field(0, 59, 1)];
    let night = prop_oneof![(0_i8..4), Just(23)].prop_map(|hour| ((0, 23), vec![Item::Number(hour)]));
    let hour = prop_oneof![1 => night, 1 => field(0, 23, 2)];
    let each = (minute, hour, field(1, 31, 12), field(1, 12, 18), field(0, 7, 12));
    each.prop_map(|(minute, hour, day, month, weekday)| Line([minute, hour, day, month, weekday]))
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ZONES.to_vec())
}

fn seconds() -> std::ops::Range<i64> {
    utc("2005-01-01 00:00:00").secs()..utc("2035-12-31 00:00:00").secs()
}

/// A minute, and mostly one that is near to a change of the zone.
fn hard_minute() -> impl Strategy<Value = (&'static str, i64)> {
    (name(), seconds(), any::<bool>()).prop_map(|(name, at, exact)| {
        let zone = zone(name);
        let change = zone.following(Moment::from_second(at).unwrap()).next();
        let at = change.filter(|_| !exact).map_or(at, |change| change.timestamp().as_second());
        (name, at.min(seconds().end).div_euclid(60))
    })
}

/// What a daemon calls that wakes up in each of these minutes since 1970. It has caught up with its clock before.
fn called(line: &Line, zone: &TimeZone, minutes: std::ops::Range<i64>) -> Vec<Timestamp> {
    let clock = |minute: i64| {
        let at = Moment::from_second(minute * 60).unwrap();
        at.as_second().div_euclid(60) + i64::from(zone.to_offset(at).seconds() / 60)
    };
    let shown = |clock: i64| Moment::from_second(clock * 60).unwrap().to_zoned(TimeZone::UTC).datetime();
    let mut done = (minutes.start - 2 * 1_440..minutes.start).map(clock).max().unwrap();
    let mut calls = Vec::new();
    for minute in minutes {
        let now = clock(minute);
        // A fixed line is called for each minute that the clock passed over, another for the one that it shows.
        let mut looked_at = if line.fixed() { done + 1..now + 1 } else { now..now + 1 };
        let call = looked_at.any(|clock| line.matches(shown(clock)));
        done = done.max(now);
        if call {
            calls.push(Timestamp::from_secs(minute * 60));
        }
    }
    calls
}

/// The slots in the same minutes, and what [`Cron::latest`] says of each instant around them.
fn agrees(line: &Line, name: &str, minutes: std::ops::Range<i64>, seconds: i64) -> Result<(), TestCaseError> {
    let (cron, zone) = (cron(&line.text()), zone(name));
    let calls = called(line, &zone, minutes.clone());
    let before = Timestamp::from_micros(minutes.start * 60_000_000 - 1);
    let end = Timestamp::from_secs(minutes.end * 60);
    let found: Vec<_> = slots(&cron, &zone, before).take_while(|slot| *slot < end).take(calls.len() + 1).collect();
    prop_assert_eq!(&found, &calls, "{} {}", name, cron);
    let last = Timestamp::from_micros(end.micros() - 1);
    let back = std::iter::successors(cron.latest(last, &zone), |at| {
        cron.latest(Timestamp::from_micros(at.micros() - 1), &zone)
    });
    let mut found: Vec<_> = back.take_while(|slot| *slot > before).take(calls.len() + 1).collect();
    found.reverse();
    prop_assert_eq!(&found, &calls, "{} {} backwards", name, cron);
    for at in minutes.step_by(7).map(|minute| Timestamp::from_secs(minute * 60 + seconds)) {
        let next = calls.iter().find(|call| **call > at).copied();
        let found = cron.next(at, &zone);
        prop_assert!(
            found == next || next.is_none() && found.is_none_or(|found| found >= end),
            "{} {} {:?}",
            name,
            cron,
            at
        );
        let latest = calls.iter().rfind(|call| **call <= at).copied();
        let found = cron.latest(at, &zone);
        prop_assert!(
            found == latest || latest.is_none() && found.is_none_or(|found| found < before),
            "{} {} {:?}",
            name,
            cron,
            at
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn the_slots_are_those_of_a_daemon(line in line(), (name, middle) in hard_minute(), seconds in 0_i64..60) {
        agrees(&line, name, middle - 1_500..middle + 1_500, seconds)?;
    }

    #[test]
    fn the_slots_join_without_a_hole(line in line(), name in name(), seconds in seconds(), micros in 0_i64..1_000_000) {
        let (cron, zone) = (cron(&line.text()), zone(name));
        let at = Timestamp::from_micros(seconds * 1_000_000 + micros);
        let (latest, next) = (cron.latest(at, &zone), cron.next(at, &zone));
        prop_assert_eq!(latest.is_some(), next.is_some());
        if let (Some(latest), Some(next)) = (latest, next) {
            prop_assert!(latest <= at && at < next);
            prop_assert_eq!(cron.next(latest, &zone), Some(next));
            prop_assert_eq!(cron.latest(next, &zone), Some(next));
            prop_assert_eq!(cron.latest(latest, &zone), Some(latest));
            prop_assert_eq!(cron.latest(Timestamp::from_micros(next.micros() - 1), &zone), Some(latest));
        }
    }

    /// Without a zone a slot is the first day that matches and the first time of it.
    #[test]
    fn in_utc_a_slot_is_plain_arithmetic(line in line(), seconds in seconds()) {
        let at = Timestamp::from_secs(seconds);
        let local = read(&TimeZone::UTC, at);
        let days = local.date().series(1.day()).take(366 * 9).filter(|day| line.on(*day));
        let times = |day: Date| (0..1_440_i16).map(move |n| day.to_datetime(Time::MIN) + i64::from(n).minutes());
        let expected = days.flat_map(times).find(|time| *time > local && line.matches(*time));
        let found = cron(&line.text()).next(at, &TimeZone::UTC).map(|at| read(&TimeZone::UTC, at));
        let far = |found: DateTime| found.date() >= local.date() + (366 * 9).days();
        prop_assert!(found == expected || expected.is_none() && found.is_none_or(far), "{:?} {:?}", found, expected);
    }
}
