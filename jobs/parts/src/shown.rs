//! Names that others have chosen (of files, of programs), made fit to be shown.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The longest name that is shown, in characters: a sentence holds two of them and more.
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
    let reorders =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    !(c.is_control() || reorders)
}

/// Begin and end tell paths apart.
fn shortened(text: String) -> String {
    let long = text.chars().count();
    if long <= MAX {
        return text;
    }
    let head: String = text.chars().take(MAX / 3).collect();
    let tail: String = text.chars().skip(long - (MAX - MAX / 3 - 3)).collect();
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
        assert!(long.starts_with("/begin/x") && long.ends_with("x/end") && long.chars().count() == MAX, "{long}");
    }
}
