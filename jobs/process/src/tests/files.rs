//! Pidfiles, and what is left behind of them.

use super::*;

#[test]
fn the_file_must_name_a_process_that_runs_and_is_the_one_that_is_meant() {
    let folder = folder();
    let (name, other) = (unique("ckp"), unique("cko"));
    let (path, other) = (sleeper(folder.path(), &name), sleeper(folder.path(), &other));
    let file = folder.path().join("daemon.pid");
    let shown = file.display();
    let table = format!("program = {name:?}\npidfile = {file:?}");
    let missing = run(&table);
    assert_eq!(missing.verdict, Verdict::Failed);
    assert!(missing.summary.starts_with(&format!("{shown} is not there: the daemon does not run")), "{missing:?}");
    let daemon = Orphan::start(&[&path, "60"]);
    let number = daemon.pid;
    // PostgreSQL writes more lines, others no end of the line.
    for text in [format!("{number}"), format!(" {number}\n"), format!("{number}\n/var/lib\n1234\n")] {
        std::fs::write(&file, text).unwrap();
        let well = until(&table, |o| o.verdict == Verdict::Ok);
        assert!(well.summary.starts_with(&format!("1 process of {name} runs")), "{well:?}");
    }
    let stranger = Orphan::start(&[&other, "60"]);
    until(&format!("program = {other:?}"), |o| o.verdict == Verdict::Ok);
    std::fs::write(&file, stranger.pid.to_string()).unwrap();
    let stale = run(&table);
    assert_eq!(stale.verdict, Verdict::Failed);
    let said = format!("process {}, which {shown} names, is \"cko", stranger.pid);
    assert!(stale.summary.starts_with(&said), "{stale:?}");
    let end =
        format!("and not a process of {name}: the file was left behind, and the number has been given to another");
    assert!(stale.summary.ends_with(&end), "{stale:?}");
    std::fs::write(&file, number.to_string()).unwrap();
    daemon.signal("-STOP");
    let stopped = until(&table, |o| o.verdict != Verdict::Ok);
    assert!(stopped.summary.contains(&format!("process {number} is stopped by a signal")), "{stopped:?}");
    drop(daemon);
    let dead = until(&table, |o| o.summary.contains("does not run"));
    let said = format!("process {number}, which {shown} names, does not run: the file was left behind");
    assert_eq!((dead.verdict, dead.summary), (Verdict::Failed, said));
}

#[test]
fn what_is_no_pidfile_says_so() {
    let folder = folder();
    let file = folder.path().join("daemon.pid");
    let table = format!("program = \"x\"\npidfile = {file:?}");
    for (text, said) in [
        (&b""[..], "is empty: the daemon has not written its number"),
        (b"\n\n \n", "is empty"),
        (b"0\n", "holds \"0\" and not the number of a process"),
        (b"-1\n", "holds \"-1\" and not"),
        (b"99999999999999999999", "holds \"99999999999999999999\" and not"),
        (b"pid = 5", "holds \"pid = 5\" and not"),
        (b"\xff\x1b[31m\x00", "and not the number of a process"),
        (&vec![b'7'; 100_000], "holds \"7777777777777777777777777777777777777777\" and not"),
    ] {
        std::fs::write(&file, text).unwrap();
        let outcome = run(&table).bounded(400, 1_000);
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        assert!(outcome.summary.contains(said), "{outcome:?}");
    }
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    assert!(run(&table).summary.ends_with("daemon.pid is not a file"));
    std::fs::remove_dir(&file).unwrap();
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let pipe = run(&table);
    assert!(pipe.summary.ends_with("daemon.pid is not a file"), "{pipe:?}");
}

#[test]
fn a_process_that_is_a_zombie_does_not_run_whatever_the_file_says() {
    let folder = folder();
    let name = unique("ckq");
    let path = sleeper(folder.path(), &name);
    let file = folder.path().join("daemon.pid");
    let script = "\"$0\" 0 & echo $! >\"$1\"; exec /bin/sleep 60";
    let _parent = Orphan::start(&["/bin/sh", "-c", script, &path, file.to_str().unwrap()]);
    let dead = until(&format!("program = {name:?}\npidfile = {file:?}"), |o| o.summary.contains("zombie"));
    assert_eq!(dead.verdict, Verdict::Failed);
    assert!(dead.summary.starts_with(&format!("no process of {name} runs; process ")), "{dead:?}");
    // What it is told by went with its command line.
    let dead = run(&format!("program = {path:?}\ncommand_contains = \"0\"\npidfile = {file:?}"));
    assert!(dead.summary.starts_with(&format!("no process of {path} with \"0\"")), "{dead:?}");
    assert!(dead.summary.contains("is a zombie that its parent"), "{dead:?}");
}
