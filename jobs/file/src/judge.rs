//! What was seen is worth this. Pure: time comes in as an argument.

use crate::entry::{Entry, Type};
use crate::plan::{Pattern, Plan};
use crate::read::Content;
use checker_job::{Metric, Outcome, Timestamp, Verdict, duration_words};
use checker_parts::amount::size_words;
use checker_parts::shown;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

/// A file dated later than this is a fault of some clock, and no freshness.
const FUTURE_MAX: Duration = Duration::from_secs(300);

/// What the sentences are about.
pub(crate) struct Subject<'a> {
    /// Fit to be shown.
    pub(crate) name: String,
    pub(crate) entry: &'a Entry,
}

/// What is not as it should be: each with its sentence, which goes on after the name.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<(Verdict, String)>);

impl Findings {
    fn failed(&mut self, sentence: String) {
        self.0.push((Verdict::Failed, sentence));
    }

    fn warning(&mut self, sentence: String) {
        self.0.push((Verdict::Warning, sentence));
    }

    /// The first of the gravest.
    pub(crate) fn gravest(&self) -> Option<(Verdict, &str)> {
        let worst = self.0.iter().map(|(verdict, _)| *verdict).max()?;
        self.0.iter().find(|(verdict, _)| *verdict == worst).map(|(verdict, said)| (*verdict, said.as_str()))
    }

    /// Whom the file belongs to: by name or by number.
    pub(crate) fn belongs(&mut self, what: &str, name: Option<String>, number: u32, wanted: &str) {
        if name.as_deref() != Some(wanted) && number.to_string() != wanted {
            let name = name.unwrap_or_else(|| format!("number {number}, which has no name here"));
            self.failed(format!("belongs to the {what} {}, not to {wanted}", shown::name(OsStr::new(&name))));
        }
    }

    /// What its lines say.
    pub(crate) fn content(&mut self, content: &Content, plan: &Plan) {
        let where_looked = if content.is_part {
            let end = if plan.from_end { "last" } else { "first" };
            format!(" in its {end} {}", size_words(content.read))
        } else {
            String::new()
        };
        for (test, (count, last)) in plan.tests.iter().zip(&content.hits) {
            let (pattern, it, they) = match &test.pattern {
                Pattern::Text(text) => (text.as_str(), "contains", "contain"),
                Pattern::Regex(regex) => (regex.as_str(), "matches", "match"),
            };
            let pattern = quoted(pattern, 60);
            match (test.wanted, count) {
                (true, 0) => self.failed(format!("has no line that {it} {pattern}{where_looked}")),
                (false, 1) => {
                    self.failed(format!("has a line that {it} {pattern}{where_looked}: {}", quoted(last, 120)));
                }
                (false, 2..) => self.failed(format!(
                    "has {count} lines that {they} {pattern}{where_looked}, the last: {}",
                    quoted(last, 120)
                )),
                _ => {}
            }
        }
    }

    /// What it is as a whole.
    pub(crate) fn checksum(&mut self, found: &str, wanted: &str) {
        if found != wanted {
            self.failed(format!("has changed: its SHA-256 is {found}, not {wanted}"));
        }
    }
}

/// A text of somebody else: marked off, cut, without anything that breaks a line.
fn quoted(text: &str, max: usize) -> String {
    let cut: String = text.chars().take(max).collect();
    let mark = if cut.len() < text.len() { "..." } else { "" };
    format!("\"{}{mark}\"", shown::name(OsStr::new(&cut)))
}

/// What must not be there.
pub(crate) fn absence(path: &Path, found: Option<Type>) -> Outcome {
    let path = shown::path(path);
    match found {
        None => Outcome::ok(format!("{path} is not there, as it should be")),
        Some(kind) => Outcome::failed(format!("{path} is there, a {}, and must not be", kind.words())),
    }
}

/// What should be there, and is not.
pub(crate) fn missing(path: &Path, plan: &Plan, link: Option<&Path>) -> Outcome {
    let path = shown::path(path);
    match link {
        Some(to) => Outcome::failed(format!("{path} is a link to {}, which is not there", shown::path(to))),
        None if plan.optional => Outcome::ok(format!("{path} is not there, which is fine")),
        None => Outcome::failed(format!("{path} is not there")),
    }
}

/// What `stat` has said.
pub(crate) fn attributes(entry: &Entry, plan: &Plan, now: Timestamp) -> Findings {
    let mut findings = Findings::default();
    if let Some(kind) = plan.kind
        && kind != entry.kind
    {
        findings.failed(format!("is a {}, and no {}", entry.kind.words(), kind.words()));
        return findings;
    }
    age(&mut findings, entry, plan, now);
    size(&mut findings, entry.size, plan);
    if let Some(mode) = plan.mode
        && mode != entry.mode
    {
        findings.failed(format!("has the mode {:04o}, not {mode:04o}", entry.mode));
    }
    findings
}

fn age(findings: &mut Findings, entry: &Entry, plan: &Plan, now: Timestamp) {
    if !plan.judges_age() {
        return;
    }
    let (age, ahead) = (now.since(entry.written), entry.written.since(now));
    if ahead > FUTURE_MAX {
        findings.warning(format!("is dated {} in the future; see to the clocks", duration_words(ahead)));
        return;
    }
    let old = |max: Duration| {
        format!("was last written {} ago; at most {} is allowed", duration_words(age), duration_words(max))
    };
    let beyond = |limit: Option<Duration>| limit.filter(|max| age > *max);
    if let Some(max) = beyond(plan.max_age) {
        findings.failed(old(max));
    } else if let Some(max) = beyond(plan.max_age_warning) {
        findings.warning(old(max));
    }
    if let Some(min) = plan.min_age.filter(|min| age < *min) {
        let (age, min) = (duration_words(age), duration_words(min));
        findings.failed(format!("was written {age} ago; it should not have changed for {min}"));
    }
}

fn size(findings: &mut Findings, size: u64, plan: &Plan) {
    if let Some(min) = plan.min_size.filter(|min| size < *min) {
        let has = if size == 0 { "is empty".to_owned() } else { format!("is only {}", exact(size, min)) };
        findings.failed(format!("{has}; at least {} is wanted", size_words(min)));
    }
    let large = |max: u64| format!("is {}; at most {} is allowed", exact(size, max), size_words(max));
    let beyond = |limit: Option<u64>| limit.filter(|max| size > *max);
    if let Some(max) = beyond(plan.max_size) {
        findings.failed(large(max));
    } else if let Some(max) = beyond(plan.max_size_warning) {
        findings.warning(large(max));
    }
}

/// In bytes, where words would show both as the same.
fn exact(size: u64, limit: u64) -> String {
    let words = size_words(size);
    if words == size_words(limit) { format!("{words} ({size} bytes of {limit})") } else { words }
}

/// How many files count in a folder. Also what to say of them if none does.
pub(crate) fn number(folder: &Path, plan: &Plan, files: u64, unfinished: u64, others: u64) -> (Findings, String) {
    let noun = if plan.kind == Some(Type::Folder) { "folder" } else { "file" };
    let named = plan
        .name_matches
        .as_ref()
        .map_or_else(String::new, |regex| format!(" whose name matches {}", quoted(regex.as_str(), 60)));
    let mut besides = Vec::new();
    if unfinished > 0 {
        let min = plan.min_age.map(duration_words).unwrap_or_default();
        besides.push(format!("{unfinished} younger than {min} not counted"));
    }
    if files == 0 && others > 0 {
        besides.push(format!("{others} other{} not counted", if others == 1 { "" } else { "s" }));
    }
    let besides = if besides.is_empty() { String::new() } else { format!(" ({})", besides.join(", ")) };
    let counted = match files {
        0 => format!("no {noun}"),
        1 => format!("1 {noun}"),
        _ => format!("{files} {noun}s"),
    };
    let said = format!("{counted} in {}{named}{besides}", shown::path(folder));
    let mut findings = Findings::default();
    if files < plan.min_files {
        let only = if files == 0 { "" } else { "only " };
        let wanted = plan.min_files;
        findings.failed(format!("{only}{said}; at least {wanted} {} wanted", if wanted == 1 { "is" } else { "are" }));
    }
    if let Some(max) = plan.max_files.filter(|max| files > *max) {
        findings.failed(format!("{said}; at most {max} {} allowed", if max == 1 { "is" } else { "are" }));
    }
    (findings, said)
}

/// A folder in which nothing counts.
pub(crate) fn none(findings: &Findings, said: &str, plan: &Plan) -> Outcome {
    let outcome = match findings.gravest() {
        Some((_, sentence)) => Outcome::failed(sentence),
        None => Outcome::ok(said),
    };
    outcome.with_metric(with_range(Metric::new("files", 0.0, ""), plan.min_files, plan.max_files))
}

/// The whole judgement.
pub(crate) fn outcome(subject: &Subject<'_>, mut findings: Findings, plan: &Plan, now: Timestamp) -> Outcome {
    findings.0.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let entry = subject.entry;
    let age = now.since(entry.written);
    let said: Vec<&str> = findings.0.iter().map(|(_, sentence)| sentence.as_str()).collect();
    let bad = format!("{} {}", subject.name, said.join("; and it "));
    let outcome = match findings.0.first() {
        Some((Verdict::Failed, _)) => Outcome::failed(cut(bad)),
        Some(_) => Outcome::warning(cut(bad)),
        None if entry.kind == Type::File => Outcome::ok(format!(
            "{} was written {} ago and is {}",
            subject.name,
            duration_words(age),
            size_words(entry.size)
        )),
        None => Outcome::ok(format!("{} is a {}", subject.name, entry.kind.words())),
    };
    let mut seconds = with_range(
        Metric::new("age", age.as_secs_f64(), "s"),
        plan.min_age.map_or(0, |min| min.as_secs()),
        plan.max_age.map(|max| max.as_secs()),
    );
    seconds.warning = plan.max_age_warning.map(|max| max.as_secs().to_string());
    #[expect(clippy::cast_precision_loss, reason = "a size for a chart")]
    let bytes = Metric::new("size", entry.size as f64, "B");
    let mut bytes = with_range(bytes, plan.min_size.unwrap_or(0), plan.max_size);
    bytes.warning = plan.max_size_warning.map(|max| max.to_string());
    outcome.with_metric(seconds).with_metric(bytes)
}

/// What people see of a summary is 400 bytes; what is left out here is less than what stands there.
pub(crate) fn cut(sentence: String) -> String {
    const MAX: usize = 390;
    let Some((end, _)) = sentence.char_indices().take_while(|(at, _)| *at <= MAX).last() else { return sentence };
    if sentence.len() <= MAX { sentence } else { format!("{}...", sentence.get(..end).unwrap_or_default()) }
}

/// The range of Nagios in which a value is good.
pub(crate) fn with_range(mut metric: Metric, min: u64, max: Option<u64>) -> Metric {
    metric.critical = match (min, max) {
        (0, None) => None,
        (0, Some(max)) => Some(max.to_string()),
        (min, None) => Some(format!("{min}:")),
        (min, Some(max)) => Some(format!("{min}:{max}")),
    };
    metric
}
