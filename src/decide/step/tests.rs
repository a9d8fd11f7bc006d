use super::*;
use crate::decide::transition::{Input, transition};
use crate::decide::{Recipient, Silence};
use checker_job::{Outcome, Policy};
use proptest::prelude::*;
use uuid::Uuid;

const HOUR: i64 = 3_600;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_780_000_000 + secs)
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn base() -> Base {
    Base { boot_id: "a".to_owned(), wall: at(0), boot: 1_000_000_000, stepped: None }
}

/// The step that is seen `later` seconds of boot time after [`base`], with the wall clock at `wall`.
fn seen(later: u64, wall: i64) -> Option<i64> {
    compare(Some(&base()), at(wall), secs(1_000 + later), "a").step.map(|s| s.micros / 1_000_000)
}

#[test]
fn what_is_a_step() {
    for (later, wall, step, why) in [
        (60, 60, None, "both go on"),
        (0, 0, None, "the same instant"),
        (8 * 3_600, 8 * HOUR, None, "the machine slept for eight hours: boot time counts sleep"),
        (3_600, HOUR + 2, None, "slewed by a time service"),
        (60, 60 + 59, None, "less than a minute ahead harms nobody"),
        (60, 120, Some(60), "a minute ahead"),
        (60, 60 + 3 * HOUR, Some(3 * HOUR), "three hours ahead"),
        (60, 60 - 3 * HOUR, Some(-3 * HOUR), "three hours back"),
        (60, 50, Some(-10), "a little back: slots only"),
    ] {
        assert_eq!(seen(later, wall), step, "{why}");
    }
    assert!(Step { micros: 60_000_000 }.is_told() && !Step { micros: -59_000_000 }.is_told());
}

#[test]
fn a_boot_is_no_step_unless_the_clock_is_behind_what_it_was() {
    let booted = |wall| compare(Some(&base()), at(wall), secs(20), "b");
    assert_eq!(booted(3 * HOUR).step, None, "it was off");
    assert_eq!(booted(-50 * HOUR).step, Some(Step { micros: -50 * HOUR * 1_000_000 }), "its clock lost its battery");
    assert_eq!(booted(1).next.unwrap().boot_id, "b");
}

#[test]
fn a_pass_that_dies_while_it_tells_a_step_leaves_nothing_open_for_ever() {
    // An hour ahead, and the pass is killed behind its first note; then the clock is set right again.
    let found = compare(Some(&base()), at(60 + HOUR), secs(1_060), "a");
    let noted = found.first.unwrap();
    assert_eq!((noted.wall, noted.stepped), (base().wall, Some(at(60 + HOUR))), "the step is found again");
    let right = compare(Some(&noted), at(120), secs(1_120), "a");
    assert_eq!((right.step, right.steady), (None, false));
    let counted = right.next.unwrap();
    assert_eq!(counted.stepped, Some(at(120)), "the hour counts from now, not from a time that has not come");
    let after = compare(Some(&counted), at(120 + HOUR), secs(1_120 + 3_600), "a");
    assert!(after.steady && after.next.unwrap().stepped.is_none());
}

#[test]
fn a_steady_clock_costs_no_write() {
    let none = Compared { step: None, first: None, next: None, steady: false };
    assert_eq!(compare(Some(&base()), at(60), secs(1_060), "a"), none);
    assert!(compare(None, at(60), secs(1_060), "a").next.is_some(), "the first pass");
    assert!(compare(Some(&base()), at(HOUR), secs(4_600), "a").next.is_some(), "once an hour");
}

#[test]
fn after_an_hour_without_a_step_the_clock_is_steady() {
    let stepped = compare(Some(&base()), at(5 * HOUR), secs(1_060), "a").next.unwrap();
    assert_eq!(stepped.stepped, Some(at(5 * HOUR)));
    let early = compare(Some(&stepped), at(5 * HOUR + 3_599), secs(1_060 + 3_599), "a");
    assert!(!early.steady);
    let late = compare(Some(&stepped), at(5 * HOUR + 3_600), secs(1_060 + 3_600), "a");
    assert!(late.steady && late.next.is_some_and(|n| n.stepped.is_none()));
}

fn run(state: &JobState, now: Timestamp, outcome: &Outcome, policy: &Policy) -> (JobState, usize) {
    let step = transition(
        state.clone(),
        &Input {
            now,
            slot: Timestamp::from_secs(now.secs().div_euclid(60) * 60),
            run: Uuid::nil(),
            started: now,
            took: Duration::ZERO,
            outcome,
            policy,
            recipients: &[Recipient("a".to_owned())],
            held: false,
        },
    );
    (step.state, step.drafts.len())
}

#[test]
fn a_step_ahead_is_no_reminder_and_one_back_no_silence() {
    let (policy, red) = (Policy { failure_threshold: 1, ..Policy::default() }, Outcome::failed("down"));
    for hours in [-50, -3, 3, 50, 24 * 365] {
        let (state, told) = run(&JobState::default(), at(0), &red, &policy);
        assert_eq!(told, 1);
        let step = Step { micros: hours * HOUR * 1_000_000 };
        let now = at(60 + hours * HOUR);
        let mut state = moved(&state, step, now).unwrap();
        assert_eq!(run(&state, now, &red, &policy).1, 0, "{hours}");
        state = run(&state, now.plus(secs(23 * 3_600)), &red, &policy).0;
        assert_eq!(run(&state, now.plus(secs(86_400 - 60)), &red, &policy).1, 1, "a day after it was told: {hours}");
        assert_eq!(state.failure.unwrap().since, at(hours * HOUR));
    }
}

#[test]
fn only_what_time_is_counted_from_is_moved() {
    let well = JobState { slot: Some(at(0)), ran_at: Some(at(0)), ..JobState::default() };
    assert_eq!(
        moved(&well, Step { micros: HOUR * 1_000_000 }, at(HOUR)),
        None,
        "nothing to rewrite ten thousand times"
    );
    let back = moved(&well, Step { micros: -HOUR * 1_000_000 }, at(-HOUR + 30)).unwrap();
    assert_eq!(back.slot, Some(at(-HOUR)), "its slot has not come yet by this clock");
    let until = |hours: i64| Some(Box::new(Silence { until: at(hours * HOUR), by: "me".to_owned(), note: None }));
    let silenced = JobState { silence: until(2), ..JobState::default() };
    let ahead = moved(&silenced, Step { micros: 5 * HOUR * 1_000_000 }, at(5 * HOUR)).unwrap();
    assert_eq!(ahead.silence, until(7), "two hours stay two hours");
    let small = JobState { slot: Some(at(60)), silence: until(2), ..JobState::default() };
    let small = moved(&small, Step { micros: -30_000_000 }, at(31)).unwrap();
    assert_eq!((small.slot, small.silence), (Some(at(30)), until(2)));
}

proptest! {
    /// Whatever the clock does, a job that runs each minute is due each minute of true time, and is told of a failure of
    /// three true days as often as without steps.
    #[test]
    fn steps_lose_no_slot_and_make_no_storm(steps in prop::collection::vec((0..4_000_i64, -90_000..90_000_i64), 0..6)) {
        let (policy, red) = (Policy { failure_threshold: 1, ..Policy::default() }, Outcome::failed("down"));
        let (mut state, mut base, mut told, mut missed) = (JobState::default(), None, 0, 0);
        for minute in 0..4_320_i64 {
            let ahead: i64 = steps.iter().filter(|s| s.0 <= minute).map(|s| s.1).sum();
            let now = at(minute * 60 + 5 + ahead);
            let boot = Duration::from_secs(u64::try_from(minute * 60).unwrap());
            let compared = compare(base.as_ref(), now, boot, "a");
            if let Some(step) = compared.step {
                state = moved(&state, step, now).unwrap_or(state);
            }
            base = compared.next.or(base);
            let slot = Timestamp::from_secs(now.secs().div_euclid(60) * 60);
            let due = crate::decide::schedule::due(policy.every, state.slot, slot, now, crate::decide::schedule::Called::All);
            if due.is_none() {
                missed += 1;
                continue;
            }
            let (next, drafts) = run(&state, now, &red, &policy);
            state = next;
            told += drafts;
        }
        prop_assert!(missed <= steps.len(), "{missed} minutes without a run");
        prop_assert!((3..=4).contains(&told), "told {told} times in three days");
    }
}
