//! Real file systems in mount namespaces of the tests, and what cannot be had there as recorded text.

mod judged;
mod mounted;
mod real;
mod settings;
mod vacuity;

use super::*;
use checker_job::conformance::table;
use checker_job::{Timestamp, Verdict};
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::process::Command;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

fn context() -> Context {
    let scratch = std::env::temp_dir().join("checker-disk-unused");
    Context::new(Timestamp::from_secs(0), Duration::from_secs(30), "run".to_owned(), scratch.into())
}

fn job(text: &str) -> DiskJob {
    Spawner::spawn(vec![table::<Spawner>(text)]).unwrap_or_else(|e| panic!("{text}: {e:?}")).remove(0)
}

/// The job never awaits, so no runtime is needed.
fn at_once<T>(running: impl Future<Output = T>) -> T {
    match pin!(running).as_mut().poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("the job awaits something"),
    }
}

/// Runs the job of a table.
fn run(text: &str) -> Outcome {
    at_once(job(text).execute(&context()))
}

fn run_at(path: &Path, rest: &str) -> Outcome {
    run(&format!("path = {:?}\n{rest}", path.to_str().unwrap()))
}

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn stands_fire() {
    checker_job::conformance::under_fire::<Spawner>(
        "[[job.disk]]\nall = true\n[[job.disk]]\npath = [\"/\", \"/proc\", \"/no/such\"]\nmounted = true\n",
    );
}
