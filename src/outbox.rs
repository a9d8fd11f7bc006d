//! Alerts out: what waits is planned, rendered, committed, and only then sent; each acceptance is committed before the
//! next message leaves. One process drains at a time.

use crate::clock;
use crate::decide::delivery::{self, Limits, Outgoing};
use crate::decide::{Delivery, DeliveryState, Recipient, SendResult};
use crate::message::Rendered;
use crate::store::{Ledger, Own, Planned, Result, Shared, StoreError};
use checker_job::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// The lease of the one process that drains; it ends with its process, or by itself after this long.
const LEASE: &str = "outbox";
const LEASE_TIME: Duration = Duration::from_secs(90);
/// Where what is known of mail is kept in the own group.
pub const MAIL_HEALTH: &str = "mail";
/// With less time left than this, no message is begun.
const SEND_TIME_MIN: Duration = Duration::from_secs(5);
/// After this many failures in a row, to different recipients, the channel is taken for broken until the next drain.
const FAILURES_MAX: u32 = 2;

/// A way out. `send` blocks until the channel has answered, but not beyond `deadline`.
pub trait Channel {
    /// Hands over one message.
    fn send(&mut self, delivery: &Delivery, deadline: Instant) -> SendResult;
}

/// Words a message, given what it tells and when.
pub type Render<'a> = dyn Fn(&Outgoing, Timestamp) -> Rendered + 'a;

/// What is needed to drain the outbox.
pub struct Outbox<'a> {
    /// Alerts about jobs.
    pub shared: &'a dyn Shared,
    /// Alerts about this node.
    pub own: &'a dyn Own,
    /// Who drains: the pass.
    pub holder: Uuid,
    /// Whether a holder's process is gone.
    pub is_gone: &'a dyn Fn(Uuid) -> bool,
    /// The way out.
    pub channel: &'a mut dyn Channel,
    /// Words a message.
    pub render: &'a Render<'a>,
    /// The Message-ID of a delivery.
    pub message_id: &'a dyn Fn(Uuid) -> String,
    /// What a recipient may get.
    pub limits: Limits,
    /// Mail is switched off.
    pub nomail: bool,
}

/// What a drain did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Messages accepted.
    pub accepted: u32,
    /// Messages kept for later.
    pub later: u32,
    /// Messages refused for good, now or earlier.
    pub refused: u32,
    /// Episodes that a limit holds.
    pub held: usize,
    /// Alerts kept back because mail is switched off.
    pub withheld: usize,
    /// Another process drains; it takes ours along.
    pub busy: bool,
    /// What the last failure said.
    pub problem: Option<String>,
}

impl Drained {
    /// What another drain of the same pass did.
    pub fn add(&mut self, more: &Self) {
        *self = Self {
            accepted: self.accepted + more.accepted,
            withheld: self.withheld + more.withheld,
            problem: more.problem.clone().or_else(|| self.problem.take()),
            ..more.clone()
        };
    }
}

/// What is known of mail, across passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MailHealth {
    /// When a message was last accepted.
    pub accepted_at: Option<Timestamp>,
    /// Since when every try has failed.
    pub failing_since: Option<Timestamp>,
    /// When a try last failed.
    pub failed_at: Option<Timestamp>,
    /// What it said.
    pub why: Option<String>,
}

impl Outbox<'_> {
    /// Plans and sends until nothing is left, the channel is broken, or `within` is over. Waiting for another process that
    /// drains takes up to `within` more.
    ///
    /// # Errors
    /// Of the store. What was accepted before is marked.
    pub fn drain(&mut self, within: Duration) -> Result<Drained> {
        let mut drained = Drained::default();
        if !self.take_lease(Instant::now() + within)? {
            drained.busy = true;
            return Ok(drained);
        }
        let result = self.drain_held(Instant::now() + within, &mut drained);
        self.own.release_lease(LEASE, self.holder)?;
        result.map(|()| drained)
    }

    /// Waits for a live holder: it may have looked for work just before ours was committed.
    fn take_lease(&self, until: Instant) -> Result<bool> {
        let mut gone = Vec::new();
        loop {
            match self.own.lease(LEASE, self.holder, LEASE_TIME, &gone)? {
                None => return Ok(true),
                Some(other) if (self.is_gone)(other) && !gone.contains(&other) => gone.push(other),
                Some(_) if Instant::now() >= until => return Ok(false),
                Some(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn drain_held(&mut self, until: Instant, drained: &mut Drained) -> Result<()> {
        // A second round takes along what other passes have committed meanwhile.
        for _ in 0..5 {
            let fresh = self.plan_both(drained)?;
            let before = drained.accepted;
            if !self.nomail {
                self.send_due(until, drained)?;
            }
            if fresh == 0 || drained.accepted == before || Instant::now() >= until {
                break;
            }
        }
        Ok(())
    }

    /// Commits what leaves now; the answer is how many messages that makes.
    fn plan_both(&self, drained: &mut Drained) -> Result<usize> {
        let mut made = 0;
        drained.held = 0;
        for ledger in ledgers(self.own, self.shared) {
            let now = clock::now().wall;
            let waiting = ledger.waiting()?;
            if waiting.is_empty() {
                continue;
            }
            let day = now.minus(Duration::from_secs(86_400));
            let mut sent = self.own.sent(day)?;
            sent.extend(self.shared.sent(day)?);
            let plan = delivery::plan(now, &waiting, &sent, &self.limits, self.nomail);
            drained.held += plan.held;
            drained.withheld += plan.withheld.len();
            let deliveries: Vec<Delivery> = plan.outgoing.iter().map(|o| self.delivery(o, now)).collect();
            made += deliveries.len();
            let planned =
                Planned { deliveries, superseded: plan.superseded, dropped: plan.dropped, withheld: plan.withheld };
            if planned != Planned::default() {
                again(|| ledger.plan(&planned))?;
            }
        }
        Ok(made)
    }

    fn delivery(&self, outgoing: &Outgoing, now: Timestamp) -> Delivery {
        let rendered = (self.render)(outgoing, now);
        let id = Uuid::now_v7();
        Delivery {
            id,
            recipient: outgoing.recipient.clone(),
            alerts: outgoing.alerts().map(|a| a.id.clone()).collect(),
            subject: rendered.subject,
            body: rendered.body,
            message_id: (self.message_id)(id),
            in_reply_to: outgoing.thread.clone(),
            urgent: outgoing.urgent,
            digest: outgoing.is_digest(),
            created_at: now,
            attempts: 0,
            next_try: now,
            last_error: None,
            state: DeliveryState::Unsent,
        }
    }

    fn send_due(&mut self, until: Instant, drained: &mut Drained) -> Result<()> {
        let mut failed: Vec<Recipient> = Vec::new();
        (drained.later, drained.refused) = (0, 0);
        for ledger in ledgers(self.own, self.shared) {
            let mut all = ledger.unsent()?;
            // New ones first, so that those which fail again and again never hold them up.
            all.sort_by_key(|d| d.attempts > 0);
            for unsent in all {
                let now = clock::now().wall;
                let refused = matches!(unsent.state, DeliveryState::Refused { .. });
                let broken = failed.len() >= FAILURES_MAX as usize;
                let no_time = Instant::now() + SEND_TIME_MIN >= until;
                // Once one is accepted in this drain, what was kept while mail was down need not wait for its time.
                let works = drained.accepted > 0 && !refused;
                if !(works || is_due(&unsent, now)) || broken || no_time || failed.contains(&unsent.recipient) {
                    drained.later += u32::from(!refused);
                    drained.refused += u32::from(refused);
                    drained.problem = drained.problem.take().or_else(|| unsent.last_error.clone());
                    continue;
                }
                let result = self.channel.send(&unsent, until);
                self.note(ledger, &unsent, &result)?;
                match result {
                    SendResult::Accepted { .. } => drained.accepted += 1,
                    SendResult::Later { why } => {
                        drained.later += 1;
                        drained.problem = Some(why);
                        failed.push(unsent.recipient);
                    }
                    SendResult::Refused { why } => {
                        drained.refused += 1;
                        drained.problem = Some(why);
                    }
                }
            }
        }
        Ok(())
    }

    fn note(&self, ledger: &dyn Ledger, delivery: &Delivery, result: &SendResult) -> Result<()> {
        let at = clock::now().wall;
        let next_try = match result {
            SendResult::Accepted { .. } => at,
            SendResult::Later { .. } => at.plus(delivery::retry_after(delivery.attempts + 1)),
            SendResult::Refused { .. } => at.plus(delivery::REFUSED_RETRY),
        };
        // An acceptance that is not marked is a message sent twice: try hard.
        again(|| ledger.mark(delivery.id, result, at, next_try))?;
        let mut health = mail_health(self.own)?;
        match result {
            SendResult::Accepted { .. } => {
                health = MailHealth { accepted_at: Some(at), ..MailHealth::default() };
                tracing::info!("told {}: {}", delivery.recipient, delivery.subject);
            }
            SendResult::Later { why } | SendResult::Refused { why } => {
                health.failing_since = health.failing_since.or(Some(at));
                health.failed_at = Some(at);
                health.why = Some(why.clone());
                // Not an error line: that would be on stderr each minute, and cron mails it. The pass says it once an hour.
                tracing::warn!("not told {}: {} ({why})", delivery.recipient, delivery.subject);
            }
        }
        let text = serde_json::to_string(&health).map_err(|e| StoreError::Refused(e.to_string()))?;
        self.own.set_meta(MAIL_HEALTH, Some(&text))
    }
}

fn ledgers<'a>(own: &'a dyn Own, shared: &'a dyn Shared) -> [&'a dyn Ledger; 2] {
    [own, shared]
}

/// Whether a delivery may be tried. A time further ahead than any that is ever set was noted while the clock was wrong.
fn is_due(delivery: &Delivery, now: Timestamp) -> bool {
    let wait = match delivery.state {
        DeliveryState::Refused { .. } => delivery::REFUSED_RETRY,
        _ => delivery::retry_after(delivery.attempts.max(1)),
    };
    delivery.next_try <= now || delivery.next_try > now.plus(wait)
}

/// What is known of mail.
///
/// # Errors
/// Of the store.
pub fn mail_health(own: &dyn Own) -> Result<MailHealth> {
    let text = own.meta(MAIL_HEALTH)?;
    Ok(text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default())
}

/// Sends a write again while it is unknown whether it was made, or the store is busy: every write counts once.
///
/// # Errors
/// The last error, after some seconds of trying.
pub fn again<T>(mut write: impl FnMut() -> Result<T>) -> Result<T> {
    let mut left = 8;
    loop {
        match write() {
            Err(StoreError::OutcomeUnknown(_) | StoreError::Unavailable(_)) if left > 0 => {
                left -= 1;
                std::thread::sleep(Duration::from_millis(250));
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_try_that_was_noted_while_the_clock_was_ahead_holds_nothing() {
        let now = Timestamp::from_secs(1_000_000);
        let mut delivery = Delivery {
            id: Uuid::now_v7(),
            recipient: Recipient("you@example.com".to_owned()),
            alerts: Vec::new(),
            subject: String::new(),
            body: String::new(),
            message_id: String::new(),
            in_reply_to: None,
            urgent: true,
            digest: false,
            created_at: now,
            attempts: 2,
            next_try: now.plus(Duration::from_secs(60)),
            last_error: None,
            state: DeliveryState::Unsent,
        };
        assert!(!is_due(&delivery, now), "its time has not come");
        delivery.next_try = now.plus(Duration::from_secs(7_200));
        assert!(is_due(&delivery, now), "two hours are more than it ever waits");
        delivery.state = DeliveryState::Refused { at: now, why: String::new() };
        delivery.next_try = now.plus(Duration::from_secs(3_500));
        assert!(!is_due(&delivery, now), "a refused one waits an hour");
    }
}
