//! What numbers are worth that no file system of a test has.

use super::*;
use crate::judge::{Judged, Room, judge, outcome};

const TIB: u64 = 1 << 40;
const GIB: u64 = 1 << 30;

fn plan(text: &str) -> Arc<Plan> {
    let text = format!("path = \"/\"\n{text}");
    Spawner::spawn(vec![table::<Spawner>(&text)]).unwrap().remove(0).plan
}

fn room(total: u64, available: u64) -> Room {
    Room { total, used: total - available, available, ..Room::default() }
}

fn one(name: &str, room: &Room) -> Judged {
    judge(name.to_owned(), room, None, &plan(""), &format!(" {name}"))
}

#[test]
fn by_default_large_disks_are_judged_by_size_and_small_ones_by_share() {
    for (total, free, verdict) in [
        (100 * GIB, 11 * GIB, Verdict::Ok),
        (100 * GIB, 9 * GIB, Verdict::Warning),
        (100 * GIB, 4 * GIB, Verdict::Failed),
        (4 * TIB, 51 * GIB, Verdict::Ok),
        (4 * TIB, 49 * GIB, Verdict::Warning),
        (4 * TIB, 19 * GIB, Verdict::Failed),
        (u64::MAX, u64::MAX / 2, Verdict::Ok),
    ] {
        let outcome = outcome(vec![one("/", &room(total, free))]);
        assert_eq!(outcome.verdict, verdict, "{outcome:?}");
    }
    let said = outcome(vec![one("/", &room(4 * TIB, 49 * GIB))]).summary;
    assert_eq!(said, "/: only 49 GiB of 4 TiB free (1.1%), less than 50 GiB");
}

#[test]
fn a_share_is_of_what_users_can_have() {
    // A twentieth is reserved for root, and all but a twentieth is used.
    let reserved = Room { total: 100 * GIB, used: 86 * GIB, available: 9 * GIB, ..Room::default() };
    let said = outcome(vec![one("/", &reserved)]).summary;
    assert_eq!(said, "/: only 9 GiB of 95 GiB free (9.4%), less than 10% (9.5 GiB)");
}

#[test]
fn less_than_nothing_is_nothing() {
    // As an NFS server tells that root has used some of what is reserved for it.
    let negative = Room::of_blocks(1_000, 20, (u64::MAX >> 12) - 5, 4_096);
    assert_eq!((negative.available, negative.used), (0, 980 * 4_096));
    let outcome = outcome(vec![one("/mnt", &negative)]);
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert_eq!(Room::of_blocks(1_000, 20, 1_000, 2).available, 2_000);
}

#[test]
fn of_many_the_gravest_is_named_first_and_the_rest_counted() {
    let good = one("/good", &room(100 * GIB, 50 * GIB));
    let warned = |name: &str| one(name, &room(100 * GIB, 9 * GIB));
    let unknown = Judged::bad("/mystery".to_owned(), Verdict::Unknown, "cannot be asked".to_owned(), Some("why"));
    let found =
        outcome(vec![warned("/a"), warned("/b"), unknown, warned("/c"), one("/full", &room(100 * GIB, 0)), good]);
    assert_eq!(found.verdict, Verdict::Failed);
    let begin = "/full: only 0 B of 100 GiB free (0%), less than 5% (5 GiB); /mystery: cannot be asked; /a: only 9 GiB";
    assert!(found.summary.starts_with(begin) && found.summary.ends_with("; and 2 more"), "{}", found.summary);
    assert_eq!((found.detail.lines().count(), found.metrics.len()), (6, 5));
    let mystery = Judged::bad("/mystery".to_owned(), Verdict::Unknown, "cannot be asked".to_owned(), Some("why"));
    let found = outcome(vec![warned("/a"), mystery]);
    assert_eq!((found.verdict, found.cause.as_deref()), (Verdict::Unknown, Some("why")));
    let found =
        outcome(vec![one("/x", &room(GIB, GIB / 2)), one("/y", &room(GIB, GIB / 5)), one("/z", &room(GIB, GIB))]);
    assert_eq!(found.summary, "3 file systems have room, the fullest is /y: 204 MiB of 1 GiB free (19%)");
    let none = outcome(Vec::new());
    assert_eq!(none.verdict, Verdict::Unknown, "nothing was looked at");
    assert!(none.cause.is_some() && none.summary.contains("name one with `path`"), "{none:?}");
    let crowd = outcome((0..300).map(|n| warned(&format!("/{n}/{}", "x".repeat(110)))).collect());
    assert!(crowd.summary.len() <= 400 && crowd.summary.ends_with("; and 297 more"), "{}", crowd.summary);
    assert!(crowd.detail.len() < 9 * 1024);
}
