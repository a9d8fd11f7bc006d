//! The quick way through many tables of jobs.
//!
//! Settings with ten thousand jobs are ten thousand times the same: a header `[[job.KIND]]`, and a few keys with their
//! values on one line each. Such lines are read here, with a fraction of the work of a whole parser. All between them is
//! handed to the parser in pieces, each of which must be right by itself.
//!
//! This decides nothing. At whatever it does not know (a key in quotes, a value over several lines, `[job.KIND.more]`, a
//! key given twice) it gives up, and the parser reads the whole file: what is TOML, what it means, and what is said about
//! what is none, is known there alone.

use super::pairs::{Key, Pairs, Value};
use super::section::Span;
use std::borrow::Cow;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One file of the settings.
#[derive(Default)]
pub(crate) struct Document<'i> {
    /// Its tables, but for those in `jobs`.
    pub(crate) root: DeTable<'i>,
    /// The tables `[[job.KIND]]` that were read here.
    pub(crate) jobs: Vec<KindTables<'i>>,
}

/// The tables of one kind, in the order of the file.
pub(crate) struct KindTables<'i> {
    /// The kind, where it stands first.
    pub(crate) kind: Key<'i>,
    /// Each with the place of its header.
    pub(crate) tables: Vec<(Span, Pairs<'i>)>,
}

const HEADER: &str = "[[job.";

/// Reads `text`, whose first byte has the number `base`. `None`: it is not as plain as that.
pub(crate) fn read(text: &str, base: usize) -> Option<Document<'_>> {
    let mut document = Document::default();
    let mut lines = Lines { rest: text, at: base };
    while !lines.rest.is_empty() {
        let piece = lines.up_to_next_job();
        for (key, value) in super::source::shift_table(DeTable::parse(piece.text).ok()?.into_inner(), piece.at) {
            // A table that is spread over two pieces, or meets jobs, is the parser's to judge.
            if key.get_ref() == "job" || document.root.contains_key(key.get_ref().as_ref()) {
                return None;
            }
            document.root.insert(key, value);
        }
        tables(&mut lines, &mut document.jobs)?;
    }
    Some(document)
}

/// Reads tables of jobs, up to the end or to another header.
fn tables<'i>(lines: &mut Lines<'i>, jobs: &mut Vec<KindTables<'i>>) -> Option<()> {
    let mut pairs: Vec<(Key<'i>, Value<'i>)> = Vec::new();
    let mut open: Option<(usize, Span)> = None;
    loop {
        let (line, len) = lines.peek().map_or((None, 0), |(line, len)| (Some(line.skip(blank)), len));
        let header_of = line.filter(|line| line.text.starts_with('['));
        if line.is_none() || header_of.is_some() {
            if let Some((list, span)) = open.take() {
                jobs.get_mut(list)?.tables.push((span, pairs.drain(..).collect()));
            }
            match header_of.filter(|line| line.text.starts_with(HEADER)) {
                Some(line) => open = Some(header(line, jobs)?),
                None => return Some(()),
            }
        } else if let Some(line) = line.filter(|line| !is_empty(line.text)) {
            let (key, value) = pair(line)?;
            if open.is_none() || pairs.iter().any(|(k, _)| k.get_ref() == key.get_ref()) {
                return None;
            }
            pairs.push((key, value));
        }
        lines.take(len);
    }
}

/// `[[job.KIND]]`: the place of the kind in `jobs`, and that of the header in the file.
fn header<'i>(line: Piece<'i>, jobs: &mut Vec<KindTables<'i>>) -> Option<(usize, Span)> {
    let (kind, after) = Piece { text: line.text.strip_prefix(HEADER)?, at: line.at + HEADER.len() }.split(word);
    let rest = after.text.strip_prefix("]]")?;
    if kind.text.is_empty() || !is_empty(rest) {
        return None;
    }
    let same = |list: &KindTables<'_>| list.kind.get_ref() == kind.text;
    let list = jobs.iter().position(same).unwrap_or_else(|| {
        let kind = Spanned::new(kind.at..after.at, Cow::Borrowed(kind.text));
        jobs.push(KindTables { kind, tables: Vec::new() });
        jobs.len() - 1
    });
    Some((list, line.at..after.at + 2))
}

/// `key = value`, with a comment behind it or none.
fn pair(line: Piece<'_>) -> Option<(Key<'_>, Value<'_>)> {
    let (key, after) = line.split(word);
    let sign = after.skip(blank);
    let value = Piece { text: sign.text.strip_prefix('=')?, at: sign.at + 1 }.skip(blank);
    if key.text.is_empty() {
        return None;
    }
    let key = Spanned::new(key.at..after.at, Cow::Borrowed(key.text));
    Some((key, text(value).or_else(|| other(value))?))
}

/// A text in which nothing stands for something else.
fn text(line: Piece<'_>) -> Option<Value<'_>> {
    let quote = *line.text.as_bytes().first().filter(|b| matches!(b, b'"' | b'\''))?;
    let inner = Piece { text: line.text.get(1..)?, at: line.at + 1 };
    let (inner, after) = inner.split(|b| b != quote && b != b'\\' && !is_control(b));
    let rest = after.text.strip_prefix(char::from(quote))?;
    // Three quotes begin another form of text.
    if rest.starts_with(char::from(quote)) || !is_empty(rest) {
        return None;
    }
    Some(Spanned::new(line.at..after.at + 1, DeValue::String(Cow::Borrowed(inner.text))))
}

/// Any other value that ends on its line.
fn other(line: Piece<'_>) -> Option<Value<'_>> {
    let quoted = line.text.contains(['"', '\'']);
    let value = match line.text.split_once('#') {
        Some((value, comment)) if !quoted && !comment.bytes().any(is_control) => value,
        _ => line.text,
    };
    let value = DeValue::parse(value.trim_end_matches([' ', '\t'])).ok()?;
    Some(super::source::shift_value(value, line.at))
}

/// Whether nothing stands here but a comment.
fn is_empty(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let text = text.trim_start_matches([' ', '\t']);
    text.is_empty() || (text.starts_with('#') && !text.bytes().any(is_control))
}

fn blank(b: u8) -> bool {
    matches!(b, b' ' | b'\t')
}

/// What a key without quotes is made of.
fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')
}

fn is_control(b: u8) -> bool {
    (b < b' ' && b != b'\t') || b == 0x7f
}

/// What is left of a file.
struct Lines<'i> {
    rest: &'i str,
    at: usize,
}

impl<'i> Lines<'i> {
    /// The next line without its end, and how long it is with it.
    fn peek(&self) -> Option<(Piece<'i>, usize)> {
        let (text, len) = match self.rest.bytes().position(|b| b == b'\n') {
            Some(end) => {
                let line = self.rest.get(..end)?;
                (line.strip_suffix('\r').unwrap_or(line), end + 1)
            }
            None if self.rest.is_empty() => return None,
            None => (self.rest, self.rest.len()),
        };
        Some((Piece { text, at: self.at }, len))
    }

    /// All that stands before the next line that begins a table of a job.
    fn up_to_next_job(&mut self) -> Piece<'i> {
        if self.rest.starts_with(HEADER) {
            return self.take(0);
        }
        let len = self.rest.find("\n[[job.").map_or(self.rest.len(), |end| end + 1);
        self.take(len)
    }

    fn take(&mut self, len: usize) -> Piece<'i> {
        let (text, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        let piece = Piece { text, at: self.at };
        self.rest = rest;
        self.at += text.len();
        piece
    }
}

/// A part of the text, with its place.
#[derive(Clone, Copy)]
struct Piece<'i> {
    text: &'i str,
    at: usize,
}

impl Piece<'_> {
    /// What consists of such bytes, and what follows.
    fn split(self, such: impl Fn(u8) -> bool) -> (Self, Self) {
        let len = self.text.bytes().position(|b| !such(b)).unwrap_or(self.text.len());
        let (first, rest) = self.text.split_at_checked(len).unwrap_or((self.text, ""));
        (Self { text: first, at: self.at }, Self { text: rest, at: self.at + first.len() })
    }

    fn skip(self, such: impl Fn(u8) -> bool) -> Self {
        self.split(such).1
    }
}

#[cfg(test)]
mod tests;
