//! What somebody should know of a line.

use crate::import::table::one_line;

/// So many lines are named; more are counted.
const NAMED: usize = 12;

/// What is to be known of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    /// The line, from 1.
    pub(crate) line: usize,
    /// What was not taken over and why, or what to look at.
    pub(crate) text: String,
}

/// Notes as they come.
#[derive(Debug, Default)]
pub(super) struct Notes {
    own: Vec<Note>,
    /// A text, and the lines that it is true of.
    shared: Vec<(String, Vec<usize>)>,
}

impl Notes {
    pub(super) fn add(&mut self, line: usize, text: impl AsRef<str>) {
        self.own.push(Note { line, text: one_line(text.as_ref()) });
    }

    /// The same is said once, of all lines that it is true of.
    pub(super) fn share(&mut self, line: usize, text: &str) {
        match self.shared.iter_mut().find(|(said, _)| said == text) {
            Some((_, lines)) => lines.push(line),
            None => self.shared.push((text.to_owned(), vec![line])),
        }
    }

    pub(super) fn sorted(self) -> Vec<Note> {
        let mut notes = self.own;
        for (text, lines) in self.shared {
            let Some((first, more)) = lines.split_first() else { continue };
            notes.push(Note { line: *first, text: one_line(&format!("{text}{}", of_more(more))) });
        }
        notes.sort_by_key(|note| note.line);
        notes
    }
}

fn of_more(lines: &[usize]) -> String {
    let named: Vec<String> = lines.iter().take(NAMED).map(ToString::to_string).collect();
    let left = lines.len().saturating_sub(NAMED);
    match named.as_slice() {
        [] => String::new(),
        [one] => format!(" (the same of line {one})"),
        named if left > 0 => format!(" (the same of lines {} and {left} more)", named.join(", ")),
        [but_last @ .., last] => format!(" (the same of lines {} and {last})", but_last.join(", ")),
    }
}
