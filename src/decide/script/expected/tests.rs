use super::*;
use crate::decide::RunStatus;
use proptest::prelude::*;
use uuid::Uuid;

static UTC: TimeZone = TimeZone::UTC;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// 2026-03-28 00:00 UTC, the day before the clocks of Europe go forward.
const START: i64 = 1_774_656_000;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(START + secs)
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn run(started: i64, ended: Option<i64>, outcome: Option<Outcome>) -> RunRecord {
    let id = Uuid::from_u128((u128::try_from((START + started) * 1_000).unwrap() << 80) | (7 << 76) | (2 << 62));
    RunRecord {
        status: if outcome.is_some() { RunStatus::Done } else { RunStatus::Active },
        ended: ended.map(at),
        outcome,
        ..RunRecord::begun(id, "backup", "alpha", at(started))
    }
}

fn good(started: i64, ended: i64) -> RunRecord {
    run(started, Some(ended), Some(Outcome::ok("ran")))
}

fn bad(started: i64, ended: i64) -> RunRecord {
    run(started, Some(ended), Some(Outcome::failed("exit 3 after 5 s").with_detail("no space left")))
}

/// What is known when these runs are, oldest first.
fn known(runs: &[RunRecord]) -> Activity {
    let success = runs.iter().filter(|r| r.is_success()).max_by_key(|r| r.ended).cloned();
    let started = runs.iter().filter(|r| r.is_success()).max_by_key(|r| r.started).cloned();
    Activity {
        started: started.filter(|r| Some(r.started) != success.as_ref().map(|s| s.started)),
        success,
        active: runs.iter().filter(|r| r.outcome.is_none()).cloned().collect(),
        newest: runs.iter().rev().filter(|r| r.outcome.is_some()).cloned().collect(),
        ..Activity::default()
    }
}

fn nightly() -> Expected {
    Expected {
        name: "backup".to_owned(),
        host: Host::Here,
        uuid: None,
        rhythm: Some(Rhythm::Cron(Cron::parse("30 2 * * *").unwrap(), None)),
        grace: Degrees { warning: Some(secs(1_200)), critical: Some(secs(3_600)) },
        failures: 1,
        window: secs(86_400),
        min_runs: Degrees::default(),
        max_average: Degrees::default(),
        max_slowdown: Degrees::default(),
        max_runtime: Degrees::default(),
    }
}

fn look(now: i64) -> Look<'static> {
    Look { now: at(now), zone: &UTC, since: at(0), bad: None }
}

fn judged(expected: &Expected, runs: &[RunRecord], now: i64) -> (Verdict, String) {
    let outcome = expected.judge(&known(runs), &look(now));
    (outcome.verdict, outcome.summary)
}

/// Half past two, in seconds of the day.
const SLOT: i64 = 2 * HOUR + 1_800;

#[test]
fn each_thing_that_is_wrong_has_a_name_of_its_own() {
    use Verdict::{Failed, Ok, Warning};
    let before = good(SLOT - DAY, SLOT - DAY + 60);
    let of = |runs: &[RunRecord], now| judged(&nightly(), &[std::slice::from_ref(&before), runs].concat(), now);
    let lost = run(SLOT + 1, None, Some(Outcome::failed("started, never finished")));
    for (runs, now, verdict, text) in [
        (vec![good(SLOT + 1, SLOT + 61)], SLOT + 62, Ok, "last success 2026-03-28 02:31:01 on alpha, took 1 min"),
        (vec![], SLOT + 1_200, Ok, "last success 2026-03-27 02:31:00 on alpha, took 1 min"),
        (
            vec![],
            SLOT + 1_201,
            Warning,
            "late: expected at 02:30:00, 20 min ago, and it was not started; last success 2026-03-27 02:31:00",
        ),
        (
            vec![],
            SLOT + 3_601,
            Failed,
            "overdue: expected at 02:30:00, 1 h ago, and it was not started; last success 2026-03-27 02:31:00",
        ),
        (vec![bad(SLOT + 1, SLOT + 6)], SLOT + 7, Failed, "failed with exit 3 after 5 s, begun 02:30:01"),
        (vec![lost], SLOT + 7, Failed, "started, never finished: the run of 02:30:01"),
        (vec![run(SLOT + 1, None, None)], SLOT + 600, Ok, "last success 2026-03-27 02:31:00 on alpha, took 1 min"),
        (
            vec![run(SLOT + 1, None, None)],
            SLOT + 3_601,
            Failed,
            "overdue: expected at 02:30:00, 1 h ago, and it still runs, for 1 h",
        ),
    ] {
        assert_eq!(of(&runs, now), (verdict, text.to_owned()));
    }
}

#[test]
fn what_runs_has_until_its_longest_time_and_is_told_while_it_runs() {
    let expected =
        Expected { max_runtime: Degrees { warning: Some(secs(4_000)), critical: Some(secs(7_200)) }, ..nightly() };
    let runs = [good(SLOT - DAY, SLOT - DAY + 60), run(SLOT, None, None)];
    assert_eq!(judged(&expected, &runs, SLOT + 3_700).0, Verdict::Ok, "past its grace, and in its time");
    let warned = judged(&expected, &runs, SLOT + 4_001);
    let text = "running too long: for 1 h 6 min since 02:30:00, and at most 1 h 6 min is expected";
    assert_eq!(warned, (Verdict::Warning, text.to_owned()));
    let told = judged(&expected, &runs, SLOT + 7_201);
    assert_eq!(told.0, Verdict::Failed);
    assert!(told.1.starts_with("running too long: for 2 h since 02:30:00, and at most 2 h"), "{}", told.1);
    // It ended well after all.
    let ended = judged(&expected, &[good(SLOT, SLOT + 7_300)], SLOT + 7_301);
    assert_eq!(ended, (Verdict::Failed, "took too long: 2 h 1 min, and at most 2 h is expected".to_owned()));
}

/// Each start ends the one before, as a crash and a next start do; none of them excuses the slot for ever.
#[test]
fn whoever_only_ever_starts_is_overdue() {
    let expected = Expected {
        rhythm: Some(Rhythm::Every(secs(3_600))),
        grace: Degrees { warning: None, critical: Some(secs(600)) },
        max_runtime: Degrees { warning: None, critical: Some(secs(7_200)) },
        ..nightly()
    };
    let verdict = |now: i64| judged(&expected, &[run(now - now % HOUR, None, None)], now).0;
    assert_eq!(verdict(HOUR + 601), Verdict::Ok, "it runs, and has its time");
    assert_eq!(verdict(HOUR + 600 + 7_200), Verdict::Ok);
    assert_eq!(verdict(HOUR + 600 + 7_201), Verdict::Failed, "of this slot");
    // Nor does one that began in the future.
    assert_eq!(judged(&expected, &[run(9 * HOUR, None, None)], HOUR + 601).0, Verdict::Failed);
}

#[test]
fn failures_in_a_row_count_and_a_success_ends_them() {
    let expected = Expected { failures: 2, rhythm: Some(Rhythm::Every(secs(3_600))), ..nightly() };
    let (first, second) = (bad(HOUR, HOUR + 5), bad(HOUR + 600, HOUR + 605));
    let well = good(600, 660);
    assert_eq!(judged(&expected, &[well.clone(), first.clone()], HOUR + 6).0, Verdict::Ok);
    let two = judged(&expected, &[well.clone(), first.clone(), second.clone()], HOUR + 606);
    assert_eq!(two.0, Verdict::Failed);
    assert_eq!(two.1, "failed with exit 3 after 5 s, begun 01:10:00; 2 runs in a row failed");
    let after = [well, first, second.clone(), good(HOUR + 700, HOUR + 710)];
    assert_eq!(judged(&expected, &after, HOUR + 711).0, Verdict::Ok);
    // One that began earlier ended well while the last failed.
    let long = good(HOUR + 500, HOUR + 900);
    let one = Expected { failures: 1, ..expected };
    assert_eq!(judged(&one, &[long.clone(), second.clone()], HOUR + 901).0, Verdict::Ok);
    assert_eq!(judged(&one, &[good(HOUR + 500, HOUR + 601), second], HOUR + 901).0, Verdict::Failed);
}

#[test]
fn the_end_of_the_output_and_other_findings_are_in_the_detail() {
    let expected = Expected { max_runtime: Degrees { warning: None, critical: Some(secs(30)) }, ..nightly() };
    let outcome = expected.judge(&known(&[good(0, 60), bad(SLOT, SLOT + 5)]), &look(SLOT + 3_700));
    assert!(outcome.summary.starts_with("failed with exit 3"), "{}", outcome.summary);
    let lines: Vec<&str> = outcome.detail.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("overdue: expected at 02:30:00") && lines[0].contains("and it failed: exit 3"));
    assert!(lines[1].starts_with("took too long: 1 min"));
    assert_eq!(lines[2], "no space left");
}

#[test]
fn counts_and_averages_are_judged_in_two_degrees() {
    let measured = |count, average: u64| Measured { count, micros: count * average * 1_000_000, longest: 0 };
    let of = |change: &dyn Fn(&mut Expected), window, before, now| {
        let mut expected = Expected { rhythm: None, ..nightly() };
        change(&mut expected);
        let outcome = expected.judge(&Activity { window, before, ..known(&[good(0, 60)]) }, &look(now));
        (outcome.verdict, outcome.summary)
    };
    let runs = |e: &mut Expected| e.min_runs = Degrees { warning: Some(24), critical: Some(20) };
    let none = Measured::default();
    assert_eq!(of(&runs, measured(24, 1), none, DAY).0, Verdict::Ok);
    let few = of(&runs, measured(23, 1), none, DAY);
    assert_eq!(few, (Verdict::Warning, "ran too seldom: 23 of at least 24 times within 1 d".to_owned()));
    assert_eq!(of(&runs, measured(19, 1), none, DAY).0, Verdict::Failed);
    assert_eq!(of(&runs, measured(0, 1), none, DAY - 1).0, Verdict::Ok, "not watched for all of the window");

    let average = |e: &mut Expected| e.max_average = Degrees { warning: Some(secs(10)), critical: Some(secs(20)) };
    assert_eq!(of(&average, measured(5, 10), none, 90).0, Verdict::Ok);
    let slow = of(&average, measured(5, 11), none, 90);
    let text = "average runtime too long: 11 s within 1 d, and at most 10 s is expected";
    assert_eq!(slow, (Verdict::Warning, text.to_owned()));
    assert_eq!(of(&average, measured(5, 21), none, 90).0, Verdict::Failed);

    let slowdown = |e: &mut Expected| e.max_slowdown = Degrees { warning: Some(2.0), critical: Some(4.0) };
    assert_eq!(of(&slowdown, measured(3, 39), measured(9, 20), 90).0, Verdict::Ok);
    let doubled = of(&slowdown, measured(3, 40), measured(9, 20), 90);
    assert_eq!(doubled, (Verdict::Warning, "average runtime doubled: 40 s within 1 d, and 20 s before".to_owned()));
    assert_eq!(of(&slowdown, measured(3, 80), measured(9, 20), 90).0, Verdict::Failed);
    assert_eq!(of(&slowdown, measured(2, 80), measured(9, 20), 90).0, Verdict::Ok, "too few to compare");
    assert_eq!(of(&slowdown, measured(9, 80), measured(2, 20), 90).0, Verdict::Ok, "too few before");
}

#[test]
fn what_came_before_it_was_watched_is_no_fault() {
    let expected = nightly();
    let old = [good(-9 * DAY, -9 * DAY + 60)];
    assert_eq!(judged(&expected, &old, SLOT).0, Verdict::Ok, "watched since midnight");
    assert_eq!(judged(&expected, &old, SLOT + 3_601).0, Verdict::Failed);
    let none = judged(&expected, &[], SLOT + 3_601);
    assert!(none.1.ends_with("and it was not started; no success is known"), "{}", none.1);
    assert_eq!(judged(&expected, &[], SLOT).1, "no run is known yet, and none is overdue");
    let every = Expected { rhythm: Some(Rhythm::Every(secs(600))), ..nightly() };
    assert_eq!(judged(&every, &old, 600 + 3_600).0, Verdict::Warning);
    assert_eq!(judged(&every, &old, 600 + 3_601).0, Verdict::Failed);
}

#[test]
fn another_rhythm_is_watched_anew_and_the_same_one_is_not() {
    let mut state = JobState::default();
    let first = nightly().watched(&state, at(0));
    assert_eq!(first.since, at(0));
    state.watched = Some(Box::new(first.clone()));
    assert_eq!(nightly().watched(&state, at(DAY)), first, "over a restart");
    let grace = Expected {
        grace: Degrees::default(),
        max_runtime: Degrees { warning: None, critical: Some(secs(9)) },
        ..nightly()
    };
    assert_eq!(grace.watched(&state, at(DAY)), first, "only the limits are others");
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    for other in [
        Rhythm::Cron(Cron::parse("31 2 * * *").unwrap(), None),
        Rhythm::Cron(Cron::parse("30 2 * * *").unwrap(), Some(berlin)),
        Rhythm::Every(secs(86_400)),
    ] {
        let other = Expected { rhythm: Some(other), ..nightly() };
        assert_eq!(other.watched(&state, at(DAY)).since, at(DAY));
    }
    assert_eq!(nightly().watched(&state, at(-60)).since, at(-60), "the clock went back");
}

#[test]
fn a_job_that_was_bad_does_not_become_well_because_its_runs_are_forgotten() {
    let expected =
        Expected { rhythm: None, max_runtime: Degrees { warning: None, critical: Some(secs(9)) }, ..nightly() };
    let nothing = Activity::default();
    let first = expected.judge(&nothing, &Look { bad: Some("failed with exit 3"), ..look(9 * DAY) });
    assert_eq!((first.verdict, first.summary.as_str()), (Verdict::Failed, "no run since then: failed with exit 3"));
    let again = expected.judge(&nothing, &Look { bad: Some(&first.summary), ..look(9 * DAY) });
    assert_eq!(again.summary, first.summary);
    let well = expected.judge(&known(&[good(8 * DAY, 8 * DAY + 1)]), &Look { bad: Some("x"), ..look(9 * DAY) });
    assert_eq!(well.verdict, Verdict::Ok);
}

#[test]
fn a_clock_that_is_a_little_ahead_serves_the_slot_and_one_that_is_far_ahead_does_not() {
    let expected = nightly();
    assert_eq!(judged(&expected, &[good(SLOT - 10, SLOT - 5)], SLOT + 3_601).0, Verdict::Ok);
    assert_eq!(judged(&expected, &[good(SLOT - 11, SLOT - 5)], SLOT + 3_601).0, Verdict::Failed);
}

/// Zones whose clocks change in many ways: by an hour, by half of one, at midnight, backwards in winter, by two hours.
const ZONES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/Santiago",
    "America/Havana",
    "Asia/Gaza",
    "Asia/Beirut",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Atlantic/Azores",
    "Antarctica/Troll",
];

/// A cron that starts the script at each slot but the one that is left out, and a look each minute.
fn month(
    cron: &Cron,
    zone: &TimeZone,
    from: Timestamp,
    left_out: Option<usize>,
) -> (Vec<Timestamp>, Vec<(Timestamp, Verdict)>) {
    let grace = secs(300);
    let expected = Expected {
        rhythm: Some(Rhythm::Cron(cron.clone(), Some(zone.clone()))),
        grace: Degrees { warning: None, critical: Some(grace) },
        ..nightly()
    };
    let slots: Vec<Timestamp> = std::iter::successors(cron.next(from, zone), |slot| cron.next(*slot, zone))
        .take_while(|slot| *slot < from.plus(secs(4 * 86_400)))
        .collect();
    let mut seen = Vec::new();
    let (mut known, mut next) = (Activity::default(), 0);
    for minute in 0..4 * 1_440 {
        let now = from.plus(secs(minute * 60));
        while let Some(slot) = slots.get(next).filter(|slot| slot.plus(secs(20)) <= now) {
            if left_out != Some(next) {
                let base = good(0, 0);
                known.success =
                    Some(RunRecord { started: Some(slot.plus(secs(1))), ended: Some(slot.plus(secs(20))), ..base });
            }
            next += 1;
        }
        let look = Look { now, zone: &UTC, since: from, bad: None };
        seen.push((now, expected.judge(&known, &look).verdict));
    }
    (slots, seen)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    /// Daylight saving neither loses nor doubles anything: who starts when cron starts is never late, and whoever leaves one
    /// slot out is overdue exactly from its deadline until the next success.
    #[test]
    fn over_the_changes_of_clocks_each_slot_counts_once(
        zone in 0..ZONES.len(), hour in 0..24_u8, minute in 0..60_u8, hourly in any::<bool>(), change in 0..24_usize,
        before in 0..4 * 1_440_u64, left_out in 0..100_usize,
    ) {
        let zone = TimeZone::get(ZONES[zone]).unwrap();
        let text = if hourly { format!("{minute} * * * *") } else { format!("{minute} {hour} * * *") };
        let cron = Cron::parse(&text).unwrap();
        let first = jiff::Timestamp::from_second(1_577_836_800).unwrap();
        let change = zone.following(first).nth(change).map_or(first, |t| t.timestamp());
        let from = Timestamp::from_secs(change.as_second()).minus(secs(before * 60));
        let (slots, seen) = month(&cron, &zone, from, None);
        for (now, verdict) in &seen {
            prop_assert_eq!(*verdict, Verdict::Ok, "{} at {:?}, slots {:?}", text, now, slots);
        }
        let Some(which) = left_out.checked_rem(slots.len()) else { return Ok(()) };
        let (_, seen) = month(&cron, &zone, from, Some(which));
        let (deadline, next) = (slots[which].plus(secs(300)), slots.get(which + 1).map(|slot| slot.plus(secs(20))));
        for (now, verdict) in seen {
            let overdue = now > deadline && next.is_none_or(|next| now < next);
            prop_assert_eq!(verdict == Verdict::Failed, overdue, "{} at {:?}, left out {:?}", text, now, slots[which]);
        }
    }
}
