//! Real name servers on loopback (BIND, Unbound), hostile ones, and what cannot be had there.

mod hostile;
mod network;
mod resolver;
mod servers;
mod settings;
mod vacuity;
mod zones;

use crate::{DnsJob, Spawner};
use checker_job::{Context, Job, JobSpawner, Outcome, Table, Timestamp, Vacuity, Verdict};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

/// The job of a table with these keys.
#[track_caller]
fn job(keys: &str) -> DnsJob {
    jobs(keys).unwrap_or_else(|errors| panic!("{keys}\n{errors:?}")).remove(0)
}

/// The jobs of a table with these keys, or its problems.
fn jobs(keys: &str) -> Result<Vec<DnsJob>, Vec<String>> {
    let settings = toml::from_str(keys).map_err(|e| vec![e.to_string()])?;
    let table = Table { name: None, id: None, policy: Arc::default(), settings };
    Spawner::spawn(vec![table]).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

fn context(timeout: Duration) -> Context {
    let scratch = std::env::temp_dir().join("checker-dns-unused");
    Context::new(Timestamp::from_secs(0), timeout, "run".to_owned(), scratch.into())
}

/// What the job says of the answers as they are, and of wrong ones.
fn judge_wrong(job: &DnsJob) -> Vacuity {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(job.vacuity(&context(Duration::from_secs(20)))).unwrap()
}

async fn run(job: &DnsJob, timeout: Duration) -> Outcome {
    let cx = context(timeout);
    tokio::time::timeout(timeout, job.execute(&cx)).await.expect("a job ends before its time")
}

/// What a table with these keys finds.
#[track_caller]
fn look(keys: &str) -> Outcome {
    look_for(keys, Duration::from_secs(20))
}

#[track_caller]
fn look_for(keys: &str, timeout: Duration) -> Outcome {
    let job = job(keys);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(&job, timeout))
}

#[track_caller]
fn found(keys: &str, verdict: Verdict, sentence: &str) -> Outcome {
    let outcome = look(keys);
    let text = format!("{}\n{}", outcome.summary, outcome.detail);
    assert_eq!(outcome.verdict, verdict, "{keys}\n{text}");
    assert!(outcome.summary.contains(sentence), "{keys}\n{text}\nwanted {sentence}");
    outcome
}
