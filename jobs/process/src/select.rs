//! Which processes are meant.

use crate::proc::Stat;
use regex_lite::Regex;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The kernel keeps so many bytes of the name of a program (`TASK_COMM_LEN` less its end).
const NAME_KEPT: usize = 15;
/// Programs that run scripts; their names may end in a version, as in `python3.11`.
const INTERPRETERS: [&str; 12] =
    ["python", "perl", "ruby", "node", "nodejs", "php", "sh", "bash", "dash", "zsh", "lua", "tclsh"];

/// A program, as the settings name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Named(String),
    At(PathBuf),
}

impl Program {
    /// As somebody wrote it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Named(name) => name.clone(),
            Self::At(path) => path.display().to_string(),
        }
    }
}

/// What a process must be. What is not given fits all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Select {
    pub(crate) program: Option<Program>,
    pub(crate) contains: Option<String>,
    pub(crate) matches: Option<Regex>,
    /// As the settings name it: who that is is asked at each run.
    pub(crate) user: Option<String>,
}

/// What is read of a process only if it is needed.
pub(crate) struct Closer {
    pub(crate) words: Vec<String>,
    pub(crate) executable: Option<PathBuf>,
}

impl Select {
    /// What follows the word "process".
    pub(crate) fn words(&self) -> String {
        let mut words = String::new();
        let mut add = |args: std::fmt::Arguments<'_>| match words.write_fmt(args) {
            Ok(()) | Err(std::fmt::Error) => {}
        };
        match &self.program {
            Some(Program::Named(name)) => add(format_args!(" of {name}")),
            Some(Program::At(path)) => add(format_args!(" of {}", path.display())),
            None => {}
        }
        if let Some(text) = &self.contains {
            add(format_args!(" with {text:?} in its command line"));
        }
        if let Some(regex) = &self.matches {
            add(format_args!(" whose command line matches {:?}", regex.as_str()));
        }
        if let Some(user) = &self.user {
            add(format_args!(" by user {user}"));
        }
        words
    }

    /// Whether command line and program must be read, or a look at `stat` will do.
    pub(crate) fn wants_a_closer_look(&self) -> bool {
        self.program.is_some() || self.contains.is_some() || self.matches.is_some()
    }

    /// Whether a process is meant, but for its user.
    pub(crate) fn fits(&self, stat: &Stat, closer: &Closer) -> bool {
        let is_program = match &self.program {
            None => true,
            Some(Program::Named(name)) => is_named(name, stat, closer),
            Some(Program::At(path)) => is_at(path, stat, closer),
        };
        if !is_program {
            return false;
        }
        if self.contains.is_none() && self.matches.is_none() {
            return true;
        }
        let line = closer.words.join(" ");
        self.contains.as_ref().is_none_or(|text| line.contains(text.as_str()))
            && self.matches.as_ref().is_none_or(|regex| regex.is_match(&line))
    }
}

fn is_named(wanted: &str, stat: &Stat, closer: &Closer) -> bool {
    let Closer { words, executable } = closer;
    if stat.name == wanted {
        return true;
    }
    let is_file = |path: &Path| path.file_name().is_some_and(|file| file == wanted);
    let first = words.first().map(Path::new);
    if executable.as_deref().is_some_and(is_file) || first.is_some_and(is_file) {
        return true;
    }
    // Of a long name only its start is left, and nothing else: of a zombie, say.
    if words.is_empty() && executable.is_none() && stat.name == kept(wanted) {
        return true;
    }
    let runs_scripts = executable.as_deref().into_iter().chain(first).any(is_interpreter);
    runs_scripts && script(words).is_some_and(is_file)
}

fn is_at(path: &Path, stat: &Stat, closer: &Closer) -> bool {
    let first = closer.words.first().map(Path::new);
    let of_script = || first.is_some_and(is_interpreter) && script(&closer.words) == Some(path);
    // Only root sees the file of another user's program, and nginx, sshd and PostgreSQL write a title ("nginx: master
    // process") over the word that would say it. Their name is left, which proves no less than that word.
    let is_titled = || closer.executable.is_none() && first.is_some_and(|word| !word.has_root());
    let is_called_so = || path.file_name().and_then(OsStr::to_str).is_some_and(|name| stat.name == kept(name));
    closer.executable.as_deref() == Some(path) || first == Some(path) || of_script() || (is_titled() && is_called_so())
}

/// So much of a name the kernel keeps.
fn kept(name: &str) -> &str {
    name.get(..NAME_KEPT).unwrap_or(name)
}

/// The name of an interpreter, without its version.
fn interpreter(path: &Path) -> Option<&str> {
    let name = path.file_name().and_then(OsStr::to_str)?;
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    INTERPRETERS.contains(&bare).then_some(bare)
}

pub(crate) fn is_interpreter(path: &Path) -> bool {
    interpreter(path).is_some()
}

/// The first word that is no option. With `-m`, `-c` and `-e` there is no script; a shell also takes `-c` among other letters,
/// and a word after `-o`.
pub(crate) fn script(words: &[String]) -> Option<&Path> {
    let mut words = words.iter().map(String::as_str);
    let is_shell =
        words.next().and_then(|first| interpreter(Path::new(first))).is_some_and(|name| name.ends_with("sh"));
    while let Some(word) = words.next() {
        let letters = word.strip_prefix(['-', '+']).filter(|rest| is_shell && !rest.starts_with('-'));
        match (word, letters) {
            ("-m" | "-e", _) if !is_shell => return None,
            ("-c", _) => return None,
            (_, Some(letters)) if word.starts_with('-') && letters.contains('c') => return None,
            (_, Some(letters)) if letters.ends_with(['o', 'O']) => {
                words.next();
            }
            (_, Some(_)) => {}
            _ if word.starts_with('-') => {}
            _ => return Some(Path::new(word)),
        }
    }
    None
}
