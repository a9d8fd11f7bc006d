//! What the kernel's numbers are worth. Pure.

use crate::plan::{Levels, Plan, Pressure};
use checker_job::{Metric, Outcome, Verdict};
use checker_parts::amount::limit_words;
use checker_parts::procfs::Process;
use std::collections::BTreeMap;

/// More processors than any host has.
const CPUS_MAX: u32 = 1 << 20;
/// A sentence names so many programs.
const NAMED_MAX: usize = 3;
/// Over so many minutes each of the averages is.
const MINUTES: [u32; 3] = [1, 5, 15];

/// What `/proc/loadavg` says (`proc_loadavg(5)`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Averages {
    pub(crate) load: [f64; 3],
    pub(crate) runnable: u64,
    pub(crate) tasks: u64,
}

impl Averages {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let mut number = || {
            let number: f64 = fields.next()?.parse().ok()?;
            (number.is_finite() && number >= 0.0).then_some(number)
        };
        let load = [number()?, number()?, number()?];
        let (runnable, tasks) = fields.next()?.split_once('/')?;
        Some(Self { load, runnable: runnable.parse().ok()?, tasks: tasks.parse().ok()? })
    }
}

/// The line `some` of a file in `/proc/pressure`: its average over a minute, in hundredths of a percent (the kernel's
/// `Documentation/accounting/psi.rst`).
pub(crate) fn some_avg60(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let value = line.split(' ').find_map(|field| field.strip_prefix("avg60="))?;
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    let number: u64 = format!("{whole}{decimals:0<2.2}").parse().ok()?;
    (number <= 10_000).then_some(number)
}

/// How many processors `/proc/stat` has a line for (`proc_stat(5)`): those of the host that are online.
pub(crate) fn cpu_lines(text: &str) -> Option<u32> {
    let is_one = |line: &&str| {
        let number = line.strip_prefix("cpu").and_then(|rest| rest.split(' ').next());
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    u32::try_from(text.lines().filter(is_one).count()).ok().filter(|count| *count > 0)
}

/// How many a list such as `0-3,8` has.
pub(crate) fn cpu_list(text: &str) -> Option<u32> {
    let mut count: u32 = 0;
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        count = count.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    (1..=CPUS_MAX).contains(&count).then_some(count)
}

/// All that was read.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) averages: Averages,
    pub(crate) cpus: u32,
    /// In the order of the plan: hundredths of a percent, or why it is not told.
    pub(crate) pressures: [Result<u64, String>; 3],
}

/// The judgement, without names.
pub(crate) fn judge(seen: &Seen, plan: &Plan) -> Outcome {
    let mut findings: Vec<(Verdict, String)> = load(seen, plan).into_iter().collect();
    let mut untold = None;
    for ((of, degrees, is_wanted), found) in plan.pressures.iter().zip(&seen.pressures) {
        match found {
            Ok(share) => findings.extend(degrees.judge(*share, 10_000).map(|(verdict, limit)| {
                let (share, limit) = (limit_words(*share), limit.count_words());
                (verdict, format!("tasks wait for {} in {share} of the last minute, more than {limit}", of.words()))
            })),
            Err(why) if *is_wanted => untold = untold.or(Some((*of, why))),
            Err(_) => {}
        }
    }
    findings.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let sentences: Vec<&str> = findings.iter().map(|(_, sentence)| sentence.as_str()).collect();
    let said = sentences.join("; ");
    let tasks = format!("{} of {} tasks are runnable", seen.averages.runnable, seen.averages.tasks);
    let outcome = match (findings.first(), untold) {
        (Some((Verdict::Failed, _)), _) => Outcome::failed(format!("{said}; {tasks}")),
        (_, Some((of, why))) => unsaid(of, why, &said),
        (Some(_), None) => Outcome::warning(format!("{said}; {tasks}")),
        (None, None) => Outcome::ok(format!("{}; {tasks}", averages(seen))),
    };
    Outcome { metrics: metrics(seen, plan), ..outcome }
}

/// A limit cannot be judged. What only wants a look is said all the same, or nobody ever hears of it.
fn unsaid(of: Pressure, why: &str, said: &str) -> Outcome {
    let key = of.word();
    let known = if said.is_empty() { String::new() } else { format!("{said}; and ") };
    Outcome::unknown(
        format!(
            "{known}this kernel does not tell the pressure that {key}_pressure_... asks for (/proc/pressure/{key}: {why}): that wants \
             Linux 4.20 with CONFIG_PSI, and psi=1 at its start where it is off; or take these keys out"
        ),
        "this kernel tells no pressure (PSI)",
    )
}

/// `0.31, 0.73, 1.38 over 1, 5, 15 min on 2 CPUs`.
fn averages(seen: &Seen) -> String {
    let [one, five, fifteen] = seen.averages.load;
    format!("load {one:.2}, {five:.2}, {fifteen:.2} over 1, 5, 15 min on {}", cpus(seen))
}

fn cpus(seen: &Seen) -> String {
    if seen.cpus == 1 { "1 CPU".to_owned() } else { format!("{} CPUs", seen.cpus) }
}

/// The gravest; of equals the longest, which says most.
fn load(seen: &Seen, plan: &Plan) -> Option<(Verdict, String)> {
    let per = if plan.per_cpu { f64::from(seen.cpus) } else { 1.0 };
    let crossed = |levels: &Levels, verdict: Verdict| {
        let all = levels.iter().zip(seen.averages.load).zip(MINUTES).rev();
        let found = all.filter_map(|((level, load), minutes)| Some(((*level)?, load, minutes)));
        let mut found = found.filter(|(level, load, _)| load / per > *level);
        found.next().map(|(level, load, minutes)| {
            let each = if plan.per_cpu { format!(", which is {:.2} for each CPU", load / per) } else { String::new() };
            let begin = format!("load over {minutes} min is {load:.2}{each}, more than {level}");
            (verdict, format!("{begin} ({})", averages(seen)))
        })
    };
    crossed(&plan.critical, Verdict::Failed).or_else(|| crossed(&plan.warning, Verdict::Warning))
}

fn metrics(seen: &Seen, plan: &Plan) -> Vec<Metric> {
    let per = if plan.per_cpu { f64::from(seen.cpus) } else { 1.0 };
    let labels = ["load1", "load5", "load15"];
    let levels = plan.warning.iter().zip(&plan.critical);
    let mut metrics: Vec<Metric> = labels
        .into_iter()
        .zip(seen.averages.load)
        .zip(levels)
        .map(|((label, load), (warning, critical))| {
            let mut metric = Metric::new(label, load, "");
            [metric.warning, metric.critical] = [warning, critical].map(|level| level.map(|l| (l * per).to_string()));
            metric
        })
        .collect();
    for ((of, degrees, _), found) in plan.pressures.iter().zip(&seen.pressures) {
        let Some(share) = found.as_ref().ok().and_then(|share| u32::try_from(*share).ok()) else { continue };
        let mut metric = Metric::new(format!("{}_pressure", of.word()), f64::from(share) / 100.0, "%");
        let percent = |hundredths: u64| (f64::from(u32::try_from(hundredths).unwrap_or(10_000)) / 100.0).to_string();
        [metric.warning, metric.critical] = [degrees.warning.share, degrees.critical.share].map(|s| s.map(percent));
        metrics.push(metric);
    }
    metrics
}

/// Who runs, and who waits for a disk: by program, the most first.
pub(crate) fn who(processes: &[Process]) -> String {
    let named = |state: char| {
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        for process in processes.iter().filter(|process| process.state == state) {
            *by_name.entry(&process.name).or_default() += 1;
        }
        let mut names: Vec<(&str, usize)> = by_name.into_iter().collect();
        names.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let more = if names.len() > NAMED_MAX { " and others" } else { "" };
        let shown = names
            .iter()
            .take(NAMED_MAX)
            .map(|(name, count)| if *count == 1 { (*name).to_owned() } else { format!("{name} ({count})") });
        let shown: Vec<String> = shown.collect();
        if shown.is_empty() { None } else { Some(format!("{}{more}", shown.join(", "))) }
    };
    let running = named('R').map(|names| format!("now running: {names}"));
    let waiting = named('D').map(|names| format!("waiting for a disk: {names}"));
    [running, waiting].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
