//! A write whose outcome is unknown: it was done, and the caller was told "perhaps". The caller sends it again.

use super::super::{Applied, Change, Ledger, Own, PassEnd, Planned, Result, Shared, Sqlite, StoreError};
use super::fixtures::{
    accepted, alert_id, any_clock, at, change, delivery, down, id, job, later, pass, plan_of, state_of, to,
};
use super::folder;
use super::via::{How, Via};
use std::time::Duration;

fn again<T: std::fmt::Debug>(work: impl Fn() -> Result<T>) -> T {
    let first = work();
    assert!(matches!(first, Err(StoreError::OutcomeUnknown(_))), "{first:?}");
    work().unwrap()
}

#[test]
fn a_caller_in_doubt_sends_again_and_everything_counts_once() {
    let folder = folder();
    let path = folder.path().join("checker.db");
    let stores = [(); 2].map(|()| Sqlite::open(&path, any_clock()).unwrap());
    let jobs = Via::new(stores.iter().map(Sqlite::shared).collect(), How::Flaky);
    let node = Via::new(stores.iter().map(Sqlite::own).collect(), How::Flaky);

    let start = pass(0, 1);
    again(|| jobs.begin(&start));
    let wanted = [(job(1), id(0, 1)), (job(2), id(0, 2))];
    assert!(again(|| jobs.claim(start.id, &wanted, &[])).is_empty());
    assert_eq!(jobs.open_passes().unwrap()[0].claims, wanted.into());

    let first = down(1, 0, &[to(1)]);
    assert_eq!(again(|| jobs.commit(std::slice::from_ref(&first))), [Applied::Already]);
    let forget = Change { state: None, ..change(2, 0, None) };
    assert_eq!(again(|| jobs.commit(std::slice::from_ref(&forget))), [Applied::Done]);
    assert_eq!(state_of(&jobs, 1), first.state);
    assert_eq!(jobs.history(&job(1), 9).unwrap().len(), 1);
    again(|| jobs.release(start.id, &[job(1)]));

    let one = delivery(1, to(1), &[alert_id(1, 1, 0)], 1);
    let two = delivery(2, to(1), &[alert_id(1, 1, 0)], 2);
    again(|| jobs.plan(&plan_of(std::slice::from_ref(&one))));
    again(|| jobs.mark(one.id, &later(), at(3), at(60)));
    assert_eq!(jobs.unsent().unwrap()[0].attempts, 1);
    let replace = Planned { superseded: vec![one.id], ..plan_of(std::slice::from_ref(&two)) };
    again(|| jobs.plan(&replace));
    assert_eq!(jobs.unsent().unwrap(), std::slice::from_ref(&two));
    again(|| jobs.mark(two.id, &accepted(), at(4), at(60)));
    assert_eq!(jobs.waiting().unwrap(), []);
    assert_eq!(jobs.deliveries(9).unwrap().len(), 2);

    let end = PassEnd { ended: at(5), runs: 1, bad: 1 };
    again(|| jobs.end(start.id, &end));
    assert_eq!(jobs.passes(9).unwrap(), [(start, Some(end))]);

    again(|| node.set_meta("x", Some("y")));
    let minute = Duration::from_secs(60);
    assert_eq!(again(|| node.lease("outbox", id(0, 1), minute, &[])), None);
    again(|| node.release_lease("outbox", id(0, 1)));
    assert_eq!(again(|| node.lease("outbox", id(0, 2), minute, &[])), None);
}
