//! A drill: a fault that is none, marked as what it is, on the way that every alert takes. Pure.
//!
//! It is a job that fails until somebody has seen enough, then is well. It is no evidence of anything, and it takes no
//! place from a real alert: limits neither hold it nor count it, and it is never in one message with others.

use checker_job::{JobId, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// What the ids of drills begin with.
const PREFIX: &str = "drill:";
/// A drill that nobody ends is over after this.
pub const LONGEST: Duration = Duration::from_secs(3_600);
/// After its end it stays for so long, so that a pass can tell that it is over.
const FAREWELL: Duration = Duration::from_secs(600);

/// One drill, as it is remembered from its beginning on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// Its number.
    pub id: Uuid,
    /// When it was asked for.
    pub started: Timestamp,
    /// Who asked for it has seen enough, or has given up.
    #[serde(default)]
    pub ended: bool,
    /// By the settings, not by hand: that it fails is an alarm.
    #[serde(default)]
    pub scheduled: bool,
}

/// Where a drill stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its job fails.
    Failing,
    /// Its job is well again.
    Ending,
    /// There is no such job any more.
    Over,
}

impl Drill {
    /// Its job.
    pub fn job(&self) -> JobId {
        JobId::literal(format!("{PREFIX}{}", self.id))
    }

    /// What people call it. No job of the settings has such a name.
    pub fn name(&self) -> String {
        let id = self.id.simple().to_string();
        // The last digits are random, the first ones are the time.
        format!("drill {}", id.get(24..).unwrap_or_default())
    }

    /// Where it stands. A clock that was set back ends it.
    pub fn phase(&self, now: Timestamp) -> Phase {
        let age = now.since(self.started);
        if self.started > now.plus(LONGEST) || age >= LONGEST + FAREWELL {
            Phase::Over
        } else if self.ended || age >= LONGEST {
            Phase::Ending
        } else {
            Phase::Failing
        }
    }
}

/// The number of the message that brings a code: who has asked for it can look for it by that.
pub fn code_id(code: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("checker code {code}").as_bytes())
}

/// Whether this is the job of a drill.
pub fn is_drill(job: &JobId) -> bool {
    job.as_str().starts_with(PREFIX)
}

/// When the next drill is due, `every` after the last one.
pub fn next(last: Option<Timestamp>, every: Duration, now: Timestamp) -> Timestamp {
    last.filter(|at| *at <= now).unwrap_or(now).plus(every)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drill_ends_when_it_is_told_to_and_by_itself() {
        let at = |s: u64| Timestamp::from_secs(1_000_000).plus(Duration::from_secs(s));
        let mut drill = Drill { id: Uuid::nil(), started: at(0), ended: false, scheduled: false };
        for (secs, phase) in [
            (0, Phase::Failing),
            (3_599, Phase::Failing),
            (3_600, Phase::Ending),
            (4_199, Phase::Ending),
            (4_200, Phase::Over),
        ] {
            assert_eq!(drill.phase(at(secs)), phase, "after {secs} s");
        }
        drill.ended = true;
        assert_eq!(drill.phase(at(1)), Phase::Ending);
        assert_eq!(drill.phase(at(4_200)), Phase::Over);
        drill.started = at(10_000);
        assert_eq!(drill.phase(at(0)), Phase::Over, "the clock was ahead when it began");
        assert!(is_drill(&drill.job()) && !is_drill(&JobId::literal("tcp:drill:1")));
    }

    #[test]
    fn drills_come_after_each_other_and_not_at_once() {
        let now = Timestamp::from_secs(1_000_000);
        let day = Duration::from_secs(86_400);
        assert_eq!(next(None, day, now), now.plus(day));
        assert_eq!(next(Some(now.minus(day)), day, now), now);
        assert_eq!(next(Some(now.plus(day)), day, now), now.plus(day), "noted while the clock was ahead");
    }
}
