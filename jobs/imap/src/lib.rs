//! Job kind `imap`: a mailbox as its user meets it.
//!
//! Greeting, TLS with a certificate that is verified as clients do; on wish a login, a folder that must be there, how old its
//! newest message may be, and how many it may hold. The folder is opened for reading only (EXAMINE), and no message becomes
//! seen. All that knows IMAP is `checker_parts::mailbox`, which blocks: so does this kind.
//!
//! What hinders us (a silent resolver, no route, no CA certificates on this host) is never said of the target: the outcome is
//! `Unknown` with a cause.
//!
//! Metrics: `messages`, `age` of the newest in seconds, and `time` of the whole look in seconds.

mod judge;
mod mutate;
mod spawn;
#[cfg(test)]
mod tests;

use checker_job::{Context, Job, JobId, JobSpawner, Metric, Outcome, Policy, SpawnError, Table, Vacuity, Verdict};
use checker_parts::mailbox::{ImapAccount, LookError, Survey, greet, see, survey};
use checker_parts::one_or_many::OneOrMany;
use judge::Limits;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const KIND: &str = "imap";

/// The keys of `[[job.imap]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to connect; a list makes one job each.
    pub address: OneOrMany<String>,
    /// Who logs in.
    pub user: Option<String>,
    /// The file with the password.
    pub pass_file: Option<PathBuf>,
    /// `tls`, `starttls` or `none`.
    pub security: Option<String>,
    /// Certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The folder that is looked at.
    pub folder: Option<String>,
    /// Warn when its newest message is older.
    pub age_warning: Option<String>,
    /// Fail when its newest message is older.
    pub age_critical: Option<String>,
    /// Warn when it holds more messages.
    pub messages_warning: Option<u32>,
    /// Fail when it holds more messages.
    pub messages_critical: Option<u32>,
}

/// A mailbox.
#[derive(Debug)]
pub struct ImapJob {
    id: JobId,
    policy: Policy,
    account: ImapAccount,
    /// Whether somebody logs in; else the server has only to greet.
    logs_in: bool,
    folder: String,
    limits: Limits,
}

impl Job for ImapJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        let (begin, deadline) = time(cx);
        let seen = if self.logs_in {
            survey(&self.account, &self.folder, deadline).map(Some)
        } else {
            greet(&self.account, deadline).map(|()| None)
        };
        self.outcome(&seen, begin, cx)
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let (begin, deadline) = time(cx);
        let met = see(&self.account, self.logs_in.then_some(&*self.folder), deadline);
        let seen = met.as_ref().map(|met| met.survey).map_err(Clone::clone);
        let outcome = self.outcome(&seen, begin, cx);
        Some(match met {
            Ok(met) if outcome.verdict == Verdict::Ok => Vacuity::new(outcome, mutate::mutations(self, &met, cx)),
            _ => Vacuity::without_answer(outcome),
        })
    }
}

/// When a run begins, and when it must end: a little before the framework's own limit, so that the step can be told in which
/// time ran out.
fn time(cx: &Context) -> (Instant, Instant) {
    let begin = Instant::now();
    let margin = Duration::from_millis(50).min(cx.timeout / 10);
    (begin, begin + cx.timeout.saturating_sub(margin))
}

impl ImapJob {
    /// What people read of a look, at a folder where somebody logs in.
    fn outcome(&self, seen: &Result<Option<Survey>, LookError>, begin: Instant, cx: &Context) -> Outcome {
        let outcome = match seen {
            Ok(Some(survey)) => judge::judge(&self.folder, &self.account.user, &self.limits, survey, cx.now),
            Ok(None) => judge::greeted(self.account.security),
            Err(error) => return judge::hindered(&self.account.host, error),
        };
        outcome.with_metric(Metric::new("time", begin.elapsed().as_secs_f64(), "s"))
    }
}

/// The job kind `imap`.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = true;
    type Settings = Settings;
    type Job = ImapJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<ImapJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
