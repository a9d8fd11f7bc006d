//! What comes again and again, and has not come: a pass, the question of a peer. Pure.
//!
//! Whoever is stopped, or sleeps with its machine, misses what came meanwhile, and finds all old when it goes on. So what
//! has not come is missed only by who was awake to see that: there is a first look at which it is late, and it must still
//! not have come a while after.

use checker_job::{JobId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

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
    /// What has this age is missed by so much later than by its limit, if the look at which it is late is put off by `busy`.
    pub fn put_off(&self, busy: Duration) -> Duration {
        (self.late + self.awake + busy).saturating_sub(self.limit)
    }
}

/// What is late, and since when that is seen.
#[derive(Clone, Debug, Default)]
pub struct Lacks(BTreeMap<JobId, Timestamp>);

impl Lacks {
    /// A look at what last came `age` ago; `what` is the trouble that its lack is. The answer is when to look again, `None`
    /// if it is missed.
    pub fn look(&mut self, what: &JobId, age: Duration, patience: Patience, now: Timestamp) -> Option<Timestamp> {
        if let Some(left) = patience.late.checked_sub(age) {
            self.0.remove(what);
            return Some(now.plus(left + Duration::from_secs(1)));
        }
        let seen = self.0.entry(what.clone()).or_insert(now);
        let (due, awake) = (patience.limit + Duration::from_secs(1), now.since(*seen));
        let left = due.saturating_sub(age).max(patience.awake.saturating_sub(awake));
        (age <= patience.limit || awake < patience.awake).then(|| now.plus(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::pace::Pace;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000).plus(Duration::from_secs(secs))
    }

    /// Looks at what came at second 0, as often as it says, until it is missed. Between the seconds of each stop there is no
    /// look.
    fn missed(patience: Patience, stops: &[(u64, u64)], comes: Option<u64>) -> Option<u64> {
        let (mut lacks, what, mut now, mut came) = (Lacks::default(), JobId::literal("node:passes"), 0, 0);
        for _ in 0..1_000 {
            if comes.is_some_and(|at| at <= now) {
                came = comes?;
            }
            let Some(next) = lacks.look(&what, Duration::from_secs(now - came), patience, at(now)) else {
                return Some(now);
            };
            let next = u64::try_from(next.secs() - at(0).secs()).unwrap();
            assert!(next > now, "it looks again at once");
            now = comes.filter(|at| (now + 1..next).contains(at)).unwrap_or(next);
            now = stops.iter().find(|(from, to)| (*from..*to).contains(&now)).map_or(now, |(_, to)| *to);
            if came > 0 {
                return None;
            }
        }
        None
    }

    #[test]
    fn who_is_awake_misses_it_after_the_limit_and_not_before() {
        for patience in [Pace::default().passes_missed(), Pace::default().askers_missed()] {
            let limit = patience.limit.as_secs();
            assert_eq!(missed(patience, &[], None), Some(limit + 1));
            assert_eq!(patience.put_off(crate::decide::pace::LOOK), Duration::ZERO, "{patience:?}");
            let late = patience.late.as_secs();
            assert_eq!(missed(patience, &[(late, late + 30)], None), Some(limit + 1), "a slow step delays it not");
        }
    }

    #[test]
    fn who_was_stopped_waits_for_the_next_one_whenever_the_stop_ends() {
        let patience = Pace::default().passes_missed();
        for end in 1..1_000 {
            // Passes come each minute; the next one within a minute after the end, and 10 s for its work.
            assert_eq!(missed(patience, &[(70, end)], Some(end + 70)), None, "stopped until {end}");
            let told = missed(patience, &[(70, end)], None).unwrap();
            assert!(told <= end.max(106) + 75, "stopped until {end}, and none comes: {told}");
        }
    }

    #[test]
    fn what_has_come_meanwhile_is_looked_for_anew() {
        let (mut lacks, what) = (Lacks::default(), JobId::literal("node:passes"));
        let patience = Pace::default().passes_missed();
        let mut look = |age: u64, now: u64| lacks.look(&what, Duration::from_secs(age), patience, at(now));
        assert_eq!(look(100, 100), Some(at(181)));
        assert_eq!(look(0, 150), Some(at(226)));
        assert_eq!(look(400, 550), Some(at(625)), "the first look at it is not the one of before");
        assert_eq!(look(475, 625), None);
        assert_eq!(look(1_075, 1_225), None, "it stays missed");
    }
}
