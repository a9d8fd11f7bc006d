//! What a table asks for, checked: shared by all jobs of the table.

use crate::connect::Family;
use crate::exchange::Wanted;
use crate::json::JsonTest;
use crate::proxy::Proxy;
use crate::settings::Statuses;
use checker_parts::hidden::Scrubber;
use checker_parts::tls::Trust;
use hyper::body::Bytes;
use hyper::http::header::LOCATION;
use hyper::http::{HeaderMap, Method, StatusCode};
use regex_lite::Regex;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Of an answer with a wrong status no more is read than this: it is evidence only.
const EVIDENCE_READ: u64 = 64 * 1024;
/// And no more is kept.
const EVIDENCE_KEPT: usize = 2 * 1024;

/// Which redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirects {
    Follow,
    SameHost,
    Never,
}

/// One condition on the body.
pub(crate) enum Condition {
    Contains(String),
    NotContains(String),
    Matches(Regex),
    Json(JsonTest),
}

/// What a table asks for. It has no `Debug`: it holds secrets.
pub(crate) struct Plan {
    pub(crate) method: Method,
    /// All headers for the target itself; `Host` is a place kept free unless `own_host`.
    pub(crate) headers: HeaderMap,
    /// Those that any host may see.
    pub(crate) public_headers: HeaderMap,
    pub(crate) own_host: bool,
    pub(crate) body: Bytes,
    pub(crate) status: Statuses,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) body_max: u64,
    pub(crate) latency_warning: Option<Duration>,
    pub(crate) latency_critical: Option<Duration>,
    pub(crate) redirects: Redirects,
    pub(crate) redirects_max: u8,
    pub(crate) trust: Arc<Trust>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) family: Family,
    pub(crate) scrubber: Scrubber,
}

impl Plan {
    /// Whether an answer leads to another URL that is to be asked. A status that is expected is the answer itself.
    pub(crate) fn leads_on(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
            && self.redirects != Redirects::Never
            && !self.status.accept(status.as_u16())
            && headers.contains_key(LOCATION)
    }

    /// How much of the body of such an answer is read and kept. It is read even where nothing is asked of it: a server
    /// that dies in the middle of its answer is broken.
    pub(crate) fn wanted(&self, status: StatusCode, headers: &HeaderMap) -> Wanted {
        if self.leads_on(status, headers) {
            Wanted { read: 0, keep: 0 }
        } else if !self.status.accept(status.as_u16()) {
            Wanted { read: self.body_max.min(EVIDENCE_READ), keep: EVIDENCE_KEPT }
        } else if self.conditions.is_empty() {
            Wanted { read: self.body_max, keep: 0 }
        } else {
            Wanted { read: self.body_max, keep: usize::try_from(self.body_max).unwrap_or(usize::MAX) }
        }
    }
}
