//! Reads what the kernel tells, and lets [`judge`] say what it is worth.

use crate::cgroup::{self, Limit};
use crate::judge::{self, Meminfo};
use crate::plan::Plan;
use checker_job::{Context, Outcome, Verdict};
use checker_parts::procfs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Who holds the memory is looked for no longer than this.
const NAMES_MAX: Duration = Duration::from_secs(1);
/// What people see of a summary, in bytes.
const SUMMARY_MAX: usize = 400;

/// What the kernel has told.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) memory: Meminfo,
    pub(crate) limits: Vec<Limit>,
}

impl Seen {
    /// The judgement, without names.
    pub(crate) fn judge(&self, plan: &Plan) -> Outcome {
        judge::judge(&self.memory, judge::tightest(&self.limits, plan), plan)
    }
}

/// The whole run. Where `/proc` and the control groups are is an argument for the sake of forged ones.
pub(crate) fn look(proc: &Path, cgroups: &Path, plan: &Plan, cx: &Context) -> Outcome {
    match see(proc, cgroups, plan) {
        Ok(seen) => named(seen.judge(plan), proc, cx),
        Err(outcome) => outcome,
    }
}

/// # Errors
/// The outcome of the run, where the kernel does not tell.
pub(crate) fn see(proc: &Path, cgroups: &Path, plan: &Plan) -> Result<Seen, Outcome> {
    let cause = "/proc/meminfo cannot be read, so Checker cannot tell what memory is available";
    let text = procfs::read(&proc.join("meminfo"))
        .map_err(|why| Outcome::unknown(format!("memory cannot be told: /proc/meminfo: {why}"), cause))?;
    let memory = Meminfo::parse(&text).ok_or_else(|| {
        let said = "memory cannot be told: /proc/meminfo has no MemTotal and MemAvailable (Linux 3.14 and later have)";
        Outcome::unknown(said, cause)
    })?;
    // Without control groups there is no limit.
    let own = if plan.cgroup { procfs::read(&proc.join("self/cgroup")).unwrap_or_default() } else { String::new() };
    Ok(Seen { memory, limits: cgroup::limits(&own, cgroups, memory.total) })
}

/// Says who holds the memory. Looking at each process is not free, and only asked for where something is wrong.
pub(crate) fn named(mut outcome: Outcome, proc: &Path, cx: &Context) -> Outcome {
    if outcome.verdict != Verdict::Ok {
        let until = Instant::now() + NAMES_MAX.min(cx.timeout / 2);
        let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
        let [few, more] = judge::largest(&procfs::processes(proc, until), page);
        let with_names = format!("{}; the largest: {few}", outcome.summary);
        if !few.is_empty() && with_names.len() <= SUMMARY_MAX {
            outcome.summary = with_names;
        }
        outcome.detail = more;
    }
    outcome
}
