//! Job kind `tcp`: connect to a port.
//!
//! A connection to every address that a name resolves to, IPv4 and IPv6, is tried at the same time. If all fail, the job
//! failed; if some do, it is a warning that says which and why. An address that this host has no route for is not
//! counted: a host without IPv6 is no fault of the target. If no address is left, or the resolver is silent, the outcome
//! is `Unknown`, because the target was never asked.
//!
//! With `expect`, the server must say that text, as its greeting or as the answer to `send`.
//!
//! Metric: `time` in seconds, from the start of the run until the slowest address that works had answered.

mod judge;
mod mutate;
mod probe;
#[cfg(test)]
mod tests;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, TableErrors, Vacuity};
use checker_parts::net::{Endpoint, endpoints};
use checker_parts::one_or_many::OneOrMany;
use checker_parts::probe::{Limit, addresses, each, handles};
use probe::Talk;
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::Arc;

/// The keys of `[[job.tcp]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to connect; a list makes one job each.
    pub address: OneOrMany<String>,
    /// What to send once connected.
    pub send: Option<String>,
    /// What the server's answer must contain.
    pub expect: Option<String>,
}

/// A port to connect to.
#[derive(Debug)]
pub struct TcpJob {
    id: JobId,
    policy: Policy,
    endpoint: Endpoint,
    talk: Arc<Talk>,
}

impl Job for TcpJob {
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
        if let Some(address) = self.endpoint.literal() {
            let result = probe::probe(address, &self.talk, &limit).await;
            return judge::one(address, &result);
        }
        match addresses(cx, &self.endpoint, &limit).await {
            Ok(addresses) => self.all(&addresses, &limit).await,
            Err(outcome) => outcome,
        }
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let limit = Limit::of(cx.timeout);
        Some(match addresses(cx, &self.endpoint, &limit).await {
            Ok(addresses) => {
                let outcome = self.all(&addresses, &limit).await;
                match addresses.first() {
                    Some(to) => mutate::vacuity(outcome, *to, &self.talk, &limit).await,
                    None => Vacuity::without_answer(outcome),
                }
            }
            Err(outcome) => Vacuity::without_answer(outcome),
        })
    }
}

impl TcpJob {
    async fn all(&self, addresses: &[SocketAddr], limit: &Limit) -> Outcome {
        let tried = each(addresses, |to| probe::probe(to, &self.talk, limit)).await;
        judge::many(&self.endpoint, &tried)
    }
}

/// Makes the jobs of all `[[job.tcp]]` tables.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = "tcp";
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = false;
    const ELSEWHERE: &'static [&'static str] = &["address", "expect"];
    type Settings = Settings;
    type Job = TcpJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<TcpJob>, Vec<SpawnError>> {
        let mut jobs = Vec::with_capacity(tables.len());
        let mut errors = Vec::new();
        // Most tables say nothing but where to connect: they share what is said there.
        let silence = Arc::new(Talk { send: Vec::new(), expect: String::new() });
        for (index, table) in tables.iter().enumerate() {
            jobs_of(table, &silence, &mut jobs, &mut TableErrors::new(index, &mut errors));
        }
        if errors.is_empty() { Ok(jobs) } else { Err(errors) }
    }
}

/// Adds the jobs of one table to `jobs`, and notes all that is wrong with it.
fn jobs_of(table: &Table<Settings>, silence: &Arc<Talk>, jobs: &mut Vec<TcpJob>, errors: &mut TableErrors<'_>) {
    let Settings { address, send, expect } = &table.settings;
    for (key, text) in [("send", send), ("expect", expect)] {
        if text.as_ref().is_some_and(String::is_empty) {
            errors.note(key, "it is empty; leave the key out");
        }
    }
    let talk = match (send, expect) {
        (None, None) => Arc::clone(silence),
        (send, expect) => Arc::new(Talk {
            send: send.clone().unwrap_or_default().into_bytes(),
            expect: expect.clone().unwrap_or_default(),
        }),
    };
    for endpoint in endpoints(errors, address, "ns.example.com:53") {
        let (id, policy) = table.job(Spawner::KIND, endpoint.as_str(), address.len() == 1);
        jobs.push(TcpJob { id, policy, endpoint, talk: Arc::clone(&talk) });
    }
}
