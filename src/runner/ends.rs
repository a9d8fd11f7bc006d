//! Runs that end without an answer of their own.

use super::Finished;
use crate::clock;
use checker_job::{Cancel, Outcome};
use std::time::Duration;

/// A run that ends without an answer of its own.
pub(super) fn left_behind(index: usize, outcome: Outcome, took: Duration) -> Finished {
    Finished { index, outcome, started: clock::now().wall.minus(took), took, log: Vec::new() }
}

pub(super) fn panicked(what: &str) -> Outcome {
    Outcome::unknown(format!("the job panicked: {what}"), format!("the job panicked: {what}"))
        .with_detail("This is a fault in the code of the job kind, not of its target.")
}

pub(super) fn timed_out(timeout: Duration, cancel: &Cancel) -> Outcome {
    cancel.cancel();
    Outcome::failed(format!("did not end within {}", checker_job::duration_words(timeout)))
}
