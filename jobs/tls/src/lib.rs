//! Job kind `tls`: look at the certificate of a server.
//!
//! Each address of a name is asked, because a certificate that was renewed on one server and forgotten on another is a common
//! fault. The handshake takes any certificate; then it is judged, and three things are told apart: when it ends (or one that it
//! depends on does), whether an authority vouches for it, and whether it is for this host. All that is wrong is said at once.
//!
//! What hinders us (a silent resolver, no route, no CA certificates on this host) is never said of the target: the outcome is
//! `Unknown` with a cause.
//!
//! Metrics: `days` until the end, and `time` in seconds from the start of the run to the end of the handshake, both of the
//! address that speaks.

mod certificate;
mod chain;
mod handshake;
mod judge;
mod mutate;
mod plan;
mod spawn;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::net::Endpoint;
use checker_parts::one_or_many::OneOrMany;
use checker_parts::probe::{Limit, Problem, Tried, addresses, each, handles, merged};
use handshake::Ask;
use plan::{Host, Plan};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

const KIND: &str = "tls";

/// The keys of `[[job.tls]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to connect; a list makes one job each.
    pub address: OneOrMany<String>,
    /// The host that is asked for and must stand in the certificate.
    pub server_name: Option<String>,
    /// The protocol in which TLS is begun by a command.
    pub starttls: Option<String>,
    /// Warn when less than this is left.
    #[serde(default)]
    pub warning: OneOrMany<String>,
    /// Fail when less than this is left.
    #[serde(default)]
    pub critical: OneOrMany<String>,
    /// What is judged.
    pub judge: Option<OneOrMany<String>>,
    /// Certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// A certificate of our own.
    pub client_certificate: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
}

/// A server whose certificate is looked at.
#[derive(Debug)]
pub struct TlsJob {
    id: JobId,
    policy: Policy,
    endpoint: Endpoint,
    host: Host,
    plan: Arc<Plan>,
}

impl Job for TlsJob {
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
        let ask = self.ask(&limit, cx);
        summed_up(&self.endpoint, each(&addresses, |to| one(&ask, to)).await)
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let limit = Limit::of(cx.timeout);
        Some(match addresses(cx, &self.endpoint, &limit).await {
            Ok(addresses) => {
                let ask = self.ask(&limit, cx);
                mutate::vacuity(self, &ask, &each(&addresses, |to| handshake::shown(&ask, to)).await)
            }
            Err(outcome) => Vacuity::without_answer(outcome),
        })
    }
}

impl TlsJob {
    fn ask<'a>(&'a self, limit: &'a Limit, cx: &Context) -> Ask<'a> {
        Ask { plan: &self.plan, host: &self.host, limit, now: cx.now }
    }
}

/// Where all are well, the one that ends first speaks for them.
fn summed_up(endpoint: &Endpoint, mut tried: Vec<Tried<Outcome>>) -> Outcome {
    tried.sort_by(|(_, a), (_, b)| days(a).total_cmp(&days(b)));
    merged(endpoint, tried)
}

async fn one(ask: &Ask<'_>, to: SocketAddr) -> Result<Outcome, Problem> {
    let shown = handshake::shown(ask, to).await?;
    Ok(judge::judge(ask.plan, ask.host, &shown, ask.now))
}

fn days(result: &Result<Outcome, Problem>) -> f64 {
    result.as_ref().ok().and_then(|outcome| outcome.metrics.first()).map_or(f64::INFINITY, |days| days.value)
}

/// The job kind `tls`.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = false;
    const ELSEWHERE: &'static [&'static str] = &["address", "server_name", "starttls", "warning", "critical", "judge"];
    type Settings = Settings;
    type Job = TlsJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<TlsJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
