//! As a library: a program of one's own records and asks.

use super::home;
use crate::support::binary::{done, utc};
use std::process::Command;

const WHAT: &str = "CHECKER_TEST_ACTIVITY";

/// Not a case: what the program of the next test does.
#[test]
fn a_program_that_records() {
    let Ok(what) = std::env::var(WHAT) else { return };
    let (start, end) = (utc("2007-02-01 10:00:00"), utc("2007-02-01 10:01:00"));
    if what == "record" {
        let activity = checker::script::record_success("script-name", start, end).unwrap();
        assert_eq!((activity.name.as_str(), activity.hostname), ("script-name", super::host()));
        assert!(checker::script::record_success("script-name", end, start).is_err());
    }
    let last = checker::script::last_activity("script-name").unwrap();
    let known = last.map(|a| (a.hostname, a.date_started, a.date_completed));
    assert_eq!(known, (what == "record").then(|| (super::host(), start, end)));
    assert_eq!(checker::script::last_activity("no-such-script").unwrap(), None);
}

#[test]
fn a_library_records_a_success_and_finds_it() {
    let (home, host) = home("");
    let run = |what: &str| {
        let mut program = Command::new(std::env::current_exe().unwrap());
        program.args(["scripts::library::a_program_that_records", "--exact", "--nocapture"]);
        program.env(WHAT, what).env("CHECKER_SETTINGS", home.path("settings.cfg"));
        let done = done(&program.output().unwrap());
        assert_eq!(done.code, 0, "{done:?}");
    };
    run("look");
    run("record");
    let last = home.run(&["script", "last", "script-name", "--json"]).ended(0).json();
    assert_eq!((&last["hostname"], &last["seconds"]), (&host.into(), &60.0.into()));
}
