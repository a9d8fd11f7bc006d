//! Resolvers that do not resolve.

use super::Watch;
use crate::support::binary::{Home, clocked, done, has_faketime, usual, utc};
use crate::support::dns::{Manner, Resolver};
use crate::support::mail::{self, MailServer};
use crate::support::need;
use crate::support::network::wrapped;
use std::net::TcpListener;
use std::time::Duration;

fn ready() -> bool {
    need("namespaces") && has_faketime()
}

fn job(port: u16) -> String {
    format!(
        "[defaults]\nfailure_threshold = 1\ntimeout = \"2s\"\n\n[[job.tcp]]\nname = \"shop\"\naddress = \
         \"shop.example.org:{port}\"\n\n[[job.http]]\nname = \"web\"\nurl = \"http://www.example.org/\"\n\n[[job.tcp]]\nname = \
         \"number\"\naddress = \"127.0.0.1:{port}\"\n"
    )
}

#[test]
fn a_resolver_that_fails_is_one_message_by_a_real_mail_server_and_its_end_one() {
    if !ready() || !need("postfix") {
        return;
    }
    let server: &MailServer = mail::shared();
    let name = "dead-resolver";
    let resolver = Resolver::start(Manner::Answers);
    let shop = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = shop.local_addr().unwrap().port();
    let web = "[[job.http]]\nname = \"web\"\nurl = \"http://www.example.org/\"\n\n";
    let home = Home::new(&format!("{}{}", by_mail(name, server), job(port).replace(web, "")));
    let mut now = utc("2026-06-01 10:00:05");
    let mut pass = || {
        now = now.plus(Duration::from_secs(60));
        done(&resolver.used_by(&clocked(&home.command(&["cron"]), now)).output().unwrap()).ended(0);
    };
    pass();
    resolver.set(Manner::Silent);
    pass();
    resolver.set(Manner::Fails);
    for _ in 0..11 {
        pass();
    }
    server.wait_for("oncall", &format!("[{name}] CHECKER ITSELF: network"));
    assert_eq!(subjects(server, name).len(), 1, "{:?}", subjects(server, name));
    drop(shop);
    resolver.set(Manner::Answers);
    pass();
    server.wait_for("oncall", &format!("[{name}] SOLVED: network"));
    server.wait_for("oncall", &format!("[{name}] DOWN: shop"));
    server.wait_for("oncall", &format!("[{name}] DOWN: number"));
    assert_eq!(subjects(server, name).len(), 4, "{:?}", subjects(server, name));
}

#[test]
fn a_name_that_does_not_exist_is_the_targets_fault() {
    if !ready() {
        return;
    }
    let resolver = Resolver::start(Manner::NoSuchName);
    let place = |c: &_| resolver.used_by(c);
    let home = Home::new(&usual(&job(9)));
    let mut w = Watch { home, now: utc("2026-06-01 10:00:05"), place: &place };
    w.pass();
    let told = w.home.subjects();
    for name in ["shop", "web", "number"] {
        assert_eq!(w.told(&format!("DOWN: {name}")).len(), 1, "{told:?}");
    }
    assert_eq!(told.len(), 3, "{told:?}");
    // Then the resolver falls silent: those who failed stay what they are, and nobody is told twice.
    resolver.set(Manner::Silent);
    w.passes(2);
    assert_eq!(w.told("CHECKER ITSELF: network: the resolver").len(), 1, "{:?}", w.home.subjects());
    assert_eq!(w.home.subjects().len(), 4, "{:?}", w.home.subjects());
    resolver.set(Manner::NoSuchName);
    w.pass();
    assert_eq!(w.told("SOLVED").len(), 1);
    assert_eq!(w.home.subjects().len(), 5, "{:?}", w.home.subjects());
}

#[test]
fn an_outage_that_holds_the_mail_too_is_one_message_afterwards() {
    if !ready() || !need("postfix") {
        return;
    }
    let server = mail::shared();
    let name = "mail-held-too";
    let resolver = Resolver::start(Manner::Answers);
    let shop = TcpListener::bind("127.0.0.1:0").unwrap();
    let jobs = format!(
        "[defaults]\nfailure_threshold = 1\n\n[[job.tcp]]\nname = \"shop\"\naddress = \"shop.example.org:{}\"\n",
        shop.local_addr().unwrap().port()
    );
    let home = Home::new(&format!("{}{jobs}", by_mail(name, server)));
    let mut now = utc("2026-06-01 10:00:05");
    let mut pass = |outage: bool, code: i32| {
        now = now.plus(Duration::from_secs(60));
        let command = resolver.used_by(&clocked(&home.command(&["cron"]), now));
        let before: &[&str] = if outage { &["/usr/bin/unshare", "--net"] } else { &["/usr/bin/env"] };
        done(&wrapped(&command, before).output().unwrap()).ended(code);
    };
    pass(false, 0);
    for _ in 0..5 {
        pass(true, 75);
    }
    for _ in 0..3 {
        pass(false, 0);
    }
    let told = subjects(server, name);
    assert!(told.len() == 1 && told[0].contains("SOLVED: network"), "{told:?}");
    let mail = server.wait_for("oncall", &format!("[{name}] SOLVED: network")).remove(0);
    assert!(mail.text.contains("5 bad results") && mail.text.contains("the resolver"), "{}", mail.text);
}

fn subjects(server: &MailServer, name: &str) -> Vec<String> {
    let subjects = server.mailbox("oncall").into_iter().map(|m| m.header("Subject"));
    subjects.filter(|s| s.starts_with(&format!("[{name}]"))).collect()
}

/// Settings that mail by the real server.
fn by_mail(name: &str, server: &MailServer) -> String {
    format!(
        "[general]\nservername = \"{name}\"\nalertcontact = \"oncall@checker.test\"\ntimezone = \"UTC\"\n\n[email]\nfrom = \
         \"watch@checker.test\"\n\n[email.smtp]\nhost = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\n\n",
        server.ports.plain
    )
}
