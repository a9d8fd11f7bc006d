//! A table of a job or a window before it is written as TOML.

use std::fmt::Write;

/// In the place of a job's kind.
pub(crate) const WINDOW: &str = "window";

/// The value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Texts(Vec<String>),
    Number(i64),
    Flag(bool),
    /// Numbers and texts, as for `status`.
    Mixed(Vec<Value>),
    /// An inline table.
    Map(Vec<(String, String)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// One `[[job.KIND]]`, or `[[window]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) kind: &'static str,
    /// Where it comes from.
    pub(crate) line: usize,
    /// What stands above it, without `#`.
    pub(crate) notes: Vec<String>,
    pub(crate) keys: Vec<(&'static str, Value)>,
}

impl Table {
    pub(crate) fn new(kind: &'static str, line: usize) -> Self {
        Self { kind, line, notes: Vec::new(), keys: Vec::new() }
    }

    /// Sets a key, in the place that it has if it is there.
    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        let value = value.into();
        match self.keys.iter_mut().find(|(k, _)| *k == key) {
            Some((_, old)) => *old = value,
            None => self.keys.push((key, value)),
        }
    }

    /// The same with a key.
    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.keys.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// The job's id, by which windows name it.
    pub(crate) fn job(&self) -> Option<String> {
        let Value::Text(id) = self.get("id")? else { return None };
        Some(id.clone())
    }

    /// Takes a text out of a list.
    pub(crate) fn forget(&mut self, key: &str, text: Option<&str>) {
        if let Some((_, Value::Texts(texts))) = self.keys.iter_mut().find(|(k, _)| *k == key) {
            texts.retain(|t| Some(t.as_str()) != text);
        }
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(crate) fn to_toml(&self) -> String {
        let mut out = String::new();
        for note in &self.notes {
            comment(&mut out, note);
        }
        out.push_str(if self.kind == WINDOW { "[[" } else { "[[job." });
        out.push_str(self.kind);
        out.push_str("]]\n");
        for (key, value) in &self.keys {
            out.push_str(key);
            out.push_str(" = ");
            write(&mut out, value);
            out.push('\n');
        }
        out
    }
}

fn write(out: &mut String, value: &Value) {
    match value {
        Value::Text(text) => out.push_str(&quoted(text)),
        Value::Number(n) => out.push_str(&n.to_string()),
        Value::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Texts(texts) => list(out, texts.iter().map(|t| quoted(t))),
        Value::Mixed(values) => {
            let one = |value: &Value| {
                let mut text = String::new();
                write(&mut text, value);
                text
            };
            list(out, values.iter().map(one));
        }
        Value::Map(pairs) => {
            let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{} = {}", quoted(k), quoted(v))).collect();
            out.push_str("{ ");
            out.push_str(&pairs.join(", "));
            out.push_str(" }");
        }
    }
}

fn list(out: &mut String, items: impl Iterator<Item = String>) {
    out.push('[');
    out.push_str(&items.collect::<Vec<_>>().join(", "));
    out.push(']');
}

/// A basic string of TOML: whatever is in `text`, it is one line and ends where it should.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Writing to a string cannot fail.
            c if c.is_control() => drop(write!(out, "\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Comments hold one line each, so that no text of a file can become a setting.
pub(crate) fn comment(out: &mut String, text: &str) {
    out.push_str("# ");
    out.push_str(&one_line(text));
    out.push('\n');
}

/// `text` without anything that ends a line or steers a terminal.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}
