//! `checker jobs`: the jobs of the settings.

use super::exit::{Exit, Failure};
use super::world::World;
use super::{Cx, counted, json_line};
use crate::clock;
use crate::registry::DynJob;
use checker_job::{Confirm, Policy, Remind, duration_words};
use serde_json::json;

pub(super) fn run(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let jobs = &world.settings.jobs;
    let now = clock::now().wall;
    let windows =
        |job: &dyn DynJob| -> Vec<&str> { world.settings.windows.of(job.id()).map(|w| w.name.as_str()).collect() };
    if cx.options.json {
        let list = jobs.iter().map(|j| to_json(j.id().as_str(), j.kind(), j.policy(), &windows(j.as_ref())));
        let list: Vec<_> = list.collect();
        json_line(cx, &json!({"v": 1, "jobs": list}))?;
        return Ok(Exit::Ok);
    }
    for job in jobs {
        let p = job.policy();
        let host = p.host.as_ref().map(|h| format!(", host {h}")).unwrap_or_default();
        writeln!(cx.out, "{}", p.name)?;
        match job.expected() {
            Some(expected) => writeln!(cx.out, "    id {}, {}", job.id(), expected.words())?,
            None => writeln!(cx.out, "    id {}, every {}{host}", job.id(), p.every)?,
        }
        writeln!(cx.out, "    {}", tells(p))?;
        let names = windows(job.as_ref());
        if !names.is_empty() {
            writeln!(cx.out, "    windows {}", names.join(", "))?;
        }
        if let Some(words) = world.in_window(job.id(), now) {
            writeln!(cx.out, "    {words}")?;
        }
    }
    for job in &world.settings.disabled {
        writeln!(cx.out, "{}\n    id {}, switched off (enabled = false)", job.policy().name, job.id())?;
    }
    let off = world.settings.disabled.len();
    let off = if off > 0 { format!(", {off} switched off") } else { String::new() };
    writeln!(cx.out, "{}{off}", counted(jobs.len(), "job"))?;
    Ok(Exit::Ok)
}

fn tells(p: &Policy) -> String {
    let again = match (p.notify, p.remind) {
        (checker_job::Notify::StateChange, Remind::Never) => "no reminders".to_owned(),
        (checker_job::Notify::StateChange, Remind::Every(d)) => format!("a reminder every {}", duration_words(d)),
        (notify, _) => format!("again: {}", notify.word()),
    };
    let after = match p.failure_threshold {
        1 => "at the first failure".to_owned(),
        n => format!("after {n} failures in a row"),
    };
    let peers = if p.confirm == Confirm::Peers { ", peers are asked first" } else { "" };
    format!("timeout {}, told {after}{peers}, {again}", duration_words(p.timeout))
}

fn to_json(id: &str, kind: &str, p: &Policy, windows: &[&str]) -> serde_json::Value {
    json!({
        "id": id, "kind": kind, "name": p.name, "host": p.host, "every": p.every.to_string(), "notify": p.notify.word(),
        "failure_threshold": p.failure_threshold, "recovery_threshold": p.recovery_threshold,
        "timeout_s": p.timeout.as_secs_f64(), "confirm": p.confirm.word(), "contacts": p.contacts, "depends_on": p.depends_on,
        "windows": windows,
    })
}
