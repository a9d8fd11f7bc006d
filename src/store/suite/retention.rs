use super::super::{Change, Ledger, PassEnd, Retention, RunRecord, RunStatus, Shared, Source};
use super::Bench;
use super::fixtures::{
    accepted, alert, alert_id, any_clock, at, change, commit_one, delivery, down, failing, good, job, pass, plan_of,
    refused, run, to,
};
use crate::decide::Tally;
use checker_job::Outcome;
use std::time::Duration;

const DAY: i64 = 86_400;

fn keep() -> Retention {
    Retention::default()
}

/// Writes a run and nothing else: it comes too late for any state.
fn only_run(store: &impl Ledger, run: RunRecord) {
    let change =
        Change { job: run.job.clone(), expected_seq: 99, state: None, run: Some(run), alerts: Vec::new(), hour: None };
    store.commit(&[change]).unwrap();
}

fn script(n: u16, secs: i64, which: u16, outcome: Outcome, host: &str) -> RunRecord {
    RunRecord { source: Source::Script, outcome: Some(outcome), host: host.to_owned(), ..run(n, secs, which) }
}

fn starts(store: &impl Shared, n: u16) -> Vec<i64> {
    let all = store.history(&job(n), 99).unwrap();
    all.iter().map(|r| r.started.unwrap().since(at(0)).as_secs().cast_signed()).collect()
}

pub(super) fn age_decides_and_the_newest_success_stays<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let ok = || Outcome::ok("backed up");
    only_run(s, script(1, 0, 1, ok(), "alpha"));
    only_run(s, script(1, 100, 2, ok(), "alpha"));
    only_run(s, script(1, 200, 3, Outcome::failed("no disk"), "alpha"));
    only_run(s, script(1, 50, 4, ok(), "beta"));
    only_run(s, run(2, 100, 5));
    only_run(s, run(2, 300, 6));
    let mut waits = run(2, 20, 7);
    waits.status = RunStatus::Active;
    only_run(s, waits);
    // The wall clock was wrong when this id was made, and right when it ended.
    let mut odd = run(2, 10, 8);
    odd.ended = Some(at(400));
    only_run(s, odd);

    assert_eq!(s.prune(at(8 * DAY), &keep()).unwrap(), 0);
    assert_eq!(s.prune(at(8 * DAY + 250), &keep()).unwrap(), 2);
    assert_eq!(starts(s, 1), [200, 100, 50], "the newest that ended, and the newest success");
    assert_eq!(starts(s, 2), [300, 20, 10]);
    assert_eq!(s.prune(at(8 * DAY + 250), &keep()).unwrap(), 0);
    // A newer success takes its place.
    only_run(s, script(1, 300, 9, ok(), "alpha"));
    assert_eq!(s.prune(at(8 * DAY + 250), &keep()).unwrap(), 2);
    assert_eq!(starts(s, 1), [300, 50]);
}

pub(super) fn steady_runs_are_limited<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let steady = |secs, which| RunRecord { steady: true, ..run(1, secs, which) };
    only_run(s, run(1, 0, 1));
    for which in 2..8_u16 {
        only_run(s, steady(i64::from(which), which));
    }
    let four = Retention { steady_runs: 4, ..keep() };
    assert_eq!(s.prune(at(60), &four).unwrap(), 2);
    assert_eq!(starts(s, 1), [7, 6, 5, 4, 0]);
    assert_eq!(s.prune(at(60), &four).unwrap(), 0);
    // The count holds after removals by age, too.
    assert_eq!(s.prune(at(8 * DAY + 7), &four).unwrap(), 3);
    assert_eq!(starts(s, 1), [7, 6]);
    for which in 10..13_u16 {
        only_run(s, steady(i64::from(which), which));
    }
    assert_eq!(s.prune(at(60), &four).unwrap(), 1);
    assert_eq!(starts(s, 1), [12, 11, 10, 7]);
}

pub(super) fn a_batch_bounds_what_goes_at_once<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    for which in 0..5_u16 {
        only_run(s, run(1, i64::from(which), which));
    }
    let start = pass(0, 1);
    s.begin(&start).unwrap();
    s.end(start.id, &PassEnd::default()).unwrap();
    s.plan(&plan_of(&[delivery(1, to(1), &[], 0)])).unwrap();
    s.mark(s.unsent().unwrap()[0].id, &accepted(), at(1), at(1)).unwrap();
    let two = Retention { batch: 2, ..keep() };
    let gone: Vec<_> = (0..5).map(|_| s.prune(at(9 * DAY), &two).unwrap()).collect();
    assert_eq!(gone, [2, 2, 2, 1, 0]);
    assert_eq!(s.passes(9).unwrap(), []);
    assert_eq!(s.deliveries(9).unwrap(), []);
}

pub(super) fn open_things_stay<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    // 1: its episode is open, and told. 2: it is closed, and its end is still to be told. 3: closed and told.
    // 4: forgotten and told. 5: its newest alert is young.
    for n in 1..6 {
        commit_one(s, &down(n, 0, &[to(1)]));
        let mail = delivery(n, to(1), &[alert_id(n, 1, 0)], 1);
        s.plan(&plan_of(std::slice::from_ref(&mail))).unwrap();
        s.mark(mail.id, &accepted(), at(2), at(2)).unwrap();
    }
    let close = |n, secs, whom: &[u16]| {
        let whom: Vec<_> = whom.iter().map(|r| to(*r)).collect();
        let mut change = Change { alerts: vec![alert(alert_id(n, 1, 1), secs, &whom)], ..change(n, 1, None) };
        change.state.as_mut().unwrap().episodes = 1;
        change
    };
    let mut forget = close(4, 60, &[]);
    forget.state = None;
    s.commit(&[close(2, 60, &[1]), close(3, 60, &[]), forget, close(5, DAY, &[])]).unwrap();
    let (open, dead) = (pass(0, 1), pass(1, 2));
    s.begin(&open).unwrap();
    s.begin(&dead).unwrap();
    s.claim(open.id, &[], &[dead.id]).unwrap();

    // Five runs, the dead pass, the alerts of 3 and 4, and five deliveries.
    assert_eq!(s.prune(at(8 * DAY + 100), &keep()).unwrap(), 5 + 1 + 4 + 5);
    let left: Vec<_> = s.alerts(None, 99).unwrap().into_iter().map(|a| a.id).collect();
    let expected = [(5, 1), (2, 1), (5, 0), (2, 0), (1, 0)];
    assert_eq!(left, expected.map(|(n, step)| alert_id(n, 1, step)));
    let waiting = s.waiting().unwrap();
    assert_eq!((waiting.len(), waiting[0].told), (1, true));
    assert_eq!(s.passes(9).unwrap(), [(open, None)]);
    assert_eq!(s.states(&[job(4)]).unwrap().len(), 0);
    assert_eq!(s.states(&[job(3)]).unwrap().len(), 1);

    // A later episode does not keep the alerts of an earlier one.
    let mut again = change(1, 1, None);
    again.state = Some(good(2, None));
    commit_one(s, &again);
    let again = Change { state: Some(failing(3, None, 2)), ..change(1, 2, None) };
    commit_one(s, &again);
    assert_eq!(s.prune(at(8 * DAY + 100), &keep()).unwrap(), 1);
    assert_eq!(s.alerts(Some(&job(1)), 9).unwrap(), []);
}

pub(super) fn hours_go_after_their_own_time<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let hour = at(0).secs().rem_euclid(3_600);
    assert_eq!(hour, 0, "the cases begin at a full hour");
    let add = |n, seq, hours: i64| {
        let mut change = change(n, seq, None);
        change.hour = Some(Tally { hour: at(hours * 3_600), ok: 60, ..Tally::default() });
        commit_one(s, &change);
    };
    for n in 1..4 {
        for (seq, hours) in (0..).zip(0..3) {
            add(n, seq, hours);
        }
    }
    let day = Retention { hours: Duration::from_secs(86_400), batch: 2, ..keep() };
    let at_hour = |hours: i64| at(DAY + hours * 3_600 + 1_800);
    assert_eq!(s.prune(at_hour(0), &day).unwrap(), 0);
    assert_eq!(s.prune(at_hour(1), &day).unwrap(), 2);
    assert_eq!(s.prune(at_hour(1), &day).unwrap(), 1);
    assert_eq!(s.prune(at_hour(1), &day).unwrap(), 0);
    let left = |n| s.hours(&job(n), at(0)).unwrap().len();
    assert_eq!([1, 2, 3].map(left), [2, 2, 2]);
    // One that comes late goes as well, though its time was looked through.
    add(2, 3, 0);
    assert_eq!(left(2), 3);
    assert_eq!(s.prune(at_hour(1), &day).unwrap(), 1);
    assert_eq!(left(2), 2);
}

pub(super) fn refused_deliveries_go_by_age_and_unsent_ones_never<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let mails = [1, 2, 3].map(|n| delivery(n, to(1), &[], i64::from(n)));
    s.plan(&plan_of(&mails)).unwrap();
    s.mark(mails[0].id, &refused(), at(9), at(9)).unwrap();
    s.mark(mails[1].id, &accepted(), at(9), at(9)).unwrap();
    assert_eq!(s.prune(at(8 * DAY), &keep()).unwrap(), 0);
    assert_eq!(s.prune(at(99 * DAY), &keep()).unwrap(), 2);
    let left: Vec<_> = s.deliveries(9).unwrap().iter().map(|d| d.id).collect();
    assert_eq!(left, [mails[2].id]);
    // What is about this node goes the same way.
    b.node().plan(&plan_of(&mails)).unwrap();
    b.node().mark(mails[1].id, &accepted(), at(9), at(9)).unwrap();
    assert_eq!(b.node().prune(at(99 * DAY), &keep()).unwrap(), 1);
}
