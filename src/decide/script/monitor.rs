//! `script monitor`: whether scripts succeeded within the last minutes, in the words of Launchpad's script-monitor. Pure.
//!
//! What it tells is about a window that ends now, both ends included, in UTC: the first program compared local time with UTC
//! (`notes/seeds.md` 4.5).

use super::{Activity, Wanted, utc_text};
use checker_job::{Timestamp, duration_words};
use std::time::Duration;

/// One script and where it is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// As it was typed: `HOST:SCRIPT`.
    pub label: String,
    /// The script.
    pub name: String,
    /// Its host; `None`: whichever.
    pub host: Option<String>,
}

impl Pair {
    /// Reads `HOST:SCRIPT`; the host `*`, or `any_host`, is whichever.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(text: &str, any_host: bool) -> Result<Self, String> {
        let (host, name) = match text.split_once(':') {
            Some((host, name)) if !host.is_empty() && !name.is_empty() => (host, name),
            None if any_host && !text.is_empty() => ("*", text),
            _ => return Err(format!("'{}' is not in the format 'host:scriptname'", text.escape_debug())),
        };
        let host = (!any_host && host != "*").then(|| host.to_owned());
        Ok(Self { label: text.to_owned(), name: name.to_owned(), host })
    }
}

/// What is expected of each script, in one degree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// It succeeded within this time.
    pub within: Option<Duration>,
    /// So often in the window.
    pub min_runs: Option<u64>,
    /// Its average time.
    pub max_average: Option<Duration>,
    /// Its longest time.
    pub max_runtime: Option<Duration>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Degree {
    /// Exit 1 of a plugin.
    Warning,
    /// Exit 2 of a plugin: it did what it should, but not as it should.
    Critical,
    /// The same exit: it did not succeed at all.
    Missing,
}

/// What is wrong with one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The pair, as it was typed.
    pub label: String,
    /// How bad it is.
    pub degree: Degree,
    /// The sentence for a mail.
    pub line: String,
    /// The same in few words.
    pub short: String,
}

/// The window, and what is expected in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Now: the window ends here.
    pub now: Timestamp,
    /// How long it is.
    pub window: Duration,
    /// What makes it a warning.
    pub warning: Limits,
    /// What makes it critical.
    pub critical: Limits,
}

impl Expected {
    /// What must be known of a script.
    pub fn wanted(&self, pair: &Pair) -> Wanted {
        Wanted {
            since: Some(self.now.minus(self.window)),
            ..Wanted::success(&pair.name, pair.host.as_deref(), self.now)
        }
    }

    /// The first thing that is wrong with a script, the worst before others.
    pub fn judge(&self, pair: &Pair, known: &Activity) -> Option<Finding> {
        if known.window.count == 0 {
            return Some(self.missing(pair, known));
        }
        let found = |degree, limits| self.beyond(pair, known, degree, limits);
        found(Degree::Critical, &self.critical).or_else(|| found(Degree::Warning, &self.warning))
    }

    fn missing(&self, pair: &Pair, known: &Activity) -> Finding {
        let (from, to) = self.ends();
        let mut line = format!("The script '{}' didn't run on {} between {from} and {to}", pair.name, place(pair));
        if let Some(seen) = known.success.as_ref().and_then(|run| run.ended) {
            line = format!("{line} (last seen {})", utc_text(seen));
        }
        Finding { label: pair.label.clone(), degree: Degree::Missing, line, short: "did not run".to_owned() }
    }

    fn beyond(&self, pair: &Pair, known: &Activity, degree: Degree, limits: &Limits) -> Option<Finding> {
        let (ran, average) = (known.window, known.window.average().unwrap_or_default());
        let longest = Duration::from_micros(ran.longest);
        let age = known.success.as_ref().and_then(|run| run.ended).map(|ended| self.now.since(ended));
        let words = duration_words;
        let short = if let Some(limit) = limits.within.filter(|limit| age.is_some_and(|age| age > *limit)) {
            format!("ran {} ago, expected within {}", words(age.unwrap_or_default()), words(limit))
        } else if let Some(limit) = limits.min_runs.filter(|limit| ran.count < *limit) {
            format!("ran {} of at least {limit} times", ran.count)
        } else if let Some(limit) = limits.max_average.filter(|limit| average > *limit) {
            format!("took {} on average, at most {} is expected", words(average), words(limit))
        } else {
            let limit = limits.max_runtime.filter(|limit| longest > *limit)?;
            format!("took up to {}, at most {} is expected", words(longest), words(limit))
        };
        let (from, to) = self.ends();
        let line = format!("The script '{}' {short}, on {} between {from} and {to}", pair.name, place(pair));
        Some(Finding { label: pair.label.clone(), degree, line, short })
    }

    fn ends(&self) -> (String, String) {
        (utc_text(self.now.minus(self.window)), utc_text(self.now))
    }
}

fn place(pair: &Pair) -> String {
    pair.host.as_ref().map_or_else(|| "any host".to_owned(), |host| format!("'{host}'"))
}

/// All of it on one line.
pub fn summary(findings: &[Finding]) -> String {
    let list =
        |which: &dyn Fn(&Finding) -> Option<String>| findings.iter().filter_map(which).collect::<Vec<_>>().join(", ");
    let missing = list(&|f| (f.degree == Degree::Missing).then(|| f.label.clone()));
    let others = list(&|f| (f.degree != Degree::Missing).then(|| format!("{} {}", f.label, f.short)));
    let parts = [("Scripts failed to run: ", missing), ("Scripts not as expected: ", others)];
    let parts: Vec<String> =
        parts.into_iter().filter(|(_, list)| !list.is_empty()).map(|(head, list)| format!("{head}{list}")).collect();
    if parts.is_empty() { "All scripts ran as expected".to_owned() } else { parts.join("; ") }
}

/// Age, count and average of one script as performance data of Nagios.
pub fn perfdata(pair: &Pair, known: &Activity, now: Timestamp) -> String {
    let label = pair.label.replace('\'', "''").replace('=', "_");
    let age = known.success.as_ref().and_then(|run| run.ended).map(|ended| now.since(ended).as_secs());
    let age = age.map_or_else(|| "U".to_owned(), |age| format!("{age}s"));
    let average = known.window.average().map_or_else(|| "U".to_owned(), |a| format!("{:.3}s", a.as_secs_f64()));
    format!("'{label} age'={age} '{label} runs'={} '{label} average'={average}", known.window.count)
}
