//! Slots in the zones that are hard.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Zones with a 30-minute shift, odd offsets, a day that was skipped, changes one minute after midnight, a shift of two
/// hours, and midnights that do not exist.
pub(super) const ZONES: [&str; 11] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Pacific/Apia",
    "Antarctica/Troll",
    "America/Sao_Paulo",
    "Asia/Beirut",
    "Asia/Tehran",
];

const GRIDS: [Frequency; 12] = [
    Frequency::Minute,
    Frequency::Hour,
    Frequency::Day,
    Frequency::DayNoon,
    Frequency::Minutes(2),
    Frequency::Minutes(5),
    Frequency::Minutes(7),
    Frequency::Minutes(90),
    Frequency::Hours(2),
    Frequency::Hours(3),
    Frequency::Hours(5),
    Frequency::Hours(24),
];

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

pub(super) fn local(text: &str, zone: &TimeZone) -> Timestamp {
    let civil: jiff::civil::DateTime = text.parse().unwrap();
    from_zoned(&civil.to_zoned(zone.clone()).unwrap())
}

pub(super) fn utc(text: &str) -> Timestamp {
    local(text, &TimeZone::UTC)
}

fn shown(at: Timestamp, zone: &TimeZone) -> String {
    let instant = jiff::Timestamp::from_microsecond(at.micros()).unwrap();
    instant.to_zoned(zone.clone()).strftime("%F %T%:z").to_string()
}

/// The changes of a zone's clock from 2006 to 2030, with the size of the shift in seconds.
fn changes(zone: &TimeZone) -> Vec<(Timestamp, i64)> {
    let from: jiff::Timestamp = "2006-01-01T00:00:00Z".parse().unwrap();
    let until: jiff::Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    zone.following(from)
        .map(|t| t.timestamp())
        .take_while(|t| *t < until)
        .map(|t| {
            let before = zone.to_offset(t - jiff::SignedDuration::from_secs(1));
            let shift = zone.to_offset(t).seconds() - before.seconds();
            (instant_of(t.as_second()), i64::from(shift))
        })
        .collect()
}

/// The rules of slots between two neighbouring instants.
fn check_pair(every: Frequency, zone: &TimeZone, a: Timestamp, b: Timestamp, shift: i64) {
    let (first, second) = (slot(every, zone, a), slot(every, zone, b));
    let at = || format!("{every} at {} and {}", shown(a, zone), shown(b, zone));
    assert!(second <= b, "{}: the slot is in the future", at());
    assert!(first <= second, "{}: it goes back from {} to {}", at(), shown(first, zone), shown(second, zone));
    assert_eq!(slot(every, zone, second), second, "{}: no fixed point", at());
    let most = every.period().as_secs() + shift.unsigned_abs();
    let gap = second.since(first).as_secs().saturating_sub(b.since(a).as_secs());
    assert!(gap <= most, "{}: {gap} s without a slot", at());
    assert!(b.since(second).as_secs() < most.max(60), "{}: too old", at());
}

#[test]
fn slots_hold_their_rules_around_every_change_of_the_clock() {
    for name in ZONES {
        let zone = zone(name);
        // The newest ones, and those that are odd.
        let all = changes(&zone);
        let odd = all.iter().filter(|(_, shift)| shift.abs() != 3_600);
        let picked: BTreeSet<_> = all.iter().rev().take(4).chain(odd.take(4)).collect();
        let early = all.iter().take(4);
        for &(change, shift) in picked.into_iter().chain(early) {
            let near = (-200..200).map(|m| change.secs() + m * 60 + 1);
            let far = (-200..200).map(|m| change.secs() + m * 900);
            let edges = [-1, 0, 1, 29, 59].map(|s| change.secs() + s);
            let times: BTreeSet<i64> = near.chain(far).chain(edges).collect();
            let times: Vec<i64> = times.into_iter().collect();
            for every in GRIDS {
                for pair in times.windows(2) {
                    let (a, b) = (instant_of(pair[0]), instant_of(pair[1]));
                    check_pair(every, &zone, a, b, shift);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn slots_hold_their_rules_anywhere(
        which in 0..ZONES.len(),
        grid in 0..GRIDS.len(),
        n in 2u32..=1_440,
        micros in 1_136_073_600_000_000i64..1_893_456_000_000_000,
        step in 0i64..7_200_000_000,
    ) {
        let zone = zone(ZONES[which]);
        let (a, b) = (Timestamp::from_micros(micros), Timestamp::from_micros(micros + step));
        // A day may be skipped whole.
        check_pair(GRIDS[grid], &zone, a, b, 86_400);
        check_pair(Frequency::Minutes(n), &zone, a, b, 86_400);
        check_pair(Frequency::Hours(2 + n % 23), &zone, a, b, 86_400);
    }
}

#[test]
fn every_local_day_has_exactly_one_day_slot() {
    for name in ZONES {
        let zone = zone(name);
        for year in [2006, 2010, 2011, 2026] {
            let start = local(&format!("{year}-01-02T06:00"), &zone);
            let mut dates = BTreeSet::new();
            let mut slots = BTreeSet::new();
            let mut noons = BTreeSet::new();
            for step in 0..360 * 96 {
                let at = instant_of(start.secs() + step * 900 + 30);
                let instant = jiff::Timestamp::from_second(at.secs()).unwrap();
                dates.insert(instant.to_zoned(zone.clone()).date());
                slots.insert(slot(Frequency::Day, &zone, at));
                noons.insert(slot(Frequency::DayNoon, &zone, at));
            }
            assert_eq!(slots.len(), dates.len(), "{name} {year}");
            // From six to six: the noon before the first day, and not the last day's.
            assert_eq!(noons.len(), dates.len(), "{name} {year}");
        }
    }
}

/// Zone, frequency, an instant and the start of its slot, both in UTC.
const KNOWN: &str = "
# Spring: local 02:00 does not exist; the 2-hour place of that hour begins with the change.
Europe/Berlin 2h 2026-03-29T01:30 2026-03-29T01:00
Europe/Berlin hour 2026-03-29T01:30 2026-03-29T01:00
Europe/Berlin day 2026-03-29T12:00 2026-03-28T23:00
Europe/Berlin day_noon 2026-03-29T09:59 2026-03-28T11:00
Europe/Berlin day_noon 2026-03-29T10:00 2026-03-29T10:00
# Autumn: the second 02:00 is an hour of its own, but no 2-hour place of its own.
Europe/Berlin hour 2026-10-25T01:30 2026-10-25T01:00
Europe/Berlin 2h 2026-10-25T01:30 2026-10-25T00:00
Europe/Berlin 5min 2026-10-25T01:04 2026-10-25T01:00
# The 30-minute shift: the hour begins with the change.
Australia/Lord_Howe hour 2026-10-03T15:45 2026-10-03T15:30
Australia/Lord_Howe hour 2026-10-03T15:29 2026-10-03T14:30
Asia/Kathmandu hour 2026-06-01T00:20 2026-06-01T00:15
Asia/Kathmandu day 2026-06-01T00:20 2026-05-31T18:15
# From one minute after midnight back to one minute after 23: the new day goes on.
America/St_Johns day 2010-11-07T02:30:30 2010-11-07T02:30
America/St_Johns day 2010-11-07T03:00 2010-11-07T02:30
America/St_Johns 2h 2010-11-07T03:00 2010-11-07T02:30
America/St_Johns day 2010-11-07T05:00 2010-11-07T02:30
# 30 December 2011 did not happen, and neither did its noon.
Pacific/Apia day 2011-12-30T09:59 2011-12-29T10:00
Pacific/Apia day 2011-12-30T10:00 2011-12-30T10:00
Pacific/Apia day_noon 2011-12-30T15:00 2011-12-29T22:00
Pacific/Apia day_noon 2011-12-30T22:00 2011-12-30T22:00
# From 01:00 to 03:00: the place of 02:00 was skipped.
Antarctica/Troll 2h 2026-03-29T01:10 2026-03-29T00:00
Antarctica/Troll 2h 2026-03-29T02:00 2026-03-29T02:00
# The midnight that does not exist: the day begins at one.
America/Sao_Paulo day 2018-11-04T03:30 2018-11-04T03:00
America/Sao_Paulo 2h 2018-11-04T03:30 2018-11-04T03:00
";

#[test]
fn slots_that_are_known() {
    for line in KNOWN.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let cells: Vec<&str> = line.split(' ').collect();
        let [name, every, at, want] = cells[..] else {
            panic!("{line}");
        };
        let every = Frequency::parse(every).unwrap();
        let got = slot(every, &zone(name), utc(at));
        assert_eq!(shown(got, &TimeZone::UTC), shown(utc(want), &TimeZone::UTC), "{name} {every} at {at} UTC");
    }
}

#[test]
fn a_time_beyond_the_calendar_is_its_own_slot() {
    let end = Timestamp::from_micros(i64::MAX);
    assert_eq!(slot(Frequency::Day, &TimeZone::UTC, end), end);
}
