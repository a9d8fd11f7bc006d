//! Job kind `mail`: a round trip by mail. A message is sent by SMTP, and must arrive in a mailbox that is read by IMAP, within
//! a time.
//!
//! A run remembers nothing: the mailbox does. Each run puts a note with a random token into the mailbox, sends one message with the
//! same token, notes that the server has taken it, and looks for the message until it is there or the run's time is nearly over.
//! What has not come by then is looked for by the next run, which finds the note. When a message was found, it and its notes are
//! removed, and one note stays that says so. What is lost, or lies among spam, stays known until somebody was told.
//!
//! Only messages whose token stands in a note, or was made by the run itself, are believed. A note has no field `Received`, which
//! servers on the way of a mail add, and is sealed by the mailbox's password (`letter::Seal`).
//!
//! What hinders us (a silent resolver, no route, no CA certificates on this host) is never said of the servers: the outcome is
//! `Unknown` with a cause.
//!
//! Metric: `time` in seconds that the message took, as far as it is known.

mod judge;
mod letter;
mod memory;
mod mutate;
mod plan;
mod send;
mod spawn;
mod talk;
#[cfg(test)]
mod tests;
mod trip;

use checker_job::{Blame, Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity, Verdict};
use judge::Findings;
use plan::Plan;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

const KIND: &str = "mail";
/// Both sessions, the runtime of the one that sends, and a program that prints a token.
const HANDLES: usize = 10;
/// Between two runs of a rhythm may be so much less than its time.
const JITTER: Duration = Duration::from_secs(60);
/// What Checker keeps of an outcome.
const SUMMARY_MAX: usize = 400;
const DETAIL_MAX: usize = 16 * 1024;

/// The keys of `[[job.mail]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the message is sent.
    pub smtp: String,
    /// `starttls`, `tls` or `none`.
    pub smtp_security: Option<String>,
    /// Who logs in to send.
    pub smtp_user: Option<String>,
    /// The file with the password.
    pub smtp_pass_file: Option<PathBuf>,
    /// A program that prints an access token in place of a password.
    pub smtp_token_command: Option<Vec<String>>,
    /// Certificates that are trusted besides the system's.
    pub smtp_ca_file: Option<PathBuf>,
    /// From whom the message comes.
    pub from: String,
    /// For whom it is; by default, whom it comes from.
    pub to: Option<String>,
    /// Where the mailbox is read.
    pub imap: String,
    /// `tls`, `starttls` or `none`.
    pub imap_security: Option<String>,
    /// Whose mailbox it is.
    pub imap_user: Option<String>,
    /// The file with the password.
    pub imap_pass_file: Option<PathBuf>,
    /// A program that prints an access token in place of a password.
    pub imap_token_command: Option<Vec<String>>,
    /// Certificates that are trusted besides the system's.
    pub imap_ca_file: Option<PathBuf>,
    /// The folder that the message must arrive in.
    pub folder: Option<String>,
    /// The folder for spam.
    pub spam_folder: Option<String>,
    /// Fail when a message takes longer.
    pub within: Option<String>,
    /// Warn when a message takes longer.
    pub warning: Option<String>,
}

/// A round trip.
#[derive(Debug)]
pub struct MailJob {
    id: JobId,
    policy: Policy,
    plan: Plan,
}

impl Job for MailJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn handles(&self) -> usize {
        HANDLES
    }

    /// The last arrival speaks for the way until a message is overdue, and a run may begin a minute late and the next one in time.
    fn seen_after(&self) -> Duration {
        self.plan.limits.within + JITTER
    }

    fn leaves(&self) -> Option<String> {
        let Plan { from, to, folder, mailbox, .. } = &self.plan;
        Some(format!("a message from {from} to {to}, and a note in {folder:?} of {}", mailbox.user))
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        self.run(cx).0
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let (outcome, findings) = self.run(cx);
        Some(match findings.filter(|_| outcome.verdict == Verdict::Ok) {
            Some(findings) => Vacuity::new(outcome, mutate::mutations(&self.plan, &findings)),
            None => Vacuity::without_answer(outcome),
        })
    }
}

impl MailJob {
    fn run(&self, cx: &Context) -> (Outcome, Option<Findings>) {
        // A mailbox and a program that prints a token block, and may not be called by whom a runtime polls.
        let run = || trip::run(&self.plan, cx);
        let ended = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name(KIND.to_owned()).spawn_scoped(scope, run);
            thread.map(std::thread::ScopedJoinHandle::join)
        });
        let (outcome, findings) = match ended {
            Ok(Ok(ran)) => ran,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(why) => {
                let said = Outcome::unknown(format!("no thread to run it on: {why}"), "no thread for jobs");
                (said.blaming(Blame::Shortage), None)
            }
        };
        (outcome.bounded(SUMMARY_MAX, DETAIL_MAX), findings)
    }
}

/// The job kind `mail`.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = true;
    type Settings = Settings;
    type Job = MailJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<MailJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
