//! A job is a plain value: make one, give it a time, look at its outcome.

use super::*;
use std::fs;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

/// Holds the crate to its contract. Keep this test in yours.
#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

fn table(path: &Path, max_age: Option<&str>, min_lines: u64) -> Table<Settings> {
    Table {
        name: None,
        id: None,
        policy: Arc::default(),
        settings: Settings { path: path.to_owned(), max_age: max_age.map(str::to_owned), min_lines },
    }
}

/// Runs the job `age` after the file was written. It never awaits, so no runtime is needed.
fn run(table: Table<Settings>, age: Duration) -> Outcome {
    let (job, cx) = ready(table, age);
    at_once(job.execute(&cx))
}

/// The job, and a run of it `age` after the file was written.
fn ready(table: Table<Settings>, age: Duration) -> (FileJob, Context) {
    let job = Spawner::spawn(vec![table]).unwrap().remove(0);
    let written = fs::metadata(&job.path).and_then(|m| written_at(&m));
    let now = written.unwrap_or_default().plus(age);
    let scratch = std::env::temp_dir().join("checker-example-unused");
    (job, Context::new(now, Duration::from_secs(10), "run".to_owned(), scratch.into()))
}

fn at_once<T>(running: impl Future<Output = T>) -> T {
    let mut running = pin!(running);
    match running.as_mut().poll(&mut Task::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the job awaits something"),
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

#[test]
fn a_file_must_be_there_and_be_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let missing = run(table(&path, None, 0), HOUR);
    assert_eq!(missing.verdict, Verdict::Failed);
    assert_eq!(missing.summary, format!("{} is not there", path.display()));
    fs::write(&path, "").unwrap();
    let there = run(table(&path, None, 0), HOUR);
    assert_eq!(there.verdict, Verdict::Ok);
    assert_eq!(there.summary, format!("{} was written 1 h ago", path.display()));
    assert_eq!(run(table(folder.path(), None, 0), HOUR).verdict, Verdict::Failed);
    let below = run(table(&path.join("x"), None, 0), HOUR);
    assert_eq!(below.verdict, Verdict::Unknown, "the path leads through a file: {below:?}");
}

#[test]
fn a_file_must_be_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "done\n").unwrap();
    let at_limit = run(table(&path, Some("26h"), 0), 26 * HOUR);
    assert_eq!(at_limit.verdict, Verdict::Ok);
    assert_eq!(at_limit.metrics[0].value.to_string(), "93600");
    let stale = run(table(&path, Some("26h"), 0), 27 * HOUR);
    assert_eq!(stale.verdict, Verdict::Failed);
    assert!(stale.summary.ends_with("was last written 1 d 3 h ago; at most 1 d 2 h is allowed"), "{stale:?}");
    let ahead = SystemTime::now() + 2 * HOUR;
    File::options().write(true).open(&path).unwrap().set_modified(ahead).unwrap();
    let job = Spawner::spawn(vec![table(&path, Some("26h"), 0)]).unwrap().remove(0);
    let now = written_at(&fs::metadata(&path).unwrap()).unwrap().minus(2 * HOUR);
    let future = job.outcome(&job.look(), now);
    assert_eq!(future.verdict, Verdict::Warning);
    assert!(future.summary.contains("dated 2 h in the future"), "{future:?}");
}

#[test]
fn a_file_must_hold_enough_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for (text, lines) in [(&b""[..], 0), (b"one", 1), (b"one\n", 1), (b"one\n\xff\n\nfour", 4)] {
        fs::write(&path, text).unwrap();
        assert_eq!(run(table(&path, None, lines), HOUR).verdict, Verdict::Ok);
        let short = run(table(&path, None, lines + 1), HOUR);
        assert_eq!(short.verdict, Verdict::Failed);
        let said = format!("has {lines} lines; at least {} are wanted", lines + 1);
        assert!(short.summary.ends_with(&said), "{short:?}");
    }
}

#[test]
fn a_job_that_asks_for_nothing_would_not_notice_and_one_that_does_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let unseen = |max_age, min_lines| {
        let (job, cx) = ready(table(&path, max_age, min_lines), HOUR);
        let vacuity = at_once(job.vacuity(&cx)).unwrap();
        assert_eq!(vacuity.outcome, job.outcome(&job.look(), cx.now));
        let unseen = vacuity.mutations.iter().filter(|m| !m.is_noticed()).map(|m| m.name);
        (vacuity.mutations.len(), unseen.collect::<Vec<_>>())
    };
    assert_eq!(unseen(None, 0), (0, vec![]), "there is no file");
    fs::write(&path, "one\ntwo\n").unwrap();
    assert_eq!(unseen(None, 0), (2, vec!["stale", "empty"]));
    assert_eq!(unseen(Some("26h"), 0), (2, vec!["empty"]));
    assert_eq!(unseen(Some("26h"), 2), (2, vec![]));
    assert_eq!(unseen(Some("26h"), 3), (0, vec![]), "it fails as it is");
}

#[test]
fn a_file_that_cannot_be_read_is_old_all_the_same() {
    let job = Spawner::spawn(vec![table(Path::new("/log"), Some("26h"), 3)]).unwrap().remove(0);
    let (written, why) = (Timestamp::from_secs(0), || io::Error::from(ErrorKind::PermissionDenied));
    let after = |hours: i64| {
        job.outcome(&Ok(Seen::File { written, lines: Err(why()) }), Timestamp::from_secs(hours * 3_600)).verdict
    };
    assert_eq!((after(27), after(1)), (Verdict::Failed, Verdict::Unknown));
}

#[test]
fn every_wrong_key_is_reported() {
    let wrong = table(Path::new("backup.log"), Some("26"), 0);
    let right = table(Path::new("/var/log/backup.log"), None, 0);
    let errors = Spawner::spawn(vec![right, wrong]).unwrap_err();
    let keys: Vec<_> = errors.iter().map(|e| (e.table, e.key.as_deref())).collect();
    assert_eq!(keys, [(1, Some("path")), (1, Some("max_age"))]);
    assert!(errors[0].message.contains("from / on"), "{errors:?}");
    assert!(errors[1].message.contains("write it as \"10s\""), "{errors:?}");
}

#[test]
fn stands_fire() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    checker_job::conformance::under_fire::<Spawner>(&format!("[[job.example]]\npath = \"{file}\"\n"));
}
