//! The session of the document that script activity comes from (seed document 004), step by step, against the real program.

use super::home;

#[test]
fn the_documents_session() {
    let (home, host) = home("");
    // Recording successful runs.
    let times = ["--started", "2007-02-01 10:00:00", "--completed", "2007-02-01 10:01:00"];
    let record = [&["script", "record", "script-name"][..], &times].concat();
    home.run(&record).silent();
    let last = home.run(&["script", "last", "script-name", "--json"]).ended(0).json();
    assert_eq!(last["name"], "script-name");
    assert_eq!(last["hostname"], host);
    assert_eq!(last["date_started"], "2007-02-01T10:00:00Z");
    assert_eq!(last["date_completed"], "2007-02-01T10:01:00Z");
    let words = home.run(&["script", "last", "script-name"]).ended(0).out;
    assert!(words.contains("date_started:   2007-02-01 10:00:00+00:00\n"), "{words}");
    assert!(words.contains("date_completed: 2007-02-01 10:01:00+00:00"), "{words}");

    // No activity.
    let none = home.run(&["script", "last", "no-such-script"]).ended(1);
    assert_eq!((none.out.as_str(), none.err.as_str()), ("None\n", ""));

    // A script that fails if it is told to do so.
    home.write("test-script", "[ \"$1\" = fail ] && { echo 'RuntimeError: Some failure' >&2; exit 1; }; exit 0\n");
    let script = home.text("test-script");
    let run = |what: &str| home.run(&["run", "test-script", "--", "/bin/sh", &script, what]);
    let failed = run("fail").ended(1);
    assert_eq!((failed.out.as_str(), failed.err.as_str()), ("", "RuntimeError: Some failure\n"));
    assert_eq!(home.run(&["script", "last", "test-script"]).ended(1).out, "None\n");
    run("pass").silent();
    let last = home.run(&["script", "last", "test-script", "--json"]).ended(0).json();
    assert_eq!((&last["name"], &last["hostname"]), (&"test-script".into(), &host.into()));

    // The failure is known all the same, and is no activity.
    let known: Vec<String> = super::history(&home, "test-script").into_iter().map(|(verdict, _)| verdict).collect();
    assert_eq!(known, ["ok", "failed"]);
}

#[test]
fn a_success_told_twice_counts_once_and_one_that_cannot_be_is_refused() {
    let (home, _) = home("");
    let record = |more: &[&str]| home.run(&[&["script", "record", "x"][..], more].concat());
    for _ in 0..2 {
        record(&["--started", "2026-05-01T10:00:00Z", "--completed", "2026-05-01T10:00:05Z", "--host", "beta"])
            .silent();
    }
    assert_eq!(super::history(&home, "x").len(), 1);
    for (more, text) in [
        (["--started", "2026-05-01 10:00", "--completed", "2026-05-01 09:00"], "the other way round"),
        (["--started", "2026-05-01 10:00", "--completed", "2999-01-01 00:00"], "in the future"),
        (["--started", "yesterday", "--completed", "2026-05-01 09:00"], "is no instant"),
    ] {
        let told = record(&more).ended(64);
        assert!(told.err.contains(text), "{more:?}: {told:?}");
    }
    assert_eq!(super::history(&home, "x").len(), 1);
    // The newest start counts, on whatever host, and the list has all.
    record(&["--started", "2026-05-01 09:59:59", "--completed", "2026-05-01 10:59"]).silent();
    assert_eq!(home.run(&["script", "last", "x", "--json"]).ended(0).json()["hostname"], "beta");
    let list = home.run(&["script", "list", "--json"]).ended(0).json();
    assert_eq!(list["scripts"].as_array().unwrap().len(), 2);
    let words = home.run(&["script", "list"]).ended(0).out;
    assert!(words.contains("2026-05-01 10:59:00") && words.contains("beta"), "{words}");
}
