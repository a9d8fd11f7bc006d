//! The command in the line that replaces the old one.
//!
//! cron hands what stands before the first `%` to a shell and the rest to its input; `\%` is a `%`, and to Debian's cron
//! `\\` is a `\` as well (`child_process` in `do_command.c` of 3.0pl1-162; cronie's leaves `\\`). All that
//! happens before a shell sees anything, to old and new line alike. What is put in here begins with a quote and ends with
//! one: it takes no backslash from a character of the old line, nor gives one to it.

use super::line::BLANK;

/// Shells in which a text between single quotes is that text. To fish and csh it is not.
const SHELLS: [&str; 11] = ["sh", "ash", "bash", "dash", "ksh", "ksh93", "lksh", "mksh", "pdksh", "rbash", "zsh"];
const OTHER_SHELLS: [&str; 3] = ["csh", "fish", "tcsh"];
/// What a shell does itself, and the words that are its grammar: bash(1), dash(1), POSIX's Shell Command Language.
const OF_SHELLS: &str = " ! . : [ [[ alias bg bind break builtin caller case cd chdir command compgen complete compopt continue \
    coproc declare dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi for function getopts \
    hash help history if in jobs kill let local logout mapfile newgrp popd print printf pushd pwd read readarray readonly \
    return select set shift shopt source suspend test then time times trap true type typeset ulimit umask unalias unset until \
    wait whence while { } ";

/// The command, and what cron hands to its input, with the `%` in front.
pub(super) fn split_input(command: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in command.char_indices() {
        if c == '%' && !escaped {
            return command.split_at_checked(at).unwrap_or((command, ""));
        }
        escaped = c == '\\' && !escaped;
    }
    (command, "")
}

/// Whether it is a program and its arguments, with nothing in them that any shell would touch.
pub(super) fn is_simple(run: &str) -> bool {
    let plain = |word: &str| word.chars().all(is_plain) && !word.starts_with('=');
    let mut words = run.split(BLANK).filter(|w| !w.is_empty()).peekable();
    let program = words.peek().copied().unwrap_or_default();
    let own = program.is_empty() || program.contains('=') || OF_SHELLS.contains(&format!(" {program} "));
    !own && words.all(plain)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | ',' | '@' | '+' | '-' | '=')
}

/// Whether the shell understands what takes the command's place: a simple one, or one in the quotes of [`quoted`].
pub(super) fn understands(shell: &str, simple: bool) -> bool {
    let name = shell.rsplit('/').next().unwrap_or_default();
    shell.starts_with('/') && (SHELLS.contains(&name) || simple && OTHER_SHELLS.contains(&name))
}

/// `text` as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A path as one word in a crontab. None: cron would not let it through as it is.
pub(super) fn path(path: &str) -> Option<String> {
    if path.is_empty() || path.contains(|c: char| c.is_control() || c == '\\') {
        return None;
    }
    Some(if path.chars().all(is_plain) { path.to_owned() } else { quoted(path).replace('%', r"\%") })
}

/// The command, wrapped: `call` is `checker run NAME --`, `shell` the path of the shell as one word.
pub(super) fn wrapped(command: &str, call: &str, shell: &str) -> String {
    let (run, input) = split_input(command);
    if is_simple(run) {
        return format!("{call} {command}");
    }
    format!("{call} {shell} -c {}{input}", quoted(run))
}
