//! `checker check`: judges the settings without the network, and says what they lead to.

use super::bound::brief;
use super::exit::{Exit, Failure};
use super::watch::outside_windows;
use super::windows::LOOK_AHEAD;
use super::{Cx, counted, json_line};
use crate::clock;
use crate::decide::Recipient;
use crate::decide::bound::Site;
use crate::decide::delivery::Limits;
use crate::decide::forecast::{Expected, Forecast, Watched, forecast};
use crate::decide::window::longest;
use crate::pass;
use crate::peer::NodeKey;
use crate::registry::DynJob;
use crate::settings::{self, Env, Settings};
use checker_job::duration_words;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// Recipients that are shown one by one; the JSON has all.
const SHOWN_MAX: usize = 20;

pub(super) fn run(cx: &mut Cx<'_>) -> Result<Exit, Failure> {
    let env = Env::from_process();
    let path = settings::locate(cx.options.file.as_deref(), true, &env)?;
    let (report, usable) = match settings::load(&path, cx.registry, &env) {
        Ok((settings, warnings)) => {
            // Whoever may not read the key cannot know; nothing is made by a look.
            let report = match NodeKey::load(&settings.general.state) {
                Ok(own) => settings::refuse_own_key(&settings, warnings, &own.public(), &path),
                Err(_) => warnings,
            };
            let usable = (!report.has_errors()).then_some(settings);
            (report, usable)
        }
        Err(report) => (report, None),
    };
    let messages = usable.as_ref().map(of);
    if cx.options.json {
        let mut whole = report.to_json();
        if let (Some(whole), Some(messages)) = (whole.as_object_mut(), &messages) {
            whole.insert("messages".to_owned(), to_json(messages));
        }
        json_line(cx, &whole)?;
    } else {
        write!(cx.out, "{}", report.render())?;
        if let (Some(settings), Some(messages)) = (&usable, &messages) {
            good(cx.out, &path, report.jobs, settings.email.nomail, messages)?;
        }
    }
    Ok(if usable.is_some() { Exit::Ok } else { Exit::Settings })
}

/// What passes with these settings may send.
fn of(settings: &Settings) -> Messages {
    let general: Vec<Recipient> = settings.general.alertcontact.iter().cloned().map(Recipient).collect();
    let recipients: Vec<Vec<Recipient>> =
        settings.jobs.iter().map(|job| pass::recipients(job.policy(), &general)).collect();
    let site = outside_windows(settings);
    let mut held = Held { settings, site: &site, known: BTreeMap::new() };
    let jobs: Vec<Watched<'_>> = settings
        .jobs
        .iter()
        .zip(&recipients)
        .map(|(job, recipients)| Watched {
            policy: job.policy(),
            recipients,
            seen_after: job.seen_after(),
            held: held.of(job.as_ref()),
        })
        .collect();
    let limits = Limits { daily: settings.email.daily_limit as usize, ..Limits::default() };
    Messages { forecast: forecast(&jobs, &site, &limits), limits }
}

/// How long windows hold a job back, reckoned once for all that have the same.
struct Held<'a> {
    settings: &'a Settings,
    site: &'a Site,
    known: BTreeMap<(Vec<&'a str>, Duration), Duration>,
}

impl<'a> Held<'a> {
    fn of(&mut self, job: &dyn DynJob) -> Duration {
        let settings: &'a Settings = self.settings;
        let windows = &settings.windows;
        let names: Vec<&'a str> = windows.of(job.id()).map(|w| w.name.as_str()).collect();
        if names.is_empty() {
            return Duration::ZERO;
        }
        let timeout = job.policy().until_judged();
        *self.known.entry((names, timeout)).or_insert_with(|| {
            let now = clock::now().wall;
            longest(windows.of(job.id()), now, now.plus(LOOK_AHEAD), self.site.pause(timeout))
        })
    }
}

struct Messages {
    forecast: Forecast,
    limits: Limits,
}

fn good(out: &mut dyn Write, path: &Path, jobs: usize, nomail: bool, messages: &Messages) -> io::Result<()> {
    writeln!(out, "{}: the settings are good: {}", path.display(), counted(jobs, "job"))?;
    let (forecast, limits) = (&messages.forecast, &messages.limits);
    if forecast.recipients.is_empty() {
        return Ok(());
    }
    if nomail {
        return writeln!(out, "\nNo messages: nomail = true. Alerts are kept, and told when that is taken out.");
    }
    writeln!(out, "\nMessages a day while everything fails, besides one for each failure and each recovery:")?;
    let shown = &forecast.recipients.get(..SHOWN_MAX).unwrap_or(&forecast.recipients);
    for one in *shown {
        writeln!(out, "  {}: {}", one.recipient, repeats(one))?;
    }
    let more = forecast.recipients.len() - shown.len();
    if more > 0 {
        writeln!(out, "  ... and {more} more recipients, in --json")?;
    }
    writeln!(
        out,
        "A recipient gets at most {} in {}; from {} a day on (daily_limit = {}), all but first\nfailures waits for one digest \
         an hour.",
        limits.burst,
        duration_words(limits.window),
        forecast.near,
        limits.daily
    )?;
    writeln!(out, "A failure is told, from its beginning and while mail works, within")?;
    for one in *shown {
        let (name, time) = &one.slowest;
        let slowest = if one.jobs == 1 { String::new() } else { ", the slowest".to_owned() };
        writeln!(out, "  {}: {} (\"{name}\"{slowest})", one.recipient, brief(*time))?;
    }
    writeln!(
        out,
        "or up to {} later, where {} messages went to the same recipient just before.",
        duration_words(forecast.held_max),
        limits.burst
    )
}

fn repeats(one: &Expected) -> String {
    let jobs = counted(one.jobs, "job");
    match (one.repeats, one.limited) {
        (0, _) => format!("none, {jobs} that never remind"),
        (n, false) => format!("at most {n}, reminders of {jobs}"),
        (n, true) => format!("at most {n}, reminders of {jobs} that would be more without limits"),
    }
}

fn to_json(messages: &Messages) -> serde_json::Value {
    let (forecast, limits) = (&messages.forecast, &messages.limits);
    let recipients: Vec<_> = forecast
        .recipients
        .iter()
        .map(|one| {
            json!({
                "to": one.recipient.0, "jobs": one.jobs, "repeats_a_day": one.repeats, "limited": one.limited,
                "slowest_job": one.slowest.0, "told_within_s": one.slowest.1.as_secs(),
            })
        })
        .collect();
    json!({
        "recipients": recipients,
        "burst": limits.burst, "window_s": limits.window.as_secs(),
        "daily_limit": limits.daily, "hourly_from": forecast.near, "held_max_s": forecast.held_max.as_secs(),
    })
}
