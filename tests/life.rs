//! The first program's documented life: its four crontab lines, fired as Debian's cron fires them, over two days with a
//! change of daylight saving time between them. Each pass is the real program with the simulated clock; what is judged is
//! the history that it leaves.

use crate::support::binary::{Home, has_faketime, usual, utc};
use checker_job::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::time::Duration;

/// The lines as its documents give them; half of the calls are in its own form.
const CRONTAB: &str = "\
1-59 * * * * -m cron -c minute
0 1-11,13-23 * * * cron -c hour
0 0 * * * -m cron -c day
0 12 * * * cron -c day_noon
";

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// One line of a crontab; its last three fields are stars.
struct Line {
    minutes: Vec<i64>,
    hours: Vec<i64>,
    /// A field that begins with a star: after a change of the clock such a line follows the new time at once.
    wild: bool,
    call: Vec<&'static str>,
}

fn lines() -> Vec<Line> {
    CRONTAB
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            Line {
                minutes: numbers(words[0], 59),
                hours: numbers(words[1], 23),
                wild: words[0].starts_with('*') || words[1].starts_with('*'),
                call: words[5..].to_vec(),
            }
        })
        .collect()
}

/// The numbers of a field such as `1-11,13-23`.
fn numbers(field: &str, last: i64) -> Vec<i64> {
    let number = |text: &str| -> i64 { text.parse().expect("a number") };
    let ranges = field.split(',').map(|part| match part.split_once('-') {
        Some((from, to)) => number(from)..=number(to),
        None if part == "*" => 0..=last,
        None => number(part)..=number(part),
    });
    ranges.flatten().collect()
}

/// What Debian's cron starts between two instants, in order.
///
/// It counts minutes of local time. A jump ahead of up to three hours: lines with a star go by the new time, the others
/// are run for each minute that was skipped. A jump back: lines with a star go by the new time, the others wait until
/// the time that they know comes again.
fn fired(lines: &[Line], zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Vec<&'static str>)> {
    let mut starts = Vec::new();
    let mut known = local_minute(zone, from) - 1;
    let mut at = from;
    while at < to {
        let now = local_minute(zone, at);
        let mut due: Vec<&Line> = Vec::new();
        let mut add = |minute: i64, wild: bool, fixed: bool| {
            let hit = |l: &&Line| l.minutes.contains(&(minute % 60)) && l.hours.contains(&(minute / 60 % 24));
            due.extend(lines.iter().filter(|l| if l.wild { wild } else { fixed }).filter(hit));
        };
        match now - known {
            1 => add(now, true, true),
            2..=180 => {
                add(now, true, false);
                (known + 1..=now).for_each(|minute| add(minute, false, true));
            }
            -180..=0 => add(now, true, false),
            jump => panic!("a jump of {jump} minutes"),
        }
        known = known.max(now);
        // It pauses for ten seconds after what it has started for a skipped minute.
        for (nth, line) in (0..).zip(due) {
            starts.push((at.plus(Duration::from_secs(1 + 10 * nth)), line.call.clone()));
        }
        at = at.plus(MINUTE);
    }
    starts
}

/// Minutes of local time since 1970.
fn local_minute(zone: &TimeZone, at: Timestamp) -> i64 {
    let instant = jiff::Timestamp::from_microsecond(at.micros()).expect("an instant");
    (at.secs() + i64::from(zone.to_offset(instant).seconds())).div_euclid(60)
}

const JOBS: [(&str, &str); 6] =
    [("m", "minute"), ("five", "5min"), ("h", "hour"), ("two", "2h"), ("d", "day"), ("n", "day_noon")];

/// A job of each class; their target is always well.
fn home() -> Home {
    let tables: Vec<String> = JOBS
        .iter()
        .map(|(id, every)| format!("[[job.example]]\nid = \"{id}\"\npath = \"HOME/target\"\nevery = \"{every}\"\n"))
        .collect();
    let home = Home::new(&usual(&tables.concat()));
    home.write("target", "well\n");
    let target = std::fs::File::options().write(true).open(home.path("target")).expect("the target");
    target.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).expect("an old file");
    home
}

/// Lives from `from` to `to` and compares the minute of each run with what is expected of each job.
fn live(from: Timestamp, to: Timestamp, expected: &BTreeMap<&str, Vec<Timestamp>>) -> usize {
    let zone = TimeZone::get("Europe/Berlin").expect("the zone");
    let home = home();
    let starts = fired(&lines(), &zone, from, to);
    for (at, call) in &starts {
        home.run_at(*at, call).silent();
    }
    for (id, expected) in expected {
        let found: Vec<Timestamp> = home.starts(id).iter().map(|t| Timestamp::from_secs(t.secs() / 60 * 60)).collect();
        let words = |list: &[Timestamp]| list.iter().map(|t| t.secs()).collect::<Vec<_>>();
        assert_eq!(words(&found), words(expected), "{id}: when it ran, and when it should have");
    }
    assert!(home.mails().is_empty(), "all was well, and cron called: {:?}", home.subjects());
    let log = home.read("checker.log");
    assert!(!log.contains("WARNING") && !log.contains("ERROR"), "{log}");
    let open = home.count("SELECT count(*) FROM pass WHERE is_open = 1");
    assert_eq!(open, 0, "every pass has ended");
    starts.len()
}

fn every(step: Duration, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let mut at = from;
    let steps = std::iter::from_fn(move || {
        let this = at;
        at = at.plus(step);
        (this < to).then_some(this)
    });
    steps.collect()
}

#[test]
fn two_days_with_the_hour_that_is_skipped() {
    if !has_faketime() {
        return;
    }
    // From midnight to midnight in Berlin: 24 hours, then 23.
    let (from, to) = (utc("2026-03-27 23:00:00"), utc("2026-03-29 22:00:00"));
    let mut two = every(HOUR * 2, from, utc("2026-03-29 01:00:00"));
    // There is no 02:00 on the second day: its place is 03:00, and 04:00 follows.
    two.push(utc("2026-03-29 01:00:00"));
    two.extend(every(HOUR * 2, utc("2026-03-29 02:00:00"), to));
    let expected = BTreeMap::from([
        ("m", every(MINUTE, from, to)),
        ("five", every(MINUTE * 5, from, to)),
        ("h", every(HOUR, from, to)),
        ("two", two),
        ("d", vec![from, utc("2026-03-28 23:00:00")]),
        // Its first run of all is in the first pass.
        ("n", vec![from, utc("2026-03-28 11:00:00"), utc("2026-03-29 10:00:00")]),
    ]);
    // One call a minute, and one more for the hour that was skipped.
    assert_eq!(live(from, to, &expected), 47 * 60 + 1);
}

#[test]
fn two_days_with_the_hour_that_comes_twice() {
    if !has_faketime() {
        return;
    }
    // From midnight to midnight in Berlin: 24 hours, then 25.
    let (from, to) = (utc("2026-10-23 22:00:00"), utc("2026-10-25 23:00:00"));
    // Cron starts nothing at the second 02:00: the hourly line is known to have run, and the other leaves out minute 0.
    let twice = utc("2026-10-25 01:00:00");
    let mut minutes = every(MINUTE, from, to);
    minutes.retain(|at| *at != twice);
    let mut fives = every(MINUTE * 5, from, to);
    let mut hours = every(HOUR, from, to);
    // So the minute after serves the grid, and the hour is caught up after its grace.
    fives.iter_mut().filter(|at| **at == twice).for_each(|at| *at = at.plus(MINUTE));
    hours.iter_mut().filter(|at| **at == twice).for_each(|at| *at = at.plus(MINUTE * 10));
    // The place from 02:00 to 04:00 is three hours long.
    let mut two = every(HOUR * 2, from, utc("2026-10-25 01:00:00"));
    two.extend(every(HOUR * 2, utc("2026-10-25 03:00:00"), to));
    let expected = BTreeMap::from([
        ("m", minutes),
        ("five", fives),
        ("h", hours),
        ("two", two),
        ("d", vec![from, utc("2026-10-24 22:00:00")]),
        ("n", vec![from, utc("2026-10-24 10:00:00"), utc("2026-10-25 11:00:00")]),
    ]);
    assert_eq!(live(from, to, &expected), 49 * 60 - 1);
}
