//! The file against the model: any history, and after each call the same answer and the same content.

use super::super::{
    Change, Ledger, Memory, Own, PassEnd, Planned, Result, Retention, RunRecord, Scripts, Shared, Sqlite,
};
use super::fixtures::{
    Hands, accepted, alert, alert_id, at, delivery, failing, good, id, job, later, pass, refused, run, script, to,
};
use super::folder;
use crate::decide::script::Wanted;
use crate::decide::{Delivery, DeliveryState, JobState, SendResult, Tally};
use checker_job::{JobId, Outcome, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;
use uuid::Uuid;

const DAY: i64 = 86_400;

/// One call with all its values, so that it can be made on two stores, and again later.
#[derive(Clone, Debug)]
enum Call {
    Commit(bool, Vec<Change>),
    Plan(bool, Planned),
    Mark(bool, Uuid, SendResult, Timestamp, Timestamp),
    Prune(bool, Timestamp, Retention),
    Begin(i64, u16),
    Claim(Uuid, Vec<(JobId, Uuid)>, Vec<Uuid>),
    Release(Uuid, Vec<JobId>),
    End(Uuid, PassEnd),
    Record(Box<RunRecord>),
    Meta(u16, Option<u16>),
    Lease(u16, u64, Vec<Uuid>),
    ReleaseLease(u16),
}

fn words<T: Debug>(answer: Result<T>) -> String {
    answer.map_or_else(|e| format!("{e:?}"), |value| format!("{value:?}"))
}

fn on_ledger(call: &Call, s: &impl Ledger) -> Option<String> {
    Some(match call {
        Call::Commit(_, changes) => words(s.commit(changes)),
        Call::Plan(_, planned) => words(s.plan(planned)),
        Call::Mark(_, id, result, at, next) => words(s.mark(*id, result, *at, *next)),
        Call::Prune(_, now, keep) => words(s.prune(*now, keep)),
        _ => return None,
    })
}

fn make(call: &Call, jobs: &impl Shared, node: &impl Own) -> String {
    let about_jobs = match call {
        Call::Commit(jobs, _) | Call::Plan(jobs, _) | Call::Mark(jobs, ..) | Call::Prune(jobs, ..) => *jobs,
        _ => true,
    };
    let done = if about_jobs { on_ledger(call, jobs) } else { on_ledger(call, node) };
    done.unwrap_or_else(|| match call {
        Call::Begin(secs, n) => words(jobs.begin(&pass(*secs, *n))),
        Call::Claim(id, wanted, dead) => words(jobs.claim(*id, wanted, dead)),
        Call::Release(id, which) => words(jobs.release(*id, which)),
        Call::End(id, end) => words(jobs.end(*id, end)),
        Call::Record(run) => words(jobs.record(std::slice::from_ref(&**run))),
        Call::Meta(key, value) => {
            let value = value.map(|v| v.to_string());
            words(node.set_meta(&key.to_string(), value.as_deref()))
        }
        Call::Lease(who, secs, gone) => words(node.lease("x", id(0, *who), Duration::from_secs(*secs), gone)),
        Call::ReleaseLease(who) => words(node.release_lease("x", id(0, *who))),
        _ => String::new(),
    })
}

const JOBS: u16 = 3;

fn ledger_content(s: &impl Ledger) -> Vec<String> {
    let all: Vec<_> = (0..JOBS).map(job).collect();
    vec![
        words(s.slots().map(BTreeMap::from_iter)),
        words(s.states(&all).map(BTreeMap::from_iter)),
        words(s.waiting()),
        words(s.addressees(&(0..JOBS).flat_map(|n| (1..4).map(move |episode| (job(n), episode))).collect())),
        words(s.unsent()),
        words(s.sent(at(0))),
        words(s.deliveries(99)),
    ]
}

/// Everything that can be read.
fn content(jobs: &impl Shared, node: &impl Own) -> Vec<String> {
    let mut out = ledger_content(jobs);
    out.extend(ledger_content(node));
    out.extend([
        words(jobs.open_passes()),
        words(jobs.passes(99)),
        words(jobs.alerts(None, 99)),
        words(jobs.alerts(Some(&job(1)), 2)),
    ]);
    for n in 0..JOBS {
        out.push(words(jobs.history(&job(n), 99)));
        out.push(words(jobs.hours(&job(n), at(0))));
        out.push(words(node.meta(&n.to_string())));
    }
    out.extend(of_scripts(jobs));
    out
}

/// Everything that can be read of scripts.
fn of_scripts(jobs: &impl Shared) -> Vec<String> {
    let mut out = vec![words(jobs.active()), words(jobs.scripts())];
    for n in 0..JOBS {
        let name = job(n).to_string();
        let wanted = |host: Option<&str>, until| Wanted {
            newest: 3,
            since: Some(at(5 * DAY)),
            before: Some(at(DAY)),
            ..Wanted::success(&name, host, at(until))
        };
        let all = [wanted(None, 99 * DAY), wanted(Some("alpha"), 99 * DAY), wanted(None, 8 * DAY)];
        out.push(words(jobs.activity(&all)));
        out.push(words(jobs.script_runs(&name, Some("beta"), 5)));
        out.push(words(jobs.script_hours(&name, at(0))));
    }
    out
}

/// Small numbers that choose a call.
type Dice = (u8, u8, u8, u8, u8);

/// What makes sensible calls out of dice: it looks at the model.
struct World {
    model: Memory,
    secs: i64,
    fresh: u16,
    made: Vec<Call>,
}

impl World {
    fn number(&mut self) -> u16 {
        self.fresh += 1;
        self.fresh
    }

    fn call(&mut self, (kind, a, b, c, d): Dice) -> Call {
        self.secs += [0, 1, 60, 3_600, DAY, 3 * DAY][usize::from(d % 6)];
        let jobs = a % 4 != 3;
        match kind % 19 {
            0..=4 => {
                let count = 1 + a % 2;
                let changes = (0..count).map(|n| self.change(jobs, a / 2 + n, b, c, d));
                Call::Commit(jobs, changes.collect())
            }
            5 | 6 => Call::Plan(jobs, self.plan(jobs, b, c, d)),
            7 | 8 => self.mark(jobs, b, c),
            9 => {
                let keep = Retention {
                    age: Duration::from_secs(2 * 86_400),
                    steady_runs: u64::from(c % 3),
                    hours: Duration::from_secs(86_400),
                    batch: 1 + u32::from(b % 8),
                };
                Call::Prune(jobs, at(self.secs), keep)
            }
            10 => Call::Begin(self.secs, self.number()),
            11 => self.claim(a, b, c),
            12 => Call::Release(self.pass(a), vec![job(u16::from(b) % JOBS)]),
            13 => {
                let ended = at(self.secs);
                let (runs, bad) = (u32::from(b), u32::from(c));
                Call::End(self.pass(a), PassEnd { ended, runs, bad })
            }
            14 => Self::own(a, b, c),
            15..=17 => Call::Record(Box::new(self.script(a, b, c))),
            _ => match self.made.len() {
                0 => Call::Meta(0, None),
                len => self.made[len - 1 - usize::from(a) % len.min(8)].clone(),
            },
        }
    }

    fn known(&self, jobs: bool, n: u16) -> Option<JobState> {
        let found = if jobs { self.model.shared().states(&[job(n)]) } else { self.model.own().states(&[job(n)]) };
        found.unwrap().remove(&job(n))
    }

    fn change(&mut self, jobs: bool, who: u8, what: u8, odd: u8, fate: u8) -> Change {
        let n = u16::from(who) % JOBS;
        let before = self.known(jobs, n).unwrap_or_default();
        let expected_seq = match odd % 6 {
            4 => before.seq + 1,
            5 => before.seq.saturating_sub(1),
            _ => before.seq,
        };
        let record = (!what.is_multiple_of(4)).then(|| {
            let number = self.number();
            let mut record = run(n, self.secs, number);
            record.steady = what % 4 == 1;
            if what % 4 == 3 {
                record.source = super::super::Source::Script;
            }
            if what % 5 == 4 {
                record.outcome = Some(Outcome::failed("no"));
            }
            record
        });
        let by = record.as_ref().map(|r| r.id);
        let seq = expected_seq + 1;
        let state = match fate % 8 {
            0 => None,
            1..=3 => Some(JobState { episodes: before.episodes, ..good(seq, by) }),
            4 => Some(failing(seq, by, before.episodes + 1)),
            _ => Some(failing(seq, by, before.episodes.max(1))),
        };
        let episode = before.episodes.max(1);
        let whom: Vec<_> = (0..3).filter(|r| (odd >> r) & 1 == 1).map(to).collect();
        let alerts =
            (!what.is_multiple_of(3)).then(|| alert(alert_id(n, episode, u32::from(fate % 3)), self.secs, &whom));
        Change {
            job: job(n),
            expected_seq,
            state,
            run: record,
            alerts: alerts.into_iter().collect(),
            hour: what.is_multiple_of(5).then(|| Tally {
                hour: at(self.secs - self.secs % 3_600),
                ok: u32::from(what),
                micros_max: u64::from(odd),
                ..Tally::default()
            }),
        }
    }

    fn deliveries(&self, jobs: bool) -> Vec<Delivery> {
        if jobs { self.model.shared().deliveries(99).unwrap() } else { self.model.own().deliveries(99).unwrap() }
    }

    fn plan(&mut self, jobs: bool, b: u8, c: u8, d: u8) -> Planned {
        let waiting = if jobs { self.model.shared().waiting().unwrap() } else { self.model.own().waiting().unwrap() };
        let mut planned = Planned::default();
        let chosen = |mask: u8, i: usize| (mask >> (i % 8)) & 1 == 1;
        let whom = to(u16::from(b) % 3);
        let carried: Vec<_> = waiting
            .iter()
            .enumerate()
            .filter(|(i, w)| w.recipient == whom && chosen(c, *i))
            .map(|(_, w)| w.alert.id.clone())
            .collect();
        if !b.is_multiple_of(5) {
            let mut new = delivery(self.number(), whom, &carried, self.secs);
            new.urgent = d.is_multiple_of(3);
            planned.deliveries.push(new);
        }
        for (i, w) in waiting.iter().enumerate() {
            let key = (w.alert.id.clone(), w.recipient.clone());
            if chosen(d, i) && b % 3 == 1 {
                planned.dropped.push((key.0, key.1, "why".to_owned()));
            } else if chosen(d, i) && b % 3 == 2 {
                planned.withheld.push(key);
            }
        }
        let more = waiting.iter().enumerate().filter(|(i, _)| c.is_multiple_of(8) && chosen(b, *i));
        planned.addressed = more.map(|(_, w)| (w.alert.id.clone(), to(u16::from(d) % 3))).collect();
        let old = self.deliveries(jobs);
        let superseded = old.iter().enumerate().filter(|(i, _)| b > 128 && chosen(d, *i));
        planned.superseded = superseded.map(|(_, old)| old.id).collect();
        planned
    }

    fn mark(&mut self, jobs: bool, b: u8, c: u8) -> Call {
        let known = self.deliveries(jobs);
        let which = match known.len() {
            0 => id(0, 0),
            len => known[usize::from(b) % len].id,
        };
        let result = [accepted(), later(), refused()][usize::from(c % 3)].clone();
        Call::Mark(jobs, which, result, at(self.secs), at(self.secs + 60))
    }

    fn pass(&self, a: u8) -> Uuid {
        let known = self.model.shared().passes(4).unwrap();
        match known.len() {
            0 => id(0, 0),
            len => known[usize::from(a) % len].0.id,
        }
    }

    fn claim(&mut self, a: u8, b: u8, c: u8) -> Call {
        let mut wanted = Vec::new();
        for n in (0..JOBS).filter(|n| (b >> n) & 1 == 1) {
            wanted.push((job(n), id(self.secs, self.number())));
        }
        let dead = c.is_multiple_of(4).then(|| self.pass(c / 4));
        Call::Claim(self.pass(a), wanted, dead.into_iter().collect())
    }

    /// A run that is new, or another stage of one of the newest.
    fn script(&mut self, a: u8, b: u8, c: u8) -> RunRecord {
        let known = self.model.shared().script_runs(job(u16::from(a) % JOBS).as_str(), None, 3).unwrap();
        let again = known.get(usize::from(b) % 4).filter(|run| run.pass.is_none());
        let (id, number) = match again {
            Some(run) => (Some(run.id), 0),
            None => (None, self.number()),
        };
        let mut made = script(u16::from(a) % JOBS, self.secs, number, c % 4);
        if c.is_multiple_of(3) {
            made.host = "beta".to_owned();
        }
        if let (Some(id), Some(run)) = (id, again) {
            (made.id, made.started, made.host) = (id, run.started, run.host.clone());
        }
        made
    }

    fn own(a: u8, b: u8, c: u8) -> Call {
        let who = u16::from(b) % 3;
        match a % 4 {
            0 => Call::Meta(who, (!c.is_multiple_of(3)).then_some(u16::from(c))),
            1 => Call::ReleaseLease(who),
            _ => {
                let gone = c.is_multiple_of(3).then(|| id(0, u16::from(c) % 3));
                Call::Lease(who, 100, gone.into_iter().collect())
            }
        }
    }
}

/// Whether something waits that a refused delivery carries.
fn lists_refused(s: &impl Ledger) -> bool {
    let refused = |d: &Delivery| matches!(d.state, DeliveryState::Refused { .. });
    let ids: Vec<Uuid> = s.unsent().unwrap().into_iter().filter(refused).map(|d| d.id).collect();
    s.waiting().unwrap().iter().any(|w| w.delivery.is_some_and(|d| ids.contains(&d)))
}

/// Makes the calls of one history; the answer is how many of them wrote something, and after how many something waited
/// that was refused.
fn drive(dice: Vec<Dice>) -> (usize, usize) {
    let hands = Hands::at(0);
    let folder = folder();
    let file = Sqlite::open(&folder.path().join("checker.db"), hands.clock()).unwrap();
    let mut world = World { model: Memory::new(hands.clock()), secs: 0, fresh: 0, made: Vec::new() };
    let mut before = content(&world.model.shared(), &world.model.own());
    let (mut wrote, mut refused) = (0, 0);
    for roll in dice {
        let call = world.call(roll);
        hands.set(world.secs);
        let expected = make(&call, &world.model.shared(), &world.model.own());
        let answer = make(&call, &file.shared(), &file.own());
        assert_eq!(answer, expected, "to {call:#?}");
        let now = content(&world.model.shared(), &world.model.own());
        for (there, model) in content(&file.shared(), &file.own()).iter().zip(&now) {
            assert_eq!(there, model, "after {call:#?}");
        }
        wrote += usize::from(now != before);
        refused += usize::from(lists_refused(&world.model.shared()));
        before = now;
        world.made.push(call);
    }
    (wrote, refused)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_file_does_what_the_model_does(dice in proptest::collection::vec(any::<Dice>(), 1..80)) {
        drive(dice);
    }
}

/// The check above is worth something only if its histories do something.
#[test]
fn most_calls_of_a_history_write() {
    let mut seed = 11_u64;
    let mut byte = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        u8::try_from(seed >> 56).unwrap()
    };
    let dice = (0..800).map(|_| (byte(), byte(), byte(), byte(), byte())).collect();
    let (wrote, refused) = drive(dice);
    assert!(wrote > 300 && refused > 5, "{wrote} and {refused} of 800");
}
