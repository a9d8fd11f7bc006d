use super::super::{
    Applied, Change, Ledger, PassStart, Planned, Result, RunRecord, RunStatus, Source, StoreClock, StoreError,
};
use crate::decide::{Alert, AlertId, AlertKind, Delivery, DeliveryState, Episode, JobState, Recipient, SendResult};
use checker_job::{JobId, Outcome, Timestamp, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use uuid::Uuid;

/// A clock that tests set.
#[derive(Clone)]
pub(super) struct Hands(Arc<AtomicI64>);

impl Hands {
    pub(super) fn at(secs: i64) -> Self {
        Self(Arc::new(AtomicI64::new(at(secs).micros())))
    }

    pub(super) fn set(&self, secs: i64) {
        self.0.store(at(secs).micros(), Ordering::SeqCst);
    }

    pub(super) fn clock(&self) -> StoreClock {
        let hands = Arc::clone(&self.0);
        StoreClock::new(move || Timestamp::from_micros(hands.load(Ordering::SeqCst)))
    }
}

/// For cases in which the store's time does not matter.
pub(super) fn any_clock() -> StoreClock {
    Hands::at(0).clock()
}

/// `secs` after the moment at which all cases begin.
pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs)
}

/// A UUID of version 7, made at `at(secs)`.
pub(super) fn id(secs: i64, n: u16) -> Uuid {
    let millis = u128::try_from(at(secs).micros() / 1_000).unwrap();
    Uuid::from_u128((millis << 80) | (7 << 76) | (u128::from(n) << 64) | (2 << 62) | u128::from(n))
}

pub(super) fn job(n: u16) -> JobId {
    JobId::literal(format!("tcp:host{n}:53"))
}

pub(super) fn to(n: u16) -> Recipient {
    Recipient(format!("admin{n}@example.com"))
}

pub(super) fn run(n: u16, secs: i64, which: u16) -> RunRecord {
    RunRecord {
        id: id(secs, which),
        job: job(n),
        status: RunStatus::Done,
        queue: String::new(),
        priority: 0,
        not_before: None,
        attempt: 1,
        source: Source::Cron,
        asked_by: None,
        args: None,
        node: id(0, 999),
        host: "alpha".to_owned(),
        pass: Some(id(secs, 998)),
        started: Some(at(secs)),
        ended: Some(at(secs + 1)),
        outcome: Some(Outcome::ok("fine")),
        steady: false,
    }
}

/// A run of a script that began `secs` after the beginning, as far as it has come: 0 begun, 1 given up, 2 failed, 3 or
/// more a success, each a minute long.
pub(super) fn script(n: u16, secs: i64, which: u16, stage: u8) -> RunRecord {
    RunRecord {
        source: Source::Script,
        pass: None,
        status: if stage == 0 { RunStatus::Active } else { RunStatus::Done },
        ended: (stage > 1).then(|| at(secs + 60)),
        outcome: match stage {
            0 => None,
            1 => Some(Outcome::failed("started, never finished")),
            2 => Some(Outcome::failed("exit 3")),
            _ => Some(Outcome::ok("ran")),
        },
        ..run(n, secs, which)
    }
}

pub(super) fn good(seq: u64, run: Option<Uuid>) -> JobState {
    JobState {
        seq,
        run,
        slot: Some(at(0)),
        verdict: Some(Verdict::Ok),
        summary: format!("state {seq}"),
        ..JobState::default()
    }
}

pub(super) fn failing(seq: u64, run: Option<Uuid>, episode: u32) -> JobState {
    JobState {
        episodes: episode,
        verdict: Some(Verdict::Failed),
        failure: Some(Box::new(Episode {
            number: episode,
            since: at(0),
            count: 1,
            confirmed: true,
            verdict: Verdict::Failed,
            told_verdict: None,
            told_at: None,
            next_step: 1,
            addressed: [to(1)].into(),
        })),
        ..good(seq, run)
    }
}

pub(super) fn alert_id(n: u16, episode: u32, step: u32) -> AlertId {
    AlertId { job: job(n), episode, step }
}

pub(super) fn alert(id: AlertId, secs: i64, recipients: &[Recipient]) -> Alert {
    Alert {
        kind: AlertKind::Down,
        verdict: Verdict::Failed,
        at: at(secs),
        since: at(secs - 60),
        failures: 2,
        name: id.job.to_string(),
        host: Some("ns".to_owned()),
        cause: None,
        subject: format!("{} is down", id.job),
        body: "refused\nagain".to_owned(),
        note: None,
        recipients: recipients.to_vec(),
        id,
    }
}

/// A change with nothing in it but a run and a state.
pub(super) fn change(n: u16, expected_seq: u64, run: Option<RunRecord>) -> Change {
    Change {
        job: job(n),
        expected_seq,
        state: Some(good(expected_seq + 1, run.as_ref().map(|r| r.id))),
        run,
        alerts: Vec::new(),
        hour: None,
    }
}

/// A first failure of a job that has no state, with one alert.
pub(super) fn down(n: u16, secs: i64, recipients: &[Recipient]) -> Change {
    let run = run(n, secs, n);
    Change {
        job: job(n),
        expected_seq: 0,
        state: Some(failing(1, Some(run.id), 1)),
        run: Some(run),
        alerts: vec![alert(alert_id(n, 1, 0), secs, recipients)],
        hour: None,
    }
}

pub(super) fn delivery(which: u16, recipient: Recipient, alerts: &[AlertId], secs: i64) -> Delivery {
    let id = id(secs, which);
    Delivery {
        id,
        recipient,
        alerts: alerts.to_vec(),
        subject: "[alpha] down".to_owned(),
        body: "it is down".to_owned(),
        message_id: format!("<{id}@alpha>"),
        in_reply_to: None,
        urgent: false,
        digest: alerts.len() > 1,
        created_at: at(secs),
        attempts: 0,
        next_try: at(secs),
        last_error: None,
        state: DeliveryState::Unsent,
    }
}

pub(super) fn plan_of(deliveries: &[Delivery]) -> Planned {
    Planned { deliveries: deliveries.to_vec(), ..Planned::default() }
}

pub(super) fn accepted() -> SendResult {
    SendResult::Accepted { answer: "250 ok".to_owned() }
}

pub(super) fn later() -> SendResult {
    SendResult::Later { why: "450 try again".to_owned() }
}

pub(super) fn refused() -> SendResult {
    SendResult::Refused { why: "550 no such user".to_owned() }
}

pub(super) fn pass(secs: i64, which: u16) -> PassStart {
    PassStart { id: id(secs, which), node: id(0, 999), started: at(secs), called: "minute".to_owned() }
}

pub(super) fn commit_one(store: &impl Ledger, change: &Change) -> Applied {
    let answers = store.commit(std::slice::from_ref(change)).unwrap();
    assert_eq!(answers.len(), 1);
    answers[0]
}

pub(super) fn state_of(store: &impl Ledger, n: u16) -> Option<JobState> {
    store.states(&[job(n)]).unwrap().remove(&job(n))
}

pub(super) fn is_refused<T: std::fmt::Debug>(answer: Result<T>) -> String {
    match answer {
        Err(StoreError::Refused(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}
