//! What a job would call healthy, of this host and of forged ones.

use super::*;
use std::pin::pin;
use std::task::{Context as Task, Poll, Waker};

/// The job of a table, on this host. It never awaits, so no runtime is needed.
fn here_made_wrong(text: &str) -> Vacuity {
    let job = Spawner::spawn(vec![table::<Spawner>(text)]).unwrap().remove(0);
    match pin!(job.vacuity(&context())).as_mut().poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(vacuity) => vacuity.unwrap(),
        Poll::Pending => panic!("the job awaits something"),
    }
}

/// What was made of it, and of that what is called healthy.
#[track_caller]
fn flagged(vacuity: &Vacuity, all: &[&str], missed: &[&str]) {
    assert_eq!(vacuity.outcome.verdict, Verdict::Ok, "{vacuity:?}");
    let of = |missed: bool| {
        let mutations = vacuity.mutations.iter().filter(|m| !missed || !m.is_noticed());
        mutations.map(|mutation| mutation.name).collect::<Vec<_>>()
    };
    assert_eq!([of(false).as_slice(), &of(true)], [all, missed], "{vacuity:?}");
}

const NEVER: &str = "warning = \"never\"\ncritical = \"never\"";

fn vacuity(host: &Forged, text: &str) -> Vacuity {
    let (proc, cgroups) = (host.0.path().join("proc"), host.0.path().join("cgroup"));
    let vacuity = mutate::vacuity(&proc, &cgroups, &plan(text), &context());
    assert_eq!(vacuity.outcome, host.look(text));
    vacuity
}

#[test]
fn by_default_a_host_that_runs_short_is_noticed() {
    let host = Forged::new(&[
        ("proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 4000000 kB\nSwapTotal: 1000 kB\nSwapFree: 900 kB\n"),
        ("proc/self/cgroup", "0::/x/y\n"),
        ("cgroup/x/y/memory.max", "1048576000\n"),
        ("cgroup/x/y/memory.current", "1048576\n"),
        ("cgroup/x/memory.max", "2097152000\n"),
        ("cgroup/x/memory.current", "1048576\n"),
    ]);
    let made = vacuity(&host, "");
    flagged(&made, &["no_memory", "group_at_limit"], &[]);
    assert_eq!(made.mutations[0].what, "a host with 64 MiB of memory available");
    assert_eq!(made.mutations[1].what, "control group /x/y with 10 MiB left by its limit");
    flagged(&vacuity(&host, "cgroup = false"), &["no_memory"], &[]);
    flagged(&vacuity(&host, NEVER), &["no_memory", "group_at_limit"], &["no_memory", "group_at_limit"]);
    // Limits that are far away.
    let far = "warning = \"2MiB\"\ncritical = \"1MiB\"\nswap_warning = \"1GiB\"";
    let all = ["no_memory", "group_at_limit", "swap_full"];
    flagged(&vacuity(&host, far), &all, &all);
    flagged(&vacuity(&host, "swap_critical = \"95%\""), &all, &[]);
}

#[test]
fn this_host_is_made_short_of_memory() {
    let alone = "cgroup = false";
    flagged(&here_made_wrong(&format!("{NEVER}\n{alone}")), &["no_memory"], &["no_memory"]);
    let low = "warning = [\"1.5%\", \"70MiB\"]\ncritical = \"never\"";
    flagged(&here_made_wrong(&format!("{low}\n{alone}")), &["no_memory"], &[]);
}

#[test]
fn where_nothing_is_healthy_nothing_is_made_wrong() {
    let short = Forged::new(&[("proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 100000 kB\n")]);
    for (host, verdict) in [(short, Verdict::Failed), (Forged::new(&[]), Verdict::Unknown)] {
        let vacuity = vacuity(&host, "");
        assert_eq!((vacuity.outcome.verdict, vacuity.mutations), (verdict, Vec::new()));
    }
}
