//! Reading one table key by key: each call says what it wants, each problem is noted with its place, and at the end
//! every key that nobody asked for is unknown.

use super::env::{Env, Paths};
use super::nearest::nearest;
use super::pairs::{Pairs, Value};
use super::report::{Problem, Severity};
use super::source::{Fault, Sources};
use checker_job::parse_duration;
use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;
use toml::Spanned;
use toml::de::DeValue;

/// A range of bytes in [`Sources`].
pub(crate) type Span = Range<usize>;

/// What all parts of one load share.
pub(crate) struct Cx<'i> {
    pub(crate) sources: Sources<'i>,
    pub(crate) env: &'i Env,
    pub(crate) paths: Paths,
    pub(crate) problems: RefCell<Vec<Problem>>,
}

impl Cx<'_> {
    pub(crate) fn error(&self, span: Span, message: impl Into<String>, remedy: impl Into<String>) {
        self.fault(span, Fault::new(message, remedy));
    }

    pub(crate) fn fault(&self, span: Span, fault: Fault) {
        self.note(Severity::Error, span, fault);
    }

    pub(crate) fn warn(&self, span: Span, message: impl Into<String>, remedy: impl Into<String>) {
        self.note(Severity::Warning, span, Fault::new(message, remedy));
    }

    fn note(&self, severity: Severity, span: Span, fault: Fault) {
        let problem = self.sources.problem(severity, span, fault);
        self.problems.borrow_mut().push(problem);
    }

    /// `FILE:LINE` of a place.
    pub(crate) fn place(&self, span: Span) -> String {
        let problem = self.sources.problem(Severity::Error, span, Fault::new("", ""));
        let line = problem.place.map_or(0, |p| p.line);
        format!("{}:{line}", problem.file.display())
    }

    /// A problem of the main file as a whole.
    pub(crate) fn whole(&self, message: impl Into<String>, remedy: impl Into<String>) {
        let fault = Fault::new(self.sources.redacted(message.into()), self.sources.redacted(remedy.into()));
        self.problems.borrow_mut().push(Problem::of_file(Severity::Error, self.sources.path(0), fault));
    }
}

/// What a value is, in words.
pub(crate) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Keys that are asked of a table as a rule.
const ASKED: usize = 16;

/// One table that is being read.
pub(crate) struct Section<'c, 'i> {
    pub(crate) cx: &'c Cx<'i>,
    /// Its name as it stands in the file: `[email.smtp]`.
    pub(crate) title: String,
    /// Its header.
    pub(crate) span: Span,
    table: Pairs<'i>,
    asked: Vec<&'static str>,
    given: Vec<&'static str>,
}

impl<'c, 'i> Section<'c, 'i> {
    pub(crate) fn new(cx: &'c Cx<'i>, title: &str, span: Span, table: impl Into<Pairs<'i>>) -> Self {
        let table = table.into();
        let given = Vec::with_capacity(table.len());
        Self { cx, title: title.to_owned(), span, table, asked: Vec::with_capacity(ASKED), given }
    }

    /// The value of `key`, whatever it is.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Value<'i>> {
        self.asked.push(key);
        let value = self.table.remove(key);
        if value.is_some() {
            self.given.push(key);
        }
        value
    }

    /// Whether `key` stood in the table, now or before it was taken.
    pub(crate) fn given(&self, key: &str) -> bool {
        self.has(key) || self.given.contains(&key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// The place of the value of `key`, else of the table.
    pub(crate) fn span_of(&self, key: &str) -> Span {
        self.table.get(key).map_or_else(|| self.span.clone(), Spanned::span)
    }

    pub(crate) fn missing(&self, key: &str, example: &str) {
        self.cx.error(
            self.span.clone(),
            format!("{} needs the key \"{key}\"", self.title),
            format!("add for example: {key} = {example}"),
        );
    }

    fn wrong_type(&self, key: &str, wanted: &str, example: &str, got: &Spanned<DeValue<'i>>) {
        self.cx.error(
            got.span(),
            format!("\"{key}\" must be {wanted}, and this is {}", kind_of(got.get_ref())),
            format!("write for example: {key} = {example}"),
        );
    }

    /// A text, perhaps empty.
    pub(crate) fn any_text(&mut self, key: &'static str, example: &str) -> Option<Spanned<String>> {
        let value = self.take(key)?;
        let span = value.span();
        if let DeValue::String(s) = value.get_ref() {
            return Some(Spanned::new(span, s.to_string()));
        }
        self.wrong_type(key, "a text", example, &value);
        None
    }

    /// A text that is not empty.
    pub(crate) fn text(&mut self, key: &'static str, example: &str) -> Option<Spanned<String>> {
        let text = self.any_text(key, example)?;
        if text.get_ref().trim().is_empty() {
            self.cx.error(text.span(), format!("\"{key}\" is empty"), format!("write for example: {key} = {example}"));
            return None;
        }
        if text.get_ref().chars().any(char::is_control) {
            self.cx.error(
                text.span(),
                format!("\"{key}\" holds a line break or another control character"),
                "write it on one line",
            );
            return None;
        }
        Some(text)
    }

    /// A text that must be there.
    pub(crate) fn need(&mut self, key: &'static str, example: &str) -> Option<Spanned<String>> {
        if !self.has(key) {
            self.asked.push(key);
            self.missing(key, example);
            return None;
        }
        self.text(key, example)
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> Option<Spanned<bool>> {
        let value = self.take(key)?;
        if let DeValue::Boolean(b) = value.get_ref() {
            return Some(Spanned::new(value.span(), *b));
        }
        self.wrong_type(key, "true or false, without quotes", "true", &value);
        None
    }

    pub(crate) fn whole(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        example: &str,
    ) -> Option<Spanned<i64>> {
        let value = self.take(key)?;
        let DeValue::Integer(n) = value.get_ref() else {
            self.wrong_type(key, "a whole number, without quotes", example, &value);
            return None;
        };
        match i64::from_str_radix(n.as_str(), n.radix()) {
            Ok(n) if range.contains(&n) => Some(Spanned::new(value.span(), n)),
            _ => {
                let limits = if *range.end() >= i64::from(u32::MAX) {
                    format!("{} or more", range.start())
                } else {
                    format!("from {} to {}", range.start(), range.end())
                };
                self.cx.error(
                    value.span(),
                    format!("\"{key}\" must be {limits}"),
                    format!("write for example: {key} = {example}"),
                );
                None
            }
        }
    }

    /// A time of at least `min`.
    pub(crate) fn time(&mut self, key: &'static str, min: Duration, example: &str) -> Option<Spanned<Duration>> {
        let text = self.text(key, example)?;
        match parse_duration(text.get_ref()) {
            Ok(d) if d >= min => Some(Spanned::new(text.span(), d)),
            Ok(_) => {
                let least = checker_job::duration_words(min);
                self.cx.error(
                    text.span(),
                    format!("\"{key}\" must be {least} or more"),
                    format!("write for example: {key} = {example}"),
                );
                None
            }
            Err(sentence) => {
                self.cx.error(text.span(), format!("\"{key}\" is no time"), after_semicolon(&sentence));
                None
            }
        }
    }

    /// One text or a list of texts.
    pub(crate) fn texts(&mut self, key: &'static str, example: &str) -> Option<Vec<Spanned<String>>> {
        let value = self.take(key)?;
        let span = value.span();
        let items = match value.into_inner() {
            DeValue::Array(items) => items.into_iter().collect(),
            other => vec![Spanned::new(span, other)],
        };
        let mut out = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(s) if !s.trim().is_empty() && !s.chars().any(char::is_control) => {
                    out.push(Spanned::new(item.span(), s.to_string()));
                }
                DeValue::String(_) => self.cx.error(
                    item.span(),
                    format!("\"{key}\" holds an empty text or a control character"),
                    format!("write for example: {key} = {example}"),
                ),
                _ => self.wrong_type(key, "a text or a list of texts", example, &item),
            }
        }
        Some(out)
    }

    /// One of the words `allowed`.
    pub(crate) fn word(&mut self, key: &'static str, allowed: &[&'static str]) -> Option<Spanned<&'static str>> {
        let example = format!("\"{}\"", allowed.first().copied().unwrap_or_default());
        let text = self.text(key, &example)?;
        if let Some(word) = allowed.iter().find(|w| **w == text.get_ref()) {
            return Some(Spanned::new(text.span(), *word));
        }
        self.cx.error(
            text.span(),
            format!("\"{}\" is no word for \"{key}\"", text.get_ref()),
            did_you_mean(text.get_ref(), allowed, "the words are"),
        );
        None
    }

    /// The table `key` within this one.
    pub(crate) fn table(&mut self, key: &'static str, title: &str) -> Option<Section<'c, 'i>> {
        let value = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(Section::new(self.cx, title, span, table)),
            DeValue::Array(_) => {
                let plain = title.trim_matches(|c| c == '[' || c == ']');
                self.cx.error(
                    span,
                    format!("there can be only one {title}"),
                    format!("write its header once, with one pair of brackets: [{plain}]"),
                );
                None
            }
            other => {
                self.not_a_table(title, span, &other);
                None
            }
        }
    }

    /// The tables `[[key]]` within this one.
    pub(crate) fn tables(&mut self, key: &'static str, title: &str) -> Vec<Section<'c, 'i>> {
        let Some(value) = self.take(key) else {
            return Vec::new();
        };
        tables_of(self.cx, title, value)
            .into_iter()
            .map(|(span, table)| Section::new(self.cx, title, span, table))
            .collect()
    }

    fn not_a_table(&self, title: &str, span: Span, got: &DeValue<'_>) {
        self.cx.error(
            span,
            format!("{title} must be a table, and this is {}", kind_of(got)),
            format!("write {title} on a line of its own and its keys below it"),
        );
    }

    /// All that is left, with the place of each key.
    pub(crate) fn rest(&mut self) -> Pairs<'i> {
        std::mem::take(&mut self.table)
    }

    /// Takes these keys out, for somebody else.
    pub(crate) fn set_aside(&mut self, keys: &[&str]) -> Pairs<'i> {
        if keys.is_empty() {
            return Pairs::default();
        }
        let (theirs, rest) = self.rest().into_iter().partition(|(key, _)| keys.contains(&key.get_ref().as_ref()));
        self.table = rest;
        theirs
    }

    /// Notes every key that nobody asked for.
    pub(crate) fn finish(mut self) {
        let known = std::mem::take(&mut self.asked);
        for (key, value) in self.rest() {
            let whole = matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
            let what = match self.title.as_str() {
                "the file" if whole => "table",
                "[channel]" => "kind of channel",
                _ => "key",
            };
            self.cx.error(
                key.span(),
                format!("unknown {what} \"{}\" in {}", key.get_ref(), self.title),
                did_you_mean(key.get_ref(), &known, "known here are"),
            );
        }
    }
}

/// The tables of `[[title]]`, or a problem where it was written otherwise.
pub(crate) fn tables_of<'i>(cx: &Cx<'i>, title: &str, value: Value<'i>) -> Vec<(Span, Pairs<'i>)> {
    let span = value.span();
    let mut out = Vec::new();
    let wrong = |span: Span| {
        cx.error(
            span,
            format!("{title} is written with two pairs of brackets, once for each"),
            format!("write {title} on a line of its own and its keys below it"),
        );
    };
    match value.into_inner() {
        DeValue::Array(items) => {
            for item in items {
                let span = item.span();
                match item.into_inner() {
                    DeValue::Table(table) => out.push((span, table.into())),
                    _ => wrong(span),
                }
            }
        }
        _ => wrong(span),
    }
    out
}

/// `did you mean "x"?`, and the list of all `known` after `intro`.
pub(crate) fn did_you_mean(word: &str, known: &[&str], intro: &str) -> String {
    let all = format!("{intro}: {}", known.join(", "));
    match nearest(word, known.iter().copied()) {
        Some(near) if known.len() > 8 => format!("did you mean \"{near}\"?"),
        Some(near) => format!("did you mean \"{near}\"? {all}"),
        None => all,
    }
}

/// The advice of a sentence of the contract: what follows its semicolon.
pub(crate) fn after_semicolon(sentence: &str) -> String {
    sentence.split_once("; ").map_or(sentence, |(_, advice)| advice).to_owned()
}
