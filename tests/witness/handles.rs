//! A host that has run out of something.

use super::Watch;
use crate::support::binary::{Home, clocked, done, has_faketime, usual, utc};
use crate::support::network::wrapped;
use std::process::Command;

/// Outcomes that a shortage has hidden.
const HIDDEN: &str = "SELECT COUNT(*) FROM run WHERE outcome LIKE '%\"blame\":\"shortage\"%'";

#[test]
fn without_file_handles_nobody_is_down_and_afterwards_all_run_again() {
    if !has_faketime() {
        return;
    }
    let job = |n: i32| {
        format!("[[job.command]]\nname = \"job-{n}\"\nid = \"job-{n}\"\ncommand = [\"/bin/sleep\", \"0.3\"]\n\n")
    };
    let jobs: Vec<String> = (1..=8).map(job).collect();
    let settings = usual(&format!("[defaults]\nfailure_threshold = 1\nevery = \"day\"\n\n{}", jobs.concat()));
    let now = utc("2026-06-01 10:00:05");
    // How many handles the program itself needs is its own affair: the least with which a pass ends well.
    let (home, hidden) = (14..80)
        .find_map(|limit| {
            let home = Home::new(&settings);
            let few = format!("ulimit -n {limit}; exec \"$@\"");
            let mut pass = wrapped(&clocked(&home.command(&["cron"]), now), &["/bin/sh", "-c", &few, "sh"]);
            let done = done(&pass.output().expect("the program starts"));
            let hidden = (done.code == 0).then(|| home.count(HIDDEN)).filter(|n| *n > 0)?;
            Some((home, hidden))
        })
        .expect("a limit that is enough for the pass and not for its jobs");
    let told = home.subjects();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("CHECKER ITSELF: resources"), "{told:?}");
    let all = |c: &Command| wrapped(c, &["/usr/bin/env"]);
    let mut w = Watch { home, now, place: &all };
    w.pass();
    assert_eq!(w.told("SOLVED: resources").len(), 1, "{:?}", w.home.subjects());
    assert_eq!(w.home.subjects().len(), 2, "{:?}", w.home.subjects());
    let well = w.home.count("SELECT COUNT(DISTINCT job) FROM run WHERE outcome LIKE '%\"verdict\":\"ok\"%'");
    assert_eq!(well, 8, "daily jobs, and none waits for the next midnight");
    assert_eq!(w.home.count("SELECT COUNT(*) FROM run"), 8 + hidden, "only those that were hidden ran again");
}
