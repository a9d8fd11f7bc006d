//! Job kind `http`: asks an HTTP server and judges the answer.
//!
//! It speaks HTTP/1.1 with hyper over a connection that it makes itself, so that each phase is timed: resolve, connect,
//! TLS, first byte, body. A failure says in which phase it happened, how long that took, and why.
//!
//! What it does in the order of a run: [`Settings`] become a plan when the settings are read; a run connects
//! (all addresses of the name, in order, until one takes it), asks, follows redirects as far as allowed, reads the body up
//! to its limit, and judges status, body and time. What hinders us (a silent resolver, no route, no CA certificates, a
//! proxy that is down) is never said of the target: the outcome is `Unknown` with a cause.
//!
//! The body is read up to `body_max` even where nothing is asked of it, because a server that dies in the middle of its
//! answer is broken. It is kept in memory only where a condition needs it.

mod connect;
mod exchange;
mod fetch;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod job;
mod json;
mod judge;
mod mutate;
mod plan;
mod progress;
mod proxy;
mod settings;
mod spawn;
mod url;

pub use job::HttpJob;
pub use settings::Settings;

use checker_job::{JobSpawner, SpawnError, Table};

const KIND: &str = "http";
const USER_AGENT: &str = concat!("Checker/", env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));

/// The job kind `http`.
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.toml");
    const BLOCKING: bool = false;
    const ELSEWHERE: &'static [&'static str] = &[
        "url",
        "status",
        "body_contains",
        "body_not_contains",
        "body_matches",
        "json",
        "latency_warning",
        "latency_critical",
        "redirects",
        "redirects_max",
        "ip",
    ];
    type Settings = Settings;
    type Job = HttpJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<HttpJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
