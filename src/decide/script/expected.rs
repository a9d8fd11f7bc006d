//! What is expected of a script, and whether its records show it: the outcome of a `[[job.script]]`.
//!
//! Deadlines are absolute: they follow from records and from the settings, never from when somebody looked. A restart moves
//! none, and one that passed while the machine was off is seen by the first pass.

mod words;

use super::cron::Cron;
use super::{Activity, Measured, Wanted};
use crate::decide::{JobState, RunRecord};
use checker_job::{Metric, Outcome, Timestamp, Verdict, duration_words};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;
use words::Words;

/// A clock on another host may be ahead by so much, and cron itself is not exact: a run that started so long before its
/// slot served it.
const EARLY: Duration = Duration::from_secs(10);
/// Ends may be ahead of our clock by so much.
const AHEAD: Duration = Duration::from_secs(60);
/// A comparison with what was before needs so many successes, both in the window and before it.
const ENOUGH: u64 = 3;
/// What was before the window is measured over so many windows.
const BEFORE: u32 = 8;

/// When it is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// At these slots.
    Cron(Cron, Option<TimeZone>),
    /// So long after it last started, at the latest.
    Every(Duration),
}

/// One limit in two degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Degrees<T> {
    /// What makes it a warning.
    pub warning: Option<T>,
    /// What makes it a failure.
    pub critical: Option<T>,
}

impl<T: Copy> Degrees<T> {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.warning.is_none() && self.critical.is_none()
    }

    /// The limit that is crossed, the worse one first.
    fn crossed(&self, crosses: impl Fn(T) -> bool) -> Option<(Verdict, T)> {
        let critical = self.critical.filter(|limit| crosses(*limit)).map(|limit| (Verdict::Failed, limit));
        critical.or_else(|| self.warning.filter(|limit| crosses(*limit)).map(|limit| (Verdict::Warning, limit)))
    }
}

/// The host whose runs count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The one that looks.
    Here,
    /// This one.
    Named(String),
    /// Whichever.
    Any,
}

/// What one table expects.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The script.
    pub name: String,
    /// Where it runs.
    pub host: Host,
    /// By which calls over HTTP tell of its runs.
    pub uuid: Option<Uuid>,
    /// When it is to run; `None`: nobody says.
    pub rhythm: Option<Rhythm>,
    /// From the slot (or from the latest start) until it must have succeeded.
    pub grace: Degrees<Duration>,
    /// So many failed runs in a row count; at least 1.
    pub failures: u32,
    /// What the next three look at.
    pub window: Duration,
    /// At least so many successes in the window.
    pub min_runs: Degrees<u64>,
    /// On average a success in the window took at most so long.
    pub max_average: Degrees<Duration>,
    /// And at most so many times as long as before the window.
    pub max_slowdown: Degrees<f64>,
    /// No run takes longer.
    pub max_runtime: Degrees<Duration>,
}

/// Since when a script has been watched with the rhythm that it has: what it did before is no fault of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// The rhythm, as text.
    pub rhythm: String,
    /// Since when.
    pub since: Timestamp,
}

/// Against what the records are judged.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The time.
    pub now: Timestamp,
    /// Whose clock crontab lines without a zone of their own go by.
    pub zone: &'a TimeZone,
    /// Since when it is watched.
    pub since: Timestamp,
    /// What the job last said, if that was bad.
    pub bad: Option<&'a str>,
}

/// One thing that is wrong.
type Finding = (Verdict, String);

impl Expected {
    /// Since when it is watched: since now, if nobody watched it with this rhythm before.
    pub fn watched(&self, before: &JobState, now: Timestamp) -> Watched {
        let rhythm = match &self.rhythm {
            None => String::new(),
            Some(Rhythm::Every(every)) => format!("every {}", every.as_secs()),
            Some(Rhythm::Cron(cron, zone)) => {
                format!("{cron} {}", zone.as_ref().and_then(TimeZone::iana_name).unwrap_or_default())
            }
        };
        let known = before.watched.as_deref().filter(|known| known.rhythm == rhythm && known.since <= now);
        known.cloned().unwrap_or(Watched { rhythm, since: now })
    }

    /// What must be known. `here` is this host's name.
    pub fn wanted(&self, here: &str, now: Timestamp) -> Wanted {
        let host = match &self.host {
            Host::Here => Some(here.to_owned()),
            Host::Named(host) => Some(host.clone()),
            Host::Any => None,
        };
        let counts = !(self.min_runs.is_none() && self.max_average.is_none() && self.max_slowdown.is_none());
        let since = counts.then(|| now.minus(self.window));
        let before = since.filter(|_| !self.max_slowdown.is_none());
        Wanted {
            newest: usize::try_from(self.failures).unwrap_or(usize::MAX).saturating_add(1),
            since,
            before: before.map(|since| since.minus(self.window * BEFORE)),
            // What ends while this is asked has ended.
            ..Wanted::success(&self.name, host.as_deref(), now.plus(AHEAD))
        }
    }

    /// What is expected, in one line for lists.
    pub fn words(&self) -> String {
        let host = match &self.host {
            Host::Here => "this host",
            Host::Named(host) => host,
            Host::Any => "any host",
        };
        let when = match &self.rhythm {
            None => String::new(),
            Some(Rhythm::Every(every)) => format!(", at least every {}", duration_words(*every)),
            Some(Rhythm::Cron(cron, zone)) => {
                let zone = zone.as_ref().and_then(TimeZone::iana_name).map(|name| format!(" ({name})"));
                format!(", at {cron}{}", zone.unwrap_or_default())
            }
        };
        let grace = self.grace.critical.filter(|_| self.rhythm.is_some());
        let grace = grace.map(|grace| format!(", grace {}", duration_words(grace))).unwrap_or_default();
        format!("script {} on {host}{when}{grace}", self.name)
    }

    /// The longest time from the moment at which something goes wrong until a look can see it.
    pub fn seen_after(&self) -> Duration {
        let grace = self.rhythm.as_ref().and_then(|_| self.grace.critical.or(self.grace.warning));
        let runtime = self.max_runtime.critical.or(self.max_runtime.warning);
        grace.max(runtime).unwrap_or_default()
    }

    /// What the records mean. The worst comes first, and of what is equally bad what says most.
    pub fn judge(&self, known: &Activity, look: &Look<'_>) -> Outcome {
        let words = Words::new(look);
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(self.failed(known, &words));
        findings.extend(self.too_long(known, &words));
        findings.extend(self.late(known, look, &words));
        findings.extend(self.seldom(known, look));
        findings.extend(self.slow(known));
        findings.extend(self.slower(known));
        findings.extend(self.took_too_long(known));
        if findings.is_empty() {
            findings.extend(forgotten(known, look));
        }
        // Stable: in each degree the order of the lines above stays.
        findings.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
        let tail = known.newest.first().filter(|run| !run.is_success()).and_then(|run| run.outcome.as_ref());
        let mut detail: Vec<&str> = findings.iter().skip(1).map(|(_, text)| text.as_str()).collect();
        detail.extend(tail.filter(|_| !findings.is_empty()).map(|o| o.detail.as_str()).filter(|d| !d.is_empty()));
        let detail = detail.join("\n");
        let outcome = match findings.into_iter().next() {
            None => Outcome::ok(words.well(known)),
            Some((Verdict::Warning, text)) => Outcome::warning(text),
            Some((_, text)) => Outcome::failed(text),
        };
        measured(outcome.with_detail(detail), known)
    }

    /// The newest runs failed, as many in a row as count.
    fn failed(&self, known: &Activity, words: &Words<'_>) -> Option<Finding> {
        let failed = known.newest.iter().take_while(|run| !run.is_success()).count();
        let first = known.newest.first()?;
        // One that began earlier may have ended well since.
        let since = known.success.as_ref().is_some_and(|run| run.ended > first.ended && first.ended.is_some());
        let enough = usize::try_from(self.failures).is_ok_and(|limit| failed >= limit);
        (enough && !since).then(|| (Verdict::Failed, words.failed(first, failed)))
    }

    /// It runs, and should have ended.
    fn too_long(&self, known: &Activity, words: &Words<'_>) -> Option<Finding> {
        let oldest = known.active.first()?;
        let runs = words.age(oldest.started);
        // The grace holds the time of a run, so whoever gives no other limit gives this one.
        let usual = Degrees { warning: None, critical: self.grace.critical.filter(|_| self.rhythm.is_some()) };
        let limits = if self.max_runtime.is_none() { usual } else { self.max_runtime };
        let (verdict, limit) = limits.crossed(|limit| runs > limit)?;
        Some((verdict, words.too_long(oldest, limit)))
    }

    /// It should have succeeded by now.
    fn late(&self, known: &Activity, look: &Look<'_>, words: &Words<'_>) -> Option<Finding> {
        let slot = self.next_slot(known, look)?;
        let (verdict, _) = self.grace.crossed(|grace| look.now > slot.plus(grace))?;
        let running = known.active.iter().find(|run| run.started.is_some_and(|at| at.plus(EARLY) >= slot));
        // What runs has its own time, if it was given one; but of the same slot, however often it is started anew.
        let latest = self.max_runtime.critical.zip(self.grace.critical).map(|(limit, grace)| slot.plus(grace + limit));
        let in_time = |run: &RunRecord| run.started <= Some(look.now) && latest.is_some_and(|at| look.now <= at);
        if running.is_some_and(in_time) {
            return None;
        }
        let newest = known.newest.first().filter(|run| run.started.is_some_and(|at| at.plus(EARLY) >= slot));
        Some((verdict, words.late(verdict, slot, running, newest, latest_start(known))))
    }

    /// The first slot that no success has served, if it has come.
    fn next_slot(&self, known: &Activity, look: &Look<'_>) -> Option<Timestamp> {
        let started = latest_start(known).and_then(|run| run.started);
        match self.rhythm.as_ref()? {
            Rhythm::Every(every) => Some(started.unwrap_or(look.since).max(look.since).plus(*every)),
            Rhythm::Cron(cron, zone) => {
                let from = started.map_or(look.since, |started| started.plus(EARLY).max(look.since));
                cron.next(from, zone.as_ref().unwrap_or(look.zone))
            }
        }
        .filter(|slot| *slot <= look.now)
    }

    /// It succeeded too seldom in the window, all of which it was watched.
    fn seldom(&self, known: &Activity, look: &Look<'_>) -> Option<Finding> {
        if look.since.plus(self.window) > look.now {
            return None;
        }
        let ran = known.window.count;
        let (verdict, limit) = self.min_runs.crossed(|limit| ran < limit)?;
        Some((verdict, words::seldom(ran, limit, self.window)))
    }

    fn slow(&self, known: &Activity) -> Option<Finding> {
        let average = known.window.average()?;
        let (verdict, limit) = self.max_average.crossed(|limit| average > limit)?;
        Some((verdict, words::slow(average, limit, self.window)))
    }

    fn slower(&self, known: &Activity) -> Option<Finding> {
        let enough = |measured: &Measured| measured.average().filter(|_| measured.count >= ENOUGH);
        let (now, before) = (enough(&known.window)?, enough(&known.before)?);
        // Nothing took no time.
        let times = now.as_secs_f64() / before.as_secs_f64().max(0.001);
        let (verdict, _) = self.max_slowdown.crossed(|limit| times >= limit)?;
        Some((verdict, words::slower(times, now, before, self.window)))
    }

    fn took_too_long(&self, known: &Activity) -> Option<Finding> {
        let took = latest_start(known)?.took()?;
        let (verdict, limit) = self.max_runtime.crossed(|limit| took > limit)?;
        Some((verdict, words::took_too_long(took, limit)))
    }
}

/// A job that was bad does not become well because nobody knows its runs any more.
fn forgotten(known: &Activity, look: &Look<'_>) -> Option<Finding> {
    let nothing = known.newest.is_empty() && known.success.is_none() && known.active.is_empty();
    let bad = look.bad.filter(|_| nothing)?;
    let said = bad.strip_prefix(words::NO_RUN_SINCE).unwrap_or(bad);
    Some((Verdict::Failed, format!("{}{said}", words::NO_RUN_SINCE)))
}

/// The success that started last.
fn latest_start(known: &Activity) -> Option<&RunRecord> {
    known.started.as_ref().or(known.success.as_ref())
}

fn measured(mut outcome: Outcome, known: &Activity) -> Outcome {
    if let Some(took) = latest_start(known).and_then(RunRecord::took) {
        outcome = outcome.with_metric(Metric::new("runtime", took.as_secs_f64(), "s"));
    }
    if let Some(average) = known.window.average() {
        outcome = outcome.with_metric(Metric::new("average_runtime", average.as_secs_f64(), "s"));
    }
    outcome
}

#[cfg(test)]
mod tests;
