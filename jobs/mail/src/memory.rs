//! What notes tell a run, and what becomes of them afterwards. Pure.

use crate::judge::{Findings, Found};
use crate::letter::{Fate, Letter, Note};
use crate::plan::Plan;
use checker_job::Timestamp;
use std::time::Duration;

/// Messages that are waited for. It must stay below what a search for notes gives, with room for those of arrivals.
pub(crate) const PENDING_MAX: usize = 48;
/// Nothing is sent once so many notes lie there: they cannot be removed, or not in time.
pub(crate) const LEFT_MAX: usize = 60;
/// A note that is later than this was written while a clock went wrong.
const AHEAD: Duration = Duration::from_secs(60);
/// Mailboxes have whole seconds, and two clocks never agree.
const CLOCKS: Duration = Duration::from_secs(5);

/// Whether a note says something that can be so at this time.
pub(crate) fn is_of_now(note: &Note, now: Timestamp) -> bool {
    note.letter.sent.since(now) <= AHEAD
}

/// The note of the message that was sent last of those that are noted as arrived.
pub(crate) fn newest_arrival<'n>(notes: impl IntoIterator<Item = &'n Note>) -> Option<Note> {
    let arrived = notes.into_iter().filter(|note| matches!(note.fate, Fate::Arrived(_)));
    arrived.max_by_key(|note| note.letter.sent).cloned()
}

/// The messages that had not arrived by the end of their runs, in the order in which they were sent. Those younger than a run may
/// take are left to the run that may just wait for them. Of too many, the oldest stays, which says best for how long nothing
/// arrives.
pub(crate) fn waited_for(notes: &[Note], now: Timestamp, a_run: Duration) -> Vec<Note> {
    let has_come = |letter: &Letter| notes.iter().any(|n| matches!(n.fate, Fate::Arrived(_)) && n.letter == *letter);
    let is_open =
        |note: &&Note| !is_noted_again(note, notes) && !has_come(&note.letter) && now.since(note.letter.sent) >= a_run;
    let mut open: Vec<Note> = notes.iter().filter(is_open).cloned().collect();
    open.sort_by_key(|note| note.letter.sent);
    // Two notes of one message that say the same.
    open.dedup();
    if open.len() > PENDING_MAX {
        let oldest = open.iter().position(|note| note.fate == Fate::Sent).unwrap_or_default();
        let newest = open.split_off((open.len() - PENDING_MAX + 1).max(oldest + 1));
        open = open.into_iter().skip(oldest).take(1).chain(newest).collect();
    }
    open
}

/// It was written before the server had taken its message, and another one afterwards.
fn is_noted_again(note: &Note, notes: &[Note]) -> bool {
    note.fate == Fate::Perhaps && notes.iter().any(|other| other.fate == Fate::Sent && other.letter == note.letter)
}

/// Whether nothing more is to be learnt of a message, so that it and its notes can go. What is lost or lies among spam stays known
/// until it was told.
pub(crate) fn is_settled(plan: &Plan, f: &Findings, letter: &Letter) -> bool {
    let is_old = f.now.since(letter.sent) > plan.memory();
    if *letter == f.own {
        let was_not_sent = f.sending.as_ref().is_some_and(|sending| !sending.is_in_doubt);
        return was_not_sent || matches!(f.found, Some(Found::Arrived(_)));
    }
    let Some((note, found)) = f.earlier.iter().find(|(note, _)| note.letter == *letter) else { return false };
    match found {
        Some(Found::Arrived(_)) => true,
        Some(Found::Spam(_)) => is_old,
        None => is_old && (note.fate == Fate::Perhaps || f.is_overtaken(letter, plan.limits.within)),
    }
}

/// Whether a note is of no more use. `kept` is the last arrival, and `notes` all that there are.
pub(crate) fn is_over(plan: &Plan, f: &Findings, note: &Note, kept: Option<&Note>, notes: &[Note]) -> bool {
    if matches!(note.fate, Fate::Arrived(_)) {
        return kept != Some(note);
    }
    let letter = &note.letter;
    let is_young = f.now.since(letter.sent) < f.a_run && *letter != f.own;
    // Another run may be at work.
    if is_young {
        return false;
    }
    let is_waited_for = *letter == f.own || f.earlier.iter().any(|(of, _)| of.letter == *letter);
    is_noted_again(note, notes) || !is_waited_for || is_settled(plan, f, letter)
}

/// How long a message took that came between two runs, by the date that the mailbox gave it, and no longer than until now. `true`:
/// that date is before it was sent, so one of the clocks is wrong, and it is the time until now.
pub(crate) fn took(sent: Timestamp, came: Option<Timestamp>, now: Timestamp) -> (Duration, bool) {
    let until_now = now.since(sent);
    match came {
        Some(came) if sent.since(came) > CLOCKS => (until_now, true),
        Some(came) => (came.since(sent).min(until_now), false),
        None => (until_now, false),
    }
}
