//! Options, JSON, closed pipes; and that looking changes nothing.

use super::{JOBS, home};
use crate::support::binary::{Home, done};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::time::{Duration, Instant};

#[test]
fn options_stand_before_or_after() {
    let home = home();
    let file = home.text("settings.cfg");
    let bare = |args: &[&str]| done(&home.bare(args).output().expect("the program starts"));
    for args in [["-f", &file, "--json", "jobs"], ["--json", "jobs", "-f", &file], ["jobs", "--file", &file, "--json"]]
    {
        let told = bare(&args).ended(0).json();
        assert_eq!(told["jobs"][0]["name"], "well");
    }
    bare(&["-m", "cron", "--config", &file, "-c", "minute"]).silent();
    for args in [["-d", "cron", "--now"], ["cron", "--now", "-d"]] {
        let told = home.run(&args).ended(0);
        assert!(told.out.is_empty() && told.err.contains("DEBUG"), "{told:?}");
    }
    assert!(!home.read("checker.log").contains("DEBUG"), "-d is for stderr");
    home.run(&["cron", "--now", "-v"]).silent();
    assert!(home.read("checker.log").contains("DEBUG"), "-v is for the file: {}", home.read("checker.log"));
}

#[test]
fn json_is_of_version_1_and_nothing_else_is_on_stdout() {
    let home = home();
    let value = home.run(&["cron", "--json"]).ended(0).json();
    assert_eq!(value["ran"].as_array().map(Vec::len), Some(2));
    assert_eq!(value["messages"]["accepted"], 1);
    assert_eq!(home.run(&["check", "--json"]).ended(0).json()["jobs"], 2);
    assert_eq!(home.run(&["try", "ill", "--json"]).ended(0).json()["outcome"]["verdict"], "failed");
    let jobs = home.run(&["jobs", "--json"]).ended(0).json();
    assert_eq!((&jobs["jobs"][1]["id"], &jobs["jobs"][1]["every"]), (&"the-ill".into(), &"minute".into()));
    let status = home.run(&["status", "--json", "--failing"]).ended(0).json();
    assert_eq!(status["jobs"].as_array().map(Vec::len), Some(1));
    assert_eq!((&status["jobs"][0]["state"], &status["jobs"][0]["failures"]), (&"failed".into(), &1.into()));
    assert!(status["mail"]["accepted_at"].is_string() && status["last_pass"]["ended"].is_string(), "{status}");
    let acked = home.run(&["ack", "ill", "--note", "I am on it", "--json"]).ended(0).json();
    assert_eq!((&acked["id"], &acked["acknowledged"]), (&"the-ill".into(), &true.into()), "{acked}");
    let silenced = home.run(&["silence", "ill", "2h", "--json"]).ended(0).json();
    assert!(silenced["silenced_until"].is_string(), "{silenced}");
    let undone = home.run(&["silence", "ill", "--undo", "--json"]).ended(0).json();
    assert!(undone["silenced_until"].is_null(), "{undone}");
    assert_eq!(home.run(&["status", "--json"]).ended(0).json()["jobs"][1]["acknowledged"], true);
    home.settings("[general]\nservername = 5\n");
    assert!(!home.run(&["check", "--json"]).ended(78).json()["problems"].as_array().expect("a list").is_empty());
}

/// Every row of every table.
fn rows(home: &Home) -> BTreeMap<String, Vec<String>> {
    let db = home.db();
    let mut names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").expect("a query");
    let names: Vec<String> = names.query_map([], |r| r.get(0)).expect("rows").map(Result::unwrap).collect();
    let mut all = BTreeMap::new();
    for name in names {
        let mut found = db.prepare(&format!("SELECT * FROM {name}")).expect("a query");
        let columns = found.column_count();
        let row = |r: &rusqlite::Row<'_>| {
            let mut text = String::new();
            (0..columns).for_each(|i| write!(text, "{:?} ", r.get_ref(i).expect("a value")).expect("a text"));
            Ok(text)
        };
        let mut list: Vec<String> = found.query_map([], row).expect("rows").map(Result::unwrap).collect();
        list.sort();
        all.insert(name, list);
    }
    all
}

#[test]
fn looking_changes_nothing() {
    let home = home();
    let looks: [&[&str]; 7] = [
        &["try", "well"],
        &["try", "ill"],
        &["status"],
        &["status", "--by-host"],
        &["jobs"],
        &["check"],
        &["check", "--json"],
    ];
    for args in looks {
        home.run(args).ended(0);
    }
    assert!(!home.path("checker.db").exists() && !home.path("mail").exists(), "looking makes no state");
    home.run(&["cron"]).silent();
    let (state, bytes) = (rows(&home), std::fs::read(home.path("checker.db")).expect("the state"));
    for args in looks {
        home.run(args).ended(0);
    }
    assert_eq!(rows(&home), state);
    assert_eq!(std::fs::read(home.path("checker.db")).expect("the state"), bytes);
    assert_eq!(home.mails().len(), 1);
    let told = home.run(&["try", "ill"]);
    for words in [
        "ill: failed",
        "it hurts",
        "it was failing",
        "would tell nobody",
        "Checker's own state is as before, and nobody was told",
    ] {
        assert!(told.out.contains(words), "{told:?}");
    }
}

#[test]
fn test_sends_a_marked_message_and_changes_no_job() {
    let home = home();
    home.run(&["cron"]).silent();
    let before = rows(&home);
    let told = home.run(&["test"]).ended(0);
    for words in ["accepted for you@example.com", "failed    ill: it hurts", "ok        well", "2 run, 1 not ok"] {
        assert!(told.out.contains(words), "{told:?}");
    }
    assert_eq!(home.subjects(), ["[alpha] DOWN: ill: it hurts", "[alpha] TEST: Checker can reach you"]);
    let after = rows(&home);
    for table in ["state", "run", "alert", "hour", "pass"] {
        assert_eq!(before[table], after[table], "{table}");
    }
    home.run(&["test", "--mail-only"]).ended(0);
    let off = home.run(&["test", "--nomail"]).ended(75);
    assert!(off.out.contains("switched off"), "{off:?}");
    assert_eq!(home.mails().len(), 3);
}

#[test]
fn a_closed_pipe_is_no_trouble() {
    let addresses: Vec<String> = (0..4_000).map(|n| format!("\"192.0.2.{}:{}\"", n % 250 + 1, n / 250 + 1)).collect();
    let home = Home::with_jobs(&format!("{JOBS}\n[[job.tcp]]\naddress = [{}]\n", addresses.join(", ")));
    for args in [&["status"][..], &["jobs"], &["jobs", "--json"], &["status", "--json"], &["--help"]] {
        let mut child = home.command(args).spawn().expect("the program starts");
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut [0]).expect("a byte");
        drop(out);
        let told = done(&child.wait_with_output().expect("its end"));
        assert!(told.code == 0 && told.err.is_empty(), "{args:?}: {told:?}");
    }
}

#[test]
fn the_demo_needs_nothing_and_shows_its_messages() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = home();
    let started = Instant::now();
    let mut command = home.bare(&["demo"]);
    command.current_dir(folder.path()).env("TMPDIR", folder.path());
    let told = done(&command.output().expect("the program starts")).ended(0);
    assert!(started.elapsed() < Duration::from_secs(90), "it took {:?}", started.elapsed());
    let subjects: Vec<&str> = told.out.lines().map(str::trim).filter(|l| l.starts_with("Subject: ")).collect();
    let expected = ["DOWN: my server", "UP: my server", "[alpha] PEER: beta: beta does not answer"];
    assert_eq!(subjects.len(), expected.len(), "{subjects:?}");
    for (subject, words) in subjects.iter().zip(expected) {
        assert!(subject.contains(words), "{subjects:?}");
    }
    assert!(told.err.is_empty(), "{told:?}");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "it leaves nothing behind");
}
