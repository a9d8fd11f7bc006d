//! The keys of one map, each of which must be asked for or is listed.

use super::super::Left;
use super::super::yaml::{Entry, Node};

pub(super) struct Fields<'a> {
    entries: &'a [Entry],
    taken: Vec<bool>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(node: &'a Node) -> Self {
        Self { entries: node.map(), taken: vec![false; node.map().len()] }
    }

    /// The first entry of this key.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a Entry> {
        let index = self.entries.iter().position(|e| e.key == key)?;
        if let Some(taken) = self.taken.get_mut(index) {
            *taken = true;
        }
        self.entries.get(index)
    }

    /// Its text, if it has one. What is no text is listed.
    pub(super) fn text(&mut self, key: &str, left: &mut Vec<Left>) -> Option<&'a str> {
        let entry = self.take(key)?;
        if entry.value.text().is_none() && !entry.value.is_empty() {
            left.push(Left::new(entry.line, format!("{key} is no text"), "Look what it was meant to be"));
        }
        entry.value.text()
    }

    /// Whether it is true. What is neither true nor false is listed.
    pub(super) fn flag(&mut self, key: &str, left: &mut Vec<Left>) -> Option<bool> {
        let entry = self.take(key)?;
        let flag = match entry.value.text().map(str::to_ascii_lowercase).as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        if flag.is_none() && !entry.value.is_empty() {
            left.push(Left::new(
                entry.line,
                format!("{key} is neither true nor false"),
                "Look what it was meant to be",
            ));
        }
        flag
    }

    /// The line of a key.
    pub(super) fn line(&self, key: &str) -> usize {
        self.entries.iter().find(|e| e.key == key).map_or(0, |e| e.line)
    }

    /// Lists what nobody has asked for.
    pub(super) fn rest(self, of: &str, left: &mut Vec<Left>) {
        for (entry, _) in self.entries.iter().zip(&self.taken).filter(|(_, taken)| !**taken) {
            left.push(Left::new(
                entry.line,
                format!("{of}{} is not taken over", entry.key),
                "Checker has nothing that corresponds to it, or it stands there twice",
            ));
        }
    }
}
