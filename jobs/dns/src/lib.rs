//! Job kind `dns`: ask name servers.
//!
//! One job asks all servers of its list at the same time (every address of each, or the resolvers of this host) the same
//! question, and judges what each answers: whether there is such a name, the records, the flags, the time. Where all are well,
//! they must agree. A server that does not answer is a warning while another one does; one that answers what was not expected
//! is a failure, because some users get that answer.
//!
//! What hinders us (no route, the resolver silent when a *server's* name is looked up) is never said of a server. Where this
//! host's own resolvers are asked, their silence is what was looked for, and a failure.
//!
//! A question over UDP comes from a fresh socket, thus a fresh port, with a fresh id. An answer must come from the server's
//! address and carry that id and the question (RFC 5452); a cut one is fetched again over TCP (RFC 7766). A packet may get lost,
//! so the question is sent up to three times within the run, as resolvers do.
//!
//! Metric: `time` in seconds, the slowest server's.

mod ask;
mod expect;
mod judge;
mod mutate;
mod plan;
mod settings;
mod spawn;
mod system;
mod together;
mod wire;

#[cfg(test)]
mod tests;

use checker_job::{Context, HANDLES, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::probe::{Limit, handles};
use plan::{Plan, Servers};
use std::sync::Arc;

pub use settings::Settings;

const KIND: &str = "dns";

/// A question to some servers.
#[derive(Debug)]
pub struct DnsJob {
    id: JobId,
    policy: Policy,
    plan: Arc<Plan>,
}

impl Job for DnsJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn handles(&self) -> usize {
        match &self.plan.servers {
            Servers::System(_) => HANDLES,
            Servers::Named(list) => list.iter().map(handles).sum(),
        }
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        let limit = Limit::of(cx.timeout);
        match together::answers(cx, &self.plan, &limit).await {
            Ok(answers) => judge::all(&self.plan, &answers),
            Err(outcome) => outcome,
        }
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let limit = Limit::of(cx.timeout);
        Some(match together::answers(cx, &self.plan, &limit).await {
            Ok(answers) => mutate::vacuity(&self.plan, &answers),
            Err(outcome) => Vacuity::without_answer(outcome),
        })
    }
}

/// The job kind `dns`.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = false;
    type Settings = Settings;
    type Job = DnsJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<DnsJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
