//! What notes tell later runs, for how long, and sequences of runs as Checker would see them.

use super::judged::{letter, note, nothing, secs};
use super::settings::plan;
use crate::judge::{Findings, Found, Sending, judge};
use crate::letter::{Fate, Letter, Note};
use crate::memory::{PENDING_MAX, is_of_now, is_over, is_settled, newest_arrival, took, waited_for};
use crate::plan::Plan;
use checker_job::{Outcome, Timestamp, Verdict};
use std::time::Duration;

const EVERY: u64 = 900;
const A_RUN: Duration = Duration::from_secs(50);

/// A mailbox, and what lies there.
struct Mailbox {
    plan: Plan,
    notes: Vec<Note>,
    /// Messages, with the run in which they can be found, and whether among spam.
    mail: Vec<(Letter, u64, bool)>,
}

/// What becomes of the message of a run.
#[derive(Clone, Copy, PartialEq)]
enum Fares {
    Arrives,
    Lost,
    Spam,
    /// Found by the run after so many others.
    Slow(u64),
    Refused,
}

impl Mailbox {
    fn new(more: &str) -> Self {
        let plan = plan(more);
        assert_eq!((plan.every, plan.threshold), (secs(EVERY), 2));
        Self { plan, notes: Vec::new(), mail: Vec::new() }
    }

    /// The run with this number, as `trip` does it; what is judged of it.
    fn run(&mut self, nth: u64, fares: Fares) -> Outcome {
        let begin = Timestamp::from_secs(1_772_359_200 + i64::try_from(nth * EVERY).unwrap());
        let own = Letter { token: format!("{nth:032x}"), sent: begin };
        let there = self.notes.clone();
        let is_sent = fares != Fares::Refused;
        self.notes.push(Note { letter: own.clone(), fate: if is_sent { Fate::Sent } else { Fate::Perhaps } });
        match fares {
            Fares::Arrives => self.mail.push((own.clone(), nth, false)),
            Fares::Slow(runs) => self.mail.push((own.clone(), nth + runs, false)),
            Fares::Spam => self.mail.push((own.clone(), nth, true)),
            Fares::Lost | Fares::Refused => {}
        }
        let now = begin.plus(secs(if fares == Fares::Arrives { 2 } else { 45 }));
        let look = |letter: &Letter| {
            let (letter, _, is_spam) = self.mail.iter().find(|(l, from, _)| l == letter && *from <= nth)?;
            let took = if *letter == own { secs(2) } else { secs(100) };
            Some(if *is_spam { Found::Spam("Junk".to_owned()) } else { Found::Arrived(took) })
        };
        let earlier = waited_for(&there, now, A_RUN).into_iter().map(|note| (look(&note.letter), note));
        let findings = Findings {
            now,
            a_run: A_RUN,
            sending: (!is_sent).then(|| Sending { outcome: Outcome::warning("later"), is_in_doubt: false }),
            found: look(&own).filter(|_| is_sent),
            earlier: earlier.map(|(found, note)| (note, found)).collect(),
            last: newest_arrival(&there),
            own,
            ..nothing()
        };
        let outcome = judge(&self.plan, &findings);
        let mut kept = newest_arrival(&self.notes);
        if let Some((letter, took)) = findings.newest() {
            let note = Note { letter: letter.clone(), fate: Fate::Arrived(took) };
            if kept.as_ref().is_none_or(|kept| kept.letter.sent < letter.sent) {
                self.notes.push(note.clone());
                kept = Some(note);
            }
        }
        let all = self.notes.clone();
        self.notes.retain(|note| !is_over(&self.plan, &findings, note, kept.as_ref(), &all));
        self.mail.retain(|(letter, ..)| !is_settled(&self.plan, &findings, letter));
        outcome
    }

    /// Runs so many times, and gives the longest streak of bad runs, as `failure_threshold` counts them.
    fn streak(&mut self, runs: u64, fares: impl Fn(u64) -> Fares) -> usize {
        let (mut longest, mut streak) = (0, 0);
        for nth in 1..=runs {
            let outcome = self.run(nth, fares(nth));
            streak = match outcome.verdict {
                Verdict::Warning | Verdict::Failed => streak + 1,
                Verdict::Ok => 0,
                Verdict::Unknown => streak,
            };
            longest = longest.max(streak);
            assert!(self.notes.len() <= PENDING_MAX + 2, "{} notes", self.notes.len());
        }
        longest
    }
}

#[test]
fn loss_now_and_then_is_told() {
    let second = |nth: u64| if nth.is_multiple_of(2) { Fares::Lost } else { Fares::Arrives };
    assert!(Mailbox::new("").streak(20, second) > 15, "every second message");
    let tenth = |nth: u64| if nth.is_multiple_of(10) { Fares::Lost } else { Fares::Arrives };
    assert!((2..=4).contains(&Mailbox::new("").streak(40, tenth)), "every tenth message, told each time");
    let slow = |nth: u64| if nth.is_multiple_of(10) { Fares::Lost } else { Fares::Slow(1) };
    assert!(Mailbox::new("").streak(40, slow) >= 2, "where all others are slow");
    let mut tidy = Mailbox::new("");
    tidy.streak(40, |nth| if nth == 10 { Fares::Lost } else { Fares::Arrives });
    assert!(tidy.notes.len() == 1 && tidy.mail.is_empty(), "{:?} {:?}", tidy.notes, tidy.mail);
}

#[test]
fn spam_now_and_then_is_told() {
    let second = |nth: u64| if nth.is_multiple_of(2) { Fares::Spam } else { Fares::Arrives };
    assert!(Mailbox::new("").streak(20, second) > 15, "every second message");
    let mut once = Mailbox::new("");
    assert!(once.streak(40, |nth| if nth == 10 { Fares::Spam } else { Fares::Arrives }) >= 3);
    assert!(
        once.notes.len() == 1 && once.mail.is_empty(),
        "it lies there until it was told: {:?} {:?}",
        once.notes,
        once.mail
    );
}

#[test]
fn nothing_is_told_of_mail_that_is_well_or_slow() {
    assert_eq!(Mailbox::new("").streak(40, |_| Fares::Arrives), 0);
    assert_eq!(Mailbox::new("within = \"20min\"").streak(40, |_| Fares::Slow(1)), 0);
    let all: Vec<Verdict> = (1..5).scan(Mailbox::new(""), |b, n| Some(b.run(n, Fares::Slow(1)).verdict)).collect();
    assert_eq!(all, [Verdict::Unknown, Verdict::Ok, Verdict::Ok, Verdict::Ok]);
}

#[test]
fn an_outage_fails_however_long_it_lasts_and_whatever_was_chosen() {
    for within in ["5min", "1h", "11h"] {
        let mut mailbox = Mailbox::new(&format!("within = \"{within}\""));
        for nth in 0..3 {
            mailbox.run(nth, Fares::Arrives);
        }
        let verdicts: Vec<Verdict> = (3..150).map(|nth| mailbox.run(nth, Fares::Lost).verdict).collect();
        // The bound counts on it: so many runs after the one that met the fault, none is well.
        let after = (mailbox.plan.limits.within + secs(60)).as_secs().div_ceil(EVERY);
        let late = &verdicts[usize::try_from(after).unwrap()..];
        assert!(late.iter().all(|v| *v == Verdict::Failed), "{within}: {verdicts:?}");
        assert!(mailbox.run(150, Fares::Lost).summary.contains("nor have "), "{within}");
        let oldest = mailbox.notes.iter().filter(|n| n.fate == Fate::Sent).map(|n| n.letter.sent).min();
        assert_eq!(oldest, Some(Timestamp::from_secs(1_772_359_200 + 3 * 900)), "the first that never came: {within}");
    }
}

#[test]
fn a_run_that_sends_nothing_judges_what_was_sent_before() {
    let mut mailbox = Mailbox::new("");
    mailbox.run(0, Fares::Arrives);
    mailbox.run(1, Fares::Lost);
    assert_eq!(mailbox.run(2, Fares::Refused).verdict, Verdict::Failed);
    assert!(mailbox.notes.iter().all(|note| note.fate != Fate::Perhaps), "{:?}", mailbox.notes);
}

#[test]
fn a_letter_that_another_run_may_wait_for_is_left_alone() {
    let (young, old) = (note(49, Fate::Sent), note(50, Fate::Sent));
    let notes = [old.clone(), young.clone()];
    assert_eq!(waited_for(&notes, nothing().now, A_RUN), [old]);
    let plan = plan("");
    assert!(!is_over(&plan, &nothing(), &young, None, &notes) && !is_settled(&plan, &nothing(), &young.letter));
    let perhaps = note(49, Fate::Perhaps);
    assert!(!is_over(&plan, &nothing(), &perhaps, None, &[perhaps.clone(), young]));
}

#[test]
fn two_notes_of_one_message_count_once() {
    let both = [note(900, Fate::Perhaps), note(900, Fate::Sent), note(900, Fate::Sent)];
    assert_eq!(waited_for(&both, nothing().now, A_RUN), [note(900, Fate::Sent)]);
    let arrived = [note(900, Fate::Sent), note(900, Fate::Arrived(secs(2)))];
    assert_eq!(waited_for(&arrived, nothing().now, A_RUN), []);
    let own = Note { letter: letter(45), fate: Fate::Perhaps };
    let sent = Note { fate: Fate::Sent, ..own.clone() };
    let (plan, all) = (plan(""), [own.clone(), sent.clone()]);
    assert!(is_over(&plan, &nothing(), &own, None, &all) && !is_over(&plan, &nothing(), &sent, None, &all));
    assert!(
        !is_over(&plan, &nothing(), &own, None, std::slice::from_ref(&own)),
        "a run died before the server had answered"
    );
}

#[test]
fn clocks_that_go_wrong_do_no_harm() {
    let now = nothing().now;
    assert!(is_of_now(&note(-60, Fate::Sent), now) && !is_of_now(&note(-61, Fate::Arrived(secs(1))), now));
    let at = |secs| Timestamp::from_secs(secs);
    assert_eq!(took(at(100), Some(at(130)), at(200)), (secs(30), false));
    assert_eq!(took(at(100), Some(at(95)), at(200)), (secs(0), false), "mailboxes have whole seconds");
    assert_eq!(took(at(100), Some(at(94)), at(200)), (secs(100), true), "that clock is wrong");
    assert_eq!(took(at(100), Some(at(300)), at(200)), (secs(100), false));
    assert_eq!(took(at(100), None, at(200)), (secs(100), false));
}
