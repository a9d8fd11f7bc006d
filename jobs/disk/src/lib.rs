//! Job kind `disk`: is there room on a file system, is it mounted, can it be written to?
//!
//! Judged is what users have, without the blocks that are reserved for root, and shares are of what users could have: the
//! numbers are those of `df`. A file system that the kernel has made read-only after an error is found by its mount, which
//! still says `rw` while the file system below says `ro`, and by what ext4 says of itself since Linux 6.15.
//!
//! `statvfs` can hang, at a network file system whose server is silent, and nothing can end it: the framework then gives the
//! run up at its timeout, and leaves its thread behind.
//!
//! With `all`, nothing is well that was not looked at: no local file system, or more than one job looks at, is `Unknown`.
//!
//! Metrics: `free` in bytes and `inodes_free`; with `all`, each with its mount point.

mod judge;
mod look;
mod mounts;
mod mutate;
mod spawn;
#[cfg(test)]
mod tests;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::one_or_many::OneOrMany;
use judge::Plan;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

const KIND: &str = "disk";

/// The keys of `[[job.disk]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A path on the file system; a list makes one job each.
    pub path: Option<OneOrMany<PathBuf>>,
    /// All local file systems, in one job.
    #[serde(default)]
    pub all: bool,
    /// Mount points that do not count.
    #[serde(default)]
    pub except: OneOrMany<PathBuf>,
    /// Warn when less is free.
    pub warning: Option<OneOrMany<String>>,
    /// Fail when less is free.
    pub critical: Option<OneOrMany<String>>,
    /// Warn when fewer inodes are free.
    pub inodes_warning: Option<OneOrMany<String>>,
    /// Fail when fewer inodes are free.
    pub inodes_critical: Option<OneOrMany<String>>,
    /// The path must be a mount point.
    #[serde(default)]
    pub mounted: bool,
    /// It must not, or may, be read-only.
    pub writable: Option<bool>,
}

/// What a job looks at.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Path(PathBuf),
    All { except: Vec<PathBuf> },
}

/// A file system to look at, or all of them.
#[derive(Debug)]
pub struct DiskJob {
    id: JobId,
    policy: Policy,
    target: Target,
    plan: Arc<Plan>,
}

impl Job for DiskJob {
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

/// Makes the jobs of all `[[job.disk]]` tables.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = true;
    type Settings = Settings;
    type Job = DiskJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<DiskJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
