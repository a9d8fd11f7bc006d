//! The contract between Checker and its jobs.
//!
//! A **job** is one thing to check. A **job kind** is a crate: one [`JobSpawner`] that turns the tables
//! `[[job.KIND]]` of the settings into [`Job`]s. The crate depends on this package and on nothing else of Checker.
//!
//! In the order in which a job meets them:
//!
//! 1. [`Table`]: what the settings said, already split into common keys and the kind's own; [`SpawnError`] and
//!    [`TableErrors`]: what is wrong with it.
//! 2. [`JobId`] and [`Policy`]: who the job is, how often it runs and when it tells.
//! 3. [`Context`], [`Outcome`] and [`Blame`]: what a run is given, what it answers, and whose fault that may be.
//! 4. [`Failure`], [`Recovery`] and [`Message`]: how it words its troubles, if the standard wording does not do.
//! 5. [`Vacuity`] and [`Mutation`]: what it would make of answers that are wrong, for people who ask whether it would notice.
//!
//! Checker itself owns timeout, panic, timing, output caps, retries, state and delivery. A job does one thing, once,
//! and says what it saw.

mod blame;
mod context;
mod errors;
mod id;
mod job;
mod message;
mod outcome;
mod policy;
mod time;
mod vacuity;

#[cfg(feature = "conformance")]
pub mod conformance;

pub use blame::Blame;
pub use context::{Cancel, Context};
pub use errors::{SpawnError, TableErrors};
pub use id::JobId;
pub use job::{HANDLES, Job, JobSpawner, Table};
pub use message::{Failure, Message, Recovery};
pub use outcome::{Metric, OUTCOME_VERSION, Outcome, Verdict};
pub use policy::{COMMON_KEYS, Confirm, Frequency, Notify, Policy, Remind, duration_words, parse_duration};
pub use time::Timestamp;
pub use vacuity::{Mutation, Vacuity};
