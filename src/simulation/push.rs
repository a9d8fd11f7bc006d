//! A node that cannot be asked brings its status to its peers.

use super::engine::Sim;
use super::node::Target;
use super::outbox::At;
use super::poll;
use super::world::World;
use crate::decide::pace::{ANSWER, DAEMON};
use crate::decide::peers::Brought;
use crate::decide::status::Status;
use checker_job::Timestamp;
use std::time::Duration;

/// Whether this node brings its status to anybody.
pub(super) fn brings(world: &World, n: usize) -> bool {
    world
        .nodes
        .get(n)
        .is_some_and(|node| node.setup.watched.iter().zip(&node.setup.peers).any(|(w, p)| w.push && p.listed))
}

/// After the first wave of a pass: the daemon hears of it, says its status, and that goes to all at once.
pub(super) async fn push(sim: &Sim, at: At) {
    let n = at.0;
    for _ in 0..2 {
        let took = sim.w().take(DAEMON);
        sim.sleep(took).await;
    }
    sim.point(at.1).await;
    let (status, to, took) = {
        let mut world = sim.w();
        let (now, wall) = (world.now, world.clock(n));
        let Some(node) = world.nodes.get_mut(n) else { return };
        if !node.daemon_answers() {
            return;
        }
        let Some(status) = poll::status(node, now, wall) else { return };
        let pairs = node.setup.watched.iter().zip(&node.setup.peers);
        let to: Vec<Target> = pairs.filter(|(w, p)| w.push && p.listed).map(|(_, p)| p.target).collect();
        (status, to, world.take(ANSWER))
    };
    sim.sleep(took).await;
    let mut world = sim.w();
    for target in to {
        if let Target::Node(to) = target
            && world.reaches(n, to)
            && take(&mut world, n, to, &status) == Some(false)
            && let Some(daemon) = world.nodes.get_mut(n).and_then(|node| node.daemon.as_mut())
        {
            daemon.seq = daemon.seq.saturating_add(1 << 32);
        }
    }
}

/// The daemon of `to` takes it; `Some(false)`: it knows a newer one.
fn take(world: &mut World, n: usize, to: usize, status: &Status) -> Option<bool> {
    let (id, now) = (world.nodes.get(n).map(|node| node.id.clone()), world.now);
    let node = world.nodes.get_mut(to).filter(|node| node.port && node.setup.listens)?;
    let known = node.setup.watched.iter().position(|w| w.node == id && w.pushes);
    let known = known.filter(|at| node.setup.peers.get(*at).is_some_and(|p| p.listed));
    let steady = poll::steady(node, now);
    let daemon = node.daemon.as_mut().filter(|d| !d.hangs)?;
    if let (Some(known), Some(steady)) = (known, steady) {
        if daemon.highest.get(&known).is_some_and(|highest| *highest >= status.seq) {
            return Some(false);
        }
        daemon.highest.insert(known, status.seq);
        daemon.brought.insert(known, (status.clone(), steady));
        node.kept.views.get_mut(known).into_iter().for_each(|view| view.spoke(&status.instance, steady));
    }
    world.moment(n, super::world::Moment::Answered);
    Some(true)
}

/// What a pass of this node learns from its daemon of what was brought. `None`: it does not answer.
pub(super) fn brought(world: &World, n: usize, said: Timestamp) -> Option<Brought> {
    let node = world.nodes.get(n).filter(|node| node.daemon_answers())?;
    let (now, daemon) = (poll::steady(node, world.now)?, node.daemon.as_ref()?);
    let whole = |at: &Timestamp| Duration::from_secs(now.since(*at).as_secs());
    let newest = daemon.brought.iter().filter_map(|(known, (status, at))| {
        let id = node.setup.watched.get(*known)?.node.clone()?;
        Some((id, (status.clone(), whole(at))))
    });
    Some(Brought { up: whole(&daemon.facts.started), said, newest: newest.collect() })
}
