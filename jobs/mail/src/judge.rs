//! From what was found in a mailbox to an outcome. Pure.

use crate::letter::{Fate, Letter, Note, shown};
use crate::plan::Plan;
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

/// All that a run has found.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    pub(crate) now: Timestamp,
    /// The message of this run, and how long it was waited for.
    pub(crate) own: Letter,
    pub(crate) found: Option<Found>,
    pub(crate) waited: Duration,
    /// Messages of earlier runs that had not arrived by their end, in the order in which they were sent.
    pub(crate) earlier: Vec<(Note, Option<Found>)>,
    /// The last arrival that an earlier run has noted.
    pub(crate) last: Option<Note>,
    /// Why no note could be put there.
    pub(crate) unnoted: Option<String>,
}

impl Findings {
    /// The message that was sent last of those that have arrived, and how long it took.
    pub(crate) fn newest(&self) -> Option<(&Letter, Duration)> {
        if let Some(Found::Arrived(took)) = self.found {
            return Some((&self.own, took));
        }
        let earlier = self.earlier.iter().filter_map(|(note, found)| match found {
            Some(Found::Arrived(took)) => Some((&note.letter, *took)),
            _ => None,
        });
        let noted = self.last.iter().filter_map(|note| match note.fate {
            Fate::Arrived(took) => Some((&note.letter, took)),
            _ => None,
        });
        earlier.chain(noted).max_by_key(|(letter, _)| letter.sent)
    }

    /// Messages that must have arrived by now, and have not.
    fn overdue(&self, within: Duration) -> impl Iterator<Item = &Letter> {
        let is_late = move |note: &Note| note.fate == Fate::Sent && self.now.since(note.letter.sent) > within;
        self.earlier.iter().filter(move |(note, found)| found.is_none() && is_late(note)).map(|(note, _)| &note.letter)
    }

    /// Those of them that others have overtaken: lost on a way that works.
    fn lost(&self, within: Duration) -> Vec<&Letter> {
        self.overdue(within).filter(|letter| self.is_overtaken(letter, within)).collect()
    }

    /// It must have arrived by now, and one that was sent later has.
    pub(crate) fn is_overtaken(&self, letter: &Letter, within: Duration) -> bool {
        let is_older = self.newest().is_some_and(|(newest, _)| letter.sent < newest.sent);
        is_older && self.now.since(letter.sent) > within
    }

    fn ago(&self, at: Timestamp) -> String {
        format!("{} ago", duration_words(self.now.since(at)))
    }
}

/// Judges what was found.
pub(crate) fn judge(plan: &Plan, f: &Findings) -> Outcome {
    let outcome = in_spam(plan, f).unwrap_or_else(|| match &f.found {
        Some(Found::Arrived(took)) => {
            let sentence = format!("mail from {} arrived at {} after {}", plan.from, plan.to, duration_words(*took));
            of_time(plan, *took, &sentence)
        }
        _ => missing(plan, f),
    });
    with_lost(plan, f, outcome).with_detail(detail(f))
}

/// What lies in a folder for spam is read by nobody.
fn in_spam(plan: &Plan, f: &Findings) -> Option<Outcome> {
    let own = f.found.as_ref().map(|found| (&f.own, found));
    let earlier = f.earlier.iter().rev().filter_map(|(note, found)| Some((&note.letter, found.as_ref()?)));
    // What was sent last counts.
    let (letter, found) = own.into_iter().chain(earlier).next()?;
    let Found::Spam(folder) = found else { return None };
    Some(Outcome::failed(format!(
        "mail from {} to {} is taken for spam: the message sent {} lies in {folder:?}; look at the filter there, and at SPF, \
         DKIM and DMARC of the sender",
        plan.from,
        plan.to,
        f.ago(letter.sent)
    )))
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
    let newest = f.newest();
    let lost = f.lost(within);
    let broken: Vec<&Letter> = f.overdue(within).filter(|letter| !lost.contains(letter)).collect();
    if let Some(first) = broken.first() {
        return never_came(plan, f, first, broken.len());
    }
    let of_now = format!("that of this run is not there yet ({})", duration_words(f.waited));
    // It has come since the last run, so its time is news.
    let news = f.earlier.iter().rev().find_map(|(note, found)| match found {
        Some(Found::Arrived(took)) => Some((&note.letter, *took)),
        _ => None,
    });
    if let Some((letter, took)) = news {
        let sentence = format!(
            "mail from {} to {}: the message sent {} arrived after {}; {of_now}",
            plan.from,
            plan.to,
            f.ago(letter.sent),
            duration_words(took)
        );
        return of_time(plan, took, &sentence);
    }
    if f.waited > within {
        let sentence =
            format!("mail from {} to {} has not arrived after {}", plan.from, plan.to, duration_words(f.waited));
        return Outcome::failed(format!("{sentence}; at most {} is well", duration_words(within)));
    }
    match newest {
        Some((letter, took)) if f.now.since(letter.sent) <= within + plan.every * 2 => Outcome::ok(format!(
            "mail from {} to {}: the last message, sent {}, arrived after {}; {of_now}",
            plan.from,
            plan.to,
            f.ago(letter.sent),
            duration_words(took)
        )),
        _ => unknown(plan, f, newest.map(|(letter, _)| letter)),
    }
}

fn never_came(plan: &Plan, f: &Findings, first: &Letter, count: usize) -> Outcome {
    let others = match count {
        1 => String::new(),
        2 => ", nor has another one since".to_owned(),
        more => format!(", nor have {} others since", more - 1),
    };
    let last = f.newest().map_or_else(
        || "none is known to have arrived before".to_owned(),
        |(letter, _)| format!("the last that arrived was sent {}", f.ago(letter.sent)),
    );
    Outcome::failed(format!(
        "mail from {} to {} does not arrive: the message sent {} ({}) is not there{others}; {last}; look into the log and the \
         queue of {}",
        plan.from,
        plan.to,
        f.ago(first.sent),
        shown(first.sent),
        plan.sender.endpoint
    ))
}

fn unknown(plan: &Plan, f: &Findings, last: Option<&Letter>) -> Outcome {
    let waited = duration_words(f.waited);
    let why = match (&f.unnoted, last) {
        (Some(why), _) => format!("the mailbox takes no notes ({why}), so later runs cannot look for it either"),
        (None, None) => "nothing is known of earlier ones; the next run looks for it".to_owned(),
        (None, Some(last)) => {
            format!("the last that is known to have arrived was sent {}; the next run looks for it", f.ago(last.sent))
        }
    };
    let sentence =
        format!("mail from {} to {}: the message was sent and is not there after {waited}; {why}", plan.from, plan.to);
    Outcome::unknown(sentence, ON_ITS_WAY)
}

/// A message that was overtaken is lost: the way works, and not for all.
fn with_lost(plan: &Plan, f: &Findings, outcome: Outcome) -> Outcome {
    let lost = f.lost(plan.limits.within);
    let Some(first) = lost.first() else { return outcome };
    let others = match lost.len() {
        1 => String::new(),
        2 => ", nor did another one".to_owned(),
        more => format!(", nor did {} others", more - 1),
    };
    let sentence = format!("the message sent {} ({}) never arrived{others}", f.ago(first.sent), shown(first.sent));
    let verdict = if outcome.verdict == Verdict::Failed { Verdict::Failed } else { Verdict::Warning };
    Outcome { verdict, cause: None, summary: format!("{}; but {sentence}", outcome.summary), ..outcome }
}

fn detail(f: &Findings) -> String {
    let of = |letter: &Letter, what: &str| format!("sent {}: {what}", shown(letter.sent));
    let found = |found: &Option<Found>| match found {
        Some(Found::Arrived(took)) => format!("arrived after {}", duration_words(*took)),
        Some(Found::Spam(folder)) => format!("in {folder:?}"),
        None => "not there".to_owned(),
    };
    let earlier = f.earlier.iter().map(|(note, what)| of(&note.letter, &found(what)));
    earlier.chain([of(&f.own, &found(&f.found))]).collect::<Vec<_>>().join("\n")
}
