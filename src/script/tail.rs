//! The end of what a command prints.

use std::collections::VecDeque;

/// Keeps the last bytes of what passes.
#[derive(Debug)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    max: usize,
    cut: bool,
}

impl Tail {
    /// Of at most `max` bytes.
    pub(super) fn new(max: usize) -> Self {
        Self { bytes: VecDeque::new(), max, cut: false }
    }

    pub(super) fn push(&mut self, more: &[u8]) {
        let more = match more.len().checked_sub(self.max) {
            Some(over) if over > 0 => {
                self.cut = true;
                more.get(over..).unwrap_or_default()
            }
            _ => more,
        };
        let surplus = (self.bytes.len() + more.len()).saturating_sub(self.max);
        self.cut |= surplus > 0;
        self.bytes.drain(..surplus);
        self.bytes.extend(more);
    }

    /// The last `max` bytes of it as text, from the beginning of a line on where something was cut off.
    pub(super) fn text(&self, max: usize) -> String {
        let surplus = self.bytes.len().saturating_sub(max);
        let bytes: Vec<u8> = self.bytes.iter().skip(surplus).copied().collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if !self.cut && surplus == 0 {
            return text;
        }
        match text.split_once('\n') {
            Some((_, whole)) if !whole.is_empty() => format!("[...]\n{whole}"),
            _ => format!("[...] {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_are_kept() {
        let mut tail = Tail::new(10);
        tail.push(b"one\n");
        assert_eq!(tail.text(10), "one\n");
        tail.push(b"two\nthree\n");
        assert_eq!(tail.text(10), "[...]\nthree\n");
        assert_eq!(tail.text(4), "[...] ree\n");
        tail.push(&[b'x'; 40]);
        assert_eq!(tail.text(10), "[...] xxxxxxxxxx");
        let mut tail = Tail::new(4);
        tail.push(b"abcd");
        assert_eq!(tail.text(4), "abcd");
        tail.push("ü".as_bytes());
        assert_eq!(tail.text(4), "[...] cdü");
    }
}
