//! Job kind `file`: look at a file, or at the newest one of a folder.
//!
//! Age, size, type, owner and mode are what `stat` says, and links are followed. Only regular files are opened, and not in a
//! way that could hang at a named pipe or a device. Content is read line by line up to a limit, the checksum until time runs
//! out; neither holds more than a line in memory.
//!
//! All that is wrong is said together, what is gravest first. That Checker's user may not look is `Unknown`, with a cause, unless
//! what could be seen is enough to fail.
//!
//! Metrics: `age` in seconds, `size` in bytes, and with `newest_of` the number of `files`.

mod entry;
mod judge;
mod look;
mod mutate;
mod plan;
mod read;
mod spawn;
#[cfg(test)]
mod tests;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::one_or_many::OneOrMany;
use plan::{Plan, Target};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

const KIND: &str = "file";

/// The keys of `[[job.file]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What to look at; a list makes one job each.
    pub path: Option<OneOrMany<PathBuf>>,
    /// A folder whose newest file is looked at; a list makes one job each.
    pub newest_of: Option<OneOrMany<PathBuf>>,
    /// Which files of it count.
    pub name_matches: Option<String>,
    /// So many must be there.
    pub min_files: Option<u64>,
    /// No more may be there.
    pub max_files: Option<u64>,
    /// Warn when it is older.
    pub max_age_warning: Option<String>,
    /// Fail when it is older.
    pub max_age: Option<String>,
    /// Fail when it is younger.
    pub min_age: Option<String>,
    /// Fail when it is smaller.
    pub min_size: Option<String>,
    /// Warn when it is larger.
    pub max_size_warning: Option<String>,
    /// Fail when it is larger.
    pub max_size: Option<String>,
    /// What it must be.
    pub r#type: Option<String>,
    /// It must not be there.
    #[serde(default)]
    pub absent: bool,
    /// It may be missing.
    #[serde(default)]
    pub optional: bool,
    /// A line must contain this.
    #[serde(default)]
    pub contains: OneOrMany<String>,
    /// No line may contain this.
    #[serde(default)]
    pub not_contains: OneOrMany<String>,
    /// A line must match this.
    #[serde(default)]
    pub matches: OneOrMany<String>,
    /// No line may match this.
    #[serde(default)]
    pub not_matches: OneOrMany<String>,
    /// How much is read for these.
    pub read_max: Option<String>,
    /// Which part of a file that is longer.
    pub read_from: Option<String>,
    /// The checksum.
    pub sha256: Option<String>,
    /// The user it belongs to.
    pub owner: Option<String>,
    /// The group it belongs to.
    pub group: Option<String>,
    /// Its permissions, octal.
    pub mode: Option<String>,
}

/// A file to look at.
#[derive(Debug)]
pub struct FileJob {
    id: JobId,
    policy: Policy,
    target: Target,
    plan: Arc<Plan>,
}

impl Job for FileJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        look::look(&self.target, &self.plan, cx)
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        Some(mutate::vacuity(&self.target, &self.plan, cx))
    }
}

/// Makes the jobs of all `[[job.file]]` tables.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = true;
    type Settings = Settings;
    type Job = FileJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<FileJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
