//! `checker cron`: one pass. Silent on success, because cron mails what is printed.

pub(super) mod degraded;
mod outside;
mod rounds;

use super::args::Cron;
use super::courier::{Desk, ThreadCourier};
use super::exit::{Exit, Failure};
use super::world::World;
use super::{Cx, is_terminal, json_line};
use crate::decide::schedule::{Called, Reason};
use crate::node::identity;
use crate::pass::{Pass, Report, Setup};
use crate::registry::DynJob;
use crate::script::ends::NEVER_FINISHED;
use crate::settings::accepted;
use crate::store::{Degraded, Home, Own, Sqlite, SqliteShared, StoreError};
use crate::{clock, drill, log, node, script, witness};
use checker_job::{Timestamp, duration_words};
use serde_json::json;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// When stderr last spoke about mail, in the own group: at most hourly, because cron mails it.
const COMPLAINED: &str = "complained_at";

pub(super) fn run(cx: &mut Cx<'_>, args: &Cron) -> Result<Exit, Failure> {
    // These live until the process ends. To give thousands of jobs back piece by piece would only cost time.
    let world = ManuallyDrop::new(World::load_or_recall(cx, false)?);
    let called = match (args.now, args.class) {
        (true, _) => Called::Now,
        (false, Some(class)) => Called::Class(class.into()),
        (false, None) => Called::All,
    };
    log::hold_trouble();
    let passed = ManuallyDrop::new(pass(&world, called)?);
    let report = &passed.report;
    if cx.options.json {
        json_line(cx, &to_json(&passed))?;
    } else if is_terminal() {
        show(cx.out, report)?;
    }
    let kept = report.drained.later + report.drained.refused > 0;
    if let Some(trouble) = &passed.degraded {
        degraded::complain(&passed, trouble);
        return Ok(Exit::Io);
    }
    if let Some(trouble) = log::held_trouble() {
        say(&format!("checker: {trouble}\n"));
    }
    if kept {
        complain(&world, &passed)?;
    }
    // Where both are in trouble, the settings come first: they are what a hand must mend.
    if let Some(report) = &world.broken {
        // The admin gets it by mail; stderr would be mailed by cron each minute.
        if is_terminal() {
            say(report);
        }
        return Ok(Exit::Settings);
    }
    Ok(if kept { Exit::Later } else { Exit::Ok })
}

/// A pass that has ended, and where its state is.
pub(super) struct Passed {
    pub(super) report: Report,
    /// What is wrong with the state.
    degraded: Option<Degraded>,
    store: Sqlite,
}

/// Runs one pass on the state of these settings.
pub(super) fn pass(world: &World, called: Called) -> Result<Passed, Failure> {
    let home = world.home(true);
    let store = world.open(&home)?;
    let (shared, own) = (store.shared(), store.own());
    let id = Uuid::now_v7();
    home.hold(id)?;
    let mut setup = world.setup(identity(&own)?);
    add_drill(world, &own, &mut setup);
    if let Err(why) = node::settings(&own, &setup.contacts, world.broken.as_deref(), clock::now().wall) {
        tracing::warn!("the trouble with the settings cannot be noted: {why}");
    }
    if world.broken.is_none()
        && let Err(why) = accepted::keep(&world.settings)
    {
        tracing::warn!("the accepted settings cannot be kept beside the state: {why}");
    }
    if let Err(why) = outside::watch_channels(&own, &world.settings, &setup.contacts) {
        tracing::warn!("the channels are not watched in this pass: {why}");
    }
    settle_scripts(world, &home, &shared, setup.node);
    let references = world.references();
    let desk = world.desk(&home, id)?;
    desk.noted.update(&home, &store, &setup.contacts);
    let mut courier = ThreadCourier::new(desk.clone());
    let mut deadman = outside::Deadman::new(world.settings.deadman.as_ref());
    let clock = clock::Steady::start();
    let mut watch = rounds::Watch::start(world, &home, clock)?;
    let mut pass = Pass {
        setup: &setup,
        shared: &shared,
        own: &own,
        id,
        is_gone: &|other| home.is_gone(other),
        courier: &mut courier,
        alive: Some(&mut || {
            deadman.alive();
            watch.served(&store, &home, &clock);
        }),
        called,
        clock,
        peers: world.who_confirms(),
        ask: &|resolver| witness::ask(&references, resolver),
    };
    let report = pass.run();
    if let Err(why) = drill::settle(&own, &shared, &setup.contacts, clock.now()) {
        tracing::warn!("the drill is settled by a later pass: {why}");
    }
    watch.finish();
    deadman.finish(&own, &setup.contacts);
    if report.as_ref().is_ok_and(|r| !r.ran.is_empty())
        && let Err(why) = store.shrink()
    {
        tracing::warn!("the state's WAL stays as it is for now: {why}");
    }
    remove_scratch(&setup);
    let mut report = report?;
    tell_of_the_state(&desk, &home, &mut report);
    Ok(Passed { report, degraded: home.degraded(), store })
}

/// Takes in what scripts have left, and notices those that nobody ended.
fn settle_scripts(world: &World, home: &Home, shared: &SqliteShared, node: Uuid) {
    match script::ends::settle(shared, &world.spool(), home, node, clock::now().wall) {
        Ok(given_up) => given_up.iter().for_each(|run| tracing::info!("{}: {NEVER_FINISHED} ({})", run.job, run.id)),
        Err(why) => tracing::warn!("records of scripts wait for a later pass: {why}"),
    }
}

/// Tells of trouble with the state that began after the last wave of this pass.
fn tell_of_the_state(desk: &Desk, home: &Home, report: &mut Report) {
    if desk.noted.is_known(home) {
        return;
    }
    match desk.drain(degraded::DELIVERY_TIME) {
        Ok(drained) => report.drained.add(&drained),
        Err(why) => tracing::warn!("the trouble with the state could not be told: {why}"),
    }
}

/// A drill that goes on is one more job.
fn add_drill(world: &World, own: &dyn Own, setup: &mut Setup) {
    match drill::job(own, world.drilled(), clock::now().wall) {
        Ok(job) => setup.jobs.extend(job.map(|fault| Arc::new(fault) as Arc<dyn DynJob>)),
        Err(why) => tracing::warn!("no drill in this pass: {why}"),
    }
}

fn remove_scratch(setup: &Setup) {
    if setup.scratch.exists()
        && let Err(why) = std::fs::remove_dir_all(&setup.scratch)
    {
        tracing::warn!("the scratch folder {} stays: {why}", setup.scratch.display());
    }
}

fn say(text: &str) {
    // cron mails it; a closed stderr changes nothing.
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// Whether something of this kind was last said within the hour; if not, notes that it is now.
fn said_within_the_hour(own: &dyn Own, key: &str) -> Result<bool, StoreError> {
    let now = clock::now().wall;
    let last = own.meta(key)?.and_then(|t| t.parse().ok()).map(Timestamp::from_micros);
    if last.is_some_and(|at| at <= now && now.since(at) < Duration::from_secs(3_600)) {
        return Ok(true);
    }
    own.set_meta(key, Some(&now.micros().to_string()))?;
    Ok(false)
}

/// One line on stderr, at most hourly, that mail does not leave.
fn complain(world: &World, passed: &Passed) -> Result<(), Failure> {
    if said_within_the_hour(&passed.store.own(), COMPLAINED)? {
        return Ok(());
    }
    let drained = &passed.report.drained;
    let count = drained.later + drained.refused;
    let why = drained.problem.as_deref().unwrap_or("the reason is in the log");
    let command = &world.command;
    say(&format!(
        "checker: {count} message(s) could not be delivered and are kept: {why}\nLook with: {command} status\nTry with: \
         {command} test --mail-only\n"
    ));
    Ok(())
}

fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::NeverRan => "first run",
        Reason::Slot => "due",
        Reason::CatchUp => "caught up",
        Reason::Hidden => "was hidden by a fault of our own",
        Reason::WindowEnded => "a window has ended",
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

fn to_json(passed: &Passed) -> serde_json::Value {
    let report = &passed.report;
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
        "v": 1, "ran": ran, "skipped": skipped, "degraded": passed.degraded.as_ref().map(|d| &d.summary),
        "messages": {
            "accepted": d.accepted, "later": d.later, "refused": d.refused, "held": d.held, "withheld": d.withheld,
            "problem": d.problem,
        },
    })
}
