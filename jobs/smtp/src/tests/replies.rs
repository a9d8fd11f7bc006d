//! What each answer of a server leads to.

use super::stub::{Script, run, run_for, scripted};
use crate::plan::{Login, Plan, Security};
use crate::talk::talk;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker_job::Verdict;
use checker_parts::hidden::{Hidden, Scrubber};
use checker_parts::probe::Limit;
use checker_parts::submission::Phase;
use checker_parts::tls::{Trust, server_name};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, duplex, split};
use tokio::time::timeout_at;

#[test]
fn a_talk_ends_before_anything_is_sent() {
    let (at, heard) = scripted(Script::new());
    let outcome = run(at, "rcpt_to = [\"a@b.example\", \"<c@b.example>\"]\nmail_from = \"me@b.example\"\n");
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert_eq!(outcome.summary, "stub.example answers, without TLS, takes mail for a@b.example; c@b.example");
    assert_eq!(&*outcome.metrics[0].label, "time");
    let heard = heard.lock().unwrap();
    assert!(heard[0].starts_with("EHLO "), "{heard:?}");
    let rest: Vec<&str> = heard[1..].iter().map(String::as_str).collect();
    let wanted = ["MAIL FROM:<me@b.example>", "RCPT TO:<a@b.example>", "RCPT TO:<c@b.example>", "QUIT"];
    assert_eq!(rest, wanted);
}

#[test]
fn without_recipients_nothing_is_asked() {
    let (at, heard) = scripted(Script::new());
    let outcome = run(at, "");
    assert_eq!((outcome.verdict, &*outcome.summary), (Verdict::Ok, "stub.example answers, without TLS"));
    assert_eq!(heard.lock().unwrap()[1..], ["QUIT".to_owned()]);
}

#[test]
fn each_answer_has_its_outcome() {
    let (a, b) = ("rcpt_to = \"a@b.example\"\n", "expect_refused = \"x@y.example\"\n");
    let to_be = [a, b].concat();
    let full = ("RCPT", "452 4.2.2 mailbox full\r\n");
    for (script, more, verdict, wanted) in [
        (("", "421 too busy\r\n"), "", Verdict::Failed, "greets with \"421 too busy\" (it is busy, or in trouble)"),
        (("", "554 go away\r\n"), "", Verdict::Failed, "(it wants nothing to do with this host's address)"),
        (("EHLO", "502 what?\r\n"), "", Verdict::Failed, "refuses EHLO: \"502 what?\""),
        (("EHLO", "421-4.7.0 closing\r\n421 bye\r\n"), "", Verdict::Failed, "ends the talk: \"421 4.7.0 closing bye\""),
        (
            ("RCPT", "550-5.1.1 no such\r\n550 5.1.1 user\r\n"),
            a,
            Verdict::Failed,
            "stub.example refuses mail for a@b.example: \"550 5.1.1 no such 5.1.1 user\"",
        ),
        (full, a, Verdict::Warning, "takes no mail for a@b.example for now: \"452 4.2.2 mailbox full\" (greylisting"),
        (("RCPT", "251 elsewhere\r\n"), a, Verdict::Ok, "takes mail for a@b.example"),
        (("MAIL", "553 no\r\n"), a, Verdict::Failed, "refuses mail from the empty sender: \"553 no\""),
        (("MAIL", "452 4.3.1 disk full\r\n"), b, Verdict::Warning, "takes no mail from the empty sender for now"),
        (("MAIL", "530 5.7.0 log in\r\n"), b, Verdict::Ok, "refuses mail for x@y.example"),
        (
            ("MAIL", "530 5.7.0 Must issue a STARTTLS command first\r\n"),
            b,
            Verdict::Failed,
            "refuses mail from the empty sender: \"530 5.7.0 Must issue a STARTTLS",
        ),
        (("MAIL", "530 5.7.0 log in\r\n"), a, Verdict::Failed, "refuses mail from the empty sender: \"530"),
        (("RCPT", "554 5.7.1 relay\r\n"), b, Verdict::Ok, "refuses mail for x@y.example"),
        (("RCPT", "454 4.7.1 relay\r\n"), b, Verdict::Ok, "refuses mail for x@y.example"),
        (
            ("RCPT", "250 sure\r\n"),
            b,
            Verdict::Failed,
            "stub.example is an OPEN RELAY: it takes mail for x@y.example from strangers: \"250 sure\"",
        ),
        (("RCPT TO:<x", "550 no\r\n"), &to_be, Verdict::Ok, "takes mail for a@b.example, refuses mail for x@y.example"),
        (("RCPT TO:<a", "450 no\r\n"), &to_be, Verdict::Failed, "OPEN RELAY"),
        (("RCPT", "250 \r\n354"), &to_be, Verdict::Failed, "does not answer as SMTP does"),
        (
            ("RCPT", "550-no\r\n250 yes\r\n"),
            &to_be,
            Verdict::Failed,
            "does not answer as SMTP does, but with \"250 yes\"",
        ),
        (("MAIL", ""), a, Verdict::Failed, "closed the connection"),
        // All is known by then.
        (("QUIT", ""), b, Verdict::Failed, "OPEN RELAY"),
        (("QUIT", "421 enough of you\r\n"), a, Verdict::Ok, "takes mail for a@b.example"),
    ] {
        let (at, _) = scripted(vec![script]);
        let outcome = run(at, more);
        assert_eq!(outcome.verdict, verdict, "{script:?} {outcome:?}");
        assert!(outcome.summary.contains(wanted), "{script:?} {}\nwanted {wanted}", outcome.summary);
    }
}

fn plan(pass: &str) -> Plan {
    let mut scrubber = Scrubber::default();
    scrubber.add(pass);
    Plan {
        security: Security::Tls,
        server_name: server_name("stub.example").unwrap(),
        host_name: "stub.example".to_owned(),
        trust: Arc::new(Trust::system(&[])),
        login: Some(Login { user: "me".to_owned(), pass: Hidden::from(pass.to_owned()) }),
        mail_from: String::new(),
        rcpt_to: Vec::new(),
        expect_refused: Vec::new(),
        scrubber,
    }
}

#[test]
fn a_server_that_does_not_do_is_left_politely() {
    for (script, security) in [
        (("", "421 too busy\r\n"), "none"),
        (("", "554 go away\r\n"), "starttls"),
        (("EHLO", "250 no TLS here\r\n"), "starttls"),
        (("EHLO", "502 what?\r\n"), "none"),
    ] {
        let (at, heard) = scripted(vec![script]);
        let outcome = run_for(&format!("address = \"{at}\"\nsecurity = \"{security}\"\n"), Duration::from_secs(20));
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        assert_eq!(heard.lock().unwrap().last().map(String::as_str), Some("QUIT"), "{script:?}");
    }
}

#[test]
fn a_goodbye_that_is_not_answered_takes_nothing_away() {
    // Less time than a goodbye may take. Where this machine is too busy even for the talk before it, another try will do.
    let judged = (0..10).any(|_| {
        let (mut ours, mut theirs) = duplex(1 << 16);
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            theirs.write_all(b"220 hi\r\n250 stub\r\n").await.unwrap();
            let limit = Limit::of(Duration::from_millis(400));
            let plan = Plan { login: None, ..plan("s3cret-word") };
            let mut phase = Phase::Connecting;
            let talked = timeout_at(limit.until, talk(&plan, &mut ours, false, &mut phase, &limit)).await;
            talked.is_ok_and(|talked| talked.unwrap().name == "stub")
        })
    });
    assert!(judged, "what is known is lost over a goodbye");
}

/// A login, with what the server offers and then answers in turn: what came of it, and what it has heard.
fn login(offers: &'static str, answers: &[&'static str]) -> (Result<String, String>, Vec<String>) {
    let (mut ours, theirs) = duplex(1 << 16);
    let answers: Vec<&str> = [offers].iter().chain(answers).copied().collect();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let server = tokio::spawn(async move {
            let (read, mut write) = split(theirs);
            let (mut lines, mut heard) = (BufReader::new(read).lines(), Vec::new());
            let mut answers = answers.into_iter();
            while let Ok(Some(line)) = lines.next_line().await {
                heard.push(line);
                write.write_all(answers.next().unwrap_or("221 bye\r\n").as_bytes()).await.ok();
            }
            heard
        });
        let limit = Limit::of(Duration::from_secs(20));
        let result = talk(&plan("s3cret-word"), &mut ours, true, &mut Phase::Handshake, &limit).await;
        drop(ours);
        (result.map(|t| t.name).map_err(|stop| stop.to_string()), server.await.unwrap())
    })
}

#[test]
fn logins_by_plain_and_by_login_are_spoken() {
    let (good, heard) = login("250-stub\r\n250-AUTH LOGIN PLAIN\r\n250 SIZE\r\n", &["235 fine\r\n"]);
    assert_eq!(good.as_deref(), Ok("stub"));
    assert_eq!(heard[1], format!("AUTH PLAIN {}", STANDARD.encode("\0me\0s3cret-word")));
    let (good, heard) =
        login("250-stub\r\n250 AUTH=LOGIN\r\n", &["334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n", "235 fine\r\n"]);
    assert_eq!(good.as_deref(), Ok("stub"));
    assert_eq!(heard[1..4], ["AUTH LOGIN".to_owned(), STANDARD.encode("me"), STANDARD.encode("s3cret-word")]);
    let (bad, heard) = login("250-stub\r\n250 AUTH LOGIN\r\n", &["504 not now\r\n"]);
    assert!(bad.unwrap_err().contains("refuses the login of \"me\": \"504 not now\""));
    assert_eq!(heard.len(), 3, "no password after a refusal: {heard:?}");
}

#[test]
fn each_refused_login_has_its_sentence_without_the_password() {
    let cut: &'static str = format!("{}s3cret-word\r\n", "x".repeat(195)).leak();
    for (offers, answer, wanted) in [
        ("250 stub\r\n", "", "offers no login at this port"),
        ("250-stub\r\n250 AUTH XOAUTH2 GSSAPI\r\n", "", "offers no login by PLAIN or LOGIN, only by XOAUTH2, GSSAPI"),
        (
            "250-stub\r\n250 AUTH PLAIN\r\n",
            "535 5.7.8 s3cret-word is wrong\r\n",
            "refuses the login of \"me\": \"535 5.7.8 (hidden) is wrong\"",
        ),
        (
            "250-stub\r\n250 AUTH PLAIN\r\n",
            "454 4.7.0 backend down\r\n",
            "cannot log anybody in now, the password is not at fault: \"454 4.7.0 backend down\"",
        ),
        // The words are cut in the middle of the password.
        ("250-stub\r\n250 AUTH PLAIN\r\n", cut, "does not answer as SMTP does, but with \"xxxx"),
        ("250-stub\r\n250 AUTH PLAIN\r\n", "235-s3cret-word\r\nand s3cret-word\r\n", "\"and (hidden)\""),
    ] {
        let (result, _) = login(offers, &[answer]);
        let why = result.unwrap_err();
        assert!(why.contains(wanted), "{why}\nwanted {wanted}");
        assert!(!why.contains("s3c"), "{why}");
    }
}
