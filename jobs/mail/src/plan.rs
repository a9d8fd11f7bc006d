//! What one table asks for, ready to use.

use checker_parts::hidden::Scrubber;
use checker_parts::login::LoginBy;
use checker_parts::mailbox::ImapAccount;
use checker_parts::net::Endpoint;
use checker_parts::tls::Trust;
use rustls_pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;

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
}
