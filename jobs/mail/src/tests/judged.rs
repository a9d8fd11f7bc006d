//! What is judged of what was found.

use super::settings::plan;
use crate::judge::{Findings, Found, ON_ITS_WAY, Sending, judge, untidied};
use crate::letter::{Fate, Letter, Note};
use checker_job::{Blame, Outcome, Timestamp, Verdict};
use std::time::Duration;

const NOW: i64 = 1_772_359_200;

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Sent so many seconds ago.
pub(super) fn letter(ago: i64) -> Letter {
    Letter { token: format!("{ago:032x}"), sent: Timestamp::from_secs(NOW - ago) }
}

pub(super) fn note(ago: i64, fate: Fate) -> Note {
    Note { letter: letter(ago), fate }
}

/// The message of this run was sent 45 s ago and is not there; nothing else is known.
pub(super) fn nothing() -> Findings {
    Findings {
        now: Timestamp::from_secs(NOW),
        a_run: secs(50),
        own: letter(45),
        sending: None,
        found: None,
        waited: secs(45),
        earlier: Vec::new(),
        last: None,
        unnoted: None,
        unread: false,
        remarks: Vec::new(),
    }
}

fn found(found: Found) -> Findings {
    Findings { found: Some(found), ..nothing() }
}

fn earlier(earlier: &[(i64, Option<Found>)]) -> Findings {
    let earlier = earlier.iter().map(|(ago, found)| (note(*ago, Fate::Sent), found.clone())).collect();
    Findings { earlier, ..nothing() }
}

fn last(ago: i64, f: Findings) -> Findings {
    Findings { last: Some(note(ago, Fate::Arrived(secs(70)))), ..f }
}

/// Five minutes may pass, a warning comes after one; a run each 15 minutes, and two bad ones are told: so what was sent less than 50
/// minutes ago is remembered.
fn judged(f: &Findings) -> Outcome {
    let mut plan = plan("warning = \"1min\"\n");
    (plan.every, plan.threshold) = (secs(900), 2);
    let outcome = judge(&plan, f);
    assert!(
        (f.sending.is_some() || outcome.summary.contains("mail from a@a.example ")) && outcome.summary.len() < 400,
        "{outcome:?}"
    );
    assert_eq!(outcome.verdict == Verdict::Unknown, outcome.cause.as_deref() == Some(ON_ITS_WAY), "{outcome:?}");
    outcome
}

#[track_caller]
fn is(f: &Findings, verdict: Verdict, words: &[&str]) {
    let outcome = judged(f);
    assert_eq!(outcome.verdict, verdict, "{outcome:?}");
    for word in words {
        assert!(outcome.summary.contains(word), "{}\nwanted {word}", outcome.summary);
    }
}

#[test]
fn a_message_that_arrives_is_judged_by_its_time() {
    let arrived = |took| found(Found::Arrived(secs(took)));
    is(&arrived(2), Verdict::Ok, &["arrived at b@b.example after 2 s"]);
    is(&arrived(60), Verdict::Ok, &["after 1 min"]);
    is(&arrived(61), Verdict::Warning, &["after 1 min 1 s; at most 1 min is well"]);
    is(&arrived(300), Verdict::Warning, &["at most 1 min is well"]);
    is(&arrived(301), Verdict::Failed, &["after 5 min 1 s; at most 5 min is well"]);
    let outcome = judged(&arrived(2));
    let metrics: Vec<_> =
        outcome.metrics.iter().map(|m| (&*m.label, m.value, m.warning.as_deref(), m.critical.as_deref())).collect();
    assert_eq!(metrics, [("time", 2.0, Some("60"), Some("300"))]);
}

#[test]
fn a_slow_way_is_neither_a_failure_nor_well_before_something_is_known() {
    is(
        &nothing(),
        Verdict::Unknown,
        &["is not there after 45 s; nothing is known of earlier ones; the next run looks"],
    );
    // What was sent before may still come.
    is(&earlier(&[(300, None)]), Verdict::Unknown, &["nothing is known of earlier ones"]);
    // The server has perhaps not taken it.
    let mut perhaps = earlier(&[(900, None)]);
    perhaps.earlier[0].0.fate = Fate::Perhaps;
    is(&perhaps, Verdict::Unknown, &["nothing is known of earlier ones"]);
    let waited = Findings { waited: secs(301), ..nothing() };
    is(&waited, Verdict::Failed, &["has not arrived after 5 min 1 s; at most 5 min is well"]);
}

#[test]
fn earlier_messages_speak_for_the_way() {
    let after = |took| earlier(&[(900, Some(Found::Arrived(secs(took))))]);
    is(
        &after(50),
        Verdict::Ok,
        &["the message sent 15 min ago arrived after 50 s; that of this run is not there yet (45 s)"],
    );
    is(&after(61), Verdict::Warning, &["at most 1 min is well"]);
    is(&after(301), Verdict::Failed, &["at most 5 min is well"]);
    // The one that was sent last counts.
    let two = earlier(&[(1_800, Some(Found::Arrived(secs(301)))), (900, Some(Found::Arrived(secs(9))))]);
    is(&two, Verdict::Ok, &["sent 15 min ago arrived after 9 s"]);
    // One that a run has noted.
    is(&last(900, nothing()), Verdict::Ok, &["the last message, sent 15 min ago, arrived after 1 min 10 s; that of"]);
    is(&last(300 + 2 * 900, nothing()), Verdict::Ok, &["the last message, sent 35 min ago"]);
    is(
        &last(301 + 2 * 900, nothing()),
        Verdict::Unknown,
        &["the last that is known to have arrived was sent 35 min ago"],
    );
}

#[test]
fn what_does_not_arrive_in_time_is_told_with_what_was_sent_when() {
    is(
        &earlier(&[(301, None)]),
        Verdict::Failed,
        &[
            "does not arrive: look into the log and the queue of s.example:587; the message sent 5 min 1 s ago",
            "(2026-03-01 09:54:59 UTC) is not there; none is known to have arrived before",
        ],
    );
    is(
        &last(1_800, earlier(&[(900, None)])),
        Verdict::Failed,
        &["not there; the last that arrived was sent 30 min ago"],
    );
    is(&earlier(&[(1_800, None), (900, None)]), Verdict::Failed, &["sent 30 min ago", ", nor has another one since"]);
    is(
        &earlier(&[(2_700, None), (1_800, None), (900, None), (60, None)]),
        Verdict::Failed,
        &["nor have 2 others since"],
    );
    // What came before it is no excuse.
    is(
        &earlier(&[(1_800, Some(Found::Arrived(secs(5)))), (900, None)]),
        Verdict::Failed,
        &["the last that arrived was"],
    );
}

#[test]
fn one_that_was_overtaken_is_lost_on_a_way_that_works() {
    let of = |ago: &[i64], f: Findings| {
        let notes = ago.iter().map(|ago| (note(*ago, Fate::Sent), None));
        Findings { earlier: notes.chain(f.earlier.clone()).collect(), ..f }
    };
    let arrived = found(Found::Arrived(secs(2)));
    is(
        &of(&[900], arrived.clone()),
        Verdict::Warning,
        &["after 2 s; but the message sent 15 min ago (", "never arrived"],
    );
    is(&of(&[1_800, 900], arrived.clone()), Verdict::Warning, &["never arrived, nor did another one"]);
    is(&of(&[300], arrived), Verdict::Ok, &[]);
    is(&of(&[900], found(Found::Arrived(secs(301)))), Verdict::Failed, &["never arrived"]);
    is(&of(&[1_800], earlier(&[(900, Some(Found::Arrived(secs(2))))])), Verdict::Warning, &["never arrived"]);
}

#[test]
fn what_lies_among_spam_has_not_arrived() {
    let spam = || Some(Found::Spam("Junk".to_owned()));
    is(
        &found(Found::Spam("Junk".to_owned())),
        Verdict::Failed,
        &["is taken for spam", "sent 45 s ago lies in \"Junk\""],
    );
    is(
        &earlier(&[(900, spam())]),
        Verdict::Failed,
        &["the message sent 15 min ago lies in \"Junk\"; look at the filter"],
    );
    is(&last(1_800, earlier(&[(900, spam())])), Verdict::Failed, &["is taken for spam"]);
    // What arrives later says that the way is open, and the filter does not let all pass.
    let opened = earlier(&[(1_800, spam()), (900, Some(Found::Arrived(secs(2))))]);
    is(
        &opened,
        Verdict::Warning,
        &["arrived after 2 s", "; but the message sent 30 min ago (", "lies in \"Junk\", as spam; look at"],
    );
    is(&last(900, earlier(&[(1_800, spam())])), Verdict::Warning, &["the last message, sent 15 min ago", "as spam"]);
    let two =
        Findings { earlier: earlier(&[(2_700, spam()), (1_800, spam())]).earlier, ..found(Found::Arrived(secs(2))) };
    is(&two, Verdict::Warning, &["as spam, as does another one"]);
    // Until it was told.
    is(&Findings { earlier: earlier(&[(3_001, spam())]).earlier, ..found(Found::Arrived(secs(2))) }, Verdict::Ok, &[]);
}

#[test]
fn what_was_lost_is_a_warning_for_as_many_runs_as_it_takes() {
    for (ago, verdict) in
        [(900, Verdict::Warning), (1_800, Verdict::Warning), (3_000, Verdict::Warning), (3_001, Verdict::Ok)]
    {
        let lost = earlier(&[(ago, None)]);
        is(&Findings { found: Some(Found::Arrived(secs(2))), ..lost.clone() }, verdict, &[]);
        // Also in a run whose own message is not there yet.
        is(&last(800, lost), verdict, &["the last message, sent 13 min ago, arrived"]);
    }
}

#[test]
fn without_notes_nobody_looks_for_what_is_slow() {
    let unnoted = |why: &str| Findings { unnoted: Some(why.to_owned()), ..nothing() };
    let no_right = unnoted("[NOPERM] no");
    is(
        &no_right,
        Verdict::Warning,
        &["the mailbox of me takes no notes (\"[NOPERM] no\"), so later runs", "is not there after"],
    );
    is(&last(900, no_right.clone()), Verdict::Warning, &["takes no notes", "the last message, sent 15 min ago"]);
    for why in ["[OVERQUOTA] no", "Quota exceeded (mailbox for user is full)", "Mailbox FULL."] {
        let full = unnoted(why);
        for f in [last(900, full.clone()), full] {
            is(&f, Verdict::Failed, &[&format!("the mailbox of me is full: its server says {why:?}")]);
        }
    }
    is(&unnoted("a powerfull reason"), Verdict::Warning, &[]);
    let arrived = Findings { found: Some(Found::Arrived(secs(2))), ..unnoted("[OVERQUOTA] no") };
    is(&arrived, Verdict::Ok, &[]);
    assert!(judged(&arrived).detail.contains("no note: the mailbox says \"[OVERQUOTA] no\""), "{:?}", judged(&arrived));
    let unread = Findings { unread: true, ..found(Found::Arrived(secs(2))) };
    is(&unread, Verdict::Warning, &["does not find the note that was just put into \"INBOX\" of me"]);
    assert!(judged(&unread).detail.contains("is not found again"));
    let left = untidied(judged(&found(Found::Arrived(secs(2)))), "[NOPERM] no");
    assert!(left.verdict == Verdict::Warning && left.summary.contains("cannot be removed: [NOPERM] no"), "{left:?}");
}

fn sending(outcome: Outcome, is_in_doubt: bool, f: Findings) -> Findings {
    Findings { sending: Some(Sending { outcome, is_in_doubt }), ..f }
}

#[test]
fn what_is_known_of_earlier_messages_counts_where_none_is_sent() {
    let later = || Outcome::warning("1.2.3.4 does not take mail for now");
    let ours = || Outcome::unknown("no resolver", "the resolver is silent").blaming(Blame::NoResolver);
    let of = |outcome: Outcome, f: Findings| sending(outcome, false, f);
    is(&of(later(), nothing()), Verdict::Warning, &["sending (SMTP): 1.2.3.4 does not"]);
    let outcome = judge(&plan(""), &of(ours(), earlier(&[(900, Some(Found::Arrived(secs(2))))])));
    assert!(outcome.verdict == Verdict::Unknown && outcome.blame.is_some(), "{outcome:?}");
    // The graver one comes first, and what hinders us is no excuse for it.
    for first in [later(), ours()] {
        let outcome = judged(&of(first, earlier(&[(900, None)])));
        assert!(
            outcome.verdict == Verdict::Failed && outcome.blame.is_none() && outcome.cause.is_none(),
            "{outcome:?}"
        );
        assert!(outcome.summary.starts_with("mail from a@a.example to b@b.example does not arrive"), "{outcome:?}");
        assert!(outcome.summary.contains("sending (SMTP): "), "{outcome:?}");
    }
    let silent = || Outcome::failed("1.2.3.4 is silent").blaming(Blame::Silence);
    let both = judged(&of(silent(), earlier(&[(900, None)])));
    assert!(
        both.summary.starts_with("sending (SMTP): 1.2.3.4 is silent; mail from") && both.blame.is_none(),
        "{both:?}"
    );
    assert!(judge(&plan(""), &of(silent(), nothing())).blame.is_some());
    is(&of(later(), earlier(&[(900, Some(Found::Spam("Junk".to_owned())))])), Verdict::Failed, &["is taken for spam"]);
    is(&of(later(), earlier(&[(900, Some(Found::Arrived(secs(301))))])), Verdict::Failed, &["at most 5 min is well"]);
    is(
        &of(ours(), last(800, earlier(&[(900, None)]))),
        Verdict::Warning,
        &["no resolver; but the message sent 15 min ago"],
    );
    let full = Findings { unnoted: Some("[OVERQUOTA] no".to_owned()), ..nothing() };
    is(&of(later(), full), Verdict::Failed, &["the mailbox of me is full"]);
}

#[test]
fn what_was_in_doubt_is_told_when_it_arrives() {
    let doubt = || Outcome::failed("nobody knows");
    let mut before = earlier(&[(900, Some(Found::Arrived(secs(2))))]);
    before.earlier[0].0.fate = Fate::Perhaps;
    is(
        &sending(doubt(), true, before),
        Verdict::Failed,
        &[
            "sending (SMTP): nobody knows; the message sent 15 min ago, of which nobody knew whether it was, has arrived",
        ],
    );
    let arrived = sending(doubt(), true, found(Found::Arrived(secs(2))));
    is(&arrived, Verdict::Failed, &["nobody knows; it has arrived all the same"]);
    assert!(judged(&arrived).detail.starts_with("perhaps sent"), "{:?}", judged(&arrived));
    assert_eq!(judged(&sending(doubt(), false, nothing())).detail, "", "it was not sent");
}

#[test]
fn long_addresses_leave_room_for_what_is_to_be_done() {
    let mut plan = plan("");
    plan.from = format!("{}@a.example", "x".repeat(200));
    plan.to = format!("{}@b.example", "y".repeat(200));
    for f in [earlier(&[(900, None)]), found(Found::Spam("Junk".to_owned())), nothing()] {
        let outcome = judge(&plan, &f);
        assert!(outcome.summary.len() < 400, "{}", outcome.summary);
    }
}
