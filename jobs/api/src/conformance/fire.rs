//! A kind under fire: its jobs run, are dropped in the middle, and run a thousand at once.

use super::left::Left;
use super::{example_tables, table_of};
use crate::{Context, Failure, Job, JobSpawner, Message, Outcome, Recovery, Timestamp, Verdict};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A poll of an awaiting kind that takes longer than this blocks the thread that thousands share.
const POLL_MAX: Duration = Duration::from_secs(2);
/// The timeout that jobs are given here.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What a blocking job may take longer, once it was cancelled.
const GRACE: Duration = Duration::from_secs(5);
/// How often a run is dropped in the middle.
const DROPS: u64 = 30;
/// Runs at once of a kind that awaits.
const CROWD: usize = 1_000;
/// Runs at once of a kind that has a thread for each.
const CROWD_OF_THREADS: usize = 200;

type Found = Result<(), String>;

/// Runs the jobs of these tables through everything. The answer is a sentence that says what does not hold.
pub(super) fn through<S: JobSpawner>(settings: &str) -> Found {
    let tables = example_tables(S::KIND, settings);
    let tables = tables.into_iter().map(|t| table_of::<S>(S::KIND, t)).collect();
    let jobs = S::spawn(tables).map_err(|errors| format!("these tables do not spawn: {errors:?}"))?;
    if jobs.is_empty() {
        return Err(format!("no job to run: give it a [[job.{}]] table", S::KIND));
    }
    // What a kind keeps for good (a pool, a cache) is made by the first run.
    let jobs: Vec<Arc<S::Job>> = jobs.into_iter().map(Arc::new).collect();
    for job in &jobs {
        words(job.as_ref(), &sane(&once::<S>(job)?)?)?;
    }
    let before = Left::now();
    for job in &jobs {
        once::<S>(job)?;
    }
    before.nothing_new("a run that has ended")?;
    if !S::BLOCKING {
        dropped::<S>(&jobs)?;
        before.nothing_new("a run that was dropped in the middle, as at its timeout")?;
    }
    crowd::<S>(&jobs)?;
    before.nothing_new("many runs at once")
}

fn context(nth: u64) -> Context {
    let scratch = std::env::temp_dir().join(format!("checker-conformance-{}-{nth}", std::process::id()));
    Context::new(Timestamp::from_secs(1_800_000_000), TIMEOUT, format!("conformance-{nth}"), scratch.into())
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| format!("no runtime: {e}"))
}

/// One run on a thread of its own, as Checker would run it.
fn once<S: JobSpawner>(job: &Arc<S::Job>) -> Result<Outcome, String> {
    let (answer, receive) = mpsc::channel();
    let its = Arc::clone(job);
    let cx = Arc::new(context(0));
    let cancel = cx.cancel.clone();
    std::thread::spawn(move || answer.send(alone(its.as_ref(), &cx, S::BLOCKING)));
    let patience = TIMEOUT + POLL_MAX;
    let found = receive.recv_timeout(patience).or_else(|_| {
        cancel.cancel();
        receive.recv_timeout(GRACE)
    });
    match found {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            Err("execute panicked, see above: a fault must be an outcome, Failed or Unknown".to_owned())
        }
        Err(mpsc::RecvTimeoutError::Timeout) if S::BLOCKING => Err(format!(
            "execute does not end within {GRACE:?} after its timeout, and holds a thread for ever: give every call a limit \
             from cx.timeout, or look at cx.cancel"
        )),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(blocks()),
    }
}

fn blocks() -> String {
    format!(
        "execute blocks its thread for more than {POLL_MAX:?}, but the kind says BLOCKING = false, so thousands of other jobs \
         share that thread: await instead, or say const BLOCKING: bool = true"
    )
}

/// Polls it to its end; an awaiting one that is over its time is dropped.
fn alone<J: Job>(job: &J, cx: &Context, blocking: bool) -> Result<Outcome, String> {
    let runtime = runtime()?;
    let longest = std::cell::Cell::new(Duration::ZERO);
    let outcome = runtime.block_on(async {
        let mut run = pin!(job.execute(cx));
        let timed = std::future::poll_fn(|task| {
            let begun = Instant::now();
            let polled = run.as_mut().poll(task);
            longest.set(longest.get().max(begun.elapsed()));
            polled
        });
        if blocking { Some(timed.await) } else { tokio::time::timeout(TIMEOUT, timed).await.ok() }
    });
    runtime.shutdown_timeout(GRACE);
    if !blocking && longest.get() > POLL_MAX {
        return Err(blocks());
    }
    // Checker words a timeout itself.
    Ok(outcome.unwrap_or_else(|| Outcome::failed("did not end in time")))
}

/// What an outcome must be for people to use it.
fn sane(outcome: &Outcome) -> Result<Outcome, String> {
    let say = |what: &str| Err(format!("the outcome {:?} {what}", cut(&outcome.summary)));
    if outcome.summary.trim().is_empty() {
        return say("has no summary: one line must say what was seen");
    }
    if outcome.summary.contains(['\n', '\r']) {
        return say("has a summary of several lines: put one line there, and the rest into the detail");
    }
    if outcome.summary.len() > 400 || outcome.detail.len() > 16 * 1024 {
        return say(
            "is longer than what Checker keeps (400 bytes of summary, 16 KiB of detail): cut it where it is made",
        );
    }
    if outcome.verdict == Verdict::Unknown && outcome.cause.as_deref().is_none_or(|c| c.trim().is_empty()) {
        return say("is Unknown and has no cause: make it with Outcome::unknown");
    }
    if outcome.metrics.iter().any(|m| m.label.is_empty() || !m.value.is_finite()) {
        return say("has a metric without a label, or one that is not a number");
    }
    Ok(outcome.clone())
}

fn cut(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The words for its failure and its recovery.
fn words<J: Job>(job: &J, outcome: &Outcome) -> Found {
    let (policy, since, now) = (job.policy(), Timestamp::from_secs(1), Timestamp::from_secs(3_600));
    for verdict in [Verdict::Warning, Verdict::Failed] {
        let outcome = Outcome { verdict, ..outcome.clone() };
        let find = || {
            let failure = Failure { policy, outcome: &outcome, since, now, failures: 2, reminder: false };
            let again = Failure { reminder: true, ..failure };
            let recovery = Recovery { policy, outcome: &outcome, since, now, failures: 2 };
            [job.on_failure(&failure), job.on_failure(&again), job.on_recovery(&recovery)]
        };
        let find = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(find));
        let (Ok(first), Ok(second)) = (find(), find()) else {
            return Err(
                "on_failure or on_recovery panicked, see above: words must come whatever the outcome".to_owned()
            );
        };
        let bad = |m: &Message| m.subject.trim().is_empty() || m.subject.contains(['\n', '\r']);
        if first.iter().any(bad) {
            return Err("on_failure or on_recovery gave no subject, or one of several lines".to_owned());
        }
        if first != second {
            return Err("on_failure or on_recovery gave other words for the same: they must be pure".to_owned());
        }
    }
    Ok(())
}

/// Drops runs after a while that looks like chance and is the same each time.
fn dropped<S: JobSpawner>(jobs: &[Arc<S::Job>]) -> Found {
    let runtime = runtime()?;
    let mut seed = 0x5eed_u64;
    for (nth, job) in (0..DROPS).zip(jobs.iter().cycle()) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_micros((seed >> 33) % 40_000);
        let cx = context(nth);
        runtime.block_on(async {
            let run = job.execute(&cx);
            drop(tokio::time::timeout(after, run).await);
        });
    }
    runtime.shutdown_timeout(GRACE);
    Ok(())
}

/// Many runs at once: none may panic, and all together must not take much longer than one.
fn crowd<S: JobSpawner>(jobs: &[Arc<S::Job>]) -> Found {
    let begun = Instant::now();
    if S::BLOCKING {
        let (answer, receive) = mpsc::channel();
        let contexts: Vec<Arc<Context>> = (0..CROWD_OF_THREADS as u64).map(|nth| Arc::new(context(nth))).collect();
        for (cx, job) in contexts.iter().zip(jobs.iter().cycle()) {
            let (cx, job, answer) = (Arc::clone(cx), Arc::clone(job), answer.clone());
            std::thread::spawn(move || answer.send(alone(job.as_ref(), &cx, true).map(drop)));
        }
        drop(answer);
        let mut ended = 0;
        for (limit, last) in [(TIMEOUT * 4, false), (GRACE * 4, true)] {
            while let Ok(found) = receive.recv_timeout(limit) {
                found?;
                ended += 1;
            }
            if ended < contexts.len() && last {
                return Err(format!(
                    "{} of {} runs at once panicked or did not end",
                    contexts.len() - ended,
                    contexts.len()
                ));
            }
            for cx in &contexts {
                cx.cancel.cancel();
            }
        }
    } else {
        let runtime = runtime()?;
        let tasks = tokio::task::LocalSet::new();
        let all = (0_u64..).zip(jobs.iter().cycle()).take(CROWD);
        let runs: Vec<_> = all
            .map(|(nth, job)| {
                let job = Arc::clone(job);
                tasks.spawn_local(
                    async move { tokio::time::timeout(TIMEOUT * 4, job.execute(&context(nth))).await.is_ok() },
                )
            })
            .collect();
        for run in runs {
            tasks
                .block_on(&runtime, run)
                .map_err(|_| "execute panicked where many ran at once, see above".to_owned())?;
        }
        runtime.shutdown_timeout(GRACE);
    }
    let took = begun.elapsed();
    if took > TIMEOUT * 15 {
        return Err(format!("many runs at once took {took:?}: they hold each other up"));
    }
    Ok(())
}
