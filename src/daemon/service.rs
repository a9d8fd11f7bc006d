//! What a service manager is told, by its own protocol (`sd_notify(3)`). Without one, nothing happens.

use sd_notify::NotifyState;
use std::time::Duration;

/// The daemon answers.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The daemon begins anew, with the same process id.
pub fn reloading() {
    if let Ok(state) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, state]);
    }
}

/// The daemon ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The duties turn.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often [`alive`] must be said: half of what the manager waits for.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|t| t / 2)
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(states) {
        tracing::debug!("the service manager was not told: {why}");
    }
}
