//! The bytes of a mail, whatever is put into it.

use super::{delivery, settings};
use crate::support::parse::ParsedMail;
use checker::channel::mail::{MailSettings, Transport, compose, message_id};
use proptest::prelude::*;
use std::path::PathBuf;
use uuid::Uuid;

fn some_settings() -> MailSettings {
    settings(Transport::File { folder: PathBuf::new() })
}

/// Text with everything in it that might break a mail.
fn nasty() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        any::<String>(),
        Just("\r\n".to_owned()),
        Just("\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\nBcc: x@y.test\r\n\r\n".to_owned()),
        Just("=?utf-8?q?=0D=0ABcc:_x?=".to_owned()),
        Just("\r\n.\r\n".to_owned()),
        Just("\u{2028}Subject: x".to_owned()),
        "[a-z]{60,1200}",
        "[ü🚨\"<>@,; ]{0,90}",
    ];
    prop::collection::vec(pieces, 0..6).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_can_break_a_mail(
        subject in nasty(), body in nasty(), name in nasty(), id in nasty(), thread in nasty(), apart: bool,
    ) {
        let mut settings = some_settings();
        settings.servername = name;
        settings.bust_gmail_threading = apart;
        let mut d = delivery("oncall@checker.test", &subject, &body);
        d.message_id = id;
        d.in_reply_to = Some(thread);
        let bytes = compose(&settings, &d).unwrap().bytes;
        prop_assert!(bytes.is_ascii());
        let text = String::from_utf8(bytes.clone()).unwrap();
        for line in text.split("\r\n") {
            prop_assert!(line.len() <= 998, "{} characters", line.len());
            prop_assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        }
        let mail = ParsedMail::new(&bytes);
        let mut names: Vec<&str> = mail.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        prop_assert_eq!(names, [
            "auto-submitted", "content-transfer-encoding", "content-type", "date", "from", "message-id", "mime-version",
            "subject", "to", "x-auto-response-suppress", "x-checker-delivery",
        ]);
        prop_assert_eq!(mail.header("message-id"), message_id(d.id, "watch@checker.test"));
        prop_assert!(mail.all("subject")[0].chars().all(|c| !c.is_control()));
        prop_assert!(mail.header("subject").chars().count() <= 200);
    }
}

#[test]
fn ordinary_text_is_readable_in_the_raw_mail() {
    let d = delivery("oncall@checker.test", "[alpha] DOWN: web: connection refused", "DOWN: web\n\n  line\n");
    let text = String::from_utf8(compose(&some_settings(), &d).unwrap().bytes).unwrap();
    let wanted = format!(
        "From: \"Checker on alpha\" <watch@checker.test>\r\n\
         To: oncall@checker.test\r\n\
         Subject: [alpha] DOWN: web: connection refused\r\n\
         Date: Sun, 01 Mar 2026 10:00:00 +0000\r\n\
         Message-ID: <{id}@checker.test>\r\n\
         Auto-Submitted: auto-generated\r\n\
         X-Auto-Response-Suppress: All\r\n\
         X-Checker-Delivery: {id}\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 7bit\r\n\
         \r\n\
         DOWN: web\r\n\r\n  line\r\n",
        id = d.id
    );
    assert_eq!(text, wanted);
}

#[test]
fn a_subject_is_cut_and_keeps_its_number() {
    let mut settings = some_settings();
    settings.bust_gmail_threading = true;
    let d = delivery("oncall@checker.test", &"ä".repeat(500), "b");
    let subject = ParsedMail::new(&compose(&settings, &d).unwrap().bytes).header("subject");
    assert_eq!(subject.chars().count(), 200);
    let number = d.id.as_u128() % 1_000_000_000;
    assert!(subject.ends_with(&format!("... ({number})")), "{subject}");
}

#[test]
fn times_beyond_what_a_date_can_say_do_no_harm() {
    for micros in [i64::MIN, -1, 0, i64::MAX] {
        let mut d = delivery("oncall@checker.test", "s", "b");
        d.created_at = checker_job::Timestamp::from_micros(micros);
        compose(&some_settings(), &d).unwrap();
    }
}

#[test]
fn message_ids_follow_from_the_delivery() {
    let id = Uuid::from_u128(1);
    assert_eq!(message_id(id, "a@Example.COM"), "<00000000-0000-0000-0000-000000000001@example.com>");
    for odd in ["root", "a@", "a@>\r\nBcc: x", "\"a@b\"@exämple.org"] {
        let id = message_id(id, odd);
        assert!(id.starts_with("<00000000-") && id.ends_with('>') && id.is_ascii(), "{id}");
        assert!(!id.contains(['\r', '\n', ' ']) && id.matches('@').count() == 1, "{id}");
    }
}

#[test]
fn a_sender_that_is_no_address_is_a_matter_of_the_settings() {
    let mut settings = some_settings();
    settings.from = "nobody".into();
    let result = compose(&settings, &delivery("oncall@checker.test", "s", "b")).unwrap_err();
    super::later(result, &["\"nobody\" is no mail address", "from under [email]"]);
}
