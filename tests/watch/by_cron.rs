//! A real cron, a real mail server, and a target that dies and comes back.

use super::{Target, Way, home, subjects};
use crate::support::cron::Cron;
use crate::support::{mail, need, wait_until};
use std::time::Duration;

fn table(home: &crate::support::binary::Home, arguments: &str) -> String {
    format!(
        "MAILTO=root\n* * * * * root {} cron {arguments} -f {}",
        env!("CARGO_BIN_EXE_checker"),
        home.text("settings.cfg")
    )
}

/// Cron sixty times as fast, so each second a pass; `--now` because its minute has a pass already.
fn dies_and_comes_back(security: &str) {
    if !need("postfix") || !need("cron") || !need("faketime") {
        return;
    }
    let server = mail::shared();
    let port = if security == "tls" { server.ports.tls } else { server.ports.starttls };
    let name = format!("fast-{security}");
    let mut target = Target::dead();
    target.up();
    let way = Way { port, security, pass: "pw-watch", to: "oncall@checker.test" };
    let home = home(&name, &target, way, &server.ca.pem, "failure_threshold = 2");
    let cron = Cron::start_fast(&table(&home, "--now"), 60);
    let limit = Duration::from_secs(40);
    let passes = |n: i64| wait_until(limit, || (runs(&home) >= n).then_some(()));
    assert!(passes(2).is_some(), "cron starts no passes: {}\n{}", cron.log(), home.read("checker.log"));
    assert_eq!(subjects(server, &name), Vec::<String>::new(), "a healthy target is no news");

    target.down();
    let down = server.wait_for("oncall", &format!("[{name}] DOWN: shop")).remove(0);
    let words = down.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("2 bad results in a row"), "{}", down.raw);
    assert_eq!(down.header("Auto-Submitted"), "auto-generated");
    let seen = runs(&home);
    assert!(passes(seen + 3).is_some());
    assert_eq!(subjects(server, &name).len(), 1, "it is told once");

    target.up();
    let up = server.wait_for("oncall", &format!("[{name}] UP: shop")).remove(0);
    assert_eq!(up.header("In-Reply-To"), down.header("Message-ID"));
    let seen = runs(&home);
    assert!(passes(seen + 2).is_some());
    assert_eq!(subjects(server, &name).len(), 2);
    assert_eq!(cron.mails(), Vec::<String>::new(), "a pass that goes well is silent");
}

fn runs(home: &crate::support::binary::Home) -> i64 {
    // The first pass may be making the state just now.
    if home.path("checker.db").exists() {
        home.db().query_row("SELECT count(*) FROM run", [], |r| r.get(0)).unwrap_or(0)
    } else {
        0
    }
}

#[test]
fn over_starttls() {
    dies_and_comes_back("starttls");
}

#[test]
fn over_implicit_tls() {
    dies_and_comes_back("tls");
}

/// As it is installed: one line, each minute, default settings. Three minutes.
#[test]
fn at_crons_own_pace() {
    if !need("postfix") || !need("cron") {
        return;
    }
    let server = mail::shared();
    let name = "own-pace";
    let mut target = Target::dead();
    let way = Way { port: server.ports.starttls, security: "starttls", pass: "pw-watch", to: "oncall@checker.test" };
    let home = home(name, &target, way, &server.ca.pem, "");
    let cron = Cron::start(&table(&home, ""));
    let minutes = Duration::from_secs(150);
    let down = wait_until(minutes, || subjects(server, name).first().cloned());
    assert!(
        down.as_ref().is_some_and(|s| s.starts_with("[own-pace] DOWN: shop")),
        "{down:?}\n{}\n{}",
        cron.log(),
        home.read("checker.log")
    );
    assert_eq!(runs(&home), 2, "it is told in the pass that reaches the threshold");
    target.up();
    let up = wait_until(minutes, || subjects(server, name).get(1).cloned());
    assert!(up.as_ref().is_some_and(|s| s.starts_with("[own-pace] UP: shop")), "{up:?}\n{}", home.read("checker.log"));
    assert_eq!(cron.mails(), Vec::<String>::new());
}
