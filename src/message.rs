//! What people read: alerts become a subject and a text. Pure.
//!
//! [`single`] is about one job and one episode, [`digest`] about several. The first line of the text says it all, as the
//! subject does; then come since when and how often, the evidence, and what to type to see more. Our own lines are narrow,
//! for telephones.

mod digest;
pub(crate) mod text;

pub use digest::digest;

use crate::decide::{Alert, AlertKind};
use checker_job::{Timestamp, Verdict, duration_words};
use jiff::tz::TimeZone;
use text::{cut, one_line, quote, shell_word, wrap};

/// The longest subject, in characters.
const SUBJECT_MAX: usize = 200;
/// The longest evidence of a single message.
const EVIDENCE_LINES: usize = 200;
const EVIDENCE_CHARS: usize = 16_000;

/// What a message needs to know besides its alerts.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// This server's name, as the settings have it.
    pub servername: &'a str,
    /// The time zone in which times are shown.
    pub zone: &'a TimeZone,
    /// The time of writing.
    pub now: Timestamp,
    /// How Checker is called on this host: `checker`, or `checker -f PATH` where the settings are at an unusual place.
    pub command: &'a str,
}

/// The words of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The whole subject, server's name included.
    pub subject: String,
    /// The whole text.
    pub body: String,
}

/// The message about one job and one episode. `alerts` are those that its recipient was not told yet, oldest first; what
/// they say together is told as if it were told for the first time now.
pub fn single(facts: &Facts<'_>, alerts: &[Alert]) -> Rendered {
    let Some(story) = Story::of(alerts) else {
        return facts.render("nothing to tell", &[]);
    };
    let headline = story.headline();
    let mut parts = vec![headline.clone(), wrap(&story.sentences(facts), "")];
    parts.extend(story.evidence());
    if let Some(note) = &story.newest.note {
        parts.push(note_words(note));
    }
    parts.push(story.commands(facts));
    facts.render(&headline, &parts)
}

impl Facts<'_> {
    fn render(&self, headline: &str, parts: &[String]) -> Rendered {
        let subject = cut(&format!("[{}] {headline}", one_line(self.servername)), SUBJECT_MAX);
        let mut body = String::new();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            body.push_str(part.trim_end());
            body.push_str("\n\n");
        }
        let sign = format!("Checker on {}, {}", one_line(self.servername), self.time(self.now));
        body.push_str(&wrap(&sign, ""));
        body.push('\n');
        Rendered { subject, body }
    }

    /// Local time with weekday and zone.
    fn time(&self, at: Timestamp) -> String {
        self.format(at, "%a %Y-%m-%d %H:%M %Z")
    }

    /// Local time; the day only if it is not today.
    fn short_time(&self, at: Timestamp) -> String {
        let day = |at| self.format(at, "%Y-%m-%d");
        self.format(at, if day(at) == day(self.now) { "%H:%M" } else { "%a %Y-%m-%d %H:%M" })
    }

    /// From when to when; the day once, if it is one.
    fn span(&self, from: Timestamp, to: Timestamp) -> String {
        let day = "%a %Y-%m-%d";
        if self.format(from, day) == self.format(to, day) {
            return format!("from {} to {}", self.format(from, "%a %Y-%m-%d %H:%M"), self.format(to, "%H:%M %Z"));
        }
        format!("from {} to {}", self.time(from), self.time(to))
    }

    fn format(&self, at: Timestamp, form: &str) -> String {
        jiff::Timestamp::from_microsecond(at.micros()).map_or_else(
            |_| "an unknown time".to_owned(),
            |at| at.to_zoned(self.zone.clone()).strftime(form).to_string(),
        )
    }

    fn call(&self, what: &str, arguments: &str) -> String {
        format!("{what}:\n  {} {arguments}\n", one_line(self.command))
    }
}

/// What the pending alerts of one episode say together.
struct Story<'a> {
    newest: &'a Alert,
    /// The newest that tells of trouble.
    trouble: Option<&'a Alert>,
    kind: AlertKind,
}

impl<'a> Story<'a> {
    fn of(alerts: &'a [Alert]) -> Option<Self> {
        let newest = alerts.last()?;
        let has = |kind| alerts.iter().any(|alert| alert.kind == kind);
        // News that was never told stays the news, however often it was repeated since.
        let kind = match newest.kind {
            AlertKind::Reminder | AlertKind::Worse | AlertKind::Better if has(AlertKind::Down) => AlertKind::Down,
            AlertKind::Reminder if has(AlertKind::Worse) => AlertKind::Worse,
            AlertKind::Reminder if has(AlertKind::SteadyBad) => AlertKind::SteadyBad,
            AlertKind::StillCannotJudge if has(AlertKind::CannotJudge) => AlertKind::CannotJudge,
            kind => kind,
        };
        let trouble = alerts.iter().rev().find(|alert| !alert.kind.is_ending());
        Some(Self { newest, trouble, kind })
    }

    /// The job's own words, with its name in them.
    fn headline(&self) -> String {
        let subject = one_line(&self.newest.subject);
        let subject = match subject.strip_prefix("STILL ") {
            Some(rest) if self.kind != self.newest.kind => rest.to_owned(),
            _ => subject,
        };
        let name = one_line(&self.newest.name);
        if subject.contains(&name) { subject } else { format!("{name}: {subject}") }
    }

    /// Since when, how long, how often.
    fn sentences(&self, facts: &Facts<'_>) -> String {
        let alert = self.newest;
        let (since, span) = (facts.time(alert.since), facts.span(alert.since, alert.at));
        let so_far = duration_words(facts.now.since(alert.since));
        let lasted = duration_words(alert.at.since(alert.since));
        let count = alert.failures;
        let bad = if count == 1 { "1 bad result".to_owned() } else { format!("{count} bad results") };
        let row = if count == 1 { bad.clone() } else { format!("{bad} in a row") };
        // A peer is told after several bad answers, of which its count knows the last ones only.
        let is_peer = crate::node::is_peer(&alert.id.job);
        let [bad, row] = [bad, row].map(|words| if is_peer { String::new() } else { format!(": {words}") });
        let state = if alert.verdict == Verdict::Warning { "in warning" } else { "failing" };
        let mut text = match self.kind {
            // A first failure that is told at once has no length yet.
            AlertKind::Down if facts.now.since(alert.since).as_secs() == 0 => {
                format!("It has been {state} since {since}{row}.")
            }
            AlertKind::Down => format!("It has been {state} since {since}, for {so_far}{row}."),
            AlertKind::SteadyBad => format!(
                "It is steady again after {count} changes, and it is {state}. It has been so since {since}, for {so_far}."
            ),
            AlertKind::Worse => {
                format!("It was a warning and fails now. The trouble began {since}, {so_far} ago{row}.")
            }
            AlertKind::Better => format!(
                "It was failing and is a warning now. That is no recovery. The trouble began {since}, {so_far} ago{row}."
            ),
            AlertKind::Reminder => format!("It has still been {state} since {since}, for {so_far}{row}."),
            AlertKind::Recovery => {
                format!("It is well again. It was failing {span}, for {lasted}{bad}.")
            }
            AlertKind::CannotJudge | AlertKind::StillCannotJudge => format!(
                "Checker has not been able to find out how it is since {since}, for {so_far}. It may be well or not."
            ),
            AlertKind::JudgedAgain => {
                format!("Checker can judge it again. It could not {span}, for {lasted}.")
            }
            AlertKind::Flapping => format!(
                "It changes too often to tell each change: {count} changes since {since}. You hear of it again when it has \
                 been steady for a while."
            ),
            AlertKind::SteadyGood => {
                format!("It is steady again, and well, after {count} changes since {since}.")
            }
            AlertKind::Closed => format!(
                "It is no longer in the settings, so it is no longer watched. It was failing when it left, since \
                 {since}{bad}. No recovery will be told."
            ),
        };
        if let Some(host) = &alert.host {
            text.push_str(" Host: ");
            text.push_str(&one_line(host));
            text.push('.');
        }
        text
    }

    /// What was seen. If it is over before its beginning was told, both are shown.
    fn evidence(&self) -> Vec<String> {
        let show = |title: &str, alert: &Alert| {
            let text = quote(&alert.body, EVIDENCE_LINES, EVIDENCE_CHARS);
            if text.is_empty() { String::new() } else { format!("{title}:\n{text}") }
        };
        let mut parts = Vec::new();
        if let Some(cause) = &self.newest.cause
            && !self.headline().contains(one_line(cause).as_str())
        {
            parts.push(wrap(&format!("What hinders us: {}", one_line(cause)), ""));
        }
        match self.trouble.filter(|_| self.newest.kind.is_ending()) {
            Some(trouble) => {
                let said = format!("What was not told before:\n  {}\n", one_line(&trouble.subject));
                parts.push(said + &quote(&trouble.body, EVIDENCE_LINES, EVIDENCE_CHARS));
                parts.push(show("What is seen now", self.newest));
            }
            None => parts.push(show("What was seen", self.newest)),
        }
        parts
    }

    fn commands(&self, facts: &Facts<'_>) -> String {
        // Troubles of this node are no jobs: nothing can be tried or acknowledged.
        if crate::node::is_trouble(&self.newest.id.job) {
            return facts.call("See how Checker is", "status") + &facts.call("Judge the settings", "check");
        }
        if crate::node::is_peer(&self.newest.id.job) {
            // Its reader is the peer's admin, who has no account here.
            let who = one_line(facts.servername);
            return format!(
                "Checker on {who} watches this one and tells its admin. Look\nthere, on that machine:\n  checker status\n  \
                 checker peers\n"
            );
        }
        let mut text = facts.call("See all that fails", "status --failing");
        if !self.newest.kind.is_ending() {
            let name = shell_word(&self.newest.name);
            text.push_str(&facts.call("Check it once more", &format!("try {name}")));
            text.push_str(&facts.call("Stop the reminders", &format!("ack {name}")));
        }
        text
    }
}

fn note_words(note: &str) -> String {
    let note = text::lines(note);
    let wrapped: Vec<String> = note.lines().map(|line| wrap(line, "")).collect();
    format!("Note: {}", wrapped.join("\n"))
}

#[cfg(test)]
mod tests;
