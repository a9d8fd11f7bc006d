//! Job kind `systemd`: units must be active, or no unit may have failed.
//!
//! systemd is asked by `systemctl show` with the properties that are wanted. That is the interface that its manual calls
//! stable for programs (systemctl(1), "show"), it needs no library and no D-Bus daemon (root and user managers answer on a
//! socket of their own), and it is there wherever systemd is. It changes nothing and needs no rights.
//!
//! * A unit: is it there, active, enabled? What became of it is said in words: exit code, signal, timeout, out of memory.
//! * A service between two automatic restarts is a crash loop and `Failed`.
//! * A timer: will it elapse again, and how did the unit that it starts end last?
//! * Without `unit`: all units that have failed.
//!
//! Where systemd does not answer (a container, no login of the user) it is `Unknown`.

mod judge;
mod mutate;
mod name;
mod show;
mod spawn;
#[cfg(test)]
mod tests;
mod words;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::one_or_many::OneOrMany;
use checker_parts::probe::Limit;
use judge::Wanted;
use serde::Deserialize;
use show::{Manager, Unit};
use std::path::PathBuf;

/// The keys of `[[job.systemd]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The unit; a list makes one job each. None: all that have failed.
    pub unit: Option<OneOrMany<String>>,
    /// In which it is well: `active`, `inactive`.
    #[serde(default)]
    pub state: OneOrMany<String>,
    /// Whether an active unit that is not enabled is a warning.
    pub must_be_enabled: Option<bool>,
    /// The most automatic restarts.
    pub restarts_warning: Option<u64>,
    /// The same, for a failure.
    pub restarts_critical: Option<u64>,
    /// Units that may fail.
    #[serde(default)]
    pub except: OneOrMany<String>,
    /// Whether the manager of our user is asked.
    #[serde(default)]
    pub user: bool,
    /// Where that manager has its socket.
    pub runtime_directory: Option<PathBuf>,
}

/// What to look at.
#[derive(Clone, Debug)]
enum Target {
    Unit(String, Wanted),
    /// All that have failed, but for these.
    Failed(Vec<String>),
}

/// A unit, or all of them.
#[derive(Debug)]
pub struct SystemdJob {
    id: JobId,
    policy: Policy,
    manager: Manager,
    target: Target,
}

impl Job for SystemdJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Both ends of three pipes while systemctl starts.
    fn handles(&self) -> usize {
        6
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        let limit = Limit::of(cx.timeout);
        match &self.target {
            Target::Failed(except) => match self.manager.failed(cx, &limit).await {
                Ok((units, more)) => judge::failed(&units, more, except),
                Err(outcome) => outcome,
            },
            Target::Unit(name, wanted) => match self.unit(cx, &limit, name).await {
                Ok((unit, started)) => judge::unit(name, wanted, &unit, started.as_ref()),
                Err(outcome) => outcome,
            },
        }
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        let limit = Limit::of(cx.timeout);
        let seen = match &self.target {
            Target::Failed(except) => {
                self.manager.failed(cx, &limit).await.map(|(units, more)| mutate::of_all(&units, more, except))
            }
            Target::Unit(name, wanted) => {
                let seen = self.unit(cx, &limit, name).await;
                let whose = if self.manager.of_user.is_some() { " (user)" } else { "" };
                seen.map(|(unit, started)| mutate::of_unit(name, whose, wanted, &unit, started.as_ref()))
            }
        };
        Some(seen.unwrap_or_else(Vacuity::without_answer))
    }
}

impl SystemdJob {
    /// The unit, and of a timer also the one that it starts.
    async fn unit(&self, cx: &Context, limit: &Limit, name: &str) -> Result<(Unit, Option<Unit>), Outcome> {
        let unit = self.manager.unit(cx, limit, name).await?;
        let starts = unit.get("Unit");
        if name.rsplit_once('.').is_none_or(|(_, kind)| kind != "timer") || starts.is_empty() {
            return Ok((unit, None));
        }
        let started = self.manager.unit(cx, limit, starts).await?;
        Ok((unit, Some(started)))
    }
}

/// Makes the jobs of all `[[job.systemd]]` tables.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = "systemd";
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    const BLOCKING: bool = false;
    type Settings = Settings;
    type Job = SystemdJob;

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<SystemdJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
