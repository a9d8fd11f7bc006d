//! Passes that overlap.

use super::Node;
use crate::support::free_ports;
use std::net::TcpListener;
use std::process::Child;
use std::time::Duration;

#[test]
fn passes_that_overlap_because_a_peer_says_nothing_count_each_its_silence() {
    let [port] = free_ports::<1>();
    let (mut alpha, beta) = (Node::new("alpha", port), Node::new("beta", port));
    // It takes connections and never answers.
    let mute = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    alpha.meets(&[beta.table(mute.local_addr().expect("a port").port())]);
    alpha.start();
    let passes: Vec<Child> = (0..3)
        .map(|_| {
            let pass = alpha.home.command(&["cron"]).spawn().expect("a pass");
            std::thread::sleep(Duration::from_millis(1_500));
            pass
        })
        .collect();
    for mut pass in passes {
        pass.wait().expect("an end");
    }
    assert_eq!(alpha.mails("beta", "beta does not answer").len(), 1, "{:?}", alpha.home.subjects());
}
