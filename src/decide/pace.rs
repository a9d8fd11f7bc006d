//! How quickly nodes watch themselves and each other: all times that the bounds are made of. Pure.

use super::lack::Patience;
use std::time::Duration;

/// Sending one message takes no longer: a pass gives delivery this long.
pub const SEND: Duration = Duration::from_secs(20);
/// One question to a peer takes no longer.
pub const ANSWER: Duration = Duration::from_secs(10);
/// One look into a mailbox takes no longer.
pub const LOOK: Duration = Duration::from_secs(30);
/// The longest time between two looks for a canary that is under way.
pub const LOOKS: Duration = Duration::from_secs(60);
/// Asking our own daemon takes no longer.
pub const DAEMON: Duration = Duration::from_secs(2);

/// The times of `[watch]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How often cron starts a pass.
    pub passes: Duration,
    /// A peer that is well is asked this often.
    pub poll: Duration,
    /// From a first failure on; a first program always.
    pub quick: Duration,
    /// A pass must have served within this time.
    pub stale: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self { passes: minute, poll: minute * 5, quick: minute, stale: minute * 3 }
    }
}

impl Pace {
    /// Who watches us and has not asked for this long has stopped: a whole round of questions, quick ones included.
    pub fn unwatched(&self) -> Duration {
        self.poll + self.quick * 3 + self.passes
    }

    /// How passes are missed. One that is late by less than a quarter is none; and whoever was stopped gives the next one its
    /// minute, and a quarter of that for its work.
    pub fn passes_missed(&self) -> Patience {
        let next = self.passes * 5 / 4;
        let rest = self.stale.saturating_sub(self.passes / 2);
        let awake = next.max(rest / 2);
        Patience { late: next.max(rest.saturating_sub(awake)), awake, limit: self.stale }
    }

    /// How the questions of a peer are missed. We were silent while we were stopped, so it asks again soon, with a pass of
    /// its own.
    pub fn askers_missed(&self) -> Patience {
        let (limit, awake, turn) = (self.unwatched(), self.quick.max(self.passes) * 2, self.passes / 2);
        Patience { late: (self.poll + turn).max(limit.saturating_sub(awake + turn)), awake, limit }
    }

    /// Who wakes this much later than it meant to was stopped for a while.
    pub fn overslept(&self) -> Duration {
        (self.passes / 6).max(Duration::from_secs(1))
    }

    /// A canary in the mailbox of a peer: it hears of that when it next asks us, looks, and says so when we next ask it.
    pub fn peer_look(&self) -> Duration {
        (self.poll + self.passes + ANSWER) * 2 + LOOKS + LOOK
    }

    /// Who brings its status with each pass and has not for this long is silent.
    pub fn brought(&self) -> Duration {
        self.poll + self.passes
    }

    /// Who looks at what we bring says so within this: our next pass brings it, the next one of the peer looks, and we ask.
    pub fn overlooked(&self) -> Duration {
        self.poll.max(self.quick + self.passes * 2)
    }

    /// Passes are not exact: who would be due this much later is asked now.
    pub fn early(&self) -> Duration {
        self.passes / 3
    }

    /// What a peer said of others counts no longer than this.
    pub fn said(&self) -> Duration {
        self.quick * 5 / 2
    }
}
