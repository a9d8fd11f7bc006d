//! What maintenance windows add to the time until a human is told of a job. Pure.

use super::{Rhythm, Site};
use std::time::Duration;

/// Jobs of one rhythm that the same windows hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windowed {
    /// How they run.
    pub job: Rhythm,
    /// For so long a run may call healthy what is already broken.
    pub seen_after: Duration,
    /// The names of the windows.
    pub windows: Vec<String>,
    /// The longest time on end in which one of them is open.
    pub held: Duration,
}

impl Site {
    /// From the failure of a target to the mailbox, where the run that reaches the threshold is the first one in a window: the
    /// first pass after its end runs the job once more, unless a run that began before the end still goes on.
    pub fn windowed_time(&self, windowed: &Windowed) -> Duration {
        self.slow_time(windowed.job, windowed.seen_after) + self.window_adds(windowed.held, windowed.job.2)
    }

    /// What windows that are open for so long add to the time of a job: that, a run that began just before the end and is held
    /// back too, and the time to the next pass.
    pub fn window_adds(&self, held: Duration, timeout: Duration) -> Duration {
        if held.is_zero() { held } else { held + self.pause(timeout) }
    }

    /// A pause between two windows that is shorter than this is none: no pass may begin in it, whatever it waits for.
    pub fn pause(&self, timeout: Duration) -> Duration {
        self.pace.passes + self.front() + timeout
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::site;
    use super::super::{Fault, Site};
    use super::*;

    #[test]
    fn a_window_adds_its_length_a_run_and_a_pass() {
        let usual = site();
        let job = usual.jobs[0];
        let (before, hour) = (usual.longest(Fault::TargetDown).unwrap(), Duration::from_secs(3_600));
        let seen_after = Duration::ZERO;
        let held = |held| Windowed { job, seen_after, windows: vec!["updates".to_owned()], held };
        let windowed = Site { windowed: vec![held(hour), held(hour * 2)], ..usual.clone() };
        for fault in [Fault::TargetDown, Fault::JobHangs] {
            assert_eq!(windowed.longest(fault), Some(before + hour * 2 + usual.pause(job.2)), "the longest of them");
        }
        let row = windowed.rows().into_iter().find(|r| r.fault == Fault::TargetDown).unwrap();
        assert!(row.path.contains("window"), "{row:?}");
        let minutes = Duration::from_secs(300);
        let slow = Windowed { seen_after: minutes, ..held(hour) };
        assert_eq!(usual.windowed_time(&slow), usual.windowed_time(&held(hour)) + minutes, "it adds up");
        // Nothing else waits for a window.
        for fault in Fault::ALL.into_iter().filter(|f| !matches!(f, Fault::TargetDown | Fault::JobHangs)) {
            assert_eq!(windowed.longest(fault), usual.longest(fault), "{fault:?}");
        }
        // A window that is over for good, or holds no job.
        let none = Site { windowed: vec![held(Duration::ZERO)], ..usual.clone() };
        assert_eq!(none.longest(Fault::TargetDown), Some(before));
        assert_eq!(none.window_adds(Duration::ZERO, job.2), Duration::ZERO);
        let least = usual.pace.passes + job.2;
        assert!(usual.window_adds(hour, job.2) >= hour + least, "a run may straddle its end");
    }
}
