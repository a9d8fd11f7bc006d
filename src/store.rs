//! What is remembered. The only place that knows SQL.
//!
//! Two groups, two traits. [`Own`] is about this node and lives in this node's file, always. [`Shared`] is about jobs;
//! it is the same file by default. No transaction and no query touches both groups.
//!
//! One call is one transaction over a batch. Owned values go in and come out; every write may be sent twice and counts
//! once, because ids are made by the caller. Conflicts with other processes are waited for inside.

mod group;
mod lock;
mod memory;
mod rules;
mod scripts;
mod sqlite;
mod time;

#[cfg(test)]
mod suite;

pub use group::{Group, OfJobs, OfNode};
pub use lock::{Guard, LockFile};
pub use memory::{Memory, MemoryGroup, MemoryOwn, MemoryShared};
pub(crate) use rules::check_run;
pub use scripts::Scripts;
pub use sqlite::{Degraded, Home, Sqlite, SqliteGroup, SqliteOwn, SqliteShared};
pub(crate) use sqlite::{check_place, user_name};
pub use time::StoreClock;

use crate::decide::{Alert, AlertId, Delivery, JobState, Recipient, SendResult, Sent, Tally, Waiting};
pub use crate::decide::{RunRecord, RunStatus, Source};
use checker_job::{JobId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It cannot be reached or stayed locked.
    Unavailable(String),
    /// It may or may not have been written: send it again.
    OutcomeUnknown(String),
    /// No room.
    Full(String),
    /// It may not be written.
    ReadOnly(String),
    /// The file is damaged.
    Corrupt(String),
    /// A newer Checker wrote it.
    SchemaNewer {
        /// The version of the file.
        found: u32,
        /// The newest version that this program knows.
        known: u32,
    },
    /// It must not be used like this: a network file system, a folder, another user's file, a wrong value.
    Refused(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the state cannot be reached: {why}"),
            Self::OutcomeUnknown(why) => write!(f, "the state may not have been written: {why}"),
            Self::Full(why) => write!(f, "there is no room for the state: {why}"),
            Self::ReadOnly(why) => write!(f, "the state cannot be written: {why}"),
            Self::Corrupt(why) => write!(f, "the state is damaged: {why}"),
            Self::SchemaNewer { found, known } => write!(
                f,
                "the state was written by a newer Checker (its format is {found}, this program knows up to {known}): \
                 install that version again, or move the state file away to begin anew"
            ),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for StoreError {}

/// Results of store operations.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A change of one job, decided on `expected_seq`.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The job.
    pub job: JobId,
    /// The `seq` of the state that this was decided on; 0 for a job that has none.
    pub expected_seq: u64,
    /// The new state (its `seq` is `expected_seq + 1`), or `None` to forget the job. While alerts of a forgotten job are
    /// kept, its counters are too (see [`Ledger::states`]).
    pub state: Option<JobState>,
    /// The run that led to it. [`Own`] keeps no runs.
    pub run: Option<RunRecord>,
    /// What should be told. An alert that exists already is left as it is.
    pub alerts: Vec<Alert>,
    /// An hour that is complete. [`Own`] keeps no hours.
    pub hour: Option<Tally>,
}

/// What became of a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Written.
    Done,
    /// It was written before, by this very call sent twice.
    Already,
    /// The state has moved on: the run is kept in the history, state and alerts are not.
    Stale,
}

/// What is quick to read of each job, to see what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// See [`JobState::seq`].
    pub seq: u64,
    /// See [`JobState::slot`].
    pub slot: Option<Timestamp>,
    /// Whether an episode is open, told or not.
    pub open: bool,
}

/// An alert, and somebody to whom it is addressed.
pub type Addressed = (AlertId, Recipient);

/// A delivery that is to be written, and whether alerts were settled without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Alerts that somebody is to be told of whom they were not addressed to. Where an alert is known, and not addressed
    /// to that recipient yet, it waits for it; all else is left as it is.
    pub addressed: Vec<Addressed>,
    /// New deliveries: their alerts leave the waiting list of that recipient.
    pub deliveries: Vec<Delivery>,
    /// Unsent or refused deliveries that the new ones replace.
    pub superseded: Vec<Uuid>,
    /// Alerts that this recipient need not be told (any more), and why.
    pub dropped: Vec<(AlertId, Recipient, String)>,
    /// Alerts kept back because mail is switched off.
    pub withheld: Vec<(AlertId, Recipient)>,
}

/// States, alerts and deliveries of one group: jobs in [`Shared`], troubles of this node in [`Own`].
pub trait Ledger {
    /// What is quick to read, of all jobs.
    fn slots(&self) -> Result<HashMap<JobId, Slot>>;
    /// The whole state of these jobs; a job without state is left out. A forgotten job of which alerts are still kept is
    /// here with `seq` and `episodes` alone, and not in [`Ledger::slots`]: if it comes back, its next episode must not
    /// take the number, and so the alert ids, of an old one. So decide on what this answers, never on a default.
    fn states(&self, jobs: &[JobId]) -> Result<HashMap<JobId, JobState>>;
    /// Runs, states and alerts in one commit. The answers are in the order of `changes`. A change that contradicts itself
    /// (another job's run or alert, a `seq` that does not follow) is [`StoreError::Refused`], and then nothing is written.
    fn commit(&self, changes: &[Change]) -> Result<Vec<Applied>>;

    /// All alerts that some recipient has not been told and that no drop has settled, oldest first. What a refused delivery
    /// carries (and that delivery's id) is among them only where an alert of the same job, of whatever episode, that is in
    /// no delivery yet waits for the same recipient: then both must become one message, or the refused one, which is tried
    /// on, would arrive after it and be untrue. A refused delivery that [`Ledger::prune`] has removed carries nothing.
    fn waiting(&self) -> Result<Vec<Waiting>>;
    /// Writes deliveries before they are sent, durably: after a power cut they are still there.
    ///
    /// In this order: superseded deliveries give their alerts back; alerts get more addressees; new deliveries take theirs, also from older deliveries
    /// (but an alert that was told stays told); then drops, then what is withheld of the alerts that still wait. A
    /// delivery whose id exists is left as it is.
    fn plan(&self, planned: &Planned) -> Result<()>;
    /// Whom the alerts of these episodes are addressed to, whatever has become of them since.
    fn addressees(&self, of: &BTreeSet<(JobId, u32)>) -> Result<BTreeSet<Addressed>>;
    /// Deliveries that are not accepted yet, in the order in which they are to be sent: urgent ones first, then by age.
    /// Refused ones are included.
    fn unsent(&self) -> Result<Vec<Delivery>>;
    /// What the channel answered; `next_try` is when to try again unless it was accepted. `at` names the try: a second
    /// answer with the same `at` is the same answer sent twice. An acceptance counts whatever was known before, also of
    /// a superseded delivery; anything else about a delivery that is told or superseded is ignored.
    fn mark(&self, delivery: Uuid, result: &SendResult, at: Timestamp, next_try: Timestamp) -> Result<()>;
    /// Deliveries committed since `since` (superseded ones and those of drills left out), oldest first.
    fn sent(&self, since: Timestamp) -> Result<Vec<Sent>>;
    /// The newest deliveries, newest first.
    fn deliveries(&self, limit: usize) -> Result<Vec<Delivery>>;
    /// The newest alerts, of one job or of all, newest first.
    fn alerts(&self, job: Option<&JobId>, limit: usize) -> Result<Vec<Alert>>;

    /// Removes what is too old, a batch at a time; the answer is how many runs, passes, hours, alerts and deliveries
    /// went. Call it again while that is `keep.batch`. Always kept: the newest success of each script name and host,
    /// runs that are not done, open passes, unsent deliveries, and the alerts of an episode that is open or that somebody
    /// is still to be told about. A refused delivery goes by its age.
    fn prune(&self, now: Timestamp, keep: &Retention) -> Result<u64>;
    /// Whether what is written ends with this process: then nothing can be counted from pass to pass.
    fn is_fleeting(&self) -> bool {
        false
    }
}

/// A pass that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassStart {
    /// UUID version 7.
    pub id: Uuid,
    /// The node.
    pub node: Uuid,
    /// Its `now`.
    pub started: Timestamp,
    /// The classes that cron called for, as typed, or empty.
    pub called: String,
}

/// A pass that has not ended, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPass {
    /// Its id; its lock's place follows from it.
    pub id: Uuid,
    /// When it began.
    pub started: Timestamp,
    /// The jobs it has claimed, with their runs.
    pub claims: BTreeMap<JobId, Uuid>,
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassEnd {
    /// When it ended.
    pub ended: Timestamp,
    /// Runs committed.
    pub runs: u32,
    /// Of them, not ok.
    pub bad: u32,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Runs, alerts, deliveries and passes older than this go.
    pub age: Duration,
    /// At most this many steady good runs.
    pub steady_runs: u64,
    /// Hourly tallies older than this go.
    pub hours: Duration,
    /// At most this many rows are removed at once, so that a commit stays short.
    pub batch: u32,
}

impl Default for Retention {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self { age: day * 8, steady_runs: 500_000, hours: day * 366, batch: 20_000 }
    }
}

/// What is remembered about jobs.
pub trait Shared: Ledger + Scripts {
    /// Notes a pass. It has no claims yet. A pass that is known is left as it is.
    fn begin(&self, pass: &PassStart) -> Result<()>;
    /// All passes that have not ended.
    fn open_passes(&self) -> Result<Vec<OpenPass>>;
    /// Takes jobs for a pass, with their runs. The answer is those it does not get: another open pass holds them. Passes in `dead` are ended
    /// first and their claims freed: the caller has seen that their lock is free and has killed their children. They are
    /// in [`Shared::passes`] without an end. A pass that is not open itself is [`StoreError::Refused`].
    fn claim(&self, pass: Uuid, wanted: &[(JobId, Uuid)], dead: &[Uuid]) -> Result<BTreeSet<JobId>>;
    /// Gives claims back before the pass ends: those jobs are done.
    fn release(&self, pass: Uuid, jobs: &[JobId]) -> Result<()>;
    /// Ends a pass and frees what it still holds. The first end counts.
    fn end(&self, pass: Uuid, end: &PassEnd) -> Result<()>;
    /// The newest passes, newest first.
    fn passes(&self, limit: usize) -> Result<Vec<(PassStart, Option<PassEnd>)>>;
    /// The newest runs of a job, newest first.
    fn history(&self, job: &JobId, limit: usize) -> Result<Vec<RunRecord>>;
    /// The complete hours of a job since `since`, oldest first.
    fn hours(&self, job: &JobId, since: Timestamp) -> Result<Vec<Tally>>;
}

/// What is remembered about this node.
pub trait Own: Ledger {
    /// A value that [`Own::set_meta`] wrote.
    fn meta(&self, key: &str) -> Result<Option<String>>;
    /// Remembers a value under a key, or forgets it.
    fn set_meta(&self, key: &str, value: Option<&str>) -> Result<()>;
    /// Takes the lease `name` for `holder` until `ttl` from now by the store's own clock. Granted (`None`) if it is free,
    /// run out, held by `holder` itself, or held by one of `gone`; else the answer is who holds it.
    fn lease(&self, name: &str, holder: Uuid, ttl: Duration, gone: &[Uuid]) -> Result<Option<Uuid>>;
    /// Gives a lease back, if `holder` holds it.
    fn release_lease(&self, name: &str, holder: Uuid) -> Result<()>;
}
