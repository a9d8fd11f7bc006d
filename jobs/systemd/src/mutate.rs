//! Would the job notice that a unit has failed, or is not there? What systemd said is made wrong, and judged as it is in a run.

use crate::judge::{self, Wanted};
use crate::show::Unit;
use checker_job::{Mutation, Vacuity, Verdict};

/// As a service that was restarted often, and is up just now.
const RESTARTS: u64 = 100;
const STATE: &str = "take \"inactive\" out of state";
const INACTIVE: [(&str, &str); 2] = [("ActiveState", "inactive"), ("SubState", "dead")];
const NOT_FOUND: [(&str, &str); 4] =
    [("LoadState", "not-found"), ("UnitFileState", ""), ("ActiveState", "inactive"), ("SubState", "dead")];
const FAILED: [(&str, &str); 5] = [
    ("ActiveState", "failed"),
    ("SubState", "failed"),
    ("Result", "exit-code"),
    ("ExecMainCode", "1"),
    ("ExecMainStatus", "1"),
];

/// What is judged of a unit; `started` is the one that a timer starts. `whose` tells managers apart, which may know other units
/// by the same names.
pub(crate) fn of_unit(name: &str, whose: &str, wanted: &Wanted, unit: &Unit, started: Option<&Unit>) -> Vacuity {
    let outcome = judge::unit(name, wanted, unit, started);
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let of = format!("unit {name}{whose}");
    let judged = |name_of: &'static str, what: &'static str, remedy: &'static str, changed: &[(&str, &str)]| {
        let said = judge::unit(name, wanted, &unit.with(changed), started);
        Mutation::new(name_of, what, remedy, said).of(&of)
    };
    let mut mutations = vec![judged("failed", "a unit that has failed", "", &FAILED)];
    if wanted.active {
        mutations.push(judged("gone", "no unit of that name", STATE, &NOT_FOUND));
        // What is started now and then rests in between.
        if !is_started(unit) {
            mutations.push(judged("inactive", "a unit that does not run", STATE, &INACTIVE));
        }
        mutations.extend(of_active(wanted, unit, &judged));
    } else {
        let running = [("LoadState", "loaded"), ("ActiveState", "active"), ("SubState", "running")];
        mutations.push(judged("active", "a unit that runs", "", &running));
    }
    if let Some(started) = started {
        mutations.extend(of_timer(name, whose, wanted, unit, started));
    }
    Vacuity::new(outcome, mutations)
}

/// Whether something else starts it when there is work for it.
fn is_started(unit: &Unit) -> bool {
    unit.get("Type") == "oneshot" || !unit.get("TriggeredBy").is_empty()
}

type Judged<'a> = dyn Fn(&'static str, &'static str, &'static str, &[(&str, &str)]) -> Mutation + 'a;

/// Of one that is active, and should be.
fn of_active(wanted: &Wanted, unit: &Unit, judged: &Judged<'_>) -> Vec<Mutation> {
    let mut all = Vec::new();
    if unit.get("ActiveState") != "active" {
        return all;
    }
    let (is_oneshot, restarts) = (unit.get("Type") == "oneshot", unit.number("NRestarts"));
    if !is_oneshot {
        let starting = [("ActiveState", "activating"), ("SubState", "start")];
        all.push(judged("activating", "a unit that is starting, and never ready", "", &starting));
    }
    if let Some(restarts) = restarts.filter(|_| !is_oneshot) {
        let count = restarts.saturating_mul(10).max(RESTARTS).to_string();
        let between = [("ActiveState", "activating"), ("SubState", "auto-restart"), ("NRestarts", count.as_str())];
        all.push(judged("crash_loop", "a service that ends again and again", "", &between));
        let what = "a service that runs just now, and was restarted a hundred times or more";
        let remedy = if wanted.counts_restarts() {
            "set restarts_warning or restarts_critical to less"
        } else {
            "set restarts_warning or restarts_critical"
        };
        all.push(judged("restarted_often", what, remedy, &[("NRestarts", &count)]));
    }
    if unit.get("UnitFileState") == "enabled" && unit.get("TriggeredBy").is_empty() {
        let what = "a unit that runs, and is not enabled any more, so that no boot starts it";
        all.push(judged("disabled", what, "take must_be_enabled out", &[("UnitFileState", "disabled")]));
    }
    all
}

/// Of an active timer, and of what it starts.
fn of_timer(name: &str, whose: &str, wanted: &Wanted, unit: &Unit, started: &Unit) -> Vec<Mutation> {
    if unit.get("ActiveState") != "active" {
        return Vec::new();
    }
    let never = [("SubState", "elapsed"), ("NextElapseUSecRealtime", ""), ("NextElapseUSecMonotonic", "infinity")];
    let said = judge::unit(name, wanted, &unit.with(&never), Some(started));
    let mut all = vec![Mutation::new("no_next_run", "a timer that never elapses again", "", said)];
    let of = format!("unit {}{whose}", unit.get("Unit"));
    for (name_of, what, changed) in [
        ("failed", "a timer whose unit has failed at its last run", FAILED.as_slice()),
        ("gone", "a timer whose unit is not there", NOT_FOUND.as_slice()),
    ] {
        let said = judge::unit(name, wanted, unit, Some(&started.with(changed)));
        all.push(Mutation::new(name_of, what, "", said).of(&of));
    }
    all
}

/// What is judged of all units that have failed.
pub(crate) fn of_all(units: &[Unit], more: bool, except: &[String]) -> Vacuity {
    let outcome = judge::failed(units, more, except);
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let with = |name: &str| {
        let bad = Unit::default().with(&FAILED).with(&[("Id", name), ("LoadState", "loaded")]);
        judge::failed(&[units, &[bad]].concat(), more, except)
    };
    let remedy = "name single units in except";
    let service = Mutation::new("failed_service", "one service that has failed", remedy, with("example.service"));
    let mount = Mutation::new("failed_mount", "one mount that has failed", remedy, with("srv-example.mount"));
    Vacuity::new(outcome, vec![service, mount])
}
