//! What is as it was in a wrapped line, and means something else now.

use super::line::BLANK;
use super::words;

/// What a password may follow.
const SECRETS: [&str; 5] = ["passw", "secret", "token", "api_key", "apikey"];

/// What somebody should know of the command before its new line is used.
pub(super) fn at(run: &str, dash: bool) -> impl Iterator<Item = &'static str> {
    let run = run.replace(r"\%", "%");
    let all = [
        (
            words::output_goes_away(&run),
            "its output goes where the line sends it, so no end of it will be in the records; without that redirection cron \
             mails it",
        ),
        (
            tests_first(&run),
            "where its test fails it ends with another exit code than 0, which is a failure now: write `test ... || exit 0; ...`",
        ),
        (
            skips(&run),
            "where another holds its lock, flock ends with 1, which is a failure now: with -E 0 it is a success",
        ),
        (dash, "the dash before its time is cronie's: Debian's cron does not understand it"),
        (
            holds_secret(&run),
            "there may be a password in it, which the comment above its table quotes: take it out there",
        ),
    ];
    all.into_iter().filter_map(|(is_so, text)| is_so.then_some(text))
}

/// `[ -x /some/program ] && /some/program`
fn tests_first(run: &str) -> bool {
    let test = ["[ ", "[[ ", "test ", "command -v ", "which ", "type "].iter().any(|test| run.starts_with(test));
    let first = run.split("||").next().unwrap_or_default();
    // What a test of its own decides ends well where it says no.
    let own = first.split("&&").nth(1).is_some_and(|then| !then.trim_start().starts_with("if "));
    test && own
}

/// A lock that is not waited for.
fn skips(run: &str) -> bool {
    let words: Vec<&str> = run.split(BLANK).collect();
    let has = |names: &[&str]| words.iter().any(|word| names.contains(word));
    let codes = words.iter().any(|word| word.starts_with("-E") || word.starts_with("--conflict-exit-code"));
    has(&["flock", "/usr/bin/flock"]) && has(&["-n", "-xn", "-nx", "--nb", "--nonblock", "--nonblocking"]) && !codes
}

fn holds_secret(run: &str) -> bool {
    let lower = run.to_ascii_lowercase();
    let of_mysql =
        |word: &str| word.strip_prefix("-p").is_some_and(|rest| !rest.is_empty() && !rest.starts_with("ort"));
    let in_address =
        |word: &str| word.split_once("://").is_some_and(|(_, rest)| rest.contains('@') && rest.contains(':'));
    SECRETS.iter().any(|word| lower.contains(word))
        || lower.contains("mysql") && lower.split(BLANK).any(of_mysql)
        || lower.split(BLANK).any(in_address)
        || lower.contains("curl") && lower.contains(" -u ")
}
