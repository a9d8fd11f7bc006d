//! Job kind `load`: are there more tasks than this host can do?
//!
//! The load averages are those of `/proc/loadavg`: tasks that run or could, and those that wait for a disk. They are of the
//! whole host, so they are divided by its processors that are online, and not by those that a limit leaves to Checker. Pressure is what
//! `/proc/pressure` tells: the part of the last minute in which some task had to wait.
//!
//! Metrics: `load1`, `load5`, `load15`, and `cpu_pressure`, `io_pressure`, `memory_pressure` in percent where the kernel tells.

mod judge;
mod look;
mod mutate;
mod plan;
#[cfg(test)]
mod tests;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::one_or_many::OneOrMany;
use plan::{Level, Plan};
use serde::Deserialize;
use std::path::Path;

const KIND: &str = "load";

/// The keys of `[[job.load]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Warn when an average is more.
    pub warning: Option<OneOrMany<Level>>,
    /// Fail when an average is more.
    pub critical: Option<OneOrMany<Level>>,
    /// Whether these are for each CPU.
    #[serde(default = "yes")]
    pub per_cpu: bool,
    /// Warn when tasks wait for a processor in more of the time.
    pub cpu_pressure_warning: Option<OneOrMany<String>>,
    /// Fail when they do.
    pub cpu_pressure_critical: Option<OneOrMany<String>>,
    /// Warn when tasks wait for a disk in more of the time.
    pub io_pressure_warning: Option<OneOrMany<String>>,
    /// Fail when they do.
    pub io_pressure_critical: Option<OneOrMany<String>>,
    /// Warn when tasks wait for memory in more of the time.
    pub memory_pressure_warning: Option<OneOrMany<String>>,
    /// Fail when they do.
    pub memory_pressure_critical: Option<OneOrMany<String>>,
}

fn yes() -> bool {
    true
}

/// The load of this host.
#[derive(Debug)]
pub struct LoadJob {
    id: JobId,
    policy: Policy,
    plan: Plan,
}

impl Job for LoadJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        look::look(Path::new("/proc"), Path::new("/sys"), &self.plan, cx)
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        Some(mutate::vacuity(Path::new("/proc"), Path::new("/sys"), &self.plan, cx))
    }
}

/// Makes the jobs of all `[[job.load]]` tables.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = true;
    type Settings = Settings;
    type Job = LoadJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<LoadJob>, Vec<SpawnError>> {
        let (mut jobs, mut errors) = (Vec::new(), Vec::new());
        for (number, table) in tables.iter().enumerate() {
            match plan::plan(&table.settings) {
                Ok(plan) => {
                    let (id, policy) = table.job(KIND, "this host", true);
                    jobs.push(LoadJob { id, policy, plan });
                }
                Err(found) => errors.extend(found.into_iter().map(|(key, why)| SpawnError::key(number, key, why))),
            }
        }
        if errors.is_empty() { Ok(jobs) } else { Err(errors) }
    }
}
