//! Alerts out: what waits is planned, rendered, committed, and only then sent; each acceptance is committed before the
//! next message of its way out leaves. One process drains at a time.

mod health;
mod lanes;

use crate::clock;
use crate::decide::delivery::{self, Limits, Outgoing, Plan};
use crate::decide::drill;
use crate::decide::fallback::{self, Ways};
use crate::decide::{Delivery, DeliveryState, Recipient, SendResult, Waiting};
use crate::message::{Rendered, text};
use crate::store::{Ledger, Own, Planned, Result, Shared, StoreError};
use checker_job::Timestamp;
use lanes::{Lane, Open, Way, way_of};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use uuid::Uuid;

pub use health::{ChannelHealth, MAIL_HEALTH, MailHealth, PROOF, channel_health, mail_health, proof};

/// The lease of the one process that drains; it ends with its process, or by itself after this long.
const LEASE: &str = "outbox";
const LEASE_TIME: Duration = Duration::from_secs(90);
/// With less time left than this, no message is begun.
const SEND_TIME_MIN: Duration = Duration::from_secs(5);
/// After this many failures, to different recipients, a way out is taken for broken until the next drain.
const FAILURES_MAX: u32 = 2;

/// A way out. `send` blocks until the channel has answered, but not beyond `deadline`.
pub trait Channel: Send {
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
    /// Opens the way out to a recipient: one for all mail, one for each channel.
    pub open: &'a dyn Fn(&Recipient) -> Box<dyn Channel>,
    /// The ways that the settings name; how they are is looked up.
    pub ways: &'a Ways,
    /// Words a message.
    pub render: &'a Render<'a>,
    /// The Message-ID of a delivery.
    pub message_id: &'a dyn Fn(Uuid) -> String,
    /// What a recipient may get.
    pub limits: Limits,
    /// Mail is switched off. Channels go on.
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

impl Outbox<'_> {
    /// Plans and sends until nothing is left, the channel is broken, or `within` is over. Waiting for another process that
    /// drains takes up to `within` more.
    ///
    /// # Errors
    /// Of the store. What was accepted before is marked.
    pub fn drain(&mut self, within: Duration) -> Result<Drained> {
        let mut drained = Drained::default();
        if !take_lease(self.own, self.holder, self.is_gone, Instant::now() + within)? {
            drained.busy = true;
            return Ok(drained);
        }
        let result = self.drain_held(Instant::now() + within, &mut drained);
        self.own.release_lease(LEASE, self.holder)?;
        result.map(|()| drained)
    }

    fn drain_held(&mut self, until: Instant, drained: &mut Drained) -> Result<()> {
        let (mut open, mut works) = (Open::new(), Vec::new());
        // A second round takes along what other passes have committed meanwhile.
        for _ in 0..5 {
            let fresh = self.plan_both(drained)?;
            let before = drained.accepted;
            self.send_due(until, &mut open, &mut works, drained)?;
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
            let waiting = self.with_more_addressees(ledger, now)?;
            if waiting.is_empty() {
                continue;
            }
            let day = now.minus(Duration::from_secs(86_400));
            let mut sent = self.own.sent(day)?;
            sent.extend(self.shared.sent(day)?);
            // A drill has messages of its own, and takes no place from others.
            let (drills, real): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|w| drill::is_drill(&w.alert.id.job));
            for plan in [
                delivery::plan(now, &real, &sent, &self.limits, self.nomail),
                delivery::plan(now, &drills, &[], &Limits::default(), self.nomail),
            ] {
                made += self.commit_plan(ledger, plan, now, drained)?;
            }
        }
        Ok(made)
    }

    fn commit_plan(&self, ledger: &dyn Ledger, plan: Plan, now: Timestamp, drained: &mut Drained) -> Result<usize> {
        drained.held += plan.held;
        drained.withheld += plan.withheld.len();
        let deliveries: Vec<Delivery> = plan.outgoing.iter().map(|o| self.delivery(o, now)).collect();
        let made = deliveries.len();
        let (superseded, dropped, withheld) = (plan.superseded, plan.dropped, plan.withheld);
        let planned = Planned { deliveries, superseded, dropped, withheld, ..Planned::default() };
        if planned != Planned::default() {
            again(|| ledger.plan(&planned))?;
        }
        Ok(made)
    }

    /// What waits, after it was decided whom else to tell because a way out is broken or gone.
    fn with_more_addressees(&self, ledger: &dyn Ledger, now: Timestamp) -> Result<Vec<Waiting>> {
        let (waiting, unsent) = (ledger.waiting()?, ledger.unsent()?);
        let mut whom = waiting.iter().map(|w| &w.recipient).chain(unsent.iter().map(|d| &d.recipient));
        if self.ways.channels.is_empty() && whom.all(Recipient::is_mail) {
            return Ok(waiting);
        }
        let ways = Ways { nomail: self.nomail, ..health::known(self.own, self.ways, now)? };
        let listed = ledger.addressees(&fallback::episodes(&waiting, &unsent))?;
        let extra = fallback::extra(&waiting, &unsent, &listed, &ways);
        if extra == fallback::Extra::default() {
            return Ok(waiting);
        }
        for (alert, to) in &extra.addressed {
            tracing::info!("{to} is told of {} too: another way out is broken or gone", alert.job);
        }
        let (addressed, superseded, dropped) = (extra.addressed, extra.superseded, extra.dropped);
        let planned = Planned { addressed, superseded, dropped, ..Planned::default() };
        again(|| ledger.plan(&planned))?;
        ledger.waiting()
    }

    fn delivery(&self, outgoing: &Outgoing, now: Timestamp) -> Delivery {
        let mut rendered = (self.render)(outgoing, now);
        if let Some(reason) = fallback::reason(&outgoing.recipient, outgoing.alerts()) {
            rendered.body = format!("{}\n\n{}", text::wrap(&reason, ""), rendered.body);
        }
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

    fn send_due(&self, until: Instant, open: &mut Open, works: &mut Vec<Way>, drained: &mut Drained) -> Result<()> {
        let mut lanes: BTreeMap<Way, Lane> = BTreeMap::new();
        let ledgers = ledgers(self.own, self.shared);
        for (index, ledger) in ledgers.iter().enumerate() {
            let mut all = ledger.unsent()?;
            all.retain(|d| !(self.nomail && d.recipient.is_mail()));
            // New ones first, so that those which fail again and again never hold them up.
            all.sort_by_key(|d| d.attempts > 0);
            for unsent in all {
                let way = way_of(&unsent.recipient);
                let lane = lanes.entry(way).or_insert_with_key(|way| Lane::new(works.contains(way)));
                lane.push((index, unsent));
            }
        }
        let result = lanes::send(&mut lanes, open, self.open, until, &mut |(index, delivery), result| {
            ledgers.get(*index).map_or(Ok(()), |ledger| self.note(*ledger, delivery, result))
        });
        (drained.later, drained.refused) = (0, 0);
        for (way, lane) in lanes {
            let tally = lane.tally;
            drained.accepted += tally.accepted;
            drained.later += tally.later;
            drained.refused += tally.refused;
            drained.problem = tally.problem.or(drained.problem.take());
            if tally.accepted > 0 {
                works.push(way);
            }
        }
        result
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
        match result {
            SendResult::Accepted { .. } => tracing::info!("told {}: {}", delivery.recipient, delivery.subject),
            SendResult::Later { why } | SendResult::Refused { why } => {
                // Not an error line: that would be on stderr each minute, and cron mails it. The pass says it once an hour.
                tracing::warn!("not told {}: {} ({why})", delivery.recipient, delivery.subject);
            }
        }
        health::note(self.own, &delivery.recipient, result, at)
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

/// Waits for a live holder: it may have looked for work just before ours was committed.
fn take_lease(own: &dyn Own, holder: Uuid, is_gone: &dyn Fn(Uuid) -> bool, until: Instant) -> Result<bool> {
    let mut gone = Vec::new();
    loop {
        match own.lease(LEASE, holder, LEASE_TIME, &gone)? {
            None => return Ok(true),
            Some(other) if is_gone(other) && !gone.contains(&other) => gone.push(other),
            Some(_) if Instant::now() >= until => return Ok(false),
            Some(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// Does `work` while nobody drains; `None` if another process drains all the time `within`. `holder` is alive for
/// everybody meanwhile.
///
/// # Errors
/// Of the store, and of `work`.
pub fn undisturbed<T>(
    own: &dyn Own,
    holder: Uuid,
    is_gone: &dyn Fn(Uuid) -> bool,
    within: Duration,
    work: impl FnOnce() -> Result<T>,
) -> Result<Option<T>> {
    if !take_lease(own, holder, is_gone, Instant::now() + within)? {
        return Ok(None);
    }
    let result = work();
    own.release_lease(LEASE, holder)?;
    result.map(Some)
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
