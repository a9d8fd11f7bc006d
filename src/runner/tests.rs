use super::*;
use checker_job::{Failure, JobId, Message, Policy, Recovery};
use std::future::Future;
use std::pin::Pin;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Acts {
    Well,
    Sleeps,
    Panics,
    BlocksShared,
    BlocksOwn,
    PanicsOwn,
    /// Before it has made its future.
    PanicsEarly,
    /// Where its future is dropped, after the timeout.
    PanicsInDrop,
    /// For a moment only.
    BlocksAWhile,
    /// Needs two turns of the runtime, some time apart.
    TakesTwoSteps,
    /// Works for 50 us and never waits.
    NeverWaits,
    /// Waits six times for a moment.
    WaitsOften,
    /// Waits 20 ms, and is counted meanwhile.
    IsCounted,
}

/// Runs of [`Acts::IsCounted`] that go on, and the most that ever did. One test has them.
static COUNTED: AtomicUsize = AtomicUsize::new(0);
static COUNTED_MOST: AtomicUsize = AtomicUsize::new(0);

struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("in a drop");
    }
}

struct Fake {
    id: JobId,
    policy: Policy,
    acts: Acts,
}

impl DynJob for Fake {
    fn id(&self) -> &JobId {
        &self.id
    }
    fn policy(&self) -> &Policy {
        &self.policy
    }
    fn kind(&self) -> &'static str {
        "fake"
    }
    fn blocking(&self) -> bool {
        matches!(self.acts, Acts::BlocksOwn | Acts::PanicsOwn)
    }
    fn execute<'a>(&'a self, _: &'a Context) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        assert!(self.acts != Acts::PanicsEarly, "no future");
        Box::pin(async move {
            let _trap = (self.acts == Acts::PanicsInDrop).then(|| Trap);
            match self.acts {
                Acts::Well => tokio::time::sleep(Duration::from_millis(5)).await,
                Acts::Sleeps | Acts::PanicsInDrop | Acts::PanicsEarly => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
                Acts::BlocksAWhile => std::thread::sleep(Duration::from_secs(1)),
                Acts::TakesTwoSteps => {
                    tokio::time::sleep(Duration::from_millis(150)).await;
                    tokio::time::sleep(Duration::from_millis(150)).await;
                }
                Acts::NeverWaits => {
                    let begin = Instant::now();
                    while begin.elapsed() < Duration::from_micros(50) {}
                }
                Acts::WaitsOften => {
                    for _ in 0..6 {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                Acts::IsCounted => {
                    COUNTED_MOST.fetch_max(COUNTED.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    COUNTED.fetch_sub(1, Ordering::SeqCst);
                }
                Acts::Panics | Acts::PanicsOwn => panic!("no such luck"),
                Acts::BlocksShared | Acts::BlocksOwn => std::thread::sleep(Duration::from_secs(6)),
            }
            Outcome::ok("fine")
        })
    }
    fn on_failure(&self, failure: &Failure<'_>) -> Message {
        failure.message()
    }
    fn on_recovery(&self, recovery: &Recovery<'_>) -> Message {
        recovery.message()
    }
}

fn work(acts: &[Acts]) -> Vec<Work> {
    acts.iter()
        .enumerate()
        .map(|(i, &acts)| {
            let policy = Policy { timeout: Duration::from_millis(500), ..Policy::default() };
            Work { job: Arc::new(Fake { id: JobId::new("fake", &i.to_string()), policy, acts }), run: Uuid::now_v7() }
        })
        .collect()
}

fn run(acts: &[Acts], in_flight_max: usize) -> (Vec<Finished>, Duration) {
    run_at_once(acts, AtOnce { awaiting: in_flight_max, awaiting_max: in_flight_max, threads: 4, threads_max: 4 })
}

fn run_at_once(acts: &[Acts], at_once: AtOnce) -> (Vec<Finished>, Duration) {
    let options = Options { now: Timestamp::default(), at_once, scratch: std::env::temp_dir().into(), begins: None };
    let started = Instant::now();
    let mut runner = Runner::start(work(acts), options).unwrap();
    let mut all = Vec::new();
    while runner.open() > 0 && started.elapsed() < Duration::from_secs(20) {
        all.extend(runner.next(Duration::from_secs(1)));
    }
    all.sort_by_key(|f| f.index);
    (all, started.elapsed())
}

#[test]
fn runs_that_never_wait_keep_nobody_from_its_turn() {
    let mut acts = vec![Acts::NeverWaits; 4_000];
    acts[0] = Acts::WaitsOften;
    let options = Options {
        now: Timestamp::default(),
        at_once: AtOnce::default(),
        scratch: std::env::temp_dir().into(),
        begins: None,
    };
    let mut runner = Runner::start(work(&acts), options).unwrap();
    let mut order = Vec::new();
    while runner.open() > 0 {
        order.extend(runner.next(Duration::from_secs(20)).map(|f| f.index));
    }
    assert_eq!(order.len(), 4_000);
    let place = order.iter().position(|index| *index == 0).unwrap();
    assert!(place < 2_000, "it waited for {place} others");
}

#[test]
fn more_go_on_at_once_while_the_thread_rests() {
    // Too quick for slow ones: only rest tells that there is room.
    let (all, _) = run_at_once(&vec![Acts::IsCounted; 1_000], AtOnce::default());
    assert_eq!(all.iter().filter(|f| f.outcome.verdict == checker_job::Verdict::Ok).count(), 1_000);
    let most = COUNTED_MOST.load(Ordering::SeqCst);
    assert!(most > 128, "at most {most} at once");
}

#[test]
fn slow_jobs_time_out_beside_each_other_and_hold_nobody() {
    let mut acts = vec![Acts::Sleeps; 50];
    acts.extend([Acts::Well; 50]);
    let (all, took) = run(&acts, 64);
    assert_eq!(all.len(), 100);
    assert!(all[..50].iter().all(|f| f.outcome.summary == "did not end within 500 ms"), "{:?}", all[0]);
    assert!(all[50..].iter().all(|f| f.outcome.verdict == checker_job::Verdict::Ok));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_panic_becomes_words_and_place() {
    let (all, _) = run(&[Acts::Panics, Acts::Well, Acts::PanicsOwn], 4);
    for panicked in [&all[0], &all[2]] {
        assert_eq!(panicked.outcome.verdict, checker_job::Verdict::Unknown);
        let summary = &panicked.outcome.summary;
        assert!(
            summary.starts_with("the job panicked: no such luck at ") && summary.contains("tests.rs:"),
            "{summary}"
        );
    }
    assert_eq!(all[1].outcome.summary, "fine");
}

#[test]
fn a_job_that_blocks_the_shared_thread_is_named_and_the_others_are_served() {
    let mut acts = vec![Acts::Well; 20];
    acts.insert(3, Acts::BlocksShared);
    acts.extend([Acts::PanicsOwn; 6]);
    let (all, took) = run(&acts, 2);
    assert_eq!(all.len(), 27);
    assert!(all[3].outcome.summary.starts_with("blocked the thread"), "{:?}", all[3].outcome);
    assert_eq!(all.iter().filter(|f| f.outcome.summary == "fine").count(), 20);
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn a_job_on_its_own_thread_may_block_without_harm() {
    let (all, took) = run(&[Acts::BlocksOwn, Acts::Well], 4);
    assert_eq!(all[0].outcome.summary, "did not end within 500 ms");
    assert_eq!(all[1].outcome.summary, "fine");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_job_that_panics_beside_its_run_ends_and_takes_nobody_along() {
    let mut acts = vec![Acts::Well; 20];
    acts.splice(0..0, [Acts::PanicsEarly, Acts::PanicsInDrop, Acts::PanicsInDrop]);
    let (all, took) = run(&acts, 2);
    assert_eq!(all.len(), 23);
    assert!(all[0].outcome.summary.starts_with("the job panicked: no future"), "{:?}", all[0].outcome);
    for lost in &all[1..3] {
        assert_eq!(lost.outcome.summary, "its run never came back");
    }
    assert!(all[3..].iter().all(|f| f.outcome.summary == "fine"));
    assert!(took < Duration::from_secs(12), "{took:?}");
}

#[test]
fn places_that_slow_runs_hold_become_more() {
    let mut acts = vec![Acts::Sleeps; 400];
    acts.extend([Acts::BlocksOwn; 16]);
    acts.push(Acts::Well);
    let at_once = AtOnce { awaiting: 4, awaiting_max: 1_000, threads: 2, threads_max: 64 };
    let (all, took) = run_at_once(&acts, at_once);
    assert_eq!(all.len(), 417);
    assert_eq!(all[416].outcome.summary, "fine");
    // Four at a time, they would take 50 s, and the threads 4 s.
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn places_end_where_they_must() {
    let at_once = AtOnce { awaiting: 4, awaiting_max: 8, threads: 2, threads_max: 2 };
    let (all, took) = run_at_once(&[Acts::Sleeps; 32], at_once);
    assert_eq!(all.len(), 32);
    assert!(took >= Duration::from_secs(2), "more than 8 at once: {took:?}");
}

#[test]
fn a_job_that_blocks_for_a_moment_costs_nobody_an_answer() {
    let mut acts = vec![Acts::TakesTwoSteps; 20];
    acts.extend([Acts::Sleeps; 2]);
    acts.insert(5, Acts::BlocksAWhile);
    let (all, took) = run(&acts, 64);
    assert!(all[..21].iter().all(|f| f.outcome.summary == "fine"), "{:?}", all[0].outcome);
    assert!(all[21..].iter().all(|f| f.outcome.summary == "did not end within 500 ms"));
    assert!(took < Duration::from_secs(4), "{took:?}");
}
