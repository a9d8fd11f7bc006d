//! A wall clock that somebody sets.

use crate::support::binary::{Home, clocked_by_file, done, has_faketime, usual, utc};
use std::time::Duration;

const HOUR: i64 = 3_600;

fn home() -> Home {
    let jobs = "[defaults]\nfailure_threshold = 1\nremind = \"hour\"\n\n[[job.tcp]]\nname = \"dead\"\naddress = \
                \"127.0.0.1:1\"\n\n[[job.command]]\nname = \"well\"\nid = \"well\"\ncommand = \
                [\"/bin/true\"]\n\n[[job.command]]\nname = \"hourly\"\nid = \"hourly\"\nevery = \"hour\"\ncommand = [\"/bin/true\"]\n";
    Home::new(&usual(jobs))
}

/// Passes a minute apart while the clock is `ahead` seconds ahead; the answer is the true time of the last.
fn passes(home: &Home, from: checker_job::Timestamp, count: u64, ahead: i64) -> checker_job::Timestamp {
    let mut now = from;
    for _ in 0..count {
        now = now.plus(Duration::from_secs(60));
        home.run_stepped(now, ahead, &["cron"]).silent();
    }
    now
}

#[test]
fn a_clock_that_steps_stops_no_job_and_reminds_nobody_and_is_told_once() {
    if !has_faketime() {
        return;
    }
    for ahead in [5 * HOUR, -5 * HOUR] {
        let home = home();
        let start = utc("2026-06-01 12:30:05");
        let now = passes(&home, start, 3, 0);
        assert_eq!(home.subjects().len(), 1, "{:?}", home.subjects());
        let now = passes(&home, now, 10, ahead);
        let subjects = home.subjects();
        let way = if ahead > 0 { "forward" } else { "back" };
        assert_eq!(subjects.len(), 2, "no reminder, and nobody is down: {subjects:?}");
        assert!(
            subjects
                .join("\n")
                .contains(&format!("CHECKER ITSELF: clock: the clock of this host was set {way} by 5 h")),
            "{subjects:?}"
        );
        for job in ["well", "tcp:127.0.0.1:1"] {
            assert_eq!(home.starts(job).len(), 13, "{job} ran each minute");
        }
        // And right again: a second step within the hour is no second message.
        let now = passes(&home, now, 3, 0);
        assert_eq!(home.subjects().len(), 2, "{:?}", home.subjects());
        assert_eq!(home.starts("well").len(), 16);
        // An hour after it was told, by the true time, the failure is told again; and that the clock is steady is no news.
        for _ in 0..2 {
            home.run_at(now.plus(Duration::from_secs(3_700)), &["cron"]).silent();
        }
        let subjects = home.subjects();
        assert_eq!(subjects.len(), 3, "{subjects:?}");
        assert_eq!(subjects.iter().filter(|s| s.contains("STILL DOWN: dead")).count(), 1, "{subjects:?}");
        assert!(!home.run_at(now.plus(Duration::from_secs(3_720)), &["status"]).out.contains("CHECKER ITSELF"));
    }
}

#[test]
fn a_small_step_back_is_not_told_and_the_minute_that_comes_twice_has_one_run() {
    if !has_faketime() {
        return;
    }
    let home = home();
    let now = passes(&home, utc("2026-06-01 12:30:05"), 3, 0);
    passes(&home, now, 5, -20);
    assert_eq!(home.starts("well").len(), 3 + 5 - 1);
    assert_eq!(home.subjects().len(), 1, "{:?}", home.subjects());
}

#[test]
fn a_machine_that_slept_has_not_stepped() {
    if !has_faketime() {
        return;
    }
    let home = home();
    let now = passes(&home, utc("2026-06-01 12:30:05"), 2, 0);
    passes(&home, now.plus(Duration::from_secs(8 * 3_600)), 2, 0);
    let subjects = home.subjects();
    assert_eq!(subjects.len(), 2, "down, and a reminder that is due: {subjects:?}");
    assert!(subjects.iter().all(|s| !s.contains("clock")), "{subjects:?}");
}

#[test]
fn a_step_in_the_middle_of_a_pass_is_the_next_ones_to_notice() {
    if !has_faketime() {
        return;
    }
    let sets = "printf '@2026-06-01 17:34:06' >HOME/clock";
    let home = Home::new(&usual(&format!(
        "[defaults]\nfailure_threshold = 1\nremind = \"hour\"\n\n[[job.command]]\nname = \"sets\"\nid = \"sets\"\ncommand = \
         [\"/bin/sh\", \"-c\", \"{sets}\"]\nevery = \"day\"\nenabled = false\n\n[[job.command]]\nname = \"dead\"\nid = \
         \"dead\"\nplain = true\ncommand = [\"/bin/sh\", \"-c\", \"sleep 2; false\"]\n"
    )));
    let now = passes(&home, utc("2026-06-01 12:32:05"), 1, 0);
    assert_eq!(home.subjects().len(), 1, "{:?}", home.subjects());
    home.settings(&home.read("settings.cfg").replace("enabled = false\n", ""));
    // Five hours ahead, before the other job ends.
    let now = now.plus(Duration::from_secs(60));
    home.write("clock", "@2026-06-01 12:34:05");
    let mut pass = clocked_by_file(&home.command(&["cron"]), now, &home.path("clock"));
    done(&pass.output().expect("the program starts")).silent();
    assert_eq!(home.read("clock"), "@2026-06-01 17:34:06", "the clock was set");
    assert_eq!(home.starts("dead").len(), 2);
    assert_eq!(home.subjects().len(), 1, "no reminder after one minute: {:?}", home.subjects());
    passes(&home, now, 2, 5 * HOUR);
    let subjects = home.subjects();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
    assert!(subjects.join("\n").contains("CHECKER ITSELF: clock"), "{subjects:?}");
    assert_eq!(home.starts("dead").len(), 4);
}
