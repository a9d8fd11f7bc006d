//! What a webhook makes of every answer.

use super::SECRET;
use super::hook::{Hook, Manner};
use crate::support::tls::Ca;
use checker::channel::webhook::{Template, Webhook};
use checker::decide::{Delivery, DeliveryState, Recipient, SendResult};
use checker::settings::Secret;
use checker_job::Timestamp;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use uuid::Uuid;

fn delivery() -> Delivery {
    let now = Timestamp::from_secs(1_777_000_000);
    Delivery {
        id: Uuid::from_u128(7),
        recipient: Recipient("phone".to_owned()),
        alerts: Vec::new(),
        subject: "[alpha] DOWN: straße".to_owned(),
        body: "It is down.\n".to_owned(),
        message_id: "<7@example.com>".to_owned(),
        in_reply_to: None,
        urgent: true,
        digest: false,
        created_at: now,
        attempts: 0,
        next_try: now,
        last_error: None,
        state: DeliveryState::Unsent,
    }
}

fn send_to(url: String, ca_file: Option<PathBuf>, within: Duration) -> SendResult {
    let mut webhook = Webhook::new("phone", "alpha", Template::Ntfy, Secret::new(url), ca_file);
    webhook.send(&delivery(), Instant::now() + within)
}

fn send(hook: &Hook) -> SendResult {
    send_to(format!("http://127.0.0.1:{}/{SECRET}/topic", hook.port), None, Duration::from_secs(5))
}

/// The words of a result, which never hold the secret.
#[track_caller]
fn said(result: &SendResult) -> (&'static str, String) {
    let (kind, words) = match result {
        SendResult::Accepted { answer } => ("accepted", answer),
        SendResult::Later { why } => ("later", why),
        SendResult::Refused { why } => ("refused", why),
    };
    assert!(!words.contains(SECRET) && !words.contains("127.0.0.1"), "{words}");
    (kind, words.clone())
}

#[test]
fn each_answer_has_its_meaning_and_its_remedy() {
    let echo = || format!("no such topic: /{SECRET}/topic, {SECRET}");
    let of = |status, head: &str, body: String| Manner::Says(status, head.to_owned(), body);
    for (manner, kind, words) in [
        (Manner::says("200 OK"), "accepted", "200 OK"),
        (Manner::says("204 No Content"), "accepted", "204 No Content"),
        (Manner::Endless("200 OK"), "accepted", "200 OK"),
        (of("429 Too Many Requests", "retry-after: 37\r\n", String::new()), "later", "it asks to wait: 37"),
        (of("500 Internal Server Error", "", echo()), "later", "the fault is on its side"),
        (Manner::Endless("503 Service Unavailable"), "later", "the fault is on its side"),
        (of("302 Found", "location: http://127.0.0.1:1/\r\n", String::new()), "later", "redirects are not followed"),
        (of("404 Not Found", "", echo()), "refused", "it was revoked or mistyped"),
        (of("403 Forbidden", "", echo()), "refused", "its address was revoked"),
        (of("400 Bad Request", "", "chat not found".to_owned()), "refused", "\"chat not found\""),
        (Manner::Garbage, "later", "the talk with it broke"),
        (Manner::Closes, "later", "the webhook \"phone\": "),
    ] {
        let hook = Hook::start(manner.clone());
        let (found, why) = said(&send(&hook));
        assert_eq!(found, kind, "{manner:?}: {why}");
        assert!(why.contains(words) && why.chars().count() < 400, "{manner:?}: {why}");
        assert_eq!(hook.got().len(), 1, "{manner:?}: sent once");
    }
}

#[test]
fn a_message_carries_what_makes_a_repeat_recognisable() {
    let hook = Hook::start(Manner::says("200 OK"));
    assert_eq!(said(&send(&hook)).0, "accepted");
    let got = &hook.got()[0];
    assert_eq!((got.line.as_str(), got.body.as_str()), (format!("POST /{SECRET}/topic").as_str(), "It is down."));
    assert_eq!(
        (got.head["idempotency-key"].as_str(), got.head["title"].as_str()),
        ("7@example.com", "[alpha] DOWN: straße")
    );
}

#[test]
fn nothing_that_answers_or_hangs_is_waited_for_longer_than_the_deadline() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
    let (kind, why) = said(&send_to(format!("http://127.0.0.1:{closed}/{SECRET}"), None, Duration::from_secs(5)));
    assert!(kind == "later" && why.contains("connection refused"), "{why}");
    let hook = Hook::start(Manner::Hangs);
    let begin = Instant::now();
    let (kind, why) =
        said(&send_to(format!("http://127.0.0.1:{}/{SECRET}", hook.port), None, Duration::from_millis(1_200)));
    assert!(kind == "later" && why.contains("no answer within 1 s"), "{why}");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}

#[test]
fn a_certificate_is_verified_and_an_own_authority_can_be_named() {
    let ca = Ca::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &ca.pem).expect("the authority");
    let (good, other) = (ca.identity("localhost"), ca.identity("other.example.com"));
    let send = |hook: &Hook, ca: Option<PathBuf>| {
        let url = format!("https://localhost:{}/{SECRET}/topic", hook.port);
        said(&send_to(url, ca, Duration::from_secs(10)))
    };
    let hook = Hook::with_tls(Manner::says("200 OK"), &good);
    assert_eq!(send(&hook, Some(file.clone())), ("accepted", "200 OK".to_owned()));
    let (kind, why) = send(&hook, None);
    assert!(kind == "later" && why.contains("certificate"), "{why}");
    let (kind, why) = send(&Hook::with_tls(Manner::says("200 OK"), &other), Some(file.clone()));
    assert!(kind == "later" && why.contains("certificate"), "{why}");
    let (kind, why) = send(&Hook::with_tls(Manner::says("200 OK"), &ca.expired("localhost")), Some(file.clone()));
    assert!(kind == "later" && why.contains("certificate"), "{why}");
    assert_eq!(hook.got().len(), 1, "nothing was said to a server that is not known");
    let plain = Hook::start(Manner::says("200 OK"));
    let (kind, why) = send(&plain, Some(file));
    assert!(kind == "later" && why.to_lowercase().contains("tls"), "{why}");
}
