//! A process that is killed at any moment leaves whole batches behind.

use super::super::{Applied, Change, Ledger, Shared, Sqlite};
use super::fixtures::{alert, alert_id, any_clock, at, delivery, failing, job, plan_of, run, to};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const STATE: &str = "CHECKER_TEST_KILL_STATE";
const JOBS: u16 = 40;

/// This test binary once more, running one test alone with one variable set.
pub(in crate::store) fn child_of(test: &str, key: &str, value: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(key, value)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits for a line of the child that begins with `word`, and returns the rest of it.
pub(in crate::store) fn await_word(child: &mut Child, word: &str) -> String {
    let out = child.stdout.take().unwrap();
    let mut lines = BufReader::new(out).lines();
    loop {
        let line = lines.next().expect("the child ended without the word").unwrap();
        // The test harness may have begun the line.
        if let Some((_, rest)) = line.split_once(word) {
            return rest.trim().to_owned();
        }
    }
}

fn batch(seq: u64) -> Vec<Change> {
    let secs = i64::try_from(seq).unwrap();
    let one = |n: u16| {
        let record = run(n, secs, n);
        Change {
            job: job(n),
            expected_seq: seq,
            state: Some(failing(seq + 1, Some(record.id), 1)),
            alerts: vec![alert(alert_id(n, 1, u32::try_from(seq).unwrap()), secs, &[to(1)])],
            run: Some(record),
            hour: None,
        }
    };
    (0..JOBS).map(one).collect()
}

/// Not a case: what the child of the test below does. Without the variable there is nothing to do.
#[test]
fn child_that_commits() {
    let Some(path) = std::env::var_os(STATE) else {
        return;
    };
    let s = Sqlite::open(Path::new(&path), any_clock()).unwrap().shared();
    let slots = s.slots().unwrap();
    let mut seq = slots.values().next().map_or(0, |slot| slot.seq);
    let first = seq;
    loop {
        s.commit(&batch(seq)).unwrap();
        let which = u16::try_from(seq % 60_000).unwrap();
        let carried: Vec<_> = s.waiting().unwrap().into_iter().map(|w| w.alert.id).collect();
        s.plan(&plan_of(&[delivery(which, to(1), &carried, i64::try_from(seq).unwrap())])).unwrap();
        seq += 1;
        if seq == first + 1 {
            println!("begun");
        }
    }
}

#[test]
fn a_kill_leaves_whole_batches() {
    let folder = super::folder();
    let path = folder.path().join("checker.db");
    let mut before = 0;
    for round in 0..30_u64 {
        let mut child = child_of("store::suite::kill::child_that_commits", STATE, &path);
        await_word(&mut child, "begun");
        // Moments that no rhythm of the child meets again.
        std::thread::sleep(Duration::from_micros(500 + round * 7_919 % 15_000));
        child.kill().unwrap();
        child.wait().unwrap();

        let s = Sqlite::open(&path, any_clock()).unwrap().shared();
        let slots = s.slots().unwrap();
        let seq = slots.values().next().map_or(0, |slot| slot.seq);
        assert!(slots.values().all(|slot| slot.seq == seq), "{slots:?}");
        assert_eq!(slots.len(), usize::from(JOBS));
        assert!(seq > before, "{seq} after {before}");
        // The runs and alerts of each state are there, and none of a state that is not.
        let runs = s.history(&job(JOBS - 1), 99_999).unwrap();
        assert_eq!(runs.len() as u64, seq);
        assert_eq!(s.alerts(Some(&job(0)), 99_999).unwrap().len() as u64, seq);
        // A batch that was committed is known when it is sent again.
        let answers = s.commit(&batch(seq - 1)).unwrap();
        assert!(answers.iter().all(|a| *a == Applied::Already));
        let unsent = s.unsent().unwrap();
        assert!(unsent.iter().all(|d| d.created_at < at(i64::try_from(seq).unwrap())));
        before = seq;
    }
}
