//! Real file systems in mount namespaces of the tests, and what cannot be had there as recorded text.

mod judged;
mod mounted;
mod real;
mod settings;

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

/// Runs the job of a table. It never awaits, so no runtime is needed.
fn run(text: &str) -> Outcome {
    let job = Spawner::spawn(vec![table::<Spawner>(text)]).unwrap_or_else(|e| panic!("{text}: {e:?}")).remove(0);
    let cx = context();
    let mut running = pin!(job.execute(&cx));
    match running.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the job awaits something"),
    }
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
