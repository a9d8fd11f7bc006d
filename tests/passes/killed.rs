//! What a killed pass leaves running.

use super::{job, ordeal, wait_for};
use crate::support::binary::{has_faketime, utc};
use std::time::Duration;

/// Whether a process does anything still.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

#[test]
fn what_a_killed_pass_left_running_is_ended_before_it_runs_again() {
    if !has_faketime() {
        return;
    }
    // It leaves a process in a session of its own, too; both would sit there for a minute.
    let words = "test -e go || { setsid sleep 60 & echo \"apart $!\" >>begun; wait; }";
    let home = super::home(&[job("stuck", words, ""), job("after", "true", "")]);
    let noon = utc("2026-05-01 12:00:01");
    let pass = home.start_at(noon, &["cron"]);
    wait_for("the job begins", || home.read("begun").contains("apart") && home.read("ended").contains("after"));
    ordeal::kill(pass);
    let begun = home.read("begun");
    let left = begun.lines().filter(|l| !l.starts_with("after"));
    let left: Vec<&str> = left.filter_map(|l| l.split(' ').next_back()).collect();
    assert!(left.len() == 2 && left.iter().all(|pid| is_alive(pid)), "a kill of the pass alone: {left:?}");
    home.write("go", "");
    home.pass_at(noon.plus(Duration::from_secs(60)));
    wait_for("what was left ends", || !left.iter().any(|pid| is_alive(pid)));
    assert_eq!(home.read("twice"), "");
    assert_eq!(home.read("ended").lines().filter(|l| *l == "stuck").count(), 1);
    assert_eq!(home.count("SELECT count(*) FROM pass WHERE is_open = 1"), 0, "the dead pass holds nothing");
    let jobs = &home.run(&["status", "--json"]).ended(0).json()["jobs"];
    assert_eq!((&jobs[0]["state"], &jobs[1]["state"]), (&"ok".into(), &"ok".into()));
    assert!(home.mails().is_empty(), "{:?}", home.subjects());
}
