//! What a pass asks of the system: nothing lasting where nothing is due, and little for each job.

use crate::support::binary::{Home, done};
use crate::support::need;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::process::Command;

/// Runs the program under strace and hands back what it noted of the calls `of`.
fn traced(home: &Home, of: &str, args: &[&str]) -> String {
    let program = home.command(args);
    let mut command = Command::new("/usr/bin/strace");
    command.args(["-f", "-qq", "-e", of, "-o", &home.text("calls")]).arg(program.get_program()).args(args);
    command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    done(&command.current_dir(home.path("")).output().expect("strace starts")).silent();
    home.read("calls")
}

/// `count` targets that take connections, as long as the listener lives.
fn targets(count: usize, keys: &str) -> (TcpListener, Home) {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let server = listener.try_clone().expect("a second handle");
    // Ends with the test's process.
    std::thread::spawn(move || while server.accept().is_ok() {});
    let mut jobs = String::new();
    for n in 0..count {
        writeln!(jobs, "[[job.tcp]]\naddress = \"127.30.{}.{}:{port}\"\n{keys}", n / 250, n % 250 + 1).expect("text");
    }
    (listener, Home::with_jobs(&jobs))
}

#[test]
fn a_pass_with_nothing_due_writes_nothing_and_waits_for_no_disk() {
    if !need("strace") {
        return;
    }
    let (_listener, home) = targets(10, "every = \"day\"");
    for _ in 0..2 {
        home.run(&["cron"]).silent();
    }
    let state = || ["checker.db", "checker.db-wal", "checker.db.settings"].map(|f| std::fs::read(home.path(f)).ok());
    let before = state();
    let calls = traced(&home, "trace=fsync,fdatasync,msync,sync_file_range,write,rename", &["cron"]);
    assert!(calls.is_empty(), "{calls}");
    assert!(before == state(), "the state has changed");
    assert_eq!(home.count("SELECT count(*) FROM run"), 10);
}

#[test]
fn a_good_check_asks_little_of_the_system() {
    if !need("strace") {
        return;
    }
    let calls = |count| {
        let (_listener, home) = targets(count, "");
        home.run(&["cron", "--now"]).silent();
        traced(&home, "trace=all", &["cron", "--now"]).lines().count()
    };
    let (few, many) = (calls(40), calls(440));
    let each = many.saturating_sub(few) / 400;
    // A connection that is there at once needs four; the rest is memory, pages of the state, and threads that wake each other.
    assert!((4..=8).contains(&each), "{each} calls for each check");
}
