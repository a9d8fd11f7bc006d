//! The pure core: what is due, what an outcome changes, what is told to whom and when.
//!
//! **Invariant:** nothing in here reads a clock, a file, the environment or a random number, waits, or is async. `now`
//! comes in as an argument; results go out as values. That is what tests and simulations drive.
#![deny(clippy::disallowed_methods)]

mod alert;
pub mod bound;
pub mod canary;
pub mod confirm;
pub mod delivery;
pub mod drill;
pub mod fallback;
pub mod forecast;
pub mod health;
pub mod history;
pub mod isolation;
pub mod lack;
pub mod legs;
pub mod mail;
pub mod merge;
mod noise;
pub mod pace;
pub mod peers;
#[cfg(test)]
pub(crate) mod planted;
#[cfg(test)]
mod properties;
mod run;
pub mod schedule;
pub mod script;
mod state;
pub mod status;
pub mod step;
pub mod transition;
pub mod trouble;
pub mod vacuity;
pub mod window;
pub mod witness;
mod word;

pub use alert::{Alert, AlertId, AlertKind, Delivery, DeliveryState, Recipient, SendResult, Sent, Waiting};
pub use run::{RunRecord, RunStatus, Source};
pub use state::{Ack, Episode, Flapping, JobState, Silence, Tally};
pub use word::Word;
