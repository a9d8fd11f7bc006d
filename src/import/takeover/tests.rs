use super::super::state::Who;
use super::*;
use crate::decide::transition::{Input, transition};
use checker_job::{Outcome, Remind};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const DAY: i64 = 86_400;

fn line(failing: bool, since: i64, told: Option<i64>, failures: u32) -> Remembered {
    let ago = |secs: i64| Timestamp::from_secs(NOW.secs() - secs);
    Remembered {
        line: 1,
        name: "web".to_owned(),
        who: Who::Custom,
        failing,
        since: failing.then(|| ago(since)),
        told: told.map(ago),
        failures,
    }
}

struct World {
    id: JobId,
    policy: Policy,
    to: Vec<Recipient>,
}

impl World {
    fn new(edit: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = Policy { name: "web".to_owned(), ..Policy::default() };
        edit(&mut policy);
        Self {
            id: JobId::new("http", "https://a.example.com/"),
            policy,
            to: vec![Recipient("you@example.com".to_owned())],
        }
    }

    fn target(&self) -> Target<'_> {
        Target { id: &self.id, policy: &self.policy, recipients: &self.to, from: "checker@example.com" }
    }

    fn take(&self, line: &Remembered, before: &JobState) -> Taken {
        take_over(line, &self.target(), before, NOW)
    }

    fn state(&self, line: &Remembered) -> JobState {
        match self.take(line, &JobState::default()) {
            Taken::Failing(change, _) => change.state.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// What the next run tells, a minute later.
    fn next(&self, state: JobState, outcome: &Outcome) -> Vec<AlertKind> {
        let now = NOW.plus(Duration::from_secs(60));
        let input = Input {
            now,
            slot: now,
            run: Uuid::nil(),
            started: now,
            took: Duration::ZERO,
            outcome,
            policy: &self.policy,
            recipients: &self.to,
            held: false,
        };
        transition(state, &input).drafts.iter().map(|d| d.kind).collect()
    }
}

#[test]
fn what_was_told_is_not_told_again_and_the_recovery_is() {
    for told in [60, DAY / 2, 10 * DAY, 1_000 * DAY] {
        let world = World::new(|_| {});
        let state = world.state(&line(true, told + 60, Some(told), 9));
        assert!(state.is_failing());
        assert_eq!(world.next(state.clone(), &Outcome::failed("x")), [], "told {told} s ago");
        assert_eq!(world.next(state, &Outcome::ok("x")), [AlertKind::Recovery]);
    }
}

#[test]
fn a_streak_goes_on_where_it_was() {
    let world = World::new(|p| p.failure_threshold = 3);
    let state = world.state(&line(true, 60, None, 2));
    assert!(!state.is_failing());
    assert_eq!(world.next(state.clone(), &Outcome::failed("x")), [AlertKind::Down], "the third in a row");
    assert_eq!(world.next(state, &Outcome::ok("x")), [], "nobody was told");
    let first = world.state(&line(true, 60, None, 1));
    assert_eq!(world.next(first, &Outcome::failed("x")), [], "the second");
}

#[test]
fn the_time_of_the_last_message_is_kept_where_it_is_the_interval() {
    let world = World::new(|p| p.notify = Notify::Hour);
    let lately = world.state(&line(true, DAY, Some(600), 9));
    assert_eq!(world.next(lately, &Outcome::failed("x")), []);
    let due = world.state(&line(true, DAY, Some(3_600), 9));
    assert_eq!(world.next(due, &Outcome::failed("x")), [AlertKind::Reminder]);
    let never = World::new(|p| p.remind = Remind::Never);
    let told = never.state(&line(true, DAY, Some(DAY), 9));
    assert_eq!(told.failure.unwrap().told_at, Some(Timestamp::from_secs(NOW.secs() - DAY)));
}

#[test]
fn twice_is_once() {
    let world = World::new(|_| {});
    let remembered = line(true, 120, Some(60), 2);
    let Taken::Failing(change, told) = world.take(&remembered, &JobState::default()) else { panic!() };
    let state = change.state.unwrap();
    let later = take_over(&remembered, &world.target(), &state, NOW.plus(Duration::from_secs(500)));
    let Taken::Already(again) = later else { panic!("{later:?}") };
    let ids = |list: &[Delivery]| list.iter().map(|d| (d.id, d.alerts.clone())).collect::<Vec<_>>();
    assert_eq!((ids(&told), told.len()), (ids(&again), 1));
    assert!(change.alerts[0].recipients.is_empty(), "nobody waits for it");
}

#[test]
fn what_has_run_here_is_newer() {
    let world = World::new(|_| {});
    let ran = JobState { ran_at: Some(NOW), ..JobState::default() };
    for failing in [true, false] {
        assert_eq!(world.take(&line(failing, 60, Some(60), 2), &ran), Taken::HasRun);
    }
}

#[test]
fn a_newer_file_replaces_what_never_ran() {
    let world = World::new(|_| {});
    let state = world.state(&line(true, 600, None, 1));
    let Taken::Failing(change, told) = world.take(&line(true, 600, Some(60), 5), &state) else { panic!() };
    assert_eq!((change.expected_seq, told.len()), (1, 1));
    let newer = change.state.unwrap();
    assert_eq!(newer.failure.as_ref().unwrap().number, 2, "alerts of the one before are not its own");
    let Taken::Well(Some(change)) = world.take(&line(false, 0, None, 0), &newer) else { panic!() };
    let well = change.state.unwrap();
    assert_eq!((well.failure, well.episodes, well.seq), (None, 2, 3));
    assert_eq!(world.take(&line(false, 0, None, 0), &JobState::default()), Taken::Well(None));
}

#[test]
fn times_of_a_clock_that_was_ahead_hold_nothing_back() {
    let world = World::new(|_| {});
    let state = world.state(&line(true, -DAY, Some(-DAY), 3));
    let episode = state.failure.unwrap();
    assert_eq!((episode.since, episode.told_at), (NOW, Some(NOW)));
}
