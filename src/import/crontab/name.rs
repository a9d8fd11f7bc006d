//! What a script is called, from the command that runs it.

use super::program::{all, base};
use super::words::Word;
use std::collections::{BTreeMap, BTreeSet};

/// The longest name, in bytes.
const MAX: usize = 60;
/// What a command does before, or instead of, what it is there for.
const MINOR: [&str; 30] = [
    ".", ":", "[", "[[", "case", "declare", "echo", "exit", "export", "false", "for", "hash", "local", "pgrep",
    "pidof", "printf", "read", "set", "shopt", "sleep", "source", "test", "trap", "true", "type", "ulimit", "umask",
    "unset", "wait", "which",
];
/// Programs that read a script, and their options that take a word.
const READERS: [(&str, &str); 17] = [
    ("ash", "o"),
    ("bash", "o"),
    ("dash", "o"),
    ("expect", ""),
    ("java", ""),
    ("ksh", "o"),
    ("lua", "l"),
    ("node", "r"),
    ("nodejs", "r"),
    ("perl", ""),
    ("php", "cdz"),
    ("python", "WX"),
    ("ruby", "Ir"),
    ("Rscript", ""),
    ("sh", "o"),
    ("tclsh", ""),
    ("zsh", "o"),
];
/// Ends of file names that say nothing of the script.
const ENDS: [&str; 15] =
    ["bash", "exe", "jar", "js", "ksh", "lua", "mjs", "phar", "php", "pl", "py", "rb", "sh", "tcl", "zsh"];
/// Many things have a file that is called like this.
const COMMON: [&str; 27] = [
    "app", "artisan", "cli", "console", "cron", "crontab", "daily", "do", "exec", "hourly", "index", "init", "job",
    "jobs", "main", "manage", "monthly", "nightly", "queue", "run", "script", "start", "task", "tasks", "update",
    "weekly", "worker",
];
/// And folders that say nothing.
const FOLDERS: [&str; 22] = [
    ".",
    "..",
    "bin",
    "sbin",
    "cron",
    "current",
    "etc",
    "htdocs",
    "html",
    "lib",
    "libexec",
    "local",
    "maintenance",
    "public",
    "script",
    "scripts",
    "share",
    "src",
    "tools",
    "usr",
    "web",
    "www",
];
/// Programs whose first two words after their name say what they do.
const TWO_WORDS: [&str; 11] =
    ["aws", "btrfs", "docker", "git", "kubectl", "npm", "podman", "service", "supervisorctl", "systemctl", "zpool"];
/// Programs whose first word says nothing.
const NO_WORD: [&str; 12] =
    ["awk", "chmod", "chown", "echo", "grep", "logger", "mail", "mailx", "printf", "sed", "sendmail", "tar"];

/// A name for what the command runs: letters, digits, `.`, `_` and `-`.
pub(super) fn proposed(run: &str) -> String {
    let programs = all(&run.replace(r"\%", "%"));
    let (mut folder, mut spare) = (None, None);
    for words in &programs {
        let Some((program, args)) = words.split_first() else { continue };
        match base(&program.text) {
            "cd" | "pushd" => folder = args.first().map(|w| w.text.as_str()),
            minor if is_minor(minor, args) => spare = spare.or(Some((program, args))),
            _ => return tidy(&label(program, args, folder)),
        }
    }
    tidy(&spare.map(|(program, args)| label(program, args, folder)).unwrap_or_default())
}

/// Whether it only prepares what comes, as `test` does, or `perl -e` with a text that sleeps.
fn is_minor(name: &str, args: &[Word]) -> bool {
    MINOR.contains(&name) || reader(name).is_some() && !args.is_empty() && script(name, args).is_none()
}

fn label(program: &Word, args: &[Word], folder: Option<&str>) -> String {
    let name = base(&program.text);
    match name {
        "run-parts" => {
            let of_folder = args.iter().rfind(|w| !w.text.starts_with('-')).map(|w| base(&w.text));
            return of_folder.unwrap_or(name).to_owned();
        }
        "curl" | "wget" => {
            let host = args.iter().find_map(|w| host_of(&w.text));
            return host.map_or_else(|| name.to_owned(), |host| format!("{name}-{host}"));
        }
        _ => {}
    }
    match script(name, args) {
        Some((script, args)) => with_words(of_path(&script.text, folder), base(&script.text), args),
        None => with_words(of_path(&program.text, folder), name, args),
    }
}

/// If it is a program that reads a script: its options that take a word.
fn reader(name: &str) -> Option<&'static str> {
    let bare = name.trim_end_matches(|c: char| c == '.' || c.is_ascii_digit());
    READERS.iter().find(|(name, _)| *name == bare).map(|(_, values)| *values)
}

/// The host of an address, without user and password.
fn host_of(address: &str) -> Option<&str> {
    let authority = address.split_once("://")?.1.split(['/', '?', '#']).next()?;
    authority.rsplit('@').next()?.split(':').next()
}

/// The script that a program reads, and what stands behind it.
fn script<'a>(name: &str, args: &'a [Word]) -> Option<(&'a Word, &'a [Word])> {
    let values = reader(name)?;
    let mut args = args;
    while let [first, rest @ ..] = args {
        match first.text.as_str() {
            "-m" | "-jar" | "-f" | "--" => return rest.split_first(),
            text if text.starts_with('-') => {
                let value = text.len() == 2 && values.contains(text.trim_start_matches('-'));
                // What follows is a program's text.
                if !value && matches!(text, "-c" | "-e" | "-E" | "-r") {
                    return None;
                }
                args = if value { rest.get(1..)? } else { rest };
            }
            _ => return Some((first, rest)),
        }
    }
    None
}

/// The file's name; with that of its folder if many a file is called like this.
fn of_path(path: &str, folder: Option<&str>) -> String {
    let stem = stem(base(path));
    if !COMMON.contains(&stem) {
        return stem.to_owned();
    }
    let telling = |part: &&str| !part.is_empty() && !FOLDERS.contains(part) && !part.contains('$');
    let mut of_file = path.trim_end_matches('/').rsplit('/').skip(1);
    let parent = of_file.find(telling).or_else(|| folder?.rsplit('/').find(telling));
    parent.map_or_else(|| stem.to_owned(), |parent| format!("{parent}-{stem}"))
}

fn stem(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && ENDS.contains(&end) => stem,
        _ => file,
    }
}

/// With the words behind it that say what it does, as in `certbot renew`.
fn with_words(mut label: String, program: &str, args: &[Word]) -> String {
    let count = match program {
        p if NO_WORD.contains(&p) => 0,
        p if TWO_WORDS.contains(&p) => 2,
        _ => 1,
    };
    for word in args.iter().take(count).take_while(|w| says_what(w)) {
        label.push('-');
        label.push_str(&word.text);
    }
    label
}

fn says_what(word: &Word) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '_' | '-');
    let begins = word.text.starts_with(|c: char| c.is_ascii_lowercase());
    begins && word.text.len() <= 30 && !word.open && word.text.chars().all(letter)
}

/// Only what is safe everywhere, and beginning with a letter or a digit.
fn tidy(label: &str) -> String {
    let mut name = String::new();
    for c in label.chars() {
        let c = if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
        if !(c == '-' && name.ends_with('-')) {
            name.push(c);
        }
    }
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let name: String = name.chars().take(MAX).collect();
    let name = name.trim_end_matches(['-', '.']);
    if name.is_empty() { "job".to_owned() } else { name.to_owned() }
}

/// The names that are taken.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
    /// The last number behind a name.
    numbers: BTreeMap<String, u32>,
}

impl Names {
    pub(super) fn take(&mut self, name: &str) {
        self.taken.insert(name.to_owned());
    }

    /// `name`, or with the first free number behind it.
    pub(super) fn unique(&mut self, name: &str) -> String {
        if self.taken.insert(name.to_owned()) {
            return name.to_owned();
        }
        let number = self.numbers.entry(name.to_owned()).or_insert(1);
        loop {
            *number = number.saturating_add(1);
            let end = format!("-{number}");
            let short: String = name.chars().take(MAX.saturating_sub(end.len())).collect();
            let numbered = short + &end;
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}
