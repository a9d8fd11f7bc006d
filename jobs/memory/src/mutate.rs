//! Would the job notice that memory runs out? What the kernel told is made wrong, and judged as it is in a run.

use crate::judge;
use crate::look::{self, Seen};
use crate::plan::Plan;
use checker_job::{Context, Mutation, Vacuity, Verdict};
use checker_parts::amount::{Amount, size_words};
use checker_parts::shown;
use std::path::Path;

/// With no more than this, or a hundredth, the kernel is about to end programs: none at all is never seen.
const LEFT: u64 = 64 << 20;
const REMEDY: &str = "set warning or critical to more";

/// Looks, and judges what was seen in forms that are wrong.
pub(crate) fn vacuity(proc: &Path, cgroups: &Path, plan: &Plan, cx: &Context) -> Vacuity {
    let seen = match look::see(proc, cgroups, plan) {
        Ok(seen) => seen,
        Err(outcome) => return Vacuity::without_answer(outcome),
    };
    let outcome = look::named(seen.judge(plan), proc, cx);
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let mut short = seen.clone();
    short.memory.available = left(short.memory.total);
    let what = format!("a host with {} of memory available", size_words(short.memory.available));
    let mut mutations = vec![Mutation::new("no_memory", what, REMEDY, short.judge(plan))];
    mutations.extend(of_group(&seen, plan));
    // Full swap harms nobody while memory is available: only the settings tell whether it should be noticed.
    let judges_swap = [plan.swap.warning, plan.swap.critical].iter().any(|amount| *amount != Amount::default());
    if seen.memory.swap_total > 0 && judges_swap {
        let mut full = seen;
        full.memory.swap_free = 0;
        let remedy = "set swap_warning or swap_critical to less";
        mutations.push(Mutation::new("swap_full", "a host whose swap space is full", remedy, full.judge(plan)));
    }
    Vacuity::new(outcome, mutations)
}

/// The group that is judged, at its limit.
fn of_group(seen: &Seen, plan: &Plan) -> Option<Mutation> {
    let tightest = judge::tightest(&seen.limits, plan)?;
    let mut short = seen.clone();
    for limit in short.limits.iter_mut().filter(|limit| *limit == tightest) {
        limit.available = left(limit.bytes);
    }
    let (group, left) = (shown::path(&tightest.group), size_words(left(tightest.bytes)));
    let what = format!("control group {group} with {left} left by its limit");
    Some(Mutation::new("group_at_limit", what, REMEDY, short.judge(plan)))
}

fn left(whole: u64) -> u64 {
    LEFT.min(whole / 100)
}
