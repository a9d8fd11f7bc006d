//! Text that is safe and pleasant to show: one line, cut, wrapped.

/// The widest line of our own text, in characters.
pub(crate) const WIDTH: usize = 72;

/// One line without control characters and without marks that reorder text.
pub(crate) fn one_line(text: &str) -> String {
    let line: String = text
        .chars()
        .filter_map(|c| match c {
            '\u{2028}' | '\u{2029}' => Some(' '),
            c if c.is_control() => Some(' '),
            c if reorders(c) => None,
            c => Some(c),
        })
        .collect();
    line.trim().to_owned()
}

/// Lines parted by `\n`, without other control characters than the tab and without white space at the end.
pub(crate) fn lines(text: &str) -> String {
    let out: String = text
        .replace("\r\n", "\n")
        .chars()
        .filter_map(|c| match c {
            '\r' | '\u{2028}' | '\u{2029}' => Some('\n'),
            '\n' | '\t' => Some(c),
            c if c.is_control() || reorders(c) => None,
            c => Some(c),
        })
        .collect();
    out.trim_end().to_owned()
}

fn reorders(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most `max` characters; what is cut ends with three dots.
pub(crate) fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(max.saturating_sub(3)).collect();
    out.push_str("...");
    out
}

/// Breaks `text` between words, so that no line is wider than [`WIDTH`] unless one word is. `indent` stands before each
/// line but the first.
pub(crate) fn wrap(text: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width == 0 {
            width = length;
        } else if width + 1 + length <= WIDTH {
            out.push(' ');
            width += 1 + length;
        } else {
            out.push('\n');
            out.push_str(indent);
            width = indent.chars().count() + length;
        }
        out.push_str(word);
    }
    out
}

/// Evidence as a quotation: indented, at most `max_lines` lines and `max_chars` characters, and it says so where it is cut.
pub(crate) fn quote(text: &str, max_lines: usize, max_chars: usize) -> String {
    let text = lines(text);
    let mut out = String::new();
    let mut left = max_chars;
    for (nth, line) in text.lines().enumerate() {
        let length = line.chars().count();
        if nth >= max_lines || length > left {
            if nth < max_lines && nth == 0 {
                out.push_str("  ");
                out.push_str(&cut(line, left));
                out.push('\n');
            }
            out.push_str("  [...]\n");
            break;
        }
        left -= length;
        if !line.trim().is_empty() {
            out.push_str("  ");
            out.push_str(line.trim_end());
        }
        out.push('\n');
    }
    out
}

/// `text` as one word of a shell's command line.
pub(crate) fn shell_word(text: &str) -> String {
    let text = one_line(text);
    if text.contains(['"', '$', '`', '\\', '!']) {
        format!("'{}'", text.replace('\'', "'\\''"))
    } else {
        format!("\"{text}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_between_words() {
        let text = wrap(&"word ".repeat(40), "  ");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")), "{text}");
        assert_eq!(text.split_whitespace().count(), 40);
    }

    #[test]
    fn quotations_are_bounded_and_say_so() {
        assert_eq!(quote("one\r\n\r\n  two\u{1b}[31m\n\n", 9, 99), "  one\n\n    two[31m\n");
        assert_eq!(quote("1\n2\n3", 2, 99), "  1\n  2\n  [...]\n");
        assert_eq!(quote(&"x".repeat(50), 9, 10), "  xxxxxxx...\n  [...]\n");
    }

    #[test]
    fn names_are_safe_to_paste_into_a_shell() {
        assert_eq!(shell_word("root disk"), "\"root disk\"");
        assert_eq!(shell_word("it's $(reboot)\n"), "'it'\\''s $(reboot)'");
    }
}
