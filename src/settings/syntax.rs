//! Words for files that are no TOML at all.

use super::source::Fault;

/// What to tell about an error of the parser.
pub(crate) fn fault(error: &toml::de::Error, text: &str) -> Fault {
    let span = error.span().unwrap_or(0..0);
    let start = span.start.min(text.len());
    let line_start = text.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |i| i + 1);
    let line = text.get(line_start..).and_then(|t| t.lines().next()).unwrap_or_default();
    let message = error.message();
    let remedy = if message.contains("duplicate key") {
        "it is already set above: keep one of the two"
    } else if unquoted(line) {
        "a text stands in quotes: name = \"value\""
    } else if open_quote(line) {
        "the closing quote is missing on this line"
    } else if line.trim_start().starts_with('[') {
        "a table is written [name], one of several [[name]]"
    } else if !line.contains('=') {
        "write key = \"value\", or begin a comment with #"
    } else {
        "see settings.cfg.example for the form; texts stand in quotes, lists in [ ]"
    };
    Fault::new(format!("this cannot be read as TOML: {message}"), remedy)
}

fn unquoted(line: &str) -> bool {
    let Some((_, value)) = line.split_once('=') else {
        return false;
    };
    let value = value.trim();
    value.starts_with(|c: char| c.is_alphabetic() || c == '/' || c == '.' || c == '~')
        && value != "true"
        && value != "false"
        || value.starts_with(|c: char| c.is_ascii_digit()) && value.contains(|c: char| c.is_alphabetic())
}

fn open_quote(line: &str) -> bool {
    let line = line.split(" #").next().unwrap_or_default();
    line.matches('"').count() % 2 == 1
}
