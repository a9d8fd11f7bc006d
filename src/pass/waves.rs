//! When alerts leave a pass: as soon as every job that ends soon has ended, and then as slower ones end.

use std::time::Duration;

/// Jobs with a timeout up to this belong to the first wave.
const SOON: Duration = Duration::from_secs(40);
/// The first wave leaves by then, whatever still runs.
const FIRST_WAVE_MAX: Duration = Duration::from_secs(45);
/// Waves are at least this far apart.
const GAP: Duration = Duration::from_secs(10);
/// Whether there is anything to tell is looked up at most this often.
const LOOK: Duration = Duration::from_secs(1);

/// The waves of one pass.
#[derive(Debug)]
pub(super) struct Waves {
    /// For each job: whether the first wave waits for it.
    soon: Vec<bool>,
    soon_open: usize,
    /// The first wave is still to come.
    first: bool,
    ended_since: bool,
    /// When messages last left.
    last: Option<Duration>,
    /// When a wave was last due.
    looked: Duration,
}

impl Waves {
    pub(super) fn new(timeouts: impl Iterator<Item = Duration>) -> Self {
        let soon: Vec<bool> = timeouts.map(|t| t <= SOON).collect();
        let soon_open = soon.iter().filter(|s| **s).count();
        Self { soon, soon_open, first: true, ended_since: false, last: None, looked: Duration::ZERO }
    }

    /// A job has ended.
    pub(super) fn ended(&mut self, index: usize) {
        self.ended_since = true;
        if let Some(soon) = self.soon.get_mut(index)
            && std::mem::replace(soon, false)
        {
            self.soon_open -= 1;
        }
    }

    /// A job will take longer than its timeout: the first wave does not wait for it.
    pub(super) fn late(&mut self, index: usize) {
        if self.soon.get_mut(index).is_some_and(std::mem::take) {
            self.soon_open -= 1;
        }
    }

    /// Whether a wave leaves now, `elapsed` after the jobs were started.
    pub(super) fn is_due(&self, elapsed: Duration) -> bool {
        if self.first {
            return (self.soon_open == 0 && self.ended_since) || elapsed >= FIRST_WAVE_MAX;
        }
        self.ended_since
            && elapsed.saturating_sub(self.looked) >= LOOK
            && self.last.is_none_or(|last| elapsed.saturating_sub(last) >= GAP)
    }

    /// Whether the first wave is still to come.
    pub(super) fn is_first(&self) -> bool {
        self.first
    }

    /// How long the last wave has to wait for its distance from the one before.
    pub(super) fn pause(&self, elapsed: Duration) -> Duration {
        self.last.map_or(Duration::ZERO, |last| GAP.saturating_sub(elapsed.saturating_sub(last)))
    }

    /// A wave has left.
    pub(super) fn left(&mut self, elapsed: Duration) {
        self.last = Some(elapsed);
        self.idle(elapsed);
    }

    /// A wave was due and there was nothing to tell: the next one need not keep its distance.
    pub(super) fn idle(&mut self, elapsed: Duration) {
        self.looked = elapsed;
        self.first = false;
        self.ended_since = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_first_wave_waits_for_quick_jobs_alone() {
        let mut waves = Waves::new([secs(10), secs(600), secs(40)].into_iter());
        waves.ended(0);
        assert!(!waves.is_due(secs(5)), "the third may take 40 s");
        waves.ended(2);
        waves.ended(2);
        assert!(waves.is_due(secs(6)));
        waves.left(secs(6));
        waves.ended(1);
        assert!(!waves.is_due(secs(15)) && waves.is_due(secs(16)));
        assert_eq!((waves.pause(secs(15)), waves.pause(secs(20))), (secs(1), secs(0)));
    }

    #[test]
    fn a_wave_with_nothing_to_tell_keeps_nobody_waiting() {
        let mut waves = Waves::new([secs(10), secs(600)].into_iter());
        waves.ended(0);
        assert!(waves.is_due(secs(1)));
        waves.idle(secs(1));
        assert!(!waves.is_due(secs(2)) && !waves.is_due(secs(46)));
        waves.ended(1);
        assert!(waves.is_due(secs(3)));
        assert_eq!(waves.pause(secs(3)), secs(0));
    }

    #[test]
    fn the_first_wave_does_not_wait_for_who_is_late() {
        let mut waves = Waves::new([secs(10), secs(10)].into_iter());
        waves.ended(0);
        assert!(!waves.is_due(secs(5)));
        waves.late(1);
        waves.late(1);
        assert!(waves.is_due(secs(5)));
    }

    #[test]
    fn the_first_wave_leaves_after_45_seconds_whatever_runs() {
        let waves = Waves::new([secs(40)].into_iter());
        assert!(!waves.is_due(secs(44)) && waves.is_due(secs(45)));
    }
}
