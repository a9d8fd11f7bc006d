//! Which programs a command runs, behind `nice`, `flock`, `sudo` and their like, and inside `sh -c`.

use super::words::{self, Word};

/// No command is a shell in a shell in a shell any deeper.
const DEPTH: u8 = 3;

/// A program that runs another.
struct Before {
    name: &'static str,
    /// Its options that take a word.
    values: &'static str,
    /// How many words stand between its options and the other program.
    places: usize,
}

const fn before(name: &'static str, values: &'static str, places: usize) -> Before {
    Before { name, values, places }
}

const BEFORE: [Before; 24] = [
    before("chronic", "", 0),
    before("chrt", "TPD", 1),
    before("command", "", 0),
    before("cronic", "", 0),
    before("doas", "uC", 0),
    before("env", "uCS", 0),
    before("exec", "a", 0),
    before("flock", "wE", 1),
    before("ionice", "cnpPu", 0),
    before("lckdo", "W", 1),
    before("nice", "n", 0),
    before("nocache", "n", 0),
    before("nohup", "", 0),
    before("run-one", "", 0),
    before("runuser", "ugGswc", 0),
    before("setlock", "", 1),
    before("setsid", "", 0),
    before("stdbuf", "ioe", 0),
    before("su", "sgGwc", 1),
    before("sudo", "CDghpRrTtUu", 0),
    before("systemd-cat", "tp", 0),
    before("taskset", "", 1),
    before("time", "fo", 0),
    before("timeout", "ks", 1),
];
const SHELLS: [&str; 7] = ["ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"];

/// What follows when the programs before are taken away.
enum Rest<'a> {
    Program(&'a [Word]),
    /// The text of a command.
    Text(&'a str),
}

/// The programs that a command runs, each with its arguments, from left to right.
pub(super) fn all(command: &str) -> Vec<Vec<Word>> {
    let mut found = Vec::new();
    collect(command, DEPTH, &mut found);
    found
}

fn collect(command: &str, depth: u8, found: &mut Vec<Vec<Word>>) {
    for words in words::commands(command) {
        match rest(&words) {
            Some(Rest::Text(text)) if depth > 0 => collect(text, depth.saturating_sub(1), found),
            Some(Rest::Program(words)) => found.push(words.to_vec()),
            _ => {}
        }
    }
}

/// The last part of a path.
pub(super) fn base(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The words behind the options. `values` are the letters of those that take a word.
pub(super) fn behind_options<'a>(mut words: &'a [Word], values: &str) -> &'a [Word] {
    while let [first, rest @ ..] = words {
        let text = first.text.as_str();
        if text == "--" {
            return rest;
        }
        let Some(letters) = text.strip_prefix('-') else { return words };
        let takes = letters.chars().count() == 1 && values.contains(letters);
        words = if takes { rest.get(1..).unwrap_or_default() } else { rest };
    }
    words
}

fn rest(mut words: &[Word]) -> Option<Rest<'_>> {
    loop {
        let (first, behind) = words.split_first()?;
        if is_assignment(first) {
            words = behind;
            continue;
        }
        let name = base(&first.text);
        if let Some(text) = text_of(name, behind) {
            return Some(Rest::Text(text));
        }
        let inner = BEFORE.iter().find(|b| b.name == name).and_then(|b| {
            let behind = behind_options(behind, b.values);
            behind.get(b.places..).filter(|inner| !inner.is_empty())
        });
        match inner {
            Some(inner) => words = inner,
            None => return Some(Rest::Program(words)),
        }
    }
}

/// The command that a program is given as text.
fn text_of<'a>(name: &str, args: &'a [Word]) -> Option<&'a str> {
    let behind = |at: usize| args.get(at.saturating_add(1)).map(|w| w.text.as_str());
    let is_c = |w: &Word| matches!(w.text.as_str(), "-c" | "--command");
    match name {
        "su" | "runuser" => behind(args.iter().position(is_c)?),
        "flock" => match behind_options(args, "wE") {
            [_, c, text, ..] if is_c(c) => Some(&text.text),
            _ => None,
        },
        _ if SHELLS.contains(&name) => {
            let options = args.iter().take_while(|w| w.text.starts_with(['-', '+']));
            let letters = |w: &Word| w.text.starts_with('-') && !w.text.starts_with("--") && w.text.contains('c');
            let mut options = options.enumerate().filter(|(_, w)| letters(w));
            behind(options.next()?.0)
        }
        _ => None,
    }
}

fn is_assignment(word: &Word) -> bool {
    let name = word.text.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}
