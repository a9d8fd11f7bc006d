//! Which worse answers would be called healthy.

use super::judging::seen;
use super::network::keys;
use super::{context, job};
use crate::mutate;
use crate::pings::{Came, Seen};
use checker_job::{Job, Vacuity, Verdict};
use checker_parts::probe::Limit;
use std::time::Duration;

const NAMES: [&str; 4] = ["gone", "wrong_answer", "half_lost", "slow"];

/// What is made of this, in a run of so many seconds.
fn made(keys: &str, seen: Seen, seconds: u64) -> Vacuity {
    let timeout = Duration::from_secs(seconds);
    let tried = [("192.0.2.1:7".parse().unwrap(), Ok(Came::Seen(seen)))];
    let plan = job(&format!("address = \"192.0.2.1\"\n{keys}")).plan;
    mutate::vacuity(&plan, "192.0.2.1", &tried, &Limit::of(timeout), timeout)
}

/// The names of all mutations, and of those that are not noticed.
#[track_caller]
fn names(vacuity: &Vacuity) -> (Vec<&'static str>, Vec<&'static str>) {
    assert_eq!(vacuity.outcome.verdict, Verdict::Ok, "{vacuity:?}");
    let all = vacuity.mutations.iter();
    (all.clone().map(|m| m.name).collect(), all.filter(|m| !m.is_noticed()).map(|m| m.name).collect())
}

const BLIND: &str = "loss_warning = \"60%\"\nloss_critical = \"99%\"\n";

#[test]
fn loss_has_limits_and_time_needs_them() {
    let near = || seen(5, &[200, 300, 400, 500, 600]);
    let of = |keys: &str| names(&made(keys, near(), 10));
    let of_times = |times: &[u64]| names(&made("rtt_warning = \"900ms\"", seen(3, times), 10)).1;
    assert_eq!(of(""), (NAMES.to_vec(), vec!["slow"]));
    assert_eq!(of("rtt_warning = \"900ms\""), (NAMES.to_vec(), vec![]));
    assert_eq!(of("rtt_critical = \"900ms\""), (NAMES.to_vec(), vec![]));
    // Three of five.
    assert_eq!(of(BLIND).1, ["half_lost", "slow"]);
    assert_eq!(of("loss_warning = \"49%\"\nrtt_warning = \"1s\"").1, ["slow"]);
    let slow = made("", near(), 10).mutations.remove(3);
    assert_eq!(slow.what, "round trips of a second");
    assert_eq!(slow.outcome.summary, "192.0.2.1 answers all 5 pings in 1000 ms on average (1000 ms to 1000 ms)");
    // One that was late by chance makes nothing else of the others.
    assert_eq!(of_times(&[200, 150_000, 300]), ["slow"; 0]);
    // Far away, ten times the time is more than a second.
    let far = made("rtt_warning = \"2s\"", seen(2, &[190_000, 250_000]), 10).mutations.remove(3);
    assert_eq!((&*far.what, far.is_noticed()), ("round trips ten times as long, and of a second at least", true));
}

#[test]
fn what_cannot_be_is_left_out() {
    let one = made("", seen(1, &[200]), 10);
    assert_eq!(names(&one).0, ["gone", "wrong_answer", "slow"], "one ping has no half");
    let short = made("", seen(2, &[200, 300]), 1);
    assert_eq!(names(&short).0, ["gone", "wrong_answer", "half_lost"], "such answers are lost");
}

#[test]
fn what_is_not_healthy_is_not_made_wrong() {
    for (seen, verdict) in [(seen(5, &[]), Verdict::Failed), (seen(5, &[1, 1, 1]), Verdict::Warning)] {
        let Vacuity { outcome, mutations, .. } = made("", seen, 10);
        assert_eq!((outcome.verdict, mutations), (verdict, Vec::new()));
    }
}

/// In the network of [`super::network`].
pub(super) fn of_real_hosts() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let of = |keys: &str| runtime.block_on(job(keys).vacuity(&context())).unwrap();
    for host in ["10.99.0.1", "fd99::1", "both", "uncounted"] {
        assert_eq!(names(&of(&keys(host))), (NAMES.to_vec(), vec!["slow"]), "{host}");
        let strong = format!("{}rtt_warning = \"900ms\"", keys(host));
        assert_eq!(names(&of(&strong)), (NAMES.to_vec(), vec![]), "{host}");
        assert_eq!(names(&of(&format!("{}{BLIND}", keys(host)))).1, ["half_lost", "slow"], "{host}");
    }
    let lost = of(&keys("192.0.2.12"));
    assert!(lost.outcome.summary.starts_with("192.0.2.12 does not answer within 2 s"), "{lost:?}");
    assert_eq!(lost.mutations, []);
    let six = of(&format!("{}ip = \"6\"", keys("four")));
    assert_eq!((six.outcome.verdict, six.mutations), (Verdict::Failed, Vec::new()));
}
