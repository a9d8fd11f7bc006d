//! `checker windows`: the maintenance windows of the settings, and when they open next.

use super::exit::{Exit, Failure};
use super::world::World;
use super::{Cx, counted, json_line, local_time, rfc3339};
use crate::clock;
use crate::decide::bound::{Rhythm, Site, Windowed};
use crate::decide::window::{Days, Opening, When, Window, longest};
use checker_job::{JobId, Timestamp, duration_words};
use jiff::Zoned;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

/// So many openings of each window are shown.
const SHOWN: usize = 10;
/// So many jobs of each window are named; the JSON has all.
const NAMED: usize = 5;
/// Bounds take in what opens within this time.
pub(super) const LOOK_AHEAD: Duration = Duration::from_secs(2 * 365 * 86_400);

pub(super) fn run(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    let now = clock::now().wall;
    if cx.options.json {
        let all: Vec<_> = world.settings.windows.iter().map(|(window, jobs)| to_json(window, jobs, now)).collect();
        json_line(cx, &json!({"v": 1, "windows": all}))?;
        return Ok(Exit::Ok);
    }
    if world.settings.windows.is_empty() {
        writeln!(cx.out, "no windows; a table [[window]] in the settings plans one")?;
    }
    for (window, jobs) in world.settings.windows.iter() {
        show(cx.out, &world, window, jobs, now)?;
    }
    Ok(Exit::Ok)
}

impl World {
    /// That a window of this job is open at `at`, in words.
    pub(super) fn in_window(&self, job: &JobId, at: Timestamp) -> Option<String> {
        let (window, opening) = self.settings.windows.open(job, at)?;
        let until = local_time(self, opening.end);
        Some(format!("in window {} until {until}: nothing new is told", window.name))
    }

    /// The same for programs.
    pub(super) fn window_json(&self, job: &JobId, at: Timestamp) -> serde_json::Value {
        let open = self.settings.windows.open(job, at);
        json!(open.map(|(window, opening)| json!({"name": window.name, "until": rfc3339(opening.end)})))
    }

    /// What windows that are open at `from` or later add to the bounds of jobs.
    pub(super) fn windowed(&self, site: &Site, from: Timestamp) -> Vec<Windowed> {
        let until = clock::now().wall.plus(LOOK_AHEAD);
        let (windows, mut all) = (&self.settings.windows, BTreeMap::new());
        for job in &self.settings.jobs {
            let (id, p) = (job.id(), job.policy());
            let names: Vec<String> = windows.of(id).map(|w| w.name.clone()).collect();
            if !names.is_empty() {
                all.entry(((p.every, p.failure_threshold, p.until_judged()), job.seen_after(), names)).or_insert(id);
            }
        }
        let windowed = |((job, seen_after, names), id): ((Rhythm, Duration, Vec<String>), &JobId)| {
            let held = longest(windows.of(id), from, until, site.pause(job.2));
            Windowed { job, seen_after, windows: names, held }
        };
        all.into_iter().map(windowed).filter(|w| !w.held.is_zero()).collect()
    }
}

fn show(out: &mut dyn Write, world: &World, window: &Window, jobs: &[JobId], now: Timestamp) -> io::Result<()> {
    let zone = window.zone.iana_name().unwrap_or("the zone of this host");
    writeln!(out, "{}: {}, {zone}", window.name, rule(&window.when))?;
    let named: Vec<&str> = jobs.iter().take(NAMED).map(|id| name(world, id)).collect();
    let more = jobs.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    writeln!(out, "  holds {}: {}{more}", counted(jobs.len(), "job"), named.join(", "))?;
    let openings: Vec<Opening> = window.openings(now).take(SHOWN).collect();
    if openings.is_empty() {
        writeln!(out, "  is over and does not come again: take it out of the settings")?;
    }
    for opening in openings {
        let (local, utc) = (spoken(opening, &window.zone), spoken(opening, &TimeZone::UTC));
        let open = if opening.holds(now) { "  OPEN NOW" } else { "" };
        writeln!(out, "  {local}  =  {utc}{}{open}", moved(window, opening))?;
    }
    Ok(())
}

fn name<'a>(world: &'a World, id: &'a JobId) -> &'a str {
    let all = world.settings.jobs.iter().chain(&world.settings.disabled);
    all.into_iter().find(|job| job.id() == id).map_or(id.as_str(), |job| job.policy().name.as_str())
}

/// When a window is open, in words.
fn rule(when: &When) -> String {
    match when {
        When::Once { .. } => "once".to_owned(),
        When::Again { days, start, length } => {
            let days = match days {
                Days::Daily => "daily".to_owned(),
                Days::Week(days) => days.iter().map(|day| short(*day)).collect::<Vec<_>>().join(", "),
                Days::Month(days) => {
                    let days: Vec<String> = days.iter().map(i8::to_string).collect();
                    format!("day {} of the month", days.join(", "))
                }
            };
            format!("{days} at {} for {}", start.strftime("%H:%M"), duration_words(*length))
        }
    }
}

fn short(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<Zoned> {
    jiff::Timestamp::from_microsecond(at.micros()).ok().map(|at| at.to_zoned(zone.clone()))
}

/// Both ends with the name of the time that holds then; the day of the end where it is another.
fn spoken(opening: Opening, zone: &TimeZone) -> String {
    let (Some(start), Some(end)) = (zoned(opening.start, zone), zoned(opening.end, zone)) else {
        return "?".to_owned();
    };
    let day = if start.date() == end.date() { "" } else { "%a %F " };
    let from = start.strftime("%a %F %H:%M");
    let until = end.strftime(&format!("{day}%H:%M")).to_string();
    if named(&start) == named(&end) {
        return format!("{from} to {until} {}", named(&end));
    }
    format!("{from} {} to {until} {}", named(&start), named(&end))
}

/// `CET (+01:00)`, and the offset alone where a zone has no such name.
fn named(at: &Zoned) -> String {
    let (name, offset) = (at.strftime("%Z").to_string(), at.strftime("%:z").to_string());
    match name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true if name == "UTC" => name,
        true => format!("{name} ({offset})"),
        false => offset,
    }
}

/// Why an opening does not begin when the settings say so.
fn moved(window: &Window, opening: Opening) -> String {
    let When::Again { start, .. } = window.when else { return String::new() };
    match zoned(opening.start, &window.zone) {
        Some(local) if local.time() != start => format!("  ({} is skipped that day)", start.strftime("%H:%M")),
        _ => String::new(),
    }
}

fn to_json(window: &Window, jobs: &[JobId], now: Timestamp) -> serde_json::Value {
    let local = |at: Timestamp| zoned(at, &window.zone).map(|at| at.strftime("%FT%T%:z").to_string());
    let next: Vec<_> = window
        .openings(now)
        .take(SHOWN)
        .map(|o| {
            json!({
                "start": rfc3339(o.start), "end": rfc3339(o.end),
                "local_start": local(o.start), "local_end": local(o.end),
            })
        })
        .collect();
    json!({
        "name": window.name, "timezone": window.zone.iana_name(), "jobs": jobs,
        "open": window.open_at(now).is_some(), "next": next,
    })
}
