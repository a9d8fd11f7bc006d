//! How somebody logs in at a mail server: by a password, or by an access token that a program prints (OAuth 2, which Gmail
//! and Microsoft 365 demand).
//!
//! A token lives for an hour or so, and how to get one differs from provider to provider. So a program of the user's choice
//! prints it, and is asked at each login. The token is used for that login and then forgotten: it is in no file, no log line
//! and no error.

#[cfg(test)]
mod tests;

use crate::child::{Exit, Program, Report};
use crate::mailbox::Password;
use crate::quoted::quoted;
use crate::shown;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker_job::duration_words;
use serde_json::{Map, Value};
use std::ffi::OsStr;
use std::time::Duration;

/// The longest time that a program may take to print a token.
pub const TOKEN_TIME: Duration = Duration::from_secs(10);
/// Known tokens have up to 4 KiB, and servers take no lines of more than 12 KiB (RFC 4954, 4).
const TOKEN_MAX: usize = 8 * 1024;
/// What is kept of the program's words: a token, and a complaint.
const OUTPUT_KEPT: usize = 16 * 1024;
/// What a server says of a token that it refuses is passed on up to this many letters.
const REFUSAL_MAX: usize = 200;
/// No word of a complaint is as long as this; tokens are longer.
const WORD_MAX: usize = 40;
/// By this name the program's processes are known.
const RUN: &str = "token_command";

/// By what a login is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginBy {
    /// A password.
    Password(Password),
    /// An access token that this program prints.
    Token(TokenCommand),
}

impl From<Password> for LoginBy {
    fn from(pass: Password) -> Self {
        Self::Password(pass)
    }
}

/// A program whose first line on stdout is an access token. To make one runs nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCommand {
    argv: Vec<String>,
    /// How sentences name the key.
    key: String,
}

impl TokenCommand {
    /// `argv` is the program and its arguments, without a shell; `table` is where the settings name it, for errors: as
    /// `[email.smtp]`.
    pub fn new(argv: Vec<String>, table: &str) -> Self {
        Self::of_key(argv, format!("token_command under {table}"))
    }

    /// The same where the key has another name; `key` says which, and where it stands.
    pub fn of_key(argv: Vec<String>, key: String) -> Self {
        Self { argv, key }
    }

    /// Runs the program and reads the token, within `limit` and [`TOKEN_TIME`]. Blocks, and must not be called from async
    /// code.
    ///
    /// # Errors
    /// A sentence that names the key, what the program did, and what to do. The program's arguments are not in it.
    pub fn fetch(&self, limit: Duration) -> Result<Password, String> {
        let limit = limit.min(TOKEN_TIME);
        let key = &self.key;
        let cannot = |why: &dyn std::fmt::Display| format!("{key} could not be run: {why}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| cannot(&e))?;
        let program = Program { output_kept: OUTPUT_KEPT, ..Program::new(self.argv.iter().cloned()) };
        let ended = runtime.block_on(program.run(RUN, limit));
        // A disk that hangs holds the thread that starts a program; nobody waits for it.
        runtime.shutdown_background();
        let report = ended.map_err(|e| cannot(&e))?;
        let name = shown::name(OsStr::new(self.argv.first().map_or("", String::as_str)));
        token_of(&report, limit).map_err(|why| format!("{key} ({name}) {why}"))
    }
}

/// The token that a program has printed, or what it did instead.
fn token_of(report: &Report, limit: Duration) -> Result<Password, String> {
    let first = report.stdout.text.lines().next().unwrap_or_default().trim_end();
    let by_hand = "run it by hand as the user that runs Checker";
    let said = says(&report.stderr.text, first);
    match report.exit {
        Exit::Exited(0) => {}
        Exit::Exited(code) => return Err(format!("failed with exit {code}{said}; {by_hand}")),
        Exit::Signalled(signal) => return Err(format!("was ended by signal {signal}{said}; {by_hand}")),
        Exit::TimedOut => {
            let time = duration_words(limit);
            return Err(format!("did not end within {time} and was killed{said}; {by_hand}: it must ask nothing"));
        }
        Exit::Flooded => return Err(format!("printed without end and was killed; {by_hand}")),
    }
    if first.is_empty() {
        return Err(format!("printed no token on its first line{said}; {by_hand}"));
    }
    match flaw(first) {
        None => Ok(Password::new(first)),
        Some(what) => Err(format!(
            "printed what is no access token: its first line {what}; it must print the token alone, on the first line"
        )),
    }
}

/// The first line of its complaints. Some programs repeat there what they print, or would have printed: a long word that is
/// no path may be a token.
fn says(stderr: &str, token: &str) -> String {
    let line = stderr.lines().map(str::trim).find(|line| !line.is_empty());
    let Some(line) = line else { return " and says nothing on stderr".to_owned() };
    let line = if token.is_empty() { line.to_owned() } else { line.replace(token, "(hidden)") };
    let is_plain = |word: &str| word.len() < WORD_MAX || word.starts_with('/') || word.contains("://");
    let words = line.split(' ').map(|word| if is_plain(word) { word } else { "(hidden)" });
    format!(" and says {}", quoted(words.collect::<Vec<_>>().join(" ").as_bytes()))
}

/// Why a line is no token. RFC 6750 allows fewer signs; what is in use is not always so strict.
fn flaw(line: &str) -> Option<&'static str> {
    if line.len() > TOKEN_MAX {
        return Some("is longer than 8 KiB");
    }
    line.chars().find_map(|c| match c {
        '{' | '}' | '"' | '<' | '>' => Some("is JSON or HTML"),
        ' ' => Some("holds a space"),
        c if c.is_control() => Some("holds a control character"),
        c if !c.is_ascii() => Some("holds a letter that is not ASCII"),
        _ => None,
    })
}

/// What a client says to log in by a token, before base64 (XOAUTH2).
pub fn xoauth2(user: &str, token: &Password) -> String {
    format!("user={user}\x01auth=Bearer {}\x01\x01", token.reveal())
}

/// What a server says of a token that it refuses: JSON with a status, or whatever stands there. `None`: nothing. `scrub` takes
/// the token out of it, before anything is cut off: a part of the token would not be found any more.
pub fn refusal(challenge: &[u8], scrub: impl Fn(&str) -> String) -> Option<String> {
    let known = |map: &Map<String, Value>| {
        let words =
            ["status", "error", "error_description", "schemes", "scope"].into_iter().filter_map(|key| {
                match map.get(key)? {
                    Value::String(text) => Some(format!("{key} {text}")),
                    Value::Number(number) => Some(format!("{key} {number}")),
                    _ => None,
                }
            });
        words.collect::<Vec<_>>().join(", ")
    };
    let parsed = serde_json::from_slice::<Map<String, Value>>(challenge).map(|map| known(&map)).unwrap_or_default();
    let words = if parsed.is_empty() { String::from_utf8_lossy(challenge).into_owned() } else { parsed };
    let plain = |c: char| {
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') { ' ' } else { c }
    };
    let words: String = words.trim().chars().map(plain).collect();
    let words: String = scrub(&words).chars().take(REFUSAL_MAX).collect();
    (!words.trim().is_empty()).then_some(words)
}

/// [`refusal`] of a challenge as it stands on the wire.
pub fn refusal_in_base64(challenge: &str, scrub: impl Fn(&str) -> String) -> Option<String> {
    let challenge = challenge.trim();
    refusal(&STANDARD.decode(challenge).unwrap_or_else(|_| challenge.as_bytes().to_vec()), scrub)
}

/// The base64 form of `text`, as it goes over the wire.
pub(crate) fn in_base64(text: &str) -> String {
    STANDARD.encode(text)
}
