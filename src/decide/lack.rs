//! What comes again and again, and has not come: a pass, the question of a peer. Pure.
//!
//! Whoever is stopped, or sleeps with its machine, misses what came meanwhile, and finds all old when it goes on. So what
//! has not come is missed only by who was awake to see that: there is a first look at which it is late, then looks that come
//! when they should, and only after a while of those it is missed.

use super::pace::{LOOK, SEND};
use checker_job::{JobId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// Who looks again this much later than it meant to was not busy, but stopped: one turn sends, and looks into a mailbox.
const BUSY: Duration = LOOK.saturating_add(SEND);
/// While something is late, so many looks are taken until it is missed: a stop between two of them must not be long.
const LOOKS: u32 = 8;

/// How long something may take to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From here on it is late, and looked for.
    pub late: Duration,
    /// It must have been late for so long before our eyes.
    pub awake: Duration,
    /// What is older is missed.
    pub limit: Duration,
}

impl Patience {
    /// By so much later than the limit it is missed, if the look at which it is late is put off by `busy`.
    pub fn put_off(&self, busy: Duration) -> Duration {
        (self.late + self.awake + busy).saturating_sub(self.limit)
    }
}

/// What is late.
#[derive(Clone, Debug, Default)]
pub struct Lacks(BTreeMap<JobId, Late>);

#[derive(Clone, Copy, Debug)]
struct Late {
    /// Since when it has been late before our eyes.
    since: Timestamp,
    /// When to look again.
    next: Timestamp,
    missed: bool,
}

impl Lacks {
    /// A look at what last came `age` ago; `what` is the trouble that its lack is. The answer is when to look again, `None`
    /// if it is missed.
    pub fn look(&mut self, what: &JobId, age: Duration, patience: Patience, now: Timestamp) -> Option<Timestamp> {
        if let Some(left) = patience.late.checked_sub(age) {
            self.0.remove(what);
            return Some(now.plus(left + Duration::from_secs(1)));
        }
        let fresh = Late { since: now, next: now, missed: false };
        let late = self.0.entry(what.clone()).or_insert(fresh);
        let has_come_since = age < now.since(late.since);
        if has_come_since || (!late.missed && now > late.next.plus(BUSY)) {
            *late = fresh;
        }
        let awake = now.since(late.since);
        late.missed |= age > patience.limit && awake >= patience.awake;
        if late.missed {
            return None;
        }
        let due = (patience.limit + Duration::from_secs(1)).saturating_sub(age);
        let left = due.max(patience.awake.saturating_sub(awake)).min(patience.awake / LOOKS);
        late.next = now.plus(left.max(Duration::from_millis(1)));
        Some(late.next)
    }

    /// We were stopped: what is late may have come meanwhile, and is looked for anew.
    pub fn anew(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests;
