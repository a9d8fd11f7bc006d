//! The longest time from the failure of a job's target until a human is told. Pure.

use super::Site;
use checker_job::Frequency;
use std::collections::BTreeMap;
use std::time::Duration;

/// Frequency, failures until told, timeout.
pub type Rhythm = (Frequency, u32, Duration);

impl Site {
    pub(super) fn job(&self) -> (&'static str, &'static str, Option<Duration>) {
        let usual = self.jobs.iter().map(|job| self.slow_time(*job, Duration::ZERO));
        let worst = usual.chain(self.slow.iter().map(|(job, after)| self.slow_time(*job, *after))).max();
        if worst.is_none() {
            return ("there are no jobs here", "nothing to tell", None);
        }
        let windowed = self.windowed.iter().map(|w| self.windowed_time(w)).max();
        if windowed > worst {
            return ("our pass, by its run", "mail to the job's contacts, when a window has ended", windowed);
        }
        ("our pass, by its run", "mail to the job's contacts", worst)
    }

    /// From the failure of a target to the mailbox: it fails just after a good run.
    pub fn job_time(&self, every: Frequency, threshold: u32, timeout: Duration) -> Duration {
        let wave = if timeout <= Duration::from_secs(40) { self.wave() } else { timeout + Duration::from_secs(11) };
        self.rhythm(every) * threshold + self.front() + wave + self.out()
    }

    /// The same for a job whose runs may call healthy, for so long after the first one that met the fault, what is already broken:
    /// so many more runs are good ones.
    pub fn slow_time(&self, job: Rhythm, seen_after: Duration) -> Duration {
        let (every, threshold, timeout) = job;
        let rhythm = self.rhythm(every);
        let runs = seen_after.as_millis().div_ceil(rhythm.as_millis().max(1));
        self.job_time(every, threshold, timeout) + rhythm.saturating_mul(u32::try_from(runs).unwrap_or(u32::MAX))
    }

    /// The same from the first failed run on.
    pub fn job_rest(&self, every: Frequency, threshold: u32, timeout: Duration) -> Duration {
        self.job_time(every, threshold, timeout).saturating_sub(self.rhythm(every))
    }

    /// How often a job runs: in the first pass of each of its slots.
    fn rhythm(&self, every: Frequency) -> Duration {
        every.period().max(self.pace.passes)
    }

    /// The job times of each rhythm, for people: how often, after how many failures it is told, and for how long a run may not see
    /// a fault.
    pub fn rhythms(&self) -> BTreeMap<(String, Duration), Duration> {
        let is_slow = |job: &Rhythm| self.slow.iter().any(|(slow, _)| slow == job);
        let usual = self.jobs.iter().filter(|job| !is_slow(job)).map(|job| (*job, Duration::ZERO));
        let mut longest = BTreeMap::new();
        for (job, after) in usual.chain(self.slow.iter().copied()) {
            let time = self.slow_time(job, after);
            let kept = longest.entry((format!("every {}, told after {}", job.0, job.1), after)).or_insert(time);
            *kept = time.max(*kept);
        }
        longest
    }
}
