//! Job kind `process`: processes of this host.
//!
//! They are read from `/proc` (proc(5)), in two rounds: who is there, and, of those that may match, command line, program
//! and user. A process that ends in between is not there; that is normal.
//!
//! * The name of a program is the kernel's `comm` (which is cut at 15 bytes), the file of its executable, or its first word;
//!   of an interpreter (`python3 backup.py`) also the script.
//! * Zombies and stopped processes do not count as running, and are named.
//! * Left out, so that nothing matches by accident: this process, what it has started, and those of its parents that are of
//!   its own session (the shell of cron's line) or have Checker in their command line (sudo).
//! * Where other users' processes are hidden from us (`hidepid=`, `ProtectProc=`), too few is `Unknown`, and so is "none too
//!   many": those that are hidden may cross the limit.
//!
//! Command lines may hold secrets: they are matched and never shown.

mod judge;
mod look;
mod mutate;
mod pidfile;
mod proc;
mod select;
mod spawn;
#[cfg(test)]
mod tests;

use checker_job::{Context, Job, JobId, JobSpawner, Outcome, Policy, SpawnError, Table, Vacuity};
use checker_parts::one_or_many::OneOrMany;
use judge::Limits;
use look::{Fault, Look};
use pidfile::Stop;
use proc::Proc;
use select::Select;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Instant;

/// The keys of `[[job.process]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// File name or whole path of the program, or the name of a script; a list makes one job each.
    pub program: Option<OneOrMany<String>>,
    /// Text in the command line.
    pub command_contains: Option<String>,
    /// A regular expression for the command line.
    pub command_matches: Option<String>,
    /// Name or number of the effective user.
    pub user: Option<String>,
    /// Where the daemon notes its number.
    pub pidfile: Option<PathBuf>,
    /// The fewest that must run; 1 if not given.
    pub min: Option<u64>,
    /// The most that may run.
    pub max: Option<u64>,
    /// Resident memory of all together, such as `"512MiB"` or `"25%"`.
    pub memory_warning: Option<String>,
    /// The same, for a failure.
    pub memory_critical: Option<String>,
    /// The longest age of the oldest.
    pub age_warning: Option<String>,
    /// The same, for a failure.
    pub age_critical: Option<String>,
    /// The oldest must have started longer ago than this.
    pub restarted_within: Option<String>,
    /// The most zombies.
    pub zombies_warning: Option<u64>,
    /// The same, for a failure.
    pub zombies_critical: Option<u64>,
    /// The most in an uninterruptible wait.
    pub blocked_warning: Option<u64>,
    /// The same, for a failure.
    pub blocked_critical: Option<u64>,
}

/// Processes to look for.
#[derive(Debug)]
pub struct ProcessJob {
    id: JobId,
    policy: Policy,
    select: Select,
    pidfile: Option<PathBuf>,
    limits: Limits,
}

impl Job for ProcessJob {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    async fn execute(&self, cx: &Context) -> Outcome {
        self.execute_in(&Proc::of_this_host(), cx)
    }

    async fn vacuity(&self, cx: &Context) -> Option<Vacuity> {
        Some(mutate::vacuity(self, &Proc::of_this_host(), cx))
    }
}

impl ProcessJob {
    /// Looks into the given `/proc`.
    fn execute_in(&self, proc: &Proc, cx: &Context) -> Outcome {
        self.judge(self.look(proc, cx))
    }

    fn look(&self, proc: &Proc, cx: &Context) -> Result<Look, Stop> {
        // A little before Checker's own limit, so that the answer is still heard.
        let until = Instant::now() + cx.timeout.saturating_sub(cx.timeout / 10);
        let enough = || cx.cancel.is_cancelled() || Instant::now() >= until;
        match &self.pidfile {
            None => look::all(proc, &self.select, &enough).map_err(Stop::Ours),
            Some(file) => pidfile::look(proc, file, &self.select),
        }
    }

    fn judge(&self, seen: Result<Look, Stop>) -> Outcome {
        match seen {
            Ok(look) => judge::judge(&self.select.words(), &self.limits, &look),
            Err(Stop::Bad(sentence)) => Outcome::failed(sentence),
            Err(Stop::Ours(Fault { cause, sentence })) => Outcome::unknown(sentence, cause),
        }
    }
}

/// Makes the jobs of all `[[job.process]]` tables.
#[derive(Debug)]
pub struct Spawner;

impl JobSpawner for Spawner {
    const KIND: &'static str = "process";
    const EXAMPLE: &'static str = include_str!("../example.cfg");
    /// Files are read, and a disk that swaps makes that slow.
    const BLOCKING: bool = true;
    type Settings = Settings;
    type Job = ProcessJob;

    fn doubts(tables: &[Table<Settings>]) -> Vec<SpawnError> {
        spawn::doubts(tables)
    }

    fn spawn(tables: Vec<Table<Settings>>) -> Result<Vec<ProcessJob>, Vec<SpawnError>> {
        spawn::spawn(&tables)
    }
}
