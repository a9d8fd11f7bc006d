//! Whether the shared thread turns, and how much time a slow poll took from all others on it.

use super::Pool;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A poll that takes longer than this takes time from all others.
const SLOW_MS: u64 = 100;

impl Pool {
    /// Milliseconds since the start.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The runtime turns. Says when, in milliseconds since the start.
    pub(super) fn beat(&self) -> u64 {
        let ms = self.now_ms();
        self.beat_ms.store(ms, Ordering::Release);
        ms
    }

    /// A poll that began at `before` has ended.
    pub(super) fn lose(&self, before: u64) {
        let spent = self.now_ms().saturating_sub(before);
        if spent > SLOW_MS {
            self.lost_ms.fetch_add(spent, Ordering::AcqRel);
        }
    }

    pub(super) fn lost(&self) -> Duration {
        Duration::from_millis(self.lost_ms.load(Ordering::Acquire))
    }
}
