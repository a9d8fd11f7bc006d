//! A job that changes too often.

use super::tests::{D, R, fresh, to, told};
use super::*;

#[test]
fn flapping_is_told_once_on_the_bad_edge_and_once_when_it_is_over() {
    // Four changes are none; the fifth is, on a bad edge alone.
    let mut sim = fresh(1);
    assert_eq!(told(&mut sim, "F.F."), [(1, D), (2, R), (3, D), (4, R)]);
    assert_eq!(told(&mut sim, "F.F.FF.F"), [(1, AlertKind::Flapping)]);
    let flapping = sim.state.flapping.clone().unwrap();
    assert_eq!((flapping.changes, flapping.told, flapping.episode), (11, true, 3));
    // Steady for 30 minutes since run 8, and failing.
    assert_eq!(told(&mut sim, &"F".repeat(31)), [(30, AlertKind::SteadyBad)]);
    assert_eq!((sim.state.flapping.clone(), sim.state.changes.len()), (None, 0));
    // Over is over: the next one is news.
    assert_eq!(told(&mut sim, ".F"), [(1, R), (2, D)]);
    // Steady and well.
    let mut sim = fresh(1);
    sim.minutes("F.F.F.");
    let drafts: Vec<Draft> = (0..31)
        .flat_map(|_| {
            sim.now = sim.now.plus(Duration::from_secs(60));
            sim.run(Verdict::Ok)
        })
        .collect();
    assert_eq!(drafts.len(), 1);
    let end = (drafts[0].kind, drafts[0].episode, drafts[0].step, drafts[0].failures);
    assert_eq!(end, (AlertKind::SteadyGood, 3, 1, 6));
    assert_eq!(drafts[0].recipients, to(&["a"]));
}

#[test]
fn changes_more_than_an_hour_ago_are_no_flapping() {
    let mut sim = fresh(1);
    let quiet = ".".repeat(14);
    for _ in 0..8 {
        assert_eq!(told(&mut sim, "F"), [(1, D)]);
        assert_eq!(told(&mut sim, &".".repeat(15)), [(1, R)]);
        sim.minutes(&quiet);
    }
}

#[test]
fn what_is_not_steady_yet_does_not_end_flapping() {
    // The 30 minutes are over with a bad run that has not reached its threshold.
    let mut sim = fresh(2);
    sim.minutes("FF.FF.FF.");
    let flapping = sim.state.flapping.is_some();
    assert!(flapping);
    assert_eq!(told(&mut sim, &(".".repeat(29) + "FF")), [(31, AlertKind::SteadyBad)]);
    let mut sim = fresh(2);
    sim.minutes("FF.FF.FF.");
    assert_eq!(told(&mut sim, &(".".repeat(29) + "F.")), [(31, AlertKind::SteadyGood)]);
    // While held, it stays; then the steady failure is told, not that it flaps.
    let mut sim = fresh(1);
    sim.held = true;
    sim.minutes("F.F.F");
    sim.minutes(&"F".repeat(40));
    sim.held = false;
    assert_eq!(told(&mut sim, "FF"), [(1, AlertKind::SteadyBad)]);
    assert_eq!(told(&mut sim, "."), [(1, R)]);
}

#[test]
fn flapping_in_an_episode_that_was_told_ends_with_news_to_the_same_people() {
    let mut sim = fresh(1);
    assert_eq!(
        told(&mut sim, "WFWFW"),
        [(1, D), (2, AlertKind::Worse), (3, AlertKind::Better), (4, AlertKind::Worse), (5, AlertKind::Better)]
    );
    sim.recipients = to(&["b"]);
    assert_eq!(told(&mut sim, "F"), [(1, AlertKind::Flapping)]);
    for _ in 0..2 {
        let closing = close(&sim.state, sim.now);
        assert_eq!(closing.len(), 1, "once, failing or not");
        assert_eq!(closing[0].recipients, to(&["a", "b"]));
        sim.minutes(".");
    }
    let mut last = Vec::new();
    for _ in 0..30 {
        sim.now = sim.now.plus(Duration::from_secs(60));
        last.extend(sim.run(Verdict::Ok));
    }
    assert_eq!(last.len(), 1);
    assert_eq!((last[0].episode, last[0].step), (1, 6));
    assert_eq!(last[0].recipients, to(&["a", "b"]));
}

#[test]
fn what_was_told_before_it_flapped_unsaid_is_ended_for_those_who_know() {
    let mut sim = fresh(1);
    assert_eq!(told(&mut sim, "FW").len(), 2);
    sim.held = true;
    assert_eq!(told(&mut sim, "FWF."), []);
    assert!(sim.state.flapping.as_ref().is_some_and(|f| !f.told));
    let closing = close(&sim.state, sim.now);
    assert_eq!(closing.len(), 1);
    assert_eq!((closing[0].episode, closing[0].step), (1, 2));
    assert_eq!(closing[0].recipients, to(&["a"]));
    // Else the end comes when it is steady, held or not.
    assert_eq!(told(&mut sim, &".".repeat(30)), [(30, AlertKind::SteadyGood)]);
}

#[test]
fn a_failure_that_goes_on_after_flapping_belongs_to_the_episode_in_which_that_was_told() {
    let mut sim = fresh(1);
    sim.minutes("F.F.F.F");
    let mut drafts = Vec::new();
    for verdict in [Verdict::Failed; 31].into_iter().chain([Verdict::Ok]) {
        sim.now = sim.now.plus(Duration::from_secs(60));
        drafts.extend(sim.run(verdict));
    }
    let seen: Vec<_> = drafts.iter().map(|d| (d.kind, d.episode, d.step)).collect();
    assert_eq!(seen, [(AlertKind::SteadyBad, 3, 1), (R, 3, 2)]);
    assert_eq!(told(&mut sim, "F"), [(1, D)]);
    assert_eq!(sim.state.failure.as_ref().map(|e| e.number), Some(5));
}
