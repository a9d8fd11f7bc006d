//! What is wrong with the settings, for people and for programs.

use super::source::{Fault, visible};
use serde_json::json;
use std::path::{Path, PathBuf};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The settings cannot be used.
    Error,
    /// They can be used, but probably do not do what is wanted.
    Warning,
}

impl Severity {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Where in a file a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line itself, with secrets hidden and control characters replaced.
    pub excerpt: String,
    /// The first marked character of `excerpt`, from 0.
    pub caret: usize,
    /// How many characters are marked; at least 1.
    pub caret_len: usize,
}

/// One thing that is wrong, where, and what to do about it. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: PathBuf,
    /// The place in it; `None` if the file as a whole is meant.
    pub place: Option<Place>,
    /// What is wrong, without a full stop.
    pub message: String,
    /// What to do; may be empty, may have several lines.
    pub remedy: String,
    pub(crate) order: usize,
}

impl Problem {
    pub(crate) fn of_file(severity: Severity, file: &Path, fault: Fault) -> Self {
        let Fault { message, remedy } = fault;
        let (message, remedy) = (visible(&message), visible(&remedy));
        Self { severity, file: file.to_owned(), place: None, message, remedy, order: 0 }
    }
}

/// All problems of one load, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The problems.
    pub problems: Vec<Problem>,
    /// How many jobs the settings hold, for the closing line. 0 if they cannot be used.
    pub jobs: usize,
}

/// Problems that a rendered report shows; with more, it says how many follow.
const SHOWN_MAX: usize = 100;

impl Report {
    pub(crate) fn new(mut problems: Vec<Problem>, jobs: usize) -> Self {
        problems.sort_by(|a, b| {
            let key = |p: &Problem| (p.place.is_some(), p.order, p.severity);
            key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
        });
        problems.dedup_by(|a, b| a.order == b.order && a.message == b.message && a.place == b.place);
        Self { problems, jobs }
    }

    /// Whether the settings cannot be used.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// The number of errors.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// The number of warnings.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|p| p.severity == severity).count()
    }

    /// The report for people: for each problem the place, the line with a mark under it, and what to do; then the
    /// count. Empty if there is no problem. Plain text, no colours.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for problem in self.problems.iter().take(SHOWN_MAX) {
            render_one(&mut out, problem);
        }
        if self.problems.is_empty() {
            return out;
        }
        let count = |n: usize, word: &str| match n {
            0 => None,
            1 => Some(format!("1 {word}")),
            n => Some(format!("{n} {word}s")),
        };
        if let Some(more) = self.problems.len().checked_sub(SHOWN_MAX).filter(|n| *n > 0) {
            let line = format!("... and {more} more, shown when these are mended\n\n");
            out.push_str(&line);
        }
        let counts: Vec<String> =
            [count(self.errors(), "error"), count(self.warnings(), "warning")].into_iter().flatten().collect();
        out.push_str(&counts.join(", "));
        out.push('\n');
        out
    }

    /// The report for programs: schema 1.
    pub fn to_json(&self) -> serde_json::Value {
        let problems: Vec<_> = self
            .problems
            .iter()
            .map(|p| {
                json!({
                    "severity": p.severity.word(),
                    "file": p.file.display().to_string(),
                    "line": p.place.as_ref().map(|at| at.line),
                    "column": p.place.as_ref().map(|at| at.column),
                    "message": p.message,
                    "remedy": p.remedy,
                })
            })
            .collect();
        json!({
            "v": 1,
            "usable": !self.has_errors(),
            "jobs": self.jobs,
            "errors": self.errors(),
            "warnings": self.warnings(),
            "problems": problems,
        })
    }
}

fn render_one(out: &mut String, p: &Problem) {
    let (file, word) = (p.file.display(), p.severity.word());
    let mut lines = Vec::new();
    let gutter = p.place.as_ref().map_or(1, |at| at.line.to_string().len());
    match &p.place {
        Some(at) => {
            let marks = "^".repeat(at.caret_len);
            lines.push(format!("{file}:{}:{}: {word}: {}", at.line, at.column, p.message));
            lines.push(format!(" {} | {}", at.line, at.excerpt));
            lines.push(format!(" {:gutter$} | {:2$}{marks}", "", "", at.caret));
        }
        None => lines.push(format!("{file}: {word}: {}", p.message)),
    }
    for (n, line) in p.remedy.lines().enumerate() {
        let mark = if n == 0 { '=' } else { ' ' };
        lines.push(format!(" {:gutter$} {mark} {line}", ""));
    }
    for line in lines {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.push('\n');
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render())
    }
}

impl std::error::Error for Report {}
