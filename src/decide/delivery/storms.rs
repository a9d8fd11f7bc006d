//! Thousands of alerts at once, and news that never ends.

use super::tests::{D, NOW, ann, told, waits};
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_secs(600);

/// A row of numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Everything that one recipient waits for and gets, with the waves of passes a minute apart.
struct Life {
    waiting: Vec<Waiting>,
    sent: Vec<Sent>,
    longest: Duration,
}

impl Life {
    fn wave(&mut self, now: Timestamp, limits: &Limits) {
        let plan = plan(now, &self.waiting, &self.sent, limits, false);
        for out in plan.outgoing {
            for alert in out.alerts() {
                self.longest = self.longest.max(now.since(alert.at));
                self.waiting.retain(|w| w.alert.id != alert.id);
            }
            self.sent.push(Sent { recipient: out.recipient, at: now, digest: false, urgent: out.urgent });
        }
    }

    fn most(&self) -> usize {
        let count = |a: &Sent| self.sent.iter().filter(|b| b.at >= a.at && b.at.since(a.at) < WINDOW).count();
        self.sent.iter().map(count).max().unwrap_or(0)
    }
}

/// New failures in each wave, waves up to 45 s after the start of their pass, slow passes with waves of their own.
fn live(seed: u64) -> Life {
    let limits = Limits::default();
    let mut chance = Chance(seed);
    let mut life = Life { waiting: Vec::new(), sent: Vec::new(), longest: Duration::ZERO };
    let (mut nth, eagerness) = (0, 1 + chance.below(4));
    for minute in 0..90 {
        let start = NOW.plus(SECOND * 60 * minute).plus(SECOND * u32::try_from(chance.below(3)).unwrap_or(0));
        let mut at: Vec<u64> = (0..chance.below(eagerness * 2)).map(|_| chance.below(57)).collect();
        at.push(chance.below(46));
        at.sort_unstable();
        for after in at {
            let now = start.plus(Duration::from_secs(after));
            for _ in 0..chance.below(eagerness) {
                nth += 1;
                let mut down = waits(&format!("job{nth}"), 1, 0, D);
                down.alert.at = now;
                life.waiting.push(down);
            }
            life.wave(now, &limits);
        }
    }
    life
}

#[test]
fn no_first_failure_waits_longer_than_ten_minutes_and_no_ten_minutes_have_more_than_ten_messages() {
    for seed in 0..200 {
        let life = live(seed);
        assert!(life.most() <= 10, "{} messages in ten minutes, seed {seed}", life.most());
        assert!(life.longest <= WINDOW, "{:?} until a first failure left, seed {seed}", life.longest);
    }
}

#[test]
fn the_last_place_is_not_given_at_once() {
    let sent = |count: u64, age: u64| -> Vec<Sent> {
        let one = |i| Sent {
            recipient: ann(),
            at: NOW.minus(SECOND * u32::try_from(age + i).unwrap_or(0)),
            digest: false,
            urgent: true,
        };
        (0..count).map(one).collect()
    };
    let two = [waits("dns", 1, 0, D), waits("web", 1, 0, D)];
    let at_once = |sent: &[Sent]| plan(NOW, &two, sent, &Limits::default(), false).outgoing.len();
    assert_eq!((at_once(&sent(7, 10)), at_once(&sent(8, 10)), at_once(&sent(9, 10))), (2, 1, 0));
    assert_eq!((at_once(&sent(8, 120)), at_once(&sent(9, 120)), at_once(&sent(10, 120))), (2, 1, 0));
}

#[test]
fn ten_thousand_failures_are_one_digest() {
    let waiting: Vec<Waiting> = (0..10_000).map(|n| waits(&format!("job{n}"), 1, 0, D)).collect();
    let all = plan(NOW, &waiting, &[], &Limits::default(), false);
    assert_eq!((all.outgoing.len(), all.outgoing[0].groups.len()), (1, 10_000));
}

/// Where each reminder looked at all others, this took minutes.
#[test]
fn reminders_that_pile_up_while_mail_is_switched_off_are_dropped_quickly() {
    let reminder =
        |n: usize| told(waits(&format!("job{}", n % 500), 1, 1 + u32::try_from(n).unwrap_or(0), AlertKind::Reminder));
    let mut waiting: Vec<Waiting> = (0..60_000).map(reminder).collect();
    for w in &mut waiting {
        w.told = false;
    }
    let all = plan(NOW, &waiting, &[], &Limits::default(), true);
    assert_eq!((all.withheld.len(), all.dropped.len()), (500, 59_500));
}
