//! Names that others have chosen (of files, of programs), made fit to be shown.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The longest name that is shown, in bytes, as a summary is cut by bytes: a sentence holds two of them and what is wrong.
const MAX: usize = 120;

/// A path for a sentence: control characters, marks that reorder text and broken bytes as escapes, and the middle of what is
/// very long left out.
pub fn path(path: &Path) -> String {
    name(path.as_os_str())
}

/// A name for a sentence, as [`path`] shows it.
pub fn name(name: &OsStr) -> String {
    let mut out = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_plain(c) {
                out.push(c);
            } else {
                out.extend(c.escape_default());
            }
        }
        out.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    shortened(out)
}

fn is_plain(c: char) -> bool {
    let reorders = matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !(c.is_control() || reorders)
}

/// Begin and end tell paths apart.
fn shortened(text: String) -> String {
    if text.len() <= MAX {
        return text;
    }
    let (head, tail) = (MAX / 3, text.len() - (MAX - MAX / 3 - 3));
    let head = (0..=head).rev().find_map(|end| text.get(..end)).unwrap_or_default();
    let tail = (tail..=text.len()).find_map(|from| text.get(from..)).unwrap_or_default();
    format!("{head}...{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_name_can_break_a_line_or_a_sentence() {
        let shown = |bytes: &[u8]| path(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(shown("/srv/Sicherung für heute.tar".as_bytes()), "/srv/Sicherung für heute.tar");
        assert_eq!(shown(b"/a\nb\x1b[31m\xff"), "/a\\nb\\u{1b}[31m\\xff");
        assert_eq!(shown("x\u{202e}gpj.exe".as_bytes()), "x\\u{202e}gpj.exe");
        let long = shown(format!("/begin/{}/end", "x".repeat(4_000)).as_bytes());
        assert!(long.starts_with("/begin/x") && long.ends_with("x/end") && long.len() == MAX, "{long}");
        // What counts is bytes: who writes in other letters must read what is wrong, too.
        let long = shown(format!("/begin/{}/end", "漢字".repeat(80)).as_bytes());
        let is_cut = long.starts_with("/begin/漢") && long.ends_with("字/end") && (MAX - 4..=MAX).contains(&long.len());
        assert!(is_cut, "{long}");
        assert_eq!(shown("a\u{61c}b\u{2066}c".as_bytes()), "a\\u{61c}b\\u{2066}c");
    }
}
