//! An idle daemon costs nothing.

use super::Node;
use std::fs;
use std::time::Duration;

/// It holds 1.7 MiB.
const OWN_KIB_MAX: u64 = 4 * 1024;

/// How often the threads of a process have gone to sleep by themselves.
fn sleeps(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let of = |text: String| {
        let line = text.lines().find(|l| l.starts_with("voluntary_ctxt_switches")).unwrap().to_owned();
        line.rsplit('\t').next().unwrap().trim().parse::<u64>().unwrap()
    };
    tasks.filter_map(|t| fs::read_to_string(t.path().join("status")).ok()).map(of).sum()
}

/// What a process holds of its own, beside what it maps of its file: that is as large as the build makes it, and `cargo bench`
/// holds the release build's to its goal.
fn own_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("RssAnon")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_idle_daemon_sleeps_and_is_small() {
    let mut node = Node::with_files("idle", "[daemon]\nLISTEN\n");
    let answer = node.start();
    node.pass().silent();
    std::thread::sleep(Duration::from_secs(2));
    let before = sleeps(answer.pid);
    std::thread::sleep(Duration::from_secs(10));
    let (woken, size) = (sleeps(answer.pid) - before, own_kib(answer.pid));
    eprintln!("idle daemon (this build): {size} KiB of its own, woken {woken} times in 10 s");
    assert!(woken <= 1, "woken {woken} times in 10 s of quiet");
    assert!(size < OWN_KIB_MAX, "{size} KiB of its own");
}
