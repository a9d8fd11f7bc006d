//! Against Postfix and Dovecot.

use super::{accepted, contains, delivery, later, mailer, refused, send, server, settings, with_login};
use crate::support::mail::{MailServer, shared};
use crate::support::{free_ports, need, tls::Ca};
use checker::channel::mail::{Mailer, Security, Transport};
use std::time::{Duration, Instant};

#[test]
fn starttls_and_implicit_tls_with_an_own_authority() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    for (port, security) in [(real.ports.starttls, Security::Starttls), (real.ports.tls, Security::Tls)] {
        let mut mailer = mailer(&[with_login(server(port, security), "pw-watch", &real.ca.pem)]);
        let d = delivery("oncall@checker.test", "[alpha] DOWN: web: refused", "DOWN: web: refused\n");
        let answer = accepted(send(&mut mailer, &d));
        assert!(answer.starts_with("250 2.0.0 Ok"), "{answer}");
        let mails = real.wait_for("oncall", &d.id.to_string());
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].header("Subject"), d.subject);
        assert_eq!(mails[0].text, d.body);
        let received = mails[0].all("received").join("\n");
        // ESMTP with (S)TLS and (A)uthentication.
        assert!(received.contains("with ESMTPSA"), "{received}");
    }
}

#[test]
fn plain_without_login_and_one_connection_for_a_drain() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let mut mailer = mailer(&[server(real.ports.plain, Security::None)]);
    let good = delivery("oncall@checker.test", "[alpha] one", "one\n");
    accepted(send(&mut mailer, &good));
    refused(send(&mut mailer, &delivery("refuse@checker.test", "s", "b")), &["554", "not here", "refuse@checker.test"]);
    later(send(&mut mailer, &delivery("defer@checker.test", "s", "b")), &["450", "come again"]);
    refused(send(&mut mailer, &delivery("nobody@checker.test", "s", "b")), &["550", "nobody@checker.test"]);
    refused(send(&mut mailer, &delivery("x@elsewhere.test", "s", "b")), &["554", "Relay access denied"]);
    refused(send(&mut mailer, &delivery("no address", "s", "b")), &["is no mail address", "alertcontact"]);
    let last = delivery("oncall@checker.test", "[alpha] two", "two\n");
    accepted(send(&mut mailer, &last));
    real.wait_for("oncall", &last.id.to_string());
    let (one, two) = (real.wait_for("oncall", &good.id.to_string()), real.wait_for("oncall", &last.id.to_string()));
    assert_eq!((one.len(), two.len()), (1, 1));
}

#[test]
fn a_wrong_password_is_told_clearly_and_nothing_is_lost() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let d = delivery("oncall@checker.test", "[alpha] kept", "kept\n");
    let right = with_login(server(real.ports.starttls, Security::Starttls), "pw-watch", &real.ca.pem);
    let wrong = with_login(right.clone(), "wrong-password", &real.ca.pem);
    let words = [
        "refuses the login of \"watch@checker.test\"",
        "535",
        "Mend user, or pass_file (or pass), under [email.smtp]; Gmail and Microsoft 365 want token_command",
    ];
    later(send(&mut mailer(std::slice::from_ref(&wrong)), &d), &words);
    let why = mailer(std::slice::from_ref(&wrong)).probe().unwrap_err();
    contains(&why, &words);
    // A fallback that can log in carries it.
    accepted(send(&mut mailer(&[wrong, right]), &d));
    assert_eq!(real.wait_for("oncall", &d.id.to_string()).len(), 1);
    let mut anonymous = server(real.ports.tls, Security::Tls);
    anonymous.ca = Some(real.ca.pem.as_bytes().to_vec());
    refused(send(&mut mailer(&[anonymous]), &d), &["554", "Access denied"]);
}

#[test]
fn certificates_that_are_not_good() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    for (port, security) in [(real.ports.starttls, Security::Starttls), (real.ports.tls, Security::Tls)] {
        let d = delivery("oncall@checker.test", "[alpha] never", "never\n");
        let good = with_login(server(port, security), "pw-watch", &real.ca.pem);
        let mut unknown = good.clone();
        unknown.ca = None;
        let words = ["signed by an authority that this machine does not know", "ca_file", "nothing was sent"];
        later(send(&mut mailer(&[unknown]), &d), &words);
        let another = with_login(good.clone(), "pw-watch", &Ca::new().pem);
        later(send(&mut mailer(&[another]), &d), &["signed by another authority", "ca_file", "nothing was sent"]);
        let mut other = good.clone();
        other.host = "127.0.0.1".into();
        later(
            send(&mut mailer(&[other]), &d),
            &["certificate is for another name", "localhost", "Use such a name as host"],
        );
        let mut broken = good;
        broken.ca = Some(b"-----BEGIN RUBBISH-----".to_vec());
        later(send(&mut mailer(&[broken]), &d), &["ca_file under [email.smtp] holds no certificate"]);
        assert!(real.mailbox("oncall").iter().all(|m| !m.raw.contains(&d.id.to_string())));
    }
}

#[test]
fn ports_and_protection_that_do_not_fit() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let d = delivery("oncall@checker.test", "[alpha] never", "never\n");
    let try_with = |port, security| {
        let mut mailer = mailer(&[with_login(server(port, security), "pw-watch", &real.ca.pem)]);
        mailer.send(&d, Instant::now() + Duration::from_secs(2))
    };
    later(try_with(real.ports.plain, Security::Starttls), &["offers no STARTTLS", "never goes on in the clear"]);
    later(try_with(real.ports.plain, Security::Tls), &["did not agree on TLS", "set security = \"starttls\""]);
    later(try_with(real.ports.starttls, Security::None), &["would cross the network in the clear"]);
    later(try_with(real.ports.tls, Security::Starttls), &["said nothing for", "set security = \"tls\""]);
}

#[test]
fn a_server_that_is_down_for_a_while() {
    if !need("postfix") {
        return;
    }
    let mut real = MailServer::start();
    let with_login = with_login(server(real.ports.starttls, Security::Starttls), "pw-watch", &real.ca.pem);
    let mut mailer = mailer(&[with_login]);
    let d = delivery("oncall@checker.test", "[alpha] patience", "patience\n");
    let before = delivery("oncall@checker.test", "[alpha] before", "before\n");
    accepted(send(&mut mailer, &before));
    real.down();
    for _ in 0..3 {
        later(send(&mut mailer, &d), &["refuses the connection: nothing listens there"]);
    }
    assert!(real.up(), "{}", real.log());
    accepted(send(&mut mailer, &d));
    assert_eq!(real.wait_for("oncall", &d.id.to_string()).len(), 1);
}

#[test]
fn fallbacks_in_their_order_but_not_after_a_refusal() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let [closed] = free_ports();
    let servers = [server(closed, Security::None), server(real.ports.plain, Security::None)];
    let d = delivery("watch@checker.test", "[alpha] by the second", "two\n");
    accepted(send(&mut mailer(&servers), &d));
    assert_eq!(real.wait_for("watch", &d.id.to_string()).len(), 1);
    let reversed = [server(real.ports.plain, Security::None), server(closed, Security::None)];
    let result = send(&mut mailer(&reversed), &delivery("refuse@checker.test", "s", "b"));
    refused(result, &["554"]);
    later(send(&mut mailer(&[servers[0].clone(), servers[0].clone()]), &d), &["And the next one: "]);
}

#[test]
fn the_probe_says_what_it_found_of_each_server() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let tls = with_login(server(real.ports.tls, Security::Tls), "pw-watch", &real.ca.pem);
    let found = mailer(&[tls.clone(), server(real.ports.plain, Security::None)]).probe().unwrap();
    let wanted = format!(
        "mail server localhost:{}: TLS verified, logged in as watch@checker.test\n\
         mail server localhost:{}: no TLS, no login",
        real.ports.tls, real.ports.plain
    );
    assert_eq!(found, wanted);
    let [closed] = free_ports();
    let why = mailer(&[tls, server(closed, Security::None)]).probe().unwrap_err();
    contains(&why, &["TLS verified", "refuses the connection"]);
}

#[test]
fn threads_as_the_mailbox_shows_them() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let mut mailer = mailer(&[server(real.ports.plain, Security::None)]);
    let down = delivery("watch@checker.test", "[alpha] DOWN: web: refused", "down\n");
    let mut up = delivery("watch@checker.test", "[alpha] UP: web: fine", "up\n");
    up.in_reply_to = Some(down.message_id.clone());
    accepted(send(&mut mailer, &down));
    accepted(send(&mut mailer, &up));
    let first = real.wait_for("watch", &format!("X-Checker-Delivery: {}", down.id)).remove(0);
    let second = real.wait_for("watch", &format!("X-Checker-Delivery: {}", up.id)).remove(0);
    assert_eq!(first.header("Message-ID"), down.message_id);
    assert!(first.all("in-reply-to").is_empty() && first.all("references").is_empty());
    assert_eq!(second.header("In-Reply-To"), down.message_id);
    assert_eq!(second.header("References"), down.message_id);
    assert_eq!(second.header("From"), "\"Checker on alpha\" <watch@checker.test>");
    assert_eq!(second.header("To"), "watch@checker.test");
    assert_eq!(second.header("Auto-Submitted"), "auto-generated");
    assert_eq!(second.header("X-Auto-Response-Suppress"), "All");
    assert_eq!(second.header("Date"), "Sun, 01 Mar 2026 10:00:00 +0000");

    let mut apart = settings(Transport::Smtp(vec![server(real.ports.plain, Security::None)]));
    apart.bust_gmail_threading = true;
    let mut again = delivery("watch@checker.test", "[alpha] UP: web: fine", "up\n");
    again.in_reply_to = Some(down.message_id.clone());
    accepted(send(&mut Mailer::new(apart), &again));
    let third = real.wait_for("watch", &format!("X-Checker-Delivery: {}", again.id)).remove(0);
    assert!(third.all("in-reply-to").is_empty() && third.all("references").is_empty());
    let number = again.id.as_u128() % 1_000_000_000;
    assert_eq!(third.header("Subject"), format!("[alpha] UP: web: fine ({number})"));
}

#[test]
fn what_a_job_says_cannot_become_a_header_and_arrives_as_it_is() {
    if !need("postfix") {
        return;
    }
    let real = shared();
    let mut mailer = mailer(&[server(real.ports.plain, Security::None)]);
    let subject = "[alpha] DOWN: web\r\nBcc: oncall@checker.test\r\n\r\nforged";
    let body = "first\r\n.\r\nMAIL FROM:<x@y>\n.\n..two dots\nFrom here\nÄrger mit Grüßen 🚨, and a long line: ";
    let body = format!("{body}{}\n", "ü".repeat(3_000));
    let evil = delivery("watch@checker.test", subject, &body);
    accepted(send(&mut mailer, &evil));
    let mail = real.wait_for("watch", &format!("X-Checker-Delivery: {}", evil.id)).remove(0);
    assert!(mail.all("bcc").is_empty());
    assert_eq!(mail.header("Subject"), "[alpha] DOWN: web  Bcc: oncall@checker.test    forged");
    assert_eq!(mail.text.trim_end(), body.replace("\r\n", "\n").trim_end());
    let emoji = delivery("watch@checker.test", "[älpha] DOWN: 🚨 Zürich: Übertragung gestört 北京", "日本語\n");
    accepted(send(&mut mailer, &emoji));
    let mail = real.wait_for("watch", &format!("X-Checker-Delivery: {}", emoji.id)).remove(0);
    assert_eq!(mail.header("Subject"), emoji.subject);
    assert_eq!(mail.text.trim_end(), emoji.body.trim_end());
    assert!(real.mailbox("oncall").iter().all(|m| !m.raw.contains(&evil.id.to_string())));
}
