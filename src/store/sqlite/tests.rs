use super::StoreError as E;
use super::errors::Fault;
use super::schema::{MIGRATIONS, migrate};
use super::*;
use crate::decide::JobState;
use crate::store::{Change, RunStatus, Source};
use checker_job::Outcome;
use nix::time::{ClockId, clock_gettime};
use rusqlite::{Connection, ffi};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn open(path: &Path) -> Result<Sqlite> {
    Sqlite::open(path, StoreClock::system())
}

fn id_of(n: u64) -> Uuid {
    Uuid::from_u128((1_800_000_000_000 << 80) | (7 << 76) | (2 << 62) | u128::from(n))
}

fn change(n: u64, expected_seq: u64, fresh: u64) -> Change {
    let job = JobId::literal(format!("tcp:host{n}.example.com:443"));
    let id = id_of(fresh);
    let run = RunRecord {
        id,
        job: job.clone(),
        status: RunStatus::Done,
        queue: String::new(),
        priority: 0,
        not_before: None,
        attempt: 1,
        source: Source::Cron,
        asked_by: None,
        args: None,
        node: id,
        host: "alpha.example.com".to_owned(),
        pass: Some(id),
        started: Some(Timestamp::from_secs(1_800_000_000)),
        ended: Some(Timestamp::from_secs(1_800_000_001)),
        outcome: Some(Outcome::ok("connected to 192.0.2.7 in 12 ms")),
        steady: true,
    };
    let state = JobState { seq: expected_seq + 1, run: Some(id), ..JobState::default() };
    Change { job, expected_seq, state: Some(state), run: Some(run), alerts: Vec::new(), hour: None }
}

#[test]
fn the_file_and_all_beside_it_are_for_us_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    let s = open(&path).unwrap();
    s.shared().commit(&[change(1, 0, 1)]).unwrap();
    let _lock = crate::store::LockFile::beside(&path).unwrap();
    for end in ["", "-wal", "-shm", ".lock"] {
        let file = folder.path().join(format!("checker.db{end}"));
        let mode = std::fs::metadata(&file).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.display());
    }
    assert_eq!(s.path(), path);
    // Closing does not write the WAL into the file: that would cost every pass two syncs.
    drop(s);
    let wal = std::fs::metadata(folder.path().join("checker.db-wal")).unwrap();
    assert!(wal.len() > 0);
    assert_eq!(open(&path).unwrap().shared().slots().unwrap().len(), 1);
}

#[test]
fn only_a_plan_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let s = open(&folder.path().join("checker.db")).unwrap();
    let level = |tx: &Connection| Ok(tx.pragma_query_value(None, "synchronous", |r| r.get(0))?);
    let under = |how| s.0.write::<i64>(how, |tx| level(tx)).unwrap();
    let (normal, full) = (1, 2);
    assert_eq!(under(Durability::Kill), normal);
    assert_eq!(under(Durability::PowerCut), full);
    assert_eq!(under(Durability::Kill), normal);
    // And a failed one does not leave the others slow.
    let failed: Result<()> = s.0.write(Durability::PowerCut, |_| Err(Fault::Told(E::Full("x".to_owned()))));
    assert!(failed.is_err());
    assert_eq!(under(Durability::Kill), normal);
}

#[test]
fn what_is_not_ours_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE x (y); PRAGMA user_version = 57").unwrap();
    drop(other);
    let before = std::fs::read(&path).unwrap();
    let why = open(&path).unwrap_err();
    assert!(matches!(&why, StoreError::Refused(w) if w.contains("another program")), "{why}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let text = folder.path().join("text");
    std::fs::write(&text, "This was never a database, but it is long enough to be one.".repeat(99)).unwrap();
    let why = open(&text).unwrap_err();
    assert!(matches!(&why, StoreError::Corrupt(w) if w.contains("move the file away")), "{why}");
}

#[test]
fn a_newer_format_is_told_with_both_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    let newest = schema::newest(MIGRATIONS);
    let s = open(&path).unwrap();
    s.0.lock().pragma_update(None, "user_version", newest + 3).unwrap();
    drop(s);
    let expected = StoreError::SchemaNewer { found: newest + 3, known: newest };
    assert_eq!(open(&path).unwrap_err(), expected);
    let look = Sqlite::open_read_only(&path, StoreClock::system());
    assert_eq!(look.unwrap_err(), expected);
    assert!(expected.to_string().contains("newer Checker"));
}

#[test]
fn an_older_file_is_copied_and_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    place::prepare(&path, true).unwrap();
    let old = Connection::open(&path).unwrap();
    migrate(&old, &path, &MIGRATIONS[..1]).unwrap();
    old.execute("INSERT INTO state (job, seq) VALUES ('tcp:x:1', 7)", []).unwrap();
    drop(old);
    let look = Sqlite::open_read_only(&path, StoreClock::system()).unwrap_err();
    assert!(matches!(&look, StoreError::Unavailable(w) if w.contains("older Checker")), "{look}");
    // Who cannot wait for the copy leaves it to others.
    let quick = Sqlite::open_within(&path, StoreClock::system(), std::time::Duration::ZERO).unwrap_err();
    assert!(matches!(&quick, StoreError::Unavailable(w) if w.contains("older Checker")), "{quick}");

    let s = open(&path).unwrap();
    let job = JobId::literal("tcp:x:1");
    assert_eq!(s.shared().states(std::slice::from_ref(&job)).unwrap()[&job].seq, 7);
    s.own().set_meta("x", Some("y")).unwrap();

    let copy = folder.path().join("checker.db.v1.bak");
    assert_eq!(std::fs::metadata(&copy).unwrap().mode() & 0o777, 0o600);
    let kept = Connection::open(&copy).unwrap();
    assert_eq!(schema::version(&kept, &copy, MIGRATIONS).unwrap(), 1);
    let seq: i64 = kept.query_row("SELECT seq FROM state", [], |r| r.get(0)).unwrap();
    assert_eq!(seq, 7);
    // No other copy is left over, and a second opening makes none.
    drop(s);
    std::fs::remove_file(&copy).unwrap();
    open(&path).unwrap();
    let names = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = names.map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["checker.db", "checker.db-shm", "checker.db-wal"]);
}

#[test]
fn a_step_that_fails_leaves_the_older_file_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    let s = open(&path).unwrap();
    let mut steps = MIGRATIONS.to_vec();
    steps.push(|| "CREATE TABLE later (x); CREATE TABLE state (x)".to_owned());
    assert!(migrate(&s.0.lock(), &path, &steps).is_err());
    assert_eq!(schema::version(&s.0.lock(), &path, MIGRATIONS).unwrap(), schema::newest(MIGRATIONS));
    let later =
        s.0.lock().query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'later'", [], |r| r.get::<_, i64>(0));
    assert_eq!(later, Ok(0));
    drop(s);
    assert!(open(&path).is_ok());
}

#[test]
fn many_may_make_the_file_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    std::thread::scope(|scope| {
        let path = &path;
        let all: Vec<_> = (0..8_u64)
            .map(|n| {
                scope.spawn(move || {
                    let s = open(path).unwrap().shared();
                    s.commit(&[change(n, 0, n)]).unwrap()
                })
            })
            .collect();
        for one in all {
            assert_eq!(one.join().unwrap(), [Applied::Done]);
        }
    });
    assert_eq!(open(&path).unwrap().shared().slots().unwrap().len(), 8);
}

#[test]
fn no_room_is_made_for_what_a_damaged_number_promises() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    let s = open(&path).unwrap();
    s.shared().commit(&[change(1, 0, 1)]).unwrap();
    s.0.lock().execute("UPDATE state SET rowid = ?1", [i64::MAX / 2]).unwrap();
    let job = change(1, 0, 1).job;
    assert_eq!((s.shared().slots().unwrap().len(), s.shared().states(&[job]).unwrap().len()), (1, 1));
}

#[test]
fn a_damaged_file_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    let s = open(&path).unwrap();
    let many: Vec<_> = (0..500).map(|n| change(n, 0, n)).collect();
    s.shared().commit(&many).unwrap();
    s.0.lock().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(s);
    let mut bytes = std::fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(8_192) {
        *byte ^= 0x5a;
    }
    std::fs::write(&path, bytes).unwrap();
    let found = open(&path).and_then(|s| s.shared().slots());
    assert!(matches!(found, Err(StoreError::Corrupt(_))), "{found:?}");
}

#[test]
fn a_text_that_is_not_ours_is_damage_that_names_the_job() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    let s = open(&path).unwrap();
    s.shared().commit(&[change(1, 0, 1)]).unwrap();
    s.0.lock().execute("UPDATE state SET rest = 'x'", []).unwrap();
    let job = change(1, 0, 1).job;
    let why = s.shared().states(std::slice::from_ref(&job)).unwrap_err();
    assert!(matches!(&why, StoreError::Corrupt(w) if w.contains(job.as_str())), "{why}");
}

#[test]
fn steady_runs_are_counted_whatever_became_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let s = open(&folder.path().join("checker.db")).unwrap();
    let (first, second, late) = (change(1, 0, 1), change(1, 1, 2), change(1, 1, 3));
    let answers = s.shared().commit(&[first, second.clone(), late.clone(), second, late]).unwrap();
    assert_eq!(answers, [Applied::Done, Applied::Done, Applied::Stale, Applied::Already, Applied::Stale]);
    let sql = "SELECT value, (SELECT count(*) FROM run WHERE steady = 1) FROM counter WHERE name = 'steady'";
    let counted: (i64, i64) = s.0.lock().query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
    assert_eq!(counted, (3, 3));
}

#[test]
fn a_file_that_stays_locked_is_told_after_some_patience() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    let (ours, theirs) = (open(&path).unwrap(), open(&path).unwrap());
    ours.0.lock().busy_timeout(Duration::from_millis(50)).unwrap();
    theirs.0.lock().execute_batch("BEGIN IMMEDIATE").unwrap();
    let why = ours.shared().commit(&[change(1, 0, 1)]).unwrap_err();
    assert!(matches!(&why, StoreError::Unavailable(w) if w.contains("locked") && w.contains("fuser")), "{why}");
    // Reading goes on meanwhile.
    assert!(ours.shared().slots().unwrap().is_empty());
    theirs.0.lock().execute_batch("ROLLBACK").unwrap();
    assert_eq!(ours.shared().commit(&[change(1, 0, 1)]).unwrap(), [Applied::Done]);
}

#[test]
fn a_full_disk_writes_nothing_of_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    let s = open(&path).unwrap();
    s.shared().commit(&[change(9_999, 0, 9_999)]).unwrap();
    let pages: i64 = s.0.lock().pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
    s.0.lock().query_row(&format!("PRAGMA max_page_count = {}", pages + 4), [], |_| Ok(())).unwrap();
    let many: Vec<_> = (0..500).map(|n| change(n, 0, n)).collect();
    let why = s.shared().commit(&many).unwrap_err();
    assert!(matches!(&why, StoreError::Full(w) if w.contains("make room")), "{why}");
    assert_eq!(s.shared().slots().unwrap().len(), 1);
    s.0.lock().query_row("PRAGMA max_page_count = 1000000", [], |_| Ok(())).unwrap();
    assert_eq!(s.shared().commit(&many).unwrap().len(), 500);
}

#[test]
fn looking_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    let look = |path: &Path| Sqlite::open_read_only(path, StoreClock::system());
    assert!(matches!(look(&path), Err(StoreError::Unavailable(w)) if w.contains("no state yet")));
    assert!(!path.exists());
    let s = open(&path).unwrap();
    s.shared().commit(&[change(1, 0, 1)]).unwrap();
    let looking = look(&path).unwrap();
    assert_eq!(looking.shared().slots().unwrap().len(), 1);
    let why = looking.shared().commit(&[change(2, 0, 2)]).unwrap_err();
    assert!(matches!(why, StoreError::ReadOnly(_)), "{why}");
}

#[test]
fn a_file_that_may_not_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.db");
    drop(open(&path).unwrap());
    if nix::unistd::geteuid().is_root() {
        // Root may write everything; what the system says to others is put in directly.
        let why = place::cannot_make(&path, &std::io::ErrorKind::PermissionDenied.into());
        assert!(matches!(why, StoreError::ReadOnly(_)));
        return;
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    let why = open(&path).and_then(|s| s.shared().commit(&[change(1, 0, 1)])).unwrap_err();
    assert!(matches!(why, StoreError::ReadOnly(_)), "{why}");
}

type Right = fn(&E) -> bool;

#[test]
fn codes_become_what_a_caller_can_act_on() {
    let path = Path::new("/var/lib/checker/checker.db");
    let told = |code: i32, moment| {
        let e = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        explain(e.into(), path, moment)
    };
    let cases: [(i32, Moment, Right); 9] = [
        (ffi::SQLITE_IOERR_FSYNC, Moment::Commit, |e| matches!(e, E::OutcomeUnknown(_))),
        (ffi::SQLITE_IOERR_READ, Moment::Work, |e| matches!(e, E::Unavailable(_))),
        (ffi::SQLITE_IOERR_SHMSIZE, Moment::Commit, |e| matches!(e, E::Full(_))),
        (ffi::SQLITE_FULL, Moment::Commit, |e| matches!(e, E::Full(_))),
        (ffi::SQLITE_BUSY_SNAPSHOT, Moment::Work, |e| matches!(e, E::Unavailable(_))),
        (ffi::SQLITE_READONLY_DIRECTORY, Moment::Work, |e| matches!(e, E::ReadOnly(_))),
        (ffi::SQLITE_CORRUPT, Moment::Commit, |e| matches!(e, E::Corrupt(_))),
        (ffi::SQLITE_NOTADB, Moment::Work, |e| matches!(e, E::Corrupt(_))),
        (ffi::SQLITE_TOOBIG, Moment::Work, |e| matches!(e, E::Refused(_))),
    ];
    for (code, moment, right) in cases {
        let e = told(code, moment);
        assert!(right(&e), "{code}: {e}");
        let text = e.to_string();
        assert!(text.contains("checker.db"), "{text}");
    }
}

/// A pass of the size that is promised. What is bounded is the time of the processor, which other tests do not share;
/// the bound is for a slow machine.
#[test]
fn ten_thousand_changes_are_one_short_commit() {
    let folder = tempfile::tempdir().unwrap();
    let s = open(&folder.path().join("checker.db")).unwrap().shared();
    let cpu = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let jobs = 10_000;
    let mut spent = Duration::ZERO;
    for pass in 0..3 {
        let changes: Vec<_> = (0..jobs).map(|n| change(n, pass, pass * jobs + n)).collect();
        let begun = cpu();
        let answers = s.commit(&changes).unwrap();
        spent = cpu().saturating_sub(begun);
        println!("10000 changes: {spent:?}");
        assert!(answers.iter().all(|a| *a == Applied::Done));
    }
    let begun = cpu();
    assert_eq!(s.slots().unwrap().len(), 10_000);
    println!("slots of 10000 jobs: {:?}", cpu().saturating_sub(begun));
    assert!(spent < Duration::from_secs(1), "{spent:?}");
}
