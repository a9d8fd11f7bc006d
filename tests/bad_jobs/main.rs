//! The program `checker` with job kinds that do all that a job must not. The tests of isolation run it.
#![expect(missing_docs, reason = "nobody reads on from here")]

mod deeds;

use checker_job::{Context, Failure, Job, JobId, JobSpawner, Message, Outcome, Policy, Recovery, SpawnError, Table};
use serde::Deserialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    checker::run(checker::bundled().with::<Blocking>().with::<Awaiting>())
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What it does; see `deeds`.
    does: String,
    /// It behaves while this file is there.
    unless: Option<PathBuf>,
    /// It waits so long before.
    #[serde(default)]
    after_ms: u64,
    /// A line is added to this file by each run.
    notes: Option<PathBuf>,
}

pub struct Bad {
    id: JobId,
    policy: Policy,
    settings: Settings,
}

impl Bad {
    fn does(&self, what: &str) -> bool {
        self.settings.does == what && !self.settings.unless.as_ref().is_some_and(|file| file.exists())
    }

    async fn act(&self) -> Outcome {
        if let Some(notes) = &self.settings.notes {
            deeds::note(notes, self.id.as_str());
        }
        tokio::time::sleep(Duration::from_millis(self.settings.after_ms)).await;
        if self.settings.unless.as_ref().is_some_and(|file| file.exists()) {
            return Outcome::ok("behaves");
        }
        deeds::act(&self.settings.does).await
    }
}

impl Job for Bad {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn execute<'a>(&'a self, _: &'a Context) -> impl Future<Output = Outcome> + Send + 'a {
        assert!(!self.does("panic early"), "before the future");
        async move { self.act().await }
    }

    fn on_failure(&self, failure: &Failure<'_>) -> Message {
        deeds::words(&self.settings.does);
        failure.message()
    }

    fn on_recovery(&self, recovery: &Recovery<'_>) -> Message {
        recovery.message()
    }
}

fn jobs(kind: &str, tables: Vec<Table<Settings>>) -> Vec<Bad> {
    let job = |table: Table<Settings>| {
        let target = table.settings.does.clone();
        let (id, policy) = table.job(kind, &target, true);
        Bad { id, policy, settings: table.settings }
    };
    tables.into_iter().map(job).collect()
}

/// Its jobs run on threads of their own.
pub struct Blocking;

impl JobSpawner for Blocking {
    const KIND: &'static str = "bad";
    const EXAMPLE: &'static str = "[[job.bad]]\ndoes = \"well\"\n";
    type Settings = Settings;
    type Job = Bad;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<Bad>, Vec<SpawnError>> {
        Ok(jobs(Self::KIND, tables))
    }
}

/// Its jobs share one thread.
pub struct Awaiting;

impl JobSpawner for Awaiting {
    const KIND: &'static str = "bad_async";
    const EXAMPLE: &'static str = "[[job.bad_async]]\ndoes = \"well\"\n";
    const BLOCKING: bool = false;
    type Settings = Settings;
    type Job = Bad;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<Bad>, Vec<SpawnError>> {
        Ok(jobs(Self::KIND, tables))
    }
}
