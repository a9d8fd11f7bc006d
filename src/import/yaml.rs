//! YAML as a tree that knows its lines. Aliases share what they name, and count as if it stood there: no small file becomes a
//! large tree, or a long way through it.

use saphyr_parser::{Event, Parser};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Deeper than this nobody writes.
const DEPTH_MAX: usize = 64;
/// More keys and items than this, merged ones included, are no settings.
const SIZE_MAX: usize = 500_000;

/// Where a key stands, and what it holds.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: usize,
    pub(crate) value: Rc<Node>,
}

/// One value.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) is: Is,
    /// Itself and all that is in it, aliases as often as they stand there.
    size: usize,
    /// The levels in it.
    depth: usize,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum Is {
    Text(String),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

impl Node {
    fn new(line: usize, is: Is) -> Self {
        let (mut size, mut depth) = (1_usize, 0);
        let mut hold = |node: &Self| (size, depth) = (size.saturating_add(node.size), depth.max(node.depth + 1));
        match &is {
            Is::Text(_) => {}
            Is::List(items) => items.iter().for_each(|item| hold(item)),
            Is::Map(entries) => entries.iter().for_each(|entry| hold(&entry.value)),
        }
        Self { line, is, size, depth }
    }

    /// A map without keys.
    pub(crate) fn nothing(line: usize) -> Self {
        Self::new(line, Is::Map(Vec::new()))
    }

    /// The text, if it is one; nothing for an empty value.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.is {
            Is::Text(text) if !["", "~", "null"].contains(&text.as_str()) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Rc<Node>] {
        match &self.is {
            Is::List(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn map(&self) -> &[Entry] {
        match &self.is {
            Is::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Whether nothing stands there.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.is {
            Is::Text(_) => self.text().is_none(),
            Is::List(items) => items.is_empty(),
            Is::Map(entries) => entries.is_empty(),
        }
    }
}

/// A document, and which variables its texts named.
pub(crate) struct Document {
    pub(crate) root: Rc<Node>,
    /// Line and name of each variable, and whether it was set.
    pub(crate) variables: Vec<(usize, String, bool)>,
    /// The line of a second document, which is not read.
    pub(crate) second: Option<usize>,
}

enum Open {
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>, Option<(String, usize)>),
}

struct Reader<'a> {
    env: &'a dyn Fn(&str) -> Option<String>,
    open: Vec<(Open, usize, usize)>,
    anchors: HashMap<usize, Rc<Node>>,
    variables: Vec<(usize, String, bool)>,
    root: Option<Rc<Node>>,
    size: usize,
}

/// Reads the first document of `text`. `$NAME` and `${NAME}` in texts become what `env` says; what it does not know stays.
///
/// # Errors
/// A sentence with the line.
pub(crate) fn read(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Document, String> {
    let text = text.trim_start_matches('\u{feff}');
    let (mut root, mut second) = (None, None);
    let mut reader =
        Reader { env, open: Vec::new(), anchors: HashMap::new(), variables: Vec::new(), root: None, size: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| format!("line {}: this is no YAML: {e}", e.marker().line()))?;
        let line = span.start.line();
        match event {
            Event::DocumentStart(_) if root.is_some() => {
                second = Some(line);
                break;
            }
            Event::DocumentEnd => root = reader.root.take(),
            other => reader.take(other, line)?,
        }
    }
    let root = root.unwrap_or_else(|| Rc::new(Node::new(1, Is::Text(String::new()))));
    Ok(Document { root, variables: reader.variables, second })
}

fn too_deep(line: usize) -> String {
    format!("line {line}: more than {DEPTH_MAX} levels")
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), String> {
        match event {
            Event::Scalar(text, _, anchor, _) => {
                let text = self.expand(&text, line);
                self.done(Node::new(line, Is::Text(text)), anchor, line)
            }
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some(node) if self.open.len() + node.depth > DEPTH_MAX => Err(too_deep(line)),
                // Whoever walks through the tree meets it as often as it stands there.
                Some(node) => {
                    self.grow(node.size - 1, line)?;
                    self.put(node, line)
                }
                None => Err(format!("line {line}: the alias names something that contains it, or that is not there")),
            },
            Event::SequenceStart(anchor, _) => self.begin(Open::List(Vec::new()), anchor, line),
            Event::MappingStart(anchor, _) => self.begin(Open::Map(Vec::new(), None), anchor, line),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((Open::List(items), anchor, line)) => self.done(Node::new(line, Is::List(items)), anchor, line),
                Some((Open::Map(entries, _), anchor, line)) => {
                    let entries = self.merged(entries)?;
                    self.done(Node::new(line, Is::Map(entries)), anchor, line)
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, anchor: usize, line: usize) -> Result<(), String> {
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep(line));
        }
        self.open.push((open, anchor, line));
        Ok(())
    }

    fn done(&mut self, node: Node, anchor: usize, line: usize) -> Result<(), String> {
        let node = Rc::new(node);
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(node, line)
    }

    fn grow(&mut self, by: usize, line: usize) -> Result<(), String> {
        self.size += by;
        if self.size > SIZE_MAX { Err(format!("line {line}: more than {SIZE_MAX} values")) } else { Ok(()) }
    }

    fn put(&mut self, node: Rc<Node>, line: usize) -> Result<(), String> {
        self.grow(1, line)?;
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((Open::List(items), ..)) => items.push(node),
            Some((Open::Map(entries, key), ..)) => match key.take() {
                Some((key, line)) => entries.push(Entry { key, line, value: node }),
                None => match &node.is {
                    Is::Text(text) => *key = Some((text.clone(), line)),
                    _ => return Err(format!("line {line}: a key must be a text")),
                },
            },
        }
        Ok(())
    }

    /// `<<: *name` gives a map what it does not say itself.
    fn merged(&mut self, entries: Vec<Entry>) -> Result<Vec<Entry>, String> {
        let (merges, mut own): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|e| e.key == "<<");
        let mut keys: HashSet<String> = own.iter().map(|o| o.key.clone()).collect();
        for merge in merges {
            let one = [Rc::clone(&merge.value)];
            let from = if merge.value.list().is_empty() { one.as_slice() } else { merge.value.list() };
            for map in from {
                self.grow(map.size, merge.line)?;
                for entry in map.map() {
                    if keys.insert(entry.key.clone()) {
                        own.push(entry.clone());
                    }
                }
            }
        }
        Ok(own)
    }

    fn expand(&mut self, text: &str, line: usize) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            let name_of = |t: &str| t.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(t.len());
            let braced = after.strip_prefix('{').and_then(|t| t.split_once('}'));
            let (name, whole, tail) = match braced {
                _ if after.starts_with('$') => {
                    out.push('$');
                    rest = after.get(1..).unwrap_or_default();
                    continue;
                }
                Some((name, tail)) => (name, format!("${{{name}}}"), tail),
                None => {
                    let (name, tail) = after.split_at_checked(name_of(after)).unwrap_or((after, ""));
                    (name, format!("${name}"), tail)
                }
            };
            rest = tail;
            let known = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let value = if known { (self.env)(name) } else { None };
            if known {
                self.variables.push((line, name.to_owned(), value.is_some()));
            }
            out.push_str(value.as_deref().unwrap_or(&whole));
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests;
