use super::super::{Change, Ledger, Planned};
use super::Bench;
use super::fixtures::{
    accepted, alert, alert_id, any_clock, at, change, commit_one, delivery, down, failing, id, is_refused, later,
    plan_of, refused, to,
};
use crate::decide::{DeliveryState, Sent, Waiting};
use uuid::Uuid;

/// The next alert of the open episode of a job that `down` began.
fn next_alert(store: &impl Ledger, n: u16, step: u32, secs: i64, recipients: &[u16]) {
    let whom: Vec<_> = recipients.iter().map(|r| to(*r)).collect();
    let seq = u64::from(step);
    let more = Change {
        state: Some(failing(seq + 1, None, 1)),
        alerts: vec![alert(alert_id(n, 1, step), secs, &whom)],
        ..change(n, seq, None)
    };
    commit_one(store, &more);
}

fn only(waiting: Vec<Waiting>) -> Waiting {
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    waiting.into_iter().next().unwrap()
}

fn state_of(store: &impl Ledger, delivery: Uuid) -> DeliveryState {
    let all = store.deliveries(99).unwrap();
    all.into_iter().find(|d| d.id == delivery).unwrap().state
}

pub(super) fn an_alert_is_told_and_the_next_one_continues_its_thread<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &down(1, 0, &[to(1)]));
    let mail = delivery(1, to(1), &[alert_id(1, 1, 0)], 5);
    s.plan(&plan_of(std::slice::from_ref(&mail))).unwrap();
    let waits = only(s.waiting().unwrap());
    assert_eq!((waits.delivery, waits.told), (Some(mail.id), false));
    assert_eq!(s.unsent().unwrap(), std::slice::from_ref(&mail));

    s.mark(mail.id, &accepted(), at(6), at(9)).unwrap();
    assert_eq!(s.waiting().unwrap(), []);
    assert_eq!(s.unsent().unwrap(), []);
    let told = DeliveryState::Told { at: at(6), answer: "250 ok".to_owned() };
    assert_eq!(state_of(s, mail.id), told);
    // An answer that comes again, or another one that comes late, changes nothing.
    s.mark(mail.id, &accepted(), at(7), at(9)).unwrap();
    s.mark(mail.id, &refused(), at(8), at(9)).unwrap();
    s.mark(mail.id, &later(), at(8), at(9)).unwrap();
    assert_eq!(state_of(s, mail.id), told);

    // The other recipient was not told of this episode, and nobody of the next job's.
    next_alert(s, 1, 1, 60, &[1, 2]);
    commit_one(s, &down(2, 61, &[to(1)]));
    let seen: Vec<_> = s.waiting().unwrap().into_iter().map(|w| (w.alert.id, w.recipient, w.told, w.thread)).collect();
    let thread = Some(mail.message_id);
    let expected = [
        (alert_id(1, 1, 1), to(1), true, thread),
        (alert_id(1, 1, 1), to(2), false, None),
        (alert_id(2, 1, 0), to(1), false, None),
    ];
    assert_eq!(seen, expected);
}

pub(super) fn urgent_ones_leave_first_and_then_the_oldest<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let mut mails: Vec<_> =
        [(1, 30), (2, 10), (3, 20), (4, 10), (5, 5)].map(|(n, secs)| delivery(n, to(1), &[], secs)).into();
    mails[0].urgent = true;
    mails[2].urgent = true;
    s.plan(&plan_of(&mails)).unwrap();
    // A refused one keeps its place.
    s.mark(mails[1].id, &refused(), at(40), at(50)).unwrap();
    let order: Vec<_> = s.unsent().unwrap().into_iter().map(|d| d.id).collect();
    assert_eq!(order, [2, 0, 4, 1, 3].map(|n: usize| mails[n].id));
    let newest: Vec<_> = s.deliveries(2).unwrap().into_iter().map(|d| d.id).collect();
    assert_eq!(newest, [mails[0].id, mails[2].id]);
}

pub(super) fn later_counts_tries<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &down(1, 0, &[to(1)]));
    let mail = delivery(1, to(1), &[alert_id(1, 1, 0)], 0);
    s.plan(&plan_of(std::slice::from_ref(&mail))).unwrap();
    s.mark(mail.id, &later(), at(1), at(61)).unwrap();
    s.mark(mail.id, &later(), at(61), at(181)).unwrap();
    let mut expected = mail.clone();
    expected.attempts = 2;
    expected.next_try = at(181);
    expected.last_error = Some("450 try again".to_owned());
    assert_eq!(s.unsent().unwrap(), [expected]);
    assert_eq!(only(s.waiting().unwrap()).delivery, Some(mail.id));
    // Planned again, it stays as far as it was.
    s.plan(&plan_of(&[mail])).unwrap();
    assert_eq!(s.unsent().unwrap()[0].attempts, 2);
}

pub(super) fn a_refused_delivery_is_retried_and_its_alert_waits_no_more<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &down(1, 0, &[to(1), to(2)]));
    let mail = delivery(1, to(1), &[alert_id(1, 1, 0)], 0);
    s.plan(&plan_of(std::slice::from_ref(&mail))).unwrap();
    s.mark(mail.id, &refused(), at(1), at(3_601)).unwrap();
    // The other recipient is not concerned.
    assert_eq!(only(s.waiting().unwrap()).recipient, to(2));
    let kept = s.unsent().unwrap();
    assert_eq!((kept.len(), kept[0].attempts, kept[0].next_try), (1, 1, at(3_601)));
    let why = "550 no such user".to_owned();
    assert_eq!(kept[0].state, DeliveryState::Refused { at: at(1), why });

    // Tried again: the server is away, and the refusal stands.
    s.mark(mail.id, &later(), at(3_601), at(7_201)).unwrap();
    let kept = s.unsent().unwrap();
    assert_eq!((kept[0].attempts, kept[0].next_try), (2, at(7_201)));
    assert!(matches!(kept[0].state, DeliveryState::Refused { .. }));
    // The mailbox was made.
    s.mark(mail.id, &accepted(), at(7_201), at(9_999)).unwrap();
    assert_eq!(s.unsent().unwrap(), []);
    next_alert(s, 1, 1, 8_000, &[1]);
    let told: Vec<_> = s.waiting().unwrap().iter().map(|w| w.told).collect();
    assert_eq!(told, [false, true]);
}

pub(super) fn what_a_refused_delivery_carries_waits_where_news_of_the_same_job_does<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    s.commit(&[down(1, 0, &[to(1), to(2)]), down(2, 1, &[to(1)])]).unwrap();
    let both = delivery(1, to(1), &[alert_id(1, 1, 0), alert_id(2, 1, 0)], 5);
    s.plan(&plan_of(std::slice::from_ref(&both))).unwrap();
    s.mark(both.id, &refused(), at(6), at(3_606)).unwrap();
    let seen = || -> Vec<_> {
        let all = s.waiting().unwrap();
        assert!(all.iter().all(|w| !w.withheld && !w.told && w.thread.is_none()));
        all.into_iter().map(|w| (w.alert.id, w.recipient, w.delivery)).collect()
    };
    let other = (alert_id(1, 1, 0), to(2), None);
    assert_eq!(seen(), std::slice::from_ref(&other));
    // News for another recipient is no reason, nor is news of another job.
    next_alert(s, 1, 1, 60, &[2]);
    commit_one(s, &down(3, 61, &[to(1)]));
    let others = [other.clone(), (alert_id(1, 1, 1), to(2), None), (alert_id(3, 1, 0), to(1), None)];
    assert_eq!(seen(), others);
    // News of one of its jobs is, for that job alone, until it is in a delivery.
    next_alert(s, 1, 2, 120, &[1]);
    let refused_one = (alert_id(1, 1, 0), to(1), Some(both.id));
    let [first, second, third] = others;
    let news = |by| (alert_id(1, 1, 2), to(1), by);
    let with_news = [refused_one, first.clone(), second.clone(), third.clone(), news(None)];
    assert_eq!(seen(), with_news);
    let mail = delivery(2, to(1), &[alert_id(1, 1, 2)], 121);
    s.plan(&plan_of(std::slice::from_ref(&mail))).unwrap();
    assert_eq!(seen(), [first, second, third, news(Some(mail.id))]);
}

pub(super) fn superseded_deliveries_hand_their_alerts_over<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    s.commit(&[down(1, 0, &[to(1)]), down(2, 1, &[to(1)])]).unwrap();
    let one = delivery(1, to(1), &[alert_id(1, 1, 0), alert_id(2, 1, 0)], 0);
    s.plan(&plan_of(std::slice::from_ref(&one))).unwrap();
    let two = delivery(2, to(1), &[alert_id(1, 1, 0)], 60);
    let replace = Planned { deliveries: vec![two.clone()], superseded: vec![one.id, id(7, 7)], ..Planned::default() };
    s.plan(&replace).unwrap();
    let carried: Vec<_> = s.waiting().unwrap().iter().map(|w| w.delivery).collect();
    assert_eq!(carried, [Some(two.id), None]);
    assert_eq!(s.unsent().unwrap(), std::slice::from_ref(&two));
    assert_eq!(state_of(s, one.id), DeliveryState::Superseded);
    // What was said of it before it was replaced means nothing now.
    s.mark(one.id, &later(), at(61), at(99)).unwrap();
    s.mark(one.id, &refused(), at(62), at(99)).unwrap();
    assert_eq!(state_of(s, one.id), DeliveryState::Superseded);
    assert_eq!(s.waiting().unwrap().len(), 2);

    // A refused one gives its alerts back, too.
    s.mark(two.id, &refused(), at(70), at(99)).unwrap();
    assert_eq!(s.waiting().unwrap().len(), 1);
    let give_up = Planned { superseded: vec![two.id], ..Planned::default() };
    s.plan(&give_up).unwrap();
    let carried: Vec<_> = s.waiting().unwrap().iter().map(|w| w.delivery).collect();
    assert_eq!(carried, [None, None]);
    assert_eq!(s.unsent().unwrap(), []);
}

pub(super) fn an_acceptance_after_superseding_is_the_truth<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &down(1, 0, &[to(1)]));
    let one = delivery(1, to(1), &[alert_id(1, 1, 0)], 0);
    let two = delivery(2, to(1), &[alert_id(1, 1, 0)], 60);
    s.plan(&plan_of(std::slice::from_ref(&one))).unwrap();
    let replace = Planned { superseded: vec![one.id], ..plan_of(std::slice::from_ref(&two)) };
    s.plan(&replace).unwrap();
    s.mark(one.id, &accepted(), at(61), at(99)).unwrap();
    assert!(matches!(state_of(s, one.id), DeliveryState::Told { .. }));
    assert_eq!(s.waiting().unwrap(), []);
    // The same plan sent once more does not take it back.
    s.plan(&replace).unwrap();
    assert!(matches!(state_of(s, one.id), DeliveryState::Told { .. }));
    next_alert(s, 1, 1, 120, &[1]);
    let waits = only(s.waiting().unwrap());
    assert_eq!((waits.told, waits.thread), (true, Some(one.message_id)));
}

pub(super) fn withheld_and_dropped_alerts<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &down(1, 0, &[to(1), to(2), to(3)]));
    let key = alert_id(1, 1, 0);
    let settle = Planned {
        dropped: vec![(key.clone(), to(1), "nobody told them".to_owned())],
        withheld: vec![(key.clone(), to(2)), (key.clone(), to(1))],
        ..Planned::default()
    };
    s.plan(&settle).unwrap();
    let seen: Vec<_> = s.waiting().unwrap().into_iter().map(|w| (w.recipient, w.withheld)).collect();
    assert_eq!(seen, [(to(2), true), (to(3), false)]);

    // Mail is on again: it leaves like any other, and is not withheld once more by a plan of before.
    let mail = delivery(1, to(2), std::slice::from_ref(&key), 60);
    s.plan(&plan_of(std::slice::from_ref(&mail))).unwrap();
    s.plan(&settle).unwrap();
    let waits = &s.waiting().unwrap()[0];
    assert_eq!((waits.withheld, waits.delivery), (false, Some(mail.id)));

    // Dropped while it is in a delivery: it waits no more, and if that is accepted nevertheless, it was told.
    let drop_it = Planned { dropped: vec![(key, to(2), "it is well again".to_owned())], ..Planned::default() };
    s.plan(&drop_it).unwrap();
    assert_eq!(only(s.waiting().unwrap()).recipient, to(3));
    s.mark(mail.id, &accepted(), at(61), at(99)).unwrap();
    next_alert(s, 1, 1, 120, &[2]);
    assert!(s.waiting().unwrap()[1].told);
}

pub(super) fn an_alert_gets_more_addressees_and_they_are_known<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &down(1, 0, &[to(1)]));
    commit_one(s, &down(2, 0, &[to(1)]));
    let (key, unknown) = (alert_id(1, 1, 0), alert_id(1, 7, 0));
    let more = Planned { addressed: vec![(key.clone(), to(2)), (unknown, to(2))], ..Planned::default() };
    s.plan(&more).unwrap();
    let whom = |s: &B::Jobs| {
        let waiting = s.waiting().unwrap().into_iter().filter(|w| w.alert.id.job == key.job);
        waiting.map(|w| (w.recipient, w.delivery.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(whom(s), [(to(1), false), (to(2), false)]);
    let all = |s: &B::Jobs| {
        let of = [(key.job.clone(), 1), (key.job.clone(), 7)].into();
        s.addressees(&of).unwrap().into_iter().collect::<Vec<_>>()
    };
    assert_eq!(all(s), [(key.clone(), to(1)), (key.clone(), to(2))]);

    // Addressed again it stays as far as it came: in a delivery, told, dropped.
    let mail = delivery(1, to(2), std::slice::from_ref(&key), 5);
    s.plan(&plan_of(std::slice::from_ref(&mail))).unwrap();
    s.plan(&more).unwrap();
    assert_eq!(whom(s), [(to(1), false), (to(2), true)]);
    s.mark(mail.id, &accepted(), at(6), at(9)).unwrap();
    let settled = Planned { dropped: vec![(key.clone(), to(1), "why".to_owned())], ..Planned::default() };
    s.plan(&settled).unwrap();
    s.plan(&Planned { addressed: vec![(key.clone(), to(1)), (key.clone(), to(2))], ..Planned::default() }).unwrap();
    assert_eq!(whom(s), []);
    assert_eq!(all(s), [(key.clone(), to(1)), (key.clone(), to(2))], "told, dropped: both stay");

    // A delivery that is given up and an addressee more, in one plan: both wait.
    let mail = delivery(2, to(1), &[alert_id(2, 1, 0)], 7);
    s.plan(&plan_of(std::slice::from_ref(&mail))).unwrap();
    let over = Planned {
        superseded: vec![mail.id],
        addressed: vec![(alert_id(2, 1, 0), to(3))],
        dropped: vec![(alert_id(2, 1, 0), to(1), "gone".to_owned())],
        ..Planned::default()
    };
    s.plan(&over).unwrap();
    assert_eq!(only(s.waiting().unwrap()).recipient, to(3));
}

pub(super) fn the_earliest_delivery_begins_the_thread<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &down(1, 0, &[to(1)]));
    next_alert(s, 1, 1, 60, &[1]);
    let first = delivery(1, to(1), &[alert_id(1, 1, 0)], 10);
    let second = delivery(2, to(1), &[alert_id(1, 1, 1), alert_id(1, 1, 0)], 70);
    s.plan(&plan_of(&[first.clone(), second.clone()])).unwrap();
    s.mark(second.id, &accepted(), at(71), at(99)).unwrap();
    next_alert(s, 1, 2, 120, &[1]);
    assert_eq!(only(s.waiting().unwrap()).thread, Some(second.message_id));
    s.mark(first.id, &accepted(), at(72), at(99)).unwrap();
    assert_eq!(only(s.waiting().unwrap()).thread, Some(first.message_id));
}

pub(super) fn a_delivery_may_carry_what_is_not_known<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &down(1, 0, &[to(1)]));
    // A second recipient for a known alert, and an alert that is gone.
    let mail = delivery(1, to(9), &[alert_id(1, 1, 0), alert_id(8, 1, 0)], 0);
    s.plan(&plan_of(std::slice::from_ref(&mail))).unwrap();
    let seen: Vec<_> = s.waiting().unwrap().into_iter().map(|w| (w.recipient, w.delivery)).collect();
    assert_eq!(seen, [(to(1), None), (to(9), Some(mail.id))]);
    s.mark(mail.id, &accepted(), at(1), at(9)).unwrap();
    next_alert(s, 1, 1, 60, &[9]);
    assert!(s.waiting().unwrap()[1].told);
}

pub(super) fn an_answer_to_no_delivery_is_refused<B: Bench>() {
    let b = B::new(any_clock());
    let why = is_refused(b.jobs().mark(id(1, 1), &accepted(), at(1), at(1)));
    assert!(why.contains("no such delivery"), "{why}");
}

pub(super) fn a_plan_of_something_sent_is_refused<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let mut sent = delivery(2, to(1), &[], 0);
    sent.state = DeliveryState::Superseded;
    let why = is_refused(s.plan(&plan_of(&[delivery(1, to(1), &[], 0), sent])));
    assert!(why.contains("sent already"), "{why}");
    assert_eq!(s.deliveries(9).unwrap(), []);
}

pub(super) fn what_was_sent_counts_for_the_budget<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let mut urgent = delivery(2, to(2), &[], 20);
    urgent.urgent = true;
    urgent.digest = true;
    let mails = [delivery(1, to(1), &[], 30), urgent, delivery(3, to(1), &[], 10), delivery(4, to(1), &[], 40)];
    s.plan(&plan_of(&mails)).unwrap();
    s.mark(mails[1].id, &accepted(), at(41), at(99)).unwrap();
    s.mark(mails[0].id, &refused(), at(41), at(99)).unwrap();
    let give_up = Planned { superseded: vec![mails[3].id], ..Planned::default() };
    s.plan(&give_up).unwrap();
    let sent = |n, secs, both| Sent { recipient: to(n), at: at(secs), digest: both, urgent: both };
    assert_eq!(s.sent(at(20)).unwrap(), [sent(2, 20, true), sent(1, 30, false)]);
    assert_eq!(s.sent(at(0)).unwrap().len(), 3);
}
