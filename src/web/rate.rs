//! How often one script may call: a script that calls in a loop must not fill the disk.

use super::Named;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// So many calls may come at once.
const BURST: u32 = 60;
/// One more may come after this time.
const PACE: Duration = Duration::from_secs(5);
/// More scripts than this are not told apart for long.
const SCRIPTS_MAX: usize = 20_000;

/// So many scripts that stand in no settings may be made by calls, as long as the daemon runs.
const CREATED_MAX: usize = 1_000;
/// A new one is allowed as this one is: all of them share it.
const ANY_NEW: &str = "\0new";

/// What each script has left.
#[derive(Debug, Default)]
pub(super) struct Rate(HashMap<Named, (u32, Instant)>, HashSet<Named>);

impl Rate {
    /// The same for one that stands in no settings: new names are few, and not many at once.
    pub(super) fn allows_new(&mut self, script: &Named, now: Instant) -> Result<(), Duration> {
        if !self.1.contains(script) {
            if self.1.len() >= CREATED_MAX {
                return Err(Duration::from_secs(3_600));
            }
            self.allows(&Named { name: ANY_NEW.to_owned(), host: String::new() }, now)?;
            self.1.insert(script.clone());
        }
        self.allows(script, now)
    }

    /// Whether this script may call now. If not: after how long it may.
    pub(super) fn allows(&mut self, script: &Named, now: Instant) -> Result<(), Duration> {
        if self.0.len() >= SCRIPTS_MAX {
            self.0.retain(|_, (left, at)| *left < BURST && now.duration_since(*at) < PACE * BURST);
        }
        let (left, at) = self.0.entry(script.clone()).or_insert((BURST, now));
        let since = now.duration_since(*at);
        let more = u32::try_from(since.as_nanos() / PACE.as_nanos()).unwrap_or(u32::MAX);
        if more > 0 {
            *left = left.saturating_add(more).min(BURST);
            *at += PACE * more.min(u32::MAX / 8);
        }
        match left.checked_sub(1) {
            Some(rest) => {
                *left = rest;
                Ok(())
            }
            None => Err(PACE.saturating_sub(since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_and_then_one_call_at_a_time() {
        let (mut rate, now) = (Rate::default(), Instant::now());
        let one = Named { name: "x".to_owned(), host: "a".to_owned() };
        let other = Named { name: "y".to_owned(), host: "a".to_owned() };
        assert!((0..BURST).all(|_| rate.allows(&one, now).is_ok()));
        assert_eq!(rate.allows(&one, now + Duration::from_secs(1)), Err(Duration::from_secs(4)));
        assert!(rate.allows(&other, now).is_ok(), "the others are not meant");
        let new = |n: u32| Named { name: format!("new-{n}"), host: "a".to_owned() };
        assert!((0..BURST).all(|n| rate.allows_new(&new(n), now).is_ok()));
        assert!(rate.allows_new(&new(BURST), now).is_err() && rate.allows_new(&new(0), now).is_ok(), "it is known now");
        assert!(rate.allows(&one, now + PACE).is_ok() && rate.allows(&one, now + PACE).is_err());
        let later = now + PACE * 1_000;
        assert!((0..BURST).all(|_| rate.allows(&one, later).is_ok()) && rate.allows(&one, later).is_err());
    }
}
