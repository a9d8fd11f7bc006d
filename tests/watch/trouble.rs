//! Mail in trouble: what is decided is kept, told once when it can be, and the pass says so.

use super::{Target, Way, home, subjects};
use crate::support::binary::{Home, has_faketime};
use crate::support::hostile::{Hostile, Manners};
use crate::support::mail::{self, MailServer};
use crate::support::need;
use checker_job::Timestamp;
use std::time::{Duration, Instant};

/// Mail is kept: `EX_TEMPFAIL`.
const KEPT: i32 = 75;
const ONCE: &str = "failure_threshold = 1";

fn way(server: &MailServer) -> Way<'static> {
    Way { port: server.ports.starttls, security: "starttls", pass: "pw-watch", to: "oncall@checker.test" }
}

/// A minute for each call. Certificates are of today, so the clock is only moved by minutes.
struct Clock(Timestamp);

impl Clock {
    fn now() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Self(Timestamp::from_secs(i64::try_from(now.as_secs()).unwrap() / 60 * 60 + 1))
    }

    fn minute(&mut self) -> Timestamp {
        self.0 = self.0.plus(Duration::from_secs(60));
        self.0
    }
}

/// One pass a minute later; the answer is what stderr said.
#[track_caller]
fn pass(home: &Home, clock: &mut Clock, code: i32) -> String {
    home.run_at(clock.minute(), &["cron"]).ended(code).err
}

fn ready() -> bool {
    need("postfix") && has_faketime()
}

#[test]
fn a_wrong_password_is_said_and_what_was_kept_is_told_when_it_is_mended() {
    if !ready() {
        return;
    }
    let (server, name, target, mut clock) = (mail::shared(), "wrong-password", Target::dead(), Clock::now());
    let home = home(name, &target, Way { pass: "not-this-one", ..way(server) }, &server.ca.pem, ONCE);
    let said = pass(&home, &mut clock, KEPT);
    assert!(said.contains("login") && said.contains("pass"), "{said}");
    assert!(!said.contains("not-this-one"), "{said}");
    assert_eq!(pass(&home, &mut clock, KEPT), "", "stderr speaks once an hour, because cron mails it");
    let status = home.run(&["status"]).ended(0).out;
    assert!(status.contains("MAIL DOES NOT LEAVE") && status.contains("kept for oncall@checker.test"), "{status}");
    assert_eq!(subjects(server, name), Vec::<String>::new());
    home.write("mail.secret", "pw-watch");
    for _ in 0..4 {
        home.run_at(clock.minute(), &["cron"]);
    }
    server.wait_for("oncall", &format!("[{name}] DOWN: shop"));
    pass(&home, &mut clock, 0);
    assert_eq!(subjects(server, name).len(), 1, "once");
    assert!(!home.run(&["status"]).ended(0).out.contains("MAIL DOES NOT LEAVE"));
}

#[test]
fn a_certificate_that_nobody_vouches_for_gets_no_mail() {
    if !ready() {
        return;
    }
    let (server, name, target, mut clock) = (mail::shared(), "wrong-certificate", Target::dead(), Clock::now());
    let stranger = crate::support::tls::Ca::new();
    let home = home(name, &target, way(server), &stranger.pem, ONCE);
    let said = pass(&home, &mut clock, KEPT);
    assert!(said.contains("certificate"), "{said}");
    home.write("ca.pem", &server.ca.pem);
    for _ in 0..3 {
        home.run_at(clock.minute(), &["cron"]);
    }
    server.wait_for("oncall", &format!("[{name}] DOWN: shop"));
    assert_eq!(subjects(server, name).len(), 1);
}

#[test]
fn a_server_that_is_down_for_three_passes_gets_it_later_and_once() {
    if !ready() {
        return;
    }
    let mut server = MailServer::start();
    let (name, target, mut clock) = ("server-down", Target::dead(), Clock::now());
    let home = home(name, &target, way(&server), &server.ca.pem, ONCE);
    server.down();
    for _ in 0..3 {
        pass(&home, &mut clock, KEPT);
    }
    assert!(server.up(), "the server comes back: {}", server.log());
    let mut told_after = 0;
    while home.run_at(clock.minute(), &["cron"]).code != 0 {
        told_after += 1;
        assert!(told_after < 5, "{}\n{}", home.run(&["status"]).out, server.log());
    }
    server.wait_for("oncall", &format!("[{name}] DOWN: shop"));
    for _ in 0..3 {
        pass(&home, &mut clock, 0);
    }
    assert_eq!(subjects(&server, name).len(), 1);
}

#[test]
fn down_and_up_that_both_waited_are_one_message() {
    if !ready() {
        return;
    }
    let mut server = MailServer::start();
    let (name, mut target, mut clock) = ("both-waited", Target::dead(), Clock::now());
    let home = home(name, &target, way(&server), &server.ca.pem, ONCE);
    server.down();
    pass(&home, &mut clock, KEPT);
    target.up();
    pass(&home, &mut clock, KEPT);
    assert!(server.up(), "{}", server.log());
    for _ in 0..4 {
        home.run_at(clock.minute(), &["cron"]);
    }
    let told = subjects(&server, name);
    assert_eq!(told.len(), 1, "{told:?}\n{}\n{}", home.run(&["status"]).out, server.log());
    assert!(told[0].contains("UP") || told[0].contains("was down"), "{told:?}");
}

#[test]
fn a_recipient_refused_for_now_gets_it_later_and_for_good_is_shown_and_blocks_nobody() {
    if !ready() {
        return;
    }
    let (server, target, mut clock) = (mail::shared(), Target::dead(), Clock::now());
    for (to, code, shown) in [("defer", "450", "kept for defer@"), ("refuse", "554", "refused for refuse@")] {
        let name = format!("to-{to}");
        let address = format!("{to}@checker.test\", \"oncall@checker.test");
        let home = home(&name, &target, Way { to: &address, ..way(server) }, &server.ca.pem, ONCE);
        let text = home.read("settings.cfg").replace("alertcontact = ", "alertcontact = [").replacen(
            "oncall@checker.test\"\n",
            "oncall@checker.test\"]\n",
            1,
        );
        home.settings(&text);
        let said = pass(&home, &mut clock, KEPT);
        assert!(said.contains(code), "{said}");
        let status = home.run(&["status"]).ended(0).out;
        assert!(status.contains(shown), "{status}");
        server.wait_for("oncall", &format!("[{name}] DOWN: shop"));
        assert_eq!(subjects(server, &name).len(), 1, "the other recipient is told all the same");
    }
}

#[test]
fn a_server_that_never_greets_and_one_that_drops_the_message_hold_up_no_pass_and_lose_nothing() {
    if !ready() {
        return;
    }
    let never = Manners { greeting: None, ..Manners::default() };
    let drops = Manners { verdict: Some(""), ..Manners::default() };
    for (name, manners) in [("never-greets", never), ("drops-data", drops)] {
        let hostile = Hostile::start(manners);
        let (target, mut clock) = (Target::dead(), Clock::now());
        let bad = Way { port: hostile.port, security: "none", pass: "", to: "oncall@checker.test" };
        let home = home(name, &target, bad, "", ONCE);
        let started = Instant::now();
        let said = pass(&home, &mut clock, KEPT);
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
        assert!(!said.is_empty());
        assert!(home.run(&["status"]).ended(0).out.contains("kept for oncall@"), "{said}");
        let first = hostile.seen(|s| s.texts.clone());
        drop(hostile);
        let good = mail::shared();
        let text = home.read("settings.cfg");
        let port = text.lines().find(|l| l.starts_with("port = ")).unwrap().to_owned();
        home.settings(&text.replace(&port, &format!("port = {}", good.ports.plain)));
        for _ in 0..3 {
            home.run_at(clock.minute(), &["cron"]);
        }
        let told = good.wait_for("oncall", &format!("[{name}] DOWN: shop"));
        assert_eq!(told.len(), 1);
        if let Some(first) = first.first() {
            let id = told[0].header("Message-ID");
            assert!(first.contains(&id), "a repeat carries the same Message-ID: {id} in {first}");
        }
    }
}
