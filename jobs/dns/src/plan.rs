//! What a run does, read off the settings once.

use crate::expect::Expected;
use checker_parts::net::Endpoint;
use domain::base::{Name, Rtype};
use std::path::PathBuf;
use std::time::Duration;

/// Whom to ask.
#[derive(Debug)]
pub(crate) enum Servers {
    /// Those that this host resolves names with, as this file has them.
    System(PathBuf),
    /// Those of the settings.
    Named(Vec<Endpoint>),
}

/// The question and what its answer must be.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) name: Name<Vec<u8>>,
    pub(crate) rtype: Rtype,
    /// Name and type, for sentences.
    pub(crate) question: String,
    pub(crate) servers: Servers,
    pub(crate) expected: Expected,
    /// Whether servers that are well must say the same.
    pub(crate) agree: bool,
    /// Recursion is not asked for, and the flag AA must come.
    pub(crate) authoritative: bool,
    /// The flag AD must come.
    pub(crate) dnssec: bool,
    /// UDP is left out.
    pub(crate) tcp: bool,
    pub(crate) latency_warning: Option<Duration>,
    pub(crate) latency_critical: Option<Duration>,
}
