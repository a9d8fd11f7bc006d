use crate::Blame;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The version that [`Outcome`] carries when it is serialised. Readers accept unknown fields.
pub const OUTCOME_VERSION: u32 = 1;

/// How a run judged its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Not as it should be, but it works. Counts toward `failure_threshold`.
    Warning,
    /// Broken. Counts toward `failure_threshold`.
    Failed,
    /// We could not find out: the check itself is broken (a missing program, a plugin's exit 3), or we are.
    Unknown,
}

impl Verdict {
    /// Whether this counts toward `failure_threshold`.
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Warning | Self::Failed)
    }

    /// The word for lists and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// One measured value, in the terms of Nagios performance data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// What was measured.
    pub label: Cow<'static, str>,
    /// The value, in `unit`.
    pub value: f64,
    /// `s`, `ms`, `us`, `%`, `B`, `KB`, `MB`, `c`, or empty for a plain number.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub unit: Cow<'static, str>,
    /// The warning range, as the check gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The critical range, as the check gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<String>,
    /// The smallest value possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest value possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

impl Metric {
    /// A value without ranges.
    pub fn new(label: impl Into<Cow<'static, str>>, value: f64, unit: impl Into<Cow<'static, str>>) -> Self {
        Self { label: label.into(), value, unit: unit.into(), warning: None, critical: None, min: None, max: None }
    }
}

/// What one run of a job found. Kept as versioned JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`OUTCOME_VERSION`] of the writer.
    #[serde(rename = "v")]
    pub version: u32,
    /// The judgement.
    pub verdict: Verdict,
    /// One line that says what was seen; for a failure, why.
    pub summary: String,
    /// More lines of evidence, or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metric>,
    /// For [`Verdict::Unknown`]: what hindered us, worded alike for all jobs that it hinders. Messages are one per cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Whose fault it may be, if not the target's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blame: Option<Blame>,
}

impl Outcome {
    fn new(verdict: Verdict, summary: impl Into<String>) -> Self {
        Self {
            version: OUTCOME_VERSION,
            verdict,
            summary: summary.into(),
            detail: String::new(),
            metrics: Vec::new(),
            cause: None,
            blame: None,
        }
    }

    /// All is well.
    pub fn ok(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, summary)
    }

    /// It works, but look at it.
    pub fn warning(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Warning, summary)
    }

    /// It is broken.
    pub fn failed(summary: impl Into<String>) -> Self {
        Self::new(Verdict::Failed, summary)
    }

    /// It could not be judged; `cause` is worded alike for all jobs that the same thing hinders.
    pub fn unknown(summary: impl Into<String>, cause: impl Into<String>) -> Self {
        let mut outcome = Self::new(Verdict::Unknown, summary);
        outcome.cause = Some(cause.into());
        outcome
    }

    /// Says that the fault may be this host's own.
    #[must_use]
    pub fn blaming(mut self, blame: Blame) -> Self {
        self.blame = Some(blame);
        self
    }

    /// Adds evidence, for people who read on.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Adds a measured value.
    #[must_use]
    pub fn with_metric(mut self, metric: Metric) -> Self {
        // Most runs have one, and a pass holds the outcomes of many.
        self.metrics.reserve_exact(1);
        self.metrics.push(metric);
        self
    }

    /// Cuts summary and detail to `summary_max` and `detail_max` bytes and takes control characters out of them, so
    /// that no output of a job can break a line, a header or a terminal. Checker does this to every outcome.
    #[must_use]
    pub fn bounded(mut self, summary_max: usize, detail_max: usize) -> Self {
        let silent = self.summary.is_empty();
        self.summary = bound(self.summary, false, summary_max);
        if !silent && self.summary.is_empty() {
            // A message must say something, if only this.
            self.summary = cut("(nothing that can be shown)", summary_max);
        }
        self.detail = bound(self.detail, true, detail_max);
        self.cause = self.cause.map(|c| bound(c, false, summary_max));
        self.metrics.truncate(64);
        for metric in &mut self.metrics {
            bound_word(&mut metric.label, 100);
            bound_word(&mut metric.unit, 10);
            for range in metric.warning.iter_mut().chain(&mut metric.critical) {
                *range = bound(std::mem::take(range), false, 100);
            }
        }
        self
    }
}

/// Nearly every text is short and plain, and stays as it is.
fn bound(text: String, lines: bool, max: usize) -> String {
    if is_bound(&text, lines, max) { text } else { cut(&clean(&text, lines), max) }
}

fn bound_word(word: &mut Cow<'static, str>, max: usize) {
    if !is_bound(word, false, max) {
        *word = Cow::Owned(cut(&clean(word, false), max));
    }
}

fn is_bound(text: &str, lines: bool, max: usize) -> bool {
    let plain = |b: u8| (b' '..=b'~').contains(&b) || (lines && b == b'\n');
    let ends_well = text.as_bytes().last().is_none_or(|b| !b.is_ascii_whitespace());
    text.len() <= max && ends_well && text.bytes().all(plain)
}

/// Line breaks are kept where `lines` is true and become spaces elsewhere; other control characters and marks that
/// reorder text are dropped.
fn clean(text: &str, lines: bool) -> String {
    let out: String = text
        .chars()
        .filter_map(|c| match c {
            '\n' if lines => Some('\n'),
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
            c if c.is_control() => None,
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
            c => Some(c),
        })
        .collect();
    out.trim_end().to_owned()
}

fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mark = " [...]";
    let mut end = max.saturating_sub(mark.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounded_leaves_no_way_to_inject_and_no_broken_character() {
        let o =
            Outcome::failed("bad\r\nBcc: x@y\u{202e}\u{0}").with_detail("one\ntwo\r\n\u{1b}[31mred").bounded(100, 100);
        assert_eq!(o.summary, "bad  Bcc: x@y");
        assert_eq!(o.detail, "one\ntwo \n[31mred");
        assert_eq!(Outcome::failed("\u{1b}\u{0}\n").bounded(100, 100).summary, "(nothing that can be shown)");
        assert_eq!(Outcome::ok("").bounded(100, 100).summary, "");
        let mut metric = Metric::new("a\u{7}", 1.0, "s\u{1b}");
        (metric.warning, metric.critical) = (Some("5:\u{3}9".to_owned()), Some("1".repeat(5_000)));
        let o = Outcome::ok("x").with_metric(metric).bounded(100, 100);
        let kept = &o.metrics[0];
        assert_eq!((&*kept.label, &*kept.unit, kept.warning.as_deref()), ("a", "s", Some("5:9")));
        assert_eq!(kept.critical.as_ref().map(String::len), Some(100));
        let long = Outcome::failed("ü".repeat(100)).bounded(21, 10);
        assert!(long.summary.len() <= 21 && long.summary.ends_with(" [...]"), "{}", long.summary);
    }

    #[test]
    fn a_newer_writer_is_read() {
        let o: Outcome = serde_json::from_str(r#"{"v":7,"verdict":"failed","summary":"x","colour":"red"}"#).unwrap();
        assert_eq!((o.version, o.verdict), (7, Verdict::Failed));
        let text = serde_json::to_string(&Outcome::ok("fine")).unwrap();
        assert_eq!(text, r#"{"v":1,"verdict":"ok","summary":"fine"}"#);
    }

    #[test]
    fn blame_is_written_where_there_is_some_and_a_newer_one_is_read() {
        let o = Outcome::failed("timed out").blaming(Blame::Silence);
        let text = serde_json::to_string(&o).unwrap();
        assert_eq!(text, r#"{"v":1,"verdict":"failed","summary":"timed out","blame":"silence"}"#);
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), o);
        let newer = text.replace("silence", "moon");
        assert_eq!(serde_json::from_str::<Outcome>(&newer).unwrap().blame, Some(Blame::Other));
        assert_eq!(serde_json::from_str::<Outcome>(&text.replace(r#","blame":"silence""#, "")).unwrap().blame, None);
    }
}
