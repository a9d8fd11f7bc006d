//! Windows in the zones that are hard, against a clock that is read minute by minute.

use super::*;
use checker_job::Timestamp;
use proptest::prelude::*;

const HOUR: Duration = Duration::from_secs(3_600);

/// Shifts of half an hour and of two hours, gaps and repeats at midnight, a day that was left out, odd offsets, a zone
/// whose summer time is said as a negative shift, and one that changed its offset for good.
const ZONES: [&str; 18] = [
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Caracas",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Pacific/Chatham",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn utc(text: &str) -> Timestamp {
    let at: jiff::Timestamp = format!("{}Z", text.replace(' ', "T")).parse().unwrap();
    Timestamp::from_micros(at.as_microsecond())
}

fn read(zone: &TimeZone, at: Timestamp) -> DateTime {
    jiff::Timestamp::from_microsecond(at.micros()).unwrap().to_zoned(zone.clone()).datetime()
}

fn again(name: &str, days: Days, start: (i8, i8), length: Duration) -> Window {
    let start = Time::constant(start.0, start.1, 0, 0);
    Window { name: "w".to_owned(), zone: zone(name), when: When::Again { days, start, length } }
}

fn daily(name: &str, start: (i8, i8), length: Duration) -> Window {
    again(name, Days::Daily, start, length)
}

/// The next openings, each as its start and its end in UTC.
fn next(window: &Window, at: &str, count: usize) -> Vec<String> {
    let text = |at: Timestamp| read(&TimeZone::UTC, at).strftime("%F %H:%M").to_string();
    window.openings(utc(at)).take(count).map(|o| format!("{} {}", text(o.start), text(o.end))).collect()
}

#[test]
fn a_start_that_the_clock_skips_is_behind_the_gap_and_the_length_is_elapsed_time() {
    let night = daily("Europe/Berlin", (2, 30), HOUR * 2);
    let spring = next(&night, "2026-03-28 00:00:00", 3);
    assert_eq!(
        spring,
        ["2026-03-28 01:30 2026-03-28 03:30", "2026-03-29 01:00 2026-03-29 03:00", "2026-03-30 00:30 2026-03-30 02:30"]
    );
    // 30 minutes: 02:00 becomes 02:30.
    let island = daily("Australia/Lord_Howe", (2, 15), HOUR);
    assert_eq!(next(&island, "2025-10-04 12:00:00", 1), ["2025-10-04 15:30 2025-10-04 16:30"]);
    // No midnight on these days: the day begins at one.
    assert_eq!(
        next(&daily("Africa/Cairo", (0, 0), HOUR), "2024-04-25 12:00:00", 1),
        ["2024-04-25 22:00 2024-04-25 23:00"]
    );
    assert_eq!(
        next(&daily("Asia/Beirut", (0, 30), HOUR), "2024-03-30 12:00:00", 1),
        ["2024-03-30 22:00 2024-03-30 23:00"]
    );
    let brazil = daily("America/Sao_Paulo", (0, 15), HOUR);
    assert_eq!(next(&brazil, "2018-11-03 12:00:00", 1), ["2018-11-04 03:00 2018-11-04 04:00"]);
}

#[test]
fn a_start_that_comes_twice_opens_once_and_at_the_first() {
    let night = daily("Europe/Berlin", (2, 30), HOUR * 2);
    let autumn = next(&night, "2026-10-24 12:00:00", 2);
    assert_eq!(autumn, ["2026-10-25 00:30 2026-10-25 02:30", "2026-10-26 01:30 2026-10-26 03:30"]);
    // Midnight is set back to 23:00 of the day before.
    let late = daily("America/Sao_Paulo", (23, 30), HOUR * 2);
    assert_eq!(next(&late, "2018-02-17 12:00:00", 1), ["2018-02-18 01:30 2018-02-18 03:30"]);
    let island = daily("Australia/Lord_Howe", (1, 45), HOUR);
    assert_eq!(next(&island, "2026-04-04 12:00:00", 1), ["2026-04-04 14:45 2026-04-04 15:45"]);
}

#[test]
fn a_day_that_was_left_out_has_no_opening() {
    // Friday, 30 December 2011.
    let apia = daily("Pacific/Apia", (2, 0), HOUR);
    let around = next(&apia, "2011-12-29 00:00:00", 3);
    assert_eq!(
        around,
        ["2011-12-29 12:00 2011-12-29 13:00", "2011-12-30 12:00 2011-12-30 13:00", "2011-12-31 12:00 2011-12-31 13:00"]
    );
    let friday = again("Pacific/Apia", Days::Week(vec![Weekday::Friday]), (2, 0), HOUR);
    assert_eq!(next(&friday, "2011-12-24 00:00:00", 1), ["2012-01-05 12:00 2012-01-05 13:00"]);
    let thirtieth = again("Pacific/Apia", Days::Month(vec![30]), (0, 0), HOUR);
    assert_eq!(next(&thirtieth, "2011-12-01 12:00:00", 1), ["2012-01-29 10:00 2012-01-29 11:00"]);
}

#[test]
fn days_of_the_week_and_of_the_month_are_local_ones() {
    let sunday = again("Europe/Berlin", Days::Week(vec![Weekday::Sunday]), (0, 30), HOUR);
    assert_eq!(next(&sunday, "2026-11-29 12:00:00", 1), ["2026-12-05 23:30 2026-12-06 00:30"]);
    let last = again("UTC", Days::Month(vec![31]), (4, 0), HOUR);
    assert_eq!(
        next(&last, "2026-01-31 05:00:00", 2),
        ["2026-03-31 04:00 2026-03-31 05:00", "2026-05-31 04:00 2026-05-31 05:00"]
    );
    let first = again("UTC", Days::Month(vec![15, 1]), (4, 0), HOUR);
    assert_eq!(
        next(&first, "2026-01-02 00:00:00", 2),
        ["2026-01-15 04:00 2026-01-15 05:00", "2026-02-01 04:00 2026-02-01 05:00"]
    );
}

#[test]
fn an_opening_holds_its_start_and_not_its_end() {
    let w = daily("UTC", (23, 0), HOUR * 2);
    let opening = w.openings(utc("2026-05-01 12:00:00")).next().unwrap();
    assert!(opening.holds(opening.start) && !opening.holds(opening.end));
    for (at, open) in [
        ("2026-05-01 22:59:59", false),
        ("2026-05-01 23:00:00", true),
        ("2026-05-02 00:59:59", true),
        ("2026-05-02 01:00:00", false),
    ] {
        assert_eq!(w.open_at(utc(at)).is_some(), open, "{at}");
    }
}

#[test]
fn no_opening_reaches_into_the_next_one() {
    // The day of the change has 23 hours.
    let long = daily("Europe/Berlin", (12, 0), Duration::from_secs(23 * 3_600 + 1_800));
    let cut = next(&long, "2026-03-28 12:00:00", 2);
    assert_eq!(cut, ["2026-03-28 11:00 2026-03-29 10:00", "2026-03-29 10:00 2026-03-30 09:30"]);
}

#[test]
fn a_window_that_comes_once_is_between_two_local_times() {
    let once = |zone_name: &str, from: &str, until: &str| Window {
        name: "w".to_owned(),
        zone: zone(zone_name),
        when: When::Once { from: from.parse().unwrap(), until: until.parse().unwrap() },
    };
    let moving = once("Europe/Berlin", "2026-10-25T01:00", "2026-10-25T02:30");
    // 02:30 comes twice; the first ends it.
    assert_eq!(next(&moving, "2026-01-01 00:00:00", 2), ["2026-10-24 23:00 2026-10-25 00:30"]);
    assert_eq!(next(&moving, "2026-10-25 00:30:00", 1), [""; 0]);
    let skipped = once("Europe/Berlin", "2026-03-29T02:10", "2026-03-29T02:50");
    assert_eq!(next(&skipped, "2026-01-01 00:00:00", 1), [""; 0], "no such time");
}

#[test]
fn the_longest_time_on_end_joins_what_meets() {
    let (from, until) = (utc("2026-05-01 00:00:00"), utc("2026-06-01 00:00:00"));
    let length = |windows: &[Window], pause: u64| longest(windows, from, until, Duration::from_secs(pause));
    let (early, late) = (daily("UTC", (2, 0), HOUR * 2), daily("UTC", (4, 10), HOUR));
    assert_eq!(length(&[], 0), Duration::ZERO);
    assert_eq!(length(std::slice::from_ref(&early), 0), HOUR * 2);
    assert_eq!(length(&[late.clone(), early.clone()], 0), HOUR * 2);
    assert_eq!(length(&[late, early.clone()], 600), HOUR * 3 + Duration::from_secs(600));
    // One that lies within another adds nothing.
    assert_eq!(length(&[early.clone(), daily("UTC", (2, 30), HOUR)], 0), HOUR * 2);
    let weekend = again("UTC", Days::Week(vec![Weekday::Saturday, Weekday::Sunday]), (0, 0), LENGTH_MAX);
    assert_eq!(length(&[weekend, early], 0), HOUR * 48);
    let always = longest(&[daily("UTC", (0, 0), LENGTH_MAX)], from, until, Duration::ZERO);
    assert_eq!(always, HOUR * 24 * 31, "it never ends, as far as one looks");
}

/// A job that depends on nothing but its windows.
fn held(windows: &[Window]) -> (Windows, JobId) {
    let job = JobId::new("test", "job");
    (Windows::new(windows.iter().map(|w| (w.clone(), vec![job.clone()])).collect()), job)
}

#[test]
fn a_job_is_held_by_its_own_windows_alone() {
    let (early, late) = (daily("UTC", (2, 0), HOUR * 2), daily("UTC", (3, 0), HOUR * 2));
    let (all, job) = held(&[early, late]);
    let other = JobId::new("test", "other");
    let at = utc("2026-05-01 03:30:00");
    assert_eq!(all.open(&job, at).map(|(_, o)| o.end), Some(utc("2026-05-01 05:00:00")), "the one that ends last");
    assert!(all.open(&other, at).is_none() && !all.hold(&other, at, &all.glance(at)));
}

fn episode(since: Timestamp) -> Episode {
    Episode {
        number: 1,
        since,
        count: 2,
        confirmed: true,
        verdict: Verdict::Failed,
        told_verdict: None,
        told_at: None,
        next_step: 0,
        addressed: std::collections::BTreeSet::new(),
    }
}

#[test]
fn who_owes_news_is_who_had_some_in_a_window_that_is_over() {
    let night = daily("UTC", (2, 0), HOUR * 2);
    let (ran, after) = (utc("2026-05-01 02:30:00"), utc("2026-05-01 04:00:00"));
    let state = |change: fn(&mut Episode)| {
        let mut failure = episode(ran);
        change(&mut failure);
        JobState { planned: true, failure: Some(Box::new(failure)), ..JobState::default() }
    };
    let owed = |state: &JobState, now: Timestamp| owes(state, &[&night].into_iter(), now);
    let untold = state(|_| ());
    assert!(owed(&untold, after), "in the first instant after it");
    assert!(!owed(&untold, utc("2026-05-01 03:59:59")), "not before");
    assert!(!owed(&untold, utc("2026-05-02 02:00:00")), "not in the next opening");
    assert!(owed(&untold, utc("2026-05-02 04:00:00")), "but after it");
    assert!(!owed(&JobState { planned: false, ..untold.clone() }, after), "the run began before it, or after it");
    assert!(owes(&untold, &[].into_iter(), after), "the window was taken out");
    assert!(!owed(&state(|e| e.confirmed = false), after), "the threshold is not reached");
    assert!(!owed(&state(|e| (e.told_at, e.told_verdict) = (Some(e.since), Some(e.verdict))), after), "told before");
    assert!(owed(&state(|e| (e.told_at, e.told_verdict) = (Some(e.since), Some(Verdict::Warning))), after), "worse");
    assert!(!owed(&JobState { planned: true, ..JobState::default() }, after), "it is well");
    let blind = JobState { planned: true, blind: Some(Box::new(episode(ran))), ..JobState::default() };
    assert!(owed(&blind, after), "what cannot be judged is news too");
    assert!(!owes(&untold, &[&night, &daily("UTC", (3, 0), HOUR * 2)].into_iter(), after), "another one is open");
}

fn days() -> impl Strategy<Value = Days> {
    let week = [
        Weekday::Monday,
        Weekday::Tuesday,
        Weekday::Wednesday,
        Weekday::Thursday,
        Weekday::Friday,
        Weekday::Saturday,
        Weekday::Sunday,
    ];
    prop_oneof![
        2 => Just(Days::Daily),
        1 => proptest::sample::subsequence(week.to_vec(), 1..=7).prop_map(Days::Week),
        1 => proptest::sample::subsequence((1..=31).collect::<Vec<i8>>(), 1..=31).prop_map(Days::Month),
    ]
}

/// Starts that are often near midnight and the usual hours of change.
fn start() -> impl Strategy<Value = (i8, i8)> {
    let near = proptest::sample::select(vec![
        (0, 0),
        (0, 15),
        (0, 30),
        (1, 0),
        (2, 0),
        (2, 15),
        (2, 30),
        (3, 0),
        (23, 30),
        (23, 59),
    ]);
    prop_oneof![near, (0i8..24, 0i8..60)]
}

fn length() -> impl Strategy<Value = Duration> {
    prop_oneof![1u64..=180, 1u64..=1_440, 1_350u64..=1_440].prop_map(|minutes| Duration::from_secs(60 * minutes))
}

fn windows() -> impl Strategy<Value = Window> {
    (proptest::sample::select(ZONES.to_vec()), days(), start(), length())
        .prop_map(|(zone, days, start, length)| again(zone, days, start, length))
}

/// An instant near to a change of the zone's clock from 2000 to 2036, where it has one.
fn near_a_change(zone: &TimeZone, which: usize, hours: i64) -> Timestamp {
    let from: jiff::Timestamp = "2000-01-01T00:00:00Z".parse().unwrap();
    let until: jiff::Timestamp = "2036-01-01T00:00:00Z".parse().unwrap();
    let changes: Vec<i64> = zone
        .following(from)
        .map(|t| t.timestamp())
        .take_while(|t| *t < until)
        .map(jiff::Timestamp::as_second)
        .collect();
    let at = if changes.is_empty() { 1_000_000_000 } else { changes[which % changes.len()] };
    Timestamp::from_secs(at + hours * 3_600)
}

/// Each minute of some days as the local clock shows it: the instants at which each day of a window begins to be open.
fn starts_by_the_clock(window: &Window, from: Timestamp, days: i64) -> Vec<Timestamp> {
    let When::Again { days: wanted, start, .. } = &window.when else { return Vec::new() };
    let mut found: Vec<(Date, Timestamp)> = Vec::new();
    let mut seen: Option<Date> = None;
    for minute in 0..days * 1_440 {
        let at = Timestamp::from_secs(from.secs() + minute * 60);
        let clock = read(&window.zone, at);
        let first = *seen.get_or_insert(clock.date());
        // What began before we looked is left out.
        for day in [clock.date().yesterday().unwrap(), clock.date()] {
            let fresh = day > first && wanted.hold(day) && found.iter().all(|(d, _)| *d != day);
            let reached = clock >= day.to_datetime(*start);
            if fresh && reached && (clock.date() == day || was_shown(window, day, at)) {
                found.push((day, at));
            }
        }
    }
    found.into_iter().map(|(_, at)| at).collect()
}

/// Whether the clock has shown this day in the two days before `at`.
fn was_shown(window: &Window, day: Date, at: Timestamp) -> bool {
    (0..2 * 1_440).any(|m| read(&window.zone, Timestamp::from_secs(at.secs() - m * 60)).date() == day)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn openings_are_in_order_and_never_meet_themselves(w in windows(), which in 0usize..200, hours in -80i64..80) {
        let at = near_a_change(&w.zone, which, hours);
        let When::Again { length, .. } = w.when.clone() else { unreachable!() };
        let all: Vec<Opening> = w.openings(at).take(12).collect();
        prop_assert_eq!(all.len(), 12, "there is always a next one");
        for o in &all {
            prop_assert!(o.start < o.end && o.end > at);
            prop_assert!(o.end.since(o.start) <= length);
            prop_assert_eq!(w.open_at(o.start), Some(*o));
            prop_assert_eq!(w.open_at(o.end.minus(Duration::from_micros(1))), Some(*o));
        }
        for pair in all.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start, "{:?}", pair);
            // Only the next one may cut it short.
            let whole = pair[0].end.since(pair[0].start) == length;
            prop_assert!(whole || pair[0].end == pair[1].start, "{:?}", pair);
            if pair[0].end < pair[1].start {
                prop_assert!(w.open_at(pair[0].end).is_none());
                prop_assert!(w.open_at(pair[1].start.minus(Duration::from_micros(1))).is_none());
            }
        }
    }

    #[test]
    fn the_answer_does_not_depend_on_where_the_search_begins(
        w in windows(), which in 0usize..200, hours in -80i64..80, later in 0u64..400_000,
    ) {
        let at = near_a_change(&w.zone, which, hours);
        let then = at.plus(Duration::from_secs(later));
        let walked: Vec<Opening> = w.openings(at).filter(|o| o.end > then).take(5).collect();
        let jumped: Vec<Opening> = w.openings(then).take(5).collect();
        prop_assert_eq!(&walked, &jumped);
        let inside = walked.first().is_some_and(|o| o.holds(then));
        prop_assert_eq!(w.open_at(then).is_some(), inside);
    }

    #[test]
    fn a_glance_shows_what_a_look_shows(
        a in windows(), b in windows(), which in 0usize..200, hours in -80i64..80, later in -90_000i64..200_000,
    ) {
        let at = near_a_change(&a.zone, which, hours);
        let then = Timestamp::from_secs(at.secs() + later);
        let (all, job) = held(&[a.clone(), b.clone()]);
        let open = a.open_at(then).is_some() || b.open_at(then).is_some();
        prop_assert_eq!(all.hold(&job, then, &all.glance(at)), open);
        prop_assert_eq!(all.open(&job, then).is_some(), open);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn each_day_that_there_is_has_one_start_where_the_clock_first_shows_it(
        name in proptest::sample::select(ZONES.to_vec()), days in days(), start in start(), which in 0usize..200, hours in -60i64..10,
    ) {
        // A minute long, so that nothing is cut.
        let w = again(name, days, start, Duration::from_secs(60));
        let from = near_a_change(&w.zone, which, hours);
        let from = Timestamp::from_secs(from.secs() / 60 * 60);
        let by_clock = starts_by_the_clock(&w, from, 5);
        let until = from.plus(HOUR * 24 * 5);
        let found: Vec<Timestamp> = w.openings(from).map(|o| o.start).take_while(|at| *at < until).collect();
        // Those of the day on which we began to look may stand before them.
        let skip = found.len().saturating_sub(by_clock.len());
        prop_assert!(skip <= 2, "{:?} {:?}", found, by_clock);
        prop_assert_eq!(&found[skip..], by_clock.as_slice());
        let first_day = read(&w.zone, from).date();
        let early = |at: &Timestamp| read(&w.zone, *at).date() <= first_day.tomorrow().unwrap();
        prop_assert!(found[..skip].iter().all(early), "{:?}", &found[..skip]);
    }
}
