//! Reads what the kernel tells, and lets [`judge`] say what it is worth.

use crate::judge::{self, Averages, Seen};
use crate::plan::Plan;
use checker_job::{Context, Outcome, Verdict};
use checker_parts::procfs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Who runs is looked for no longer than this.
const NAMES_MAX: Duration = Duration::from_secs(1);

/// What people see of a summary, in bytes.
const SUMMARY_MAX: usize = 400;

/// The whole run. Where `/proc` and `/sys` are is an argument for the sake of forged ones.
pub(crate) fn look(proc: &Path, sys: &Path, plan: &Plan, cx: &Context) -> Outcome {
    match see(proc, sys, plan) {
        Ok(seen) => named(judge::judge(&seen, plan), proc, cx),
        Err(outcome) => outcome,
    }
}

/// # Errors
/// The outcome of the run, where the kernel does not tell.
pub(crate) fn see(proc: &Path, sys: &Path, plan: &Plan) -> Result<Seen, Outcome> {
    let cause = "/proc/loadavg cannot be read, so Checker cannot tell the load";
    let text = procfs::read(&proc.join("loadavg"))
        .map_err(|why| Outcome::unknown(format!("the load cannot be told: /proc/loadavg: {why}"), cause))?;
    let averages = Averages::parse(&text).ok_or_else(|| {
        Outcome::unknown("the load cannot be told: /proc/loadavg does not hold what it should", cause)
    })?;
    let pressures = plan.pressures.each_ref().map(|(of, _, _)| {
        let file = proc.join("pressure").join(of.word());
        // The file is there and cannot be read where pressure is switched off.
        procfs::read(&file)
            .map_err(|why| why.to_string())
            .and_then(|text| judge::some_avg60(&text).ok_or_else(|| "it does not hold what it should".to_owned()))
    });
    let cpus = cpus(proc, sys).ok_or_else(|| {
        Outcome::unknown(
            "the load cannot be judged: neither /sys/devices/system/cpu/online nor /proc/stat tells how many CPUs this host has",
            "Checker cannot tell how many CPUs this host has",
        )
    })?;
    Ok(Seen { averages, cpus, pressures })
}

/// Says who runs and who waits. Looking at each process is not free, and only asked for where something is wrong.
pub(crate) fn named(mut outcome: Outcome, proc: &Path, cx: &Context) -> Outcome {
    if outcome.verdict != Verdict::Ok {
        let until = Instant::now() + NAMES_MAX.min(cx.timeout / 2);
        let who = judge::who(&procfs::processes(proc, until));
        let with_names = format!("{}; {who}", outcome.summary);
        if !who.is_empty() && with_names.len() <= SUMMARY_MAX {
            outcome.summary = with_names;
        } else {
            outcome.detail = who;
        }
    }
    outcome
}

/// The processors of this host. The load is of the whole host too, so a limit on those that Checker may use does not matter:
/// divided by these few, the load of the host would be a false alarm. `None` where the kernel does not tell.
fn cpus(proc: &Path, sys: &Path) -> Option<u32> {
    let online = procfs::read(&sys.join("devices/system/cpu/online")).ok();
    online.as_deref().and_then(judge::cpu_list).or_else(|| judge::cpu_lines(&procfs::read(&proc.join("stat")).ok()?))
}
