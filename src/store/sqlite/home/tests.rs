use super::*;
use crate::decide::{Alert, AlertId, AlertKind, JobState, Recipient};
use crate::store::{Applied, Change, Ledger, Shared};
use checker_job::Verdict;
use tempfile::TempDir;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn main(&self) -> PathBuf {
        self.folder.path().join("checker.db")
    }

    fn home(&self) -> Arc<Home> {
        Home::new(&self.main(), None, StoreClock::system(), true)
    }
}

/// A pass of its own "process", with its lock.
fn pass(home: &Arc<Home>) -> (Sqlite, Uuid) {
    let (store, id) = (home.open().unwrap(), Uuid::now_v7());
    home.hold(id).unwrap();
    let start = PassStart { id, node: id, started: Timestamp::from_secs(1), called: String::new() };
    store.shared().begin(&start).unwrap();
    (store, id)
}

/// From now on nothing more fits into the file, for this connection.
fn fill(store: &Sqlite) {
    let conn = store.0.lock();
    conn.query_row("PRAGMA max_page_count = 1", [], |_| Ok(())).unwrap();
    conn.pragma_update(None, "cache_size", 10).unwrap();
}

fn job(name: &str) -> JobId {
    JobId::literal(name.to_owned())
}

/// The next state of a job, decided on what the store says, with an alert if it is `told`.
fn step(store: &Sqlite, name: &str, ran: i64, told: bool) -> Applied {
    let id = job(name);
    let before = store.shared().states(std::slice::from_ref(&id)).unwrap().remove(&id).unwrap_or_default();
    let mut state = JobState { seq: before.seq + 1, ran_at: Some(Timestamp::from_secs(ran)), ..before.clone() };
    state.summary = "x".repeat(6_000);
    let mut alerts = Vec::new();
    if told {
        state.episodes += 1;
        alerts.push(Alert {
            id: AlertId { job: id.clone(), episode: state.episodes, step: 0 },
            kind: AlertKind::Down,
            verdict: Verdict::Failed,
            at: Timestamp::from_secs(ran),
            since: Timestamp::from_secs(ran),
            failures: 1,
            name: name.to_owned(),
            host: None,
            cause: None,
            subject: format!("{name} at {ran}"),
            body: String::new(),
            note: None,
            recipients: vec![Recipient("you".to_owned())],
        });
    }
    let change = Change { job: id, expected_seq: before.seq, state: Some(state), run: None, alerts, hour: None };
    store.shared().commit(&[change]).unwrap()[0]
}

fn subjects(store: &Sqlite) -> Vec<String> {
    let mut all: Vec<String> = store.shared().waiting().unwrap().into_iter().map(|w| w.alert.subject).collect();
    all.sort();
    all
}

#[test]
fn passes_in_both_places_lose_nothing_and_neither_runs_what_the_other_has_claimed() {
    let bench = Bench::new();
    let (here, there) = (bench.home(), bench.home());
    let ((a, a_id), (b, b_id)) = (pass(&here), pass(&there));
    for name in ["one", "two"] {
        step(&a, name, 100, false);
    }
    assert_eq!(a.shared().claim(a_id, &[(job("one"), Uuid::now_v7())], &[]).unwrap(), BTreeSet::new());

    // There is no room for B, who goes on elsewhere, and for A there is.
    fill(&b);
    let theirs = [(job("one"), Uuid::now_v7()), (job("two"), Uuid::now_v7())];
    assert_eq!(b.shared().claim(b_id, &theirs, &[]).unwrap(), BTreeSet::from([job("one")]), "A runs it");
    assert_eq!(step(&b, "two", 200, true), Applied::Done);
    assert!(there.refuge().is_some() && there.degraded().is_some());
    assert_eq!(step(&a, "one", 210, true), Applied::Done);
    assert!(!there.is_gone(a_id) && !here.is_gone(b_id), "each sees the other alive");
    assert_eq!(subjects(&a), ["one at 210"]);

    // The next pass finds the store good again.
    let next = bench.home();
    let (c, c_id) = pass(&next);
    assert_eq!((next.refuge(), next.degraded()), (None, None));
    assert_eq!(subjects(&c), ["one at 210", "two at 200"]);
    let wanted = [(job("one"), Uuid::now_v7()), (job("two"), Uuid::now_v7())];
    assert!(!next.is_gone(a_id) && !next.is_gone(b_id));
    assert_eq!(c.shared().claim(c_id, &wanted, &[]).unwrap(), BTreeSet::from([job("one"), job("two")]), "both run");

    // B is still at work, and finds itself in the store.
    assert_eq!(step(&b, "two", 300, true), Applied::Done);
    assert_eq!(subjects(&c), ["one at 210", "two at 200", "two at 300"]);
    drop((b, there));
    assert!(next.is_gone(b_id));
}

#[test]
fn a_result_of_the_same_job_on_both_sides_makes_two_alerts_and_one_state() {
    let bench = Bench::new();
    let (here, there) = (bench.home(), bench.home());
    let ((a, _), (b, _)) = (pass(&here), pass(&there));
    step(&a, "one", 100, false);
    fill(&b);
    // Only what is decided in the refuge has numbers of its own. What was decided before had the job's claim.
    assert_eq!(step(&b, "other", 190, false), Applied::Done);
    assert_eq!(step(&b, "one", 200, true), Applied::Done);
    assert_eq!(step(&a, "one", 150, true), Applied::Done);
    drop((b, there));
    let next = bench.home();
    let (c, _) = pass(&next);
    assert_eq!(subjects(&c), ["one at 150", "one at 200"], "no alert is taken for another");
    let state = c.shared().states(&[job("one")]).unwrap().remove(&job("one")).unwrap();
    assert_eq!(state.ran_at, Some(Timestamp::from_secs(200)), "the newer run counts");
    assert_eq!(step(&a, "one", 400, false), Applied::Done, "A goes on with what it reads");
}

#[test]
fn a_refuge_that_a_killed_pass_left_half_made_is_made_anew() {
    let bench = Bench::new();
    let there = bench.home();
    let (b, _) = pass(&there);
    step(&b, "one", 100, false);
    let half = crate::store::sqlite::places::make(&bench.folder.path().join("checker.db.refuge")).unwrap();
    Conn::open(&half, PATIENCE).unwrap();
    assert_eq!(there.refuge(), None, "it is none yet");
    fill(&b);
    assert_eq!(step(&b, "one", 200, false), Applied::Done);
    assert_eq!(there.refuge(), Some(half));
}

#[test]
fn what_a_dead_merger_has_frozen_is_used_again_if_the_store_is_not_back() {
    let bench = Bench::new();
    let there = bench.home();
    let (b, _) = pass(&there);
    fill(&b);
    step(&b, "one", 200, false);
    let file = there.refuge().unwrap();
    refuge::frozen(&file, true).unwrap();
    assert_eq!(step(&b, "one", 300, false), Applied::Done);
    assert_eq!(there.refuge(), Some(file));
}
