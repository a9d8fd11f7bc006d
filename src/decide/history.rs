//! What was told, and how fast: past alerts against the bounds, and what mail really takes. Pure.

use super::{Alert, AlertKind, Delivery, DeliveryState};
use checker_job::{JobId, Timestamp};
use std::time::Duration;

/// The times of so many round trips are kept: about two days at the usual pace.
pub const KEPT: usize = 192;
/// Fewer say nothing about the longest.
const ENOUGH: usize = 10;

/// What mail takes from its sending to the mailbox, as canaries have shown. Each time holds the pause until the next look,
/// so mail was never slower than that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Round trips that were measured.
    pub count: usize,
    /// The middle one.
    pub median: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Latency {
    /// Of these times, in seconds; `None` while there are too few.
    pub fn of(seconds: &[u32]) -> Option<Self> {
        let mut sorted = seconds.to_vec();
        sorted.sort_unstable();
        let time = |secs: &u32| Duration::from_secs(u64::from(*secs));
        let (median, longest) = (sorted.get(sorted.len() / 2).map(time)?, sorted.last().map(time)?);
        (sorted.len() >= ENOUGH).then_some(Self { count: sorted.len(), median, longest })
    }
}

/// One past alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The job, or the trouble of this node.
    pub job: JobId,
    /// Its name.
    pub name: String,
    /// The first look that saw it.
    pub seen: Timestamp,
    /// When it was decided to tell.
    pub decided: Timestamp,
    /// When the first recipient's server took it; `None`: nobody was told yet.
    pub accepted: Option<Timestamp>,
    /// The longest time from the first look to the mailbox; `None` where no bound speaks of it.
    pub limit: Option<Duration>,
}

impl Past {
    /// When it had to be in a mailbox.
    pub fn due(&self) -> Option<Timestamp> {
        Some(self.seen.plus(self.limit?))
    }

    /// When it was there, if mail took `latency`.
    pub fn arrived(&self, latency: Duration) -> Option<Timestamp> {
        Some(self.accepted?.plus(latency))
    }

    /// Whether the bound was held; `None` where there is none, or the time is not over yet.
    pub fn is_held(&self, latency: Duration, now: Timestamp) -> Option<bool> {
        let due = self.due()?;
        match self.arrived(latency) {
            Some(arrived) => Some(arrived <= due),
            None => (now > due).then_some(false),
        }
    }
}

/// The first news of each trouble among `alerts`, newest first, with what became of it. `limit` knows the bound of a job, from
/// its first failed look on.
pub fn past(alerts: &[Alert], deliveries: &[Delivery], limit: impl Fn(&JobId) -> Option<Duration>) -> Vec<Past> {
    let first = alerts.iter().filter(|a| matches!(a.kind, AlertKind::Down | AlertKind::CannotJudge));
    let mut all: Vec<Past> = first
        .map(|alert| {
            let carrying = deliveries.iter().filter(|d| d.alerts.contains(&alert.id));
            let told = carrying.filter_map(|d| match &d.state {
                DeliveryState::Told { at, .. } => Some(*at),
                _ => None,
            });
            Past {
                job: alert.id.job.clone(),
                name: alert.name.clone(),
                seen: alert.since,
                decided: alert.at,
                accepted: told.min(),
                limit: limit(&alert.id.job),
            }
        })
        .collect();
    all.sort_by_key(|p| std::cmp::Reverse(p.decided));
    all
}

#[cfg(test)]
mod tests;
