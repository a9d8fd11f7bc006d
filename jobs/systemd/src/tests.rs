//! A real systemd that manages the units of a test, what one has said, and a program in its place for answers that it does not
//! give.

mod judging;
mod manager;
mod real;
mod recorded;
mod settings;
mod strange;
mod timers;
mod vacuity;

use super::*;
use checker_job::{Timestamp, Verdict};
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn stands_fire() {
    checker_job::conformance::under_fire::<Spawner>(
        "[[job.systemd]]\nunit = \"x\"\nuser = true\nruntime_directory = \"/nonexistent\"\n",
    );
}

/// The jobs of one table, or what is wrong with it.
fn jobs(settings: &str) -> Result<Vec<SystemdJob>, Vec<String>> {
    let table = checker_job::conformance::table::<Spawner>(settings);
    let shown = |e: &SpawnError| format!("{}: {}", e.key.as_deref().unwrap_or(""), e.message);
    Spawner::spawn(vec![table]).map_err(|errors| errors.iter().map(shown).collect())
}

fn context(timeout: Duration) -> Context {
    Context::new(Timestamp::from_secs(0), timeout, "run".to_owned(), Path::new("/nonexistent").into())
}

/// The framework would cut it off at its timeout.
fn in_time<T>(timeout: Duration, work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(timeout, work).await }).expect("the job ends in time")
}

fn run_job(job: &SystemdJob, timeout: Duration) -> Outcome {
    in_time(timeout, job.execute(&context(timeout)))
}

fn run(settings: &str) -> Outcome {
    run_job(&jobs(settings).unwrap().remove(0), Duration::from_secs(20))
}

/// The same until it is as `wanted`, since what was started takes a moment.
fn until(settings: &str, wanted: impl Fn(&Outcome) -> bool) -> Outcome {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let outcome = run(settings);
        if wanted(&outcome) || Instant::now() > end {
            return outcome;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
