//! From the processes that were found to an outcome. Pure.

use crate::look::{Fault, Look};
use crate::pidfile::hidden;
use crate::proc::Stat;
use checker_job::{Metric, Outcome, Verdict, duration_words};
use checker_parts::amount::size_words;
use std::fmt::Write as _;
use std::time::Duration;

/// So many processes stand in the detail.
const SHOWN_MAX: usize = 20;

/// An amount of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    Bytes(u64),
    /// Of what the host has, in hundredths of a percent.
    Share(u64),
}

impl Memory {
    /// In bytes, on a host with so many; unknown where that is.
    fn bytes(self, host: u64) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Share(share) => {
                (host > 0).then(|| u64::try_from(u128::from(host) * u128::from(share) / 10_000).unwrap_or(u64::MAX))
            }
        }
    }
}

/// More than this is a warning, more than that a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Degrees<T> {
    pub(crate) warning: Option<T>,
    pub(crate) critical: Option<T>,
}

impl<T> Default for Degrees<T> {
    fn default() -> Self {
        Self { warning: None, critical: None }
    }
}

impl<T> Degrees<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.warning.is_none() && self.critical.is_none()
    }
}

impl<T: PartialOrd + Copy> Degrees<T> {
    /// The limit that is crossed, and how bad that is.
    fn crossed(&self, value: T) -> Option<(Verdict, T)> {
        let over = |limit: Option<T>| limit.filter(|limit| value > *limit);
        let critical = over(self.critical).map(|limit| (Verdict::Failed, limit));
        critical.or_else(|| over(self.warning).map(|limit| (Verdict::Warning, limit)))
    }
}

/// What is asked of the processes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) min: u64,
    pub(crate) max: Option<u64>,
    pub(crate) memory: Degrees<Memory>,
    pub(crate) age: Degrees<Duration>,
    pub(crate) restarted_within: Option<Duration>,
    pub(crate) zombies: Degrees<u64>,
    pub(crate) blocked: Degrees<u64>,
    /// Whether one that is stopped is told: of a program that is named, and not of whatever people have put to sleep.
    pub(crate) stopped: bool,
}

impl Limits {
    /// Whether more processes than those that are seen could make it worse, or other.
    fn bound_what_is_unseen(&self) -> bool {
        let numbers = self.max.is_some() || !self.zombies.is_empty() || !self.blocked.is_empty();
        numbers || !self.memory.is_empty() || !self.age.is_empty() || self.restarted_within.is_some()
    }
}

/// What was found, counted.
struct Counts<'a> {
    running: Vec<&'a Stat>,
    zombies: Vec<&'a Stat>,
    stopped: Vec<&'a Stat>,
    blocked: u64,
    memory: u64,
    /// The age of the oldest that runs.
    age: Option<Duration>,
}

impl<'a> Counts<'a> {
    fn of(look: &'a Look) -> Self {
        let all_in = |states: &str| look.found.iter().filter(|stat| states.contains(stat.state)).collect::<Vec<_>>();
        let running: Vec<&Stat> = look.found.iter().filter(|stat| !stat.has_died() && stat.state != 'T').collect();
        Self {
            zombies: all_in("Z"),
            stopped: all_in("T"),
            blocked: all_in("D").len() as u64,
            memory: running.iter().fold(0, |sum, stat| sum.saturating_add(stat.memory)),
            age: running.iter().map(|stat| look.since_boot.saturating_sub(stat.started)).max(),
            running,
        }
    }
}

/// Judges what was found of the processes that `what` describes, as in " of nginx".
pub(crate) fn judge(what: &str, limits: &Limits, look: &Look) -> Outcome {
    let counts = Counts::of(look);
    let few = (counts.running.len() as u64) < limits.min;
    let mut found = Vec::new();
    if !(few && look.hidden) {
        numbers(what, limits, &counts, few, &mut found);
    }
    states(what, limits, &counts, &mut found);
    sizes(what, limits, &counts, look, &mut found);
    // The worst first; of equals the first.
    found.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let worst = found.first().map(|(verdict, _)| *verdict);
    let said = found.into_iter().map(|(_, sentence)| sentence).collect::<Vec<_>>().join("; ");
    let outcome = match (worst, unsure(what, limits, &counts, look)) {
        (Some(Verdict::Failed), _) => Outcome::failed(said),
        (Some(_), None) => Outcome::warning(said),
        (Some(_), Some(_)) if !few => Outcome::warning(said),
        (_, Some(fault)) => Outcome::unknown(fault.sentence, fault.cause),
        (None, None) => Outcome::ok(well(what, limits, &counts)),
    };
    metrics(limits, &counts, look).into_iter().fold(outcome, Outcome::with_metric).with_detail(detail(look))
}

/// What keeps us from saying that all is well.
fn unsure(what: &str, limits: &Limits, counts: &Counts<'_>, look: &Look) -> Option<Fault> {
    let (seen, wanted) = (counts.running.len(), limits.min);
    if look.hidden && (seen as u64) < wanted {
        return Some(hidden(&format!("{seen} processes{what} are seen and {wanted} wanted; more")));
    }
    if look.hidden && limits.bound_what_is_unseen() {
        return Some(hidden(&format!("of the processes{what} that are seen none crosses a limit; others")));
    }
    let of_host = |memory: Option<Memory>| matches!(memory, Some(Memory::Share(_)));
    let is_share = of_host(limits.memory.warning) || of_host(limits.memory.critical);
    (is_share && look.memory == 0).then(|| Fault::of("/proc/meminfo does not say how much memory this host has"))
}

type Found = Vec<(Verdict, String)>;

fn processes(count: usize, what: &str) -> String {
    if count == 1 { format!("1 process{what}") } else { format!("{count} processes{what}") }
}

fn run(count: usize) -> &'static str {
    if count == 1 { "runs" } else { "run" }
}

fn well(what: &str, limits: &Limits, counts: &Counts<'_>) -> String {
    let count = counts.running.len();
    let Some(age) = counts.age else {
        let why = if limits.max == Some(0) { "as it should be" } else { "and none is wanted" };
        return format!("no process{what} runs, {why}");
    };
    let since = if count == 1 { "since" } else { "the oldest since" };
    let together = if count == 1 { "" } else { "together " };
    let memory = size_words(counts.memory);
    let (some, run) = (processes(count, what), run(count));
    format!("{some} {run}, {since} {}, with {together}{memory} of memory", duration_words(age))
}

/// Too few, or too many.
fn numbers(what: &str, limits: &Limits, counts: &Counts<'_>, few: bool, found: &mut Found) {
    let count = counts.running.len();
    let mut sentence = match (count, limits.max) {
        (0, _) if few => {
            let wanted = if limits.min > 1 { format!("; at least {} are wanted", limits.min) } else { String::new() };
            format!("no process{what} runs{wanted}")
        }
        (_, _) if few => format!("only {} {}; at least {} are wanted", processes(count, what), run(count), limits.min),
        (_, Some(0)) if count > 0 => {
            let first = counts.running.first().map_or(0, |stat| stat.pid);
            format!("{} {}, and none may (the first is {first})", processes(count, what), run(count))
        }
        (_, Some(max)) if count as u64 > max => {
            format!("{} {}; at most {max} may", processes(count, what), run(count))
        }
        _ => return,
    };
    if few && let Some(zombie) = counts.zombies.first() {
        let (pid, parent) = (zombie.pid, zombie.parent);
        let words = format!("; process {pid} has ended and is a zombie that its parent {parent} does not collect");
        sentence.push_str(&words);
    }
    if few && let Some(stopped) = counts.stopped.first() {
        sentence.push_str("; ");
        sentence.push_str(&is_stopped(stopped));
    }
    found.push((Verdict::Failed, sentence));
}

fn is_stopped(stat: &Stat) -> String {
    format!("process {0} is stopped by a signal, and goes on with: kill -CONT {0}", stat.pid)
}

/// Zombies, stopped and blocked ones.
fn states(what: &str, limits: &Limits, counts: &Counts<'_>, found: &mut Found) {
    let few = (counts.running.len() as u64) < limits.min;
    if limits.stopped
        && !few
        && let Some(stopped) = counts.stopped.first()
    {
        let count = counts.stopped.len();
        let of = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        found.push((Verdict::Warning, format!("{}{of} (a process{what})", is_stopped(stopped))));
    }
    let zombies = counts.zombies.len();
    if let Some((verdict, limit)) = limits.zombies.crossed(zombies as u64) {
        let whose = counts.zombies.first().map_or(0, |zombie| zombie.parent);
        let some = if zombies == 1 { "1 zombie".to_owned() } else { format!("{zombies} zombies") };
        let why = format!("have ended and are not collected; the parent of the first is {whose}");
        found.push((verdict, format!("{some}{what}, more than {limit}: they {why}")));
    }
    if let Some((verdict, limit)) = limits.blocked.crossed(counts.blocked) {
        let some = processes(usize::try_from(counts.blocked).unwrap_or(usize::MAX), what);
        let wait = if counts.blocked == 1 { "waits" } else { "wait" };
        found.push((verdict, format!("{some} {wait} without end (state D; for a disk or NFS?), more than {limit}")));
    }
}

/// Memory and age.
fn sizes(what: &str, limits: &Limits, counts: &Counts<'_>, look: &Look, found: &mut Found) {
    let count = counts.running.len();
    let in_bytes = bytes_of(limits.memory, look.memory);
    if let Some((verdict, limit)) = in_bytes.crossed(counts.memory) {
        let (some, memory, limit) = (processes(count, what), size_words(counts.memory), size_words(limit));
        let (take, together) = if count == 1 { ("takes", "") } else { ("take", "together ") };
        let largest = counts.running.iter().max_by_key(|stat| stat.memory);
        let largest = largest.filter(|_| count > 1).map_or_else(String::new, |stat| {
            format!(" (the most takes process {}: {})", stat.pid, size_words(stat.memory))
        });
        found.push((verdict, format!("{some} {take} {together}{memory} of memory, more than {limit}{largest}")));
    }
    let Some(age) = counts.age else { return };
    if let Some((verdict, limit)) = limits.age.crossed(age) {
        let oldest = counts.running.iter().min_by_key(|stat| stat.started).map_or(0, |stat| stat.pid);
        let (age, limit) = (duration_words(age), duration_words(limit));
        found.push((verdict, format!("process {oldest}{what} runs for {age}, longer than {limit}; does it hang?")));
    }
    // What started soon after the host did was not restarted, and of what is hidden some may be older.
    let after_host = look.since_boot.saturating_sub(age).saturating_sub(look.first);
    if let Some(within) = limits.restarted_within
        && age < within
        && after_host > within
        && !look.hidden
    {
        let (age, within) = (duration_words(age), duration_words(within));
        let whose = if count == 1 { "the process" } else { "the oldest process" };
        found.push((
            Verdict::Warning,
            format!("{whose}{what} has started {age} ago, within {within}: it was restarted"),
        ));
    }
}

fn bytes_of(memory: Degrees<Memory>, host: u64) -> Degrees<u64> {
    let bytes = |memory: Option<Memory>| memory.and_then(|m| m.bytes(host));
    Degrees { warning: bytes(memory.warning), critical: bytes(memory.critical) }
}

#[expect(clippy::cast_precision_loss, reason = "no host has 2^52 processes or bytes")]
fn metrics(limits: &Limits, counts: &Counts<'_>, look: &Look) -> Vec<Metric> {
    let with = |metric: Metric, degrees: Degrees<String>| Metric {
        warning: degrees.warning,
        critical: degrees.critical,
        min: Some(0.0),
        ..metric
    };
    let numbers = |d: Degrees<u64>| Degrees {
        warning: d.warning.map(|n| n.to_string()),
        critical: d.critical.map(|n| n.to_string()),
    };
    let range = limits.max.map_or_else(|| format!("{}:", limits.min), |max| format!("{}:{max}", limits.min));
    let processes = Degrees { warning: None, critical: Some(range) };
    let mut metrics = vec![
        with(Metric::new("processes", counts.running.len() as f64, ""), processes),
        with(Metric::new("memory", counts.memory as f64, "B"), numbers(bytes_of(limits.memory, look.memory))),
    ];
    if let Some(age) = counts.age {
        let seconds = |d: Option<Duration>| d.map(|d| d.as_secs().to_string());
        let limits = Degrees { warning: seconds(limits.age.warning), critical: seconds(limits.age.critical) };
        metrics.push(with(Metric::new("age", age.as_secs_f64(), "s"), limits));
    }
    for (label, count, limits) in
        [("zombies", counts.zombies.len() as u64, limits.zombies), ("blocked", counts.blocked, limits.blocked)]
    {
        if count > 0 || !limits.is_empty() {
            metrics.push(with(Metric::new(label, count as f64, ""), numbers(limits)));
        }
    }
    metrics
}

/// The first of what was found, without command lines: those may hold secrets.
fn detail(look: &Look) -> String {
    let mut lines = String::new();
    for stat in look.found.iter().take(SHOWN_MAX) {
        let Stat { pid, name, state, parent, .. } = stat;
        let age = duration_words(look.since_boot.saturating_sub(stat.started));
        let memory = size_words(stat.memory);
        let line =
            writeln!(lines, "process {pid} {name:?}, state {state}, parent {parent}, age {age}, memory {memory}");
        match line {
            Ok(()) | Err(std::fmt::Error) => {}
        }
    }
    let more = look.found.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        lines.push_str("and ");
        lines.push_str(&more.to_string());
        lines.push_str(" more");
    }
    lines.trim_end().to_owned()
}
