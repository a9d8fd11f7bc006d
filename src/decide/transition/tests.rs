//! Single rules of the transition.

use super::*;
use crate::decide::{Ack, Silence};

/// A start that is no round hour.
pub(super) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

pub(super) fn policy() -> Policy {
    Policy { name: "dns".to_owned(), ..Policy::default() }
}

pub(super) fn to(names: &[&str]) -> Vec<Recipient> {
    names.iter().map(|n| Recipient((*n).to_owned())).collect()
}

/// One job and its clock. The state goes through its stored form before each run, as if Checker started anew.
pub(super) struct Sim {
    pub(super) state: JobState,
    pub(super) policy: Policy,
    pub(super) now: Timestamp,
    pub(super) recipients: Vec<Recipient>,
    pub(super) held: bool,
}

impl Sim {
    pub(super) fn new(policy: Policy) -> Self {
        Self { state: JobState::default(), policy, now: at(0), recipients: to(&["a"]), held: false }
    }

    pub(super) fn ack(&mut self) {
        self.state.ack = Some(Box::new(Ack { at: self.now, by: "ann".to_owned(), note: None }));
    }

    /// From the next run on.
    pub(super) fn silence(&mut self, secs: i64) {
        self.state.silence = Some(Box::new(Silence {
            until: Timestamp::from_secs(self.now.secs() + secs),
            by: "ann".to_owned(),
            note: None,
        }));
    }

    pub(super) fn run(&mut self, verdict: Verdict) -> Vec<Draft> {
        let text = serde_json::to_string(&self.state).unwrap();
        let state: JobState = serde_json::from_str(&text).unwrap();
        assert_eq!(state, self.state);
        let mut outcome = Outcome::ok("seen");
        outcome.verdict = verdict;
        let step = transition(
            state.clone(),
            &Input {
                now: self.now,
                slot: self.now,
                run: Uuid::from_u128(u128::from(state.seq) + 1),
                started: self.now,
                took: Duration::from_millis(3),
                outcome: &outcome,
                policy: &self.policy,
                recipients: &self.recipients,
                held: self.held,
            },
        );
        assert_eq!(step.state.seq, state.seq + 1);
        self.state = step.state;
        step.drafts
    }

    /// Runs a minute apart, and the kinds that each told.
    pub(super) fn minutes(&mut self, runs: &str) -> Vec<Vec<AlertKind>> {
        runs.chars()
            .map(|c| {
                self.now = self.now.plus(Duration::from_secs(60));
                let verdict = match c {
                    'F' => Verdict::Failed,
                    'W' => Verdict::Warning,
                    'U' => Verdict::Unknown,
                    '.' => Verdict::Ok,
                    _ => panic!("{c}"),
                };
                self.run(verdict).into_iter().map(|d| d.kind).collect()
            })
            .collect()
    }
}

pub(super) const D: AlertKind = AlertKind::Down;
pub(super) const R: AlertKind = AlertKind::Recovery;

/// The runs (counted from 1) that told something, with what.
pub(super) fn told(sim: &mut Sim, runs: &str) -> Vec<(usize, AlertKind)> {
    let kinds = sim.minutes(runs).into_iter().enumerate();
    kinds.flat_map(|(i, kinds)| kinds.into_iter().map(move |k| (i + 1, k))).collect()
}

pub(super) fn fresh(threshold: u32) -> Sim {
    Sim::new(Policy { failure_threshold: threshold, ..policy() })
}

#[test]
fn the_threshold_counts_bad_runs_in_a_row_and_one_good_run_starts_anew() {
    assert_eq!(told(&mut fresh(1), "F."), [(1, D), (2, R)]);
    assert_eq!(told(&mut fresh(3), "FF.FFWF."), [(6, D), (7, AlertKind::Worse), (8, R)]);
    assert_eq!(told(&mut fresh(3), "FF.FF.FF."), []);
    let mut sim = fresh(2);
    sim.minutes("F");
    assert!(sim.state.is_bad() && !sim.state.is_failing());
    sim.minutes("F");
    assert!(sim.state.is_failing());
}

#[test]
fn a_recovery_takes_its_threshold_in_a_row_and_unknown_does_not_break_the_row() {
    let mut sim = fresh(2);
    sim.policy.recovery_threshold = 3;
    assert_eq!(told(&mut sim, "FF..F..U."), [(2, D), (9, R)]);
    assert_eq!((sim.state.good, sim.state.failure.is_none()), (0, true));
}

#[test]
fn what_the_drafts_say() {
    let mut sim = fresh(2);
    sim.recipients = to(&["b", "a"]);
    let first = sim.now;
    let mut drafts = Vec::new();
    for (secs, verdict) in [
        (60, Verdict::Warning),
        (120, Verdict::Warning),
        (180, Verdict::Failed),
        (86_580, Verdict::Failed),
        (86_640, Verdict::Ok),
    ] {
        sim.now = Timestamp::from_secs(first.secs() + secs);
        if secs == 86_580 {
            sim.recipients = to(&["c"]);
        }
        if verdict == Verdict::Ok {
            sim.recipients = to(&["never told"]);
        }
        drafts.extend(sim.run(verdict));
    }
    let seen: Vec<_> = drafts.iter().map(|d| (d.episode, d.step, d.kind, d.verdict, d.failures)).collect();
    let want = [
        (1, 0, D, Verdict::Warning, 2),
        (1, 1, AlertKind::Worse, Verdict::Failed, 3),
        (1, 2, AlertKind::Reminder, Verdict::Failed, 4),
        (1, 3, R, Verdict::Ok, 4),
    ];
    assert_eq!(seen, want);
    assert!(drafts.iter().all(|d| d.since.secs() == first.secs() + 60));
    let to_whom: Vec<_> = drafts.iter().map(|d| d.recipients.clone()).collect();
    let want = [to(&["b", "a"]), to(&["b", "a"]), to(&["c"]), to(&["a", "b", "c"])];
    assert_eq!(to_whom, want, "the end goes to everybody who was told, and to nobody else");
}

#[test]
fn an_ack_stops_reminders_until_the_end_of_what_was_acknowledged() {
    let mut sim = fresh(2);
    sim.policy.notify = Notify::Every;
    sim.minutes("FF");
    sim.ack();
    assert_eq!(told(&mut sim, "FFW"), [], "no reminder, no note");
    assert_eq!(told(&mut sim, ".FFF"), [(1, R), (3, D), (4, AlertKind::Reminder)]);
    // Acknowledged before the threshold, and well again: the next failure is not acknowledged.
    let mut sim = fresh(2);
    sim.policy.notify = Notify::Every;
    sim.minutes("F");
    sim.ack();
    assert_eq!(told(&mut sim, ".FFF"), [(3, D), (4, AlertKind::Reminder)]);
    // What cannot be judged.
    let mut sim = fresh(1);
    sim.policy.notify = Notify::Every;
    sim.minutes("U");
    sim.ack();
    assert_eq!(told(&mut sim, "UU."), [(3, AlertKind::JudgedAgain)]);
    assert_eq!(sim.state.ack, None);
    // It outlasts what cannot be judged while the job fails.
    let mut sim = fresh(1);
    sim.policy.notify = Notify::Every;
    sim.minutes("F");
    sim.ack();
    let kinds = [(1, AlertKind::CannotJudge), (2, AlertKind::JudgedAgain)];
    assert_eq!(told(&mut sim, "UF"), kinds);
    assert!(sim.state.ack.is_some());
}

#[test]
fn silence_and_dependence_hold_news_and_never_an_end() {
    let mut sim = fresh(2);
    sim.silence(4 * 60);
    assert_eq!(told(&mut sim, "FFFF."), [(4, D), (5, R)]);
    let mut sim = fresh(2);
    sim.silence(9 * 60);
    assert_eq!(told(&mut sim, "FFF."), [], "nobody was told of it");
    let mut sim = fresh(2);
    sim.minutes("FF");
    sim.silence(600);
    assert_eq!(told(&mut sim, "."), [(1, R)]);
    let mut sim = fresh(1);
    sim.policy.notify = Notify::Every;
    sim.held = true;
    assert_eq!(told(&mut sim, "FFU"), []);
    sim.held = false;
    let kinds = [(1, AlertKind::CannotJudge), (2, AlertKind::JudgedAgain), (2, D)];
    assert_eq!(told(&mut sim, "UF"), kinds);
    sim.held = true;
    assert_eq!(told(&mut sim, "FF."), [(3, R)]);
}

#[test]
fn reminders_go_out_with_the_nearest_run() {
    let hour = Remind::Every(Duration::from_secs(3_600));
    for (late, first) in [(29, 60), (30, 61), (31, 61)] {
        let mut sim = fresh(1);
        sim.policy.remind = hour;
        sim.now = at(late);
        assert_eq!(sim.run(Verdict::Failed).len(), 1);
        let minutes = (1..=62).find(|m| {
            sim.now = at(m * 60);
            !sim.run(Verdict::Failed).is_empty()
        });
        assert_eq!(minutes, Some(first), "told {late} s after the minute");
    }
    assert_eq!(interval(&policy()), Some(Duration::from_secs(86_400)));
    let mut sim = fresh(1);
    sim.policy.remind = Remind::Never;
    assert_eq!(told(&mut sim, &"F".repeat(3_000)), [(1, D)]);
}

#[test]
fn what_cannot_be_judged_now_and_then_is_not_told_for_ever() {
    let mut sim = fresh(1);
    let kinds = told(&mut sim, "U.U.U.U.U.U.U.");
    assert_eq!(kinds.len(), 8, "{kinds:?}");
    assert_eq!(told(&mut sim, &"U".repeat(40)), [(31, AlertKind::CannotJudge)]);
}

#[test]
fn a_job_that_leaves_is_closed_for_those_who_were_told() {
    let mut sim = fresh(2);
    sim.minutes("F");
    assert_eq!(close(&sim.state, sim.now), []);
    sim.minutes("FUU");
    sim.recipients = to(&["z"]);
    let drafts = close(&sim.state, sim.now);
    let seen: Vec<_> = drafts.iter().map(|d| (d.kind, d.episode, d.step)).collect();
    assert_eq!(seen, [(AlertKind::Closed, 1, 1), (AlertKind::Closed, 2, 1)]);
    assert!(drafts.iter().all(|d| d.recipients == to(&["a"])));
    sim.minutes("..");
    assert_eq!(close(&sim.state, sim.now), []);
}

#[test]
fn a_clock_that_was_ahead_holds_no_reminder_and_makes_one_more_at_most() {
    let mut sim = fresh(1);
    sim.policy.notify = Notify::Hour;
    sim.now = at(365 * 86_400);
    sim.run(Verdict::Failed);
    sim.run(Verdict::Unknown);
    sim.now = at(0);
    let kinds = sim.minutes(&"F".repeat(61));
    let when: Vec<_> = (0..61).filter(|&i| kinds[i].contains(&AlertKind::Reminder)).collect();
    assert_eq!(when, [60]);
    assert!(sim.state.failure.as_ref().unwrap().since <= sim.now);
    // Flapping that was noticed in the future ends as well.
    let mut sim = fresh(1);
    sim.now = at(365 * 86_400);
    sim.minutes("F.F.F");
    sim.now = at(0);
    assert_eq!(told(&mut sim, &"F".repeat(31)), [(31, AlertKind::SteadyBad)]);
}

#[test]
fn hours_are_counted_and_given_out_once_complete() {
    let mut sim = fresh(2);
    sim.now = Timestamp::from_secs(3_600 * 1_000);
    sim.minutes("F.WU");
    let tally = sim.state.tally.clone();
    assert_eq!((tally.ok, tally.warning, tally.failed, tally.unknown), (1, 1, 1, 1));
    assert_eq!((tally.micros_sum, tally.micros_max), (12_000, 3_000));
    assert_eq!(tally.hour, Timestamp::from_secs(3_600 * 1_000));
    let outcome = Outcome::ok("seen");
    let input = Input {
        now: Timestamp::from_secs(3_600 * 1_001),
        slot: sim.now,
        run: Uuid::from_u128(9),
        started: sim.now,
        took: Duration::ZERO,
        outcome: &outcome,
        policy: &sim.policy,
        recipients: &sim.recipients,
        held: false,
    };
    let step = transition(sim.state.clone(), &input);
    assert_eq!(step.hour, Some(tally));
    assert_eq!((step.state.tally.ok, step.steady), (1, false));
    assert_eq!(transition(step.state.clone(), &input).hour, None);
    assert!(transition(step.state.clone(), &input).steady);
    assert_eq!(step.state.run, Some(Uuid::from_u128(9)));
    assert_eq!((step.state.slot, step.state.ran_at), (Some(sim.now), Some(sim.now)));
}

#[test]
fn an_older_or_newer_state_is_read() {
    let state: JobState = serde_json::from_str(
        r#"{"seq":7,"colour":"red","failure":{"number":3,"since":1,"count":2,"confirmed":true,"verdict":"failed"}}"#,
    )
    .unwrap();
    assert_eq!((state.seq, state.is_failing(), state.episodes), (7, true, 0));
}
