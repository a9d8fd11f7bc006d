use crate::{Outcome, Policy, Timestamp, duration_words};

/// What a job tells people, before Checker puts server name, times and the way to see more around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// One line. Checker adds the server's name before it and takes control characters out of it.
    pub subject: String,
    /// Plain text, or empty.
    pub body: String,
}

/// What is known when a failing job is told.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    /// The job's policy: its name, host and note.
    pub policy: &'a Policy,
    /// The outcome that is told.
    pub outcome: &'a Outcome,
    /// The first failure of this episode.
    pub since: Timestamp,
    /// The time of the decision.
    pub now: Timestamp,
    /// Bad outcomes in a row, this one included.
    pub failures: u32,
    /// Whether this episode was told before.
    pub reminder: bool,
}

impl Failure<'_> {
    /// The standard wording.
    pub fn message(&self) -> Message {
        let state = if self.reminder { "STILL DOWN" } else { "DOWN" };
        let state = if self.outcome.verdict == crate::Verdict::Warning { "WARNING" } else { state };
        Message {
            subject: format!("{state}: {}: {}", self.policy.name, self.outcome.summary),
            body: self.outcome.detail.clone(),
        }
    }
}

/// What is known when a job has recovered.
#[derive(Clone, Copy, Debug)]
pub struct Recovery<'a> {
    /// The job's policy: its name, host and note.
    pub policy: &'a Policy,
    /// The outcome that ended the episode.
    pub outcome: &'a Outcome,
    /// The first failure of the episode.
    pub since: Timestamp,
    /// The time of the decision.
    pub now: Timestamp,
    /// Bad outcomes of the whole episode.
    pub failures: u32,
}

impl Recovery<'_> {
    /// The standard wording.
    pub fn message(&self) -> Message {
        let lasted = duration_words(self.now.since(self.since));
        Message {
            subject: format!("UP: {}: {} (was down {lasted})", self.policy.name, self.outcome.summary),
            body: self.outcome.detail.clone(),
        }
    }
}
