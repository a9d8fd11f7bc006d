//! Looks for our own mail in a mailbox, and takes it away again: by IMAP, or in a maildir of this host. [`survey`] tells what
//! a folder holds.
//!
//! What is looked for is a [`Token`]: long random text that one message carries in the header field
//! [`HEADER`] (and whose `Message-ID` may be known). A [`Sighting`] says where it was found, and whether somebody received
//! it: our own copy of a sent message has no `Received` field. [`arrival`] draws the conclusion.
//!
//! * Looking changes nothing: folders are opened with EXAMINE and headers read with BODY.PEEK, so nothing becomes seen.
//! * Folders are known by their attributes (RFC 6154), whatever they are called. Where a server gives none, a list of
//!   well-known names serves, and the sighting says so ([`Sighting::by_name`]).
//! * Only the newest 2,000 messages of a folder are searched, so a large mailbox costs little.
//! * [`clean`] marks and expunges exactly the messages whose header was read and holds the token (RFC 4315). A message that
//!   somebody else has marked as deleted stays. Without UIDPLUS nothing is removed, and the answer says so.
//!
//! * A [`Visit`] is a session that stays open, for who sends in between what is looked for: it finds messages of round trips and
//!   notes, puts notes there, and removes both in the same careful way.
//!
//! All calls block the thread, and each ends by its deadline. To resolve a name needs a thread of its own, because the
//! system cannot be told to hurry: that one thread may live for as long as the resolver is silent.
//!
//! # What the imap crate does with a hostile server, and what is done about it
//!
//! The crate (3.0.0-alpha.15, with imap-proto 0.16) has no limits. Read in its code, and tried in this module's tests:
//!
//! * A literal announced as 2 GB is not allocated at once, but all that comes is gathered in memory, with a fresh try to
//!   parse the whole after each line. So `guard` stands between the crate and the stream: it counts, refuses long lines
//!   and large literals before their first byte, and asks for the time at each line.
//! * It panics over an untagged NO or BYE while a folder is opened, and over `INTERNALDATE NIL`. Deeply nested lists end the
//!   process, because the parser calls itself and the stack overflows. `guard` lets through only what we have asked
//!   for, at most four levels deep. What panics all the same ends the session as an error, not the caller.
//! * It takes anything it cannot parse for a BYE, and one letter that is not ASCII in the server's words is enough. Names of
//!   folders in quotes keep their backslashes. `mend` repairs both before the crate sees them.
//!
//! [`look_over`] and [`clean_over`] run the same session over any stream, for tests and fuzzers.

mod connect;
mod error;
mod folders;
mod guard;
mod header;
pub mod maildir;
mod mend;
mod seen;
mod session;
mod until;
mod visit;

pub use error::{LookError, Why};
pub use folders::Place;
pub use seen::{Seen, greet_over, see, starttls_over};
pub use visit::{Marked, Sought, Spot, Spots, Visit, visit, visit_over};

use crate::login::LoginBy;
use crate::tls::Trust;
use jiff::Timestamp;
use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Instant;
use until::Until;

/// The header field that holds the token.
pub const HEADER: &str = "X-Checker-Canary";
/// The header field of each delivery: its number, a UUID with hyphens.
pub const DELIVERY: &str = "X-Checker-Delivery";
/// The header field that proves who sent a message with a token.
pub const PROOF: &str = "X-Checker-Proof";

/// The header field of a message of a round trip, which is sent here and looked for there.
pub const TRIP: &str = "X-Checker-Mail";
/// The header field of a note about such messages, which is put into the mailbox itself.
pub const NOTE: &str = "X-Checker-Mail-Note";

/// The port of IMAP with TLS from the first byte (RFC 8314).
pub const IMAPS: u16 = 993;

/// How the way to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS begun by the command STARTTLS, before anything is said that matters.
    Starttls,
    /// Nothing. Only for a server on this host: a password is sent, so any other address is refused.
    Plain,
}

/// A password, or an access token in its place. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    text: String,
    /// Another form in which it goes over the wire.
    wire: Option<String>,
}

impl Password {
    /// Takes `text` as a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), wire: None }
    }

    /// The text itself, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The same, which goes over the wire as `wire`.
    fn sent_as(self, wire: String) -> Self {
        Self { wire: Some(wire), ..self }
    }

    /// The words of a server without the password, which some repeat, and without signs that a terminal would obey.
    fn scrub(&self, words: &str) -> String {
        let quoted = self.text.replace('\\', "\\\\").replace('"', "\\\"");
        // As `mend` leaves it of what is not ASCII.
        let plain = |secret: &str| secret.bytes().map(|b| if b.is_ascii() { char::from(b) } else { '?' }).collect();
        let mut words = words.to_owned();
        for secret in
            self.wire.clone().into_iter().chain([plain(&quoted), plain(&self.text), quoted, self.text.clone()])
        {
            if !secret.is_empty() {
                words = words.replace(&secret, "(hidden)");
            }
        }
        error::clean_words(words.as_bytes())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// One mailbox on a server.
#[derive(Clone, Debug)]
pub struct ImapAccount {
    /// Name or address of the server, without port.
    pub host: String,
    /// Its port, mostly [`IMAPS`].
    pub port: u16,
    /// How the way is protected.
    pub security: Security,
    /// The user, as the server wants it: an address at most providers.
    pub user: String,
    /// Its password, or what prints a token.
    pub by: LoginBy,
    /// Whose certificates are trusted. Made once and shared: it reads the system's certificates when they are needed.
    pub trust: Arc<Trust>,
}

/// What is looked for: random text, and the `Message-ID` of the message that carries it where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    text: String,
    message_id: Option<String>,
    delivery: Option<String>,
}

impl Token {
    /// `text` must be 16 to 64 ASCII letters and digits; 26 hold 128 bits. `message_id` may have its angle brackets.
    ///
    /// # Errors
    /// A sentence, for anything that could not stand in a search command as it is.
    pub fn new(text: &str, message_id: Option<&str>) -> Result<Self, String> {
        if !(16..=64).contains(&text.len()) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(format!("\"{}\" is no token: it has 16 to 64 letters and digits", text.escape_debug()));
        }
        let message_id = message_id.map(header::bare_id);
        let sound = |id: &&str| {
            (1..=250).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
        };
        if let Some(id) = message_id.filter(|id| !sound(id)) {
            return Err(format!("\"{}\" is no Message-ID", id.escape_debug()));
        }
        Ok(Self { text: text.to_owned(), message_id: message_id.map(str::to_owned), delivery: None })
    }

    /// The delivery of another node with this number, a UUID with hyphens: its field [`DELIVERY`] says so.
    ///
    /// # Errors
    /// A sentence, for anything else.
    pub fn of_delivery(id: &str) -> Result<Self, String> {
        let text: String = id.chars().filter(|c| *c != '-').collect();
        if id.len() != 36 || text.len() != 32 {
            return Err(format!("\"{}\" is no number of a delivery", id.escape_debug()));
        }
        Ok(Self { delivery: Some(id.to_owned()), ..Self::new(&text, None)? })
    }

    /// The random text.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// One message that carries a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The random text of the token.
    pub token: String,
    /// The folder, as people read its name.
    pub folder: String,
    /// What the folder is for.
    pub place: Place,
    /// The server says nothing of what the folder is for; its name does.
    pub by_name: bool,
    /// Has at least one `Received` field, so a mail server took it in. Our own copy of a sent message has none.
    pub received: bool,
    /// When the mailbox took it in, by the clock of its server.
    pub internal_date: Option<Timestamp>,
    /// The first field [`PROOF`], as it stands there. Anybody may have written it.
    pub proof: Option<String>,
}

/// What a look has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// All messages that carry a token. Not all folders are looked at when each token has surely arrived before.
    pub sightings: Vec<Sighting>,
    /// Folders that could not be looked at, and why. The inbox is never among them: that is an error.
    pub skipped: Vec<Skipped>,
}

/// A folder that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The folder, as people read its name.
    pub folder: String,
    /// Why, in one line.
    pub why: String,
}

/// What a folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survey {
    /// How many messages.
    pub messages: u32,
    /// When the mailbox took in the newest of them, by the clock of its server. `None`: there is none, or none has a date.
    pub newest: Option<Timestamp>,
}

/// What a clean-up has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Messages that are gone.
    pub removed: usize,
    /// Messages of ours that are still there.
    pub left: usize,
    /// Folders in which something could not be done, and why.
    pub skipped: Vec<Skipped>,
}

/// What the sightings of one token say about its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It was received, in this folder.
    Arrived(String),
    /// It was received, and taken for spam or thrown away: nobody will read it. Holds the folder.
    Astray(String, Place),
    /// All that is there is our own copy, which proves nothing.
    OwnCopy,
    /// It is nowhere.
    Missing,
}

/// Whether the token `token` has arrived. Pure.
///
/// What lies among sent messages and drafts proves nothing, and neither does a message without `Received` field. A folder of
/// all messages (Gmail) shows sent ones too, and those have been received by the provider's own server: it proves an
/// arrival only if nothing lies among the sent ones.
pub fn arrival(token: &str, sightings: &[Sighting]) -> Arrival {
    let of = |wanted: &dyn Fn(&Sighting) -> bool| sightings.iter().find(|s| s.token == token && wanted(s));
    let sent = of(&|s| matches!(s.place, Place::Sent | Place::Drafts)).is_some();
    if let Some(seen) = of(&|s| s.received && matches!(s.place, Place::Inbox | Place::Other)) {
        return Arrival::Arrived(seen.folder.clone());
    }
    if let Some(seen) = of(&|s| s.received && matches!(s.place, Place::Junk | Place::Trash)) {
        return Arrival::Astray(seen.folder.clone(), seen.place);
    }
    if let Some(seen) = of(&|s| s.received && s.place == Place::All && !sent) {
        return Arrival::Arrived(seen.folder.clone());
    }
    if of(&|_| true).is_some() { Arrival::OwnCopy } else { Arrival::Missing }
}

/// Looks for `tokens` in all folders of `account`. Changes nothing there.
///
/// # Errors
/// [`LookError`]: the mailbox could not be looked at, so nothing is known about any token.
pub fn look(account: &ImapAccount, tokens: &[Token], deadline: Instant) -> Result<Looked, LookError> {
    let until = Until::new(deadline);
    let at = account.at();
    let stream = connect::open(account, &until).map_err(|why| LookError::new(&at, why))?;
    session::look(stream, &account.user, &account.by, tokens, &until).map_err(|why| LookError::new(&at, why))
}

/// Whether the server of `account` greets us as IMAP does. Nobody logs in; user and password are not used.
///
/// # Errors
/// [`LookError`]
pub fn greet(account: &ImapAccount, deadline: Instant) -> Result<(), LookError> {
    let until = Until::new(deadline);
    let at = account.at();
    let stream = connect::open(account, &until).map_err(|why| LookError::new(&at, why))?;
    session::greet(stream, &until).map_err(|why| LookError::new(&at, why))
}

/// What `folder` of `account` holds; it is named as people read it. Changes nothing there.
///
/// # Errors
/// [`LookError`]: it could not be found out, or there is no such folder.
pub fn survey(account: &ImapAccount, folder: &str, deadline: Instant) -> Result<Survey, LookError> {
    let until = Until::new(deadline);
    let at = account.at();
    let stream = connect::open(account, &until).map_err(|why| LookError::new(&at, why))?;
    session::survey(stream, &account.user, &account.by, folder, &until).map_err(|why| LookError::new(&at, why))
}

/// Removes the messages that carry one of `tokens`, and no others, from all folders of `account`.
///
/// # Errors
/// [`LookError`]: the mailbox could not be looked at. What was done before stays done.
pub fn clean(account: &ImapAccount, tokens: &[Token], deadline: Instant) -> Result<Cleaned, LookError> {
    let until = Until::new(deadline);
    let at = account.at();
    let stream = connect::open(account, &until).map_err(|why| LookError::new(&at, why))?;
    session::clean(stream, &account.user, &account.by, tokens, &until).map_err(|why| LookError::new(&at, why))
}

/// [`look`] over an open stream, as `user`. The deadline is asked for between reads; a stream that blocks for longer must
/// end by itself.
///
/// # Errors
/// As [`look`].
pub fn look_over<S: Read + Write>(
    stream: S,
    user: &str,
    by: &LoginBy,
    tokens: &[Token],
    deadline: Instant,
) -> Result<Looked, LookError> {
    session::look(stream, user, by, tokens, &Until::new(deadline)).map_err(|why| LookError::new("mail server", why))
}

/// [`clean`] over an open stream, as [`look_over`] is [`look`].
///
/// # Errors
/// As [`clean`].
pub fn clean_over<S: Read + Write>(
    stream: S,
    user: &str,
    by: &LoginBy,
    tokens: &[Token],
    deadline: Instant,
) -> Result<Cleaned, LookError> {
    session::clean(stream, user, by, tokens, &Until::new(deadline)).map_err(|why| LookError::new("mail server", why))
}

/// [`survey`] over an open stream, as [`look_over`] is [`look`].
///
/// # Errors
/// As [`survey`].
pub fn survey_over<S: Read + Write>(
    stream: S,
    user: &str,
    by: &LoginBy,
    folder: &str,
    deadline: Instant,
) -> Result<Survey, LookError> {
    session::survey(stream, user, by, folder, &Until::new(deadline)).map_err(|why| LookError::new("mail server", why))
}

impl ImapAccount {
    /// How errors name the server.
    fn at(&self) -> String {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("mail server {host}:{}", self.port)
    }
}

#[cfg(test)]
mod tests;
