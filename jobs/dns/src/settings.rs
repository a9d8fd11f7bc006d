//! What users write.

use checker_parts::one_or_many::OneOrMany;
use serde::Deserialize;

/// The keys of `[[job.dns]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The name that is asked for.
    pub query: String,
    /// The type of its records.
    pub r#type: Option<String>,
    /// Whom to ask; none means the resolvers of this host.
    pub server: Option<OneOrMany<String>>,
    /// The records that are expected.
    pub expect: Option<OneOrMany<String>>,
    /// How the records are compared with those.
    pub r#match: Option<String>,
    /// The answer's code that is expected.
    pub expect_rcode: Option<String>,
    /// Whether the servers must agree.
    pub agree: Option<bool>,
    /// Whether each server must be one of the zone's own.
    #[serde(default)]
    pub authoritative: bool,
    /// Whether each server must vouch for the answer by DNSSEC.
    #[serde(default)]
    pub dnssec: bool,
    /// `udp` or `tcp`.
    pub transport: Option<String>,
    /// Warn when an answer takes longer.
    pub latency_warning: Option<String>,
    /// Fail when an answer takes longer.
    pub latency_critical: Option<String>,
}
