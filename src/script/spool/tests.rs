use super::*;
use crate::script::{ScriptActivity, success};
use crate::store::{Memory, MemoryShared, StoreClock};
use checker_job::Outcome;
use std::os::unix::fs::{PermissionsExt, symlink};

struct Place {
    folder: tempfile::TempDir,
    spool: Spool,
    store: MemoryShared,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("checker.db");
    std::fs::write(&state, "").unwrap();
    let spool = Spool::of(&state);
    Place { folder, spool, store: Memory::new(StoreClock::system()).shared() }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn begin() -> RunRecord {
    RunRecord::begun(Uuid::now_v7(), "backup", "alpha", at(0))
}

fn end(begin: &RunRecord) -> RunRecord {
    let outcome = Some(Outcome::ok("ran 5 s"));
    RunRecord { status: RunStatus::Done, ended: Some(at(5)), outcome, ..begin.clone() }
}

fn beside(place: &Place) -> PathBuf {
    place.folder.path().join("checker.db.scripts")
}

fn names(place: &Place) -> Vec<String> {
    let all = std::fs::read_dir(beside(place)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> = all.collect();
    all.sort();
    all
}

#[test]
fn what_is_put_is_taken_in_once_and_gone() {
    let p = place();
    let (begin, node) = (begin(), Uuid::now_v7());
    let file = p.spool.put(&begin).unwrap();
    assert_eq!(file.parent(), Some(beside(&p).as_path()));
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(beside(&p).metadata().unwrap().mode() & 0o777, 0o700);
    p.spool.put(&end(&begin)).unwrap();
    assert_eq!(p.spool.take_in(&p.store, node, at(60)).unwrap(), Taken { taken: 2, bad: 0 });
    let known = p.store.script_runs("backup", None, 9).unwrap();
    assert_eq!(known, [RunRecord { node, ..end(&begin) }]);
    assert!(names(&p).is_empty());
    assert_eq!(p.spool.take_in(&p.store, node, at(60)).unwrap(), Taken::default());
}

/// A writer that was killed at any moment leaves a file that is whole, or one that nobody reads.
#[test]
fn half_files_are_not_read_and_go_after_an_hour() {
    let p = place();
    p.spool.put(&begin()).unwrap();
    let half = beside(&p).join(".x.begin.tmp");
    std::fs::write(&half, "{\"v\":1,\"ru").unwrap();
    let now = Timestamp::from_secs(half.metadata().unwrap().mtime());
    assert_eq!(p.spool.take_in(&p.store, Uuid::nil(), now).unwrap(), Taken { taken: 1, bad: 0 });
    assert_eq!(names(&p), [".x.begin.tmp"]);
    p.spool.take_in(&p.store, Uuid::nil(), now.plus(Duration::from_secs(3_601))).unwrap();
    assert!(names(&p).is_empty());
}

#[test]
fn what_tells_of_no_run_is_set_aside_and_nothing_is_lost() {
    let p = place();
    let good = p.spool.put(&begin()).unwrap();
    let folder = beside(&p);
    let text = std::fs::read_to_string(&good).unwrap();
    let ended = serde_json::to_string(&Letter { v: 1, run: end(&begin()) }).unwrap();
    for (name, text) in [
        ("a", "no letter".to_owned()),
        ("b", text.replace("\"script\"", "\"cron\"")),
        ("c", text.replace("\"backup\"", "\"two\\nlines\"")),
        ("d", ended.replace(&at(5).micros().to_string(), &at(-5).micros().to_string())),
        ("e", text.replace("\"alpha\"", "\"a:b\"")),
        ("f", "x".repeat(300 * 1024)),
        ("g", ended.replace("\"done\"", "\"active\"")),
        ("h", text.replace("\"v\":1", "\"v\":2")),
    ] {
        std::fs::write(folder.join(format!("{name}.json")), text).unwrap();
    }
    symlink("/etc/hostname", folder.join("i.json")).unwrap();
    assert_eq!(p.spool.take_in(&p.store, Uuid::nil(), at(60)).unwrap(), Taken { taken: 1, bad: 9 });
    let expected: Vec<String> = ('a'..='i').map(|name| format!("{name}.json.bad")).collect();
    assert_eq!(names(&p), expected);
    assert_eq!(p.spool.take_in(&p.store, Uuid::nil(), at(60)).unwrap(), Taken::default());
}

#[test]
fn a_store_that_takes_nothing_leaves_all_where_it_is() {
    struct Full;
    impl Scripts for Full {
        fn record(&self, _: &[RunRecord]) -> Result<(), StoreError> {
            Err(StoreError::Full("no room".to_owned()))
        }
        fn active(&self) -> Result<Vec<RunRecord>, StoreError> {
            Ok(Vec::new())
        }
        fn activity(
            &self,
            _: &[crate::decide::script::Wanted],
        ) -> Result<Vec<crate::decide::script::Activity>, StoreError> {
            Ok(Vec::new())
        }
        fn script_runs(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<RunRecord>, StoreError> {
            Ok(Vec::new())
        }
        fn scripts(&self) -> Result<Vec<crate::decide::script::ScriptName>, StoreError> {
            Ok(Vec::new())
        }
        fn script_hours(
            &self,
            _: &str,
            _: Timestamp,
        ) -> Result<Vec<(String, crate::decide::script::ScriptHour)>, StoreError> {
            Ok(Vec::new())
        }
    }
    let p = place();
    p.spool.put(&begin()).unwrap();
    assert!(p.spool.take_in(&Full, Uuid::nil(), at(60)).is_err());
    assert_eq!(names(&p).len(), 1);
    assert_eq!(p.spool.take_in(&p.store, Uuid::nil(), at(60)).unwrap().taken, 1);
}

#[test]
fn whoever_lives_is_seen_until_it_goes() {
    let p = place();
    let run = Uuid::now_v7();
    assert!(!p.spool.is_alive(run));
    let alive = p.spool.alive(run).unwrap();
    assert!(p.spool.is_alive(run) && !p.spool.is_alive(Uuid::now_v7()));
    drop(alive);
    assert!(!p.spool.is_alive(run));
    assert!(names(&p).is_empty());
    // One that was killed left its file, unlocked.
    std::fs::write(beside(&p).join(format!("{run}.alive")), "").unwrap();
    assert!(!p.spool.is_alive(run));
}

#[test]
fn a_lock_is_one_for_each_name() {
    let p = place();
    let (path, first) = p.spool.lock("nightly").unwrap();
    assert!(first.is_some() && path.ends_with("nightly.lock"), "{}", path.display());
    assert!(p.spool.lock("nightly").unwrap().1.is_none());
    let (other, held) = p.spool.lock("../nightly").unwrap();
    assert!(held.is_some() && other.parent() == path.parent(), "{}", other.display());
    drop(first);
    assert!(p.spool.lock("nightly").unwrap().1.is_some());
}

#[test]
fn a_folder_that_others_may_write_or_that_is_a_link_is_not_used() {
    let p = place();
    let folder = beside(&p);
    std::fs::create_dir(&folder).unwrap();
    // The owner may give it to a group, and never to all.
    for (mode, used) in [(0o2770, true), (0o700, true), (0o777, false), (0o1777, false)] {
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
        let file = p.spool.put(&begin()).unwrap();
        assert_eq!(file.starts_with(&folder), used, "{mode:o}: {}", file.display());
        std::fs::remove_file(file).unwrap();
    }
    std::fs::remove_dir(&folder).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), &folder).unwrap();
    let file = p.spool.put(&begin()).unwrap();
    assert!(!file.starts_with(&folder), "{}", file.display());
    assert_eq!(p.spool.take_in(&p.store, Uuid::nil(), at(60)).unwrap().taken, 1, "from where it went");
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

#[test]
fn a_success_that_was_told_twice_counts_once() {
    let p = place();
    let activity = ScriptActivity {
        name: "backup".to_owned(),
        hostname: "alpha".to_owned(),
        date_started: at(0),
        date_completed: at(5),
    };
    for _ in 0..2 {
        p.spool.put(&success(&activity)).unwrap();
        p.store.record(&[success(&activity)]).unwrap();
    }
    assert_eq!(p.spool.take_in(&p.store, Uuid::nil(), at(60)).unwrap().taken, 1);
    assert_eq!(p.store.script_runs("backup", None, 9).unwrap().len(), 1);
}
