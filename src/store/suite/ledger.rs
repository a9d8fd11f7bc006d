use super::super::{Applied, Change, Ledger, RunRecord, RunStatus, Shared, Slot, Source};
use super::Bench;
use super::fixtures::{
    alert, alert_id, any_clock, at, change, commit_one, delivery, down, failing, good, id, is_refused, job, plan_of,
    run, state_of, to,
};
use crate::decide::{Ack, Flapping, JobState, Silence, Tally};
use checker_job::{JobId, Metric, Outcome, Verdict};
use std::collections::BTreeSet;

pub(super) fn a_change_counts_once<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let first = down(1, 0, &[to(1), to(2)]);
    assert_eq!(commit_one(s, &first), Applied::Done);
    assert_eq!(commit_one(s, &first), Applied::Already);
    assert_eq!(state_of(s, 1), first.state);
    assert_eq!(s.history(&job(1), 9).unwrap(), [first.run.unwrap()]);
    assert_eq!(s.alerts(None, 9).unwrap(), first.alerts);
    let waiting = s.waiting().unwrap();
    let whom: Vec<_> = waiting.iter().map(|w| w.recipient.clone()).collect();
    assert_eq!(whom, [to(1), to(2)]);
    assert!(waiting.iter().all(|w| !w.told && !w.withheld && w.delivery.is_none()));
}

pub(super) fn a_repeat_is_known_when_the_state_has_moved_on<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let first = change(1, 0, Some(run(1, 0, 1)));
    let second = change(1, 1, Some(run(1, 60, 2)));
    let late = change(1, 1, Some(run(1, 61, 3)));
    assert_eq!(commit_one(s, &first), Applied::Done);
    assert_eq!(commit_one(s, &second), Applied::Done);
    assert_eq!(commit_one(s, &late), Applied::Stale);
    assert_eq!(commit_one(s, &first), Applied::Already);
    assert_eq!(commit_one(s, &late), Applied::Stale);
    assert_eq!(state_of(s, 1), second.state);
    assert_eq!(s.history(&job(1), 9).unwrap().len(), 3);
}

pub(super) fn a_stale_result_leaves_its_run_alone<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let newer = change(1, 0, Some(run(1, 60, 1)));
    commit_one(s, &newer);
    let mut late = down(1, 0, &[to(1)]);
    late.hour = Some(Tally { hour: at(0), ok: 1, ..Tally::default() });
    assert_eq!(commit_one(s, &late), Applied::Stale);
    assert_eq!(state_of(s, 1), newer.state);
    assert_eq!(s.waiting().unwrap(), []);
    assert_eq!(s.alerts(Some(&job(1)), 9).unwrap(), []);
    assert_eq!(s.hours(&job(1), at(-9_999)).unwrap(), []);
    assert_eq!(s.history(&job(1), 9).unwrap(), [newer.run.unwrap(), late.run.unwrap()]);
}

pub(super) fn two_passes_decide_one_alert_at_once<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let one = down(1, 0, &[to(1)]);
    let mut other = down(1, 0, &[to(1)]);
    let theirs = run(1, 1, 77);
    other.state = Some(failing(1, Some(theirs.id), 1));
    other.run = Some(theirs);
    other.alerts[0].subject = "the other's words".to_owned();
    let answers = s.commit(&[one.clone(), other]).unwrap();
    assert_eq!(answers, [Applied::Done, Applied::Stale]);
    let waiting = s.waiting().unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].alert, one.alerts[0]);
}

pub(super) fn answers_come_in_the_order_of_the_changes<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &change(2, 0, Some(run(2, 0, 2))));
    let batch = [
        change(2, 0, Some(run(2, 0, 2))),
        change(1, 0, Some(run(1, 1, 1))),
        change(1, 1, Some(run(1, 2, 3))),
        change(3, 5, Some(run(3, 1, 4))),
    ];
    let answers = s.commit(&batch).unwrap();
    assert_eq!(answers, [Applied::Already, Applied::Done, Applied::Done, Applied::Stale]);
    assert_eq!(state_of(s, 1).map(|s| s.seq), Some(2));
    assert_eq!(state_of(s, 3), None);
    assert_eq!(s.commit(&[]).unwrap(), []);
    let all = s.states(&[job(1), job(2), job(3)]).unwrap();
    assert_eq!(all.into_keys().collect::<BTreeSet<_>>(), [job(1), job(2)].into());
}

pub(super) fn states_of_one_some_and_all<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let changes: Vec<Change> = (0..40).map(|n| change(n, 0, Some(run(n, 1, n)))).collect();
    s.commit(&changes).unwrap();
    for asked in [vec![], vec![7], vec![99], vec![3, 99, 38], (1..60).collect(), (0..40).rev().collect()] {
        let jobs: Vec<JobId> = asked.iter().map(|n| job(*n)).collect();
        let there = changes.iter().filter(|c| jobs.contains(&c.job));
        let expected = there.map(|c| (c.job.clone(), c.state.clone().unwrap())).collect();
        assert_eq!(s.states(&jobs).unwrap(), expected, "{asked:?}");
    }
}

/// All that a state can have comes back, and goes when it is over.
pub(super) fn all_of_a_state_comes_back<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let by = || ("me".to_owned(), Some("why".to_owned()));
    let whole = JobState {
        ran_at: Some(at(1)),
        verdict: Some(Verdict::Unknown),
        since: Some(at(2)),
        good: 3,
        blind: failing(1, None, 7).failure,
        changes: vec![at(4), at(5)],
        blinds: vec![at(6)],
        flapping: Some(Box::new(Flapping {
            episode: 4,
            next_step: 5,
            since: at(7),
            changes: 6,
            last_change: at(8),
            told: true,
            addressed: [to(1)].into(),
        })),
        ack: Some(Box::new(Ack { at: at(9), by: by().0, note: by().1 })),
        planned: true,
        silence: Some(Box::new(Silence { until: at(10), by: by().0, note: by().1 })),
        tally: Tally { hour: at(11), ok: 1, warning: 2, failed: 3, unknown: 4, micros_sum: 5, micros_max: 6 },
        ..failing(2, Some(id(1, 1)), 8)
    };
    let changes = [change(1, 0, None), Change { state: Some(whole), ..change(1, 1, None) }, change(1, 2, None)];
    for change in changes {
        assert_eq!(commit_one(s, &change), Applied::Done);
        assert_eq!(state_of(s, 1), change.state);
    }
}

/// What most runs of a commit have in common must not be taken for what all of them have.
pub(super) fn each_run_of_a_commit_keeps_its_own_values<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let usual = |n: u16| run(n, 1, n);
    let runs = [
        usual(1),
        RunRecord { queue: "q".to_owned(), priority: 3, ..usual(2) },
        RunRecord { not_before: Some(at(9)), attempt: 2, ..usual(3) },
        RunRecord { source: Source::Script, asked_by: Some("me".to_owned()), args: Some("{}".to_owned()), ..usual(4) },
        RunRecord { node: id(1, 9), host: "other".to_owned(), pass: None, ..usual(5) },
        RunRecord { pass: Some(id(1, 8)), started: None, ended: None, outcome: None, steady: false, ..usual(6) },
        RunRecord { status: RunStatus::Active, ..usual(7) },
        usual(8),
    ];
    let changes: Vec<Change> = (1..).zip(&runs).map(|(n, run)| change(n, 0, Some(run.clone()))).collect();
    s.commit(&changes).unwrap();
    for (n, run) in (1..).zip(runs) {
        assert_eq!(s.history(&job(n), 9).unwrap(), [run]);
    }
}

/// As an `ack` does.
pub(super) fn a_change_without_a_run_counts_once<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let first = change(1, 0, None);
    assert_eq!(commit_one(s, &first), Applied::Done);
    assert_eq!(commit_one(s, &first), Applied::Already);
    let mut other = first.clone();
    other.state.as_mut().unwrap().summary = "another hand".to_owned();
    assert_eq!(commit_one(s, &other), Applied::Stale);
    assert_eq!(state_of(s, 1), first.state);
}

pub(super) fn a_change_that_contradicts_itself_writes_nothing<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let mut skips = change(2, 0, None);
    skips.state = Some(good(2, None));
    let mut of_another = change(2, 0, Some(run(3, 0, 1)));
    let mut without_time = change(2, 0, Some(run(2, 0, 1)));
    without_time.run.as_mut().unwrap().id = uuid::Uuid::from_u128(4711);
    let mut tells_of_another = change(2, 0, None);
    tells_of_another.alerts = vec![alert(alert_id(3, 1, 0), 0, &[to(1)])];
    of_another.hour = None;
    let wrong = [
        (skips, "must lead to the next one"),
        (of_another, "carries a run of"),
        (without_time, "no UUID of version 7"),
        (tells_of_another, "carries an alert of"),
    ];
    for (bad, words) in wrong {
        let why = is_refused(s.commit(&[change(1, 0, None), bad]));
        assert!(why.contains(words) && why.contains("report it"), "{why}");
    }
    assert!(s.slots().unwrap().is_empty());
}

pub(super) fn a_forgotten_job_keeps_its_counters_while_its_alerts_are_kept<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &down(1, 0, &[to(1)]));
    let forget = Change { state: None, alerts: vec![alert(alert_id(1, 1, 1), 60, &[to(1)])], ..change(1, 1, None) };
    assert_eq!(commit_one(s, &forget), Applied::Done);
    assert_eq!(commit_one(s, &forget), Applied::Already);
    assert!(s.slots().unwrap().is_empty());
    let left = state_of(s, 1).unwrap();
    let counters = JobState { seq: 2, episodes: 1, ..JobState::default() };
    assert_eq!(left, counters);
    assert_eq!(s.waiting().unwrap().len(), 2);

    // It comes back: its next episode has a number of its own, so its alert is a new one.
    let back = Change {
        state: Some(failing(3, None, left.episodes + 1)),
        alerts: vec![alert(alert_id(1, 2, 0), 120, &[to(1)])],
        ..change(1, 2, None)
    };
    assert_eq!(commit_one(s, &back), Applied::Done);
    assert_eq!(s.waiting().unwrap().len(), 3);
    assert!(s.slots().unwrap().contains_key(&job(1)));
    assert_eq!(commit_one(s, &forget), Applied::Stale);
}

pub(super) fn a_job_without_episodes_is_forgotten_whole<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    commit_one(s, &change(1, 0, None));
    let forget = Change { state: None, ..change(1, 1, None) };
    assert_eq!(commit_one(s, &forget), Applied::Done);
    assert_eq!(commit_one(s, &forget), Applied::Already);
    assert_eq!(state_of(s, 1), None);
    assert_eq!(commit_one(s, &change(1, 0, None)), Applied::Done);
}

pub(super) fn slots_say_what_is_due_and_what_is_open<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let mut blind = change(3, 0, None);
    let state = blind.state.as_mut().unwrap();
    state.blind = failing(1, None, 1).failure;
    state.slot = None;
    s.commit(&[change(1, 0, None), down(2, 0, &[]), blind]).unwrap();
    let slots = s.slots().unwrap();
    let slot = |slot, open| Slot { seq: 1, slot, open };
    let expected = [(job(1), slot(Some(at(0)), false)), (job(2), slot(Some(at(0)), true)), (job(3), slot(None, true))];
    assert_eq!(slots, expected.into());
}

pub(super) fn hours_add_up<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let tally = |hour, ok, max| Tally {
        hour: at(hour),
        ok,
        warning: 1,
        failed: 2,
        unknown: 3,
        micros_sum: 10,
        micros_max: max,
    };
    for (seq, hour) in [tally(7_200, 5, 4), tally(3_600, 6, 4), tally(3_600, 7, 3)].into_iter().enumerate() {
        let mut change = change(1, seq as u64, None);
        change.hour = Some(hour);
        assert_eq!(commit_one(s, &change), Applied::Done);
    }
    let both = Tally { ok: 13, warning: 2, failed: 4, unknown: 6, micros_sum: 20, ..tally(3_600, 0, 4) };
    let hours = s.hours(&job(1), at(3_600)).unwrap();
    assert_eq!(hours, [both, tally(7_200, 5, 4)]);
    assert_eq!(s.hours(&job(1), at(3_601)).unwrap().len(), 1);
    assert_eq!(s.hours(&job(2), at(0)).unwrap(), []);
}

pub(super) fn the_groups_are_apart<B: Bench>() {
    let b = B::new(any_clock());
    let about_us = down(1, 0, &[to(1)]);
    assert_eq!(commit_one(b.node(), &about_us), Applied::Done);
    assert_eq!(commit_one(b.node(), &about_us), Applied::Already);
    let sent = delivery(1, to(1), &[alert_id(1, 1, 0)], 0);
    b.node().plan(&plan_of(&[sent])).unwrap();
    assert!(b.jobs().slots().unwrap().is_empty());
    assert_eq!(b.jobs().waiting().unwrap(), []);
    assert_eq!(b.jobs().unsent().unwrap(), []);
    assert_eq!(b.jobs().history(&job(1), 9).unwrap(), []);
    assert_eq!(state_of(b.node(), 1), about_us.state);
    assert_eq!(b.node().waiting().unwrap().len(), 1);
    assert_eq!(commit_one(b.jobs(), &about_us), Applied::Done);
}

pub(super) fn a_run_that_waited_becomes_done_once<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let mut waiting = run(1, 0, 1);
    waiting.status = RunStatus::Pending;
    waiting.outcome = None;
    // A change that is too late writes its run alone.
    let put = change(1, 9, Some(waiting.clone()));
    assert_eq!(s.commit(&[put]).unwrap(), [Applied::Stale]);
    assert_eq!(s.history(&job(1), 9).unwrap(), [waiting]);
    let done = change(1, 0, Some(run(1, 0, 1)));
    assert_eq!(commit_one(s, &done), Applied::Done);
    assert_eq!(commit_one(s, &done), Applied::Already);
    assert_eq!(s.history(&job(1), 9).unwrap(), [done.run.unwrap()]);
}

pub(super) fn all_of_a_run_comes_back<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let sources = [Source::Cron, Source::Manual, Source::Script, Source::Call, Source::Spool, Source::Remote];
    for (n, source) in (0..).zip(sources) {
        let mut full = run(1, i64::from(n), n);
        full.source = source;
        full.queue = "slow".to_owned();
        full.priority = -3;
        full.not_before = Some(at(-5));
        full.attempt = 7;
        full.asked_by = Some("anna".to_owned());
        full.args = Some("{\"x\":1}".to_owned());
        full.pass = None;
        full.steady = n % 2 == 0;
        full.outcome = Some(
            Outcome::unknown("no route", "no route to anything")
                .with_detail("two\nlines 'quoted' \u{fc}")
                .with_metric(Metric::new("time", 0.25, "s")),
        );
        assert_eq!(commit_one(s, &change(1, u64::from(n), Some(full.clone()))), Applied::Done);
        assert_eq!(s.history(&job(1), 1).unwrap(), [full]);
    }
    let newest: Vec<_> = s.history(&job(1), 2).unwrap();
    assert_eq!(newest.iter().map(|r| r.id).collect::<Vec<_>>(), [id(5, 5), id(4, 4)]);
}

pub(super) fn alerts_come_newest_first<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let batch = [down(1, 60, &[to(1)]), down(2, 120, &[to(1)]), down(3, 60, &[to(1)])];
    s.commit(&batch).unwrap();
    let jobs: Vec<_> = s.alerts(None, 9).unwrap().into_iter().map(|a| a.id.job).collect();
    assert_eq!(jobs, [job(2), job(3), job(1)]);
    assert_eq!(s.alerts(None, 1).unwrap().len(), 1);
    assert_eq!(s.alerts(Some(&job(1)), 9).unwrap(), batch[0].alerts);
}
