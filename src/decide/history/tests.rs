use super::*;
use crate::decide::{AlertId, Recipient};
use checker_job::Verdict;
use uuid::Uuid;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn alert(job: &str, kind: AlertKind, since: i64, decided: i64) -> Alert {
    Alert {
        id: AlertId { job: JobId::literal(job.to_owned()), episode: 1, step: u32::from(kind != AlertKind::Down) },
        kind,
        verdict: Verdict::Failed,
        at: at(decided),
        since: at(since),
        failures: 2,
        name: job.to_owned(),
        host: None,
        cause: None,
        subject: String::new(),
        body: String::new(),
        note: None,
        recipients: Vec::new(),
    }
}

fn delivery(alerts: &[&Alert], state: DeliveryState) -> Delivery {
    Delivery {
        id: Uuid::nil(),
        recipient: Recipient("a@example.com".to_owned()),
        alerts: alerts.iter().map(|a| a.id.clone()).collect(),
        subject: String::new(),
        body: String::new(),
        message_id: String::new(),
        in_reply_to: None,
        urgent: true,
        digest: false,
        created_at: at(0),
        attempts: 0,
        next_try: at(0),
        last_error: None,
        state,
    }
}

fn told(secs: i64) -> DeliveryState {
    DeliveryState::Told { at: at(secs), answer: String::new() }
}

#[test]
fn the_first_acceptance_of_the_first_news_counts() {
    let (down, up) = (alert("web", AlertKind::Down, 0, 60), alert("web", AlertKind::Recovery, 0, 500));
    let never = alert("db", AlertKind::Down, 100, 160);
    let sent = [
        delivery(&[&down], DeliveryState::Refused { at: at(61), why: String::new() }),
        delivery(&[&down], told(90)),
        delivery(&[&down], told(70)),
        delivery(&[&up], told(501)),
    ];
    let all = past(&[up.clone(), down.clone(), never], &sent, |job| (job.as_str() == "web").then(|| secs(100)));
    let names: Vec<&str> = all.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["db", "web"], "newest first, and no recovery");
    assert_eq!((all[0].accepted, all[0].due()), (None, None));
    assert_eq!((all[1].accepted, all[1].due()), (Some(at(70)), Some(at(100))));
    assert_eq!(all[1].is_held(secs(30), at(999)), Some(true));
    assert_eq!(all[1].is_held(secs(31), at(999)), Some(false));
}

#[test]
fn what_was_not_told_is_late_only_when_its_time_is_over() {
    let open = past(&[alert("web", AlertKind::Down, 0, 60)], &[], |_| Some(secs(100)));
    assert_eq!(open[0].is_held(secs(5), at(100)), None);
    assert_eq!(open[0].is_held(secs(5), at(101)), Some(false));
    let free = past(&[alert("web", AlertKind::Down, 0, 60)], &[], |_| None);
    assert_eq!(free[0].is_held(secs(5), at(9_999)), None);
}

#[test]
fn a_few_round_trips_say_nothing() {
    assert_eq!(Latency::of(&[]), None);
    assert_eq!(Latency::of(&[1; 9]), None);
    let many: Vec<u32> = (1..=11).rev().collect();
    assert_eq!(Latency::of(&many), Some(Latency { count: 11, median: secs(6), longest: secs(11) }));
}
