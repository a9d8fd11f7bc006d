//! From the properties of units to an outcome. Pure.

use crate::name::fits;
use crate::show::Unit;
use crate::words::ended;
use checker_job::{Metric, Outcome, Verdict};
use checker_parts::probe::listed;

/// So many failed units stand in the detail.
const SHOWN_MAX: usize = 50;

/// What is asked of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) active: bool,
    pub(crate) inactive: bool,
    pub(crate) must_be_enabled: bool,
    pub(crate) restarts_warning: Option<u64>,
    pub(crate) restarts_critical: Option<u64>,
}

impl Wanted {
    pub(crate) fn counts_restarts(&self) -> bool {
        self.restarts_warning.is_some() || self.restarts_critical.is_some()
    }
}

type Verdicts = Vec<(Verdict, String)>;

/// The outcome of one unit. `started` is the one that a timer starts.
pub(crate) fn unit(name: &str, wanted: &Wanted, unit: &Unit, started: Option<&Unit>) -> Outcome {
    let mut found = Vec::new();
    let loaded = load(name, wanted, unit, &mut found);
    if loaded {
        state(name, wanted, unit, &mut found);
        restarts(name, wanted, unit, &mut found);
        if unit.get("ActiveState") == "active" {
            if wanted.active {
                enabled(name, wanted, unit, &mut found);
            }
            if let Some(started) = started {
                timer(name, unit, started, &mut found);
            }
        }
    }
    found.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let worst = found.first().map_or(Verdict::Ok, |(verdict, _)| *verdict);
    let said = found.into_iter().map(|(_, sentence)| sentence).collect::<Vec<_>>().join("; ");
    let uncounted = loaded && wanted.counts_restarts() && unit.number("NRestarts").is_none();
    let outcome = match worst {
        Verdict::Failed => Outcome::failed(said),
        Verdict::Ok if uncounted => {
            let cause = "this systemd does not count restarts (it does from version 235 on)";
            Outcome::unknown(format!("{}, but {cause}; leave restarts_... out", well(name, unit)), cause)
        }
        Verdict::Ok => Outcome::ok(well(name, unit)),
        _ => Outcome::warning(said),
    };
    let outcome = outcome.with_detail(unit.lines());
    match unit.number("NRestarts") {
        #[expect(clippy::cast_precision_loss, reason = "no service is restarted 2^52 times")]
        Some(count) => outcome.with_metric(Metric {
            warning: wanted.restarts_warning.map(|n| n.to_string()),
            critical: wanted.restarts_critical.map(|n| n.to_string()),
            min: Some(0.0),
            ..Metric::new("restarts", count as f64, "c")
        }),
        None => outcome,
    }
}

/// Whether the unit is one whose state can be judged.
fn load(name: &str, wanted: &Wanted, unit: &Unit, found: &mut Verdicts) -> bool {
    let runs = unit.get("ActiveState") != "inactive";
    let missing_is_well = wanted.inactive && !runs;
    let (verdict, sentence) = match unit.get("LoadState") {
        "not-found" | "masked" if missing_is_well => return false,
        "not-found" if runs => {
            let words =
                format!("{name} is {}, but its file is gone: it cannot be started again", unit.get("ActiveState"));
            (Verdict::Warning, words)
        }
        "not-found" => {
            (Verdict::Failed, format!("there is no unit {name} on this host; install it, or mend the key unit"))
        }
        "masked" if runs => {
            let words = format!("{name} is {}, but masked: it cannot be started again", unit.get("ActiveState"));
            (Verdict::Warning, format!("{words} (systemctl unmask {name})"))
        }
        "masked" => (Verdict::Failed, format!("{name} is masked, so nothing can start it (systemctl unmask {name})")),
        "bad-setting" | "error" => {
            // systemd adds the name of its error, then the sentence in quotes.
            let said = unit.get("LoadError").split_once('"').map_or("", |(_, said)| said.trim_end_matches('"'));
            let said = if said.is_empty() { String::new() } else { format!(" ({said})") };
            let see = format!("see: systemd-analyze verify {name}{said}");
            if runs {
                let active = unit.get("ActiveState");
                let words =
                    format!("{name} is {active}, but its file cannot be used any more: it cannot be started again");
                (Verdict::Warning, format!("{words}; {see}"))
            } else {
                (Verdict::Failed, format!("the file of {name} cannot be used; {see}"))
            }
        }
        _ => return true,
    };
    found.push((verdict, sentence));
    runs
}

fn state(name: &str, wanted: &Wanted, unit: &Unit, found: &mut Verdicts) {
    let (active, sub) = (unit.get("ActiveState"), unit.get("SubState"));
    let because = ended(unit).map_or_else(String::new, |why| format!(": {why}"));
    let judged = match active {
        // A new systemd calls it "refreshing" where mounts of a service are renewed.
        "active" | "reloading" | "refreshing" if wanted.active => return,
        "active" | "reloading" | "refreshing" => {
            (Verdict::Failed, format!("{name} is {active} ({sub}), and should not be"))
        }
        "inactive" | "deactivating" if wanted.inactive => return,
        "inactive" => (Verdict::Failed, format!("{name} does not run ({sub}){because}{}", not_started(unit))),
        "failed" => (Verdict::Failed, format!("{name} has failed{because}{}", gave_up(unit))),
        "activating" if sub.starts_with("auto-restart") => {
            let (again, why) = (unit.number("NRestarts").unwrap_or(0), because);
            (
                Verdict::Failed,
                format!("{name} ends again and again, and waits for its next restart (so far {again}){why}"),
            )
        }
        // Its work is to start.
        "activating" if unit.get("Type") == "oneshot" && wanted.active => return,
        "activating" if wanted.active => (Verdict::Warning, format!("{name} is starting ({sub}), and not ready yet")),
        "activating" => (Verdict::Failed, format!("{name} is starting ({sub}), and should not run")),
        "deactivating" => (Verdict::Warning, format!("{name} is being stopped ({sub})")),
        other => (Verdict::Failed, format!("{name} is {other:?} ({sub})")),
    };
    found.push(judged);
}

/// Why an inactive unit was not started, if that is known.
fn not_started(unit: &Unit) -> &'static str {
    let judged = unit.number("ConditionTimestampMonotonic").is_some_and(|at| at > 0);
    if judged && unit.get("ConditionResult") == "no" {
        return ": a condition in its file (Condition...=) does not hold";
    }
    match unit.get("UnitFileState") {
        "disabled" => ", and it is not enabled, so a boot does not start it",
        _ => "",
    }
}

fn gave_up(unit: &Unit) -> String {
    match unit.number("NRestarts") {
        Some(0) | None => String::new(),
        Some(1) => ", also after 1 restart".to_owned(),
        Some(many) => format!(", also after {many} restarts"),
    }
}

fn restarts(name: &str, wanted: &Wanted, unit: &Unit, found: &mut Verdicts) {
    let Some(count) = unit.number("NRestarts") else { return };
    let over = |limit: Option<u64>| limit.filter(|limit| count > *limit);
    let critical = over(wanted.restarts_critical).map(|limit| (Verdict::Failed, limit));
    if let Some((verdict, limit)) = critical.or_else(|| over(wanted.restarts_warning).map(|l| (Verdict::Warning, l))) {
        let last = ended(unit).map_or_else(String::new, |why| format!("; last {why}"));
        let reset = format!("systemctl reset-failed {name} or a start by hand begins a new count");
        found.push((
            verdict,
            format!("{name} was restarted {count} times by systemd, more than {limit}{last} ({reset})"),
        ));
    }
}

fn enabled(name: &str, wanted: &Wanted, unit: &Unit, found: &mut Verdicts) {
    if !wanted.must_be_enabled || unit.get("LoadState") != "loaded" {
        return;
    }
    let words = match unit.get("UnitFileState") {
        // A timer, a socket or a path starts it, and that is enabled in its place.
        "disabled" if !unit.get("TriggeredBy").is_empty() => return,
        "disabled" => "is active, but not enabled: after a reboot it would not run",
        "enabled-runtime" => "is active, but enabled only until the next reboot: after it, it would not run",
        _ => return,
    };
    let remedy = format!("systemctl enable {name}, or must_be_enabled = false");
    found.push((Verdict::Warning, format!("{name} {words} ({remedy})")));
}

fn timer(name: &str, unit: &Unit, started: &Unit, found: &mut Verdicts) {
    let starts = unit.get("Unit");
    // It has none while what it starts is at work.
    if next(unit).is_none() && unit.get("SubState") != "running" {
        found.push((Verdict::Failed, format!("{name} will never elapse again: no next time comes of its settings")));
    }
    match (started.get("LoadState"), started.get("ActiveState")) {
        ("not-found" | "masked" | "bad-setting" | "error", _) => {
            let why = format!("{starts}, which {name} starts, cannot be started: it is {}", started.get("LoadState"));
            found.push((Verdict::Failed, why));
        }
        (_, "failed") => {
            let why = ended(started).unwrap_or_else(|| "it has failed".to_owned());
            let when = unit.get("LastTriggerUSec");
            let last = if when.is_empty() { String::new() } else { format!(" (of {when})") };
            found.push((
                Verdict::Failed,
                format!("the last run of {starts}, which {name} starts{last}, has failed: {why}"),
            ));
        }
        _ => {}
    }
}

/// The next time of a timer, as systemd says it.
fn next(unit: &Unit) -> Option<String> {
    let (clock, since_boot) = (unit.get("NextElapseUSecRealtime"), unit.get("NextElapseUSecMonotonic"));
    let given = |text: &str| !matches!(text, "" | "0" | "infinity" | "n/a");
    if given(clock) {
        return Some(clock.to_owned());
    }
    given(since_boot).then(|| format!("{since_boot} after boot"))
}

fn well(name: &str, unit: &Unit) -> String {
    let (active, sub) = (unit.get("ActiveState"), unit.get("SubState"));
    match (unit.get("LoadState"), active) {
        ("not-found", _) => format!("there is no unit {name}, which is well by `state`; is its name right?"),
        ("masked", _) => format!("{name} is masked and does not run, as wanted"),
        (_, "active") => match next(unit) {
            Some(next) => format!("{name} is active ({sub}); it elapses next: {next}"),
            None => format!("{name} is active ({sub})"),
        },
        _ => format!("{name} is {active} ({sub})"),
    }
}

/// The outcome of all units that have failed; `more` if not all were read.
pub(crate) fn failed(units: &[Unit], more: bool, except: &[String]) -> Outcome {
    let (let_be, bad): (Vec<&Unit>, Vec<&Unit>) =
        units.iter().partition(|unit| except.iter().any(|pattern| fits(pattern, unit.get("Id"))));
    let besides = match let_be.len() {
        0 => String::new(),
        1 => " (1 that may is not counted)".to_owned(),
        many => format!(" ({many} that may are not counted)"),
    };
    let sentences: Vec<String> = bad
        .iter()
        .map(|unit| {
            let name = unit.get("Id");
            ended(unit).map_or_else(|| name.to_owned(), |why| format!("{name}: {why}"))
        })
        .collect();
    let at_least = if more { "at least " } else { "" };
    let outcome = match sentences.as_slice() {
        [] if more => {
            let cause = "systemd counts more failed units than systemctl names";
            Outcome::unknown(format!("{cause}{besides}"), cause)
        }
        [] => Outcome::ok(format!("no unit has failed{besides}")),
        [one] => Outcome::failed(format!("{at_least}1 unit has failed{besides}: {one}")),
        many => {
            let count = many.len();
            Outcome::failed(format!("{at_least}{count} units have failed{besides}: {}", listed(many)))
        }
    };
    let detail = sentences.into_iter().take(SHOWN_MAX).collect::<Vec<_>>().join("\n");
    #[expect(clippy::cast_precision_loss, reason = "no host has 2^52 units")]
    let count = Metric { critical: Some("0".to_owned()), ..Metric::new("failed", bad.len() as f64, "") };
    outcome.with_detail(detail).with_metric(count)
}
