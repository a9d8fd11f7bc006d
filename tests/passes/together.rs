//! Passes beside each other: nothing runs twice at once, each slot is served once, nobody waits.

use super::{WAIT, home, job, mend, target, wait_for};
use crate::support::binary::{done, has_faketime, utc};
use std::time::Duration;

#[test]
fn passes_that_start_at_once_share_the_work() {
    if !has_faketime() {
        return;
    }
    let slow = (0..4).map(|n| job(&format!("slow{n}"), "sleep 1", "every = \"hour\""));
    let quick = (0..8).map(|n| job(&format!("quick{n}"), "true", "every = \"hour\""));
    let home = home(&slow.chain(quick).collect::<Vec<_>>());
    let noon = utc("2026-05-01 12:00:02");
    // The state is made by one of them.
    let passes: Vec<_> = (0..4).map(|_| home.start_at(noon, &["cron"])).collect();
    for pass in passes {
        done(&pass.wait_with_output().expect("a pass")).silent();
    }
    home.pass_at(noon.plus(Duration::from_secs(10)));
    assert_eq!(home.read("twice"), "");
    assert_eq!(home.read("begun").lines().count(), 12, "each once: {}", home.read("begun"));
    assert_eq!(home.count("SELECT count(*) FROM run"), 12);
    assert_eq!(home.count("SELECT count(*) FROM run WHERE verdict = 'ok' AND seq = 1"), 12);
    assert_eq!(home.count("SELECT count(*) FROM pass WHERE is_open = 1"), 0);
}

#[test]
fn nobody_waits_for_a_slow_job() {
    if !has_faketime() {
        return;
    }
    let home = home(&[job("slow", WAIT, "timeout = \"50s\""), target("quick", "")]);
    mend(&home, "quick");
    let noon = utc("2026-05-01 12:00:01");
    let minute = |n: u64| noon.plus(Duration::from_secs(60 * n));
    let first = home.start_at(minute(0), &["cron"]);
    wait_for("the slow job begins", || !home.read("begun").is_empty());
    wait_for("the quick job's result", || home.starts("quick").len() == 1);
    // These end although the slow job does not: it waits for the test.
    for n in 1..=2 {
        let beside = home.run_at(minute(n), &["cron", "--json"]).ended(0).json();
        assert_eq!(beside["ran"][0]["name"], "quick");
        assert_eq!(beside["ran"].as_array().map(Vec::len), Some(1));
        assert_eq!(beside["skipped"][0]["name"], "slow");
        assert_eq!(beside["skipped"][0]["why"], "still runs in an earlier pass");
    }
    assert_eq!(home.read("ended"), "");
    home.write("go", "");
    done(&first.wait_with_output().expect("a pass")).silent();
    home.pass_at(minute(3));
    assert_eq!(home.read("begun").lines().count(), 2, "at 12:00 and at 12:03");
    assert_eq!((home.starts("slow").len(), home.starts("quick").len()), (2, 4));
    assert_eq!((home.read("twice"), home.subjects()), (String::new(), Vec::new()));
}

#[test]
fn what_people_say_of_a_job_while_it_runs_costs_no_result() {
    if !has_faketime() {
        return;
    }
    let home = home(&[job("slow", WAIT, "every = \"day\"")]);
    let noon = utc("2026-05-01 12:00:01");
    let pass = home.start_at(noon, &["cron"]);
    wait_for("the slow job begins", || !home.read("begun").is_empty());
    home.run_at(noon.plus(Duration::from_secs(5)), &["silence", "slow", "2h"]).ended(0);
    home.write("go", "");
    done(&pass.wait_with_output().expect("a pass")).silent();
    let job = &home.run_at(noon.plus(Duration::from_secs(20)), &["status", "--json"]).ended(0).json()["jobs"][0];
    let until = job["silenced_until"].as_str().expect("it is silenced");
    assert!(job["state"] == "ok" && until.starts_with("2026-05-01T14:00:06"), "{job}");
    home.pass_at(noon.plus(Duration::from_secs(60)));
    assert_eq!(home.read("begun").lines().count(), 1, "its slot was served");
}
