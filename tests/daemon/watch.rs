//! The daemon watches the passes.

use super::Node;
use nix::sys::signal::Signal;
use std::time::Duration;

#[test]
fn no_pass_for_too_long_is_told_once_and_its_end_too() {
    let mut node =
        Node::with_files("stale", "[daemon]\nLISTEN\n[watch]\npasses = \"1s\"\nstale = \"3s\"\npoll = \"60s\"\n");
    node.start();
    node.pass().silent();
    node.await_told("CHECKER ITSELF: passes: no pass has run for");
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(node.told().len(), 1, "{:?}", node.told());
    node.pass().silent();
    node.await_told("SOLVED: passes");
    assert_eq!(node.told().len(), 2, "{:?}", node.told());
}

#[test]
fn a_daemon_that_was_stopped_waits_for_the_next_pass_before_it_misses_any() {
    let mut node =
        Node::with_files("thawed", "[daemon]\nLISTEN\n[watch]\npasses = \"6s\"\nstale = \"18s\"\npoll = \"60s\"\n");
    node.start();
    node.pass().silent();
    node.signal(Signal::SIGSTOP);
    // When it goes on, the last pass is older than any may be.
    std::thread::sleep(Duration::from_secs(20));
    node.signal(Signal::SIGCONT);
    std::thread::sleep(Duration::from_secs(2));
    node.pass().silent();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(node.told(), Vec::<String>::new());
    node.await_told("CHECKER ITSELF: passes: no pass has run for");
}
