//! The kernel's own answers and those of real routers in network namespaces, hosts that misbehave there, and the judgement of
//! what cannot be had.

mod hostile;
mod judging;
mod network;
mod packets;
mod settings;
mod vacuity;
mod world;

use crate::{PingJob, Spawner};
use checker_job::{Context, Job, JobSpawner, Outcome, Policy, SpawnError, Table, Timestamp};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

/// On a machine that does not let us ping it says so; that is no less under fire.
#[test]
fn stands_fire() {
    checker_job::conformance::under_fire::<Spawner>(
        "[[job.ping]]\naddress = [\"127.0.0.1\", \"::1\", \"localhost\"]\ninterval = \"10ms\"\n",
    );
}

/// As the settings have it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What a run gets: who is silent takes all of it.
const RUN: Duration = Duration::from_secs(2);

/// The jobs of a table with these keys, or its problems.
fn jobs(keys: &str) -> Result<Vec<PingJob>, Vec<String>> {
    let settings = toml::from_str(keys).map_err(|e| vec![e.to_string()])?;
    let policy = Arc::new(Policy { timeout: TIMEOUT, ..Policy::default() });
    let shown = |e: &SpawnError| format!("{}: {}", e.key.as_deref().unwrap_or(""), e.message);
    Spawner::spawn(vec![Table { name: None, id: None, policy, settings }])
        .map_err(|errors| errors.iter().map(shown).collect())
}

#[track_caller]
fn job(keys: &str) -> PingJob {
    jobs(keys).unwrap_or_else(|errors| panic!("{keys}\n{errors:?}")).remove(0)
}

fn context() -> Context {
    let scratch = std::env::temp_dir().join("checker-ping-unused");
    Context::new(Timestamp::from_secs(0), RUN, "run".to_owned(), scratch.into())
}

async fn run(job: &PingJob) -> Outcome {
    tokio::time::timeout(RUN, job.execute(&context())).await.expect("a job ends before its time")
}

/// What tables with these keys find, all at the same time on one thread.
fn look_at_all(tables: &[String]) -> Vec<Outcome> {
    let jobs: Vec<PingJob> = tables.iter().map(|keys| job(keys)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let runs: Vec<_> = jobs.into_iter().map(|job| tokio::spawn(async move { run(&job).await })).collect();
        let mut outcomes = Vec::new();
        for run in runs {
            outcomes.push(run.await.unwrap());
        }
        outcomes
    })
}
