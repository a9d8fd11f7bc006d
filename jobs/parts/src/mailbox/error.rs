//! Why a mailbox could not be looked at, in words for a tired human.

use crate::net::{self, ResolveError, Trouble};
use crate::probe::{Problem, unresolved};
use crate::tls::Fault;
use checker_job::{Blame, Outcome};
use std::fmt;
use std::net::SocketAddr;

/// The words of a server are cut to this many letters.
const WORDS_MAX: usize = 200;

/// Why a mailbox could not be looked at. `Display` is one line that says where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookError {
    /// The mailbox: "mail server imap.example.com:993", or "maildir /home/me/Maildir".
    pub at: String,
    /// What is wrong with it.
    pub why: Why,
}

/// What is wrong with a mailbox. `step` says what we waited for, as in "its greeting".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The server's name has no address for us.
    Name(ResolveError),
    /// No connection to the last address that was tried.
    Connect(Trouble, SocketAddr),
    /// TLS failed.
    Tls(Fault),
    /// A password would go unprotected to another host.
    Unprotected,
    /// The server said goodbye where it should have greeted. Holds its words.
    TurnedAway(String),
    /// What greets us speaks no IMAP. Holds how it began.
    NotImap(String),
    /// User or password are not accepted. Holds the user and the server's words.
    LoginRefused(String, String),
    /// The access token is not accepted. Holds the user and the server's words.
    TokenRefused(String, String),
    /// There is no access token. Holds the sentence that says why.
    NoToken(String),
    /// The server takes no access tokens. Holds which other ways it names, as part of a sentence.
    NoTokensTaken(String),
    /// The server cannot log anybody in now; the password is not at fault. Holds its words.
    LoginUnavailable(String),
    /// The folder, mostly the inbox, cannot be opened or searched. Holds its name and the server's words.
    Folder(String, String),
    /// There is no such folder. Holds its name, and those that there are.
    NoFolder(String, String),
    /// TLS could not be begun by STARTTLS. Holds what the server did, as the end of a sentence.
    Starttls(String),
    /// The server refused a command that every server must know. Holds the step and its words.
    Refused(String, String),
    /// The server said goodbye in the middle. Holds the step and its words.
    Bye(String, String),
    /// The connection was closed in the middle, or broke. Holds the step.
    Lost(String),
    /// What the server says makes no sense. Holds the step and what is odd.
    Garbage(String, String),
    /// The server says more than anyone needs. Holds the step and the limit.
    TooMuch(String, String),
    /// The time is over, and the server has said nothing since our last word. Holds the step.
    Silent(String),
    /// The time is over, and the server was still talking. Holds the step.
    Slow(String),
    /// The maildir cannot be read. Holds what the system says, and what to do.
    Unreadable(String),
}

impl LookError {
    pub(super) fn new(at: &str, why: Why) -> Self {
        Self { at: at.to_owned(), why }
    }

    /// Whose fault it may be, if not the mailbox's: evidence for the witness, as with any job.
    pub fn blame(&self) -> Option<Blame> {
        match &self.why {
            Why::Name(error) => error.blame(),
            Why::Connect(trouble, to) => trouble.blame(*to),
            _ => None,
        }
    }

    /// The outcome of a job that could not look at its mailbox on the server `host`: only the server's own faults are its
    /// failures.
    pub fn outcome(&self, host: &str) -> Outcome {
        let sentence = self.to_string();
        let outcome = match &self.why {
            Why::Name(why) => return unresolved(host, why.clone()),
            Why::Tls(fault) => match fault.cause {
                Some(cause) => Outcome::unknown(sentence, cause),
                None => Outcome::failed(sentence),
            },
            Why::Connect(trouble, _) => match Problem::ours(trouble) {
                Some(Problem::Ours(cause, _)) => Outcome::unknown(sentence, cause),
                Some(_) => Outcome::unknown(sentence, net::NO_ROUTE),
                None => Outcome::failed(sentence),
            },
            _ => Outcome::failed(sentence),
        };
        Outcome { blame: self.blame(), ..outcome }
    }
}

impl fmt::Display for LookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.why)
    }
}

impl std::error::Error for LookError {}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(ResolveError::NoSuchName) => f.write_str("no such name; correct the key host"),
            Self::Name(ResolveError::NoResolver(said)) => {
                write!(f, "its name cannot be resolved: the resolver of this host does not answer ({said})")
            }
            Self::Name(ResolveError::Ours(said)) => write!(f, "its name cannot be resolved: {said}"),
            Self::Connect(trouble, to) => connect(f, trouble, *to),
            Self::Tls(fault) => write!(f, "{}", fault.sentence),
            Self::Unprotected => f.write_str(
                "not asked: the password would go there unprotected; use TLS (port 993), plain is for this host only",
            ),
            Self::TurnedAway(words) => {
                write!(f, "turned us away before the login (overloaded, or we are locked out): {words}")
            }
            Self::NotImap(words) => write!(f, "does not speak IMAP; is the port right? It begins with: {words}"),
            Self::LoginRefused(user, words) => {
                write!(f, "login as \"{user}\" refused; correct user or password in the settings. It says: {words}")
            }
            Self::TokenRefused(user, words) => write!(
                f,
                "the access token for \"{user}\" is refused; see that token_command prints a fresh one for this user, with the \
                 right to read mail by IMAP. It says: {words}"
            ),
            Self::NoToken(why) => write!(f, "no login: {why}"),
            Self::NoTokensTaken(ways) => write!(
                f,
                "takes no access tokens (XOAUTH2) at this port, {ways}; use pass_file in place of token_command"
            ),
            Self::LoginUnavailable(words) => {
                write!(f, "cannot log anybody in now, the password is not at fault: {words}")
            }
            Self::Folder(name, words) if name.eq_ignore_ascii_case("INBOX") => {
                write!(f, "the inbox cannot be opened or searched: {words}")
            }
            Self::Folder(name, words) => write!(f, "the folder \"{name}\" cannot be opened: {words}"),
            Self::NoFolder(name, there) => write!(f, "there is no folder \"{name}\", but {there}"),
            Self::Refused(step, words) => write!(f, "refused while we waited for {step}: {words}"),
            Self::Bye(step, words) => write!(f, "ended the session while we waited for {step}: {words}"),
            Self::Lost(step) => write!(f, "closed the connection while we waited for {step}"),
            Self::Garbage(step, what) => write!(f, "sent what is no IMAP while we waited for {step}: {what}"),
            Self::TooMuch(step, limit) => write!(f, "sent too much while we waited for {step}: {limit}"),
            Self::Silent(step) => write!(f, "did not answer in time: silent while we waited for {step}"),
            Self::Slow(step) => write!(f, "too slow: the time was over while we waited for {step}"),
            Self::Starttls(what) | Self::Unreadable(what) => f.write_str(what),
        }
    }
}

fn connect(f: &mut fmt::Formatter<'_>, trouble: &Trouble, to: SocketAddr) -> fmt::Result {
    let ip = to.ip();
    match trouble {
        Trouble::Refused => write!(f, "connection refused by {ip}: nothing listens at that port"),
        Trouble::Reset => write!(f, "connection to {ip} cut off by the other side"),
        Trouble::TimedOut => write!(f, "no connection: {ip} is silent (down, or a firewall drops what we send)"),
        Trouble::Unreachable => write!(f, "no connection: {ip} cannot be reached"),
        Trouble::NoRoute => write!(f, "no connection to {ip}: {}", net::NO_ROUTE),
        Trouble::Forbidden => write!(f, "no connection to {ip}: {}", net::FORBIDDEN),
        Trouble::Ours(what) | Trouble::Other(what) => write!(f, "no connection to {ip}: {what}"),
    }
}

/// The words of a server as one short line of plain text.
pub(super) fn clean_words(words: &[u8]) -> String {
    let text = String::from_utf8_lossy(words);
    let plain: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') { ' ' } else { c })
        .take(WORDS_MAX)
        .collect();
    if plain.trim().is_empty() { "(no words)".to_owned() } else { plain }
}
