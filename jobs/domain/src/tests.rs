//! Real https servers: nginx, and one of our own for what nginx does not do.

mod hostile;
mod judging;
mod nginx;
mod server;
mod settings;
mod shared;
mod vacuity;

use super::*;
use std::path::Path;
use std::time::Duration;

#[test]
fn conforms() {
    checker_job::conformance::check::<Spawner>();
}

#[test]
fn stands_fire() {
    // The second one is silent for as long as anybody waits.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap();
    checker_job::conformance::under_fire::<Spawner>(&format!(
        "[[job.domain]]\ndomain = \"a.example\"\nserver = \"https://127.0.0.1:9/\"\n[[job.domain]]\ndomain = \
         \"b.example\"\nserver = \"https://{silent}/\"\n"
    ));
}

/// The first second of 2026-11-29.
fn now() -> Timestamp {
    Timestamp::from_secs(1_795_910_400)
}

/// The jobs of one table, or what is wrong with it. The list of servers is at this address.
fn jobs(settings: &str, list: &str) -> Result<Vec<DomainJob>, Vec<String>> {
    let table = checker_job::conformance::table::<Spawner>(settings);
    let shown = |e: &SpawnError| format!("{}: {}", e.key.as_deref().unwrap_or(""), e.message);
    let list = Address::parse(list).unwrap();
    spawn::with_list(&[table], &list).map_err(|errors| errors.iter().map(shown).collect())
}

fn context(timeout: Duration) -> Context {
    Context::new(now(), timeout, "run".to_owned(), Path::new("/nonexistent").into())
}

async fn run_job(job: &DomainJob, timeout: Duration) -> Outcome {
    let cx = context(timeout);
    // The framework would cut it off there.
    tokio::time::timeout(timeout, job.execute(&cx)).await.expect("the job ends in time")
}

async fn run(settings: &str) -> Outcome {
    let job = jobs(settings, registry::LIST).unwrap().remove(0);
    run_job(&job, Duration::from_secs(10)).await
}
