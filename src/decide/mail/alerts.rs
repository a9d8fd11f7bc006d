//! Alerts as proof: one that lies in the mailbox that we look into has made the same way as a canary. Pure.

use super::{By, Canaries, Canary, Fate, Place, Proof};
use checker_job::Timestamp;

/// Alerts that are looked for at once.
const ALERTS_MAX: usize = 4;

impl Proof {
    /// Takes up an alert that was just taken for the mailbox that we look into.
    pub fn alerted(&mut self, token: String, sent: Timestamp, policy: &Canaries, now: Timestamp) {
        let newer = self.proven.is_none_or(|p| p.sent < sent) && sent <= now && now.since(sent) < policy.within;
        if newer && policy.by == By::Mailbox && self.alerts.iter().all(|a| a.token != token) {
            self.alerts.push(Canary { token, sent, fate: Fate::Accepted });
            let more = self.alerts.len().saturating_sub(ALERTS_MAX);
            self.alerts.drain(..more);
        }
    }

    /// What an alert that was seen says. It puts off the next canary.
    pub(super) fn looked_for_alerts(&mut self, found: &[(String, Place)], policy: &Canaries, now: Timestamp) {
        for alert in std::mem::take(&mut self.alerts) {
            match found.iter().find(|(token, _)| *token == alert.token).map(|(_, place)| *place) {
                Some(Place::Arrived) => {
                    self.proved(alert.sent, now);
                    self.last = self.last.max(Some(alert.sent));
                }
                Some(Place::Spam) => {
                    self.in_spam("an alert came into the folder for spam: mark it as wanted there", now);
                }
                None if now.since(alert.sent) < policy.within => self.alerts.push(alert),
                None => {}
            }
        }
        // What an older one could prove is known.
        self.alerts.retain(|a| self.proven.is_none_or(|p| p.sent < a.sent));
    }
}
