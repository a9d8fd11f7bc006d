//! `checker bound --history`: what was told of late, and how fast.

use super::super::exit::{Exit, Failure};
use super::super::windows::LOOK_AHEAD;
use super::super::world::World;
use super::super::{Cx, json_line, local_time, rfc3339};
use super::brief;
use crate::clock;
use crate::decide::bound::Site;
use crate::decide::history::{Latency, Past, past};
use crate::node;
use crate::outbox;
use crate::store::Ledger;
use checker_job::{JobId, Policy, Timestamp, duration_words};
use serde_json::json;
use std::time::Duration;

/// So many of the newest alerts are looked at, of jobs and of this node.
const ALERTS: usize = 500;
/// They are in these.
const DELIVERIES: usize = 5_000;
/// So many are shown to people.
const SHOWN: usize = 40;

pub(super) fn run(cx: &mut Cx<'_>, world: &World, mut site: Site) -> Result<Exit, Failure> {
    let home = world.home(false);
    let store = world.open(&home)?;
    let (own, shared) = (store.own(), store.shared());
    let latency = Latency::of(&outbox::proof(&own)?.took);
    if let Some(measured) = latency {
        site.latency = measured.longest;
    }
    // Those that are over by now held alerts, too.
    site.windowed = world.windowed(&site, clock::now().wall.minus(LOOK_AHEAD));
    let policies: Vec<_> = world.settings.jobs.iter().map(|j| (j.id().clone(), j.policy().clone())).collect();
    let held = |job: &JobId, p: &Policy| {
        let names: Vec<&str> = world.settings.windows.of(job).map(|w| w.name.as_str()).collect();
        let rhythm = (p.every, p.failure_threshold, p.until_judged());
        let of = site.windowed.iter().find(|w| w.job == rhythm && w.windows == names);
        of.map(|w| site.window_adds(w.held, p.until_judged())).unwrap_or_default()
    };
    let limit = |job: &JobId| match policies.iter().find(|(id, _)| id == job) {
        Some((_, p)) => Some(site.job_rest(p.every, p.failure_threshold, p.until_judged()) + held(job, p)),
        None => node::fault_of(job).and_then(|fault| site.longest(fault)),
    };
    let mut all = past(&shared.alerts(None, ALERTS)?, &shared.deliveries(DELIVERIES)?, limit);
    let ours = own.alerts(None, ALERTS)?;
    // One message may tell of both kinds.
    let mut carriers = own.deliveries(DELIVERIES)?;
    carriers.extend(shared.deliveries(DELIVERIES)?);
    all.extend(past(&ours, &carriers, limit));
    all.sort_by_key(|p| std::cmp::Reverse(p.decided));
    let now = clock::now().wall;
    if cx.options.json {
        return as_json(cx, &all, latency, site.latency, now);
    }
    as_text(cx, world, &all, latency, site.latency)
}

fn as_json(
    cx: &mut Cx<'_>,
    all: &[Past],
    latency: Option<Latency>,
    taken: Duration,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let at = |t: Option<Timestamp>| t.map(rfc3339);
    let row = |p: &Past| {
        json!({
            "job": p.job, "name": p.name, "seen": rfc3339(p.seen), "decided": rfc3339(p.decided),
            "accepted": at(p.accepted), "arrived": at(p.arrived(taken)), "due": at(p.due()),
            "limit_s": p.limit.map(|d| d.as_secs()), "held": p.is_held(taken, now),
        })
    };
    let measured =
        latency.map(|l| json!({"count": l.count, "median_s": l.median.as_secs(), "longest_s": l.longest.as_secs()}));
    let rows: Vec<_> = all.iter().map(row).collect();
    json_line(cx, &json!({"v": 1, "latency_s": taken.as_secs(), "measured": measured, "alerts": rows}))?;
    Ok(Exit::Ok)
}

fn as_text(
    cx: &mut Cx<'_>,
    world: &World,
    all: &[Past],
    latency: Option<Latency>,
    taken: Duration,
) -> Result<Exit, Failure> {
    let now = clock::now().wall;
    match latency {
        Some(l) => writeln!(
            cx.out,
            "Mail takes {} to the mailbox, and took {} at most, in {} round trips of our own messages.",
            duration_words(l.median),
            duration_words(l.longest),
            l.count
        )?,
        None => writeln!(
            cx.out,
            "What mail takes to the mailbox is not measured yet: {} are assumed.",
            duration_words(taken)
        )?,
    }
    if all.is_empty() {
        writeln!(cx.out, "\nNothing was told of late.")?;
    } else {
        writeln!(
            cx.out,
            "\nThe newest first:\n\nFirst seen           decided   accepted  in the mailbox  at the latest"
        )?;
    }
    // What is reckoned and not seen is marked.
    let assumed = if latency.is_none() { "~" } else { "" };
    for past in all.iter().take(SHOWN) {
        let after = |t: Option<Timestamp>, none: &str| t.map_or(none.to_owned(), |t| brief(t.since(past.seen)));
        let held = if past.is_held(taken, now) == Some(false) { "  LATER THAN THE BOUND" } else { "" };
        let latest = past.limit.map_or("-".to_owned(), brief);
        writeln!(
            cx.out,
            "{:19}  {:>8}  {:>8}  {:>14}  {latest:>13}  {}{held}",
            local_time(world, past.seen),
            after(Some(past.decided), "-"),
            after(past.accepted, "not yet"),
            past.arrived(taken).map_or("-".to_owned(), |at| format!("{assumed}{}", brief(at.since(past.seen)))),
            past.name
        )?;
    }
    let more = all.len().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(cx.out, "and {more} older ones (--json has all)")?;
    }
    if all.is_empty() {
        return Ok(Exit::Ok);
    }
    writeln!(
        cx.out,
        "\nTimes count from the first look that saw it; the bound of a job is that of `checker bound` less the time between two\nlooks. \
         What was silenced, held for another job or withheld by --nomail is late by wish."
    )?;
    writeln!(cx.out, "-  not there yet; in the last column: no bound speaks of it")?;
    if latency.is_none() {
        writeln!(cx.out, "~  accepted, and {} that are assumed for the way to the mailbox", duration_words(taken))?;
    }
    Ok(Exit::Ok)
}
