//! Where the network itself is at fault, and names of servers.

use super::{job, look, run};
use crate::plan::Servers;
use checker_job::{Blame, Verdict};
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Runs the ignored test below in a network namespace of its own, which has no route and no resolver.
#[test]
fn without_a_network_nothing_is_the_servers_fault() {
    let unshare = |words: &[&str]| Command::new("unshare").arg("--net").arg("--map-root-user").args(words).output();
    if !unshare(&["true"]).is_ok_and(|o| o.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "network namespaces are not allowed here");
        eprintln!("SKIPPED: this machine allows no network namespace (unshare --net)");
        return;
    }
    let own = std::env::current_exe().unwrap();
    let inner = ["tests::network::inside_a_namespace", "--exact", "--ignored", "--nocapture"];
    let output = unshare(&[&[own.to_str().unwrap()], inner.as_slice()].concat()).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "run by without_a_network_nothing_is_the_servers_fault, in a namespace"]
fn inside_a_namespace() {
    for transport in ["udp", "tcp"] {
        let outcome = look(&format!("query = \"a.example\"\nserver = \"192.0.2.1\"\ntransport = \"{transport}\""));
        assert_eq!((outcome.verdict, outcome.blame), (Verdict::Unknown, Some(Blame::NoRoute)), "{outcome:?}");
        assert_eq!(outcome.summary, "could not ask 192.0.2.1:53 for a.example A: this host has no route");
        assert_eq!(outcome.cause.as_deref(), Some("this host has no route"));
    }
    let outcome = look("query = \"a.example\"\nserver = [\"192.0.2.1\", \"2001:db8::1\"]");
    assert_eq!(outcome.summary, "could not ask any of 2 servers for a.example A: this host has no route");
    let named = look("query = \"a.example\"\nserver = \"ns.example.com\"");
    assert_eq!((named.verdict, named.blame), (Verdict::Unknown, Some(Blame::NoResolver)), "{named:?}");
    let both = look("query = \"a.example\"\nserver = [\"ns.example.com\", \"192.0.2.1\"]");
    assert_eq!(both.verdict, Verdict::Unknown, "{both:?}");
    // Loopback is there, and down: who asks the resolvers of this host is told of them, as of any other server.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolv.conf");
    std::fs::write(&file, "nameserver 192.0.2.53\n").unwrap();
    let mut own = job("query = \"a.example\"");
    Arc::get_mut(&mut own.plan).unwrap().servers = Servers::System(file);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(run(&own, Duration::from_secs(5)));
    assert_eq!((outcome.verdict, outcome.blame), (Verdict::Unknown, Some(Blame::NoRoute)), "{outcome:?}");
}

#[test]
fn a_server_by_name_is_asked_at_each_address() {
    let Ok(silent) = UdpSocket::bind("127.0.0.1:0") else { return };
    let port = silent.local_addr().unwrap().port();
    drop(silent);
    let outcome = look(&format!("query = \"a.example\"\nserver = \"localhost:{port}\""));
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(outcome.summary.contains(&format!("localhost:{port} (127.0.0.1) is no name server")), "{outcome:?}");
}
