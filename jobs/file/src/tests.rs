//! Real files, folders, links, pipes and sockets in folders of the tests.

mod content;
mod folder;
mod hostile;
mod settings;
mod stat;
mod vacuity;

use super::*;
use checker_job::conformance::table;
use checker_job::{Timestamp, Verdict};
use std::fs::{File, Metadata};
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::process::Command;
use std::task::{Context as Task, Poll, Waker};
use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(3_600);

fn job(text: &str) -> FileJob {
    Spawner::spawn(vec![table::<Spawner>(text)]).unwrap_or_else(|e| panic!("{text}: {e:?}")).remove(0)
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_secs(0).plus(since_1970)
}

fn context(now: Timestamp, timeout: Duration) -> Context {
    let scratch = std::env::temp_dir().join("checker-file-unused");
    Context::new(now, timeout, "run".to_owned(), scratch.into())
}

/// The job never awaits, so no runtime is needed.
fn at_once<T>(running: impl Future<Output = T>) -> T {
    match pin!(running).as_mut().poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("the job awaits something"),
    }
}

/// Runs a job at some time.
fn run_at(text: &str, now: Timestamp, timeout: Duration) -> Outcome {
    at_once(job(text).execute(&context(now, timeout)))
}

fn run(text: &str) -> Outcome {
    run_at(text, now(), Duration::from_secs(30))
}

fn path_table(path: &Path, rest: &str) -> String {
    format!("path = {:?}\n{rest}", path.to_str().unwrap())
}

/// What the job says of `path`, after its name.
fn said(path: &Path, rest: &str) -> (Verdict, String) {
    let outcome = run(&path_table(path, rest));
    let about = format!("{} ", path.display());
    let sentence = outcome.summary.strip_prefix(&about).unwrap_or_else(|| panic!("not about {about}: {outcome:?}"));
    (outcome.verdict, sentence.to_owned())
}

#[track_caller]
fn failed(path: &Path, rest: &str, want: &str) {
    assert_eq!(said(path, rest), (Verdict::Failed, want.to_owned()), "{rest}");
}

#[track_caller]
fn ok(path: &Path, rest: &str) {
    let (verdict, sentence) = said(path, rest);
    assert_eq!(verdict, Verdict::Ok, "{rest}: {sentence}");
}

fn age_file(path: &Path, age: Duration) {
    File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

/// Makes a named pipe, which would block whoever opens it.
fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").map(|m: Metadata| std::os::unix::fs::MetadataExt::uid(&m)).unwrap() == 0
}

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn stands_fire() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    checker_job::conformance::under_fire::<Spawner>(&format!(
        "[[job.file]]\npath = [\"{file}\", \"/no/such\", \"/dev/null\"]\nmax_age = \"1s\"\ncontains = \"x y z\"\nsha256 = \
         \"{:064}\"\nowner = \"nobody\"\n[[job.file]]\nnewest_of = \"{source}\"\nmin_files = 1000\n",
        0
    ));
}
