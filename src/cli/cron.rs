//! `checker cron`: one pass. Silent on success, because cron mails what is printed.

use super::args::Cron;
use super::courier::ThreadCourier;
use super::exit::{Exit, Failure};
use super::world::{World, node_id};
use super::{Cx, is_terminal, json_line};
use crate::decide::schedule::{Called, Reason};
use crate::pass::{Pass, Report};
use crate::settings::accepted;
use crate::store::{Own, StoreError};
use crate::{clock, node, witness};
use checker_job::{Timestamp, duration_words};
use serde_json::json;
use std::io::{self, Write};
use std::time::Duration;
use uuid::Uuid;

/// When stderr last spoke about mail, in the own group: at most hourly, because cron mails it.
const COMPLAINED: &str = "complained_at";

pub(super) fn run(cx: &mut Cx<'_>, args: &Cron) -> Result<Exit, Failure> {
    let world = World::load_or_recall(cx, false)?;
    let called = match (args.now, args.class) {
        (true, _) => Called::Now,
        (false, Some(class)) => Called::Class(class.into()),
        (false, None) => Called::All,
    };
    let report = pass(&world, called)?;
    if cx.options.json {
        json_line(cx, &to_json(&report))?;
    } else if is_terminal() {
        show(cx.out, &report)?;
    }
    let kept = report.drained.later + report.drained.refused > 0;
    if kept {
        complain(&world, &report)?;
    }
    // Where both are in trouble, the settings come first: they are what a hand must mend.
    if let Some(report) = &world.broken {
        // The admin gets it by mail; stderr would be mailed by cron each minute.
        if is_terminal() {
            drop(io::stderr().lock().write_all(report.as_bytes()));
        }
        return Ok(Exit::Settings);
    }
    Ok(if kept { Exit::Later } else { Exit::Ok })
}

/// Runs one pass on the state of these settings.
pub(super) fn pass(world: &World, called: Called) -> Result<Report, Failure> {
    let store = world.open()?;
    let (shared, own) = (store.shared(), store.own());
    let locks = world.locks()?;
    let id = Uuid::now_v7();
    let _alive = locks.hold(id)?;
    let setup = world.setup(node_id(&own)?);
    if let Err(why) = node::settings(&own, &setup.contacts, world.broken.as_deref(), clock::now().wall) {
        tracing::warn!("the trouble with the settings cannot be noted: {why}");
    }
    if world.broken.is_none()
        && let Err(why) = accepted::keep(&world.settings)
    {
        tracing::warn!("the accepted settings cannot be kept beside the state: {why}");
    }
    let references = world.references();
    let mut courier = ThreadCourier::new(world.desk(id)?);
    let mut pass = Pass {
        setup: &setup,
        shared: &shared,
        own: &own,
        id,
        is_gone: &|other| locks.is_free(other).unwrap_or(false),
        courier: &mut courier,
        called,
        clock: clock::Steady::start(),
        ask: &|resolver| witness::ask(&references, resolver),
    };
    let report = pass.run();
    if setup.scratch.exists()
        && let Err(why) = std::fs::remove_dir_all(&setup.scratch)
    {
        tracing::warn!("the scratch folder {} stays: {why}", setup.scratch.display());
    }
    Ok(report?)
}

/// One line on stderr, at most hourly, that mail does not leave.
fn complain(world: &World, report: &Report) -> Result<(), Failure> {
    let store = world.open()?;
    let own = store.own();
    let now = clock::now().wall;
    let last = own.meta(COMPLAINED)?.and_then(|t| t.parse().ok()).map(Timestamp::from_micros);
    if last.is_some_and(|at| at <= now && now.since(at) < Duration::from_secs(3_600)) {
        return Ok(());
    }
    let count = report.drained.later + report.drained.refused;
    let why = report.drained.problem.as_deref().unwrap_or("the reason is in the log");
    let command = &world.command;
    let line = format!(
        "checker: {count} message(s) could not be delivered and are kept: {why}\nLook with: {command} status\nTry with: \
         {command} test --mail-only\n"
    );
    // cron mails it; a closed stderr changes nothing.
    drop(io::stderr().lock().write_all(line.as_bytes()));
    own.set_meta(COMPLAINED, Some(&now.micros().to_string())).map_err(|e: StoreError| e.into())
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::NeverRan => "first run",
        Reason::Slot => "due",
        Reason::CatchUp => "caught up",
        Reason::Hidden => "was hidden by a fault of our own",
        Reason::Asked => "asked",
    }
}

/// What a pass did, for a person.
pub(super) fn show(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    for ran in &report.ran {
        let stale = if ran.stale { " (too late: a newer result is known)" } else { "" };
        writeln!(
            out,
            "{:8} {}: {} [{}, {}]{stale}",
            ran.verdict.word(),
            ran.name,
            ran.summary,
            reason(ran.reason),
            duration_words(ran.took)
        )?;
    }
    for (name, why) in &report.skipped {
        writeln!(out, "{:8} {name}: {why}", "-")?;
    }
    let d = &report.drained;
    let told = [
        (d.accepted as usize, "sent"),
        (d.later as usize, "kept for later"),
        (d.refused as usize, "refused"),
        (d.held, "held by a limit"),
        (d.withheld, "withheld (nomail)"),
    ];
    let told: Vec<String> = told.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if !told.is_empty() {
        writeln!(out, "messages: {}", told.join(", "))?;
    }
    Ok(())
}

fn to_json(report: &Report) -> serde_json::Value {
    let ran: Vec<_> = report
        .ran
        .iter()
        .map(|r| {
            json!({
                "name": r.name, "verdict": r.verdict, "summary": r.summary, "reason": reason(r.reason),
                "seconds": r.took.as_secs_f64(), "stale": r.stale,
            })
        })
        .collect();
    let skipped: Vec<_> = report.skipped.iter().map(|(n, w)| json!({"name": n, "why": w.to_string()})).collect();
    let d = &report.drained;
    json!({
        "v": 1, "ran": ran, "skipped": skipped,
        "messages": {
            "accepted": d.accepted, "later": d.later, "refused": d.refused, "held": d.held, "withheld": d.withheld,
            "problem": d.problem,
        },
    })
}
