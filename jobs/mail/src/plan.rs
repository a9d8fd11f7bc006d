//! What one table asks for, ready to use.

use checker_parts::hidden::Scrubber;
use checker_parts::login::LoginBy;
use checker_parts::mailbox::ImapAccount;
use checker_parts::net::Endpoint;
use checker_parts::tls::Trust;
use rustls_pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;

/// So many signs of an address stand in a sentence.
const ADDRESS_MAX: usize = 48;

/// How the way to the server that takes the message is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    Starttls,
    Tls,
    None,
}

/// Who logs in to send.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) by: LoginBy,
}

/// Where the message is sent.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) endpoint: Endpoint,
    pub(crate) security: Security,
    pub(crate) server_name: ServerName<'static>,
    pub(crate) trust: Arc<Trust>,
    pub(crate) login: Option<Login>,
    /// So that a server that repeats a password cannot bring it into a message.
    pub(crate) scrubber: Scrubber,
}

/// How long a message may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) within: Duration,
    pub(crate) warning: Option<Duration>,
}

/// One round trip.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Stands in the messages of this job and of no other one.
    pub(crate) mark: String,
    /// The job, for people.
    pub(crate) name: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) sender: Sender,
    pub(crate) mailbox: ImapAccount,
    pub(crate) folder: String,
    pub(crate) spam_folder: Option<String>,
    pub(crate) limits: Limits,
    /// The usual time between two runs.
    pub(crate) every: Duration,
    /// So many bad runs in a row are told to somebody.
    pub(crate) threshold: u32,
}

impl Plan {
    /// For so long after it was sent a message that never arrived, or lies among spam, makes each run a bad one, though others
    /// arrive: until enough runs in a row were bad for somebody to be told.
    pub(crate) fn memory(&self) -> Duration {
        self.limits.within.saturating_add(self.every.saturating_mul(self.threshold.saturating_add(1)))
    }
}

/// An address in a sentence: cut, so that what is to be done still stands in it.
pub(crate) fn short(address: &str) -> String {
    if address.chars().count() <= ADDRESS_MAX {
        return address.to_owned();
    }
    address.chars().take(ADDRESS_MAX).chain("...".chars()).collect()
}

/// A sentence of parts that both sides share, with the keys as they are called here.
pub(crate) fn with_keys(side: &str, sentence: &str) -> String {
    let is_key = |word: &str| matches!(word, "ca_file" | "pass_file" | "token_command");
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = sentence.split_inclusive(|c| !is_in_word(c));
    let named = words.map(|word| match word.trim_end_matches(|c| !is_in_word(c)) {
        key if is_key(key) => format!("{side}_{word}"),
        _ => word.to_owned(),
    });
    named.collect()
}
