//! `checker ack` and `checker silence`: what a person says of a job.

mod code;

use super::args;
use super::exit::{Exit, Failure};
use super::world::{World, user_name};
use super::{Cx, json_line, local_time, rfc3339};
use crate::clock;
use crate::decide::{Ack, JobState, Silence, canary};
use crate::outbox::again;
use crate::settings::Via;
use crate::store::{Applied, Change, Ledger};
use checker_job::{JobId, duration_words, parse_duration};
use serde_json::json;
use std::io::Write;
use std::time::Duration;

/// A silence that nobody ends would be a job that nobody watches.
const SILENCE_MAX: Duration = Duration::from_secs(366 * 86_400);

pub(super) fn ack(cx: &mut Cx<'_>, args: &args::Ack) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    // Telephones begin a line with a capital.
    let code = args.name.trim().to_ascii_lowercase();
    if matches!(world.settings.canary.as_ref().map(|c| &c.via), Some(Via::Human)) && canary::is_code(&code) {
        return code::typed(cx, &world, &code);
    }
    let job = world.job(&args.name)?;
    let name = job.policy().name.clone();
    let ack = Ack { at: clock::now().wall, by: user_name(), note: args.note.clone() };
    let mut refused = None;
    amend(&world, job.id(), |state| {
        if args.undo {
            refused = state.ack.is_none().then(|| format!("{name} is not acknowledged"));
            state.ack = None;
        } else if state.failure.is_none() && state.blind.is_none() {
            refused = Some(format!("{name} is not failing: there is nothing to acknowledge"));
        } else {
            refused = None;
            // Copying the line from the message must not wipe what a colleague has written.
            let note = ack.note.clone().or_else(|| state.ack.as_ref()?.note.clone());
            state.ack = Some(Box::new(Ack { note, ..ack.clone() }));
        }
        refused.is_none()
    })?;
    if let Some(why) = refused {
        return Err(Failure::usage(why));
    }
    if cx.options.json {
        json_line(cx, &json!({"v": 1, "id": job.id(), "name": name, "acknowledged": !args.undo}))?;
    } else if args.undo {
        writeln!(cx.out, "{name}: reminders go on")?;
    } else {
        writeln!(cx.out, "{name}: no reminders until it recovers; the recovery is told")?;
    }
    Ok(Exit::Ok)
}

pub(super) fn silence(cx: &mut Cx<'_>, args: &args::Silence) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let job = world.job(&args.name)?;
    let name = &job.policy().name;
    let now = clock::now().wall;
    let silence = match &args.time {
        _ if args.undo => None,
        None => return Err(Failure::usage("say for how long, as in: checker silence NAME 2h")),
        Some(text) => {
            let time = parse_duration(text).map_err(Failure::usage)?;
            if time.is_zero() || time > SILENCE_MAX {
                return Err(Failure::usage("a silence lasts from 1 s to 366 d"));
            }
            Some(Box::new(Silence { until: now.plus(time), by: user_name(), note: args.note.clone() }))
        }
    };
    amend(&world, job.id(), |state| {
        state.silence.clone_from(&silence);
        true
    })?;
    match silence {
        until if cx.options.json => {
            let until = until.map(|s| rfc3339(s.until));
            json_line(cx, &json!({"v": 1, "id": job.id(), "name": name, "silenced_until": until}))?;
        }
        Some(s) => {
            let (until, time) = (local_time(&world, s.until), duration_words(s.until.since(now)));
            writeln!(cx.out, "{name}: nothing new is told for {time}, until {until}; it is checked all the same")?;
        }
        None => writeln!(cx.out, "{name}: told as ever")?,
    }
    Ok(Exit::Ok)
}

/// Changes a state that passes may change at the same time: reads, edits, and begins anew if it has moved on.
fn amend(world: &World, job: &JobId, mut edit: impl FnMut(&mut JobState) -> bool) -> Result<(), Failure> {
    let home = world.home(false);
    let store = world.open(&home)?;
    if let Some(trouble) = home.degraded() {
        // Where it is noted: until the store is back, passes look there, too.
        tracing::warn!("{}", trouble.summary);
        drop(writeln!(std::io::stderr().lock(), "checker: {}", trouble.summary));
    }
    let shared = store.shared();
    for _ in 0..20 {
        let before = shared.states(std::slice::from_ref(job))?.remove(job).unwrap_or_default();
        let mut state = before.clone();
        if !edit(&mut state) {
            return Ok(());
        }
        state.seq = before.seq + 1;
        let change = Change {
            job: job.clone(),
            expected_seq: before.seq,
            state: Some(state),
            run: None,
            alerts: Vec::new(),
            hour: None,
        };
        let applied = again(|| shared.commit(std::slice::from_ref(&change)))?;
        if applied.first() != Some(&Applied::Stale) {
            return Ok(());
        }
    }
    Err(Failure::Other(Exit::Later, "passes keep changing this job; try again in a moment".to_owned()))
}
