//! From what was found in a mailbox to an outcome. Pure.

use crate::letter::{Fate, Letter, Note, shown};
use crate::plan::{Plan, short};
use checker_job::{Metric, Outcome, Timestamp, Verdict, duration_words};
use std::time::Duration;

/// The cause of an outcome `Unknown`, where a message takes longer than a run and nothing is known of earlier ones.
pub(crate) const ON_ITS_WAY: &str = "mail takes longer than a run, and nothing is known of earlier messages";

/// Where a message was found, and how long it took as far as that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Arrived(Duration),
    /// In this folder for spam.
    Spam(String),
}

/// How sending ended, where the server did not simply take the message.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    pub(crate) outcome: Outcome,
    /// Only the server knows whether it has taken it.
    pub(crate) is_in_doubt: bool,
}

/// All that a run has found.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) now: Timestamp,
    /// The longest time that a run may take.
    pub(crate) a_run: Duration,
    /// The message of this run, and how long it was waited for.
    pub(crate) own: Letter,
    pub(crate) sending: Option<Sending>,
    pub(crate) found: Option<Found>,
    pub(crate) waited: Duration,
    /// Messages of earlier runs that had not arrived by their end, in the order in which they were sent.
    pub(crate) earlier: Vec<(Note, Option<Found>)>,
    /// The last arrival that an earlier run has noted.
    pub(crate) last: Option<Note>,
    /// Why no note could be put there.
    pub(crate) unnoted: Option<String>,
    /// A note was put there, and is not found again.
    pub(crate) unread: bool,
    /// What else is to be known.
    pub(crate) remarks: Vec<String>,
}

impl Findings {
    /// The message that was sent last of those that have arrived, and how long it took.
    pub(crate) fn newest(&self) -> Option<(&Letter, Duration)> {
        let noted = self.last.iter().filter_map(|note| match note.fate {
            Fate::Arrived(took) => Some((&note.letter, took)),
            _ => None,
        });
        self.arrived().chain(noted).max_by_key(|(letter, _)| letter.sent)
    }

    /// What was found, with the messages it was found of.
    fn seen(&self) -> impl DoubleEndedIterator<Item = (&Letter, &Found)> {
        let own = self.found.as_ref().map(|found| (&self.own, found));
        let earlier = self.earlier.iter().filter_map(|(note, found)| Some((&note.letter, found.as_ref()?)));
        earlier.chain(own)
    }

    fn arrived(&self) -> impl DoubleEndedIterator<Item = (&Letter, Duration)> {
        self.seen().filter_map(|(letter, found)| match found {
            Found::Arrived(took) => Some((letter, *took)),
            Found::Spam(_) => None,
        })
    }

    fn in_spam(&self) -> impl DoubleEndedIterator<Item = (&Letter, &str)> {
        self.seen().filter_map(|(letter, found)| match found {
            Found::Spam(folder) => Some((letter, folder.as_str())),
            Found::Arrived(_) => None,
        })
    }

    /// Messages that must have arrived by now, and have not.
    fn overdue(&self, within: Duration) -> impl Iterator<Item = &Letter> {
        let is_late = move |note: &Note| note.fate == Fate::Sent && self.now.since(note.letter.sent) > within;
        self.earlier.iter().filter(move |(note, found)| found.is_none() && is_late(note)).map(|(note, _)| &note.letter)
    }

    /// It must have arrived by now, and one that was sent later has.
    pub(crate) fn is_overtaken(&self, letter: &Letter, within: Duration) -> bool {
        self.is_older(letter) && self.now.since(letter.sent) > within
    }

    /// It was sent before one that has arrived.
    fn is_older(&self, letter: &Letter) -> bool {
        self.newest().is_some_and(|(newest, _)| letter.sent < newest.sent)
    }

    fn ago(&self, at: Timestamp) -> String {
        format!("{} ago", duration_words(self.now.since(at)))
    }
}

/// Judges what was found.
pub(crate) fn judge(plan: &Plan, f: &Findings) -> Outcome {
    let outcome = match &f.sending {
        Some(sending) => beside(plan, f, sending),
        None => in_spam(plan, f).unwrap_or_else(|| arrived(plan, f).unwrap_or_else(|| missing(plan, f))),
    };
    let outcome = with_notes(plan, f, with_strays(plan, f, with_lost(plan, f, outcome)));
    outcome.with_detail(detail(f))
}

/// The way of the messages, as sentences name it.
fn way(plan: &Plan) -> String {
    format!("mail from {} to {}", short(&plan.from), short(&plan.to))
}

/// The message of this run was not sent, or perhaps not. What is known of earlier ones counts all the same.
fn beside(plan: &Plan, f: &Findings, sending: &Sending) -> Outcome {
    let mut outcome =
        Outcome { summary: format!("sending (SMTP): {}", sending.outcome.summary), ..sending.outcome.clone() };
    if matches!(f.found, Some(Found::Arrived(_))) {
        outcome.summary.push_str("; it has arrived all the same");
    }
    let mut of_perhaps = f.earlier.iter().filter(|(note, _)| note.fate == Fate::Perhaps);
    if let Some((note, _)) = of_perhaps.rfind(|(_, found)| matches!(found, Some(Found::Arrived(_)))) {
        let of = f.ago(note.letter.sent);
        outcome.summary =
            format!("{}; the message sent {of}, of which nobody knew whether it was, has arrived", outcome.summary);
    }
    match in_spam(plan, f).or_else(|| never_came(plan, f)).or_else(|| news(plan, f, None)) {
        Some(other) if other.verdict.is_bad() => {
            let metrics = other.metrics;
            Outcome { metrics, ..and(outcome, other.verdict, &other.summary) }
        }
        _ => outcome,
    }
}

/// Adds what else is wrong: first, if it is graver than all before.
fn and(outcome: Outcome, verdict: Verdict, sentence: &str) -> Outcome {
    let grave = |verdict: Verdict| match verdict {
        Verdict::Ok => 0,
        Verdict::Unknown => 1,
        Verdict::Warning => 2,
        Verdict::Failed => 3,
    };
    let before = outcome.verdict;
    if grave(verdict) > grave(before) {
        let summary = format!("{sentence}; {}", outcome.summary);
        // What hinders us explains no longer all of it.
        return Outcome { verdict, cause: None, blame: None, summary, ..outcome };
    }
    let blame = outcome.blame.filter(|_| verdict != before);
    Outcome { blame, summary: format!("{}; {sentence}", outcome.summary), ..outcome }
}

/// What lies in a folder for spam is read by nobody. It is over when one that was sent later arrives.
fn in_spam(plan: &Plan, f: &Findings) -> Option<Outcome> {
    let (letter, folder) = f.in_spam().rfind(|(letter, _)| !f.is_older(letter))?;
    Some(Outcome::failed(format!(
        "{} is taken for spam: the message sent {} lies in {folder:?}; look at the filter there, and at SPF, DKIM and DMARC of the \
         sender",
        way(plan),
        f.ago(letter.sent)
    )))
}

fn arrived(plan: &Plan, f: &Findings) -> Option<Outcome> {
    let Some(Found::Arrived(took)) = f.found else { return None };
    let (from, to) = (short(&plan.from), short(&plan.to));
    Some(of_time(plan, took, &format!("mail from {from} arrived at {to} after {}", duration_words(took))))
}

/// The outcome of a message that took this long.
fn of_time(plan: &Plan, took: Duration, sentence: &str) -> Outcome {
    let limits = &plan.limits;
    let most = |limit: Duration| format!("{sentence}; at most {} is well", duration_words(limit));
    let outcome = match limits.warning.filter(|warning| took > *warning) {
        _ if took > limits.within => Outcome::failed(most(limits.within)),
        Some(warning) => Outcome::warning(most(warning)),
        None => Outcome::ok(sentence),
    };
    let mut metric = Metric::new("time", took.as_secs_f64(), "s");
    metric.warning = limits.warning.map(|limit| limit.as_secs_f64().to_string());
    metric.critical = Some(limits.within.as_secs_f64().to_string());
    outcome.with_metric(metric)
}

/// The message of this run is not there yet.
fn missing(plan: &Plan, f: &Findings) -> Outcome {
    let within = plan.limits.within;
    let of_now = format!("that of this run is not there yet ({})", duration_words(f.waited));
    if let Some(outcome) = never_came(plan, f).or_else(|| news(plan, f, Some(&of_now))) {
        return outcome;
    }
    if f.waited > within {
        let sentence = format!("{} has not arrived after {}", way(plan), duration_words(f.waited));
        return Outcome::failed(format!("{sentence}; at most {} is well", duration_words(within)));
    }
    let newest = f.newest();
    match newest {
        Some((letter, took)) if f.now.since(letter.sent) <= within + plan.every * 2 => Outcome::ok(format!(
            "{}: the last message, sent {}, arrived after {}; {of_now}",
            way(plan),
            f.ago(letter.sent),
            duration_words(took)
        )),
        _ => unknown(plan, f, newest.map(|(letter, _)| letter)),
    }
}

/// An earlier message has come since the last run, so its time is news.
fn news(plan: &Plan, f: &Findings, of_now: Option<&str>) -> Option<Outcome> {
    let (letter, took) = f.arrived().rfind(|(letter, _)| **letter != f.own)?;
    let end = of_now.map(|words| format!("; {words}")).unwrap_or_default();
    let (of, took_words) = (f.ago(letter.sent), duration_words(took));
    Some(of_time(plan, took, &format!("{}: the message sent {of} arrived after {took_words}{end}", way(plan))))
}

/// A message is overdue, and none that was sent later has arrived.
fn never_came(plan: &Plan, f: &Findings) -> Option<Outcome> {
    let broken: Vec<&Letter> = f.overdue(plan.limits.within).filter(|letter| !f.is_older(letter)).collect();
    let first = broken.first()?;
    let others = match broken.len() {
        1 => String::new(),
        2 => ", nor has another one since".to_owned(),
        more => format!(", nor have {} others since", more - 1),
    };
    let last = f.newest().map_or_else(
        || "none is known to have arrived before".to_owned(),
        |(letter, _)| format!("the last that arrived was sent {}", f.ago(letter.sent)),
    );
    Some(Outcome::failed(format!(
        "{} does not arrive: look into the log and the queue of {}; the message sent {} ({}) is not there{others}; {last}",
        way(plan),
        plan.sender.endpoint,
        f.ago(first.sent),
        shown(first.sent)
    )))
}

fn unknown(plan: &Plan, f: &Findings, last: Option<&Letter>) -> Outcome {
    let waited = duration_words(f.waited);
    let why = match last {
        None => "nothing is known of earlier ones; the next run looks for it".to_owned(),
        Some(last) => {
            format!("the last that is known to have arrived was sent {}; the next run looks for it", f.ago(last.sent))
        }
    };
    let sentence = format!("{}: the message was sent and is not there after {waited}; {why}", way(plan));
    Outcome::unknown(sentence, ON_ITS_WAY)
}

/// A message that was overtaken is lost: the way works, and not for all. It stays so for as many runs as it takes until somebody is
/// told, because each later run may be well.
fn with_lost(plan: &Plan, f: &Findings, outcome: Outcome) -> Outcome {
    let is_lost = |letter: &&Letter| f.is_older(letter) && f.now.since(letter.sent) <= plan.memory();
    let lost: Vec<&Letter> = f.overdue(plan.limits.within).filter(is_lost).collect();
    let Some(first) = lost.first() else { return outcome };
    let others = match lost.len() {
        1 => String::new(),
        2 => ", nor did another one".to_owned(),
        more => format!(", nor did {} others", more - 1),
    };
    behind(outcome, &format!("the message sent {} ({}) never arrived{others}", f.ago(first.sent), shown(first.sent)))
}

/// So does one that was taken for spam.
fn with_strays(plan: &Plan, f: &Findings, outcome: Outcome) -> Outcome {
    let is_told = |letter: &Letter| f.is_older(letter) && f.now.since(letter.sent) <= plan.memory();
    let strays: Vec<(&Letter, &str)> = f.in_spam().filter(|(letter, _)| is_told(letter)).collect();
    let Some((last, folder)) = strays.last() else { return outcome };
    let others = match strays.len() {
        1 => String::new(),
        2 => ", as does another one".to_owned(),
        more => format!(", as do {} others", more - 1),
    };
    let at = shown(last.sent);
    let sentence =
        format!("the message sent {} ({at}) lies in {folder:?}, as spam{others}; look at the filter", f.ago(last.sent));
    behind(outcome, &sentence)
}

/// A warning besides what is well, or worse.
fn behind(outcome: Outcome, sentence: &str) -> Outcome {
    let verdict = if outcome.verdict == Verdict::Failed { Verdict::Failed } else { Verdict::Warning };
    Outcome { verdict, cause: None, summary: format!("{}; but {sentence}", outcome.summary), ..outcome }
}

/// Without its note nobody looks for a message that is not there yet; and where there is no room for notes, there is none for mail.
fn with_notes(plan: &Plan, f: &Findings, outcome: Outcome) -> Outcome {
    if f.unread {
        let place = format!("{:?} of {}", plan.folder, short(&plan.mailbox.user));
        let sentence = format!(
            "the server of the mailbox does not find the note that was just put into {place}, so later runs cannot look for what is slow"
        );
        return and(outcome, Verdict::Warning, &sentence);
    }
    let Some(why) = f.unnoted.as_ref().filter(|_| f.found.is_none()) else { return outcome };
    let user = short(&plan.mailbox.user);
    if is_full(why) {
        and(outcome, Verdict::Failed, &format!("the mailbox of {user} is full: its server says {why:?}"))
    } else {
        let sentence =
            format!("the mailbox of {user} takes no notes ({why:?}), so later runs cannot look for what is slow");
        and(outcome, Verdict::Warning, &sentence)
    }
}

/// RFC 5530 has a code for it, and not all servers.
fn is_full(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    words.contains("overquota")
        || words.contains("quota exceeded")
        || words.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "full")
}

/// What a run could not remove grows from run to run.
pub(crate) fn untidied(outcome: Outcome, why: &str) -> Outcome {
    let detail = format!("{}\nnot tidied up: {why}", outcome.detail);
    and(outcome, Verdict::Warning, &format!("messages of this job cannot be removed: {why}")).with_detail(detail)
}

fn detail(f: &Findings) -> String {
    let of = |letter: &Letter, what: &str| format!("sent {}: {what}", shown(letter.sent));
    let found = |found: &Option<Found>| match found {
        Some(Found::Arrived(took)) => format!("arrived after {}", duration_words(*took)),
        Some(Found::Spam(folder)) => format!("in {folder:?}"),
        None => "not there".to_owned(),
    };
    let earlier = f.earlier.iter().map(|(note, what)| of(&note.letter, &found(what)));
    let own = match &f.sending {
        Some(sending) if !sending.is_in_doubt => None,
        Some(_) => Some(format!("perhaps {}", of(&f.own, &found(&f.found)))),
        None => Some(of(&f.own, &found(&f.found))),
    };
    let unnoted = f.unnoted.iter().map(|why| format!("no note: the mailbox says {why:?}"));
    let unread = f.unread.then(|| "the note that was put there is not found again".to_owned());
    earlier.chain(own).chain(unnoted).chain(unread).chain(f.remarks.clone()).collect::<Vec<_>>().join("\n")
}
