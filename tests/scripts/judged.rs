//! `[[job.script]]`, judged by passes with a clock that the test sets.

use super::history;
use crate::support::binary::{Home, has_faketime, sweep, utc};
use checker_job::Timestamp;
use std::time::Duration;

fn at(time: &str) -> Timestamp {
    utc(&format!("2026-05-{time}"))
}

fn home(keys: &str) -> Home {
    Home::with_jobs(&format!("[[job.script]]\nname = \"backup\"\n{keys}\n"))
}

fn wrapped(home: &Home, when: Timestamp, words: &str) {
    home.run_at(when, &["run", "backup", "--", "/bin/sh", "-c", words]);
}

/// Passes from minute to minute, `first` and `last` included.
fn passes(home: &Home, first: Timestamp, last: Timestamp) {
    let mut now = first;
    while now <= last {
        home.pass_at(now);
        now = now.plus(Duration::from_secs(60));
    }
}

#[test]
fn a_script_that_is_skipped_is_late_then_overdue_then_well_again_each_told_once() {
    if !has_faketime() {
        return;
    }
    // 02:30 in Berlin is 00:30 in UTC.
    let home = home("cron = \"30 2 * * *\"\ngrace_warning = \"2min\"\ngrace = \"4min\"");
    home.pass_at(at("01 00:20:01"));
    wrapped(&home, at("01 00:30:02"), "exit 0");
    passes(&home, at("01 00:30:05"), at("01 00:37:05"));
    assert!(home.mails().is_empty(), "{:?}", home.subjects());
    passes(&home, at("02 00:29:05"), at("02 00:39:05"));
    let subjects = home.subjects();
    let [late, overdue] = &subjects[..] else { panic!("{subjects:?}") };
    assert!(late.contains("late: expected at 02:30:00, 2 min 5 s ago, and it was not started"), "{late}");
    assert!(overdue.contains("overdue: expected at 02:30:00, 4 min 5 s ago, and it was not started"), "{overdue}");
    wrapped(&home, at("02 00:40:02"), "exit 0");
    passes(&home, at("02 00:40:05"), at("02 00:44:05"));
    let subjects = home.subjects();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(subjects[2].contains("backup") && subjects[2].contains("UP"), "{subjects:?}");
}

#[test]
fn a_deadline_that_passed_while_the_machine_was_off_is_told_at_once() {
    if !has_faketime() {
        return;
    }
    let home = home("cron = \"30 2 * * *\"\ngrace = \"1h\"");
    home.pass_at(at("01 00:20:01"));
    wrapped(&home, at("01 00:30:02"), "exit 0");
    home.pass_at(at("01 00:31:01"));
    // Off from then until the morning after next.
    home.pass_at(at("03 07:00:05"));
    let subjects = home.subjects();
    let [told] = &subjects[..] else { panic!("{subjects:?}") };
    // The first slot that was missed, on the second of May.
    assert!(told.contains("overdue: expected at 2026-05-02 02:30:00, 1 d 6 h ago"), "{told}");
}

#[test]
fn a_failure_and_a_kill_have_names_of_their_own() {
    if !has_faketime() {
        return;
    }
    let home = home("every = \"1h\"\nmax_runtime = \"2min\"");
    home.pass_at(at("01 10:00:01"));
    wrapped(&home, at("01 10:00:02"), "echo no space left; exit 3");
    home.pass_at(at("01 10:01:01"));
    let mails = home.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].subject().contains("failed with exit 3 after"), "{}", mails[0].subject());
    assert!(mails[0].raw.contains("no space left"), "{}", mails[0].raw);
    wrapped(&home, at("01 10:01:02"), "exit 0");
    home.pass_at(at("01 10:02:01"));
    assert!(home.subjects()[1].contains("UP"), "{:?}", home.subjects());

    let mut killed = home.start_at(at("01 10:02:02"), &["run", "backup", "--", "sleep", "30"]);
    super::wrapper_begins(&home, "backup");
    home.pass_at(at("01 10:02:30"));
    killed.kill().unwrap();
    killed.wait().unwrap();
    sweep(killed.id());
    home.pass_at(at("01 10:03:01"));
    let subjects = home.subjects();
    assert!(
        subjects.len() == 3 && subjects[2].contains("started, never finished: the run of 12:02:02"),
        "{subjects:?}"
    );
    assert_eq!(history(&home, "backup")[0], ("failed".to_owned(), "started, never finished".to_owned()));
}

#[test]
fn a_hang_is_told_while_it_hangs() {
    if !has_faketime() {
        return;
    }
    let home = home("every = \"1h\"\nmax_runtime = \"2min\"");
    home.pass_at(at("01 10:00:01"));
    let mut hangs = home.start_at(at("01 10:04:02"), &["run", "backup", "--", "sleep", "30"]);
    super::wrapper_begins(&home, "backup");
    passes(&home, at("01 10:05:01"), at("01 10:08:01"));
    let subjects = home.subjects();
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    assert!(subjects[0].contains("running too long: for 2 min 59 s since 12:04:02"), "{subjects:?}");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(hangs.id().cast_signed()), nix::sys::signal::Signal::SIGTERM)
        .unwrap();
    hangs.wait().unwrap();
}

#[test]
fn try_and_jobs_show_it_and_while_the_state_is_elsewhere_nothing_is_invented() {
    let home = home("every = \"1h\"");
    home.run(&["cron", "--now"]).ended(0);
    home.run(&["run", "backup", "--", "true"]).silent();
    let tried = home.run(&["try", "backup"]).ended(0).out;
    assert!(tried.contains("last success") && tried.contains("would tell nobody"), "{tried}");
    let jobs = home.run(&["jobs"]).ended(0).out;
    assert!(jobs.contains("id script:backup, script backup on this host, at least every 1 h, grace 1 h"), "{jobs}");
    home.run(&["run", "backup", "--", "false"]).ended(1);
    assert!(
        home.run(&["try", "backup", "--json"]).ended(0).json()["outcome"]["summary"]
            .as_str()
            .unwrap()
            .contains("exit 1")
    );
    let bound = home.run(&["bound"]).ended(0).out;
    assert!(bound.contains("1 h"), "the grace is part of the bound: {bound}");
}
