//! A draft becomes an alert: the job words failures and recoveries, the rest is worded here.

use crate::decide::transition::Draft;
use crate::decide::{Alert, AlertId, AlertKind};
use crate::registry::DynJob;
use crate::runner::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX, catch};
use checker_job::{Failure, Message, Outcome, Recovery, Timestamp};

/// Words one draft of a job.
pub fn alert(job: &dyn DynJob, draft: Draft, outcome: &Outcome, now: Timestamp) -> Alert {
    let message = guarded(job, &draft, outcome, now);
    let policy = job.policy();
    let blind = matches!(draft.kind, AlertKind::CannotJudge | AlertKind::StillCannotJudge);
    Alert {
        id: AlertId { job: job.id().clone(), episode: draft.episode, step: draft.step },
        kind: draft.kind,
        verdict: draft.verdict,
        at: now,
        since: draft.since,
        failures: draft.failures,
        name: policy.name.clone(),
        host: policy.host.clone(),
        cause: if blind { Some(outcome.cause.clone().unwrap_or_else(|| outcome.summary.clone())) } else { None },
        subject: message.subject,
        body: message.body,
        note: policy.note.clone(),
        recipients: draft.recipients,
    }
}

/// A job's own wording is its code: if it panics, the standard wording serves, and what it says is cut to size.
fn guarded(job: &dyn DynJob, draft: &Draft, outcome: &Outcome, now: Timestamp) -> Message {
    let said = catch(|| words(job, draft, outcome, now)).unwrap_or_else(|what| Message {
        subject: format!("{}: {}: {}", draft.kind.word().to_uppercase(), job.policy().name, outcome.summary),
        body: format!("{}\n\nThe job kind could not word this itself: it panicked: {what}", outcome.detail),
    });
    let said = Outcome::ok(said.subject).with_detail(said.body).bounded(SUMMARY_BYTES_MAX, DETAIL_BYTES_MAX);
    Message { subject: said.summary, body: said.detail }
}

fn words(job: &dyn DynJob, draft: &Draft, outcome: &Outcome, now: Timestamp) -> Message {
    let policy = job.policy();
    let (name, summary) = (&policy.name, &outcome.summary);
    let plain = |subject: String| Message { subject, body: outcome.detail.clone() };
    match draft.kind {
        AlertKind::Down | AlertKind::Worse | AlertKind::Better | AlertKind::Reminder => job.on_failure(&Failure {
            policy,
            outcome,
            since: draft.since,
            now,
            failures: draft.failures,
            reminder: draft.kind == AlertKind::Reminder,
        }),
        AlertKind::Recovery => {
            job.on_recovery(&Recovery { policy, outcome, since: draft.since, now, failures: draft.failures })
        }
        AlertKind::CannotJudge => plain(format!("CANNOT JUDGE: {name}: {summary}")),
        AlertKind::StillCannotJudge => plain(format!("STILL CANNOT JUDGE: {name}: {summary}")),
        AlertKind::JudgedAgain => plain(format!("CAN BE JUDGED AGAIN: {name}: {summary}")),
        AlertKind::Flapping => {
            plain(format!("FLAPPING: {name}: {} changes, now {}: {summary}", draft.failures, outcome.verdict.word()))
        }
        AlertKind::SteadyGood => plain(format!("UP: {name}: steady for 30 min after {} changes", draft.failures)),
        AlertKind::SteadyBad => {
            plain(format!("DOWN: {name}: {summary} (steady for 30 min after {} changes)", draft.failures))
        }
        AlertKind::Closed => plain(format!("NO LONGER WATCHED: {name}")),
    }
}
