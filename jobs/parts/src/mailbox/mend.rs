//! What of a server's replies is handed to the imap crate, and in which form. Pure.
//!
//! Only what our own commands ask for is of use. All else (warnings, flags, counts, replies of extensions) is left out:
//! much of it the crate cannot read, and some of it makes it panic.

/// Lists in lists: what we ask for has two levels. The crate's parser calls itself for each.
const DEPTH_MAX: u32 = 4;

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is handed on like this. Its end is CR LF.
    Keep(Vec<u8>),
    /// Nobody needs it, nor what follows in its literals.
    Drop,
    /// The server says goodbye. Holds its words as they came.
    Bye(String),
    /// It would do harm. Says why.
    Harm(String),
}

/// Judges the first line of a reply, without its end.
pub(super) fn first(line: &[u8]) -> Verdict {
    let Some(reply) = line.strip_prefix(b"* ") else {
        // A request to go on is ours to answer in a login alone, see [`request`]. All else is the end of a command, or nonsense for the crate to find.
        return if line.first() == Some(&b'+') { Verdict::Drop } else { Verdict::Keep(ended(plain(line))) };
    };
    let mut words = reply.splitn(3, |&b| b == b' ');
    let word = words.next().unwrap_or_default().to_ascii_uppercase();
    let second = words.next().unwrap_or_default().to_ascii_uppercase();
    match (word.as_slice(), second.as_slice()) {
        (b"BYE", _) => Verdict::Bye(String::from_utf8_lossy(reply.get(4..).unwrap_or_default()).trim().to_owned()),
        (b"LIST", _) => Verdict::Keep(list(line)),
        (b"SEARCH" | b"CAPABILITY", _) => Verdict::Keep(ended(plain(line))),
        (number, b"EXISTS") if is_number(number) => Verdict::Keep(ended(plain(line))),
        // Others may change flags meanwhile, and the server tells us; that is not what we asked for.
        (number, b"FETCH") if is_number(number) && is_fetch(line) => rest(line),
        _ => Verdict::Drop,
    }
}

/// A request to go on, while we log in step by step.
pub(super) fn request(line: &[u8]) -> Verdict {
    Verdict::Keep(ended(plain(line)))
}

/// Judges what stands behind a literal, without its end; and a first line of a FETCH.
pub(super) fn rest(line: &[u8]) -> Verdict {
    let mut depth = 0_u32;
    for byte in line {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Verdict::Harm("lists within lists within lists".to_owned());
        }
    }
    let upper = line.to_ascii_uppercase();
    let date = b"INTERNALDATE ";
    let dateless = upper.windows(date.len() + 1).any(|w| w.starts_with(date) && w.last() != Some(&b'"'));
    if dateless || upper.ends_with(date) {
        return Verdict::Harm("a message without date".to_owned());
    }
    Verdict::Keep(ended(plain(line)))
}

/// Whether a line begins to tell what a message holds.
pub(super) fn is_fetch(line: &[u8]) -> bool {
    line.starts_with(b"* ") && line.windows(5).any(|w| w.eq_ignore_ascii_case(b"BODY["))
}

/// Whether a line tells how many messages there are.
pub(super) fn is_exists(line: &[u8]) -> bool {
    let mut words = line.split(|&b| b == b' ').skip(1);
    words.next().is_some_and(is_number) && words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"EXISTS"))
}

/// The size of the literal that a line announces at its end (RFC 3501, 4.3).
pub(super) fn literal(line: &[u8]) -> Option<u64> {
    let inner = line.strip_suffix(b"}")?;
    let open = inner.iter().rposition(|&b| b == b'{')?;
    let digits = inner.get(open + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !is_number(digits) {
        return None;
    }
    // More digits than a number can have are still a size: the largest.
    Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
}

/// Whether a reply of this kind has words of a human at its end, which may look like a literal and are none.
pub(super) fn has_words(line: &[u8]) -> bool {
    let Some(reply) = line.strip_prefix(b"* ") else { return true };
    let word = reply.split(|&b| b == b' ').next().unwrap_or_default().to_ascii_uppercase();
    matches!(word.as_slice(), b"OK" | b"NO" | b"BAD" | b"BYE" | b"PREAUTH")
}

fn is_number(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_digit)
}

fn ended(mut line: Vec<u8>) -> Vec<u8> {
    line.extend_from_slice(b"\r\n");
    line
}

/// The crate knows ASCII only.
fn plain(line: &[u8]) -> Vec<u8> {
    line.iter().map(|&b| if matches!(b, 1..=0x7f) && b != b'\r' { b } else { b'?' }).collect()
}

/// A line of a list of folders with the name as a literal, which the crate reads as it is: of a quoted name it keeps the
/// backslashes, and of one that is not ASCII it makes an error.
fn list(line: &[u8]) -> Vec<u8> {
    let Some((head, name)) = list_name(line) else { return ended(plain(line)) };
    let mut out = plain(head);
    out.extend_from_slice(format!("{{{}}}\r\n", name.len()).as_bytes());
    out.extend_from_slice(&name);
    ended(out)
}

/// What stands before the name, and the name, unless that is a literal already.
fn list_name(line: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    // The attributes hold no brackets, and the delimiter is one sign in quotes, or NIL.
    let close = line.iter().position(|&b| b == b')')? + 1;
    let after = line.get(close..)?.strip_prefix(b" ")?;
    let delimiter = match after {
        [b'"', b'\\', _, b'"', ..] => 4,
        [b'"', _, b'"', ..] => 3,
        _ if after.len() >= 3 && after.get(..3)?.eq_ignore_ascii_case(b"NIL") => 3,
        _ => return None,
    };
    let name = after.get(delimiter..)?.strip_prefix(b" ")?;
    let head = line.get(..close + 1 + delimiter + 1)?;
    let raw = match name.first()? {
        b'"' => unquoted(name)?,
        b'{' => return None,
        _ => name.split(|&b| b == b' ').next()?.to_vec(),
    };
    Some((head, String::from_utf8_lossy(&raw).into_owned().into_bytes()))
}

/// A quoted string up to its closing quote.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = text.iter().skip(1);
    loop {
        match bytes.next()? {
            b'"' => return Some(out),
            b'\\' => out.push(*bytes.next()?),
            other => out.push(*other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(line: &str) -> String {
        match first(line.as_bytes()) {
            Verdict::Keep(out) => String::from_utf8(out).unwrap(),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn only_what_we_ask_for_is_handed_on() {
        for line in
            ["* SEARCH 1 2", "* 3 EXISTS", "* CAPABILITY IMAP4rev1", "a1 OK fine", "* 1 FETCH (body[] {2}", "what"]
        {
            assert_eq!(kept(line), format!("{line}\r\n"));
        }
        for line in [
            "* OK [ALERT] x",
            "* NO x",
            "* BAD x",
            "* 4 EXPUNGE",
            "* 4 RECENT",
            "* X (",
            "* 1 FETCH (FLAGS (a))",
            "+ go on",
            "* ",
            "* PREAUTH",
        ] {
            assert_eq!(first(line.as_bytes()), Verdict::Drop, "{line}");
        }
        assert_eq!(first(b"* bye over and out"), Verdict::Bye("over and out".to_owned()));
    }

    #[test]
    fn names_of_folders_become_literals() {
        for (line, out) in [
            (r#"* LIST (\Sent) "/" "a \"b\" \\c""#, "* LIST (\\Sent) \"/\" {8}\r\na \"b\" \\c\r\n"),
            (r#"* LIST () "\\" INBOX"#, "* LIST () \"\\\\\" {5}\r\nINBOX\r\n"),
            (r#"* LIST () NIL "Gelöscht" ("CHILDINFO" ("x"))"#, "* LIST () NIL {9}\r\nGelöscht\r\n"),
            (r#"* LIST () "." """#, "* LIST () \".\" {0}\r\n\r\n"),
            ("* LIST () \".\" {3}", "* LIST () \".\" {3}\r\n"),
            ("* LIST ü", "* LIST ??\r\n"),
        ] {
            assert_eq!(kept(line), out);
        }
    }

    #[test]
    fn harm_is_seen() {
        assert!(matches!(first(b"* 1 FETCH (BODY[] NIL BODYSTRUCTURE (((("), Verdict::Harm(_)));
        assert!(matches!(first(b"* 1 FETCH (BODY[] NIL INTERNALDATE NIL)"), Verdict::Harm(_)));
        assert!(matches!(first(b"* 1 fetch (body[] nil internaldate {3}"), Verdict::Harm(_)));
        assert!(matches!(rest(b" INTERNALDATE nil)"), Verdict::Harm(_)));
        assert!(matches!(rest(b" INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")"), Verdict::Keep(_)));
    }

    #[test]
    fn literals_are_seen_and_words_are_not_taken_for_them() {
        assert_eq!(literal(b"* 1 FETCH (BODY[HEADER] {12}"), Some(12));
        assert_eq!(literal(b"x {99999999999999999999999}"), Some(u64::MAX));
        assert_eq!(literal(b"x {7+}"), Some(7));
        for line in [&b"x {}"[..], b"x 7}", b"x {-7}", b"x {7} ", b"{a}", b""] {
            assert_eq!(literal(line), None);
        }
        assert!(has_words(b"a1 OK {3}") && has_words(b"* NO {3}") && !has_words(b"* LIST {3}"));
    }
}
