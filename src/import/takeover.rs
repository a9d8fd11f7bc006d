//! What the first program remembered of a job becomes our state of it: what was told stays told, and a recovery follows.

use super::state::Remembered;
use crate::channel::mail::message_id;
use crate::decide::transition::interval;
use crate::decide::{Alert, AlertId, AlertKind, Delivery, DeliveryState, Episode, JobState, Recipient};
use crate::store::Change;
use checker_job::{JobId, Notify, Policy, Timestamp, Verdict};
use uuid::Uuid;

/// Ids of what is taken over follow from the job, so that doing it twice does it once.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f0c_8c0e_93cf_5d0b_a5a3_1f6d_8d1a_5f7e);

/// The job that a line is about, as the settings have it.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) id: &'a JobId,
    pub(crate) policy: &'a Policy,
    pub(crate) recipients: &'a [Recipient],
    /// The sender's address, for Message-IDs.
    pub(crate) from: &'a str,
}

/// What to do with one line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Taken {
    /// It was well: to know nothing of it says the same. What was taken over of an older file is forgotten.
    Well(Option<Box<Change>>),
    /// It has run here already, and that is newer.
    HasRun,
    /// This is to be stored, and these messages count as told by the first program.
    Failing(Box<Change>, Vec<Delivery>),
    /// It was taken over before; the messages, in case that was cut short.
    Already(Vec<Delivery>),
}

/// Decides what `line` changes in the state `before`.
pub(crate) fn take_over(line: &Remembered, target: &Target<'_>, before: &JobState, now: Timestamp) -> Taken {
    if before.ran_at.is_some() {
        return Taken::HasRun;
    }
    if !line.failing {
        let stale = before.failure.is_some().then(|| JobState {
            seq: before.seq + 1,
            episodes: before.episodes,
            silence: before.silence.clone(),
            ..JobState::default()
        });
        return Taken::Well(stale.map(|state| Box::new(change(target, before, state, Vec::new()))));
    }
    let since = line.since.or(line.told).unwrap_or(now).min(now);
    let count = line.failures.max(1);
    if let Some(open) = &before.failure
        && (open.since, open.count, open.told_at.is_some()) == (since, count, line.told.is_some())
    {
        let told = told(line, target, open.number, since, now);
        return Taken::Already(told.map(|(_, deliveries)| deliveries).unwrap_or_default());
    }
    let number = before.episodes.saturating_add(1);
    let told = told(line, target, number, since, now);
    let episode = Episode {
        number,
        since,
        count,
        confirmed: told.is_some() || count >= target.policy.failure_threshold,
        verdict: Verdict::Failed,
        told_verdict: told.is_some().then_some(Verdict::Failed),
        told_at: told_at(line, target.policy, now),
        next_step: u32::from(told.is_some()),
        addressed: told.iter().flat_map(|_| target.recipients.iter().cloned()).collect(),
    };
    let (alerts, deliveries) = told.map(|(alert, list)| (vec![alert], list)).unwrap_or_default();
    let state = JobState {
        seq: before.seq + 1,
        verdict: Some(Verdict::Failed),
        summary: "it failed when the first program last looked".to_owned(),
        since: Some(since),
        episodes: number,
        failure: Some(Box::new(episode)),
        ..before.clone()
    };
    Taken::Failing(Box::new(change(target, before, state, alerts)), deliveries)
}

fn change(target: &Target<'_>, before: &JobState, state: JobState, alerts: Vec<Alert>) -> Change {
    Change { job: target.id.clone(), expected_seq: before.seq, state: Some(state), run: None, alerts, hour: None }
}

/// With `state_change` the first program told once and never reminded. What it left out is not made up for at the first
/// pass: the time to the first reminder begins now, unless it was told so lately that it runs already.
fn told_at(line: &Remembered, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let told = line.told?.min(now);
    let over = interval(policy).is_some_and(|time| now.since(told) >= time);
    Some(if policy.notify == Notify::StateChange && over { now } else { told })
}

/// The first news of the failure as an alert, and as messages that were accepted when the first program sent them.
fn told(
    line: &Remembered,
    target: &Target<'_>,
    episode: u32,
    since: Timestamp,
    now: Timestamp,
) -> Option<(Alert, Vec<Delivery>)> {
    let at = line.told?.min(now);
    let alert = Alert {
        id: AlertId { job: target.id.clone(), episode, step: 0 },
        kind: AlertKind::Down,
        verdict: Verdict::Failed,
        at,
        since,
        failures: line.failures.max(1),
        name: target.policy.name.clone(),
        host: target.policy.host.clone(),
        cause: None,
        subject: format!("{}: told by the first program", target.policy.name),
        body: String::new(),
        note: target.policy.note.clone(),
        // Nobody: it waits for none. The messages below say who was told.
        recipients: Vec::new(),
    };
    let deliveries = target.recipients.iter().map(|to| delivery(&alert, to, target.from, at)).collect();
    Some((alert, deliveries))
}

fn delivery(alert: &Alert, to: &Recipient, from: &str, at: Timestamp) -> Delivery {
    let name = format!("{}|{}|{}", alert.id.job, alert.id.episode, to);
    let id = Uuid::new_v5(&NAMESPACE, name.as_bytes());
    Delivery {
        id,
        recipient: to.clone(),
        alerts: vec![alert.id.clone()],
        subject: alert.subject.clone(),
        body: "The first program told of this. Checker has only noted it.\n".to_owned(),
        message_id: message_id(id, from),
        in_reply_to: None,
        urgent: false,
        digest: false,
        created_at: at,
        attempts: 0,
        // It is marked as told at once. Where that is cut short, it may leave: one repeat, as after any crash.
        next_try: at,
        last_error: None,
        state: DeliveryState::Unsent,
    }
}

#[cfg(test)]
mod tests;
