//! `checker try NAME`: runs one job now, shows what it sees and what that would lead to. Checker's own state stays as it was; what
//! the job leaves elsewhere is said before it runs.

use super::args::Try;
use super::exit::{Exit, Failure};
use super::world::World;
use super::{Cx, json_line};
use crate::decide::JobState;
use crate::decide::confirm::{Said, Sight};
use crate::decide::script::Activity;
use crate::decide::transition::{Input, Step, transition};
use crate::node::host_name;
use crate::pass::look_at_script;
use crate::registry::DynJob;
use crate::runner::{AtOnce, Finished, Options, Runner, Work};
use crate::store::{Ledger, Scripts};
use crate::{clock, confirm};
use checker_job::{Confirm, JobId, duration_words};
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(super) fn run(cx: &mut Cx<'_>, args: &Try) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let job = world.job(&args.name)?;
    if let Some(what) = job.leaves().filter(|_| !cx.options.json) {
        writeln!(cx.out, "{}: this run leaves {what}", job.policy().name)?;
        cx.out.flush()?;
    }
    let finished = looked(&world, &[Arc::clone(&job)])?
        .pop()
        .ok_or_else(|| Failure::Other(Exit::Io, "the job gave no answer".to_owned()))?;
    let (before, step) = foresee(&world, job.as_ref(), &finished)?;
    let peers = match world.who_confirms().filter(|asks| asks.can(job.id())) {
        Some(asks) => confirm::ask_now(asks.as_ref(), job.id())?,
        None => Vec::new(),
    };
    if cx.options.json {
        let window = world.window_json(job.id(), finished.started);
        let value = to_json(job.as_ref(), &finished, &step, &window, &peers);
        json_line(cx, &value)?;
    } else {
        let window = world.in_window(job.id(), finished.started);
        show(cx.out, job.as_ref(), &finished, &before, &step, window.as_deref())?;
        if job.policy().confirm == Confirm::Peers && peers.is_empty() {
            writeln!(cx.out, "peers are not asked what they see: there is none that can be; `checker check` says why")?;
        }
        for sight in peers {
            writeln!(cx.out, "asked what it sees: {sight}")?;
        }
        writeln!(cx.out, "Checker's own state is as before, and nobody was told")?;
    }
    Ok(Exit::Ok)
}

/// Runs jobs once, and judges those of scripts by their records as they are.
pub(super) fn looked(world: &World, jobs: &[Arc<dyn DynJob>]) -> Result<Vec<Finished>, Failure> {
    let mut all = once(jobs, |_| {})?;
    let store = if jobs.iter().any(|job| job.expected().is_some()) { world.look(&world.home(false))? } else { None };
    for finished in &mut all {
        let Some((job, expected)) = jobs.get(finished.index).and_then(|job| Some((job, job.expected()?))) else {
            continue;
        };
        let now = clock::now().wall;
        let (known, before) = match &store {
            Some(store) => {
                let shared = store.shared();
                let known = shared.activity(&[expected.wanted(&host_name(), now)])?.pop().unwrap_or_default();
                (known, shared.states(std::slice::from_ref(job.id()))?.remove(job.id()).unwrap_or_default())
            }
            None => (Activity::default(), JobState::default()),
        };
        let look = look_at_script(expected, &before, &world.settings.general.timezone, now);
        finished.outcome = expected.judge(&known, &look);
    }
    Ok(all)
}

/// Runs jobs once, beside the passes: no slot is served, no state is touched.
pub(super) fn once(jobs: &[Arc<dyn DynJob>], mut each: impl FnMut(&Finished)) -> Result<Vec<Finished>, Failure> {
    let work = jobs.iter().map(|job| Work { job: Arc::clone(job), run: Uuid::now_v7() }).collect();
    let scratch = std::env::temp_dir().join(format!("checker-{}", Uuid::now_v7().simple()));
    let options =
        Options { now: clock::now().wall, at_once: AtOnce::default(), scratch: scratch.as_path().into(), begins: None };
    let mut runner =
        Runner::start(work, options).map_err(|e| Failure::Other(Exit::Io, format!("no thread for the job: {e}")))?;
    let mut all = Vec::new();
    while runner.open() > 0 {
        if let Some(finished) = runner.next(Duration::from_secs(1)) {
            each(&finished);
            all.push(finished);
        }
    }
    if scratch.exists()
        && let Err(why) = std::fs::remove_dir_all(&scratch)
    {
        tracing::warn!("the scratch folder {} stays: {why}", scratch.display());
    }
    all.sort_by_key(|f| f.index);
    Ok(all)
}

/// The decision that this outcome would lead to in a pass.
fn foresee(world: &World, job: &dyn DynJob, finished: &Finished) -> Result<(JobState, Step), Failure> {
    let id = job.id();
    let policy = job.policy();
    let named = |n: &String| world.settings.jobs.iter().find(|j| j.policy().name == *n || j.id().as_str() == n);
    let parents = policy.depends_on.iter().filter_map(named).map(|j| j.id().clone());
    let wanted: Vec<JobId> = parents.chain([id.clone()]).collect();
    let mut states = match world.look(&world.home(false))? {
        Some(store) => store.shared().states(&wanted)?,
        None => HashMap::new(),
    };
    let before = states.remove(id).unwrap_or_default();
    let held = states.values().any(JobState::is_bad) || world.settings.windows.open(id, finished.started).is_some();
    let now = clock::now().wall;
    let step = transition(
        before.clone(),
        &Input {
            now,
            slot: now,
            run: Uuid::now_v7(),
            started: finished.started,
            took: finished.took,
            outcome: &finished.outcome,
            policy,
            recipients: &world.recipients(policy),
            held,
        },
    );
    Ok((before, step))
}

fn show(
    out: &mut dyn Write,
    job: &dyn DynJob,
    finished: &Finished,
    before: &JobState,
    step: &Step,
    window: Option<&str>,
) -> std::io::Result<()> {
    let outcome = &finished.outcome;
    writeln!(out, "{}: {}", job.policy().name, outcome.verdict.word())?;
    writeln!(out, "  {}", outcome.summary)?;
    for line in outcome.detail.lines() {
        writeln!(out, "  | {line}")?;
    }
    for m in &outcome.metrics {
        writeln!(out, "  {} = {}{}", m.label, m.value, m.unit)?;
    }
    for line in &finished.log {
        writeln!(out, "  log: {line}")?;
    }
    writeln!(out, "  took {}", duration_words(finished.took))?;
    let was = if before.is_failing() { "failing" } else { "not failing" };
    let count = step.state.failure.as_ref().map_or(0, |e| e.count);
    let threshold = job.policy().failure_threshold;
    writeln!(out, "in a pass: it was {was}; failures in a row now {count} of {threshold}")?;
    if let Some(window) = window {
        writeln!(out, "in a pass: {window}")?;
    }
    match step.drafts.first() {
        Some(draft) => writeln!(out, "in a pass: would tell ({})", draft.kind.word())?,
        None => writeln!(out, "in a pass: would tell nobody")?,
    }
    Ok(())
}

fn seen_json(sight: &Sight) -> serde_json::Value {
    let (said, verdict, summary) = match &sight.said {
        Said::Saw(verdict, summary) => ("tried", Some(verdict.word()), summary.as_str()),
        Said::Declined => ("declined", None, ""),
        Said::Cannot(why) => ("cannot", None, why.as_str()),
        Said::Silent(why) => ("silent", None, why.as_str()),
    };
    json!({"peer": sight.peer, "said": said, "verdict": verdict, "summary": summary})
}

fn to_json(
    job: &dyn DynJob,
    finished: &Finished,
    step: &Step,
    window: &serde_json::Value,
    peers: &[Sight],
) -> serde_json::Value {
    json!({
        "v": 1, "id": job.id(), "name": job.policy().name, "outcome": finished.outcome,
        "seconds": finished.took.as_secs_f64(), "log": finished.log,
        "would_tell": step.drafts.iter().map(|d| d.kind.word()).collect::<Vec<_>>(),
        "failing": step.state.is_failing(), "window": window, "leaves": job.leaves(),
        "peers": peers.iter().map(seen_json).collect::<Vec<_>>(),
    })
}
