//! The first program's documented life: its four crontab lines, fired as Debian's cron does, over two days with a change
//! of the clock in the middle of them, with jobs of every frequency.
//!
//! Debian's cron compares local time each minute. A line with a star in its hour (`1-59 * * * *`) just follows the
//! clock. A line with a fixed hour that the spring change skips is run right after the change; in the hour that autumn
//! repeats it is not run again.

use super::tests::{local, zone};
use super::*;
use std::collections::BTreeSet;

const HOUR: i64 = 3_600;

/// One start of `checker cron`.
#[derive(Clone, Copy, Debug)]
struct Fired {
    at: Timestamp,
    called: Called,
}

/// The lines of a crontab, by class; `None` is one line `* * * * *` without `-c`.
fn fire(zone: &TimeZone, from: Timestamp, until: Timestamp, lines: Option<&[Class]>) -> Vec<Fired> {
    let mut fired = Vec::new();
    let mut before: Option<jiff::civil::DateTime> = None;
    for at in (from.secs()..until.secs()).step_by(60) {
        let instant = jiff::Timestamp::from_second(at).unwrap();
        let clock = instant.to_zoned(zone.clone()).datetime();
        let newest = before.map_or(clock, |b| b.max(clock));
        let Some(lines) = lines else {
            fired.push(start(at, Called::All));
            continue;
        };
        for &class in lines {
            if class == Class::Minute {
                if clock.minute() != 0 {
                    fired.push(start(at, Called::Class(class)));
                }
                continue;
            }
            // Each minute that the local clock has reached since the last one: none in the repeated hour.
            let mut minute = before.map_or(clock, |b| b.checked_add(1.minutes()).unwrap());
            while minute <= newest {
                let hour = minute.hour();
                let matches = minute.minute() == 0
                    && match class {
                        Class::Minute => false,
                        Class::Hour => hour != 0 && hour != 12,
                        Class::Day => hour == 0,
                        Class::DayNoon => hour == 12,
                    };
                if matches {
                    fired.push(start(at, Called::Class(class)));
                }
                minute = minute.checked_add(1.minutes()).unwrap();
            }
        }
        before = Some(newest);
    }
    fired
}

/// Cron wakes some time within the minute, and a busy host starts the program later still.
fn start(at: i64, called: Called) -> Fired {
    let jitter = at.div_euclid(60).wrapping_mul(2_654_435_761).rem_euclid(49_000_000);
    Fired { at: instant_of(at).plus(Duration::from_micros(u64::try_from(jitter).unwrap())), called }
}

struct Job {
    every: Frequency,
    served: Option<Timestamp>,
    /// Slot and start of each run.
    runs: Vec<(Timestamp, Timestamp)>,
}

/// Two days of passes: what each job did, and the classes whose line was found missing.
fn live(zone: &TimeZone, fired: &[Fired], jobs: &mut [Job]) -> BTreeSet<Class> {
    let mut memory = CronMemory::default();
    let mut told = BTreeSet::new();
    for pass in fired {
        let mut slots = Slots::new(pass.at, zone);
        for job in &mut *jobs {
            let slot = slots.of(job.every);
            if due(job.every, job.served, slot, pass.at, pass.called).is_some() {
                job.served = Some(slot);
                job.runs.push((slot, pass.at));
            }
        }
        let needed = needed(jobs.iter().map(|j| j.every), &mut slots);
        memory = memory.after(pass.at, pass.called, &needed);
        told.extend(memory.missing());
    }
    told
}

fn every(words: &[&str]) -> Vec<Job> {
    words.iter().map(|word| Job { every: Frequency::parse(word).unwrap(), served: None, runs: Vec::new() }).collect()
}

/// The slots that a person with a wall clock would write down, without [`slot`].
fn expected(every: Frequency, zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut last_hour = 0;
    for at in (from.secs()..until.secs()).step_by(60) {
        let instant = jiff::Timestamp::from_second(at).unwrap();
        let clock = instant.to_zoned(zone.clone()).datetime();
        let (hour, minute) = (i32::from(clock.hour()), i32::from(clock.minute()));
        let first_time = seen.insert(clock);
        let skipped_hour = (hour - last_hour == 2).then_some(hour - 1);
        last_hour = hour;
        let begins = match every {
            Frequency::Minute => true,
            Frequency::Hour => minute == 0,
            Frequency::Day => hour == 0 && minute == 0,
            Frequency::DayNoon => hour == 12 && minute == 0,
            Frequency::Minutes(n) => minute % i32::try_from(n).unwrap() == 0,
            Frequency::Hours(n) => {
                let place = |h: i32| h % i32::try_from(n).unwrap() == 0;
                minute == 0 && (place(hour) && first_time || skipped_hour.is_some_and(place))
            }
        };
        if begins {
            found.push(instant_of(at));
        }
    }
    found
}

const DAYS: [(&str, &str); 3] = [
    ("2026-03-28T00:00", "2026-03-30T00:00"),
    ("2026-10-24T00:00", "2026-10-26T00:00"),
    ("2026-06-01T00:00", "2026-06-03T00:00"),
];
const FREQUENCIES: [&str; 7] = ["minute", "hour", "day", "day_noon", "5min", "2h", "3h"];
const LINES: [Class; 4] = [Class::Minute, Class::Hour, Class::Day, Class::DayNoon];

/// Each job ran once in each of its slots, at most `late` after the slot began, if a pass could do it at all.
fn check(jobs: &[Job], zone: &TimeZone, span: (Timestamp, Timestamp), fired: &[Fired], late: i64) {
    for job in jobs {
        let mut slots: Vec<Timestamp> = job.runs.iter().map(|r| r.0).collect();
        let runs = slots.len();
        slots.dedup();
        assert_eq!(slots.len(), runs, "{}: twice in a slot", job.every);
        // The noon before the first day is served when the job is new.
        slots.retain(|s| *s >= span.0);
        let mut want = expected(job.every, zone, span.0, span.1);
        if job.every == Frequency::Minute {
            // A minute without any pass: the first program's lines leave one out when autumn repeats an hour, and so
            // does a line that is missing.
            let minutes: BTreeSet<i64> = fired.iter().map(|f| f.at.secs().div_euclid(60)).collect();
            want.retain(|s| minutes.contains(&s.secs().div_euclid(60)));
        }
        assert_eq!(slots, want, "{}", job.every);
        for (slot, at) in job.runs.iter().filter(|r| r.0 >= span.0) {
            let after = at.since(*slot).as_secs();
            assert!(i64::try_from(after).unwrap() < late, "{}: {after} s after its slot began", job.every);
        }
    }
}

#[test]
fn the_four_lines_of_the_first_program_run_every_job_once_in_each_slot() {
    let berlin = zone("Europe/Berlin");
    for (from, until) in DAYS {
        let span = (local(from, &berlin), local(until, &berlin));
        let fired = fire(&berlin, span.0, span.1, Some(&LINES));
        let mut jobs = every(&FREQUENCIES);
        let told = live(&berlin, &fired, &mut jobs);
        assert_eq!(told, BTreeSet::new(), "{from}: no line is missing");
        // In the repeated hour the fixed lines do not fire: the minute line serves what they leave, within the grace.
        let grace = i64::try_from(CATCH_UP_GRACE.as_secs()).unwrap();
        let autumn = from.starts_with("2026-10");
        let late = if autumn { grace + 120 } else { 60 };
        check(&jobs, &berlin, span, &fired, late);
        let by_hand = |every: &str, runs: usize| {
            let frequency = Frequency::parse(every).unwrap();
            let job = jobs.iter().find(|j| j.every == frequency).unwrap();
            assert_eq!(job.runs.len(), runs, "{from} {every}");
        };
        // Two days have 47, 49 and 48 hours. The first noon run is the new job's; its noon was the day before.
        let hours = usize::try_from((span.1.secs() - span.0.secs()) / HOUR).unwrap();
        by_hand("hour", hours);
        by_hand("minute", hours * 60 - usize::from(autumn));
        by_hand("5min", hours * 12);
        by_hand("day", 2);
        by_hand("day_noon", 3);
        by_hand("2h", 24);
    }
}

#[test]
fn in_the_skipped_hour_the_fixed_lines_fire_right_after_the_change() {
    let berlin = zone("Europe/Berlin");
    let (from, until) = (local("2026-03-29T01:58", &berlin), local("2026-03-29T03:03", &berlin));
    let fired = fire(&berlin, from, until, Some(&LINES));
    let calls: Vec<String> = fired.iter().map(|f| f.called.to_string()).collect();
    let want = ["minute", "minute", "hour", "hour", "minute", "minute"];
    assert_eq!(calls, want, "01:58, 01:59, 03:00 twice, 03:01, 03:02");
}

#[test]
fn with_a_line_missing_every_job_still_runs_in_each_slot_and_the_line_is_told() {
    let berlin = zone("Europe/Berlin");
    for (from, until) in DAYS {
        let span = (local(from, &berlin), local(until, &berlin));
        for gone in [Class::Hour, Class::Day, Class::DayNoon] {
            let lines: Vec<Class> = LINES.into_iter().filter(|&c| c != gone).collect();
            // A third day, because a daily line is told after two slots that nobody served.
            let until = span.1.plus(Duration::from_secs(86_400));
            let span = (span.0, until);
            let fired = fire(&berlin, span.0, span.1, Some(&lines));
            let mut jobs = every(&FREQUENCIES);
            let told = live(&berlin, &fired, &mut jobs);
            assert_eq!(told, BTreeSet::from([gone]), "{from} without {gone}");
            let grace = i64::try_from(CATCH_UP_GRACE.as_secs()).unwrap();
            check(&jobs, &berlin, span, &fired, grace + 120);
        }
    }
}

#[test]
fn one_line_without_a_class_is_enough() {
    for name in super::tests::ZONES {
        let zone = zone(name);
        for (from, until) in DAYS {
            let span = (local(from, &zone), local(until, &zone));
            let fired = fire(&zone, span.0, span.1, None);
            let mut jobs = every(&FREQUENCIES);
            assert_eq!(live(&zone, &fired, &mut jobs), BTreeSet::new());
            if name == "Europe/Berlin" {
                check(&jobs, &zone, span, &fired, 60);
            }
            for job in &jobs {
                let runs = job.runs.iter().filter(|r| r.0 >= span.0);
                let late = runs.map(|r| r.1.since(r.0).as_secs()).max();
                assert!(late.is_some_and(|late| late < 60), "{name} {}", job.every);
            }
        }
    }
}

#[test]
fn a_host_that_was_off_catches_up_in_silence() {
    let berlin = zone("Europe/Berlin");
    let span = (local("2026-03-28T00:00", &berlin), local("2026-03-30T12:30", &berlin));
    let mut fired = fire(&berlin, span.0, span.1, Some(&LINES));
    let off = (local("2026-03-28T23:30", &berlin), local("2026-03-29T12:20", &berlin));
    fired.retain(|f| f.at < off.0 || f.at >= off.1);
    let mut jobs = every(&["minute", "hour", "day", "day_noon"]);
    assert_eq!(live(&berlin, &fired, &mut jobs), BTreeSet::new());
    for job in &jobs {
        // Minutes come with each pass, hours with the grace or the next line, midnight and noon with the first pass
        // after their grace.
        let back = job.runs.iter().find(|r| r.1 >= off.1).unwrap();
        let waited = back.1.since(off.1).as_secs();
        assert!(waited < 61, "{}: {waited} s", job.every);
    }
}
