//! Would the job notice that the host is overloaded? What the kernel told is made wrong, and judged as it is in a run.

use crate::judge::{self, Averages, Seen};
use crate::look;
use crate::plan::{Plan, Pressure};
use checker_job::{Context, Mutation, Vacuity, Verdict};
use std::path::Path;

/// In hundredths of a percent: of a minute in which tasks did little but wait.
const PRESSURE: u64 = 9_500;

/// Looks, and judges what was seen in forms that are wrong.
pub(crate) fn vacuity(proc: &Path, sys: &Path, plan: &Plan, cx: &Context) -> Vacuity {
    let seen = match look::see(proc, sys, plan) {
        Ok(seen) => seen,
        Err(outcome) => return Vacuity::without_answer(outcome),
    };
    let outcome = look::named(judge::judge(&seen, plan), proc, cx);
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let mut mutations = Vec::new();
    let judges_load = plan.warning.iter().chain(&plan.critical).any(Option::is_some);
    let judges_pressure = plan.pressures.iter().any(|(_, _, is_wanted)| *is_wanted);
    // A job that looks at pressures alone leaves the load to another.
    if judges_load || !judges_pressure {
        mutations.extend([("load_tenfold", 10), ("load_hundredfold", 100)].map(|(name, times)| {
            let (load, what) = raised(&seen, times);
            let averages = Averages { load, ..seen.averages };
            let said = judge::judge(&Seen { averages, ..seen.clone() }, plan);
            Mutation::new(name, what, "set warning or critical to less", said)
        }));
    }
    for (at, (of, _, _)) in plan.pressures.iter().enumerate().filter(|(_, (_, _, is_wanted))| *is_wanted) {
        let mut wrong = seen.clone();
        if let Some(found) = wrong.pressures.get_mut(at) {
            *found = Ok(PRESSURE);
        }
        let (name, remedy) = names(*of);
        let what = format!("a host where tasks wait for {} nearly all the time", of.words());
        mutations.push(Mutation::new(name, what, remedy, judge::judge(&wrong, plan)));
    }
    Vacuity::new(outcome, mutations)
}

/// So many times as high, and so high for each CPU at least: ten times nearly nothing harms nobody.
fn raised(seen: &Seen, times: u32) -> ([f64; 3], String) {
    let least = f64::from(times) * f64::from(seen.cpus);
    let load = seen.averages.load.map(|load| (load * f64::from(times)).max(least));
    let [one, five, fifteen] = load;
    (load, format!("a load of {one:.0}, {five:.0}, {fifteen:.0} over 1, 5, 15 min"))
}

/// The mutation, and the keys that notice it.
fn names(of: Pressure) -> (&'static str, &'static str) {
    match of {
        Pressure::Cpu => ("cpu_pressure", "set cpu_pressure_warning or cpu_pressure_critical to less"),
        Pressure::Io => ("io_pressure", "set io_pressure_warning or io_pressure_critical to less"),
        Pressure::Memory => ("memory_pressure", "set memory_pressure_warning or memory_pressure_critical to less"),
    }
}
