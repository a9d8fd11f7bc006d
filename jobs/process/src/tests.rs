//! Real processes, started and ended by each test; and a `/proc` of files for what cannot be had for certain.

mod files;
mod judging;
mod real;
mod seen;
mod settings;
mod vacuity;

use super::*;
use checker_job::{Timestamp, Verdict};
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn stands_fire() {
    let pidfile = tempfile::NamedTempFile::new().unwrap();
    checker_job::conformance::under_fire::<Spawner>(&format!(
        "[[job.process]]\nprogram = \"sh\"\nmin = 0\nmax = 10000\n[[job.process]]\nmax = 100000\n[[job.process]]\nprogram = \
         \"x\"\npidfile = {:?}\n",
        pidfile.path()
    ));
}

/// The jobs of one table, or what is wrong with it.
fn jobs(settings: &str) -> Result<Vec<ProcessJob>, Vec<String>> {
    let table = checker_job::conformance::table::<Spawner>(settings);
    let shown = |e: &SpawnError| format!("{}: {}", e.key.as_deref().unwrap_or(""), e.message);
    Spawner::spawn(vec![table]).map_err(|errors| errors.iter().map(shown).collect())
}

fn context() -> Context {
    let scratch = Path::new("/nonexistent").into();
    Context::new(Timestamp::from_secs(0), Duration::from_secs(20), "run".to_owned(), scratch)
}

/// The job never awaits, so no runtime is needed.
fn at_once<T>(running: impl Future<Output = T>) -> T {
    match pin!(running).as_mut().poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("the job awaits something"),
    }
}

/// Runs the first job of a table on this host.
fn run(settings: &str) -> Outcome {
    at_once(jobs(settings).unwrap().remove(0).execute(&context()))
}

/// The same until it is as `wanted`, since what was started or killed takes a moment.
fn until(settings: &str, wanted: impl Fn(&Outcome) -> bool) -> Outcome {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let outcome = run(settings);
        if wanted(&outcome) || Instant::now() > end {
            return outcome;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A process that is no child of ours: those are left out. It ends by itself after a minute, or with the test.
struct Orphan {
    pid: u32,
}

impl Orphan {
    fn start(words: &[&str]) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "\"$@\" </dev/null >/dev/null 2>&1 & echo $!", "sh"]).args(words);
        let output = shell.stderr(Stdio::inherit()).output().unwrap();
        Self { pid: String::from_utf8(output.stdout).unwrap().trim().parse().unwrap() }
    }

    fn signal(&self, signal: &str) {
        Command::new("/bin/kill").args([signal, &self.pid.to_string()]).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        self.signal("-KILL");
    }
}

/// A program of such a name, which sleeps for as many seconds as it is told. It is copied by another process: one that this
/// process writes could be held open by a child of another test, and then not be run.
fn sleeper(folder: &Path, name: &str) -> String {
    let to = folder.join(name);
    assert!(Command::new("/bin/cp").arg("/bin/sleep").arg(&to).status().unwrap().success());
    to.to_str().unwrap().to_owned()
}

/// A name that no other process has.
fn unique(name: &str) -> String {
    format!("{name}{}", std::process::id())
}

/// A folder that other users may enter.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let open = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    folder
}
