//! `checker bound`: for each fault, the longest time until a human is told.

mod history;
mod places;

use super::args;
use super::exit::{Exit, Failure};
use super::world::World;
use super::{Cx, json_line};
use crate::decide::bound::together::same_network;
use crate::decide::bound::{Fault, Help, Row, Site, Windowed};
use crate::simulation;
use checker_job::duration_words;
use serde_json::json;
use std::time::Duration;

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Bound) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let site = world.site();
    if args.history {
        return history::run(cx, &world, site);
    }
    if let Some(histories) = args.prove {
        return prove(cx, &Site { slow: Vec::new(), windowed: Vec::new(), ..site }, histories);
    }
    if cx.options.json {
        let faults: Vec<_> = site.rows().iter().map(to_json).collect();
        let windowed = |w: &Windowed| {
            let (every, threshold, _) = w.job;
            json!({
                "windows": w.windows, "every": every.to_string(), "failure_threshold": threshold,
                "held_s": w.held.as_secs(), "longest_s": site.windowed_time(w).as_secs(),
            })
        };
        let windowed: Vec<_> = site.windowed.iter().map(windowed).collect();
        json_line(cx, &json!({"v": 1, "faults": faults, "windowed": windowed}))?;
        return Ok(Exit::Ok);
    }
    table(cx, &site)?;
    together(cx, &world)?;
    Ok(Exit::Ok)
}

fn to_json(row: &Row) -> serde_json::Value {
    json!({
        "fault": row.fault.name(), "detector": row.detector, "path": row.path,
        "longest_s": row.longest.map(|d| d.as_secs()),
    })
}

fn table(cx: &mut Cx<'_>, site: &Site) -> Result<(), Failure> {
    writeln!(cx.out, "The longest time until a human is told, for each single fault, with these settings:\n")?;
    let mut never = Vec::new();
    for row in site.rows().into_iter().filter(|row| site.can_occur(row.fault)) {
        match row.longest {
            Some(time) => {
                let words = row.fault.words();
                writeln!(cx.out, "  {:10} {words}\n             {}; {}", brief(time), row.detector, row.path)?;
            }
            None => never.push(row),
        }
    }
    let mail = duration_words(site.latency);
    writeln!(cx.out, "\nEach holds {mail} for the way from our mail server to the mailbox.")?;
    for ((rhythm, seen_after), time) in site.rhythms() {
        let late = if seen_after.is_zero() {
            String::new()
        } else {
            format!(", and may call well for {} what is broken", brief(seen_after))
        };
        writeln!(cx.out, "A job that runs {rhythm} failures{late}: {}.", brief(time))?;
    }
    for windowed in &site.windowed {
        let (every, threshold, _) = windowed.job;
        let (names, held) = (windowed.windows.join(", "), brief(windowed.held));
        writeln!(
            cx.out,
            "One that runs every {every}, told after {threshold} failures, in the windows {names}: {}, of which they hold it \
             back for {held}.",
            brief(site.windowed_time(windowed))
        )?;
    }
    if !never.is_empty() {
        writeln!(cx.out, "\nNEVER, because nothing detects it or nothing can tell it:\n")?;
        for row in never {
            writeln!(cx.out, "  {}\n             {}; {}", row.fault.words(), row.detector, row.path)?;
        }
        advice(cx, site)?;
    }
    Ok(())
}

/// Plays each fault in many histories, and says whether the bounds hold.
fn prove(cx: &mut Cx<'_>, site: &Site, histories: u64) -> Result<Exit, Failure> {
    if histories == 0 {
        return Err(Failure::usage("no history proves nothing; write for example: checker bound --prove 1000"));
    }
    let mut all = Vec::new();
    let mut good = true;
    for fault in Fault::ALL {
        let proved = simulation::prove_one(site, fault, 0..histories, None);
        good &= proved.wrong.is_empty();
        if cx.options.json {
            all.push(json!({
                "fault": fault.name(), "longest_s": proved.bound.map(|d| d.as_secs()),
                "seen_s": proved.longest.map(|d| d.as_secs_f64()), "seed": proved.seed,
                "wrong": proved.wrong.iter().map(|(seed, what)| json!({"seed": seed, "what": what})).collect::<Vec<_>>(),
            }));
            continue;
        }
        let time = |t: Option<Duration>| t.map_or_else(|| "never".to_owned(), brief);
        let (bound, seen) = (time(proved.bound), time(proved.longest));
        writeln!(cx.out, "{bound:>12}  seen {seen:>12} (seed {:>4})  {}", proved.seed, fault.words())?;
        for (seed, what) in proved.wrong.iter().take(3) {
            writeln!(cx.out, "              WRONG, seed {seed}: {what}")?;
        }
        cx.out.flush()?;
    }
    if cx.options.json {
        json_line(cx, &json!({"v": 1, "histories": histories, "faults": all}))?;
    } else {
        let said = if good { "every bound holds" } else { "NOT every bound holds: please report this, with the seeds" };
        writeln!(
            cx.out,
            "\n{histories} histories for each fault, half of them with the fault at its worst moment: {said}."
        )?;
        writeln!(
            cx.out,
            "[deadman] and [[window]] are not simulated, nor jobs that may call well for a while what is broken (mail): the \
             bounds are those of the others, outside of windows."
        )?;
    }
    Ok(if good { Exit::Ok } else { Exit::Io })
}

/// All that would help, each with what it would take out of "never".
fn advice(cx: &mut Cx<'_>, site: &Site) -> Result<(), Failure> {
    let help = site.help();
    if help.is_empty() {
        writeln!(cx.out, "\ndocs/guarantee.md says why nothing can help with that.")?;
        return Ok(());
    }
    writeln!(cx.out, "\nTo be told of these too, step by step:")?;
    for (n, Help { step, faults }) in help.iter().enumerate() {
        writeln!(cx.out, "\n  {}. {}. Then you hear when", n + 1, step.words())?;
        for fault in faults {
            writeln!(cx.out, "       {}", fault.words())?;
        }
    }
    writeln!(cx.out, "\ndocs/operating.md shows each step, docs/guarantee.md why nothing can help with the rest.")?;
    Ok(())
}

/// What silences us and our peers at once.
fn together(cx: &mut Cx<'_>, world: &World) -> Result<(), Failure> {
    let mut common = world.common_modes();
    common.extend(same_network(&places::places(world)));
    if common.is_empty() {
        return Ok(());
    }
    writeln!(cx.out, "\nOne outage would silence these together, and nobody would be told:\n")?;
    for line in common {
        writeln!(cx.out, "  {line}")?;
    }
    Ok(())
}

/// A time in words that never promises less than it is.
pub(super) fn brief(time: Duration) -> String {
    if time.as_secs() >= 600 {
        return duration_words(Duration::from_secs(time.as_secs().div_ceil(60) * 60));
    }
    duration_words(Duration::from_secs(time.as_secs()))
}
