//! `checker bound`: for each fault, the longest time until a human is told.

use super::args;
use super::exit::{Exit, Failure};
use super::world::World;
use super::{Cx, json_line};
use crate::decide::bound::{Row, Site};
use checker_job::duration_words;
use serde_json::json;
use std::time::Duration;

pub(super) fn run(cx: &mut Cx<'_>, _args: &args::Bound) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let site = world.site();
    if cx.options.json {
        let faults: Vec<_> = site.rows().iter().map(to_json).collect();
        json_line(cx, &json!({"v": 1, "faults": faults}))?;
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
    for row in site.rows() {
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
    for (rhythm, time) in site.rhythms() {
        writeln!(cx.out, "A job that runs {rhythm} failures: {}.", brief(time))?;
    }
    if !never.is_empty() {
        writeln!(cx.out, "\nNEVER, because nothing detects it or nothing can tell it:\n")?;
        for row in never {
            writeln!(cx.out, "  {}\n             {}; {}", row.fault.words(), row.detector, row.path)?;
        }
        writeln!(cx.out, "\n{}", advice(site))?;
    }
    Ok(())
}

/// The one thing that would help most.
fn advice(site: &Site) -> &'static str {
    if !site.daemon {
        "Add [daemon] and start it: then passes and daemon watch each other."
    } else if site.peers + site.legacy == 0 {
        "Find a peer (a friend's Checker, or a second machine of yours): `checker peers invite` prints what to send."
    } else if !matches!(site.proof, crate::decide::bound::Proof::Mailbox) {
        "Add [canary] via = \"imap\": then it is proven that mail arrives."
    } else {
        "docs/guarantee.md says why nothing can help with the rest."
    }
}

/// What silences us and our peers at once.
fn together(cx: &mut Cx<'_>, world: &World) -> Result<(), Failure> {
    let common = world.common_modes();
    if common.is_empty() {
        return Ok(());
    }
    writeln!(cx.out, "\nOne outage would silence these together, and nobody would be told:\n")?;
    for line in common {
        writeln!(cx.out, "  {line}")?;
    }
    Ok(())
}

fn brief(time: Duration) -> String {
    if time.as_secs() >= 600 {
        return duration_words(Duration::from_secs(time.as_secs().div_ceil(60) * 60));
    }
    duration_words(Duration::from_secs(time.as_secs()))
}
