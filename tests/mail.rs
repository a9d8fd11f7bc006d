//! Mail on real servers, on hostile ones, by programs and as files.

mod compose;
mod cron;
mod hostile;
mod local;
mod real;
mod token;

use checker::channel::mail::{Login, MailSettings, Mailer, Security, Server, Transport, message_id};
use checker::decide::{Delivery, DeliveryState, Recipient, SendResult};
use checker_job::Timestamp;
use checker_parts::mailbox::Password;
use std::time::{Duration, Instant};
use uuid::Uuid;

const FROM: &str = "watch@checker.test";

fn server(port: u16, security: Security) -> Server {
    Server { host: "localhost".into(), port, security, login: None, ca: None, table: "[email.smtp]".into() }
}

fn with_login(mut server: Server, pass: &str, ca: &str) -> Server {
    server.login = Some(Login { user: FROM.into(), by: Password::new(pass).into() });
    server.ca = Some(ca.as_bytes().to_vec());
    server
}

fn settings(transport: Transport) -> MailSettings {
    MailSettings {
        from: FROM.into(),
        servername: "alpha".into(),
        transport,
        timeout: Duration::from_secs(5),
        deadline: Duration::from_secs(20),
        bust_gmail_threading: false,
    }
}

fn mailer(servers: &[Server]) -> Mailer {
    Mailer::new(settings(Transport::Smtp(servers.to_vec())))
}

fn delivery(to: &str, subject: &str, body: &str) -> Delivery {
    let id = Uuid::now_v7();
    Delivery {
        id,
        recipient: Recipient(to.into()),
        alerts: Vec::new(),
        subject: subject.into(),
        body: body.into(),
        message_id: message_id(id, FROM),
        in_reply_to: None,
        urgent: true,
        digest: false,
        created_at: Timestamp::from_secs(1_772_359_200),
        attempts: 0,
        next_try: Timestamp::from_secs(0),
        last_error: None,
        state: DeliveryState::Unsent,
    }
}

fn send(mailer: &mut Mailer, delivery: &Delivery) -> SendResult {
    mailer.send(delivery, Instant::now() + Duration::from_secs(15))
}

#[track_caller]
fn accepted(result: SendResult) -> String {
    match result {
        SendResult::Accepted { answer } => answer,
        other => panic!("not accepted: {other:?}"),
    }
}

/// It is to be tried later, and what is said of it contains all of `words`.
#[track_caller]
fn later(result: SendResult, words: &[&str]) {
    let SendResult::Later { why } = result else { panic!("not later: {result:?}") };
    contains(&why, words);
}

#[track_caller]
fn refused(result: SendResult, words: &[&str]) {
    let SendResult::Refused { why } = result else { panic!("not refused: {result:?}") };
    contains(&why, words);
}

#[track_caller]
fn contains(why: &str, words: &[&str]) {
    for word in words {
        assert!(why.contains(word), "no {word:?} in: {why}");
    }
    assert!(!why.contains("pw-") && !why.contains("wrong-"), "a password in: {why}");
}
