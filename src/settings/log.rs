//! `[log]`.

use super::section::{Section, did_you_mean};
pub use crate::log::{FORMAT, Level, LogSettings as Log, PLACEHOLDERS};
use toml::Spanned;
use toml::de::DeValue;

/// The name of the log file where none is given.
pub(crate) const FILE: &str = "checker.log";

/// Reads `[log]`.
pub(crate) fn read(mut s: Section<'_, '_>) -> Log {
    let standard = Log { file: Some(s.cx.paths.log(FILE)), ..Log::default() };
    let file = match s.any_text("file", "\"checker.log\"") {
        Some(name) if name.get_ref().is_empty() => None,
        Some(name) => Some(s.cx.paths.log(name.get_ref())),
        None => standard.file,
    };
    let max_bytes = s.whole("max_bytes", 10_000..=1_000_000_000_000, "1000000");
    let keep = s.whole("keep", 0..=10_000, "50");
    let log = Log {
        file,
        max_bytes: max_bytes.and_then(|n| u64::try_from(n.into_inner()).ok()).unwrap_or(standard.max_bytes),
        keep: keep.and_then(|n| u32::try_from(n.into_inner()).ok()).unwrap_or(standard.keep),
        level: level(&mut s, "level").unwrap_or(standard.level),
        stderr_level: level(&mut s, "stderr_level").unwrap_or(standard.stderr_level),
        format: format(&mut s, "format").unwrap_or(standard.format),
        stderr_format: format(&mut s, "stderr_format").unwrap_or(standard.stderr_format),
    };
    s.finish();
    log
}

/// A word, or a number from 10 to 50: the first level that is not below it.
fn level(s: &mut Section<'_, '_>, key: &'static str) -> Option<Level> {
    let value = s.take(key)?;
    let by_number = |text: &str| {
        let n: i64 = text.parse().ok()?;
        (10..=50).contains(&n).then(|| Level::ALL.into_iter().find(|l| i64::from(l.number()) >= n))?
    };
    let (said, found) = match value.get_ref() {
        DeValue::String(text) => (
            text.to_string(),
            Level::ALL.into_iter().find(|l| l.word() == text.to_lowercase()).or_else(|| by_number(text)),
        ),
        DeValue::Integer(n) => (n.to_string(), by_number(n.as_str())),
        other => (super::section::kind_of(other).to_owned(), None),
    };
    if found.is_none() {
        let words = did_you_mean(&said, &Level::ALL.map(Level::word), "the levels are");
        s.cx.error(
            value.span(),
            format!("\"{key}\" knows no level {said}"),
            format!("{words}, or a number from 10 to 50"),
        );
    }
    found
}

fn format(s: &mut Section<'_, '_>, key: &'static str) -> Option<String> {
    let text = s.text(key, "\"%(asctime)s %(levelname)s - %(message)s\"")?;
    match unknown_placeholder(text.get_ref()) {
        None => Some(text.into_inner()),
        Some(what) => {
            refuse_placeholder(s, key, &text, &what);
            None
        }
    }
}

fn refuse_placeholder(s: &Section<'_, '_>, key: &str, text: &Spanned<String>, what: &str) {
    let all: Vec<String> = PLACEHOLDERS.iter().map(|p| format!("%({p})s")).collect();
    let inner = what.trim_matches(|c: char| !c.is_alphanumeric());
    let near =
        super::nearest::nearest(inner, PLACEHOLDERS).map_or(String::new(), |n| format!("did you mean %({n})s? "));
    s.cx.error(
        text.span(),
        format!("\"{key}\" holds {what}, which is no placeholder"),
        format!("{near}known are {}, and %% for a percent sign", all.join(" ")),
    );
}

/// The first `%...` of a format that stands for nothing.
fn unknown_placeholder(format: &str) -> Option<String> {
    let mut rest = format;
    while let Some((_, after)) = rest.split_once('%') {
        if let Some(next) = after.strip_prefix('%') {
            rest = next;
            continue;
        }
        let known = after.strip_prefix('(').and_then(|r| r.split_once(')'));
        match known {
            Some((name, tail)) if PLACEHOLDERS.contains(&name) && tail.starts_with(['s', 'd']) => {
                rest = tail;
            }
            Some((name, tail)) => {
                let unit: String = tail.chars().take(1).collect();
                return Some(format!("%({name}){unit}"));
            }
            None => {
                let some: String = after.chars().take(8).collect();
                return Some(format!("%{some}"));
            }
        }
    }
    None
}
