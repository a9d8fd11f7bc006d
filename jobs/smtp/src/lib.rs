//! Job kind `smtp`: a mail server as its users meet it (RFC 5321, 3207, 4954, 8314).
//!
//! Each address of a name is asked: greeting, TLS with a certificate that is verified as clients do, login, and whether mail
//! for somebody would be taken or refused. The talk ends before DATA, so nothing is ever sent.
//!
//! The few commands are spoken here and not by lettre, which the program sends its own mail with: a check must tell in which
//! phase a server failed, and must stop where a sender goes on.
//!
//! What hinders us (a silent resolver, no route, no CA certificates on this host) is never said of the target: the outcome is
//! `Unknown` with a cause.
//!
//! Metric: `time` in seconds, from the start of the run to the end of the slowest talk.

mod judge;
mod mutate;
mod plan;
mod spawn;
mod talk;
#[cfg(test)]
mod tests;
mod visit;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::net::Endpoint;
use checker_parts::one_or_many::OneOrMany;
use checker_parts::probe::{Limit, addresses, each, handles, merged};
use plan::Plan;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

const KIND: &str = "smtp";

/// The keys of `[[job.smtp]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to connect; a list makes one job each.
    pub address: OneOrMany<String>,
    /// `starttls`, `tls` or `none`.
    pub security: Option<String>,
    /// The name that must stand in the certificate.
    pub server_name: Option<String>,
    /// Certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Who logs in.
    pub user: Option<String>,
    /// The file with the password.
    pub pass_file: Option<PathBuf>,
    /// From whom a mail would come.
    pub mail_from: Option<String>,
    /// For whom mail must be taken.
    #[serde(default)]
    pub rcpt_to: OneOrMany<String>,
    /// For whom it must be refused.
    #[serde(default)]
    pub expect_refused: OneOrMany<String>,
}

/// A mail server.
#[derive(Debug)]
pub struct SmtpJob {
    id: JobId,
    policy: Policy,
    endpoint: Endpoint,
    plan: Arc<Plan>,
}

impl Job for SmtpJob {
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
        let tried = each(&addresses, |to| visit::visit(&self.plan, to, &limit)).await;
        limit.timed(merged(&self.endpoint, tried))
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let limit = Limit::of(cx.timeout);
        let addresses = match addresses(cx, &self.endpoint, &limit).await {
            Ok(addresses) => addresses,
            Err(outcome) => return Some(Vacuity::without_answer(outcome)),
        };
        let tried = each(&addresses, |to| visit::visited(&self.plan, to, &limit, true)).await;
        Some(mutate::vacuity(self, tried, &limit, cx).await)
    }
}

/// The job kind `smtp`.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = false;
    const ELSEWHERE: &'static [&'static str] = &["address", "security", "server_name"];
    type Settings = Settings;
    type Job = SmtpJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<SmtpJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
