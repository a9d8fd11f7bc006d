use super::super::{Change, Ledger, Retention, RunRecord, RunStatus, Scripts, Shared, Source, StoreError};
use super::Bench;
use super::fixtures::{any_clock, at, id, job, run, script};
use crate::decide::script::{Activity, Measured, ScriptName, Wanted};
use checker_job::Outcome;
use std::time::Duration;

const DAY: i64 = 86_400;

fn name() -> String {
    job(1).to_string()
}

fn ask(s: &impl Shared, wanted: Wanted) -> Activity {
    s.activity(&[wanted]).unwrap().remove(0)
}

fn wanted() -> Wanted {
    Wanted { newest: 9, ..Wanted::success(&name(), None, at(99 * DAY)) }
}

/// When they started, after the beginning.
fn starts<'r>(runs: impl IntoIterator<Item = &'r RunRecord>) -> Vec<i64> {
    runs.into_iter().map(|r| r.started.unwrap().since(at(0)).as_secs().cast_signed()).collect()
}

pub(super) fn a_run_comes_further_and_never_back<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let stage = |stage| script(1, 100, 1, stage);
    s.record(&[stage(0)]).unwrap();
    assert_eq!(starts(&s.active().unwrap()), [100]);
    assert_eq!(ask(s, wanted()), Activity { active: vec![stage(0)], ..Activity::default() });
    s.record(&[stage(1)]).unwrap();
    assert!(s.active().unwrap().is_empty());
    assert_eq!(ask(s, wanted()).newest, [stage(1)], "given up");
    // Its end comes after all, and late letters of its begin change nothing.
    s.record(&[stage(3), stage(0), stage(1), stage(2)]).unwrap();
    let known = ask(s, wanted());
    assert_eq!((known.success, known.newest), (Some(stage(3)), vec![stage(3)]));
    assert!(known.active.is_empty() && known.started.is_none());
    let hours = s.script_hours(&name(), at(0)).unwrap();
    let minute = Measured { count: 1, micros: 60_000_000, longest: 60_000_000 };
    assert_eq!(
        hours.iter().map(|(host, h)| (host.as_str(), h.ok, h.failed)).collect::<Vec<_>>(),
        [("alpha", minute, 0)]
    );
}

pub(super) fn the_last_end_and_the_last_start_are_two_things<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let long = RunRecord { ended: Some(at(900)), ..script(1, 100, 1, 3) };
    s.record(&[long.clone(), script(1, 300, 2, 3), script(1, 200, 3, 3), script(1, 950, 4, 2)]).unwrap();
    let known = ask(s, wanted());
    assert_eq!(known.success, Some(long));
    assert_eq!(known.started, Some(script(1, 300, 2, 3)));
    assert_eq!(starts(&known.newest), [950, 300, 200, 100]);
    s.record(&[script(1, 1_000, 5, 3)]).unwrap();
    let known = ask(s, wanted());
    assert_eq!((starts(known.success.as_ref()), known.started), (vec![1_000], None));
}

pub(super) fn what_ended_later_is_not_seen<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    s.record(&[script(1, 100, 1, 3), script(1, 5_000, 2, 3)]).unwrap();
    let known = ask(s, Wanted { until: at(4_000), ..wanted() });
    assert_eq!((starts(known.success.as_ref()), starts(&known.newest)), (vec![100], vec![100]));
}

pub(super) fn hosts_are_apart<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let on_beta = |run: RunRecord| RunRecord { host: "beta".to_owned(), ..run };
    s.record(&[script(1, 100, 1, 3), on_beta(script(1, 200, 2, 3)), on_beta(script(1, 300, 3, 0))]).unwrap();
    let on = |host: &str| Wanted { host: Some(host.to_owned()), ..wanted() };
    assert_eq!(starts(ask(s, on("alpha")).success.as_ref()), [100]);
    assert_eq!(starts(ask(s, on("beta")).success.as_ref()), [200]);
    assert_eq!(starts(&ask(s, on("beta")).active), [300]);
    assert!(ask(s, on("alpha")).active.is_empty());
    assert_eq!(ask(s, on("gamma")), Activity::default());
    assert_eq!(starts(&s.script_runs(&name(), Some("beta"), 9).unwrap()), [300, 200]);
    assert_eq!(starts(&s.script_runs(&name(), None, 2).unwrap()), [300, 200]);
}

pub(super) fn a_window_is_counted_and_so_is_the_time_before<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    // The beginning is 08:00 on a day, so hours begin at multiples of 3,600.
    let took = |which, secs: i64, took: i64| RunRecord { ended: Some(at(secs + took)), ..script(1, secs, which, 3) };
    s.record(&[took(1, 0, 10), took(2, 3_600, 30), took(3, 7_150, 50), took(4, 7_300, 100), took(5, 7_400, 20)])
        .unwrap();
    s.record(&[script(1, 7_500, 6, 2)]).unwrap();
    let known = ask(s, Wanted { since: Some(at(7_200)), before: Some(at(3_600)), until: at(7_450), ..wanted() });
    let measured =
        |count, secs: u64, longest: u64| Measured { count, micros: secs * 1_000_000, longest: longest * 1_000_000 };
    // What ended in the first instant of the window is in it, and in the hour that begins with it.
    assert_eq!(known.window, measured(3, 170, 100));
    assert_eq!(known.before, measured(1, 30, 30));
    assert_eq!(known.window.average(), Some(Duration::from_micros(56_666_666)));
    let within = ask(s, Wanted { since: Some(at(7_300)), before: Some(at(0)), ..wanted() });
    assert_eq!(within.before, measured(2, 40, 30), "the hour in which the window begins is left out");
    assert_eq!(Measured::default().average(), None);
}

pub(super) fn names_stay_known_by_their_hours<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    s.record(&[script(1, 0, 1, 2), script(2, 0, 2, 3), script(3, 0, 3, 0), script(0, 0, 4, 1)]).unwrap();
    s.commit(&[Change {
        job: job(4),
        expected_seq: 9,
        state: None,
        run: Some(run(4, 0, 5)),
        alerts: Vec::new(),
        hour: None,
    }])
    .unwrap();
    let named = |n| ScriptName { name: job(n).to_string(), host: "alpha".to_owned() };
    assert_eq!(s.scripts().unwrap(), [named(1), named(2), named(3)], "what ended, what succeeded, what runs");
    s.prune(at(30 * DAY), &Retention::default()).unwrap();
    assert_eq!(starts(&s.script_runs(&name(), None, 9).unwrap()), [0], "a failure that nothing followed");
    assert_eq!(s.scripts().unwrap(), [named(1), named(2), named(3)]);
    assert_eq!(starts(&s.script_runs(job(2).as_str(), None, 9).unwrap()), [0], "the newest success");
    s.prune(at(400 * DAY), &Retention::default()).unwrap();
    assert_eq!(s.scripts().unwrap(), [named(2), named(3)]);
    assert!(s.script_hours(&name(), at(0)).unwrap().is_empty());
}

pub(super) fn what_contradicts_itself_writes_nothing<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let good = || script(1, 100, 1, 3);
    for wrong in [
        RunRecord { source: Source::Cron, ..good() },
        RunRecord { pass: Some(id(0, 7)), ..good() },
        RunRecord { started: None, ..good() },
        RunRecord { ended: None, ..good() },
        RunRecord { status: RunStatus::Active, ..good() },
        RunRecord { outcome: Some(Outcome::ok("x")), ..script(1, 100, 1, 0) },
        RunRecord { ended: Some(at(99)), ..good() },
        RunRecord { id: uuid::Uuid::nil(), ..good() },
    ] {
        let why = s.record(&[script(1, 50, 2, 3), wrong]).unwrap_err();
        assert!(matches!(why, StoreError::Refused(_)), "{why}");
    }
    assert!(s.script_runs(&name(), None, 9).unwrap().is_empty());
}
