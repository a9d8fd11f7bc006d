//! Jobs that end the process that runs them.

use super::{bad, begun, healthy, home, runs, served};
use crate::support::binary::{Done, Home, done, has_faketime, utc};
use checker_job::Timestamp;
use std::time::Duration;

fn minute(n: u64) -> Timestamp {
    utc("2026-05-01 12:00:01").plus(Duration::from_secs(60 * n))
}

/// A pass in minute `n`.
fn pass(home: &Home, n: u64) -> Done {
    home.run_at(minute(n), &["cron"])
}

/// A pass in minute `n` that may use only so much memory.
fn pass_in_little_memory(home: &Home, n: u64) -> Done {
    let limit = ["/bin/sh", "-c", "ulimit -v 1000000; exec \"$@\"", "sh"];
    done(&home.start_through(&limit, minute(n), &["cron"]).wait_with_output().expect("a pass"))
}

/// The life of a job that ends its process, from its first run to the day when it is mended.
fn life(kind: &str, does: &str, how: &str, pass: impl Fn(&Home, u64) -> Done) {
    if !has_faketime() {
        return;
    }
    let mut jobs = healthy(40);
    jobs.insert(7, bad(kind, does, ""));
    let (home, name) = (home(&jobs), format!("{kind} {does}"));
    // The first pass dies before it has told anybody anything.
    let first = pass(&home, 0);
    assert!(first.code == -1 || does == "exit", "{first:?}");
    assert_eq!(home.count("SELECT count(*) FROM run"), 0, "{first:?}");
    // The second one lives, serves all, tells who is broken, and knows who did it.
    pass(&home, 1).silent();
    assert_eq!(served(&home, 1), 40);
    assert_eq!(home.subjects(), ["[alpha] DOWN: broken: it is broken"]);
    let sentence = format!("it ends the process that runs it ({how}); tried again hourly");
    assert_eq!(runs(&home, &name), [("failed".to_owned(), sentence.clone())]);
    let tried = begun(&home, &name);
    assert!((3..=5).contains(&tried), "{tried} times until it was alone");
    // From now on it is not run, and told when its threshold says so.
    pass(&home, 2).silent();
    assert_eq!(home.subjects()[1..], [format!("[alpha] DOWN: {name}: {sentence}")]);
    let told = home.mails()[1].raw.replace("=\n", "");
    assert!(told.contains("So it is a fault in the code of the job kind, not of its target"), "{told}");
    for n in [3, 30, 60] {
        pass(&home, n).silent();
    }
    assert_eq!((served(&home, 5), begun(&home, &name)), (40, tried));
    // Hourly it is tried, alone; it dies, and nobody else does.
    pass(&home, 61).silent();
    assert_eq!((served(&home, 6), begun(&home, &name)), (40, tried + 1));
    assert_eq!(runs(&home, &name).last(), Some(&("failed".to_owned(), sentence)));
    home.write("behave", "");
    pass(&home, 100).silent();
    assert_eq!(home.subjects().len(), 2, "it was not tried: {:?}", home.subjects());
    pass(&home, 122).silent();
    assert_eq!(served(&home, 8), 40);
    assert!(home.subjects()[2].starts_with(&format!("[alpha] UP: {name}: behaves")), "{:?}", home.subjects());
    for n in [123, 200, 201] {
        pass(&home, n).silent();
    }
    assert_eq!(begun(&home, &name), tried + 5, "it runs as ever");
    assert_eq!(home.count("SELECT count(*) FROM pass WHERE is_open = 1"), 0);
}

#[test]
fn a_job_that_aborts() {
    life("bad_async", "abort", "SIGABRT: it aborted", pass);
}

#[test]
fn a_job_that_aborts_on_its_own_thread() {
    life("bad", "abort", "SIGABRT: it aborted", pass);
}

#[test]
fn a_job_that_overflows_the_stack() {
    life("bad", "overflow", "SIGABRT: the stack overflowed", pass);
}

#[test]
fn a_job_that_ends_the_process_without_a_word() {
    life("bad_async", "exit", "exit code 0", pass);
}

#[test]
fn a_job_that_reads_where_nothing_is() {
    life("bad", "segv", "SIGSEGV: a fault of memory", pass);
}

#[test]
fn a_job_that_eats_the_memory() {
    life("bad", "eat", "SIGABRT: no memory was left", pass_in_little_memory);
}

#[test]
fn kills_of_passes_convict_nobody() {
    if !has_faketime() {
        return;
    }
    let slow = bad("bad_async", "well", "after_ms = 1500");
    let home = home(&[slow]);
    for n in 0..6 {
        let mut killed = home.start_at(minute(n), &["cron"]);
        crate::support::wait_until(Duration::from_secs(20), || {
            (begun(&home, "bad_async well") > usize::try_from(n).unwrap()).then_some(())
        })
        .expect("it begins");
        killed.kill().expect("a kill");
        killed.wait().expect("its end");
        crate::support::binary::sweep(killed.id());
    }
    pass(&home, 6).silent();
    assert_eq!(runs(&home, "bad_async well"), [("ok".to_owned(), "well".to_owned())]);
    // What a killed pass left in a process beside it is ended before its job runs again.
    assert_eq!(begun(&home, "bad_async well"), 7);
    assert!(home.subjects().is_empty(), "{:?}", home.subjects());
}

#[test]
fn three_culprits_in_a_crowd_cost_the_others_one_pass() {
    if !has_faketime() {
        return;
    }
    let mut jobs = healthy(400);
    for (n, does) in [(3, "abort"), (150, "overflow"), (390, "exit")] {
        jobs.insert(n, bad("bad_async", does, &format!("after_ms = {}", n * 2)));
    }
    let home = home(&jobs);
    pass(&home, 0);
    pass(&home, 1).silent();
    // What ended before the first death may have been committed; the second pass serves all that is left.
    assert_eq!(home.count("SELECT count(DISTINCT job) FROM run WHERE job LIKE 'well %' AND verdict = 'ok'"), 400);
    assert!(home.subjects().contains(&"[alpha] DOWN: broken: it is broken".to_owned()), "{:?}", home.subjects());
    for does in ["abort", "overflow", "exit"] {
        let runs = runs(&home, &format!("bad_async {does}"));
        assert!(runs.len() == 1 && runs[0].1.starts_with("it ends the process that runs it"), "{runs:?}");
    }
    pass(&home, 2).silent();
    assert_eq!(home.count("SELECT count(*) FROM run WHERE job LIKE 'well %' AND verdict <> 'ok'"), 0);
}
