//! The store and the plan together: whatever the mail server answers, the last message about a job that a recipient gets
//! is true.

use super::super::{Change, Ledger, Memory, Planned, Retention};
use super::Bench;
use super::fixtures::{accepted, alert, alert_id, any_clock, at, change, delivery, failing, later, refused, to};
use crate::decide::delivery::{Limits, REFUSED_RETRY, plan, retry_after};
use crate::decide::{AlertId, AlertKind, DeliveryState, SendResult};
use proptest::prelude::*;
use std::collections::BTreeMap;

const D: AlertKind = AlertKind::Down;
const R: AlertKind = AlertKind::Recovery;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// What one message says: of each alert its job and its kind.
type Message = Vec<(u16, AlertKind)>;

/// Where a job stands: its state's number, its episode, and the step that comes next while that is open.
#[derive(Clone, Copy, Default)]
struct Place {
    seq: u64,
    episode: u32,
    step: Option<u32>,
}

/// Jobs that go down and up, one recipient, and what arrived there.
struct Story<'a, S> {
    store: &'a S,
    secs: i64,
    jobs: BTreeMap<u16, Place>,
    kinds: BTreeMap<AlertId, (u16, AlertKind)>,
    fresh: u16,
    nomail: bool,
    got: Vec<Message>,
}

impl<'a, S: Ledger> Story<'a, S> {
    fn new(store: &'a S) -> Self {
        let (jobs, kinds) = (BTreeMap::new(), BTreeMap::new());
        Self { store, secs: 0, jobs, kinds, fresh: 0, nomail: false, got: Vec::new() }
    }

    /// A down begins an episode, a recovery ends it, a reminder goes on with it.
    fn tell(&mut self, n: u16, kind: AlertKind) {
        let place = self.jobs.entry(n).or_default();
        if kind == D {
            place.episode += 1;
        }
        let step = place.step.unwrap_or(0);
        place.step = (kind != R).then_some(step + 1);
        let id = alert_id(n, place.episode, step);
        let mut news = alert(id.clone(), self.secs, &[to(1)]);
        news.kind = kind;
        let mut change = Change { alerts: vec![news], ..change(n, place.seq, None) };
        place.seq += 1;
        if place.step.is_some() {
            change.state = Some(failing(place.seq, None, place.episode));
        } else if let Some(state) = &mut change.state {
            state.episodes = place.episode;
        }
        self.kinds.insert(id, (n, kind));
        self.store.commit(&[change]).unwrap();
    }

    fn plan(&mut self) {
        let (now, store) = (at(self.secs), self.store);
        let sent = store.sent(at(self.secs - DAY)).unwrap();
        let plan = plan(now, &store.waiting().unwrap(), &sent, &Limits::default(), self.nomail);
        let mut planned = Planned {
            superseded: plan.superseded,
            dropped: plan.dropped,
            withheld: plan.withheld,
            ..Planned::default()
        };
        for out in &plan.outgoing {
            self.fresh += 1;
            let alerts: Vec<AlertId> = out.alerts().map(|a| a.id.clone()).collect();
            let mut new = delivery(self.fresh, out.recipient.clone(), &alerts, self.secs);
            (new.urgent, new.digest, new.in_reply_to) = (out.urgent, out.is_digest(), out.thread.clone());
            planned.deliveries.push(new);
        }
        store.plan(&planned).unwrap();
    }

    /// A pass `secs` later: plans, and tries what is due.
    fn pass(&mut self, secs: i64, answer: &SendResult) {
        self.secs += secs;
        self.plan();
        let now = at(self.secs);
        let due = self.store.unsent().unwrap().into_iter().filter(|d| d.next_try <= now && !self.nomail);
        for d in due.collect::<Vec<_>>() {
            let wait = match answer {
                SendResult::Refused { .. } => REFUSED_RETRY,
                _ => retry_after(d.attempts + 1),
            };
            self.store.mark(d.id, answer, now, now.plus(wait)).unwrap();
            if matches!(answer, SendResult::Accepted { .. }) {
                self.got.push(d.alerts.iter().map(|id| self.kinds[id]).collect());
            }
        }
    }

    /// Everything works, for long enough.
    fn heal(&mut self) {
        self.nomail = false;
        for _ in 0..8 {
            self.pass(HOUR, &accepted());
        }
    }
}

pub(super) fn a_refused_down_is_never_told_without_its_end<B: Bench>() {
    // The server takes messages again at once, when the old one was to be tried, or only when the new one is.
    for refusals in 0..3 {
        let b = B::new(any_clock());
        let mut story = Story::new(b.jobs());
        story.tell(1, D);
        story.pass(0, &refused());
        story.secs += 600;
        story.tell(1, R);
        for _ in 0..refusals {
            story.pass(1_800, &refused());
        }
        assert_eq!(story.got, Vec::<Message>::new());
        story.heal();
        assert_eq!(story.got, [vec![(1, D), (1, R)]], "after {refusals} refusals");
        assert_eq!((story.store.waiting().unwrap(), story.store.unsent().unwrap()), (vec![], vec![]));
    }
}

pub(super) fn a_refused_digest_is_dissolved_and_the_rest_of_it_told<B: Bench>() {
    let b = B::new(any_clock());
    let mut story = Story::new(b.jobs());
    for n in 1..5 {
        story.tell(n, D);
    }
    story.pass(0, &refused());
    let digest = story.store.unsent().unwrap();
    assert_eq!((digest.len(), digest[0].alerts.len()), (1, 4));
    story.secs += 60;
    story.tell(1, R);
    story.pass(0, &accepted());
    assert_eq!(story.got, [vec![(1, D), (1, R)]]);
    let all = story.store.deliveries(9).unwrap();
    assert!(all.iter().any(|d| d.id == digest[0].id && d.state == DeliveryState::Superseded));
    story.heal();
    story.got.sort_by_key(Vec::len);
    assert_eq!(story.got.concat().len(), 5, "{:?}", story.got);
    for n in 2..5 {
        assert!(story.got.concat().contains(&(n, D)), "{n} in {:?}", story.got);
    }
}

pub(super) fn a_refused_episode_and_the_next_one_are_one_message<B: Bench>() {
    let b = B::new(any_clock());
    let mut story = Story::new(b.jobs());
    story.tell(1, D);
    story.pass(0, &accepted());
    story.tell(1, R);
    story.pass(60, &refused());
    // Told after the next failure, the old recovery would be untrue.
    story.tell(1, D);
    story.pass(60, &accepted());
    story.heal();
    assert_eq!(story.got, [vec![(1, D)], vec![(1, R), (1, D)]]);
}

pub(super) fn what_was_withheld_takes_the_refused_one_along<B: Bench>() {
    let b = B::new(any_clock());
    let mut story = Story::new(b.jobs());
    story.tell(1, D);
    story.pass(0, &refused());
    story.nomail = true;
    story.tell(1, R);
    story.pass(60, &accepted());
    let seen: Vec<_> = story.store.waiting().unwrap().iter().map(|w| (w.delivery.is_some(), w.withheld)).collect();
    assert_eq!(seen, [(true, false), (false, true)]);
    story.heal();
    assert_eq!(story.got, [vec![(1, D), (1, R)]]);
}

pub(super) fn a_refused_delivery_that_went_by_age_is_told_no_more<B: Bench>() {
    let b = B::new(any_clock());
    let mut story = Story::new(b.jobs());
    story.tell(1, D);
    story.pass(0, &refused());
    story.secs += 9 * DAY;
    // The delivery; the alert stays with its open episode.
    assert_eq!(story.store.prune(at(story.secs), &Retention::default()).unwrap(), 1);
    story.tell(1, R);
    assert_eq!(story.store.waiting().unwrap().len(), 1);
    story.heal();
    assert_eq!(story.got, Vec::<Message>::new());
    assert_eq!(story.store.waiting().unwrap(), []);
}

/// One thing that happens: `what` to job `n`; then a pass, `secs` later, with this answer of the mail server.
fn events() -> impl Strategy<Value = Vec<(u8, u16, i64, SendResult)>> {
    let answer = prop_oneof![3 => Just(refused()), 2 => Just(accepted()), 1 => Just(later())];
    let secs = prop_oneof![Just(60), Just(1_200), Just(HOUR)];
    proptest::collection::vec((0..10_u8, 0..3_u16, secs, answer), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(20_260_411),
        ..ProptestConfig::default()
    })]
    /// On the model, of which the other stores are proven to do the same.
    #[test]
    fn the_last_message_is_true(events in events()) {
        let memory = Memory::new(any_clock()).shared();
        let mut story = Story::new(&memory);
        for (what, n, secs, answer) in events {
            let open = story.jobs.get(&n).is_some_and(|p| p.step.is_some());
            match (what, open) {
                (0..=4, true) => story.tell(n, R),
                (0..=4, false) => story.tell(n, D),
                (5, true) => story.tell(n, AlertKind::Reminder),
                (6, true) => story.tell(n, AlertKind::Worse),
                (7, _) => story.nomail = !story.nomail,
                _ => {}
            }
            story.pass(secs, &answer);
        }
        story.heal();
        for (n, place) in &story.jobs {
            let told: Vec<AlertKind> = story.got.iter().flatten().filter(|(job, _)| job == n).map(|(_, k)| *k).collect();
            let known = told.last().is_some_and(|kind| !kind.is_ending());
            prop_assert_eq!(known, place.step.is_some(), "job {}: {:?}", n, story.got);
            let alone = told.iter().enumerate().any(|(i, kind)| kind.is_ending() && (i == 0 || told[i - 1].is_ending()));
            prop_assert!(!alone, "an end without a beginning, job {}: {:?}", n, told);
        }
    }
}
