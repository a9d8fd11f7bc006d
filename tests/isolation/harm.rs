//! Jobs that do harm and do not end their process.

use super::{bad, healthy, home, runs, served};
use crate::support::binary::{Home, done, has_faketime, utc};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// A pass in minute `n`. It does not wait for those that sleep for ten minutes.
fn pass(home: &Home, n: u64) {
    let begun = Instant::now();
    home.pass_at(utc("2026-05-01 12:00:01").plus(Duration::from_secs(60 * n)));
    assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
}

/// The newest run of a job.
fn newest(home: &Home, job: &str) -> (String, String) {
    runs(home, job).pop().unwrap_or_default()
}

#[test]
fn one_of_each_harms_only_itself() {
    if !has_faketime() {
        return;
    }
    let mut jobs = healthy(60);
    let deeds = ["panic", "panic early", "panic in drop", "block", "block a second", "hang", "much", "leave"];
    for kind in ["bad", "bad_async"] {
        for (n, does) in deeds.iter().enumerate() {
            jobs.insert(n * 5, bad(kind, does, "timeout = \"3s\""));
        }
    }
    jobs.push(bad("bad", "fail, panic in words", "failure_threshold = 1"));
    jobs.push(bad("bad_async", "fail, block in words", "failure_threshold = 1"));
    let home = home(&jobs);
    pass(&home, 0);
    assert_eq!(served(&home, 1), 60);
    let mut told = home.subjects();
    told.sort();
    let down = |name: &str| format!("[alpha] DOWN: {name}: it is broken");
    assert_eq!(told, [down("bad fail, panic in words"), down("bad_async fail, block in words"), down("broken")]);
    let words = home.mails().iter().map(|m| m.raw.replace("=\n", "")).collect::<String>();
    for why in ["could not word this itself: it panicked: no words at", "it did not end within 2 s"] {
        assert!(words.contains(why), "{why}: {words}");
    }
    let late = "did not end within 3 s";
    for (job, verdict, said) in [
        ("bad panic", "unknown", "the job panicked: no such luck at tests/bad_jobs/"),
        ("bad_async panic", "unknown", "the job panicked: no such luck at tests/bad_jobs/"),
        ("bad panic early", "unknown", "the job panicked: before the future at"),
        ("bad_async panic early", "unknown", "the job panicked: before the future at"),
        ("bad panic in drop", "failed", late),
        ("bad_async panic in drop", "unknown", "its run never came back"),
        ("bad block", "failed", late),
        ("bad_async block", "failed", "blocked the thread that it shares with other jobs for more than 2 s"),
        ("bad block a second", "ok", "well"),
        ("bad_async block a second", "ok", "well"),
        ("bad hang", "failed", late),
        ("bad_async hang", "failed", late),
        ("bad much", "failed", "xxx"),
        ("bad leave", "ok", "left something"),
    ] {
        let (found, words) = newest(&home, job);
        assert!(found == verdict && words.starts_with(said), "{job}: {found}: {words}");
    }
    let (_, much) = newest(&home, "bad_async much");
    assert_eq!(much.len(), 400);
    pass(&home, 1);
    assert_eq!(served(&home, 2), 60, "and again");
}

#[test]
fn commands_that_do_harm_harm_only_themselves() {
    if !has_faketime() {
        return;
    }
    let mut jobs = healthy(30);
    for (name, script) in [
        ("flood", "head -c 1000000000 /dev/zero"),
        ("no text", "printf \"\\\\377\\\\376 bad\"; exit 2"),
        ("deaf", "trap : TERM INT HUP; echo $$ >HOME/deaf; while :; do sleep 0.1; done"),
        ("leaves", "(setsid sleep 6 &) & sleep 6 & exit 0"),
        ("eats", "ulimit -v 200000; exec tail -c 1000000000 /dev/zero"),
        ("forks", "for i in 1 2 3 4 5 6 7 8; do sleep 300 & done; echo $! >HOME/forks; wait"),
    ] {
        jobs.insert(
            3,
            format!(
                "[[job.command]]\nid = \"{name}\"\ntimeout = \"4s\"\ncommand = [\"/bin/sh\", \"-c\", '{script}']\n\n"
            ),
        );
    }
    let home = home(&jobs);
    pass(&home, 0);
    assert_eq!(served(&home, 1), 30);
    assert_eq!(home.subjects(), ["[alpha] DOWN: broken: it is broken"]);
    for name in ["flood", "no text", "deaf", "eats", "forks"] {
        let (verdict, said) = newest(&home, name);
        assert!(verdict == "failed" || verdict == "unknown", "{name}: {verdict}: {said}");
    }
    assert!(newest(&home, "no text").1.contains('\u{fffd}'), "{:?}", newest(&home, "no text"));
    assert_eq!(newest(&home, "leaves").0, "ok");
    for name in ["deaf", "forks"] {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", home.read(name).trim())).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{name} lives: {stat}");
    }
}

#[test]
fn a_job_that_takes_all_handles_costs_nobody_an_answer() {
    if !has_faketime() {
        return;
    }
    let server = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = server.local_addr().expect("an address");
    std::thread::spawn(move || server.incoming().for_each(drop));
    let mut jobs = healthy(20);
    for n in 0..60 {
        jobs.push(format!("[[job.tcp]]\nid = \"well tcp {n}\"\naddress = \"{address}\"\n\n"));
    }
    jobs.push("[[job.command]]\nid = \"well command\"\ncommand = [\"true\"]\n\n".to_owned());
    jobs.push(bad("bad_async", "take handles", "timeout = \"2s\""));
    let home = home(&jobs);
    for n in 0..2 {
        let limit = ["prlimit", "--nofile=200:200"];
        let noon = utc("2026-05-01 12:00:01").plus(Duration::from_secs(60 * n));
        done(&home.start_through(&limit, noon, &["cron"]).wait_with_output().expect("a pass")).silent();
    }
    // Nothing was down, and nothing unknown: what found no handle was run again where there were some.
    let bad = "SELECT count(*) FROM run WHERE verdict <> 'ok' AND job <> 'broken'";
    assert_eq!((served(&home, 2), home.count(bad)), (81, 0));
    assert_eq!(home.subjects(), ["[alpha] DOWN: broken: it is broken"]);
}
