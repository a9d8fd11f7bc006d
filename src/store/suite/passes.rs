use super::super::{OpenPass, PassEnd, Shared};
use super::Bench;
use super::fixtures::{any_clock, at, id, is_refused, job, pass};
use checker_job::JobId;
use std::collections::BTreeSet;
use uuid::Uuid;

fn wanted(jobs: &[u16], secs: i64) -> Vec<(JobId, Uuid)> {
    jobs.iter().map(|n| (job(*n), id(secs, *n))).collect()
}

/// Nothing is held by others.
fn none() -> BTreeSet<JobId> {
    BTreeSet::new()
}

pub(super) fn a_job_is_held_by_one_pass<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let (one, two) = (pass(0, 1), pass(60, 2));
    s.begin(&one).unwrap();
    s.begin(&two).unwrap();
    let mine = wanted(&[1, 2], 0);
    assert_eq!(s.claim(one.id, &mine, &[]).unwrap(), none());
    assert_eq!(s.claim(two.id, &wanted(&[2, 3], 60), &[]).unwrap(), BTreeSet::from([job(2)]));
    let open = |start: &super::super::PassStart, claims: Vec<(JobId, Uuid)>| OpenPass {
        id: start.id,
        started: start.started,
        claims: claims.into_iter().collect(),
    };
    assert_eq!(s.open_passes().unwrap(), [open(&one, mine), open(&two, wanted(&[3], 60))]);

    // One more, later, and one given back.
    assert_eq!(s.claim(one.id, &wanted(&[4], 5), &[]).unwrap(), none());
    s.release(one.id, &[job(2), job(99)]).unwrap();
    let taken = s.claim(two.id, &wanted(&[1, 2, 4], 61), &[]).unwrap();
    assert_eq!(taken, BTreeSet::from([job(1), job(4)]));
    // Begun once more, it has lost nothing.
    s.begin(&one).unwrap();
    assert_eq!(s.open_passes().unwrap()[0].claims.len(), 2);
}

pub(super) fn claims_of_the_dead_are_freed_and_of_the_living_not<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let (dead, living, new) = (pass(0, 1), pass(1, 2), pass(60, 3));
    for p in [&dead, &living, &new] {
        s.begin(p).unwrap();
    }
    s.claim(dead.id, &wanted(&[1], 0), &[]).unwrap();
    s.claim(living.id, &wanted(&[2], 1), &[]).unwrap();
    let taken = s.claim(new.id, &wanted(&[1, 2], 60), &[dead.id, id(9, 9)]).unwrap();
    assert_eq!(taken, BTreeSet::from([job(2)]));
    let open: Vec<_> = s.open_passes().unwrap().into_iter().map(|p| p.id).collect();
    assert_eq!(open, [living.id, new.id]);
    // It is remembered as one that never ended.
    assert_eq!(s.passes(9).unwrap().last(), Some(&(dead, None)));
}

pub(super) fn a_pass_that_is_not_open_takes_nothing<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let (one, two) = (pass(0, 1), pass(60, 2));
    assert!(is_refused(s.claim(one.id, &wanted(&[1], 0), &[])).contains("never begun"));
    s.begin(&one).unwrap();
    s.begin(&two).unwrap();
    assert!(is_refused(s.claim(one.id, &wanted(&[1], 0), &[one.id])).contains("called itself dead"));
    s.claim(two.id, &[], &[one.id]).unwrap();
    assert!(is_refused(s.claim(one.id, &wanted(&[1], 0), &[])).contains("took it for dead"));
    s.release(one.id, &[job(1)]).unwrap();
    // A claim that is refused frees nobody.
    assert!(is_refused(s.claim(one.id, &wanted(&[1], 0), &[two.id])).contains("may not take jobs"));
    assert_eq!(s.open_passes().unwrap().len(), 1);
    let mut no_time = pass(0, 3);
    no_time.id = Uuid::from_u128(5);
    assert!(is_refused(s.begin(&no_time)).contains("version 7"));
}

pub(super) fn an_end_frees_and_the_first_one_counts<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.jobs();
    let (one, two) = (pass(0, 1), pass(60, 2));
    s.begin(&one).unwrap();
    s.begin(&two).unwrap();
    s.claim(one.id, &wanted(&[1], 0), &[]).unwrap();
    let end = |secs, runs| PassEnd { ended: at(secs), runs, bad: 1 };
    s.end(one.id, &end(50, 7)).unwrap();
    s.end(one.id, &end(51, 8)).unwrap();
    let first = (one, Some(end(50, 7)));
    assert_eq!(s.passes(9).unwrap(), [(two.clone(), None), first]);
    assert_eq!(s.passes(1).unwrap(), [(two.clone(), None)]);
    assert_eq!(s.claim(two.id, &wanted(&[1], 60), &[]).unwrap(), none());
    assert!(is_refused(s.end(id(9, 9), &end(1, 1))).contains("never begun"));
}
