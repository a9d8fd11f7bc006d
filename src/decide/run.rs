use checker_job::{JobId, Outcome, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What started a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A pass.
    Cron,
    /// A person (`checker try`, `checker test`).
    Manual,
    /// A wrapped script.
    Script,
    /// `checker call`.
    Call,
    /// A spool folder.
    Spool,
    /// Another host.
    Remote,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Waits to be taken.
    Pending,
    /// Runs.
    Active,
    /// Has ended.
    Done,
}

/// One execution. The runs of a pass are written when they are done; all others live here from the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// UUID version 7, made by the caller.
    pub id: Uuid,
    /// The job, or the script's name.
    pub job: JobId,
    /// Where it stands.
    pub status: RunStatus,
    /// Empty for the jobs of a pass.
    pub queue: String,
    /// The higher the sooner.
    pub priority: i32,
    /// Not before this.
    pub not_before: Option<Timestamp>,
    /// Counted from 1.
    pub attempt: u32,
    /// What started it.
    pub source: Source,
    /// Who asked for it.
    pub asked_by: Option<String>,
    /// What it was asked to do, as JSON.
    pub args: Option<String>,
    /// The node that ran it.
    pub node: Uuid,
    /// That node's host name.
    pub host: String,
    /// The pass that ran it.
    pub pass: Option<Uuid>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// What it found.
    pub outcome: Option<Outcome>,
    /// It found the same good state as the run before: kept for a shorter time.
    pub steady: bool,
}

impl RunRecord {
    /// The run `id` of the script `name` on `host`, which has begun and not ended.
    pub fn begun(id: Uuid, name: &str, host: &str, started: Timestamp) -> Self {
        Self {
            id,
            job: JobId::literal(name),
            status: RunStatus::Active,
            queue: String::new(),
            priority: 0,
            not_before: None,
            attempt: 1,
            source: Source::Script,
            asked_by: None,
            args: None,
            node: Uuid::nil(),
            host: host.to_owned(),
            pass: None,
            started: Some(started),
            ended: None,
            outcome: None,
            steady: false,
        }
    }

    /// Whether this is a run of a script that succeeded.
    pub fn is_success(&self) -> bool {
        let ok = self.outcome.as_ref().map(|o| o.verdict) == Some(Verdict::Ok);
        self.source != Source::Cron && ok && self.ended.is_some()
    }

    /// How long it took, if it has ended.
    pub fn took(&self) -> Option<std::time::Duration> {
        Some(self.ended?.since(self.started?))
    }
}
