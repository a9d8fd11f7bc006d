//! The sentences: each thing that can be wrong with a script is called by a name of its own.

use super::super::Activity;
use super::Look;
use crate::decide::RunRecord;
use checker_job::{Timestamp, Verdict, duration_words};
use jiff::tz::TimeZone;
use std::time::Duration;

/// What a sentence begins with whose reason is no longer kept.
pub(super) const NO_RUN_SINCE: &str = "no run since then: ";

/// Words about instants, as of now and for people of a time zone.
pub(super) struct Words<'a> {
    now: Timestamp,
    zone: &'a TimeZone,
}

impl<'a> Words<'a> {
    pub(super) fn new(look: &Look<'a>) -> Self {
        Self { now: look.now, zone: look.zone }
    }

    /// How long ago that was.
    pub(super) fn age(&self, at: Option<Timestamp>) -> Duration {
        self.now.since(at.unwrap_or(self.now))
    }

    /// The time on the day of today, or with its date.
    fn at(&self, at: Timestamp) -> String {
        let local = |at: Timestamp| jiff::Timestamp::from_second(at.secs()).map(|t| t.to_zoned(self.zone.clone()));
        let (Ok(at), Ok(now)) = (local(at), local(self.now)) else { return "?".to_owned() };
        let form = if at.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        at.strftime(form).to_string()
    }

    pub(super) fn well(&self, known: &Activity) -> String {
        let Some(run) = known.success.as_ref() else {
            return "no run is known yet, and none is overdue".to_owned();
        };
        let took = duration_words(run.took().unwrap_or_default());
        let ended = run.ended.unwrap_or_default();
        let at = jiff::Timestamp::from_second(ended.secs()).map_or_else(
            |_| "?".to_owned(),
            |t| t.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        );
        format!("last success {at} on {}, took {took}", run.host)
    }

    pub(super) fn failed(&self, run: &RunRecord, times: usize) -> String {
        let why = run.outcome.as_ref().map_or("failed", |outcome| outcome.summary.as_str());
        let began = self.at(run.started.unwrap_or_default());
        let again = if times > 1 { format!("; {times} runs in a row failed") } else { String::new() };
        match run.ended {
            // Given up: the summary says so.
            None => format!("{why}: the run of {began}{again}"),
            Some(_) if why.starts_with("exit ") => format!("failed with {why}, begun {began}{again}"),
            Some(_) => format!("failed: {why}, begun {began}{again}"),
        }
    }

    pub(super) fn too_long(&self, run: &RunRecord, limit: Duration) -> String {
        format!(
            "running too long: for {} since {}, and at most {} is expected",
            duration_words(self.age(run.started)),
            self.at(run.started.unwrap_or_default()),
            duration_words(limit)
        )
    }

    pub(super) fn late(
        &self,
        verdict: Verdict,
        slot: Timestamp,
        running: Option<&RunRecord>,
        newest: Option<&RunRecord>,
        success: Option<&RunRecord>,
    ) -> String {
        let word = if verdict == Verdict::Warning { "late" } else { "overdue" };
        let since = format!("{word}: expected at {}, {} ago", self.at(slot), duration_words(self.age(Some(slot))));
        if let Some(run) = running {
            return format!("{since}, and it still runs, for {}", duration_words(self.age(run.started)));
        }
        let last = match success.and_then(|run| run.ended) {
            Some(ended) => format!("last success {}", self.at(ended)),
            None => "no success is known".to_owned(),
        };
        let tried = newest.and_then(|run| run.outcome.as_ref()).filter(|o| o.verdict != Verdict::Ok);
        let tried =
            tried.map_or_else(|| ", and it was not started".to_owned(), |o| format!(", and it failed: {}", o.summary));
        format!("{since}{tried}; {last}")
    }
}

pub(super) fn seldom(ran: u64, limit: u64, window: Duration) -> String {
    format!("ran too seldom: {ran} of at least {limit} times within {}", duration_words(window))
}

pub(super) fn slow(average: Duration, limit: Duration, window: Duration) -> String {
    let (average, limit, window) = (duration_words(average), duration_words(limit), duration_words(window));
    format!("average runtime too long: {average} within {window}, and at most {limit} is expected")
}

pub(super) fn slower(times: f64, now: Duration, before: Duration, window: Duration) -> String {
    let grew = match times {
        ..2.0 => format!("average runtime grew to {times:.1} times"),
        ..3.0 => "average runtime doubled".to_owned(),
        ..4.0 => "average runtime tripled".to_owned(),
        _ => format!("average runtime grew {times:.0}-fold"),
    };
    let (now, before, window) = (duration_words(now), duration_words(before), duration_words(window));
    format!("{grew}: {now} within {window}, and {before} before")
}

pub(super) fn took_too_long(took: Duration, limit: Duration) -> String {
    format!("took too long: {}, and at most {} is expected", duration_words(took), duration_words(limit))
}
