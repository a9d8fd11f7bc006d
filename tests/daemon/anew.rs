//! What the daemon runs on changes under it: it begins anew by itself. And what a pass does with one that only answers.

use super::{Node, SOON, by_imap};
use crate::support::mail::shared;
use crate::support::{need, wait_until};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;

#[track_caller]
fn begins_anew(node: &Node, why: &str) {
    let began = wait_until(SOON, || {
        node.pass();
        node.log().contains(&format!("the daemon begins anew: {why}")).then_some(())
    });
    assert!(began.is_some(), "{}", node.log());
}

#[test]
fn a_state_that_was_replaced_is_opened_anew() {
    let mut node = Node::with_files("replaced", "[daemon]\nLISTEN\n[log]\nlevel = \"info\"\n");
    node.start();
    node.pass();
    let (old, new) = (node.home.path("checker.db"), node.home.path("restored.db"));
    let db = rusqlite::Connection::open(&old).unwrap();
    db.execute("VACUUM INTO ?1", [new.to_str().unwrap()]).unwrap();
    drop(db);
    std::fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for more in ["checker.db-wal", "checker.db-shm"] {
        std::fs::remove_file(node.home.path(more)).ok();
    }
    std::fs::rename(&new, &old).unwrap();
    begins_anew(&node, "the file of the state was replaced");
}

#[test]
fn a_new_password_in_its_file_is_an_edit() {
    if !need("postfix") {
        return;
    }
    let canary = by_imap(shared(), "canary", "1h", "1min") + "[log]\nlevel = \"info\"\n";
    let mut node = Node::with_mail("password", shared(), &canary);
    node.start();
    node.pass();
    assert!(!node.log().contains("begins anew"), "{}", node.log());
    node.home.write("canary.secret", "another one");
    begins_anew(&node, "the settings were edited");
}

#[test]
fn a_daemon_that_answers_and_does_nothing_else_is_told() {
    let node = Node::with_files("hangs", "[daemon]\nLISTEN\n");
    let listener = UnixListener::bind(node.home.path("checker.sock")).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).ok();
            stream.write_all(b"{\"pid\":1,\"word\":\"JobProblem\",\"hangs\":true}\n").ok();
        }
    });
    node.pass();
    assert!(node.told().is_empty(), "one miss is no news: {:?}", node.told());
    node.pass();
    let told = node.told();
    assert!(told.len() == 1 && told[0].contains("daemon: the daemon does not answer: its duties hang"), "{told:?}");
}

#[test]
fn a_daemon_that_accepts_nobody_holds_up_no_pass() {
    let node = Node::with_files("frozen", "[daemon]\nLISTEN\n");
    let listener = UnixListener::bind(node.home.path("checker.sock")).unwrap();
    // Its queue is full: a usual connect would wait for ever.
    let mut queue = Vec::new();
    while let Ok(stream) = connect_at_once(&node.home.path("checker.sock")) {
        queue.push(stream);
    }
    assert!(!queue.is_empty());
    node.pass();
    node.pass();
    assert!(node.told().iter().any(|s| s.contains("the daemon does not answer")), "{:?}", node.told());
    drop((queue, listener));
}

fn connect_at_once(path: &std::path::Path) -> nix::Result<std::os::fd::OwnedFd> {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
    let fd = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_NONBLOCK, None)?;
    connect(std::os::fd::AsRawFd::as_raw_fd(&fd), &UnixAddr::new(path)?)?;
    Ok(fd)
}
