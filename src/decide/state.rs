use super::Recipient;
use super::script::Watched;
use checker_job::{Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What is remembered of one job. As text it is versionless JSON: readers accept unknown fields and missing ones, and what
/// is empty is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobState {
    /// Counts committed changes. A result is applied only to the `seq` that it was decided on (fencing).
    pub seq: u64,
    /// The run that was applied last.
    pub run: Option<Uuid>,
    /// The slot that the last committed run served.
    pub slot: Option<Timestamp>,
    /// When the last committed run started.
    pub ran_at: Option<Timestamp>,
    /// What it found.
    pub verdict: Option<Verdict>,
    /// What it said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Since when the verdict is this one.
    pub since: Option<Timestamp>,
    /// Good outcomes in a row while failing.
    #[serde(skip_serializing_if = "none")]
    pub good: u32,
    /// Episodes begun so far: the number of the newest.
    pub episodes: u32,
    /// The open stretch of failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Box<Episode>>,
    /// The open stretch of "cannot be judged".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blind: Option<Box<Episode>>,
    /// Confirmed changes of the last hour.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Timestamp>,
    /// When it was told, within the last hour, that it cannot be judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blinds: Vec<Timestamp>,
    /// Set while it changes too often to tell each change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Box<Flapping>>,
    /// Reminders are stopped until it recovers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<Box<Ack>>,
    /// What the last run found was held back by a window. Only set while an episode is open.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub planned: bool,
    /// Nothing new is told until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence: Option<Box<Silence>>,
    /// Of the job of a script: since when it is watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watched: Option<Box<Watched>>,
    /// The hour that is being counted.
    pub tally: Tally,
}

impl JobState {
    /// Whether the failure threshold is reached.
    pub fn is_failing(&self) -> bool {
        self.failure.as_ref().is_some_and(|e| e.confirmed)
    }

    /// Whether the newest outcome that could be judged was bad, threshold or not.
    pub fn is_bad(&self) -> bool {
        self.failure.is_some() && self.good == 0
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn none(count: &u32) -> bool {
    *count == 0
}

/// One stretch of failure (or of "cannot be judged").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// The job's how-manieth.
    pub number: u32,
    /// The first outcome that counted.
    pub since: Timestamp,
    /// Outcomes that counted.
    pub count: u32,
    /// Whether the threshold was reached.
    pub confirmed: bool,
    /// The newest verdict that counted.
    pub verdict: Verdict,
    /// The verdict as last told.
    #[serde(default)]
    pub told_verdict: Option<Verdict>,
    /// When an alert of this episode was last decided; `None`: nobody was told yet.
    #[serde(default)]
    pub told_at: Option<Timestamp>,
    /// The number of the next alert.
    #[serde(default)]
    pub next_step: u32,
    /// Everybody whom an alert of this episode was addressed to.
    #[serde(default)]
    pub addressed: BTreeSet<Recipient>,
}

/// A job that changed more than 4 times within an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// The episode in which it was noticed: its messages belong to this one.
    pub episode: u32,
    /// The number of that episode's next alert.
    pub next_step: u32,
    /// When it was noticed.
    pub since: Timestamp,
    /// Changes counted so far.
    pub changes: u32,
    /// The newest change.
    pub last_change: Timestamp,
    /// Whether it was told.
    pub told: bool,
    /// Whom it was addressed to.
    pub addressed: BTreeSet<Recipient>,
}

/// Somebody said: I know, stop reminding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub note: Option<String>,
}

/// Somebody said: tell nothing new of this job for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// It ends by itself.
    pub until: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub note: Option<String>,
}

/// The runs of one hour of one job, counted in the state itself, so that a run costs one write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// The start of the hour, UTC.
    pub hour: Timestamp,
    /// Runs that ended [`Verdict::Ok`].
    pub ok: u32,
    /// Runs that ended [`Verdict::Warning`].
    #[serde(skip_serializing_if = "none")]
    pub warning: u32,
    /// Runs that ended [`Verdict::Failed`].
    #[serde(skip_serializing_if = "none")]
    pub failed: u32,
    /// Runs that ended [`Verdict::Unknown`].
    #[serde(skip_serializing_if = "none")]
    pub unknown: u32,
    /// Their time together, in microseconds.
    pub micros_sum: u64,
    /// The longest of them, in microseconds.
    pub micros_max: u64,
}
