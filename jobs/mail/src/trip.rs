//! One run: look what earlier runs have left in the mailbox, note, send, look until it is there, tidy up.

use crate::judge::{Findings, Found, Sending, judge, untidied};
use crate::letter::{Fate, Letter, Note, Seal, host, shown};
use crate::memory::{self, LEFT_MAX, newest_arrival, waited_for};
use crate::plan::{Plan, short, with_keys};
use crate::send::{Sent, send};
use checker_job::{Blame, Context, Outcome, Timestamp};
use checker_parts::mailbox::{LookError, Marked, Sought, Spot, Spots, Visit, Why, visit};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The first pause between two looks, and the longest.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// What is kept of the time for the notes and the tidying.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// A note, and the message that holds it.
type Noted = (Note, Marked);

struct Trip<'a, 'm, 'v> {
    plan: &'a Plan,
    cx: &'a Context,
    seal: Seal,
    begin: Instant,
    until: Instant,
    mailbox: &'m mut Visit<'v>,
    folders: Spots,
    /// Messages of ours that were found, and where.
    lying: Vec<(Letter, Spot, Marked)>,
    /// What is odd and no reason to fail.
    remarks: Vec<String>,
}

/// One of the letters that were looked for, by its place among them.
struct Seen {
    place: usize,
    /// When the mailbox took it in.
    came: Option<Timestamp>,
    /// The folder for spam that it lies in.
    spam: Option<String>,
}

/// Runs once. With what was found, where it came so far.
pub(crate) fn run(plan: &Plan, cx: &Context) -> (Outcome, Option<Findings>) {
    let begin = Instant::now();
    let until = begin + cx.timeout.saturating_sub(Duration::from_millis(50).min(cx.timeout / 10));
    let done = visit(&plan.mailbox, until, |mailbox| {
        let folders = mailbox.folders(&plan.folder, plan.spam_folder.as_deref())?;
        let (lying, remarks) = (Vec::new(), Vec::new());
        let seal = Seal::new(plan);
        Trip { plan, cx, seal, begin, until, mailbox, folders, lying, remarks }.through()
    });
    done.unwrap_or_else(|error| (reading_fails(plan, &error), None))
}

/// The outcome where the mailbox could not be looked at. What is to be done comes before the words of the server.
fn reading_fails(plan: &Plan, error: &LookError) -> Outcome {
    let outcome = error.outcome(&plan.mailbox.host);
    let at = &error.at;
    let sentence = match &error.why {
        Why::LoginRefused(user, words) => format!(
            "{at}: login as {:?} refused; mend imap_user or imap_pass_file (Gmail and Microsoft 365 want imap_token_command in its \
             place). It says: {words}",
            short(user)
        ),
        Why::NoFolder(name, there) => {
            format!("{at}: the key folder names {:?}, and there is none, but {there}", short(name))
        }
        _ => with_keys("imap", &outcome.summary),
    };
    Outcome { summary: format!("reading (IMAP): {sentence}"), ..outcome }
}

impl Trip<'_, '_, '_> {
    /// By the clock of the pass and the time since: a step of the clock meanwhile changes nothing. When a pass lets a run wait for its
    /// turn, this is a little early, and a message seems to have taken so much longer.
    fn now(&self) -> Timestamp {
        self.cx.now.plus(self.begin.elapsed())
    }

    fn through(mut self) -> Result<(Outcome, Option<Findings>), Why> {
        let notes = self.notes()?;
        if notes.len() >= LEFT_MAX {
            return Ok((self.is_full(notes.len()), None));
        }
        let Some(letter) = Letter::new(self.now()) else {
            let why = "this host has no random numbers";
            return Ok((Outcome::unknown(why, why).blaming(Blame::Shortage), None));
        };
        let (findings, there) = self.findings(letter, &plain(&notes))?;
        let outcome = judge(self.plan, &findings);
        let outcome = match self.tidy(&findings, there) {
            Ok(None) => outcome,
            Ok(Some(why)) => untidied(outcome, &why),
            Err(why) => {
                let detail = format!("{}\nnot tidied up: {why}", outcome.detail);
                outcome.with_detail(detail)
            }
        };
        Ok((outcome, Some(findings)))
    }

    /// Sends the message, and looks for it and for those of `notes`. Gives the notes that there are afterwards, too.
    fn findings(&mut self, own: Letter, notes: &[Note]) -> Result<(Findings, Vec<Noted>), Why> {
        let (sending, unnoted) = self.send(&own)?;
        let sent = Instant::now();
        let found = match &sending {
            None => self.wait_for(&own, sent)?,
            Some(sending) if sending.is_in_doubt => self.now_there(&own, sent)?,
            Some(_) => None,
        };
        let waited = sent.elapsed();
        let mut earlier = self.earlier(notes)?;
        let there = self.notes()?;
        // Another run at the same time may just have found it and removed both.
        let is_open = |note: &Note| there.iter().any(|(other, _)| other == note);
        earlier.retain(|(note, found)| found.is_some() || is_open(note));
        let unread = unnoted.is_none() && !there.iter().any(|(note, _)| note.letter == own);
        let last = newest_arrival(there.iter().map(|(note, _)| note));
        let (now, a_run, remarks) = (self.now(), self.cx.timeout, self.remarks());
        let findings = Findings { now, a_run, own, sending, found, waited, earlier, last, unnoted, unread, remarks };
        Ok((findings, there))
    }

    fn remark(&mut self, remark: String) {
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    fn remarks(&self) -> Vec<String> {
        let missing = self.folders.missing.iter();
        let missing = missing.map(|s| format!("the folder for spam {:?} is not looked into: {}", s.folder, s.why));
        self.remarks.iter().cloned().chain(missing).collect()
    }

    /// What earlier runs have noted, in the order in which their messages were sent.
    fn notes(&mut self) -> Result<Vec<Noted>, Why> {
        let found = self.mailbox.find(&self.folders.here, Sought::Notes(&self.seal.mark))?;
        let now = self.now();
        let read = found.into_iter().filter_map(|marked| Some((Note::parse(&marked.value, &self.seal)?, marked)));
        let mut notes: Vec<Noted> = read.filter(|(note, _)| memory::is_of_now(note, now)).collect();
        notes.sort_by_key(|(note, _)| note.letter.sent);
        Ok(notes)
    }

    /// Too much lies there.
    fn is_full(&self, count: usize) -> Outcome {
        let why = if self.mailbox.can_remove() {
            "and its server has not let us remove them"
        } else {
            "and its server lacks UIDPLUS, so that they cannot be removed one by one"
        };
        Outcome::warning(format!(
            "nothing was sent: {count} notes of this job or more lie in {:?} of {}, {why}; delete them by hand (subject \"Checker\")",
            self.folders.here.shown(),
            self.plan.mailbox.user
        ))
    }

    fn note(&mut self, letter: &Letter, fate: Fate) -> Result<Option<String>, Why> {
        let note = Note { letter: letter.clone(), fate };
        self.mailbox.put(&self.folders.here, &note.text(self.plan, &self.seal))
    }

    /// Notes the message and sends it: what came of that, if it was not simply taken, and why there is no note. The note comes
    /// first, so that a run that dies here leaves no message that nobody looks for.
    fn send(&mut self, letter: &Letter) -> Result<(Option<Sending>, Option<String>), Why> {
        let unnoted = self.note(letter, Fate::Perhaps)?;
        // Half of the time is for the way of the message, and for what is done afterwards.
        let time = self.until.saturating_duration_since(Instant::now()) / 2;
        match send(self.plan, &letter.text(self.plan), time) {
            Sent::Taken => Ok((None, self.note(letter, Fate::Sent)?)),
            Sent::Perhaps(outcome) => Ok((Some(Sending { outcome, is_in_doubt: true }), unnoted)),
            Sent::Not(outcome) => Ok((Some(Sending { outcome, is_in_doubt: false }), unnoted)),
        }
    }

    /// Looks for the message of this run until it is there, or only the time is left that is needed afterwards.
    fn wait_for(&mut self, letter: &Letter, sent: Instant) -> Result<Option<Found>, Why> {
        let last = self.until.checked_sub(AFTERWARDS.min(self.cx.timeout / 4)).unwrap_or(self.until);
        let mut pause = PAUSE;
        loop {
            if let Some(found) = self.now_there(letter, sent)? {
                return Ok(Some(found));
            }
            if self.cx.cancel.is_cancelled() || Instant::now() + pause >= last {
                break;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
        // Some servers make the folder for spam when they first have something to put there.
        self.folders = self.mailbox.folders(&self.plan.folder, self.plan.spam_folder.as_deref())?;
        self.now_there(letter, sent)
    }

    /// Looks for the message of this run.
    fn now_there(&mut self, letter: &Letter, sent: Instant) -> Result<Option<Found>, Why> {
        let seen = self.look(&[letter])?.pop();
        Ok(seen.map(|seen| seen.spam.map_or_else(|| Found::Arrived(sent.elapsed()), Found::Spam)))
    }

    /// Looks for letters.
    fn look(&mut self, letters: &[&Letter]) -> Result<Vec<Seen>, Why> {
        let words: Vec<&str> = letters.iter().map(|letter| letter.token.as_str()).collect();
        let (mut seen, mut known) = (Vec::new(), BTreeSet::new());
        let spam = self.folders.spam.iter().map(|spot| (spot.clone(), true));
        let spots: Vec<(Spot, bool)> = [(self.folders.here.clone(), false)].into_iter().chain(spam).collect();
        for (spot, is_spam) in spots {
            if known.len() == letters.len() {
                break;
            }
            let found = match self.mailbox.find(&spot, Sought::Trips { words: &words, host: host(self.plan) }) {
                Err(Why::Folder(name, why)) if is_spam => {
                    self.remark(format!("the folder for spam {name:?} is not looked into: {why}"));
                    continue;
                }
                found => found?,
            };
            for marked in found {
                // All that it says must be so, not the token alone.
                let Some(letter) = Letter::parse(&marked.value, &self.plan.mark) else { continue };
                let Some(place) = letters.iter().position(|l| **l == letter) else { continue };
                if !marked.received {
                    let of = shown(letter.sent);
                    self.remark(format!(
                        "the message sent {of} has no field Received, which servers on the way usually add"
                    ));
                }
                let came = marked.came.map(|at| Timestamp::from_micros(at.as_microsecond()));
                if known.insert(place) {
                    seen.push(Seen { place, came, spam: is_spam.then(|| spot.shown().to_owned()) });
                }
                self.lying.push((letter, spot.clone(), marked));
            }
        }
        Ok(seen)
    }

    /// What has become of the messages that had not arrived by the end of their runs.
    fn earlier(&mut self, notes: &[Note]) -> Result<Vec<(Note, Option<Found>)>, Why> {
        let open = waited_for(notes, self.now(), self.cx.timeout);
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let seen = self.look(&open.iter().map(|note| &note.letter).collect::<Vec<_>>())?;
        let now = self.now();
        let mut earlier: Vec<(Note, Option<Found>)> = open.into_iter().map(|note| (note, None)).collect();
        for seen in seen {
            let Some((note, found)) = earlier.get_mut(seen.place) else { continue };
            let (took, is_odd) = memory::took(note.letter.sent, seen.came, now);
            if is_odd {
                let of = shown(note.letter.sent);
                self.remark(format!(
                    "by the mailbox's clock the message sent {of} came before that; one of the clocks is wrong"
                ));
            }
            *found = Some(seen.spam.map_or(Found::Arrived(took), Found::Spam));
        }
        Ok(earlier)
    }

    /// Notes what has arrived, and removes what is of no more use. What comes back is why something cannot be removed.
    fn tidy(&mut self, f: &Findings, mut there: Vec<Noted>) -> Result<Option<String>, String> {
        let broken = |why: Why| why.to_string();
        let mut kept = newest_arrival(&plain(&there));
        let is_noted =
            |kept: &Option<Note>, letter: &Letter| kept.as_ref().is_some_and(|k| k.letter.sent >= letter.sent);
        if let Some((letter, took)) = f.newest().filter(|(letter, _)| !is_noted(&kept, letter)) {
            let fate = Fate::Arrived(took);
            if self.note(letter, fate).map_err(broken)?.is_none() {
                kept = Some(Note { letter: letter.clone(), fate });
            }
        }
        let all = plain(&there);
        there.retain(|(note, _)| memory::is_over(self.plan, f, note, kept.as_ref(), &all));
        let mut over: Vec<(Spot, Marked)> =
            there.into_iter().map(|(_, marked)| (self.folders.here.clone(), marked)).collect();
        let lying = std::mem::take(&mut self.lying).into_iter();
        let settled = lying.filter(|(letter, ..)| memory::is_settled(self.plan, f, letter));
        over.extend(settled.map(|(_, spot, marked)| (spot, marked)));
        let mut left = None;
        for spot in [&self.folders.here].into_iter().chain(&self.folders.spam) {
            let of_spot: Vec<&Marked> = over.iter().filter(|(at, _)| at == spot).map(|(_, marked)| marked).collect();
            left = left.or(self.mailbox.remove(spot, &of_spot).map_err(broken)?);
        }
        if left.is_none() && !over.is_empty() {
            self.remove_again(&over).map_err(broken)?;
        }
        Ok(left)
    }

    /// Some providers only move what is removed from a folder, into the one of all messages or into the trash.
    fn remove_again(&mut self, gone: &[(Spot, Marked)]) -> Result<(), Why> {
        let trips = gone.iter().filter_map(|(_, marked)| Letter::parse(&marked.value, &self.plan.mark));
        let tokens: Vec<String> = trips.map(|letter| letter.token).collect();
        let words: Vec<&str> = tokens.iter().map(String::as_str).collect();
        for spot in self.folders.last.clone() {
            for sought in [Sought::Notes(&self.seal.mark), Sought::Trips { words: &words, host: host(self.plan) }] {
                let found = match self.mailbox.find(&spot, sought) {
                    Err(Why::Folder(..)) => break,
                    found => found?,
                };
                let ours: Vec<&Marked> =
                    found.iter().filter(|m| gone.iter().any(|(_, marked)| marked.value == m.value)).collect();
                self.mailbox.remove(&spot, &ours)?;
            }
        }
        Ok(())
    }
}

fn plain(notes: &[Noted]) -> Vec<Note> {
    notes.iter().map(|(note, _)| note.clone()).collect()
}
