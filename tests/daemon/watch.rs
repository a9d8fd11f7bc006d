//! The daemon watches the passes.

use super::Node;
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
