//! What passes tell, and when.

use super::{WAIT, home, job, mend, smash, target, wait_for};
use crate::support::binary::{Home, done, has_faketime, usual, utc};
use checker_job::Timestamp;
use std::time::Duration;

/// Minutes after noon, a second late as cron is.
fn minute(n: u64) -> Timestamp {
    utc("2026-05-01 10:00:01").plus(Duration::from_secs(60 * n))
}

/// The first words of the subjects of messages that were not there before, as in `DOWN: router`.
fn news(home: &Home, seen: &mut usize) -> Vec<String> {
    let all = home.subjects();
    let fresh = all.iter().skip(std::mem::replace(seen, all.len()));
    let short = |s: &String| {
        let s = s.strip_prefix("[alpha] ").unwrap_or(s);
        s.split(": ").take(2).collect::<Vec<_>>().join(": ")
    };
    let mut fresh: Vec<String> = fresh.map(short).collect();
    fresh.sort();
    fresh
}

#[test]
fn a_child_is_judged_after_its_slower_parent() {
    if !has_faketime() {
        return;
    }
    // The parent answers after the pace at which results are committed.
    let home = home(&[
        job("router", "sleep 1.5; test -e up.router", ""),
        target("behind", "depends_on = [\"router\"]"),
        target("beside", ""),
    ]);
    let mut seen = 0;
    for name in ["router", "behind", "beside"] {
        mend(&home, name);
    }
    home.pass_at(minute(0));
    for name in ["router", "behind", "beside"] {
        smash(&home, name);
    }
    home.pass_at(minute(1));
    assert_eq!(news(&home, &mut seen), ["DOWN: beside", "DOWN: router"], "nobody is told of what is behind it");
    mend(&home, "router");
    home.pass_at(minute(2));
    assert_eq!(news(&home, &mut seen), ["DOWN: behind", "UP: router"], "the child was judged after its parent");
    mend(&home, "behind");
    smash(&home, "router");
    home.pass_at(minute(3));
    assert_eq!(news(&home, &mut seen), ["DOWN: router", "UP: behind"], "a recovery that was earned is told");
}

#[test]
fn a_wave_leaves_before_a_slow_job_ends() {
    if !has_faketime() {
        return;
    }
    let home =
        home(&[job("slow", &format!("{WAIT}; false"), "every = \"hour\"\ntimeout = \"60s\""), target("quick", "")]);
    let pass = home.start_at(minute(0), &["cron"]);
    wait_for("the first wave", || !home.mails().is_empty());
    let mut seen = 0;
    assert_eq!(news(&home, &mut seen), ["DOWN: quick"]);
    assert_eq!(home.read("ended"), "", "the slow job still runs");
    home.write("go", "");
    wait_for("the slow job's result", || home.count("SELECT count(*) FROM run WHERE job = 'slow'") == 1);
    // The second wave keeps its distance; meanwhile others may run what is done.
    let next = home.run_at(minute(60), &["cron", "--json"]).json();
    assert_eq!((next["ran"].as_array().map(Vec::len), next["skipped"].as_array().map(Vec::len)), (Some(2), Some(0)));
    done(&pass.wait_with_output().expect("a pass")).silent();
    assert_eq!(news(&home, &mut seen), ["DOWN: slow"]);
}

#[test]
fn a_pass_with_nothing_to_tell_does_not_linger() {
    if !has_faketime() {
        return;
    }
    let home = home(&[job("slow", "sleep 1", "every = \"hour\"\ntimeout = \"60s\""), target("quick", "")]);
    mend(&home, "quick");
    let started = std::time::Instant::now();
    home.pass_at(minute(0));
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "a wave that is empty needs no distance: {:?}",
        started.elapsed()
    );
}

#[test]
fn what_nomail_withholds_is_told_once_if_it_is_still_true() {
    if !has_faketime() {
        return;
    }
    let home = home(&["passing", "lasting", "ending", "well"].map(|name| target(name, "")));
    for name in ["passing", "lasting", "well"] {
        mend(&home, name);
    }
    let mut seen = 0;
    home.pass_at(minute(0));
    assert_eq!(news(&home, &mut seen), ["DOWN: ending"]);
    smash(&home, "passing");
    smash(&home, "lasting");
    home.run_at(minute(1), &["cron", "--nomail"]).silent();
    mend(&home, "passing");
    mend(&home, "ending");
    for n in 2..=3 {
        home.run_at(minute(n), &["--nomail", "cron"]).silent();
    }
    assert_eq!(news(&home, &mut seen), [""; 0]);
    home.pass_at(minute(4));
    assert_eq!(news(&home, &mut seen), ["DOWN: lasting", "UP: ending"]);
    home.pass_at(minute(5));
    assert_eq!(news(&home, &mut seen), [""; 0], "once");
    mend(&home, "lasting");
    home.pass_at(minute(6));
    assert_eq!(news(&home, &mut seen), ["UP: lasting"]);
}

#[test]
fn a_job_that_leaves_the_settings_is_closed_once_and_may_come_back() {
    if !has_faketime() {
        return;
    }
    let (leaving, staying) =
        (target("leaving", "host = \"beta\"").replace("id = \"", "id = \"the-"), target("staying", ""));
    let home = home(&[leaving.clone(), staying.clone()]);
    mend(&home, "staying");
    let mut seen = 0;
    home.pass_at(minute(0));
    assert_eq!(news(&home, &mut seen), ["DOWN: leaving"]);
    home.settings(&usual(&staying));
    home.pass_at(minute(1));
    assert_eq!(news(&home, &mut seen), ["NO LONGER WATCHED: leaving"]);
    home.pass_at(minute(2));
    assert_eq!(news(&home, &mut seen), [""; 0], "once");
    home.settings(&usual(&(leaving + &staying)));
    home.pass_at(minute(3));
    assert_eq!(news(&home, &mut seen), ["DOWN: leaving"], "told again, as a new episode");
    mend(&home, "leaving");
    home.pass_at(minute(4));
    assert_eq!(news(&home, &mut seen), ["UP: leaving"]);
    assert_eq!(home.count("SELECT max(episode) FROM alert WHERE job = 'the-leaving'"), 2);
}

#[test]
fn a_job_that_leaves_before_it_was_told_leaves_in_silence() {
    if !has_faketime() {
        return;
    }
    let home = home(&[target("quiet", "")]);
    home.settings(&usual(&target("quiet", "").replace("failure_threshold = 1", "failure_threshold = 3")));
    home.pass_at(minute(0));
    home.settings(&usual(&target("other", "")));
    mend(&home, "other");
    home.pass_at(minute(1));
    assert!(home.mails().is_empty(), "{:?}", home.subjects());
}
