//! A mail provider and the mailbox that proves mail.

use super::engine::{Sim, micros};
use super::sight;
use crate::decide::bound::Proof;
use crate::decide::pace::SEND;
use crate::decide::{Delivery, SendResult};
use std::time::Duration;

/// What a provider does with what it is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Provider {
    /// Delivers.
    #[default]
    Good,
    /// Refuses the login, or is away.
    Refuses,
    /// Refuses each message for good.
    Rejects,
    /// Takes and loses.
    Loses,
    /// Takes, and files as spam.
    Spams,
    /// Takes so many a day, then refuses for a day.
    Quota(u32),
    /// Delivers twice.
    Doubles,
}

/// The mailbox of the canaries.
#[derive(Clone, Debug, Default)]
pub(super) struct Mailbox {
    pub(super) down: bool,
    pub(super) holds: Vec<sight::Held>,
}

/// How one message fares at a node's provider. Time passes.
async fn submit(sim: &Sim, node: usize, until: Duration) -> Option<Result<Provider, SendResult>> {
    let took = {
        let mut world = sim.w();
        world.take(SEND).min(until)
    };
    sim.sleep(took).await;
    let mut world = sim.w();
    let now = world.now;
    let n = world.nodes.get_mut(node)?;
    if !n.uplink || !n.up {
        return Some(Err(SendResult::Later { why: "no way to the server".to_owned() }));
    }
    Some(match n.provider {
        Provider::Refuses => Err(SendResult::Later { why: "535 not you".to_owned() }),
        Provider::Rejects => Err(SendResult::Refused { why: "554 never".to_owned() }),
        Provider::Quota(most) => {
            let day = now - micros(Duration::from_secs(86_400));
            let sent = world.posted.iter().rev().filter(|p| p.from == node && p.taken > day).count();
            if sent < most as usize {
                Ok(Provider::Good)
            } else {
                Err(SendResult::Later { why: "452 quota".to_owned() })
            }
        }
        good => Ok(good),
    })
}

/// Sends one delivery.
pub(super) async fn send(sim: &Sim, node: usize, process: u64, delivery: &Delivery, left: Duration) -> SendResult {
    let taken = if delivery.recipient.is_mail() {
        submit(sim, node, left).await
    } else {
        let took = sim.w().take(SEND).min(left);
        sim.sleep(took).await;
        let up = sim.w().nodes.get(node).is_some_and(|n| n.uplink && n.up);
        Some(if up { Ok(Provider::Good) } else { Err(SendResult::Later { why: "no way out".to_owned() }) })
    };
    let result = match taken {
        Some(Ok(how)) => {
            let mut world = sim.w();
            let alerts = delivery.alerts.iter().map(|id| (id.clone(), super::outbox::kind_of(&world, node, id)));
            let alerts: Vec<_> = alerts.collect();
            world.post(node, &delivery.recipient, alerts, matches!(how, Provider::Good | Provider::Doubles));
            let carried: Vec<_> = delivery.alerts.iter().map(|id| (id.clone(), delivery.recipient.clone())).collect();
            if let Some(n) = world.nodes.get_mut(node) {
                n.owed.retain(|told| !carried.contains(told));
                n.unmarked = Some((process, carried));
            }
            SendResult::Accepted { answer: "250 ok".to_owned() }
        }
        Some(Err(result)) => result,
        None => SendResult::Later { why: String::new() },
    };
    sim.point(process).await;
    result
}

/// Sends one canary.
pub(super) async fn send_canary(sim: &Sim, node: usize, token: &str) -> SendResult {
    let sent = sim.w().now;
    let local = sim.w().nodes.get(node).is_some_and(|n| n.setup.proof == Proof::Local);
    let taken = if local { Some(Ok(Provider::Good)) } else { submit(sim, node, SEND).await };
    match taken {
        Some(Ok(how)) => {
            let mut world = sim.w();
            sight::lay(&mut world, node, token, how, sent);
            world.moment(node, super::world::Moment::CanaryTaken);
            SendResult::Accepted { answer: "250 ok".to_owned() }
        }
        Some(Err(result)) => result,
        None => SendResult::Later { why: String::new() },
    }
}
