//! `checker import first-state`: what the first program remembers becomes the state of the jobs of these settings.

use super::super::args::ImportState;
use super::super::exit::{Exit, Failure};
use super::super::world::World;
use super::super::{Cx, counted, json_line};
use super::{judged, read, tell_left};
use crate::clock;
use crate::import::state::{self, Remembered};
use crate::import::table::Table;
use crate::import::takeover::{Taken, Target, take_over};
use crate::import::{Converted, Left};
use crate::outbox::{again, undisturbed};
use crate::registry::DynJob;
use crate::settings::{self, Env};
use crate::store::{Applied, Ledger, Planned, Result as StoreResult, Sqlite};
use checker_job::JobId;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// As long as another process may send.
const WAIT: Duration = Duration::from_secs(60);
/// What became of the lines.
#[derive(Default)]
struct Done {
    /// Names of jobs that are failing, and whether somebody was told.
    failing: Vec<(String, bool)>,
    well: usize,
    already: usize,
    left: Vec<Left>,
}

pub(super) fn run(cx: &mut Cx<'_>, args: &ImportState) -> Result<Exit, Failure> {
    let (lines, mut left) = state::read(&read(&args.state)?);
    let (jobs, others) = state::jobs(lines);
    left.extend(others);
    let world = World::load(cx, true)?;
    let ids = ids(cx, &jobs);
    let by_id: BTreeMap<&JobId, &Arc<dyn DynJob>> = world.settings.jobs.iter().map(|job| (job.id(), job)).collect();
    let mut found: Vec<(Remembered, Arc<dyn DynJob>)> = Vec::new();
    for (remembered, table) in jobs {
        match ids.get(&remembered.line).map(|id| (id, by_id.get(id))) {
            Some((_, Some(job))) => found.push((remembered, Arc::clone(job))),
            Some((id, None)) => left.push(Left::new(
                remembered.line,
                format!("{}: there is no job {id} in {}", remembered.name, world.path.display()),
                format!("If it is there under another id, write id = \"{id}\" into its table and do this again"),
            )),
            None => left.push(Left::new(
                remembered.line,
                format!("{}: no [[job.{}]] can be made of it", remembered.name, table.kind),
                "Look at its target; if that job fails now, it is told as new",
            )),
        }
    }
    let mut done = take(&world, &found)?;
    done.left.extend(left);
    done.left.sort_by_key(|l| l.line);
    tell_left(&args.state, &done.left);
    show(cx, &done)?;
    Ok(Exit::Ok)
}

/// The id that each line's job has by its target, by line.
fn ids(cx: &Cx<'_>, jobs: &[(Remembered, Table)]) -> BTreeMap<usize, JobId> {
    let named = jobs.iter().map(|(line, table)| table.clone().with("name", line.line.to_string()));
    let mut made = Converted { tables: named.collect(), ..Converted::default() };
    let here = Path::new("/");
    if !judged::judge(cx, &mut made, judged::AROUND, here) {
        return BTreeMap::new();
    }
    let text = format!("{}{}", judged::AROUND, made.to_toml());
    let loaded = settings::load_text(&here.join("settings.cfg"), &text, cx.registry, &Env::bare(here));
    let jobs = loaded.map(|(settings, _)| settings.jobs).unwrap_or_default();
    jobs.iter().filter_map(|job| Some((job.policy().name.parse().ok()?, job.id().clone()))).collect()
}

fn take(world: &World, found: &[(Remembered, Arc<dyn DynJob>)]) -> Result<Done, Failure> {
    let home = world.home(false);
    let store = world.open(&home)?;
    if let Some(trouble) = home.degraded() {
        return Err(Failure::Other(
            Exit::Io,
            format!("nothing is taken over while the state is not in its place: {}", trouble.summary),
        ));
    }
    let holder = Uuid::now_v7();
    home.hold(holder)?;
    let from = world.mail()?.from;
    let done = undisturbed(&store.own(), holder, &|other| home.is_gone(other), WAIT, || {
        store_all(world, &store, found, &from)
    })?;
    done.ok_or_else(|| {
        Failure::Other(Exit::Later, "another process has been sending all the time; try again in a minute".to_owned())
    })
}

/// While nobody sends: states and alerts first, then that they were told. Cut short, it is made whole by doing it again.
fn store_all(world: &World, store: &Sqlite, found: &[(Remembered, Arc<dyn DynJob>)], from: &str) -> StoreResult<Done> {
    let shared = store.shared();
    let ids: Vec<JobId> = found.iter().map(|(_, job)| job.id().clone()).collect();
    let states = shared.states(&ids)?;
    let now = clock::now().wall;
    let (mut done, mut changes, mut names, mut told) = (Done::default(), Vec::new(), Vec::new(), Vec::new());
    for (line, job) in found {
        let recipients = world.recipients(job.policy());
        let target = Target { id: job.id(), policy: job.policy(), recipients: &recipients, from };
        let before = states.get(job.id()).cloned().unwrap_or_default();
        match take_over(line, &target, &before, now) {
            Taken::Well(stale) => {
                done.well += 1;
                changes.extend(stale.map(|change| *change));
            }
            Taken::HasRun => done.left.push(Left::new(
                line.line,
                format!("{}: it has run here already", job.policy().name),
                "What Checker knows of it is newer, and stays",
            )),
            Taken::Already(deliveries) => {
                done.already += 1;
                told.extend(deliveries);
            }
            Taken::Failing(change, deliveries) => {
                names.push((change.job.clone(), line, job.policy().name.clone()));
                changes.push(*change);
                told.extend(deliveries);
            }
        }
    }
    let applied = again(|| shared.commit(&changes))?;
    for (change, applied) in changes.iter().zip(applied) {
        let Some((_, line, name)) = names.iter().find(|(id, ..)| *id == change.job) else { continue };
        if applied == Applied::Stale {
            told.retain(|d| d.alerts.iter().all(|a| a.job != change.job));
            let what = format!("{name}: a pass was at it just now");
            done.left.push(Left::new(line.line, what, "What Checker knows of it is newer, and stays"));
        } else {
            done.failing.push((name.clone(), line.told.is_some()));
        }
    }
    again(|| shared.plan(&Planned { deliveries: told.clone(), ..Planned::default() }))?;
    for delivery in &told {
        let accepted = crate::decide::SendResult::Accepted { answer: "sent by the first program".to_owned() };
        again(|| shared.mark(delivery.id, &accepted, delivery.created_at, delivery.created_at))?;
    }
    Ok(done)
}

fn show(cx: &mut Cx<'_>, done: &Done) -> Result<(), Failure> {
    if cx.options.json {
        let failing: Vec<_> = done.failing.iter().map(|(name, told)| json!({"name": name, "told": told})).collect();
        let left: Vec<_> =
            done.left.iter().map(|l| json!({"line": l.line, "what": l.what, "remedy": l.remedy})).collect();
        json_line(cx, &json!({"v": 1, "failing": failing, "well": done.well, "already": done.already, "left": left}))?;
        return Ok(());
    }
    for (name, told) in &done.failing {
        let how = if *told { "failing, and told: its recovery will be told" } else { "failing, and not told yet" };
        writeln!(cx.out, "{name}: {how}")?;
    }
    let failing = counted(done.failing.len(), "failing job");
    writeln!(cx.out, "{failing} taken over, {} well, {} taken over before", done.well, done.already)?;
    if !done.left.is_empty() {
        writeln!(cx.out, "{} not taken over; stderr has the list", counted(done.left.len(), "line"))?;
    }
    Ok(())
}
