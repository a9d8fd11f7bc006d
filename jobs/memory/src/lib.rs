//! Job kind `memory`: is enough memory available?
//!
//! Judged is `MemAvailable` of `/proc/meminfo`: what programs could get without swapping, caches included as far as they can be
//! given up. Where the control group that Checker runs in has a limit below that of the host, as in a container, what is left
//! of that is judged too: for version 2 and version 1, and for the groups above it.
//!
//! That the kernel has ended programs for want of memory cannot be seen: it counts them since its start, and a job keeps no
//! state.
//!
//! Metrics: `available` and `swap_used` in bytes, and `cgroup_available` where there is a limit.

mod cgroup;
mod judge;
mod look;
mod mutate;
mod plan;
#[cfg(test)]
mod tests;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::one_or_many::OneOrMany;
use plan::Plan;
use serde::Deserialize;
use std::path::Path;

const KIND: &str = "memory";

/// The keys of `[[job.memory]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Warn when less is available.
    pub warning: Option<OneOrMany<String>>,
    /// Fail when less is available.
    pub critical: Option<OneOrMany<String>>,
    /// Warn when more of the swap space is used.
    pub swap_warning: Option<OneOrMany<String>>,
    /// Fail when more of the swap space is used.
    pub swap_critical: Option<OneOrMany<String>>,
    /// Whether the limit of our control group is judged.
    #[serde(default = "yes")]
    pub cgroup: bool,
}

fn yes() -> bool {
    true
}

/// The memory of this host.
#[derive(Debug)]
pub struct MemoryJob {
    id: JobId,
    policy: Policy,
    plan: Plan,
}

impl Job for MemoryJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        look::look(Path::new("/proc"), Path::new("/sys/fs/cgroup"), &self.plan, cx)
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        Some(mutate::vacuity(Path::new("/proc"), Path::new("/sys/fs/cgroup"), &self.plan, cx))
    }
}

/// Makes the jobs of all `[[job.memory]]` tables.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = KIND;
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = true;
    type Settings = Settings;
    type Job = MemoryJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<MemoryJob>, Vec<SpawnError>> {
        let (mut jobs, mut errors) = (Vec::new(), Vec::new());
        for (number, table) in tables.iter().enumerate() {
            match plan::plan(&table.settings) {
                Ok(plan) => {
                    let (id, policy) = table.job(KIND, "this host", true);
                    jobs.push(MemoryJob { id, policy, plan });
                }
                Err(found) => errors.extend(found.into_iter().map(|(key, why)| SpawnError::key(number, key, why))),
            }
        }
        if errors.is_empty() { Ok(jobs) } else { Err(errors) }
    }
}
