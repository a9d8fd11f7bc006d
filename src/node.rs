//! Troubles of this node itself: each is a job of the own group whose outcome the pass knows by itself. So its
//! threshold, its reminders, its recovery and its delivery are the same as everybody's.

mod own_faults;

pub use own_faults::{Blind, blind, clock, evidence_lines, seen_again};

use crate::decide::schedule::Class;
use crate::decide::transition::{Input, transition};
use crate::decide::{Alert, AlertId, AlertKind, JobState, Recipient};
use crate::outbox::again;
use crate::store::{Change, Degraded, Ledger, Own, Result};
use checker_job::{Frequency, JobId, Notify, Outcome, Policy, Remind, Timestamp, Verdict, duration_words};
use std::time::Duration;
use uuid::Uuid;

/// What the ids of all troubles begin with.
const PREFIX: &str = "node:";

/// Whether this is one of our own troubles and no job of the settings.
pub fn is_trouble(id: &JobId) -> bool {
    id.as_str().starts_with(PREFIX)
}

/// One trouble that this node may have.
struct Trouble<'a> {
    id: &'a str,
    name: &'a str,
    remind: Remind,
    /// So many bad looks in a row before it is told.
    threshold: u32,
    /// Its end is no news.
    ends_silently: bool,
}

/// The id of the trouble that a class's crontab line is missing.
pub fn crontab_id(class: Class) -> JobId {
    JobId::literal(format!("{PREFIX}crontab:{class}"))
}

/// A class of jobs whose crontab line does not come (`missing` is how Checker is called by hand), or does.
///
/// # Errors
/// Of the store.
pub fn crontab(
    own: &dyn Own,
    contacts: &[Recipient],
    class: Class,
    missing: Option<&String>,
    now: Timestamp,
) -> Result<()> {
    let id = crontab_id(class);
    let name = format!("crontab line for {class}");
    let trouble = Trouble { id: id.as_str(), name: &name, remind: Remind::Never, threshold: 1, ends_silently: false };
    let outcome = if let Some(command) = missing {
        Outcome::warning(format!("cron does not call `checker cron -c {class}`; its jobs run 10 minutes late"))
            .with_detail(format!(
                "Add this line to the crontab (with the program's whole path):\n\n    {} {command} cron -c {class}\n\nor use \
                 one line for all:\n\n    * * * * * {command} cron",
                class.crontab()
            ))
    } else {
        Outcome::ok("cron calls for it")
    };
    judge(own, contacts, &trouble, &outcome, now)
}

/// Settings that do not load: the last accepted ones are in use.
///
/// # Errors
/// Of the store.
pub fn settings(own: &dyn Own, contacts: &[Recipient], problem: Option<&str>, now: Timestamp) -> Result<()> {
    let hour = Remind::Every(Duration::from_secs(3_600));
    let id = format!("{PREFIX}settings");
    let trouble = Trouble { id: &id, name: "settings", remind: hour, threshold: 1, ends_silently: false };
    let outcome = match problem {
        Some(report) => Outcome::failed("the settings do not load; the last accepted ones are in use")
            .with_detail(format!("{report}\n\nMend the file, then look with: checker check")),
        None => Outcome::ok("the settings load"),
    };
    judge(own, contacts, &trouble, &outcome, now)
}

/// The state cannot be used, or was mended. Where nothing is remembered, `ledger` is that of the jobs, so that one
/// message tells of all.
///
/// # Errors
/// Of the store.
pub fn state(ledger: &dyn Ledger, contacts: &[Recipient], problem: Option<&Degraded>, now: Timestamp) -> Result<()> {
    let hour = Remind::Every(Duration::from_secs(3_600));
    let id = state_id();
    let trouble = Trouble { id: id.as_str(), name: "state", remind: hour, threshold: 1, ends_silently: false };
    let outcome = match problem {
        Some(problem) => Outcome::failed(&problem.summary).with_detail(problem.detail.clone()),
        None => Outcome::ok("the state is at its place, with all that was recorded meanwhile"),
    };
    judge(ledger, contacts, &trouble, &outcome, now)
}

/// The id of the trouble that the state cannot be used.
pub fn state_id() -> JobId {
    JobId::literal(format!("{PREFIX}state"))
}

/// Decides on a trouble as on any job; writes only if something changes.
fn judge(
    ledger: &dyn Ledger,
    contacts: &[Recipient],
    trouble: &Trouble<'_>,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<()> {
    let id = JobId::literal(trouble.id);
    let before = ledger.states(std::slice::from_ref(&id))?.remove(&id);
    if before.as_ref().is_none_or(|s| s.failure.is_none()) && outcome.verdict == Verdict::Ok {
        return Ok(());
    }
    let before: JobState = before.unwrap_or_default();
    let policy = Policy {
        name: trouble.name.to_owned(),
        every: Frequency::Minute,
        notify: Notify::StateChange,
        remind: trouble.remind,
        failure_threshold: trouble.threshold,
        ..Policy::default()
    };
    let expected_seq = before.seq;
    let step = transition(
        before,
        &Input {
            now,
            slot: now,
            run: Uuid::now_v7(),
            started: now,
            took: Duration::ZERO,
            outcome,
            policy: &policy,
            recipients: contacts,
            held: false,
        },
    );
    let alerts = step
        .drafts
        .into_iter()
        .filter(|draft| !(trouble.ends_silently && draft.kind.is_ending()))
        .map(|draft| {
            let (word, lasted) = match draft.kind {
                AlertKind::Recovery => ("SOLVED", format!(" (after {})", duration_words(now.since(draft.since)))),
                AlertKind::Reminder => ("STILL", String::new()),
                _ => ("CHECKER ITSELF", String::new()),
            };
            Alert {
                id: AlertId { job: id.clone(), episode: draft.episode, step: draft.step },
                kind: draft.kind,
                verdict: draft.verdict,
                at: now,
                since: draft.since,
                failures: draft.failures,
                name: trouble.name.to_owned(),
                host: None,
                cause: None,
                subject: format!("{word}: {}: {}{lasted}", trouble.name, outcome.summary),
                body: outcome.detail.clone(),
                note: None,
                recipients: draft.recipients,
            }
        })
        .collect();
    let change = Change { job: id, expected_seq, state: Some(step.state), run: None, alerts, hour: None };
    again(|| ledger.commit(std::slice::from_ref(&change))).map(|_| ())
}
