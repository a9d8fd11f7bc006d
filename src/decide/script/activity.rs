//! What is asked and what is known of scripts.

use crate::decide::{RunRecord, RunStatus};
use checker_job::Timestamp;
use std::time::Duration;

/// What is asked about one script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The host it runs on; `None`: whichever.
    pub host: Option<String>,
    /// What ended later is not looked at: a wall clock that was ahead for a while must not hide what came after.
    pub until: Timestamp,
    /// So many of the newest runs that are over are wanted.
    pub newest: usize,
    /// Successes that ended since then are counted and measured.
    pub since: Option<Timestamp>,
    /// Successes in the hours from then up to `since` are measured, too.
    pub before: Option<Timestamp>,
}

impl Wanted {
    /// Only when it last succeeded.
    pub fn success(name: &str, host: Option<&str>, until: Timestamp) -> Self {
        Self { name: name.to_owned(), host: host.map(str::to_owned), until, newest: 0, since: None, before: None }
    }
}

/// Successes of a time, counted and measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How many.
    pub count: u64,
    /// Their time together, in microseconds.
    pub micros: u64,
    /// The longest of them, in microseconds.
    pub longest: u64,
}

impl Measured {
    /// How long one of them took on average.
    pub fn average(&self) -> Option<Duration> {
        self.micros.checked_div(self.count).map(Duration::from_micros)
    }

    /// One more, that took so long.
    pub(crate) fn add(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.join(Self { count: 1, micros, longest: micros });
    }

    /// Both together.
    pub(crate) fn join(&mut self, more: Self) {
        self.count = self.count.saturating_add(more.count);
        self.micros = self.micros.saturating_add(more.micros);
        self.longest = self.longest.max(more.longest);
    }
}

/// What is known of one script, as far as it was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Activity {
    /// The success that ended last.
    pub success: Option<RunRecord>,
    /// The success that started last, if that is another one.
    pub started: Option<RunRecord>,
    /// Runs that have begun and not ended, oldest first.
    pub active: Vec<RunRecord>,
    /// The newest runs that are over and succeeded or failed, newest first.
    pub newest: Vec<RunRecord>,
    /// Successes of the window.
    pub window: Measured,
    /// Successes of the time before it.
    pub before: Measured,
}

/// The successes and failures of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptHour {
    /// The start of the hour, UTC. A run counts where it ended.
    pub hour: Timestamp,
    /// What succeeded.
    pub ok: Measured,
    /// Runs that did not.
    pub failed: u64,
}

/// A script that is known, by its name and host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScriptName {
    /// Its name.
    pub name: String,
    /// Where it ran.
    pub host: String,
}

/// How far a run has come: what is further replaces what is less far.
pub(crate) fn stage(status: RunStatus, ended: bool) -> u8 {
    match (status, ended) {
        (RunStatus::Pending, _) => 0,
        (RunStatus::Active, _) => 1,
        (RunStatus::Done, false) => 2,
        (RunStatus::Done, true) => 3,
    }
}

/// What a run adds to the hour in which it ended.
pub(crate) fn share(run: &RunRecord) -> Option<ScriptHour> {
    const HOUR: i64 = 3_600_000_000;
    let ended = run.ended.filter(|_| run.status == RunStatus::Done)?;
    let hour = Timestamp::from_micros(ended.micros().saturating_sub(ended.micros().rem_euclid(HOUR)));
    let mut share = ScriptHour { hour, ..ScriptHour::default() };
    if run.is_success() {
        share.ok.add(ended.since(run.started.unwrap_or(ended)));
    } else {
        share.failed = 1;
    }
    Some(share)
}
