//! Where secrets stand in the text of a settings file, so that no report shows them.
//!
//! This works on lines and not on parsed tables, because it must also hold for files that do not parse. When in doubt
//! it hides: a line too many hidden is a nuisance, one too few is a leak.

use super::nearest::distance;
use std::borrow::Cow;
use std::ops::Range;

/// What stands in place of a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Whether a value under this key is shown to nobody. True also for keys that look like a typing error in one.
pub(crate) fn is_secret_key(key: &str) -> bool {
    const PARTS: [&str; 11] = [
        "pass",
        "secret",
        "token",
        "credential",
        "authorization",
        "cookie",
        "apikey",
        "private",
        "bearer",
        "passwd",
        "signature",
    ];
    const WHOLE: [&str; 5] = ["key", "auth", "pw", "pwd", "api_key"];
    const ALMOST: [(&str, usize); 4] = [("pass", 1), ("password", 2), ("secret", 2), ("token", 1)];
    let key = key.to_lowercase().replace('-', "_");
    // What names a place, or a program: not the secret itself.
    if key.ends_with("_file") || key == "file" || key.ends_with("token_command") {
        return false;
    }
    PARTS.iter().any(|p| key.contains(p))
        || WHOLE.contains(&key.as_str())
        || key.ends_with("_key")
        || ALMOST.iter().any(|(w, d)| distance(&key, w) <= *d)
}

/// Whether a settings file that holds this key (with a text as its value) must be closed to others.
pub(crate) fn holds_secret(key: &str) -> bool {
    let small = key.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    let key = if small { Cow::Borrowed(key) } else { Cow::Owned(key.to_lowercase()) };
    !key.ends_with("_file")
        && ["pass", "password", "passwd", "token", "secret"]
            .iter()
            .any(|w| key.strip_suffix(w).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')))
}

enum Mode {
    Plain,
    /// Inside a secret text that goes on until this delimiter.
    Text(&'static str),
    /// After a secret text whose quote was never closed.
    Open,
    /// Inside a secret list with this many brackets open.
    List(i64),
}

/// The byte ranges of `text` that may hold secrets, in order; none crosses a line end.
pub(crate) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let (mut offset, mut mode, mut url_is_secret, mut in_peer) = (0, Mode::Plain, false, false);
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches(['\n', '\r']);
        let whole = offset..offset + body.len();
        if matches!(mode, Mode::Open) && begins_anew(body) {
            mode = Mode::Plain;
        }
        match mode {
            Mode::Text(end) => {
                out.push(whole);
                if body.contains(end) {
                    mode = Mode::Plain;
                }
            }
            Mode::Open => out.push(whole),
            Mode::List(open) => {
                let open = open + brackets(body);
                out.push(whole);
                mode = if open > 0 && !body.trim_start().starts_with(']') { Mode::List(open) } else { Mode::Plain };
            }
            Mode::Plain => {
                if let Some(header) = header(body) {
                    url_is_secret = header.starts_with("channel") || header == "deadman";
                    in_peer = header == "peer";
                }
                let start = secret_value(body, url_is_secret);
                if let Some(start) = start.filter(|_| !(in_peer && is_public_key(body))) {
                    out.push(offset + start..offset + body.len());
                    mode = opened(body.get(start..).unwrap_or_default());
                } else {
                    out.extend(user_infos(body).into_iter().map(|r| offset + r.start..offset + r.end));
                }
            }
        }
        offset += line.len();
    }
    out
}

/// [`ranges`], and every other place where one of the secrets found stands again.
pub(crate) fn everywhere(text: &str) -> Vec<Range<usize>> {
    let mut all = ranges(text);
    for value in values(text, &all) {
        all.extend(text.match_indices(value.as_str()).map(|(at, found)| at..at + found.len()));
    }
    all.sort_by_key(|r| (r.start, r.end));
    all
}

/// The secrets themselves, as far as they are long enough to be recognised elsewhere.
pub(crate) fn values(text: &str, ranges: &[Range<usize>]) -> Vec<String> {
    let quotes = ['"', '\''];
    let mut found = Vec::new();
    for range in ranges {
        let part = text.get(range.clone()).unwrap_or_default().trim();
        let mut pieces = vec![part.trim_end_matches(',')];
        if part.starts_with('[') {
            pieces.extend(part.split(quotes));
        } else if part.starts_with(quotes) {
            pieces.extend(part.split(quotes).find(|p| !p.is_empty()));
        }
        for value in pieces {
            let value = value.trim().trim_matches(quotes);
            if value.chars().count() >= 4 && value != "true" && value != "false" {
                found.push(value.to_owned());
            }
        }
    }
    found.sort_by_key(|v| std::cmp::Reverse(v.len()));
    found.dedup();
    found
}

/// Whether a line stands for itself, and is not the rest of the text before it.
fn begins_anew(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with(['[', '#']) || line.contains('=')
}

fn brackets(line: &str) -> i64 {
    line.chars().fold(0, |n, c| match c {
        '[' => n + 1,
        ']' => n - 1,
        _ => n,
    })
}

fn header(line: &str) -> Option<&str> {
    let line = line.trim();
    line.starts_with('[').then(|| line.trim_matches(|c| c == '[' || c == ']').trim())
}

fn opened(value: &str) -> Mode {
    for delimiter in ["\"\"\"", "'''"] {
        if value.matches(delimiter).count() % 2 == 1 {
            return Mode::Text(delimiter);
        }
    }
    let first = value.trim_start().chars().next();
    if let Some(quote) = first.filter(|c| matches!(c, '"' | '\''))
        && value.matches(quote).count() == 1
    {
        return Mode::Open;
    }
    match brackets(value) {
        n if n > 0 && value.trim_start().starts_with('[') => Mode::List(n),
        _ => Mode::Plain,
    }
}

/// Where the value of the first secret key of a line begins.
fn secret_value(line: &str, url_is_secret: bool) -> Option<usize> {
    let word_of = |before: &str| {
        let before = before.trim_end().trim_end_matches(['"', '\'']);
        let from = before
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
            .map_or(0, |i| i + before.get(i..).and_then(|r| r.chars().next()).map_or(1, char::len_utf8));
        before.get(from..).unwrap_or_default().to_owned()
    };
    let after_spaces = |at: usize| {
        let rest = line.get(at..).unwrap_or_default();
        at + rest.len() - rest.trim_start().len()
    };
    for (at, c) in line.char_indices() {
        if c != '=' && c != ':' {
            continue;
        }
        let word = word_of(line.get(..at).unwrap_or_default());
        if is_secret_key(&word) || (url_is_secret && c == '=' && word == "url") {
            return Some(after_spaces(at + 1));
        }
    }
    // A line that forgot its "=".
    let trimmed = line.trim_start().trim_start_matches(['"', '\'']);
    let first = trimmed.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next().unwrap_or_default();
    let ends = line.len() - trimmed.len() + first.len();
    let rest = line.get(ends..).unwrap_or_default();
    (is_secret_key(first) && !rest.trim_start().starts_with(['=', ':']) && !rest.trim().is_empty())
        .then(|| after_spaces(ends))
}

/// A line with nothing but a public key, or most of one: people must see what they have pasted.
fn is_public_key(line: &str) -> bool {
    let value = line
        .trim()
        .trim_start_matches(['#', ' '])
        .strip_prefix("key")
        .and_then(|rest| rest.trim_start().strip_prefix('='));
    let quoted = value.and_then(|v| v.trim_start().strip_prefix("\"ed25519:")?.strip_suffix('"'));
    quoted.is_some_and(|k| {
        (32..=48).contains(&k.len()) && k.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_=".contains(&b))
    })
}

/// `user:password` of every address on the line.
fn user_infos(line: &str) -> Vec<Range<usize>> {
    line.match_indices("://")
        .filter_map(|(at, sep)| {
            let from = at + sep.len();
            let rest = line.get(from..)?;
            let len = rest.find(|c: char| c == '/' || c == '"' || c == '\'' || c.is_whitespace()).unwrap_or(rest.len());
            let end = rest.get(..len)?.rfind('@')?;
            Some(from..from + end)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let mut out = text.to_owned();
        for r in ranges(text).into_iter().rev() {
            out.replace_range(r, "*");
        }
        out
    }

    #[test]
    fn secrets_are_hidden_in_every_form_of_line() {
        for line in [
            "pass = \"S3CR\"",
            "pass=S3CR",
            "pass \"S3CR\"",
            "pass: S3CR",
            "\"pass\" = 'S3CR'",
            "pas = \"S3CR\"",
            "pasword = \"S3CR\"",
            "api_token = \"S3CR\" # mine",
            "smtp = { host = \"a\", pass = \"S3CR\" }",
            "headers = { Authorization = \"Bearer S3CR\" }",
            "headers = [\"Authorization: Bearer S3CR\"]",
            "url = \"https://user:S3CR@h/\"",
            "url = \"https://h/?token=S3CR\"",
            "[deadman]\nurl = \"https://hc/S3CR\"",
            "[[channel.webhook]]\nname=\"x\"\nurl = \"https://hc/S3CR\"",
            "pass = \"\"\"\nS3CR\nx = S3CR\n\"\"\"",
            "pass = \"S3CR\nS3CR\"\nS3CR",
            "tokens = [\n \"S3CR\",\n \"S3CR\"\n]",
            "key = \"ed25519:S3CR\"",
        ] {
            let shown = masked(&format!("{line}\nhost = \"clear\"\n"));
            assert!(!shown.contains("S3CR"), "{line} -> {shown}");
            assert!(shown.contains("host = \"clear\""), "{line} -> {shown}");
        }
    }

    #[test]
    fn other_lines_are_shown() {
        for line in [
            "pass_file = \"mail.secret\"",
            "path = \"/var/mail\"",
            "url = \"http://h:5000/\"",
            "host = \"a\"",
            "timeout = \"10s\"",
            "note = \"call me\"",
        ] {
            assert_eq!(masked(line), line);
        }
    }

    #[test]
    fn the_public_key_of_a_peer_is_shown_and_nothing_like_it() {
        let key = "Wc3ChBG4f/U/rIp7HQ6AKb8ais0V6aU4/K2PS8gt5mY=";
        for (text, shown) in [
            (format!("[[peer]]\nkey = \"ed25519:{key}\""), true),
            (format!("[[peer]]\n  key=\"ed25519:{}\"", key.trim_start_matches('W')), true),
            (format!("key = \"ed25519:{key}\""), false),
            (format!("[[job.x]]\nkey = \"ed25519:{key}\""), false),
            (format!("[[peer]]\nkey = \"{key}\""), false),
            (format!("[[peer]]\npass = \"ed25519:{key}\""), false),
            (format!("[[peer]]\nkey = \"ed25519:{key}\" # pass"), false),
            (format!("[[peer]]\nkey = \"ed25519:{key}{key}\""), false),
            (format!("[[peer]]\n[[job.x]]\nkey = \"ed25519:{key}\""), false),
        ] {
            assert_eq!(masked(&text) == text, shown, "{text}");
        }
    }

    #[test]
    fn values_are_known_for_messages() {
        let text = "pass = \"hunter2 planted\" # c\n";
        assert!(values(text, &ranges(text)).contains(&"hunter2 planted".to_owned()));
    }
}
