//! The harness's cron is a real one and leaves nothing behind.

use crate::support::cron::Cron;
use crate::support::{need, wait_until};
use std::fs;
use std::time::Duration;

#[test]
fn a_table_is_run_each_minute_sixty_times_as_fast() {
    if !need("cron") || !need("faketime") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let marks = folder.path().join("marks");
    let mut cron = Cron::start_fast("MAILTO=root\n* * * * * root echo loud", 60);
    let seconds = Duration::from_secs(15);
    let mailed = wait_until(seconds, || cron.mails().into_iter().find(|mail| mail.contains("\nloud")));
    assert!(mailed.is_some() && cron.is_running(), "cron did not run its table: {}", cron.log());
    // Cron looks for changes once a (fast) minute, by the second of the file's time.
    cron.set_table(&format!("* * * * * root echo mark >>{}", marks.display()));
    let found = wait_until(seconds, || {
        let marks = fs::read_to_string(&marks).unwrap_or_default();
        (marks.lines().count() >= 2).then_some(())
    });
    assert!(found.is_some(), "cron did not read its new table: {}", cron.log());
    drop(cron);
    let then = fs::read_to_string(&marks).unwrap();
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(fs::read_to_string(&marks).unwrap(), then, "cron still runs");
}

#[test]
fn at_its_own_pace_it_just_runs() {
    if !need("cron") {
        return;
    }
    let mut cron = Cron::start("* * * * * root true");
    std::thread::sleep(Duration::from_millis(500));
    assert!(cron.is_running(), "{}", cron.log());
    assert_eq!(cron.log(), "");
}
