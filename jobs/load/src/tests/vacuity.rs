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
    let (proc, sys) = (host.0.path().join("proc"), host.0.path().join("sys"));
    let vacuity = mutate::vacuity(&proc, &sys, &plan(text), &context());
    assert_eq!(vacuity.outcome, host.look(&plan(text)));
    vacuity
}

#[test]
fn by_default_a_host_that_is_overloaded_is_noticed() {
    let host = Forged::new("0.31 6.00 1.38 2/300 99\n");
    let all = ["load_tenfold", "load_hundredfold"];
    let made = vacuity(&host, "");
    flagged(&made, &all, &[]);
    assert_eq!(made.mutations[0].what, "a load of 40, 60, 40 over 1, 5, 15 min");
    flagged(&vacuity(&host, "per_cpu = false\nwarning = 30\ncritical = \"never\""), &all, &[]);
    // Limits that are far away, and none at all.
    flagged(&vacuity(&host, "warning = 50\ncritical = 80"), &all, &["load_tenfold"]);
    flagged(&vacuity(&host, "warning = 500\ncritical = 800"), &all, &all);
    flagged(&vacuity(&host, NEVER), &all, &all);
}

#[test]
fn pressure_is_made_high_where_it_is_looked_at() {
    let host = Forged::new("0.31 0.73 1.38 2/300 99\n");
    for of in ["cpu", "io", "memory"] {
        host.put(&format!("proc/pressure/{of}"), "some avg10=1.00 avg60=2.00 avg300=1.00 total=1\n");
    }
    let near = "cpu_pressure_warning = \"60%\"\nio_pressure_critical = \"80%\"\nmemory_pressure_warning = \"10%\"";
    let pressures = ["cpu_pressure", "io_pressure", "memory_pressure"];
    flagged(&vacuity(&host, near), &[["load_tenfold", "load_hundredfold"].as_slice(), &pressures].concat(), &[]);
    // The load is another job's.
    flagged(&vacuity(&host, &format!("{near}\n{NEVER}")), &pressures, &[]);
    let far = format!("{NEVER}\nio_pressure_critical = \"99%\"\nmemory_pressure_warning = \"10%\"");
    flagged(&vacuity(&host, &far), &["io_pressure", "memory_pressure"], &["io_pressure"]);
}

#[test]
fn this_host_is_overloaded() {
    let all = ["load_tenfold", "load_hundredfold"];
    let blind = here_made_wrong(NEVER);
    flagged(&blind, &all, &all);
    // A limit that is above the load of this host, whoever else works on it.
    let load = blind.outcome.metrics.iter().take(3).map(|metric| metric.value).fold(1.0, f64::max);
    let above = format!("per_cpu = false\nwarning = {:.2}\ncritical = \"never\"", load * 5.0);
    flagged(&here_made_wrong(&above), &all, &[]);
}

#[test]
fn where_nothing_is_healthy_nothing_is_made_wrong() {
    let busy = Forged::new("80.00 60.00 40.00 12/300 99\n");
    for (host, verdict) in [(busy, Verdict::Failed), (Forged::new("nonsense\n"), Verdict::Unknown)] {
        let vacuity = vacuity(&host, "");
        assert_eq!((vacuity.outcome.verdict, vacuity.mutations), (verdict, Vec::new()));
    }
}
