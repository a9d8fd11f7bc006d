//! One run: look what earlier runs have left in the mailbox, send, look until it is there, note, tidy up.

use crate::judge::{Findings, Found, judge};
use crate::letter::{Fate, Letter, Note};
use crate::plan::Plan;
use crate::send::{Sent, send};
use checker_job::{Blame, Context, Outcome, Timestamp};
use checker_parts::mailbox::{LookError, Marked, Sought, Spot, Visit, Why, visit};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Messages that are waited for; older ones are forgotten.
const PENDING_MAX: usize = 48;
/// Where single messages cannot be removed, nothing is sent once so many notes lie there.
const LEFT_MAX: usize = 50;
/// The first pause between two looks, and the longest.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// What is kept of the time for the notes and the tidying.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// A note, and the message that holds it.
type Noted = (Note, Marked);

struct Trip<'a> {
    plan: &'a Plan,
    cx: &'a Context,
    begin: Instant,
    until: Instant,
}

/// The folders of the mailbox.
struct Folders {
    here: Spot,
    spam: Vec<Spot>,
}

/// One of the letters that were looked for, by its place among them.
struct Seen {
    place: usize,
    /// When the mailbox took it in.
    came: Option<Timestamp>,
    /// The folder for spam that it lies in.
    spam: Option<String>,
}

/// What tidying up is to remove: the folder, and what in it.
type Leftovers = Vec<(Spot, Marked)>;

/// Runs once.
pub(crate) fn run(plan: &Plan, cx: &Context) -> Outcome {
    let begin = Instant::now();
    let until = begin + cx.timeout.saturating_sub(Duration::from_millis(50).min(cx.timeout / 10));
    let trip = Trip { plan, cx, begin, until };
    let done = visit(&plan.mailbox, until, |mailbox| trip.through(mailbox));
    done.unwrap_or_else(|error| reading_fails(plan, &error))
}

/// The outcome where the mailbox could not be looked at.
fn reading_fails(plan: &Plan, error: &LookError) -> Outcome {
    let outcome = error.outcome(&plan.mailbox.host);
    let hint = match error.why {
        Why::LoginRefused(..) => "; Gmail and Microsoft 365 want imap_token_command in place of imap_pass_file",
        _ => "",
    };
    Outcome { summary: format!("reading (IMAP): {}{hint}", outcome.summary), ..outcome }
}

fn sending_fails(outcome: Outcome) -> Outcome {
    Outcome { summary: format!("sending (SMTP): {}", outcome.summary), ..outcome }
}

impl Trip<'_> {
    /// By the clock of the pass, which went on meanwhile.
    fn now(&self) -> Timestamp {
        self.cx.now.plus(self.begin.elapsed())
    }

    fn through(&self, mailbox: &mut Visit<'_>) -> Result<Outcome, Why> {
        let mut folders = self.folders(mailbox)?;
        let notes = self.notes(mailbox, &folders)?;
        if !mailbox.can_remove() && notes.len() >= LEFT_MAX {
            return Ok(self.is_full(&folders, notes.len()));
        }
        let Some(letter) = Letter::new(self.now()) else {
            let why = "this host has no random numbers";
            return Ok(Outcome::unknown(why, why).blaming(Blame::Shortage));
        };
        // Half of the time is for the way of the message, and for what is done afterwards.
        let time = self.until.saturating_duration_since(Instant::now()) / 2;
        let (fate, doubt) = match send(self.plan, &letter.text(self.plan), time) {
            Sent::Taken => (Fate::Sent, None),
            Sent::Perhaps(outcome) => (Fate::Perhaps, Some(outcome)),
            Sent::Not(outcome) => return Ok(sending_fails(outcome)),
        };
        let sent = Instant::now();
        let note = Note { letter: letter.clone(), fate };
        let unnoted = mailbox.put(&folders.here, &note.text(self.plan))?;
        if let Some(outcome) = doubt {
            return Ok(sending_fails(outcome));
        }
        let mut leftovers = Leftovers::new();
        let mut found = self.wait_for(mailbox, &folders, &letter, sent, &mut leftovers)?;
        if found.is_none() {
            // Some servers make the folder for spam when they first have something to put there.
            folders = self.folders(mailbox)?;
            found = self.now_there(mailbox, &folders, &letter, sent, &mut leftovers)?;
        }
        let waited = sent.elapsed();
        let earlier = self.earlier(mailbox, &folders, &notes, &mut leftovers)?;
        let last = newest_arrival(&notes);
        let findings = Findings { now: self.now(), own: letter, found, waited, earlier, last, unnoted };
        let outcome = judge(self.plan, &findings);
        Ok(match self.tidy(mailbox, &folders, &findings, &notes, leftovers) {
            Ok(None) => outcome,
            Ok(Some(why)) | Err(why) => {
                let detail = format!("{}\nnot tidied up: {why}", outcome.detail);
                outcome.with_detail(detail)
            }
        })
    }

    fn folders(&self, mailbox: &mut Visit<'_>) -> Result<Folders, Why> {
        let (here, spam) = mailbox.folders(&self.plan.folder, self.plan.spam_folder.as_deref())?;
        Ok(Folders { here, spam })
    }

    /// What earlier runs have noted, in the order in which their messages were sent.
    fn notes(&self, mailbox: &mut Visit<'_>, folders: &Folders) -> Result<Vec<Noted>, Why> {
        let found = mailbox.find(&folders.here, Sought::Notes(&self.plan.mark))?;
        let read = found.into_iter().filter_map(|marked| Some((Note::parse(&marked.value, &self.plan.mark)?, marked)));
        let mut notes: Vec<Noted> = read.collect();
        notes.sort_by_key(|(note, _)| note.letter.sent);
        Ok(notes)
    }

    /// Nothing can be removed, and there is enough.
    fn is_full(&self, folders: &Folders, count: usize) -> Outcome {
        Outcome::warning(format!(
            "nothing was sent: {count} messages of this job or more lie in {:?} of {}, and its server lacks UIDPLUS, so that \
             they cannot be removed one by one; delete them by hand (subject \"Checker\")",
            folders.here.shown(),
            self.plan.mailbox.user
        ))
    }

    /// Looks for the message of this run until it is there, or only the time is left that is needed afterwards.
    fn wait_for(
        &self,
        mailbox: &mut Visit<'_>,
        folders: &Folders,
        letter: &Letter,
        sent: Instant,
        leftovers: &mut Leftovers,
    ) -> Result<Option<Found>, Why> {
        let last = self.until.checked_sub(AFTERWARDS.min(self.cx.timeout / 4)).unwrap_or(self.until);
        let mut pause = PAUSE;
        loop {
            if let Some(found) = self.now_there(mailbox, folders, letter, sent, leftovers)? {
                return Ok(Some(found));
            }
            if self.cx.cancel.is_cancelled() || Instant::now() + pause >= last {
                return Ok(None);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Looks for the message of this run.
    fn now_there(
        &self,
        mailbox: &mut Visit<'_>,
        folders: &Folders,
        letter: &Letter,
        sent: Instant,
        leftovers: &mut Leftovers,
    ) -> Result<Option<Found>, Why> {
        let seen = self.look(mailbox, folders, &[letter], leftovers)?.pop();
        Ok(seen.map(|seen| seen.spam.map_or_else(|| Found::Arrived(sent.elapsed()), Found::Spam)))
    }

    /// Looks for letters. What was found can be removed afterwards.
    fn look(
        &self,
        mailbox: &mut Visit<'_>,
        folders: &Folders,
        letters: &[&Letter],
        leftovers: &mut Leftovers,
    ) -> Result<Vec<Seen>, Why> {
        let tokens: Vec<&str> = letters.iter().map(|letter| letter.token.as_str()).collect();
        let (mut seen, mut known) = (Vec::new(), BTreeSet::new());
        let spots = [(&folders.here, false)].into_iter().chain(folders.spam.iter().map(|spot| (spot, true)));
        for (spot, is_spam) in spots {
            if known.len() == letters.len() {
                break;
            }
            for marked in mailbox.find(spot, Sought::Trips(&tokens))? {
                // All that it says must be so, not the token alone.
                let Some(letter) = Letter::parse(&marked.value, &self.plan.mark) else { continue };
                let Some(place) = letters.iter().position(|l| **l == letter) else { continue };
                let came = marked.came.map(|at| Timestamp::from_micros(at.as_microsecond()));
                if known.insert(place) {
                    seen.push(Seen { place, came, spam: is_spam.then(|| spot.shown().to_owned()) });
                }
                leftovers.push((spot.clone(), marked));
            }
        }
        Ok(seen)
    }

    /// What has become of the messages that had not arrived by the end of their runs.
    fn earlier(
        &self,
        mailbox: &mut Visit<'_>,
        folders: &Folders,
        notes: &[Noted],
        leftovers: &mut Leftovers,
    ) -> Result<Vec<(Note, Option<Found>)>, Why> {
        let arrived = |letter: &Letter| {
            notes.iter().any(|(note, _)| matches!(note.fate, Fate::Arrived(_)) && note.letter == *letter)
        };
        let open =
            notes.iter().map(|(note, _)| note).filter(|n| !matches!(n.fate, Fate::Arrived(_)) && !arrived(&n.letter));
        let open: Vec<&Note> = open.collect();
        let open = open.get(open.len().saturating_sub(PENDING_MAX)..).unwrap_or_default();
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let letters: Vec<&Letter> = open.iter().map(|note| &note.letter).collect();
        let seen = self.look(mailbox, folders, &letters, leftovers)?;
        let now = self.now();
        let found = open.iter().enumerate().map(|(nth, note)| {
            let found = seen.iter().find(|seen| seen.place == nth).map(|seen| match &seen.spam {
                Some(folder) => Found::Spam(folder.clone()),
                None => Found::Arrived(took(note.letter.sent, seen.came, now)),
            });
            ((*note).clone(), found)
        });
        Ok(found.collect())
    }

    /// Notes what has arrived, and removes what is of no more use. What comes back is why something is left.
    fn tidy(
        &self,
        mailbox: &mut Visit<'_>,
        folders: &Folders,
        f: &Findings,
        notes: &[Noted],
        mut leftovers: Leftovers,
    ) -> Result<Option<String>, String> {
        let broken = |why: Why| why.to_string();
        let mut left = None;
        if let Some((letter, took)) =
            f.newest().filter(|(letter, _)| f.last.as_ref().is_none_or(|l| l.letter != **letter))
        {
            let note = Note { letter: letter.clone(), fate: Fate::Arrived(took) };
            left = mailbox.put(&folders.here, &note.text(self.plan)).map_err(broken)?;
        }
        // With the note of this run.
        let now_there = self.notes(mailbox, folders).map_err(broken)?;
        let keep = newest_arrival(&now_there);
        let is_over = |note: &Note| match note.fate {
            Fate::Arrived(_) => keep.as_ref() != Some(note),
            _ if note.letter == f.own => f.found.is_some(),
            _ => match f.earlier.iter().find(|(of, _)| of.letter == note.letter) {
                Some((of, found)) => found.is_some() || f.is_overtaken(&of.letter, self.plan.limits.within),
                // Beyond those that are waited for, or noted as arrived.
                None => notes.iter().any(|(of, _)| of.letter == note.letter),
            },
        };
        let over = now_there.into_iter().filter(|(note, _)| is_over(note));
        leftovers.extend(over.map(|(_, marked)| (folders.here.clone(), marked)));
        for spot in [&folders.here].into_iter().chain(&folders.spam) {
            let of_spot: Vec<&Marked> =
                leftovers.iter().filter(|(at, _)| at == spot).map(|(_, marked)| marked).collect();
            left = left.or(mailbox.remove(spot, &of_spot).map_err(broken)?);
        }
        Ok(left)
    }
}

/// The note of the message that was sent last of those that are noted as arrived.
fn newest_arrival(notes: &[Noted]) -> Option<Note> {
    let arrived = notes.iter().map(|(note, _)| note).filter(|note| matches!(note.fate, Fate::Arrived(_)));
    arrived.max_by_key(|note| note.letter.sent).cloned()
}

/// How long a message took that came between two runs: by the date that the mailbox gave it, and no longer than until now.
fn took(sent: Timestamp, came: Option<Timestamp>, now: Timestamp) -> Duration {
    let until_now = now.since(sent);
    came.map_or(until_now, |came| came.since(sent).min(until_now))
}
