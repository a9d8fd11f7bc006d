//! What the kernel's numbers are worth. Pure.

use crate::cgroup::Limit;
use crate::plan::Plan;
use checker_job::{Metric, Outcome, Verdict};
use checker_parts::amount::{Degrees, share_words, size_words};
use checker_parts::procfs::Process;
use checker_parts::shown;

/// A sentence names so many programs, and the detail so many.
const NAMED_MAX: [usize; 2] = [3, 10];

/// What `/proc/meminfo` says (`proc_meminfo(5)`), in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meminfo {
    pub(crate) total: u64,
    pub(crate) available: u64,
    pub(crate) swap_total: u64,
    pub(crate) swap_free: u64,
}

impl Meminfo {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let of = |key: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
            kibibytes.checked_mul(1024)
        };
        let total = of("MemTotal").filter(|total| *total > 0)?;
        let (swap_total, swap_free) = of("SwapTotal").zip(of("SwapFree")).unwrap_or_default();
        let available = of("MemAvailable")?.min(total);
        Some(Self { total, available, swap_total, swap_free: swap_free.min(swap_total) })
    }

    fn swap_used(&self) -> u64 {
        self.swap_total - self.swap_free
    }
}

/// Of several limits the one that is worst for the plan; of equals the one that leaves least. A group above may be short in
/// its share although more bytes are left in it than in ours.
pub(crate) fn tightest<'a>(limits: &'a [Limit], plan: &Plan) -> Option<&'a Limit> {
    limits.iter().max_by_key(|limit| {
        let verdict = plan.available.judge(limit.available, limit.bytes).map(|(verdict, _)| verdict);
        (verdict, std::cmp::Reverse(limit.available))
    })
}

/// The judgement, without names.
pub(crate) fn judge(memory: &Meminfo, limit: Option<&Limit>, plan: &Plan) -> Outcome {
    let mut findings: Vec<(Verdict, String)> = Vec::new();
    findings.extend(plan.available.judge(memory.available, memory.total).map(|(verdict, crossed)| {
        (verdict, format!("only {} available, less than {crossed}", part(memory.available, memory.total, "memory")))
    }));
    if let Some(group) = limit
        && let Some((verdict, crossed)) = plan.available.judge(group.available, group.bytes)
    {
        let left = part(group.available, group.bytes, "memory");
        let name = shown::path(&group.group);
        findings
            .push((verdict, format!("control group {name} has only {left} left by its limit, less than {crossed}")));
    }
    // Without swap space none is used, which is above no limit.
    if let Some((verdict, crossed)) = plan.swap.judge(memory.swap_used(), memory.swap_total) {
        let used = part(memory.swap_used(), memory.swap_total, "swap");
        findings.push((verdict, format!("{used} in use, more than {crossed}")));
    }
    findings.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let sentences: Vec<&str> = findings.iter().map(|(_, sentence)| sentence.as_str()).collect();
    let said = sentences.join("; ");
    let outcome = match findings.first() {
        Some((Verdict::Failed, _)) => Outcome::failed(said),
        Some(_) => Outcome::warning(said),
        None => Outcome::ok(good(memory, limit)),
    };
    Outcome { metrics: metrics(memory, limit, plan), ..outcome }
}

/// `410 MiB of 8 GiB memory (5%)`.
fn part(part: u64, whole: u64, of: &str) -> String {
    format!("{} of {} {of} ({})", size_words(part), size_words(whole), share_words(part, whole))
}

fn good(memory: &Meminfo, limit: Option<&Limit>) -> String {
    let mut said = format!("{} available", part(memory.available, memory.total, "memory"));
    if let Some(group) = limit {
        let left = part(group.available, group.bytes, "memory");
        let name = shown::path(&group.group);
        said = format!("{said}; control group {name} has {left} left");
    }
    if memory.swap_total > 0 {
        said = format!("{said}; {} in use", part(memory.swap_used(), memory.swap_total, "swap"));
    }
    said
}

fn metrics(memory: &Meminfo, limit: Option<&Limit>, plan: &Plan) -> Vec<Metric> {
    let metric = |label: &'static str, value: u64, whole: u64, degrees: &Degrees| {
        #[expect(clippy::cast_precision_loss, reason = "sizes for a chart")]
        let [value, max] = [value as f64, whole as f64];
        let mut metric = Metric::new(label, value, "B");
        [metric.warning, metric.critical] = degrees.ranges(whole);
        (metric.min, metric.max) = (Some(0.0), Some(max));
        metric
    };
    let mut metrics = vec![metric("available", memory.available, memory.total, &plan.available)];
    if memory.swap_total > 0 {
        metrics.push(metric("swap_used", memory.swap_used(), memory.swap_total, &plan.swap));
    }
    metrics.extend(limit.map(|group| metric("cgroup_available", group.available, group.bytes, &plan.available)));
    metrics
}

/// The processes that hold most, for the sentence and for the detail.
pub(crate) fn largest(processes: &[Process], page: u64) -> [String; 2] {
    let mut all: Vec<&Process> = processes.iter().filter(|process| process.pages > 0).collect();
    all.sort_by_key(|process| (std::cmp::Reverse(process.pages), process.pid));
    let words = |process: &&&Process| {
        format!("{} {} (pid {})", process.name, size_words(process.pages.saturating_mul(page)), process.pid)
    };
    let [few, more] = NAMED_MAX;
    let named = |max: usize| all.iter().take(max).map(|process| words(&process)).collect::<Vec<_>>();
    [named(few).join(", "), named(more).join("\n")]
}
