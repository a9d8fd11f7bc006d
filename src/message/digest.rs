//! The message about several jobs or episodes at once.

use super::text::{cut, lines, one_line, quote, wrap};
use super::{Facts, Rendered, Story, note_words, single};
use crate::decide::{Alert, AlertKind};
use std::collections::BTreeMap;

/// The evidence of this many jobs is shown.
const EVIDENCES: usize = 5;
const EVIDENCE_LINES: usize = 12;
const EVIDENCE_CHARS: usize = 1_500;
/// At most this many different notes of the settings are shown.
const NOTES: usize = 10;
/// What was seen is shown for this many jobs of a list, of the rest the names alone: who gets thousands of them reads no
/// further, and mail servers take no message of any size.
const WHOLE_ENTRIES: usize = 1_000;
/// The longest entry of a list, in characters, unless the name alone is longer.
const ENTRY_MAX: usize = 200;
/// Names are added to a subject up to this length, in characters.
const SUBJECT_NAMES: usize = 120;

/// The message about several jobs or episodes. Each group holds the pending alerts of one, oldest first. All names are in
/// it, however many there are.
pub fn digest(facts: &Facts<'_>, groups: &[Vec<Alert>]) -> Rendered {
    if let [group] = groups {
        return single(facts, group);
    }
    let digest = Digest::of(groups);
    let essence = digest.essence();
    let mut parts = vec![wrap(&format!("{essence}."), "")];
    let sections = [
        ("Failing", digest.by_host(&digest.down, facts)),
        ("Cannot be judged", digest.by_cause(facts)),
        ("Well again", digest.by_host(&digest.up, facts)),
        ("No longer watched", digest.by_host(&digest.closed, facts)),
    ];
    let several = sections.iter().filter(|(_, text)| !text.is_empty()).count() > 1;
    for (title, text) in sections.into_iter().filter(|(_, text)| !text.is_empty()) {
        parts.push(if several { format!("{}\n\n{text}", title.to_uppercase()) } else { text });
    }
    if [&digest.down, &digest.up, &digest.closed].iter().any(|list| list.len() > WHOLE_ENTRIES) {
        let words = format!("Of more than {WHOLE_ENTRIES} jobs in one list, the names alone are shown.");
        parts.push(wrap(&words, ""));
    }
    parts.extend(digest.evidence());
    parts.extend(digest.notes());
    parts.push(digest.commands(facts));
    facts.render(&digest.with_names(&essence), &parts)
}

#[derive(Default)]
struct Digest<'a> {
    down: Vec<Story<'a>>,
    blind: Vec<Story<'a>>,
    up: Vec<Story<'a>>,
    closed: Vec<Story<'a>>,
}

impl<'a> Digest<'a> {
    fn of(groups: &'a [Vec<Alert>]) -> Self {
        let mut digest = Self::default();
        for story in groups.iter().filter_map(|group| Story::of(group)) {
            match story.kind {
                AlertKind::Down
                | AlertKind::Worse
                | AlertKind::Better
                | AlertKind::Reminder
                | AlertKind::Flapping
                | AlertKind::SteadyBad => digest.down.push(story),
                AlertKind::CannotJudge | AlertKind::StillCannotJudge => digest.blind.push(story),
                AlertKind::Recovery | AlertKind::JudgedAgain | AlertKind::SteadyGood => digest.up.push(story),
                AlertKind::Closed => digest.closed.push(story),
            }
        }
        digest
    }

    fn all(&self) -> impl Iterator<Item = &Story<'a>> {
        self.down.iter().chain(&self.blind).chain(&self.up).chain(&self.closed)
    }

    /// The sentence that matters, short enough for a telephone's list.
    fn essence(&self) -> String {
        let whose = self.whose();
        let jobs = |n: usize| if n == 1 { format!("1 job{whose}") } else { format!("{n} jobs{whose}") };
        let (down, blind, up, closed) = (self.down.len(), self.blind.len(), self.up.len(), self.closed.len());
        match (down, blind, up, closed) {
            (n, 0, 0, 0) if self.down.iter().all(|story| story.kind == AlertKind::Reminder) => {
                format!("{} still fail", jobs(n))
            }
            (n, 0, 0, 0) => format!("{} failed", jobs(n)),
            (0, n, 0, 0) => match self.one_cause() {
                Some(cause) => cut(&format!("{} cannot be judged: {cause}", jobs(n)), ENTRY_MAX),
                None => format!("{} cannot be judged", jobs(n)),
            },
            (0, 0, n, 0) => format!("{} are well again", jobs(n)),
            (0, 0, 0, n) => format!("{} are no longer watched", jobs(n)),
            _ => {
                let counts = [(down, "down"), (blind, "cannot be judged"), (up, "up"), (closed, "no longer watched")];
                let said: Vec<String> =
                    counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
                match self.one_host() {
                    Some(host) => format!("{host}: {}", said.join(", ")),
                    None => said.join(", "),
                }
            }
        }
    }

    /// The essence, and as many names as a subject takes.
    fn with_names(&self, essence: &str) -> String {
        if self.one_cause().is_some() && self.down.is_empty() && self.up.is_empty() {
            return essence.to_owned();
        }
        let mut text = format!("{essence}: ");
        for (nth, story) in self.all().enumerate() {
            let name = one_line(&story.newest.name);
            if nth > 0 {
                text.push_str(", ");
            }
            if text.chars().count() + name.chars().count() > SUBJECT_NAMES {
                text.push_str("...");
                break;
            }
            text.push_str(&name);
        }
        text
    }

    fn whose(&self) -> String {
        if let Some(host) = self.one_host() {
            return format!(" of {host}");
        }
        let hosts = self.all().map(|story| story.newest.host.as_deref());
        match hosts.collect::<Option<std::collections::BTreeSet<_>>>() {
            Some(hosts) if hosts.len() > 1 => format!(" of {} hosts", hosts.len()),
            _ => String::new(),
        }
    }

    fn one_host(&self) -> Option<String> {
        let first = self.all().next()?.newest.host.as_deref()?;
        self.all().all(|story| story.newest.host.as_deref() == Some(first)).then(|| one_line(first))
    }

    fn one_cause(&self) -> Option<String> {
        let first = self.blind.first()?.newest.cause.as_deref()?;
        self.blind.iter().all(|story| story.newest.cause.as_deref() == Some(first)).then(|| one_line(first))
    }

    /// A list for each host; jobs without a host come last.
    fn by_host(&self, stories: &[Story<'_>], facts: &Facts<'_>) -> String {
        let mut hosts: BTreeMap<(bool, String), Vec<String>> = BTreeMap::new();
        for (nth, story) in stories.iter().enumerate() {
            let host = story.newest.host.as_deref().map(one_line);
            let entry =
                if nth < WHOLE_ENTRIES { entry(story, facts) } else { format!("- {}", one_line(&story.newest.name)) };
            hosts.entry((host.is_none(), host.unwrap_or_default())).or_default().push(entry);
        }
        let headings = hosts.len() > 1 || self.one_host().is_none();
        let mut lists = Vec::new();
        for ((without, host), entries) in &hosts {
            let heading = match (headings, without) {
                (true, false) => format!("{host}:\n"),
                (true, true) if hosts.len() > 1 => "Without a host:\n".to_owned(),
                _ => String::new(),
            };
            lists.push(heading + &entries.join("\n"));
        }
        lists.join("\n\n")
    }

    /// One entry for each cause, with the names of all jobs that it hinders.
    fn by_cause(&self, facts: &Facts<'_>) -> String {
        let mut causes: BTreeMap<String, Vec<&Story<'_>>> = BTreeMap::new();
        for story in &self.blind {
            let cause = story.newest.cause.as_deref().unwrap_or(&story.newest.subject);
            causes.entry(one_line(cause)).or_default().push(story);
        }
        let mut entries = Vec::new();
        for (cause, stories) in &causes {
            let since = stories.iter().map(|story| story.newest.since).min().unwrap_or(facts.now);
            let names: Vec<String> = stories.iter().map(|story| one_line(&story.newest.name)).collect();
            let names = format!("  hinders {}: {}", stories.len(), names.join(", "));
            entries.push(format!(
                "- {} (since {})\n  {}",
                cut(cause, ENTRY_MAX),
                facts.short_time(since),
                wrap(&names, "  ")
            ));
        }
        entries.join("\n")
    }

    fn evidence(&self) -> Vec<String> {
        let mut text = String::new();
        let worth = self.down.iter().filter(|story| !lines(&story.newest.body).is_empty());
        for story in worth.take(EVIDENCES) {
            let quoted = quote(&story.newest.body, EVIDENCE_LINES, EVIDENCE_CHARS);
            text.push_str(&one_line(&story.newest.name));
            text.push_str(":\n");
            text.push_str(&quoted);
        }
        if text.is_empty() {
            return Vec::new();
        }
        let first = if self.down.len() > EVIDENCES { " (the first of them)" } else { "" };
        vec![format!("What was seen{first}\n\n{text}")]
    }

    /// Each note once, with the jobs that it belongs to.
    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<(String, Vec<String>)> = Vec::new();
        for story in self.down.iter().chain(&self.blind) {
            let Some(note) = story.newest.note.as_deref().map(lines).filter(|note| !note.is_empty()) else { continue };
            let name = one_line(&story.newest.name);
            let has_room = notes.len() < NOTES;
            match notes.iter_mut().find(|(known, _)| *known == note) {
                Some((_, names)) => names.push(name),
                None if has_room => notes.push((note, vec![name])),
                None => {}
            }
        }
        let said = notes.iter().map(|(note, names)| {
            let more = if names.len() > 3 { ", ..." } else { "" };
            let names: Vec<&str> = names.iter().take(3).map(String::as_str).collect();
            note_words(&format!("{note}\n({}{more})", names.join(", ")))
        });
        said.collect()
    }

    fn commands(&self, facts: &Facts<'_>) -> String {
        let mut text = facts.call("See all that fails", "status --failing");
        if !self.down.is_empty() || !self.blind.is_empty() {
            text.push_str(&facts.call("Check one of them once more", "try NAME"));
            text.push_str(&facts.call("Stop its reminders", "ack NAME"));
        }
        text
    }
}

/// One line of a list: name, summary, and when.
fn entry(story: &Story<'_>, facts: &Facts<'_>) -> String {
    let alert = story.newest;
    let when = if alert.kind.is_ending() && alert.kind != AlertKind::Closed {
        format!("{} to {}", facts.short_time(alert.since), facts.short_time(alert.at))
    } else {
        format!("since {}", facts.short_time(alert.since))
    };
    let (headline, name) = (story.headline(), one_line(&alert.name));
    let to_name =
        headline.split_once(name.as_str()).map_or(0, |(before, _)| before.chars().count() + name.chars().count());
    // Three more, for the dots.
    format!("- {} ({when})", cut(&headline, ENTRY_MAX.max(to_name + 3)))
}
