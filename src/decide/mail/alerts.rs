//! What is good news where it is seen, and none where it is not: alerts, which have made the same way as a canary, and canaries
//! that were given up. Pure.

use super::{By, Canaries, Canary, Fate, IN_SPAM, Place, Proof};
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

    /// What is good news where it is seen, and none where it is not: canaries that were given up, and alerts.
    pub fn aside(&self) -> Vec<String> {
        let late = self.out.iter().filter(|c| c.fate == Fate::Overdue);
        late.chain(&self.alerts).map(|c| c.token.clone()).collect()
    }

    /// A look for what is [aside](Proof::aside) has found these.
    pub fn looked_aside(&mut self, found: &[(String, Place)], policy: &Canaries, now: Timestamp) {
        self.looked = Some(now);
        for canary in std::mem::take(&mut self.out) {
            let seen = found.iter().find(|(token, _)| *token == canary.token && canary.fate == Fate::Overdue);
            match seen.map(|(_, place)| *place) {
                Some(Place::Arrived) => self.arrived(&canary, now),
                Some(Place::Spam) => self.in_spam(IN_SPAM, now),
                None => self.out.push(canary),
            }
        }
        self.looked_for_alerts(found, policy, now);
    }

    /// What an alert that was seen says. It puts off the next canary.
    fn looked_for_alerts(&mut self, found: &[(String, Place)], policy: &Canaries, now: Timestamp) {
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
