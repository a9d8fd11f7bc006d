use super::super::Own;
use super::Bench;
use super::fixtures::{Hands, any_clock, id};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// The store's clock is ten minutes before, then ten minutes behind what anybody else believes.
pub(super) fn a_lease_goes_by_the_stores_time_alone<B: Bench>() {
    let store_time = Hands::at(-600);
    let b = B::new(store_time.clock());
    let s = b.node();
    let (one, two) = (id(0, 1), id(1, 2));
    assert_eq!(s.lease("outbox", one, MINUTE, &[]).unwrap(), None);
    store_time.set(-541);
    assert_eq!(s.lease("outbox", two, MINUTE, &[]).unwrap(), Some(one));
    // Held on to, it runs on from there.
    assert_eq!(s.lease("outbox", one, MINUTE, &[]).unwrap(), None);
    store_time.set(-482);
    assert_eq!(s.lease("outbox", two, MINUTE, &[]).unwrap(), Some(one));
    assert_eq!(s.lease("other", two, MINUTE, &[]).unwrap(), None);
    store_time.set(-481);
    assert_eq!(s.lease("outbox", two, MINUTE, &[]).unwrap(), None);
    store_time.set(600);
    assert_eq!(s.lease("outbox", one, MINUTE, &[]).unwrap(), None);
    assert_eq!(s.lease("outbox", two, MINUTE, &[]).unwrap(), Some(one));
}

pub(super) fn a_lease_goes_over_from_the_dead<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.node();
    let (one, two, three) = (id(0, 1), id(1, 2), id(2, 3));
    s.lease("outbox", one, MINUTE, &[]).unwrap();
    assert_eq!(s.lease("outbox", two, MINUTE, &[three]).unwrap(), Some(one));
    assert_eq!(s.lease("outbox", two, MINUTE, &[three, one]).unwrap(), None);
    // Who does not hold it cannot give it back.
    s.release_lease("outbox", one).unwrap();
    assert_eq!(s.lease("outbox", three, MINUTE, &[]).unwrap(), Some(two));
    s.release_lease("outbox", two).unwrap();
    assert_eq!(s.lease("outbox", three, MINUTE, &[]).unwrap(), None);
}

pub(super) fn values_by_name<B: Bench>() {
    let b = B::new(any_clock());
    let s = b.node();
    assert_eq!(s.meta("node").unwrap(), None);
    s.set_meta("node", Some("one")).unwrap();
    s.set_meta("node", Some("two")).unwrap();
    s.set_meta("other", Some("")).unwrap();
    assert_eq!(s.meta("node").unwrap().as_deref(), Some("two"));
    assert_eq!(s.meta("other").unwrap().as_deref(), Some(""));
    s.set_meta("node", None).unwrap();
    assert_eq!(s.meta("node").unwrap(), None);
}
