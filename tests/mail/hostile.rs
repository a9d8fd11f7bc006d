//! Against servers that misbehave.

use super::{accepted, delivery, later, mailer, refused, send, server, with_login};
use crate::support::hostile::{Hostile, Manners};
use crate::support::tls::Ca;
use checker::channel::mail::Security;
use std::time::{Duration, Instant};

const TO: &str = "oncall@checker.test";

#[test]
fn a_server_that_hangs_holds_nobody_beyond_the_deadline() {
    let mute = Manners { greeting: None, ..Manners::default() };
    let dripping = Manners { drip: Some(Duration::from_millis(20)), ..Manners::default() };
    for (manners, words) in [(mute, "said nothing for"), (dripping, "did not come to the end of its greeting")] {
        let hostile = Hostile::start(manners);
        let mut mailer = mailer(&[server(hostile.port, Security::None)]);
        let started = Instant::now();
        let result = mailer.send(&delivery(TO, "s", "b"), started + Duration::from_millis(1_500));
        let took = started.elapsed();
        later(result, &[words]);
        assert!(took < Duration::from_millis(1_700), "{took:?}");
        // The rest of the drain need not find that out again.
        let result = mailer.send(&delivery(TO, "s", "b"), Instant::now() + Duration::from_secs(1));
        later(result, &[words]);
        assert!(started.elapsed() < took + Duration::from_millis(100));
    }
}

#[test]
fn a_hanging_server_leaves_time_for_its_fallback() {
    let hostile = Hostile::start(Manners { greeting: None, ..Manners::default() });
    let good = Hostile::start(Manners::default());
    let mut mailer = mailer(&[server(hostile.port, Security::None), server(good.port, Security::None)]);
    accepted(mailer.send(&delivery(TO, "s", "b"), Instant::now() + Duration::from_secs(2)));
    // And the next one goes to the one that works at once.
    let started = Instant::now();
    accepted(mailer.send(&delivery(TO, "s", "b"), started + Duration::from_secs(2)));
    assert!(started.elapsed() < Duration::from_millis(500));
    assert_eq!(good.seen(|s| (s.connections, s.texts.len())), (1, 2));
}

#[test]
fn an_answer_that_never_comes_after_the_text_means_a_repeat_with_the_same_message_id() {
    for (verdict, words) in [(Some(""), "it ended the connection"), (None, "it said nothing for")] {
        let hostile = Hostile::start(Manners { verdict, ..Manners::default() });
        let fallback = Hostile::start(Manners::default());
        let d = delivery(TO, "[alpha] once or twice", "text\n");
        let servers = [server(hostile.port, Security::None), server(fallback.port, Security::None)];
        for _ in 0..2 {
            let result = mailer(&servers).send(&d, Instant::now() + Duration::from_secs(2));
            later(result, &["whether mail server localhost:", "is not known", words, "same Message-ID"]);
        }
        let texts = hostile.seen(|s| s.texts.clone());
        assert_eq!(texts.len(), 2);
        assert_eq!(texts[0], texts[1], "a repeat has the same bytes");
        assert!(texts[0].contains(&format!("Message-ID: {}\r\n", d.message_id)), "{}", texts[0]);
        assert_eq!(fallback.seen(|s| s.connections), 0, "the message may be on its way already");
    }
}

#[test]
fn each_step_has_its_own_answer() {
    let at = |verb: &'static str, answer: &'static str| {
        let hostile = Hostile::start(Manners { answers: vec![(verb, answer)], ..Manners::default() });
        send(&mut mailer(&[server(hostile.port, Security::None)]), &delivery(TO, "s", "b"))
    };
    later(at("MAIL", "553 5.7.1 not owned\r\n"), &["refuses the sender watch@checker.test", "from under [email]"]);
    later(at("MAIL", "530 5.7.0 log in first\r\n"), &["wants a login first", "user and pass_file under [email.smtp]"]);
    later(at("RCPT", "450 4.2.1 greylisted\r\n"), &["refuses the recipient oncall@checker.test for now", "greylisted"]);
    later(at("RCPT", "421 4.3.2 going down\r\n"), &["did not come to a decision on the recipient", "going down"]);
    refused(at("RCPT", "554 5.7.1 never\r\n"), &["refuses the recipient oncall@checker.test", "never"]);
    later(at("DATA", "451 4.3.0 busy\r\n"), &["refuses the message to oncall@checker.test for now", "busy"]);
    refused(at("DATA", "554 5.5.1 no\r\n"), &["refuses the message"]);
    later(at("MAIL", "354 what\r\n"), &["answered out of turn"]);
    later(at("RCPT", "354 what\r\n"), &["answered out of turn"]);
    later(at("DATA", "250 what\r\n"), &["answered out of turn"]);
    later(at("RCPT", ""), &["it ended the connection"]);
    later(at("EHLO", ""), &["ended the connection before it had answered"]);
    later(at("EHLO", "502 5.5.2 HELO please\r\n"), &["does not want to talk to us", "502"]);
    // A line that panics the library below.
    later(at("EHLO", "250-hostile\r\n250-  \r\n250 8BITMIME\r\n"), &["broke off inside Checker"]);
}

#[test]
fn a_text_may_be_refused_for_now_or_for_good() {
    let after = |verdict: &'static str| {
        let hostile = Hostile::start(Manners { verdict: Some(verdict), ..Manners::default() });
        send(&mut mailer(&[server(hostile.port, Security::None)]), &delivery(TO, "s", "b"))
    };
    later(after("452 4.3.1 disk full\r\n"), &["for now", "disk full"]);
    refused(after("550-5.7.1 looks like\r\n550 5.7.1 spam\r\n"), &["looks like spam"]);
    later(after("354 go on\r\n"), &["is not known", "answered out of turn"]);
}

#[test]
fn a_greeting_that_is_none() {
    for (greeting, words) in [
        ("554 5.7.1 your address is listed\r\n", "does not want to talk to us"),
        ("421 4.7.0 too busy\r\n", "takes no mail at the moment"),
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "does not talk as a mail server does"),
        ("", "said nothing for"),
    ] {
        let hostile = Hostile::start(Manners { greeting: Some(greeting), ..Manners::default() });
        let mut mailer = mailer(&[server(hostile.port, Security::None)]);
        later(mailer.send(&delivery(TO, "s", "b"), Instant::now() + Duration::from_millis(800)), &[words]);
    }
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_made_anew() {
    let hostile = Hostile::start(Manners { messages: 2, ..Manners::default() });
    let mut mailer = mailer(&[server(hostile.port, Security::None)]);
    for _ in 0..5 {
        accepted(send(&mut mailer, &delivery(TO, "s", "b")));
    }
    assert_eq!(hostile.seen(|s| (s.connections, s.texts.len())), (3, 5));
}

#[test]
fn certificates_of_other_names_and_other_times() {
    let ca = Ca::new();
    for (identity, words) in [
        (ca.identity("elsewhere.test"), "certificate is for another name (elsewhere.test)"),
        (ca.expired("localhost"), "certificate has expired"),
    ] {
        let hostile = Hostile::start(Manners { starttls: Some(identity), ..Manners::default() });
        let server = with_login(server(hostile.port, Security::Starttls), "pw-secret", &ca.pem);
        later(send(&mut mailer(&[server]), &delivery(TO, "s", "b")), &["nothing was sent", words]);
        let commands = hostile.seen(|s| s.commands.clone());
        assert!(commands.iter().all(|c| !c.starts_with("AUTH") && !c.starts_with("MAIL")), "{commands:?}");
    }
}

#[test]
fn answers_put_into_the_plain_part_before_tls_are_not_believed() {
    let ca = Ca::new();
    for injected in
        ["250 forged\r\n", "250 forged\r\n250 forged\r\n", "250 a\r\n250 b\r\n250 c\r\n354 d\r\n250 queued\r\n"]
    {
        let identity = Some(ca.identity("localhost"));
        let hostile = Hostile::start(Manners { starttls: identity, injected, ..Manners::default() });
        let mut server = server(hostile.port, Security::Starttls);
        server.ca = Some(ca.pem.as_bytes().to_vec());
        let result = send(&mut mailer(&[server]), &delivery(TO, "s", "b"));
        later(result, &["mail server localhost"]);
        assert_eq!(hostile.seen(|s| s.texts.len()), 0);
    }
}

#[test]
fn a_server_that_repeats_our_password_does_not_get_it_into_messages() {
    let ca = Ca::new();
    let answers = vec![("AUTH", "535 5.7.8 no: pw-secret AHdhdGNoQGNoZWNrZXIudGVzdABwdy1zZWNyZXQ=\r\n")];
    let ehlo = Some("250 AUTH PLAIN LOGIN\r\n");
    let hostile =
        Hostile::start(Manners { answers, ehlo, starttls: Some(ca.identity("localhost")), ..Manners::default() });
    let server = with_login(server(hostile.port, Security::Starttls), "pw-secret", &ca.pem);
    assert!(!format!("{server:?}").contains("pw-secret"));
    let result = send(&mut mailer(&[server]), &delivery(TO, "s", "b"));
    assert!(!format!("{result:?}").contains("AHdhdGNo"), "{result:?}");
    later(result, &["refuses the login", "no: [secret] [secret]"]);
    assert!(hostile.seen(|s| s.commands.iter().any(|c| c.starts_with("AUTH PLAIN AHdhdGNo"))));
}

#[test]
fn a_name_that_does_not_resolve() {
    let mut server = server(25, Security::None);
    server.host = "mail.invalid".into();
    let started = Instant::now();
    let result = mailer(&[server]).send(&delivery(TO, "s", "b"), started + Duration::from_secs(2));
    later(result, &["the address of mail server mail.invalid:25 could not be found", "[email.smtp]"]);
    assert!(started.elapsed() < Duration::from_millis(2_200));
}
