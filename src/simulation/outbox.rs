//! Judging troubles and draining the outbox, as pass and daemon do it.

use super::engine::{Micros, Sim, micros};
use super::invariants;
use super::mail;
use super::world::{World, at_offset};
use crate::decide::delivery::{self, Limits, Outgoing};
use crate::decide::fallback::{self, Ways};
#[cfg(test)]
use crate::decide::planted::{self, Bug};
use crate::decide::trouble::{Look, Trouble, judge as decide};
use crate::decide::{AlertId, AlertKind, Delivery, DeliveryState, JobState, Recipient, SendResult};
use crate::store::{Change, Ledger, Planned};
use checker_job::{JobId, Outcome, Timestamp, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A node and one of its processes.
pub(super) type At = (usize, u64);

const DRAIN: Duration = Duration::from_secs(20);
const SEND_MIN: Duration = Duration::from_secs(5);
const LEASE: Duration = Duration::from_secs(90);

/// Judges a trouble of the own group and commits what that changes. Whether there is something to tell.
pub(super) async fn judge(
    sim: &Sim,
    at: At,
    trouble: &Trouble,
    outcome: &Outcome,
    to: Option<&[Recipient]>,
    held: bool,
    now: Timestamp,
) -> bool {
    let quiet = sim.w().nodes.get(at.0).is_none_or(|n| !n.kept.open.contains(&trouble.id));
    if outcome.verdict == Verdict::Ok && quiet {
        return false;
    }
    sim.point(at.1).await;
    let told = sim.w().judge(at.0, trouble, outcome, to, held, now);
    sim.point(at.1).await;
    told
}

impl World {
    fn judge(
        &mut self,
        n: usize,
        trouble: &Trouble,
        outcome: &Outcome,
        to: Option<&[Recipient]>,
        held: bool,
        now: Timestamp,
    ) -> bool {
        self.note(|| format!("{n} {} {:?} {} held {held}", trouble.id, outcome.verdict, outcome.summary));
        let run = self.id();
        let Some(node) = self.nodes.get_mut(n) else { return false };
        let before = node.kept.own.states(std::slice::from_ref(&trouble.id)).unwrap_or_default().remove(&trouble.id);
        let mut wrong: Vec<String> = invariants::loaded(node, &trouble.id, before.as_ref()).into_iter().collect();
        let expected_seq = before.as_ref().map_or(0, |s| s.seq);
        let to = to.unwrap_or(&node.setup.contacts);
        let look = Look { outcome, to, held, run, now };
        let known = before.clone().unwrap_or_default();
        let Some((state, alerts)) = decide(before, trouble, &look) else { return false };
        wrong.extend(invariants::counted(&trouble.id, &known, &state, outcome.verdict));
        let told = !alerts.is_empty();
        let job = trouble.id.clone();
        if state.failure.is_some() || state.flapping.is_some() {
            node.kept.open.insert(job.clone())
        } else {
            node.kept.open.remove(&job)
        };
        node.kept.news |= told;
        node.kinds.extend(alerts.iter().map(|a| (a.id.clone(), a.kind)));
        let change = Change { job, expected_seq, state: Some(state), run: None, alerts, hour: None };
        let written = node.kept.own.commit(std::slice::from_ref(&change));
        invariants::committed(node, true, &change.job, &change.alerts);
        wrong.extend(written.err().map(|why| format!("a trouble could not be written: {why}")));
        self.faults(wrong);
        told
    }
}

/// What an alert says.
pub(super) fn kind_of(world: &World, n: usize, id: &AlertId) -> Option<AlertKind> {
    world.nodes.get(n)?.kinds.get(id).copied()
}

/// The states of a trouble.
pub(super) fn state_of(world: &World, n: usize, id: &JobId) -> Option<JobState> {
    world.nodes.get(n)?.kept.own.states(std::slice::from_ref(id)).unwrap_or_default().remove(id)
}

/// Whether this was told by us and nothing of it still waits.
pub(super) fn is_told(world: &World, n: usize, id: &JobId) -> bool {
    let told = state_of(world, n, id).and_then(|s| s.failure).is_some_and(|e| e.told_at.is_some());
    told && world.nodes.get(n).is_some_and(|node| {
        !node.kept.own.waiting().unwrap_or_default().iter().any(|w| w.alert.id.job == *id)
            && !node.kept.own.unsent().unwrap_or_default().iter().any(|d| d.alerts.iter().any(|a| a.job == *id))
    })
}

/// What a drain did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drained {
    /// Something is left.
    pub(super) left: bool,
}

/// Plans and sends what waits.
pub(super) async fn drain(sim: &Sim, at: At) -> Drained {
    let mut waited = Duration::ZERO;
    while !sim.w().take_lease(at) {
        if waited >= DRAIN {
            return Drained { left: true };
        }
        sim.sleep(Duration::from_millis(500)).await;
        waited += Duration::from_millis(500);
    }
    let until = sim.w().now + micros(DRAIN);
    let mut accepted = 0;
    for _ in 0..5 {
        sim.point(at.1).await;
        let made = sim.w().plan(at.0);
        sim.point(at.1).await;
        let before = accepted;
        send_due(sim, at, until, &mut accepted).await;
        if made == 0 || accepted == before || sim.w().now >= until {
            break;
        }
    }
    let mut world = sim.w();
    let Some(node) = world.nodes.get_mut(at.0) else { return Drained::default() };
    if node.lease.is_some_and(|(holder, _)| holder == at.1) {
        node.lease = None;
    }
    let left = node
        .ledgers()
        .iter()
        .any(|l| !l.waiting().unwrap_or_default().is_empty() || !l.unsent().unwrap_or_default().is_empty());
    node.kept.news = left;
    Drained { left }
}

impl World {
    fn take_lease(&mut self, at: At) -> bool {
        let now = self.now;
        let holder = self.nodes.get(at.0).and_then(|n| n.lease);
        #[cfg(test)]
        let holder = holder.filter(|_| !planted::is(Bug::TwoDrains));
        if holder.is_some_and(|(who, until)| until > now && self.lives(who)) {
            return false;
        }
        self.nodes.get_mut(at.0).into_iter().for_each(|n| n.lease = Some((at.1, now + micros(LEASE))));
        true
    }

    /// The wall clock of a node.
    pub(super) fn clock(&self, n: usize) -> Timestamp {
        at_offset(self.now, self.nodes.get(n).map_or(0, |node| node.offset))
    }

    fn plan(&mut self, n: usize) -> usize {
        let now = self.clock(n);
        let mut made = 0;
        for own in [true, false] {
            self.address_more(n, own, now);
            let Some(node) = self.nodes.get(n) else { break };
            let ledger: &dyn Ledger = if own { &node.kept.own } else { &node.kept.shared };
            let waiting = ledger.waiting().unwrap_or_default();
            if waiting.is_empty() {
                continue;
            }
            let day = now.minus(Duration::from_secs(86_400));
            let mut sent = node.kept.own.sent(day).unwrap_or_default();
            sent.extend(node.kept.shared.sent(day).unwrap_or_default());
            let plan = delivery::plan(now, &waiting, &sent, &Limits::default(), node.setup.nomail);
            let deliveries: Vec<Delivery> = plan.outgoing.iter().map(|o| render(o, self.id(), now)).collect();
            made += deliveries.len();
            let planned = Planned {
                deliveries,
                superseded: plan.superseded,
                dropped: plan.dropped,
                withheld: plan.withheld,
                ..Planned::default()
            };
            self.write_plan(n, own, &planned, now);
        }
        made
    }

    /// Whom else to tell because mail is broken.
    fn address_more(&mut self, n: usize, own: bool, now: Timestamp) {
        let Some(node) = self.nodes.get(n).filter(|node| node.setup.channel.is_some()) else { return };
        let ledger: &dyn Ledger = if own { &node.kept.own } else { &node.kept.shared };
        let (waiting, unsent) = (ledger.waiting().unwrap_or_default(), ledger.unsent().unwrap_or_default());
        let ways = Ways {
            channels: node.setup.channel.iter().map(|c| c.0.clone()).collect(),
            contacts: node.setup.contacts.clone(),
            mail_is_broken: node.kept.proof.is_bad(),
            broken: BTreeSet::new(),
            nomail: node.setup.nomail,
        };
        let listed = ledger.addressees(&fallback::episodes(&waiting, &unsent)).unwrap_or_default();
        let extra = fallback::extra(&waiting, &unsent, &listed, &ways);
        let planned = Planned {
            addressed: extra.addressed,
            superseded: extra.superseded,
            dropped: extra.dropped,
            ..Planned::default()
        };
        self.write_plan(n, own, &planned, now);
    }

    fn write_plan(&mut self, n: usize, own: bool, planned: &Planned, now: Timestamp) {
        let Some(node) = self.nodes.get_mut(n) else { return };
        if *planned == Planned::default() {
            return;
        }
        for (id, to, _) in &planned.dropped {
            node.owed.remove(&(id.clone(), to.clone()));
        }
        for (id, to) in &planned.withheld {
            node.owed.remove(&(id.clone(), to.clone()));
        }
        let ledger: &dyn Ledger = if own { &node.kept.own } else { &node.kept.shared };
        if let Err(why) = ledger.plan(planned) {
            self.fault(format!("a plan could not be written: {why}"));
            return;
        }
        if node.odd_clock || planned.deliveries.is_empty() {
            return;
        }
        let window = now.minus(Limits::default().window);
        let mut counts: BTreeMap<Recipient, usize> = BTreeMap::new();
        for ledger in node.ledgers() {
            for sent in ledger.sent(window).unwrap_or_default().iter().filter(|s| s.at > window) {
                *counts.entry(sent.recipient.clone()).or_insert(0) += 1;
            }
        }
        if let Some((to, count)) = counts.iter().find(|(_, c)| **c > Limits::default().burst) {
            let what = format!("I3: {count} messages to {to} within ten minutes");
            self.fault(what);
        }
    }

    fn mark(&mut self, at: At, own: bool, delivery: &Delivery, result: &SendResult) {
        let now = self.clock(at.0);
        #[cfg(test)]
        if planted::is(Bug::AcceptanceUnmarked) && matches!(result, SendResult::Accepted { .. }) {
            return;
        }
        #[cfg(test)]
        let said = SendResult::Accepted { answer: String::new() };
        #[cfg(test)]
        let result = if planted::is(Bug::ToldBeforeSent) { &said } else { result };
        let Some(node) = self.nodes.get_mut(at.0) else { return };
        let next = match result {
            SendResult::Accepted { .. } => now,
            SendResult::Later { .. } => now.plus(delivery::retry_after(delivery.attempts + 1)),
            SendResult::Refused { .. } => now.plus(delivery::REFUSED_RETRY),
        };
        let ledger: &dyn Ledger = if own { &node.kept.own } else { &node.kept.shared };
        let marked = ledger.mark(delivery.id, result, now, next);
        node.unmarked = node.unmarked.take().filter(|(who, _)| *who != at.1);
        match result {
            SendResult::Accepted { .. } => node.kept.failed = None,
            SendResult::Later { why } | SendResult::Refused { why } => node.kept.failed = Some((now, why.clone())),
        }
        if let Err(why) = marked {
            self.fault(format!("an answer could not be noted: {why}"));
        }
    }
}

fn render(outgoing: &Outgoing, id: uuid::Uuid, now: Timestamp) -> Delivery {
    Delivery {
        id,
        recipient: outgoing.recipient.clone(),
        alerts: outgoing.alerts().map(|a| a.id.clone()).collect(),
        subject: String::new(),
        body: String::new(),
        message_id: format!("<{id}>"),
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

async fn send_due(sim: &Sim, at: At, until: Micros, accepted: &mut u32) {
    let mut failed: Vec<Recipient> = Vec::new();
    let nomail = sim.w().nodes.get(at.0).is_some_and(|n| n.setup.nomail);
    for own in [true, false] {
        let mut all = {
            let world = sim.w();
            let Some(node) = world.nodes.get(at.0) else { return };
            let ledger: &dyn Ledger = if own { &node.kept.own } else { &node.kept.shared };
            ledger.unsent().unwrap_or_default()
        };
        // Each way out has a lane of its own: what mail takes holds up no channel.
        all.sort_by_key(|d| (d.recipient.is_mail(), d.attempts > 0));
        all.retain(|d| !(nomail && d.recipient.is_mail()));
        for unsent in all {
            let (now, left) = {
                let world = sim.w();
                (world.clock(at.0), Duration::from_micros(u64::try_from(until - world.now).unwrap_or(0)))
            };
            let refused = matches!(unsent.state, DeliveryState::Refused { .. });
            let works = *accepted > 0 && !refused;
            let may = (works || is_due(&unsent, now)) && failed.len() < 2 && left > SEND_MIN;
            if !may || failed.contains(&unsent.recipient) {
                continue;
            }
            let result = mail::send(sim, at.0, at.1, &unsent, left).await;
            sim.w().mark(at, own, &unsent, &result);
            sim.point(at.1).await;
            match result {
                SendResult::Accepted { .. } => *accepted += 1,
                SendResult::Later { .. } => failed.push(unsent.recipient),
                SendResult::Refused { .. } => {}
            }
        }
    }
}

fn is_due(delivery: &Delivery, now: Timestamp) -> bool {
    let wait = match delivery.state {
        DeliveryState::Refused { .. } => delivery::REFUSED_RETRY,
        _ => delivery::retry_after(delivery.attempts.max(1)),
    };
    delivery.next_try <= now || delivery.next_try > now.plus(wait)
}
