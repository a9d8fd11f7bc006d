//! Messages and notes, and what is made of those of others.

use super::settings::{by_password, jobs, plan, plan_of};
use crate::letter::{Fate, Letter, Note, Seal, mark, shown};
use crate::plan::Plan;
use checker_job::Timestamp;
use std::time::Duration;

const TOKEN: &str = "00112233445566778899aabbccddeeff";

fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let mut all = text.split("\r\n").filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let first = all.next().unwrap_or_else(|| panic!("no {name} in {text}"));
    assert!(all.next().is_none(), "{name} twice in {text}");
    first
}

#[test]
fn a_message_says_whose_it_is_and_is_fit_to_be_sent() {
    let mut plan = plan("");
    plan.name = "grün\r\nBcc: x@y =?utf-8?q?z?=".repeat(9);
    let letter = Letter::new(Timestamp::from_secs(1_772_359_200)).unwrap();
    let (note, seal) = (Note { letter: letter.clone(), fate: Fate::Sent }, Seal::new(&plan));
    for (text, kind, searched) in [
        (letter.text(&plan), "X-Checker-Mail", &letter.token),
        (note.text(&plan, &seal), "X-Checker-Mail-Note", &seal.mark),
    ] {
        assert!(text.is_ascii() && text.len() < 1_500 && !text.replace("\r\n", "").contains(['\r', '\n']), "{text}");
        assert!(text.split("\r\n").all(|line| line.len() < 200 && !line.starts_with('.')), "{text}");
        assert!(text.contains("\r\n\r\n") && text.ends_with("\r\n") && !text.contains("Received"), "{text}");
        assert_eq!(field(&text, "Auto-Submitted"), "auto-generated");
        assert_eq!((field(&text, "From"), field(&text, "To")), ("<a@a.example>", "<b@b.example>"));
        assert!(
            field(&text, "Subject").ends_with(&format!("({searched})")),
            "not all servers search our own field: {text}"
        );
        assert!(!text.contains("\r\nBcc") && !field(&text, "Subject").contains("=?"), "{text}");
        assert!(field(&text, "Date").starts_with("Sun, 1 Mar 2026 10:00:00 "), "{text}");
        assert!(
            field(&text, "Message-ID").contains(&letter.token) && field(&text, kind).contains(&letter.token),
            "{text}"
        );
    }
    assert_eq!(
        field(&letter.text(&plan), "Message-ID"),
        format!("<{}@a.example>", letter.token),
        "as it is searched for"
    );
    assert_ne!(field(&letter.text(&plan), "Message-ID"), field(&note.text(&plan, &seal), "Message-ID"));
    assert_eq!(Letter::parse(field(&letter.text(&plan), "X-Checker-Mail"), &plan.mark), Some(letter.clone()));
    for fate in [Fate::Sent, Fate::Perhaps, Fate::Arrived(Duration::from_millis(1_234))] {
        let note = Note { letter: letter.clone(), fate };
        assert_eq!(Note::parse(field(&note.text(&plan, &seal), "X-Checker-Mail-Note"), &seal), Some(note));
    }
    assert_ne!(Letter::new(letter.sent).unwrap().token, letter.token);
    assert_eq!(shown(letter.sent), "2026-03-01 10:00:00 UTC");
}

#[test]
fn what_is_not_ours_is_not_read() {
    let (ours, other) = (mark("trip"), mark("another"));
    assert!(Letter::parse(&format!("{ours} {TOKEN} 5"), &ours).is_some());
    for bad in [
        String::new(),
        format!("{other} {TOKEN} 5"),
        format!("{ours} {TOKEN}"),
        format!("{ours} {TOKEN} 5 6"),
        format!("{ours} {TOKEN}0 5"),
        format!("{ours} {} 5", TOKEN.replace('0', "x")),
        format!("{ours} {TOKEN} -5"),
        format!("{ours} {TOKEN} 99999999999999999999"),
        format!("{ours} {TOKEN} {}", i64::MAX),
    ] {
        assert_eq!(Letter::parse(&bad, &ours), None, "{bad}");
    }
}

#[test]
fn a_note_is_believed_as_it_was_written_with_the_password_of_the_mailbox() {
    let folder = tempfile::tempdir().unwrap();
    let of_pass = |pass: &str| -> Plan {
        let keys = by_password(folder.path(), pass);
        plan_of(jobs(&format!("{keys}smtp = \"127.0.0.1:25\"\nimap = \"127.0.0.1:143\"\n")).unwrap().remove(0))
    };
    let (plan, of_token) = (of_pass("s3cret-word"), plan(""));
    let (seal, again, other) = (Seal::new(&plan), Seal::new(&plan), Seal::new(&of_pass("s3cret-ward")));
    assert!(
        seal.mark == again.mark && seal.mark != other.mark && seal.mark != plan.mark,
        "nobody can guess the word for them"
    );
    assert!(!format!("{seal:?}").contains("s3cret"));
    let letter = Letter { token: TOKEN.to_owned(), sent: Timestamp::from_secs(1_772_359_200) };
    let note = Note { letter, fate: Fate::Arrived(Duration::from_secs(7)) };
    let text = note.text(&plan, &seal);
    let value = field(&text, "X-Checker-Mail-Note");
    assert_eq!(Note::parse(value, &again), Some(note.clone()));
    assert!(Note::parse(value, &other).is_none() && Note::parse(value, &Seal::new(&of_token)).is_none());
    let words: Vec<&str> = value.split(' ').collect();
    for (nth, forged) in
        [(0, other.mark.as_str()), (1, "sent"), (2, &TOKEN.replace('0', "1")), (3, "5"), (4, "8"), (5, TOKEN)]
    {
        let mut words = words.clone();
        words[nth] = forged;
        assert_eq!(Note::parse(&words.join(" "), &seal), None, "{words:?}");
        assert_eq!(Note::parse(&words[..nth].join(" "), &seal), None, "{words:?}");
    }
    // Damage that was sealed is still none.
    for bad in ["lost T 5 7", "sent T 5 -7", "arrived T 5 99999999999999", "sent x 5 7", "sent T x 7", "sent T -5 7"] {
        let bad = format!("{} {}", seal.mark, bad.replace('T', TOKEN));
        assert_eq!(Note::parse(&format!("{bad} {}", seal.of(&bad)), &seal), None, "{bad}");
    }
}
