//! What the pass and a process beside it say to each other: one JSON document a line.

use crate::runner::{AtOnce, Finished};
use checker_job::{JobId, Outcome, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// What a process beside the pass is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The process of the pass: if that is not our parent, it has died already.
    pub parent: u32,
    /// The `now` of the pass.
    pub now: Timestamp,
    /// How many runs go on at once.
    pub at_once: AtOnce,
    /// Below it runs get scratch folders.
    pub scratch: PathBuf,
    /// The jobs.
    pub jobs: Vec<Wanted>,
}

/// One job of an [`Order`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Its place in the pass.
    pub index: usize,
    /// Who it is.
    pub job: JobId,
    /// The id of its run.
    pub run: Uuid,
}

/// What the process says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// The job at this place in the pass is about to run.
    Begins(usize),
    /// It has ended.
    Ended {
        /// Its place in the pass.
        index: usize,
        /// What it found.
        outcome: Outcome,
        /// When it started.
        started: Timestamp,
        /// How long it took, in microseconds.
        took_us: u64,
        /// What it noted.
        log: Vec<String>,
    },
    /// All have ended. Whoever ends without this was ended by a job.
    Done,
}

impl From<Finished> for Line {
    fn from(f: Finished) -> Self {
        let took_us = u64::try_from(f.took.as_micros()).unwrap_or(u64::MAX);
        Self::Ended { index: f.index, outcome: f.outcome, started: f.started, took_us, log: f.log }
    }
}

impl Line {
    /// The run that has ended, if that is what it says.
    pub(super) fn finished(self) -> Option<Finished> {
        match self {
            Self::Begins(_) | Self::Done => None,
            Self::Ended { index, outcome, started, took_us, log } => {
                Some(Finished { index, outcome, started, took: Duration::from_micros(took_us), log })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let ended = Finished {
            index: 7,
            outcome: Outcome::failed("a \"b\"\u{fffd}").with_detail("one\ntwo"),
            started: Timestamp::from_secs(5),
            took: Duration::from_micros(12_345),
            log: vec!["line".to_owned()],
        };
        for line in [Line::Begins(3), Line::Done, Line::from(ended.clone())] {
            let text = serde_json::to_string(&line).unwrap();
            assert!(!text.contains('\n'));
            assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
        }
        let back = Line::from(ended.clone()).finished().unwrap();
        assert_eq!((back.index, back.outcome, back.took), (7, ended.outcome, ended.took));
        assert!(Line::Begins(3).finished().is_none());
    }
}
