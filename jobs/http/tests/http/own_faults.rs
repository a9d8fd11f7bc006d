//! What this host lacks is never said of the target. Each test runs another one in a process that lacks it.

use crate::support::{run_for, says};
use checker_job::{Outcome, Verdict};
use std::fs::File;
use std::process::{Command, Output};
use std::time::Duration;

/// Runs the ignored test `name` of this binary, behind the words of `before`.
fn inside(before: &[&str], name: &str) -> Output {
    let own = std::env::current_exe().unwrap();
    let (program, words) = before.split_first().unwrap();
    let name = format!("own_faults::{name}");
    Command::new(program)
        .args(words)
        .arg(own)
        .args([name.as_str(), "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap()
}

fn passed(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && text.contains("1 passed");
    assert!(passed, "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn unknown(outcome: &Outcome, cause: &str) {
    assert_eq!((outcome.verdict, outcome.cause.as_deref()), (Verdict::Unknown, Some(cause)), "{outcome:?}");
}

#[test]
fn without_a_network() {
    let namespace = ["unshare", "--net", "--map-root-user"];
    if !Command::new("unshare").args(["--net", "--map-root-user", "true"]).status().is_ok_and(|s| s.success()) {
        println!("SKIPPED: this machine allows no network namespace (unshare --net)");
        return;
    }
    passed(&inside(&namespace, "child_without_a_network"));
}

#[tokio::test]
#[ignore = "started by without_a_network, in a namespace"]
async fn child_without_a_network() {
    let long = Duration::from_secs(20);
    for host in ["192.0.2.1", "[2001:db8::1]"] {
        let outcome = run_for(&format!("url = \"http://{host}/\""), long).await;
        unknown(&outcome, "this host has no route");
    }
    let outcome = run_for("url = \"https://www.example.com/\"", long).await;
    unknown(&outcome, "the resolver does not answer");
    let proxied = "url = \"https://www.example.com/\"\nproxy = \"http://192.0.2.1:3128\"";
    unknown(&run_for(proxied, long).await, "this host has no route");
}

#[test]
fn without_file_handles() {
    let few = ["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"];
    passed(&inside(&few, "child_without_file_handles"));
}

#[tokio::test]
#[ignore = "started by without_file_handles, with few of them"]
async fn child_without_file_handles() {
    let server = says("hello").await;
    let settings = format!("url = \"{}\"", server.url("/"));
    let mut held = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        held.push(file);
        assert!(held.len() < 100, "the limit is not in force");
    }
    let long = Duration::from_secs(5);
    unknown(&run_for(&settings, long).await, "this host has no file handle left");
    drop(held);
    assert_eq!(run_for(&settings, long).await.verdict, Verdict::Ok);
}
