//! Troubles of Checker's own are told as those of jobs are.

use crate::support::binary::{Home, has_faketime, usual, utc};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn job(port: u16) -> String {
    format!("[defaults]\nfailure_threshold = 1\n\n[[job.tcp]]\nname = \"shop\"\naddress = \"127.0.0.1:{port}\"\n")
}

#[test]
fn settings_broken_by_an_edit_stop_no_check_and_are_told_once_and_then_hourly() {
    if !has_faketime() {
        return;
    }
    let [port] = crate::support::free_ports();
    let home = Home::with_jobs(&job(port).replace("= 1\n", "= 70\n"));
    let mut now = utc("2026-06-01 10:00:05");
    home.pass_at(now);
    let good = home.read("settings.cfg");
    home.settings(&good.replace("[[job.tcp]]", "[[job.tpc]]"));
    for _ in 0..70 {
        now = now.plus(MINUTE);
        let done = home.run_at(now, &["cron"]).ended(78);
        assert_eq!(
            (done.out.as_str(), done.err.as_str()),
            ("", ""),
            "the admin gets it by mail, and cron's mail says nothing"
        );
    }
    let subjects = home.subjects();
    let own = |s: &&String| s.contains("settings");
    assert_eq!(subjects.iter().filter(own).count(), 2, "once, and again after an hour: {subjects:?}");
    assert!(subjects.iter().any(|s| s.contains("DOWN: shop")), "the job was checked all the while: {subjects:?}");
    let told = home.mails().into_iter().find(|m| m.subject().contains("settings")).unwrap();
    assert!(told.raw.contains("tpc") && told.raw.contains("did you mean"), "{}", told.raw);
    home.settings(&good);
    let status = home.run_at(now, &["status"]).ended(0).out;
    assert!(status.contains("CHECKER ITSELF") && status.contains("the settings do not load"), "{status}");
    home.pass_at(now.plus(MINUTE));
    assert!(home.subjects().last().unwrap().contains("SOLVED"), "{:?}", home.subjects());
}

#[test]
fn settings_that_have_gone_are_recalled_as_well_and_a_first_start_without_any_is_an_error() {
    if !has_faketime() {
        return;
    }
    let home = Home::with_jobs(&job(1));
    home.pass_at(utc("2026-06-01 10:00:05"));
    std::fs::remove_file(home.path("settings.cfg")).unwrap();
    home.run_at(utc("2026-06-01 10:01:05"), &["cron"]).ended(78);
    assert!(home.subjects().iter().any(|s| s.contains("settings")), "{:?}", home.subjects());
    std::fs::remove_file(home.path("checker.db.settings")).unwrap();
    let done = home.run_at(utc("2026-06-01 10:02:05"), &["cron"]).ended(78);
    assert!(done.err.contains("there is no settings file"), "{done:?}");
}

#[test]
fn a_missing_crontab_line_is_told_once_after_two_slots_and_its_jobs_are_caught_up() {
    if !has_faketime() {
        return;
    }
    let [port] = crate::support::free_ports();
    let hourly = job(port).replace("= 1\n", "= 70\n") + "every = \"hour\"\n";
    let home = Home::new(&usual(&hourly));
    let mut now = utc("2026-06-01 09:58:05");
    while now < utc("2026-06-01 13:30:00") {
        home.run_at(now, &["-m", "cron", "-c", "minute"]).ended(0);
        now = now.plus(MINUTE);
    }
    let subjects = home.subjects();
    assert_eq!(subjects.len(), 1, "{subjects:?}");
    assert!(subjects[0].contains("crontab line for hour"), "{subjects:?}");
    let starts = home.starts(&format!("tcp:127.0.0.1:{port}"));
    assert!(starts.len() >= 4, "the first pass, and ten minutes into each hour: {starts:?}");
    home.run_at(utc("2026-06-01 14:00:05"), &["cron", "-c", "hour"]).ended(0);
    assert!(home.subjects().last().unwrap().contains("SOLVED"), "{:?}", home.subjects());
}

#[test]
fn a_job_that_is_switched_off_is_neither_run_nor_forgotten_nor_told_as_gone() {
    if !has_faketime() {
        return;
    }
    let [port] = crate::support::free_ports();
    let home = Home::with_jobs(&job(port));
    let mut now = utc("2026-06-01 10:00:05");
    home.pass_at(now);
    let good = home.read("settings.cfg");
    home.settings(&format!("{good}enabled = false\n"));
    for _ in 0..3 {
        now = now.plus(MINUTE);
        home.pass_at(now);
    }
    let id = format!("tcp:127.0.0.1:{port}");
    assert_eq!((home.starts(&id).len(), home.subjects().len()), (1, 1), "{:?}", home.subjects());
    home.settings(&good);
    home.pass_at(now.plus(MINUTE));
    let state = home.run_at(now.plus(MINUTE), &["status", "--json"]).json();
    assert_eq!(state["jobs"][0]["failures"], 2, "it goes on where it was: {state}");
    assert_eq!(home.subjects().len(), 1, "and is not told anew");
}

#[test]
fn root_makes_no_state_in_the_folder_of_another_user() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("SKIPPED, for want of root");
        return;
    }
    let home = Home::with_jobs(&job(1));
    let folder = home.path("state");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(65_534), None).unwrap();
    let text = home.read("settings.cfg").replace("[general]\n", "[general]\nstate = \"state/checker.db\"\n");
    home.settings(&text);
    let done = home.run(&["cron"]).ended(73);
    assert!(done.err.contains("belongs to the user") && done.err.contains("sudo -u"), "{done:?}");
    assert!(!folder.join("checker.db").exists());
}
