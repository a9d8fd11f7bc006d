//! The files that the settings consist of, and the way from a place in them to a [`Problem`].
//!
//! All files share one space of byte offsets: the second file begins where the first one ends. So one range names both
//! the file and the place, and a default from the main file may be judged within a table of another.

use super::mask::{self, HIDDEN};
use super::plain::{self, Document};
use super::report::{Place, Problem, Severity};
use std::cell::OnceCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// What is wrong and what to do, before anybody knows where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) remedy: String,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }
}

struct Source<'i> {
    path: PathBuf,
    text: &'i str,
    base: usize,
    hidden: OnceCell<Vec<Range<usize>>>,
    lines: OnceCell<Vec<usize>>,
}

impl Source<'_> {
    /// Where each line begins.
    fn line_starts(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = self.text.match_indices('\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(ends).collect()
        })
    }

    fn hidden(&self) -> &[Range<usize>] {
        self.hidden.get_or_init(|| mask::everywhere(self.text))
    }
}

/// All files of one load; the first is the main one.
pub(crate) struct Sources<'i> {
    files: Vec<Source<'i>>,
    secrets: OnceCell<Vec<String>>,
}

impl<'i> Sources<'i> {
    pub(crate) fn new() -> Self {
        Self { files: Vec::new(), secrets: OnceCell::new() }
    }

    /// Adds a file and parses it. Every problem with its form is returned, with its place.
    pub(crate) fn add(&mut self, path: &Path, text: &'i str) -> Result<Document<'i>, Vec<(Range<usize>, Fault)>> {
        let base = self.files.last().map_or(0, |f| f.base + f.text.len() + 1);
        self.files.push(Source { path: path.to_owned(), text, base, hidden: OnceCell::new(), lines: OnceCell::new() });
        self.secrets = OnceCell::new();
        if let Some(document) = plain::read(text, base) {
            return Ok(document);
        }
        let (root, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Document { root: shift_table(root.into_inner(), base), jobs: Vec::new() });
        }
        let mut faults: Vec<(Range<usize>, Fault)> = Vec::new();
        let mut last_line = None;
        for e in &errors {
            let span = e.span().unwrap_or(text.len()..text.len());
            let line = Some(text.get(..span.start).unwrap_or(text).matches('\n').count());
            // One mistake makes the parser stumble several times; its first word on a line is the useful one.
            if line != last_line {
                faults.push((base + span.start..base + span.end, super::syntax::fault(e, text)));
            }
            last_line = line;
        }
        Err(faults)
    }

    /// The problem at `span`, with every known secret taken out of its words and its line.
    pub(crate) fn problem(&self, severity: Severity, span: Range<usize>, fault: Fault) -> Problem {
        let number = self.files.iter().rposition(|f| f.base <= span.start).unwrap_or(0);
        let Some(file) = self.files.get(number) else {
            return Problem::of_file(severity, Path::new(""), fault);
        };
        let local = span.start - file.base..span.end.saturating_sub(file.base);
        Problem {
            severity,
            file: file.path.clone(),
            place: Some(place(file, local)),
            message: visible(&self.redacted(fault.message)),
            remedy: visible(&self.redacted(fault.remedy)),
            order: span.start,
        }
    }

    /// The path of file number `number`.
    pub(crate) fn path(&self, number: usize) -> &Path {
        self.files.get(number).map_or(Path::new(""), |f| &f.path)
    }

    /// Takes every known secret out of `text`.
    pub(crate) fn redacted(&self, mut text: String) -> String {
        let secrets =
            self.secrets.get_or_init(|| self.files.iter().flat_map(|f| mask::values(f.text, f.hidden())).collect());
        for secret in secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        text
    }
}

/// A name in quotes may hold any sign. None of them may reach a terminal.
pub(crate) fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '·' } else { c }).collect()
}

/// Columns of a line that a report shows at most.
const SHOWN_MAX: usize = 160;

fn place(file: &Source<'_>, span: Range<usize>) -> Place {
    let text = file.text;
    let start = floor(text, span.start);
    let starts = file.line_starts();
    let line = starts.partition_point(|s| *s <= start);
    let line_start = starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
    let line_end = starts.get(line).map_or(text.len(), |next| next - 1);
    let end = floor(text, span.end).clamp(start, line_end.max(start));
    let before = text.get(line_start..start).unwrap_or_default();
    let (excerpt, from, to) = shown(file, line_start..line_end, start..end);
    Place { line, column: before.chars().count() + 1, excerpt, caret: from, caret_len: to.saturating_sub(from).max(1) }
}

/// The line as people may see it, and the columns of the marked part in it.
fn shown(file: &Source<'_>, line: Range<usize>, mark: Range<usize>) -> (String, usize, usize) {
    let mut out: Vec<char> = Vec::new();
    let (mut from, mut to) = (None, None);
    let mut hiding = false;
    let body = file.text.get(line.clone()).unwrap_or_default();
    let secret: Vec<&Range<usize>> =
        file.hidden().iter().filter(|r| r.start < line.end && line.start < r.end).collect();
    for (i, c) in body.trim_end_matches('\r').char_indices() {
        let at = line.start + i;
        let hidden = secret.iter().any(|r| r.contains(&at));
        if hidden && !hiding {
            out.extend(HIDDEN.chars());
        }
        let column = out.len() - if hidden { HIDDEN.len() } else { 0 };
        if at >= mark.start && from.is_none() {
            from = Some(column);
        }
        if at >= mark.end && to.is_none() {
            to = Some(if hidden && hiding { out.len() } else { column });
        }
        hiding = hidden;
        if !hidden {
            out.push(if c == '\t' {
                ' '
            } else if c.is_control() {
                '·'
            } else {
                c
            });
        }
    }
    let from = from.unwrap_or(out.len());
    let to = to.unwrap_or(out.len());
    window(&out, from, to)
}

fn window(line: &[char], from: usize, to: usize) -> (String, usize, usize) {
    if line.len() <= SHOWN_MAX {
        return (line.iter().collect(), from, to);
    }
    let first = from.saturating_sub(SHOWN_MAX / 2);
    let last = (first + SHOWN_MAX).min(line.len());
    let text: String = line.get(first..last).unwrap_or_default().iter().collect();
    (text, from - first, to.min(last) - first)
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

pub(crate) fn shift_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    if by == 0 {
        return table;
    }
    table
        .into_iter()
        .map(|(k, v)| {
            let span = k.span();
            let key = Spanned::new(span.start + by..span.end + by, k.into_inner());
            (key, shift_value(v, by))
        })
        .collect()
}

pub(crate) fn shift_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let inner = match value.into_inner() {
        DeValue::Table(t) => DeValue::Table(shift_table(t, by)),
        DeValue::Array(a) => DeValue::Array(a.into_iter().map(|v| shift_value(v, by)).collect::<DeArray<'_>>()),
        other => other,
    };
    Spanned::new(span.start + by..span.end + by, inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, what: &str) -> (usize, usize, String, String) {
        let mut sources = Sources::new();
        let parsed = sources.add(Path::new("first"), "a = 1\n");
        assert!(parsed.is_ok());
        drop(sources.add(Path::new("x"), text));
        let at = text.find(what).unwrap() + "a = 1\n".len() + 1;
        let fault = Fault::new("message", "");
        let problem = sources.problem(Severity::Error, at..at + what.len(), fault);
        assert_eq!(problem.file, Path::new("x"));
        let place = problem.place.unwrap();
        let under: String = place.excerpt.chars().skip(place.caret).take(place.caret_len).collect();
        (place.line, place.column, place.excerpt, under)
    }

    #[test]
    fn the_mark_is_under_the_word_whatever_is_before_it() {
        let line = |text: &str, what: &str| {
            let (line, column, _, under) = marked(text, what);
            (line, column, under)
        };
        assert_eq!(line("b = 1\r\nc = 2\r\n", "2"), (2, 5, "2".into()));
        assert_eq!(line("\t\"ü\" = 7", "7"), (1, 8, "7".into()));
        assert_eq!(line("b = \"\u{1b}[31m\" # x", "x"), (1, 15, "x".into()));
        assert_eq!(line("s = { pass = \"S3CRET\", p = 7 }", "7").2, HIDDEN);
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let text = format!("list = [{}9{}]", "1, ".repeat(500), ", 2".repeat(500));
        let (_, column, excerpt, under) = marked(&text, "9");
        assert_eq!((column, under.as_str()), (1509, "9"));
        assert!(excerpt.chars().count() <= SHOWN_MAX);
    }

    #[test]
    fn a_table_of_the_second_file_knows_its_place() {
        let mut sources = Sources::new();
        assert!(sources.add(Path::new("one"), "a = 1").is_ok());
        let table = sources.add(Path::new("two"), "b = [{ c = 2 }]").unwrap();
        let list = table.root.get("b").unwrap().get_ref().as_array().unwrap();
        let inner = list.first().unwrap().get_ref().as_table().unwrap();
        let span = inner.get("c").unwrap().span();
        let problem = sources.problem(Severity::Error, span, Fault::new("m", "r"));
        assert_eq!(problem.file, Path::new("two"));
        assert_eq!(problem.place.unwrap().column, 12);
    }
}
