//! Job kind `ping`: does a host answer pings, how many, and how fast.
//!
//! Every address of a name is pinged at the same time. What counts is the part that is lost and the average time of the
//! others, each in two degrees. Where routers say why a host cannot be reached, their words are told.
//!
//! A run has a socket of its own for each address: a datagram socket for ICMP where the kernel allows that
//! (`net.ipv4.ping_group_range`), else a raw one (root, or `CAP_NET_RAW`). Each ping carries random bytes, and only an answer
//! with them counts. Times are taken before a ping is sent and, by the kernel, when its answer comes in: other jobs on the same
//! thread do not make a host look slow.
//!
//! The first ping leaves at a random moment within `interval`: many jobs do not send all at once.
//!
//! Metrics: `loss` in percent; `rtt` (the average), `rtt_min` and `rtt_max` in seconds; of the worst address.

mod judge;
mod mutate;
mod packet;
mod pings;
mod plan;
mod reasons;
mod socket;
mod spawn;

#[cfg(test)]
mod tests;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::net::Endpoint;
use checker_parts::one_or_many::OneOrMany;
use checker_parts::probe::{Limit, Tried, addresses, each, handles};
use pings::Came;
use plan::Plan;
use serde::Deserialize;
use std::sync::Arc;

const KIND: &str = "ping";

/// The keys of `[[job.ping]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Whom to ping; a list makes one job each.
    pub address: OneOrMany<String>,
    /// How many pings.
    pub count: Option<u32>,
    /// The time between them.
    pub interval: Option<String>,
    /// Warn when so many are lost.
    pub loss_warning: Option<String>,
    /// Fail when so many are lost.
    pub loss_critical: Option<String>,
    /// Warn when the average takes longer.
    pub rtt_warning: Option<String>,
    /// Fail when the average takes longer.
    pub rtt_critical: Option<String>,
    /// The bytes in each.
    pub size: Option<u32>,
    /// The family of addresses.
    pub ip: Option<String>,
}

/// A host to ping.
#[derive(Debug)]
pub struct PingJob {
    id: JobId,
    policy: Policy,
    /// The port says nothing: it lets the host be resolved as other kinds do.
    endpoint: Endpoint,
    plan: Arc<Plan>,
}

impl Job for PingJob {
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
        match self.look(cx, &limit).await {
            Ok(tried) => judge::all(&self.plan, self.endpoint.host(), &tried, &limit),
            Err(outcome) => outcome,
        }
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let limit = Limit::of(cx.timeout);
        Some(match self.look(cx, &limit).await {
            Ok(tried) => mutate::vacuity(&self.plan, self.endpoint.host(), &tried, &limit, cx.timeout),
            Err(outcome) => Vacuity::without_answer(outcome),
        })
    }
}

impl PingJob {
    /// What came of each address.
    ///
    /// # Errors
    /// The outcome of the run, where there is no address to ping.
    async fn look(&self, cx: &Context, limit: &Limit) -> Result<Vec<Tried<Came>>, Outcome> {
        let mut found = addresses(cx, &self.endpoint, limit).await?;
        found.retain(|to| self.plan.family.takes(to.ip()));
        if found.is_empty() {
            return Err(judge::no_such_family(self.endpoint.host(), self.plan.family));
        }
        Ok(each(&found, |to| pings::ping(&self.plan, to, limit)).await)
    }
}

/// The job kind `ping`.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = false;
    const ELSEWHERE: &'static [&'static str] =
        &["address", "loss_warning", "loss_critical", "rtt_warning", "rtt_critical", "ip"];
    type Settings = Settings;
    type Job = PingJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<PingJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
