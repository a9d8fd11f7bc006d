//! `checker script last`, `list` and `history`.

use super::super::args;
use super::super::exit::{Exit, Failure};
use super::super::{Cx, json_line, rfc3339};
use super::{brief_for_person, store, to_json};
use crate::clock;
use crate::decide::RunStatus;
use crate::decide::script::{Activity, ScriptName, Wanted, utc_text};
use crate::script::ScriptActivity;
use crate::store::{RunRecord, Scripts};
use checker_job::{Timestamp, duration_words};
use serde_json::{Value, json};

/// What the original's session prints where there is no activity.
const NONE: &str = "None";
/// And how `last` ends then.
const NO_ACTIVITY: u8 = 1;

pub(super) fn last(cx: &mut Cx<'_>, args: &args::Last) -> Result<Exit, Failure> {
    let brief = brief_for_person(cx)?;
    let wanted = Wanted::success(&args.name, args.host.as_deref(), Timestamp::from_micros(i64::MAX));
    let known = match store(&brief)? {
        Some(store) => store.shared().activity(&[wanted])?.pop().unwrap_or_default(),
        None => Activity::default(),
    };
    let newest = known.started.or(known.success);
    let Some(activity) = newest.as_ref().and_then(ScriptActivity::of) else {
        if cx.options.json {
            json_line(cx, &Value::Null)?;
        } else {
            writeln!(cx.out, "{NONE}")?;
        }
        return Err(Failure::Ended(NO_ACTIVITY));
    };
    if cx.options.json {
        json_line(cx, &to_json(&activity))?;
        return Ok(Exit::Ok);
    }
    let ScriptActivity { name, hostname, date_started, date_completed } = &activity;
    let took = duration_words(date_completed.since(*date_started));
    writeln!(cx.out, "name:           {name}")?;
    writeln!(cx.out, "hostname:       {hostname}")?;
    writeln!(cx.out, "date_started:   {}+00:00", utc_text(*date_started))?;
    writeln!(cx.out, "date_completed: {}+00:00 (after {took})", utc_text(*date_completed))?;
    Ok(Exit::Ok)
}

pub(super) fn list(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let brief = brief_for_person(cx)?;
    let (names, known) = match store(&brief)? {
        Some(store) => {
            let shared = store.shared();
            let names = shared.scripts()?;
            let until = Timestamp::from_micros(i64::MAX);
            let wanted: Vec<Wanted> =
                names.iter().map(|n| Wanted { newest: 1, ..Wanted::success(&n.name, Some(&n.host), until) }).collect();
            let known = shared.activity(&wanted)?;
            (names, known)
        }
        None => (Vec::new(), Vec::new()),
    };
    let all = names.iter().zip(&known);
    if cx.options.json {
        let scripts: Vec<Value> = all.map(|(name, known)| listed_json(name, known)).collect();
        json_line(cx, &json!({"v": 1, "scripts": scripts}))?;
        return Ok(Exit::Ok);
    }
    if names.is_empty() {
        writeln!(cx.out, "no script is known yet: begin with `checker run NAME -- COMMAND`")?;
        return Ok(Exit::Ok);
    }
    let width = |len: fn(&ScriptName) -> usize, least: usize| names.iter().map(len).max().unwrap_or(0).max(least);
    let (name, host) = (width(|n| n.name.chars().count(), 6), width(|n| n.host.chars().count(), 4));
    writeln!(cx.out, "{:name$}  {:host$}  {:19}  newest run (times in UTC)", "script", "host", "last success")?;
    for (script, known) in all {
        let success = known.success.as_ref().and_then(|r| r.ended).map_or_else(|| NONE.to_owned(), utc_text);
        writeln!(cx.out, "{:name$}  {:host$}  {success:19}  {}", script.name, script.host, newest(known))?;
    }
    Ok(Exit::Ok)
}

fn newest(known: &Activity) -> String {
    if let Some(run) = known.active.last() {
        let since = run.started.unwrap_or_default();
        return format!("runs for {}", duration_words(clock::now().wall.since(since)));
    }
    known.newest.first().and_then(|run| run.outcome.as_ref()).map(|o| o.summary.clone()).unwrap_or_default()
}

fn listed_json(name: &ScriptName, known: &Activity) -> Value {
    json!({
        "name": name.name, "hostname": name.host,
        "last_success": known.success.as_ref().map(run_json),
        "newest": known.newest.first().map(run_json),
        "active": known.active.iter().map(run_json).collect::<Vec<_>>(),
    })
}

fn run_json(run: &RunRecord) -> Value {
    json!({
        "id": run.id, "hostname": run.host, "source": run.source, "status": run.status,
        "date_started": run.started.map(rfc3339), "date_completed": run.ended.map(rfc3339),
        "seconds": run.took().map(|t| t.as_secs_f64()), "outcome": run.outcome, "asked_by": run.asked_by,
    })
}

pub(super) fn history(cx: &mut Cx<'_>, args: &args::History) -> Result<Exit, Failure> {
    let brief = brief_for_person(cx)?;
    let runs = match store(&brief)? {
        Some(store) => store.shared().script_runs(&args.name, args.host.as_deref(), args.limit)?,
        None => Vec::new(),
    };
    if cx.options.json {
        let runs: Vec<Value> = runs.iter().map(run_json).collect();
        json_line(cx, &json!({"v": 1, "name": args.name, "runs": runs}))?;
        return Ok(Exit::Ok);
    }
    if runs.is_empty() {
        writeln!(cx.out, "no run of \"{}\" is known (see: checker script list)", args.name)?;
    }
    for run in &runs {
        let started = run.started.map_or_else(String::new, utc_text);
        let (word, summary) = match &run.outcome {
            Some(outcome) => (outcome.verdict.word(), outcome.summary.clone()),
            None if run.status == RunStatus::Active => {
                ("runs", format!("for {}", duration_words(clock::now().wall.since(run.started.unwrap_or_default()))))
            }
            None => ("waits", String::new()),
        };
        writeln!(cx.out, "{started} UTC  {}  {word:8} {summary}", run.host)?;
        let detail = run.outcome.as_ref().map(|o| o.detail.as_str()).filter(|_| args.output).unwrap_or_default();
        for line in detail.lines() {
            writeln!(cx.out, "    {line}")?;
        }
    }
    Ok(Exit::Ok)
}
