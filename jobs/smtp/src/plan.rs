//! What one table asks for, ready to use.

use checker_parts::hidden::{Hidden, Scrubber};
use checker_parts::tls::Trust;
use rustls_pki_types::ServerName;
use std::sync::Arc;

/// How the way is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    Starttls,
    Tls,
    None,
}

/// Who logs in.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) pass: Hidden,
}

/// What jobs that differ in nothing but where they connect share.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) security: Security,
    pub(crate) server_name: ServerName<'static>,
    /// The same, for sentences.
    pub(crate) host_name: String,
    pub(crate) trust: Arc<Trust>,
    pub(crate) login: Option<Login>,
    /// Without its angle brackets.
    pub(crate) mail_from: String,
    pub(crate) rcpt_to: Vec<String>,
    pub(crate) expect_refused: Vec<String>,
    /// So that a server that repeats a password cannot bring it into a message.
    pub(crate) scrubber: Scrubber,
}
