//! Who sees that a canary has arrived: the node itself, a peer, or a human who types its code.

use super::engine::{Micros, Sim, micros};
use super::mail::Provider;
use super::node::Node;
use super::outbox::At;
use super::poll;
use super::world::{Moment, World};
use crate::decide::bound::Proof;
use crate::decide::canary;
use crate::decide::mail::Place;
use crate::decide::pace::LOOK;
use crate::decide::peers::View;
use crate::decide::status::{CanarySeen, NodeId};
use checker_job::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// A canary that lies in a mailbox.
#[derive(Clone, Debug)]
pub(super) struct Held {
    token: String,
    /// When it is to be seen there.
    arrives: Micros,
    place: Place,
}

/// What a peer has found of others, and its looks for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Sought {
    pub(super) seen: Vec<(NodeId, String, Place)>,
    looked: Option<Timestamp>,
    pub(super) blind: bool,
}

/// Between two looks for peers.
const PAUSE: Duration = Duration::from_secs(60);
/// The daemon is woken by what a pass reports of its peers; here it looks each so often.
const AWAKE: Duration = Duration::from_secs(5);
/// A status may be so much older than polls make it.
const LATE: Duration = Duration::from_secs(30);

/// A provider has taken a canary of this node.
pub(super) fn lay(world: &mut World, n: usize, token: &str, how: Provider, sent: Micros) {
    let latency = world.latency;
    let mut arrives = world.now + micros(world.take(latency));
    let Some(proof) = world.nodes.get(n).map(|node| node.setup.proof) else { return };
    let to = if proof == Proof::Peer { world.looker(n) } else { Some(n) };
    if proof == Proof::Human {
        // It waits for a human, who does not see what is not in front of them.
        let within = world.nodes.get(n).map_or(PAUSE, |node| node.setup.canaries.within);
        arrives += micros(world.rng.time(within / 2));
        let hidden =
            world.nodes.get(n).is_some_and(|n| n.setup.contacts.iter().any(|c| world.blind_inboxes.contains(c)));
        if hidden || how == Provider::Spams {
            return;
        }
    }
    let place = if how == Provider::Spams { Place::Spam } else { Place::Arrived };
    if let Some(node) = to.and_then(|to| world.nodes.get_mut(to)).filter(|_| how != Provider::Loses) {
        node.mailbox.holds.push(Held { token: token.to_owned(), arrives, place });
    }
    world.nodes.get_mut(n).into_iter().for_each(|node| _ = node.truth.sent.insert(token.to_owned(), sent));
}

impl World {
    /// In whose mailbox this node's canaries are looked for.
    fn looker(&self, n: usize) -> Option<usize> {
        let id = self.nodes.get(n)?.setup.lookers.first()?;
        self.nodes.iter().position(|node| node.id == *id)
    }
}

/// What has become of these canaries.
pub(super) async fn look(sim: &Sim, n: usize, tokens: &[String]) -> Result<Vec<(String, Place)>, String> {
    let proof = sim.w().nodes.get(n).map(|node| node.setup.proof);
    let found = match proof {
        Some(Proof::Peer) => told(&sim.w(), n, tokens)?,
        Some(Proof::Human) => taken(&mut sim.w(), n, tokens),
        _ => read(sim, n, tokens).await?,
    };
    let mut world = sim.w();
    let Some(node) = world.nodes.get_mut(n) else { return Err(String::new()) };
    for (token, _) in found.iter().filter(|f| f.1 == Place::Arrived) {
        let sent = node.truth.sent.remove(token);
        node.truth.proven = node.truth.proven.max(sent);
    }
    Ok(found)
}

/// A look into the mailbox: what was there when the search began.
async fn read(sim: &Sim, n: usize, tokens: &[String]) -> Result<Vec<(String, Place)>, String> {
    let begun = sim.w().now;
    let took = sim.w().take(LOOK);
    sim.sleep(took).await;
    let mut world = sim.w();
    let Some(node) = world.nodes.get_mut(n) else { return Err(String::new()) };
    let here = node.setup.proof == Proof::Local;
    if !(node.uplink || here) || node.mailbox.down {
        return Err("the mailbox cannot be reached".to_owned());
    }
    Ok(take(node, begun, tokens))
}

/// What a human has typed by now.
fn taken(world: &mut World, n: usize, tokens: &[String]) -> Vec<(String, Place)> {
    let now = world.now;
    world.nodes.get_mut(n).map(|node| take(node, now, tokens)).unwrap_or_default()
}

fn take(node: &mut Node, at: Micros, tokens: &[String]) -> Vec<(String, Place)> {
    let there = |h: &Held| h.arrives <= at && tokens.contains(&h.token);
    let found = node.mailbox.holds.iter().filter(|h| there(h)).map(|h| (h.token.clone(), h.place)).collect();
    node.mailbox.holds.retain(|h| !there(h));
    found
}

fn views(node: &Node) -> BTreeMap<String, View> {
    node.setup.watched.iter().map(|w| w.name.clone()).zip(node.kept.views.iter().cloned()).collect()
}

fn limit(node: &Node) -> Duration {
    (node.setup.pace.poll + node.setup.pace.passes) * 2 + LATE
}

/// What the peers say that look for us.
fn told(world: &World, n: usize, tokens: &[String]) -> Result<Vec<(String, Place)>, String> {
    let Some((node, now)) = world.nodes.get(n).and_then(|node| Some((node, poll::steady(node, world.now)?))) else {
        return Err(String::new());
    };
    canary::found(tokens, (&node.setup.watched, &node.setup.lookers), &views(node), &node.id, limit(node), now)
}

/// What our status says of what we found for peers.
pub(super) fn seen(node: &Node) -> Vec<CanarySeen> {
    canary::seen(&node.sought.seen)
}

/// Looks for canaries of peers in our own mailbox; when to come back.
pub(super) async fn seek(sim: &Sim, at: At) -> Option<Timestamp> {
    let wanted = {
        let world = sim.w();
        let node = world.nodes.get(at.0).filter(|node| node.setup.proof == Proof::Mailbox)?;
        let now = poll::steady(node, world.now)?;
        let sends = |view: &View| view.status.as_ref().is_some_and(|s| s.mail.by == "peer");
        if !node.kept.views.iter().any(sends) {
            // One that has not been heard of yet may be such a one.
            return node.setup.seeks.then(|| now.plus(AWAKE));
        }
        let mut wanted = canary::wanted(&node.setup.watched, &views(node), &node.id, limit(node), now);
        wanted.retain(|(of, token)| !node.sought.seen.iter().any(|(o, t, _)| o == of && t == token));
        let due = node.sought.looked.is_none_or(|at| now.since(at) >= PAUSE.min(node.setup.pace.quick));
        if wanted.is_empty() || !due {
            return Some(now.plus(AWAKE));
        }
        wanted
    };
    let tokens: Vec<String> = wanted.iter().map(|(_, token)| token.clone()).collect();
    let found = read(sim, at.0, &tokens).await;
    let mut world = sim.w();
    world.moment(at.0, Moment::CanarySeen);
    let moment = world.now;
    let node = world.nodes.get_mut(at.0)?;
    let now = poll::steady(node, moment)?;
    node.sought.looked = Some(now);
    node.sought.blind = found.is_err();
    for (token, place) in found.unwrap_or_default() {
        if let Some((of, _)) = wanted.iter().find(|(_, t)| *t == token) {
            node.sought.seen.push((of.clone(), token, place));
        }
    }
    Some(now.plus(AWAKE))
}
