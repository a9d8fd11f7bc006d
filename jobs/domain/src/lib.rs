//! Job kind `domain`: when the registration of a domain ends, and whether it is well.
//!
//! The registry is asked by RDAP (RFC 9082 for the query, RFC 9083 for the answer), over https alone. Which server that is
//! says IANA's list (RFC 9224), which is read at most once by all jobs of a process, or the key `server`. Redirects to
//! another server are followed, as RFC 7480 wants it.
//!
//! * The expiration counts, and states such as "pending delete" and "client hold" (RFC 8056).
//! * A domain that is not registered is `Failed`. All that keeps the registry from answering (limits, errors, no network) is
//!   `Unknown`: it says nothing of the domain.
//! * Registries limit queries: of one server only a few domains are asked at a time, and none any more once it has said
//!   that it is too much.
//!
//! The transport is hyper over a connection of `checker_parts`, as in the kind `http`: so faults of this host are told apart in
//! the same words, nothing is spawned, and nothing is left behind by a run that is cut off.

mod address;
mod ask;
mod judge;
mod mutate;
mod registration;
mod registry;
mod spawn;
#[cfg(test)]
mod tests;

use address::Address;
use ask::{Answer, Trouble};
use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Timestamp, Vacuity, Verdict};
use checker_parts::one_or_many::OneOrMany;
use checker_parts::probe::Limit;
use judge::Limits;
use registry::Registry;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// The keys of `[[job.domain]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The domain; a list makes one job each.
    pub domain: OneOrMany<String>,
    /// How early to warn.
    pub warning: Option<String>,
    /// From when on it is a failure.
    pub critical: Option<String>,
    /// The address of the RDAP server.
    pub server: Option<String>,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// A domain to ask for.
#[derive(Debug)]
pub struct DomainJob {
    id: JobId,
    policy: Policy,
    domain: String,
    limits: Limits,
    server: Option<Address>,
    registry: Arc<Registry>,
}

impl Job for DomainJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        self.outcome(self.look(cx).await.as_ref(), cx.now)
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let looked = self.look(cx).await;
        let outcome = self.outcome(looked.as_ref(), cx.now);
        Some(match looked {
            Ok(said) if outcome.verdict == Verdict::Ok => {
                let mutations = mutate::mutations(&said, cx.now, |wrong| self.outcome(Ok(wrong), cx.now));
                Vacuity::new(outcome, mutations)
            }
            Ok(_) | Err(_) => Vacuity::without_answer(outcome),
        })
    }
}

/// What was answered, and the name of the server that did.
#[derive(Clone, Debug)]
struct Said {
    server: String,
    answer: Answer,
}

impl DomainJob {
    async fn look(&self, cx: &Context) -> Result<Said, Trouble> {
        let limit = Limit::of(cx.timeout);
        let base = match &self.server {
            Some(server) => server.clone(),
            None => self.registry.server_of(cx, &limit, &self.domain).await?,
        };
        let address = base.below(&format!("domain/{}", self.domain));
        let (server, answer) = self.registry.ask(cx, &limit, &address).await?;
        Ok(Said { server, answer })
    }

    fn outcome(&self, looked: Result<&Said, &Trouble>, now: Timestamp) -> Outcome {
        let judged = looked.map_err(Trouble::clone).and_then(|said| self.judge(said, now));
        judged.unwrap_or_else(|trouble| {
            let sentence = format!("{} could not be looked up: {}", self.domain, trouble.sentence);
            let outcome = Outcome::unknown(sentence, trouble.cause).with_detail(trouble.detail);
            Outcome { blame: trouble.blame, ..outcome }
        })
    }

    fn judge(&self, Said { server, answer }: &Said, now: Timestamp) -> Result<Outcome, Trouble> {
        let Some(said) = registration::read(&self.domain, server, answer)? else {
            return Ok(judge::not_registered(&self.domain, server));
        };
        judge::judge(&self.domain, server, &said, &self.limits, now)
    }
}

/// Makes the jobs of all `[[job.domain]]` tables.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = "domain";
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = false;
    type Settings = Settings;
    type Job = DomainJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<DomainJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
