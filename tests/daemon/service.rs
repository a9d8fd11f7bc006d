//! What stands above the daemon: a service manager, cron's place in a container, a container's first process.

use super::{Node, SOON};
use crate::support::binary::{has_faketime, utc};
use crate::support::{need, wait_until};
use checker::control::Ask;
use nix::sys::signal::{Signal, kill};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PLAIN: &str = "[daemon]\nLISTEN\n";

/// What the daemon says until `enough`.
fn hear(manager: &UnixDatagram, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
    let (mut said, until) = (Vec::new(), Instant::now() + SOON);
    let mut buffer = [0; 4096];
    while !enough(&said) && Instant::now() < until {
        if let Ok(n) = manager.recv(&mut buffer) {
            said.extend(String::from_utf8_lossy(&buffer[..n]).lines().map(str::to_owned));
        }
    }
    said
}

fn has(said: &[String], what: &str) -> bool {
    said.iter().any(|s| s == what)
}

#[test]
fn a_service_manager_hears_of_its_life() {
    let mut node = Node::with_files("managed", PLAIN);
    let place = node.home.path("notify");
    let manager = UnixDatagram::bind(&place).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut command = node.command(&["daemon"]);
    command.env("NOTIFY_SOCKET", &place).env("WATCHDOG_USEC", "1000000");
    let first = node.begin(&mut command);
    let pings = |said: &[String]| said.iter().filter(|s| *s == "WATCHDOG=1").count();
    let said = hear(&manager, |said| has(said, "READY=1") && pings(said) >= 3);
    assert!(has(&said, "READY=1") && pings(&said) >= 3, "{said:?}");
    node.signal(Signal::SIGHUP);
    let said = hear(&manager, |said| has(said, "READY=1"));
    assert!(has(&said, "RELOADING=1") && said.iter().any(|s| s.starts_with("MONOTONIC_USEC=")), "{said:?}");
    assert!(!has(&said, "STOPPING=1"), "to begin anew is no end: {said:?}");
    let again = wait_until(SOON, || node.ask(&Ask::Hello).ok()).unwrap();
    assert_eq!(again.pid, first.pid);
    node.signal(Signal::SIGTERM);
    let said = hear(&manager, |said| has(said, "STOPPING=1"));
    assert!(has(&said, "STOPPING=1"), "{said:?}");
    node.wait().ended(0);
}

#[test]
fn a_loop_that_hangs_is_not_said_to_be_alive() {
    let mut node = Node::with_files("hangs", PLAIN);
    let place = node.home.path("notify");
    let manager = UnixDatagram::bind(&place).unwrap();
    manager.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut command = node.command(&["daemon"]);
    command.env("NOTIFY_SOCKET", &place).env("WATCHDOG_USEC", "1000000");
    node.begin(&mut command);
    hear(&manager, |said| has(said, "WATCHDOG=1"));
    // The store is locked: the duties wait, the listeners answer.
    let lock = rusqlite::Connection::open(node.home.path("checker.db")).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    node.ask(&Ask::Drain).unwrap();
    assert!(node.ask(&Ask::Hello).is_ok(), "it answers all the while");
    lock.execute_batch("COMMIT").unwrap();
    assert!(has(&hear(&manager, |said| has(said, "WATCHDOG=1")), "WATCHDOG=1"), "it goes on");
}

#[test]
fn where_no_cron_is_it_starts_a_pass_at_the_full_minute() {
    if !has_faketime() {
        return;
    }
    let [port] = crate::support::free_ports();
    let job = format!("{PLAIN}\n[[job.tcp]]\nname = \"shop\"\naddress = \"127.0.0.1:{port}\"\n");
    let mut node = Node::with_files("minutes", &job);
    node.child = Some(node.home.start_at(utc("2026-06-01 10:00:56"), &["daemon", "--cron"]));
    wait_until(SOON, || node.ask(&Ask::Hello).ok()).expect("it starts");
    let id = format!("tcp:127.0.0.1:{port}");
    assert!(node.home.starts(&id).is_empty(), "not before the minute is full");
    let ran = wait_until(SOON, || Some(node.home.starts(&id)).filter(|s| !s.is_empty()));
    assert_eq!(ran.map(|s| s.len()), Some(1), "{}", node.log());
    node.end();
}

#[test]
fn as_the_first_process_it_takes_in_orphans_and_hands_the_end_on() {
    if !need("namespaces") {
        return;
    }
    let mut node = Node::with_files("first", PLAIN);
    let bare = node.command(&["daemon", "--cron"]);
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc"]).arg(node.home.command(&[]).get_program());
    command.args(["daemon", "--cron"]).env_clear().envs(bare.get_envs().filter_map(|(k, v)| Some((k, v?))));
    command.current_dir(node.home.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let answer = node.begin(&mut command);
    assert!(answer.pid > 1 && answer.pid < 100, "it counts in a space of its own: {answer:?}");
    let first = only_child(node.child.as_ref().unwrap().id());
    // A child of ours in there leaves one of its own behind.
    let inside = ["-t", &first.to_string(), "-p", "-m", "/bin/sh", "-c", "sleep 0.2 & exit 0"];
    assert!(Command::new("/usr/bin/nsenter").args(inside).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(500));
    let clean = wait_until(SOON, || children(first).iter().all(|c| state(*c) != 'Z').then_some(()));
    assert!(clean.is_some(), "{:?} are left as zombies", children(first));
    assert_eq!(children(first).len(), 1, "the daemon proper alone");
    kill(super::pid_of(first), Signal::SIGTERM).unwrap();
    assert_eq!(node.wait().code, 0, "{}", node.log());
    assert!(!node.home.path("checker.sock").exists(), "it ended by itself");
}

fn stat(pid: u32) -> Vec<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let rest = text.rsplit_once(") ").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    rest.split(' ').map(str::to_owned).collect()
}

fn state(pid: u32) -> char {
    stat(pid).first().and_then(|s| s.chars().next()).unwrap_or('-')
}

fn children(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat(*pid).get(1) == Some(&parent.to_string())).collect()
}

fn only_child(parent: u32) -> u32 {
    children(parent)[0]
}
