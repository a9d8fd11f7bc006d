//! `checker script monitor` and `checker script nagios`.

use super::super::args;
use super::super::exit::{Exit, Failure};
use super::super::world::World;
use super::super::{Cx, json_line};
use super::{brief_for_person, store, time};
use crate::channel::mail::message_id;
use crate::clock;
use crate::decide::script::Activity;
use crate::decide::script::monitor::{Degree, Expected, Finding, Limits, Pair, perfdata, summary};
use crate::decide::script::utc_text;
use crate::decide::{Delivery, DeliveryState};
use crate::outbox::again;
use crate::store::{Ledger, Planned, Scripts};
use checker_job::Timestamp;
use serde_json::json;
use std::io::{self, Write};
use std::time::Duration;
use uuid::Uuid;

/// As the original ends: something is missing (and Nagios reads "critical").
const MISSING: u8 = 2;
/// Only a warning, for Nagios.
const WARNING: u8 = 1;
/// Nagios reads "unknown".
const UNKNOWN: u8 = 3;
/// As the original ends if it could not find out, or not tell.
const TROUBLE: u8 = 1;
/// The window is at most as long as runs are kept.
const WINDOW_MAX: u64 = 8 * 24 * 60;

/// What was asked and what came of it.
struct Monitored {
    now: Timestamp,
    pairs: Vec<Pair>,
    known: Vec<Activity>,
    findings: Vec<Finding>,
}

/// Why nothing was found out.
enum Trouble {
    Usage(String),
    Other(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Other(Exit::Usage, sentence) => Self::Usage(sentence),
            other => Self::Other(other),
        }
    }
}

pub(super) fn mail(cx: &mut Cx<'_>, args: &args::Monitor) -> Result<Exit, Failure> {
    let monitored = match monitored(cx, args, "Must specify at time in minutes and at least one host and script") {
        Ok(monitored) => monitored,
        Err(Trouble::Usage(why)) => {
            let usage = "usage: checker script monitor [OPTIONS] MINUTES HOST:SCRIPT [HOST:SCRIPT ...]";
            drop(writeln!(io::stderr().lock(), "{usage}\n\nchecker script monitor: error: {why}"));
            return Err(Failure::Ended(Exit::Usage as u8));
        }
        Err(Trouble::Other(why)) => return unhandled(&why),
    };
    if cx.options.json {
        json_line(cx, &to_json(&monitored))?;
    }
    say(args, &monitored);
    let worst = monitored.findings.iter().map(|f| f.degree).max();
    if worst.is_none() {
        return Ok(Exit::Ok);
    }
    if let Err(why) = tell(cx, &monitored) {
        return unhandled(&why);
    }
    Err(Failure::Ended(if worst == Some(Degree::Warning) { WARNING } else { MISSING }))
}

/// The original's end for all that it did not foresee.
fn unhandled(why: &Failure) -> Result<Exit, Failure> {
    // Whoever reads nothing knows by the exit code.
    drop(write!(io::stderr().lock(), "{why}"));
    Err(Failure::Ended(TROUBLE))
}

pub(super) fn nagios(cx: &mut Cx<'_>, args: &args::Monitor) -> Result<Exit, Failure> {
    let monitored = match monitored(cx, args, "Must specify time in minutes and at least one host and script") {
        Ok(monitored) => monitored,
        Err(Trouble::Usage(why)) => return unknown(cx, &why),
        Err(Trouble::Other(why)) => {
            let why = why.to_string();
            let lines = why.trim_start_matches("checker: ").lines().map(str::trim).filter(|line| !line.is_empty());
            return unknown(cx, &lines.collect::<Vec<_>>().join(" "));
        }
    };
    let mut line = summary(&monitored.findings).replace('|', "/");
    if args.perfdata {
        let data =
            monitored.pairs.iter().zip(&monitored.known).map(|(pair, known)| perfdata(pair, known, monitored.now));
        line = format!("{line} | {}", data.collect::<Vec<_>>().join(" "));
    }
    writeln!(cx.out, "{line}")?;
    match monitored.findings.iter().map(|f| f.degree).max() {
        None => Ok(Exit::Ok),
        Some(Degree::Warning) => Err(Failure::Ended(WARNING)),
        Some(_) => Err(Failure::Ended(MISSING)),
    }
}

fn unknown(cx: &mut Cx<'_>, why: &str) -> Result<Exit, Failure> {
    writeln!(cx.out, "{}", why.replace('|', "/"))?;
    Err(Failure::Ended(UNKNOWN))
}

fn monitored(cx: &Cx<'_>, args: &args::Monitor, usage: &str) -> Result<Monitored, Trouble> {
    let wrong = || Trouble::Usage(usage.to_owned());
    let (minutes, pairs) = args.words.split_first().filter(|(_, pairs)| !pairs.is_empty()).ok_or_else(wrong)?;
    let minutes: u64 = minutes.parse().map_err(|_| wrong())?;
    if minutes > WINDOW_MAX {
        return Err(Trouble::Usage(format!("runs are kept for 8 days: MINUTES is at most {WINDOW_MAX}")));
    }
    let pairs: Result<Vec<Pair>, String> = pairs.iter().map(|text| Pair::parse(text, args.any_host)).collect();
    let pairs = pairs.map_err(Trouble::Usage)?;
    let now = clock::now().wall;
    let expected = expected(args, now, minutes)?;
    let brief = brief_for_person(cx)?;
    let known = match store(&brief).map_err(Failure::Store)? {
        Some(store) => {
            let wanted: Vec<_> = pairs.iter().map(|pair| expected.wanted(pair)).collect();
            store.shared().activity(&wanted).map_err(Failure::Store)?
        }
        None => vec![Activity::default(); pairs.len()],
    };
    let findings = pairs.iter().zip(&known).filter_map(|(pair, known)| expected.judge(pair, known)).collect();
    Ok(Monitored { now, pairs, known, findings })
}

fn expected(args: &args::Monitor, now: Timestamp, minutes: u64) -> Result<Expected, Failure> {
    let some = |text: &Option<String>| text.as_deref().map(time).transpose();
    let minute = |minutes: u64| Duration::from_secs(minutes.saturating_mul(60));
    Ok(Expected {
        now,
        window: minute(minutes),
        warning: Limits {
            within: args.warning.map(minute),
            min_runs: args.warning_min_runs,
            max_average: some(&args.warning_max_average)?,
            max_runtime: some(&args.warning_max_runtime)?,
        },
        critical: Limits {
            within: None,
            min_runs: args.min_runs,
            max_average: some(&args.max_average)?,
            max_runtime: some(&args.max_runtime)?,
        },
    })
}

/// A line for each failure, as the original's log had it.
fn say(args: &args::Monitor, monitored: &Monitored) {
    if args.quiet {
        return;
    }
    let now = utc_text(monitored.now);
    for finding in &monitored.findings {
        let level = if finding.degree == Degree::Warning { "WARNING" } else { "FATAL" };
        // A closed stderr changes nothing.
        drop(writeln!(io::stderr().lock(), "{now} {level:7} {}", finding.line));
    }
}

/// One mail to the admin, by the way that alerts take. What cannot leave now stays in the outbox.
fn tell(cx: &Cx<'_>, monitored: &Monitored) -> Result<(), Failure> {
    let world = World::load(cx, true)?;
    let home = world.home(false);
    let store = world.open(&home)?;
    let own = store.own();
    let id = Uuid::now_v7();
    home.hold(id)?;
    let mut body = monitored.findings.iter().map(|f| f.line.as_str()).collect::<Vec<_>>().join("\n");
    body.push('\n');
    let from = world.settings.email.from.clone().unwrap_or_default();
    let delivery = |recipient| {
        let id = Uuid::now_v7();
        Delivery {
            id,
            recipient,
            alerts: Vec::new(),
            subject: summary(&monitored.findings),
            body: body.clone(),
            message_id: message_id(id, &from),
            in_reply_to: None,
            urgent: true,
            digest: false,
            created_at: monitored.now,
            attempts: 0,
            next_try: monitored.now,
            last_error: None,
            state: DeliveryState::Unsent,
        }
    };
    let deliveries: Vec<Delivery> = world.contacts().into_iter().map(delivery).collect();
    again(|| own.plan(&Planned { deliveries: deliveries.clone(), ..Planned::default() }))?;
    let drained = world.desk(&home, id)?.drain(Duration::from_secs(30))?;
    if drained.later + drained.refused > 0 {
        let why = drained.problem.unwrap_or_else(|| "the reason is in the log".to_owned());
        return Err(Failure::Other(Exit::Later, format!("the mail could not be delivered and is kept: {why}")));
    }
    Ok(())
}

fn to_json(monitored: &Monitored) -> serde_json::Value {
    let findings: Vec<_> = monitored
        .findings
        .iter()
        .map(|f| {
            let degree = if f.degree == Degree::Warning { "warning" } else { "critical" };
            json!({"script": f.label, "degree": degree, "missing": f.degree == Degree::Missing, "text": f.line})
        })
        .collect();
    json!({"v": 1, "summary": summary(&monitored.findings), "findings": findings})
}
