//! Crontab lines in the zones that are hard, against a cron that looks at its clock each minute.

use super::*;
use proptest::prelude::*;

mod daemon;
mod words;

/// Shifts of half an hour and of two hours, gaps and repeats at midnight and across it, a day that was left out, odd
/// offsets, a zone whose summer time is said as a negative shift, and some that changed their offset for good.
const ZONES: [&str; 34] = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/London",
    "Europe/Moscow",
    "Europe/Istanbul",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Caracas",
    "America/Nuuk",
    "America/Scoresbysund",
    "America/Santiago",
    "Atlantic/Azores",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Juba",
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Dhaka",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Tehran",
    "Asia/Kolkata",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Antarctica/Casey",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Fakaofo",
    "Pacific/Norfolk",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn cron(text: &str) -> Cron {
    Cron::parse(text).unwrap()
}

fn utc(text: &str) -> Timestamp {
    let at: Moment = format!("{}Z", text.replace(' ', "T")).parse().unwrap();
    Timestamp::from_micros(at.as_microsecond())
}

fn read(zone: &TimeZone, at: Timestamp) -> DateTime {
    Moment::from_microsecond(at.micros()).unwrap().to_zoned(zone.clone()).datetime()
}

fn slots<'a>(cron: &'a Cron, zone: &'a TimeZone, after: Timestamp) -> impl Iterator<Item = Timestamp> + 'a {
    std::iter::successors(cron.next(after, zone), move |at| cron.next(*at, zone))
}

/// The next slots in UTC.
fn next(line: &str, name: &str, after: &str, count: usize) -> Vec<String> {
    let text = |at| read(&TimeZone::UTC, at).strftime("%F %H:%M").to_string();
    slots(&cron(line), &zone(name), utc(after)).take(count).map(text).collect()
}

#[test]
fn each_field_counts() {
    for (line, slots) in [
        ("* * * * *", ["2024-05-15 10:08", "2024-05-15 10:09"]),
        ("7 * * * *", ["2024-05-15 11:07", "2024-05-15 12:07"]),
        ("*/20 * * * *", ["2024-05-15 10:20", "2024-05-15 10:40"]),
        ("5-59/50 * * * *", ["2024-05-15 10:55", "2024-05-15 11:05"]),
        ("*/90 */5 * * *", ["2024-05-15 15:00", "2024-05-15 20:00"]),
        ("0 9-17/4 * * *", ["2024-05-15 13:00", "2024-05-15 17:00"]),
        ("0 0 1 * *", ["2024-06-01 00:00", "2024-07-01 00:00"]),
        ("0 0 31 * *", ["2024-05-31 00:00", "2024-07-31 00:00"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 * feb,JUL *", ["2024-07-01 00:00", "2024-07-02 00:00"]),
        ("30 4 * * Mon-Fri", ["2024-05-16 04:30", "2024-05-17 04:30"]),
        ("0 0 * * sun", ["2024-05-19 00:00", "2024-05-26 00:00"]),
        ("0 0 * * 7", ["2024-05-19 00:00", "2024-05-26 00:00"]),
        ("0 0 * * 5-7", ["2024-05-17 00:00", "2024-05-18 00:00"]),
        ("@hourly", ["2024-05-15 11:00", "2024-05-15 12:00"]),
        ("@daily", ["2024-05-16 00:00", "2024-05-17 00:00"]),
        ("@midnight", ["2024-05-16 00:00", "2024-05-17 00:00"]),
        ("@weekly", ["2024-05-19 00:00", "2024-05-26 00:00"]),
        ("@monthly", ["2024-06-01 00:00", "2024-07-01 00:00"]),
        ("@yearly", ["2025-01-01 00:00", "2026-01-01 00:00"]),
        ("@annually", ["2025-01-01 00:00", "2026-01-01 00:00"]),
    ] {
        assert_eq!(next(line, "UTC", "2024-05-15 10:07:00", 2), slots, "{line}");
    }
}

#[test]
fn the_day_fields_join_as_in_debian() {
    for (line, slots) in [
        // crontab(5): the 1st, the 15th, and each Friday.
        ("30 4 1,15 * 5", ["2024-05-17 04:30", "2024-05-24 04:30", "2024-05-31 04:30", "2024-06-01 04:30"]),
        // A field that begins with a star: odd days that are a Friday.
        ("30 4 */2 * 5", ["2024-05-17 04:30", "2024-05-31 04:30", "2024-06-07 04:30", "2024-06-21 04:30"]),
        ("30 4 *,1 * 5", ["2024-05-17 04:30", "2024-05-24 04:30", "2024-05-31 04:30", "2024-06-07 04:30"]),
        // Not the first character, so either field is enough.
        ("30 4 1,* * 5", ["2024-05-16 04:30", "2024-05-17 04:30", "2024-05-18 04:30", "2024-05-19 04:30"]),
        // The first Sunday of a month.
        ("30 4 1-7 * */7", ["2024-06-02 04:30", "2024-07-07 04:30", "2024-08-04 04:30", "2024-09-01 04:30"]),
        ("0 0 29 2 */7", ["2032-02-29 00:00", "2060-02-29 00:00", "2088-02-29 00:00", "2128-02-29 00:00"]),
    ] {
        assert_eq!(next(line, "UTC", "2024-05-15 10:07:00", 4), slots, "{line}");
    }
}

#[test]
fn a_line_that_never_calls_has_no_slot() {
    for line in ["0 0 30 2 *", "* * 31 2,4,6,9,11 *", "* * 30-31 feb */2"] {
        for name in ["UTC", "Europe/Berlin", "Pacific/Apia"] {
            assert_eq!(cron(line).next(utc("2024-05-15 10:07:00"), &zone(name)), None, "{line}");
            assert_eq!(cron(line).latest(utc("2024-05-15 10:07:00"), &zone(name)), None, "{line}");
        }
    }
}

#[test]
fn a_gap_calls_a_fixed_line_once_at_its_end() {
    // 02:00 to 03:00 is left out, at 01:00 UTC.
    let after = "2024-03-31 00:40:00";
    let berlin = |line| next(line, "Europe/Berlin", after, 2);
    assert_eq!(berlin("30 2 * * *"), ["2024-03-31 01:00", "2024-04-01 00:30"]);
    assert_eq!(berlin("5,30 2,3 * * *"), ["2024-03-31 01:00", "2024-03-31 01:05"]);
    assert_eq!(berlin("0 2,3 * * *"), ["2024-03-31 01:00", "2024-04-01 00:00"]);
    assert_eq!(berlin("*/30 2 * * *"), ["2024-04-01 00:00", "2024-04-01 00:30"]);
    assert_eq!(berlin("30 * * * *"), ["2024-03-31 01:30", "2024-03-31 02:30"]);
    let before = cron("30 2 * * *").latest(utc("2024-03-31 00:59:59"), &zone("Europe/Berlin"));
    assert_eq!(before, Some(utc("2024-03-30 01:30:00")));
    assert_eq!(
        next("15 2 * * *", "Australia/Lord_Howe", "2024-10-05 15:00:00", 2),
        ["2024-10-05 15:30", "2024-10-06 15:15"]
    );
    assert_eq!(next("0 0 * * *", "Africa/Cairo", "2024-04-25 21:30:00", 2), ["2024-04-25 22:00", "2024-04-26 21:00"]);
    assert_eq!(
        next("30 1 * * *", "Antarctica/Troll", "2024-03-31 00:40:00", 2),
        ["2024-03-31 01:00", "2024-03-31 23:30"]
    );
}

#[test]
fn a_repeated_time_calls_a_fixed_line_once() {
    // 02:00 to 03:00 comes twice, from 00:00 and from 01:00 UTC.
    let berlin = |line, after| next(line, "Europe/Berlin", after, 3);
    let early = "2024-10-26 23:50:00";
    assert_eq!(berlin("30 2 * * *", early), ["2024-10-27 00:30", "2024-10-28 01:30", "2024-10-29 01:30"]);
    assert_eq!(berlin("0 0-23 * * *", early), ["2024-10-27 00:00", "2024-10-27 02:00", "2024-10-27 03:00"]);
    assert_eq!(berlin("30 * * * *", early), ["2024-10-27 00:30", "2024-10-27 01:30", "2024-10-27 02:30"]);
    assert_eq!(berlin("*/30 2 27 10 *", early), ["2024-10-27 00:00", "2024-10-27 00:30", "2024-10-27 01:00"]);
    // Asked in the second coming.
    assert_eq!(
        berlin("10 2 * * *", "2024-10-27 01:05:00"),
        ["2024-10-28 01:10", "2024-10-29 01:10", "2024-10-30 01:10"]
    );
    let latest = |line, at: &str| cron(line).latest(utc(at), &zone("Europe/Berlin"));
    assert_eq!(latest("50 2 * * *", "2024-10-27 01:05:00"), Some(utc("2024-10-27 00:50:00")));
    assert_eq!(latest("50 * * * *", "2024-10-27 01:05:00"), Some(utc("2024-10-27 00:50:00")));
    assert_eq!(latest("5 * * * *", "2024-10-27 01:05:00"), Some(utc("2024-10-27 01:05:00")));
    // The clock goes back from 00:01 to 23:01 of the day before, at 02:31 UTC.
    let newfoundland = |line, after| next(line, "America/St_Johns", after, 2);
    assert_eq!(newfoundland("0 0 * * *", "2010-11-07 02:29:00"), ["2010-11-07 02:30", "2010-11-08 03:30"]);
    assert_eq!(newfoundland("0 0 * * *", "2010-11-07 02:40:00"), ["2010-11-08 03:30", "2010-11-09 03:30"]);
}

#[test]
fn a_day_that_a_zone_leaves_out_is_called_for_after_it() {
    // Samoa had no 30 December 2011: at 10:00 UTC of that day its 31st began.
    let samoa = |line, after| next(line, "Pacific/Apia", after, 3);
    let early = "2011-12-30 08:00:00";
    assert_eq!(samoa("0 9 * * *", early), ["2011-12-30 10:00", "2011-12-30 19:00", "2011-12-31 19:00"]);
    assert_eq!(samoa("0 0 * * *", early), ["2011-12-30 10:00", "2011-12-31 10:00", "2012-01-01 10:00"]);
    assert_eq!(samoa("0 12 30 12 *", early), ["2011-12-30 10:00", "2012-12-29 22:00", "2013-12-29 22:00"]);
    assert_eq!(samoa("0 * * * *", early), ["2011-12-30 09:00", "2011-12-30 10:00", "2011-12-30 11:00"]);
    assert_eq!(samoa("*/30 12 30 12 *", early)[0], "2012-12-29 22:00");
    // Venezuela set its clock back by half an hour for good, and forward again.
    let caracas = |line, after| next(line, "America/Caracas", after, 2);
    assert_eq!(caracas("45 2 * * *", "2007-12-09 06:30:00"), ["2007-12-09 06:45", "2007-12-10 07:15"]);
    assert_eq!(caracas("45 2 * * *", "2016-05-01 06:30:00"), ["2016-05-01 07:00", "2016-05-02 06:45"]);
}

#[test]
fn the_ends_of_time_have_no_slot_beyond() {
    for micros in [i64::MIN, i64::MAX, Moment::MIN.as_microsecond(), Moment::MAX.as_microsecond()] {
        for line in ["* * * * *", "0 0 * * *", "0 0 30 2 *"] {
            for name in ZONES {
                let (cron, at) = (cron(line), Timestamp::from_micros(micros));
                assert!(cron.next(at, &zone(name)).is_none_or(|next| next > at));
                assert!(cron.latest(at, &zone(name)).is_none_or(|latest| latest <= at));
            }
        }
    }
}

#[test]
fn a_fixed_daily_line_has_one_slot_for_each_day() {
    for name in ZONES {
        let zone = zone(name);
        for time in [(0, 0), (0, 30), (1, 15), (2, 0), (2, 45), (3, 30), (12, 0), (23, 0), (23, 59)] {
            let daily = cron(&format!("{} {} * * *", time.1, time.0));
            let at = |day: Date| day.at(time.0, time.1, 0, 0);
            let days = Date::constant(2005, 1, 1).series(1.day()).take_while(|day| day.year() < 2036);
            // Only the midnight of a day that was left out is that of the next day.
            let left_out = |day: &Date| {
                let samoa = matches!(name, "Pacific/Apia" | "Pacific/Fakaofo");
                samoa && at(*day) == Date::constant(2011, 12, 30).at(0, 0, 0, 0)
            };
            let first = zone.to_timestamp(Date::constant(2004, 12, 31).at(time.0, time.1, 0, 0)).unwrap();
            let mut slots = slots(&daily, &zone, Timestamp::from_micros(first.as_microsecond()));
            for day in days.filter(|day| !left_out(day)) {
                let slot = slots.next().unwrap();
                let earlier = Timestamp::from_micros(slot.micros() - 1);
                assert!(read(&zone, slot) >= at(day) && read(&zone, earlier) < at(day), "{name} {daily} {day}");
            }
        }
    }
}
