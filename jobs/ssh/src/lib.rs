//! Job kind `ssh`: an SSH server, up to the proof that it holds its host key.
//!
//! Each address of a name is asked. The key exchange (RFC 4253, 8; RFC 8731; RFC 5656) is really done, up to the server's
//! signature over it: a host key is public, and who only shows one proves nothing. Then we leave; nobody logs in.
//!
//! The exchange is a few hundred lines of our own on top of ring, which the program has anyway. A whole SSH library would bring
//! some eighty crates, among them a second set of all ciphers, and would not tell in which phase a server failed.
//!
//! What hinders us (a silent resolver, no route, and, where a key is pinned, a server whose kinds of keys we cannot read) is
//! never said of the target: the outcome is `Unknown` with a cause.
//!
//! Metric: `time` in seconds, from the start of the run until the slowest address had proved its key.

mod end;
mod exchange;
mod fields;
mod identification;
mod judge;
mod key;
mod known_hosts;
mod mutate;
mod offers;
mod pins;
mod probe;
mod spawn;
#[cfg(test)]
mod tests;
mod wire;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::net::Endpoint;
use checker_parts::one_or_many::OneOrMany;
use checker_parts::probe::{Limit, Problem, addresses, each, handles, merged};
use pins::Pins;
use probe::Seen;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;

const KIND: &str = "ssh";

/// The keys of `[[job.ssh]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to connect; a list makes one job each.
    pub address: OneOrMany<String>,
    /// The host keys of which the server must hold one.
    pub host_key: Option<OneOrMany<String>>,
    /// A file with host keys.
    pub known_hosts: Option<PathBuf>,
    /// What the server must call itself, in part.
    pub software: Option<String>,
}

/// An SSH server.
#[derive(Debug)]
pub struct SshJob {
    id: JobId,
    policy: Policy,
    endpoint: Endpoint,
    pins: Pins,
    software: Option<String>,
}

impl Job for SshJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn handles(&self) -> usize {
        handles(&self.endpoint)
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        let limit = Limit::of(cx.timeout);
        let addresses = match addresses(cx, &self.endpoint, &limit).await {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let tried = each(&addresses, |to| self.one(to, &limit)).await;
        limit.timed(merged(&self.endpoint, tried))
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let limit = Limit::of(cx.timeout);
        let addresses = match addresses(cx, &self.endpoint, &limit).await {
            Ok(addresses) => addresses,
            Err(outcome) => return Some(Vacuity::without_answer(outcome)),
        };
        let tried = each(&addresses, |to| probe::seen(&self.pins, to, &limit)).await;
        Some(mutate::vacuity(self, &tried, cx, &limit).await)
    }
}

impl SshJob {
    async fn one(&self, to: SocketAddr, limit: &Limit) -> Result<Outcome, Problem> {
        let seen = probe::seen(&self.pins, to, limit).await?;
        Ok(self.judged(&seen))
    }

    fn judged(&self, seen: &Seen) -> Outcome {
        judge::judge(&self.endpoint, &self.pins, self.software.as_deref(), seen)
    }
}

/// The job kind `ssh`.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = false;
    const ELSEWHERE: &'static [&'static str] = &["address", "host_key", "software"];
    type Settings = Settings;
    type Job = SshJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<SshJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
