//! Single rules of what leaves.

use super::*;
use checker_job::Verdict;

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(super) const D: AlertKind = AlertKind::Down;
const R: AlertKind = AlertKind::Recovery;

pub(super) fn ann() -> Recipient {
    Recipient("ann@example.com".to_owned())
}

pub(super) fn waits(job: &str, episode: u32, step: u32, kind: AlertKind) -> Waiting {
    let id = AlertId { job: JobId::literal(job), episode, step };
    Waiting {
        alert: Alert {
            id,
            kind,
            verdict: Verdict::Failed,
            at: NOW,
            since: NOW,
            failures: 2,
            name: job.to_owned(),
            host: None,
            cause: None,
            subject: String::new(),
            body: String::new(),
            note: None,
            recipients: vec![ann()],
        },
        recipient: ann(),
        delivery: None,
        withheld: false,
        told: false,
        thread: None,
    }
}

pub(super) fn told(mut w: Waiting) -> Waiting {
    w.told = true;
    w.thread = Some(format!("<{}>", w.alert.id.job));
    w
}

fn carried(mut w: Waiting, delivery: u128) -> Waiting {
    w.delivery = Some(Uuid::from_u128(delivery));
    w
}

fn withheld(mut w: Waiting) -> Waiting {
    w.withheld = true;
    w
}

fn blind(job: &str, cause: &str) -> Waiting {
    let mut w = waits(job, 1, 0, AlertKind::CannotJudge);
    w.alert.cause = Some(cause.to_owned());
    w
}

/// `count` messages to ann, the newest `age` seconds ago, a second apart.
fn sent(count: u64, age: u64, urgent: bool) -> Vec<Sent> {
    let one = |i| Sent { recipient: ann(), at: NOW.minus(Duration::from_secs(age + i)), digest: false, urgent };
    (0..count).map(one).collect()
}

fn decide(waiting: &[Waiting], sent: &[Sent]) -> Plan {
    plan(NOW, waiting, sent, &Limits::default(), false)
}

/// Of each message: whether it is urgent, and job and kind of each alert.
fn shown(plan: &Plan) -> Vec<(bool, Vec<(&str, AlertKind)>)> {
    let alerts = |o: &Outgoing| -> Vec<(String, AlertKind)> { o.alerts().map(|a| (a.name.clone(), a.kind)).collect() };
    assert!(plan.outgoing.iter().all(|o| !alerts(o).is_empty()));
    plan.outgoing.iter().map(|o| (o.urgent, o.alerts().map(|a| (a.name.as_str(), a.kind)).collect())).collect()
}

fn reasons(plan: &Plan) -> Vec<(u32, &str)> {
    plan.dropped.iter().map(|(id, _, why)| (id.step, why.as_str())).collect()
}

#[test]
fn down_and_up_that_both_wait_are_one_message_and_an_end_alone_needs_a_beginning() {
    let both = decide(&[waits("dns", 1, 0, D), waits("dns", 1, 1, R)], &[]);
    assert_eq!(shown(&both), [(false, vec![("dns", D), ("dns", R)])]);
    assert!(!both.outgoing[0].is_digest());
    let alone = decide(&[waits("dns", 1, 1, R)], &[]);
    assert!(alone.outgoing.is_empty());
    assert_eq!(reasons(&alone), [(1, "this recipient was not told of the failure")]);
    // Told of the down, and the end overtakes the reminder.
    let reminder = told(waits("dns", 1, 1, AlertKind::Reminder));
    let end = decide(&[reminder, told(waits("dns", 1, 2, R))], &[]);
    assert_eq!(shown(&end), [(false, vec![("dns", R)])]);
    assert_eq!(reasons(&end), [(1, "it has ended")]);
    assert_eq!(end.outgoing[0].thread.as_deref(), Some("<dns>"));
}

#[test]
fn what_only_adds_to_an_unsent_message_is_dropped_and_what_turns_it_replaces_it() {
    let down = carried(waits("dns", 1, 0, D), 7);
    let adds = decide(&[down.clone(), waits("dns", 1, 1, AlertKind::Reminder)], &[]);
    assert_eq!((adds.outgoing.len(), adds.superseded.len()), (0, 0));
    assert_eq!(reasons(&adds), [(1, "the message before it has not left yet")]);
    for (kind, urgent) in [(R, false), (AlertKind::Worse, true), (AlertKind::SteadyBad, true)] {
        let turns = decide(&[down.clone(), waits("dns", 1, 1, kind)], &[]);
        assert_eq!(shown(&turns), [(urgent, vec![("dns", D), ("dns", kind)])]);
        assert_eq!(turns.superseded, [Uuid::from_u128(7)]);
    }
    // The other episodes of a digest that is replaced go on.
    let other = carried(waits("web", 1, 0, D), 7);
    let turns = decide(&[down, other, waits("dns", 1, 1, R)], &[]);
    let both = [(true, vec![("web", D)]), (false, vec![("dns", D), ("dns", R)])];
    assert_eq!(shown(&turns), both);
    // Nothing new: nothing happens.
    let rest = decide(&[carried(waits("dns", 1, 0, D), 7)], &[]);
    assert_eq!(rest, Plan::default());
}

#[test]
fn all_news_of_one_job_is_one_message_so_that_no_old_end_comes_after_a_new_failure() {
    let waiting = [carried(told(waits("dns", 1, 1, R)), 7), waits("dns", 2, 0, D)];
    let plan = decide(&waiting, &[]);
    assert_eq!(shown(&plan), [(true, vec![("dns", R), ("dns", D)])]);
    assert_eq!((plan.outgoing[0].is_digest(), &plan.outgoing[0].thread), (true, &None));
    assert_eq!(plan.superseded, [Uuid::from_u128(7)]);
    // The end may not be held while the failure leaves.
    let waiting = [told(waits("dns", 1, 1, R)), waits("dns", 2, 0, D)];
    assert_eq!(decide(&waiting, &sent(8, 60, true)).outgoing.len(), 1);
}

#[test]
fn a_few_messages_leave_alone_and_more_are_one_digest() {
    let downs: Vec<Waiting> = ["a", "b", "c", "d"].map(|job| waits(job, 1, 0, D)).into();
    let three = decide(&downs[..3], &[]);
    assert_eq!(three.outgoing.len(), 3);
    assert!(three.outgoing.iter().all(|o| o.urgent && !o.is_digest()));
    let four = decide(&downs, &[]);
    assert_eq!((four.outgoing.len(), four.outgoing[0].groups.len()), (1, 4));
    assert!(four.outgoing[0].urgent);
    // Slow ones come along with a digest, and count toward it.
    let ups: Vec<Waiting> = ["e", "f", "g"].map(|job| told(waits(job, 1, 1, R))).into();
    let mixed = decide(&[&downs[..1], &ups].concat(), &[]);
    assert_eq!((mixed.outgoing.len(), mixed.outgoing[0].urgent), (1, true));
    // Each recipient has his own.
    let mut others = downs.clone();
    for w in &mut others[2..] {
        w.recipient = Recipient("bob@example.com".to_owned());
    }
    assert_eq!(decide(&others, &[]).outgoing.len(), 4);
}

#[test]
fn slow_ones_leave_the_reserve_alone_and_first_downs_use_it() {
    let up = [told(waits("dns", 1, 1, R))];
    let down = [waits("dns", 1, 0, D)];
    assert_eq!(decide(&up, &sent(6, 60, true)).outgoing.len(), 1);
    let held = decide(&up, &sent(7, 60, true));
    assert_eq!((held.outgoing.len(), held.held), (0, 1));
    assert_eq!(decide(&down, &sent(9, 120, true)).outgoing.len(), 1);
    let held = decide(&down, &sent(10, 60, true));
    assert_eq!((held.outgoing.len(), held.held), (0, 1));
    // Two downs, room for one message.
    let two = [waits("dns", 1, 0, D), waits("web", 1, 0, D)];
    let one = decide(&two, &sent(9, 120, true));
    assert_eq!((one.outgoing.len(), one.outgoing[0].groups.len()), (1, 2));
    // The window ends after ten minutes, and what was sent by a clock that was ahead is not in it.
    assert_eq!(decide(&down, &sent(10, 590, true)).held, 1);
    assert_eq!(decide(&down, &sent(10, 591, true)).outgoing.len(), 1);
    let ahead = |secs| {
        let mut sent = sent(10, 0, true);
        for s in &mut sent {
            s.at = NOW.plus(Duration::from_secs(secs));
        }
        sent
    };
    assert_eq!(decide(&down, &ahead(60)).held, 1);
    assert_eq!(decide(&down, &ahead(86_400 * 365)).outgoing.len(), 1);
    // What others got does not count.
    let mut others = sent(10, 60, true);
    for s in &mut others {
        s.recipient = Recipient("bob@example.com".to_owned());
    }
    assert_eq!(decide(&down, &others).outgoing.len(), 1);
}

#[test]
fn as_the_days_limit_nears_slow_ones_wait_for_the_hours_digest() {
    let ups: Vec<Waiting> = ["e", "f"].map(|job| told(waits(job, 1, 1, R))).into();
    let day = |count, age| sent(count, age, false);
    assert_eq!(decide(&ups, &day(149, 4_000)).outgoing.len(), 2);
    let digest = decide(&ups, &day(150, 4_000));
    assert_eq!((digest.outgoing.len(), digest.outgoing[0].groups.len()), (1, 2));
    assert_eq!(decide(&ups, &day(150, 3_400)).held, 2);
    let down = [waits("dns", 1, 0, D)];
    assert_eq!(decide(&down, &day(1_000, 700)).outgoing.len(), 1);
    assert!(!Limits::default().is_near(149) && Limits::default().is_near(150));
}

#[test]
fn what_waits_while_nothing_leaves_becomes_one_message() {
    let old: Vec<Waiting> = (0..3u8).map(|i| carried(waits(&format!("old{i}"), 1, 0, D), u128::from(i))).collect();
    let new = waits("new", 1, 0, D);
    let one = decide(&[&old[..], std::slice::from_ref(&new)].concat(), &[]);
    assert_eq!((one.outgoing.len(), one.outgoing[0].groups.len()), (1, 4));
    assert_eq!(one.superseded.len(), 3);
    let few = decide(&[&old[..2], &[new]].concat(), &[]);
    assert_eq!((few.outgoing.len(), few.superseded.len()), (1, 0));
    // What a limit holds is no reason.
    let slow = told(waits("slow", 1, 1, R));
    let held = decide(&[&old[..], &[slow]].concat(), &sent(8, 60, true));
    assert_eq!((held.outgoing.len(), held.superseded.len(), held.held), (0, 0, 1));
}

#[test]
fn one_cause_is_one_message() {
    let same = decide(&[blind("a", "no network"), blind("b", "no network")], &[]);
    assert_eq!((same.outgoing.len(), same.outgoing[0].groups.len()), (1, 2));
    assert!(same.outgoing[0].urgent);
    let two = decide(&[blind("a", "no network"), blind("b", "no program")], &[]);
    assert_eq!(two.outgoing.len(), 2);
    // One that is over already does not take the others' urgency away.
    let mut over = waits("a", 1, 1, AlertKind::JudgedAgain);
    over.alert.cause = Some("no network".to_owned());
    let mixed = decide(&[blind("a", "no network"), over, blind("b", "no network")], &sent(8, 60, true));
    assert_eq!(mixed.outgoing.len(), 1);
    assert!(mixed.outgoing[0].urgent);
    assert_eq!(mixed.outgoing[0].alerts().next().unwrap().name, "b");
}

#[test]
fn while_mail_is_off_all_is_kept_back_and_what_is_still_true_is_told_after() {
    let down = waits("dns", 1, 0, D);
    let off = |w: &[Waiting]| plan(NOW, w, &[], &Limits::default(), true);
    let kept = off(std::slice::from_ref(&down));
    assert_eq!((kept.withheld.len(), kept.outgoing.len()), (1, 0));
    let down = withheld(down);
    assert_eq!(off(std::slice::from_ref(&down)), Plan::default());
    assert_eq!(off(&[carried(waits("web", 1, 0, D), 7)]), Plan::default());
    assert_eq!(decide(std::slice::from_ref(&down), &[]).outgoing.len(), 1);
    let over = decide(&[down.clone(), withheld(waits("dns", 1, 1, R))], &[]);
    assert!(over.outgoing.is_empty());
    let why = "it began and ended while mail was switched off";
    assert_eq!(reasons(&over), [(0, why), (1, why)]);
    // It began before: whoever waits for it hears of it.
    let before = [
        carried(waits("dns", 1, 0, D), 7),
        withheld(waits("dns", 1, 1, AlertKind::Reminder)),
        withheld(waits("dns", 1, 2, R)),
    ];
    assert_eq!(decide(&before, &[]).outgoing.len(), 1);
    // Who was told of it hears of its end.
    let end = decide(&[withheld(told(waits("dns", 1, 1, R)))], &[]);
    assert_eq!(shown(&end), [(false, vec![("dns", R)])]);
}

#[test]
fn urgent_ones_leave_first_and_only_news_is_urgent() {
    let up = told(waits("a", 1, 1, R));
    let reminder = waits("b", 1, 1, AlertKind::Reminder);
    let worse = told(waits("c", 1, 1, AlertKind::Worse));
    let flapping = waits("d", 1, 0, AlertKind::Flapping);
    let lanes = |waiting: &[Waiting]| -> Vec<bool> { decide(waiting, &[]).outgoing.iter().map(|o| o.urgent).collect() };
    assert_eq!(lanes(&[up, reminder.clone(), worse]), [true, false, false]);
    assert_eq!(lanes(&[flapping, reminder]), [false, false]);
    assert_eq!(lanes(&[told(waits("e", 1, 2, AlertKind::SteadyBad))]), [true]);
}

#[test]
fn tries_are_further_and_further_apart() {
    let minutes: Vec<u64> =
        [0, 1, 2, 3, 4, 5, 64, 65, u32::MAX].map(|attempts| retry_after(attempts).as_secs() / 60).into();
    assert_eq!(minutes, [1, 1, 2, 4, 8, 10, 10, 10, 10]);
}
