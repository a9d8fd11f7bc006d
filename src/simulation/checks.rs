//! What must hold at every moment, and what must hold at the end.

use super::engine::{Micros, micros};
use super::world::World;
use crate::decide::mail::Known;
use crate::decide::{AlertId, Recipient};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A round may be behind by this: a duty, a drain, a pass.
const SLACK: Duration = Duration::from_secs(120);

/// I7, I8: somebody was answered `True`.
pub(super) fn is_true(world: &mut World, n: usize) {
    let now = world.now;
    let Some(node) = world.nodes.get(n).filter(|node| !node.odd_clock) else { return };
    let (pace, canaries, truth) = (node.setup.pace, node.setup.canaries, &node.truth);
    let old = |at: Option<Micros>, most: Duration| at.is_none_or(|at| now - at > micros(most));
    let mut lies = Vec::new();
    // What was true before a restart is believed for a while, but only once.
    let started = node.daemon.as_ref().is_some_and(|d| d.facts.pass.is_none());
    if old(if started { truth.believed } else { truth.served }, pace.stale + Duration::from_secs(1)) {
        lies.push("I7: no pass has served for too long");
    }
    if old(truth.proven, canaries.fresh() + SLACK) {
        lies.push("I7: no message of its own arrived for too long");
    }
    if !(started || truth.settings_ok && truth.state_ok) {
        lies.push("I7: settings or state are broken");
    }
    if node.setup.nomail && truth.nomail {
        lies.push("I7: mail is switched off");
    }
    if truth.overdue && !started {
        lies.push("I7: a class is overdue");
    }
    for lie in lies {
        let what = format!("{} said True. {lie}", world.nodes.get(n).map_or("?", |node| &node.name));
        world.fault(what);
    }
}

/// I8: only a round trip that began after the fault clears it.
pub(super) fn latched(world: &mut World, n: usize) {
    let at = world.clock(n);
    let Some(node) = world.nodes.get(n).filter(|node| !node.odd_clock) else { return };
    let known = node.kept.proof.known(&node.setup.canaries, at);
    let bad_before = node.daemon.as_ref().is_some_and(|d| matches!(d.facts.mail, Known::Bad(_)));
    if bad_before && matches!(known, Known::Proven(_)) {
        let (proven, wrong) = (node.truth.proven, node.truth.wrong);
        if proven.zip(wrong).is_none_or(|(proven, wrong)| proven < wrong) {
            let what = format!(
                "I8: {} mail counts as good again without a round trip that began later: {proven:?} {wrong:?} {:?}",
                node.name, node.kept.proof
            );
            world.fault(what);
        }
    }
}

/// I2 and I12, over the whole history.
pub(super) fn history(world: &mut World) {
    let mut counts: BTreeMap<(usize, AlertId, Recipient), u32> = BTreeMap::new();
    for posted in world.posted.iter().filter(|p| !p.first) {
        for (id, _) in &posted.alerts {
            *counts.entry((posted.from, id.clone(), posted.to.clone())).or_insert(0) += 1;
        }
    }
    let mut wrong = Vec::new();
    for ((from, id, to), count) in &counts {
        let excused = world.nodes.get(*from).and_then(|n| n.excused.get(&(id.clone(), to.clone()))).copied();
        if *count > 1 + excused.unwrap_or(0) {
            wrong.push(format!("I2: {to} was told {count} times of {}, step {}", id.job, id.step));
        }
    }
    let mut ends: BTreeSet<(usize, &AlertId, &Recipient)> = BTreeSet::new();
    let mut ended: BTreeMap<(usize, String, u32, &Recipient), u32> = BTreeMap::new();
    for posted in world.posted.iter().filter(|p| !p.first) {
        for (id, kind) in &posted.alerts {
            let first = ends.insert((posted.from, id, &posted.to));
            if first && kind.is_some_and(crate::decide::AlertKind::is_ending) {
                *ended.entry((posted.from, id.job.to_string(), id.episode, &posted.to)).or_insert(0) += 1;
            }
        }
    }
    for ((_, job, episode, to), count) in ended.iter().filter(|(_, count)| **count > 1) {
        wrong.push(format!("I12: {to} was told {count} ends of {job}, episode {episode}"));
    }
    wrong.extend(untrue(world));
    for what in wrong {
        world.fault(what);
    }
}

/// I1: what counts as told was sent.
fn untrue(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    for (n, node) in world.nodes.iter().enumerate() {
        let all = node.ledgers().into_iter().flat_map(|l| l.deliveries(usize::MAX).unwrap_or_default());
        for d in all.filter(|d| matches!(d.state, crate::decide::DeliveryState::Told { .. })) {
            let sent = |p: &super::world::Posted| {
                p.from == n && p.to == d.recipient && p.alerts.iter().map(|a| &a.0).eq(d.alerts.iter())
            };
            if !world.posted.iter().any(sent) {
                wrong.push(format!("I1: {} counts as told to {} and was never sent", d.id, d.recipient));
            }
        }
    }
    wrong
}

/// I12: who was told of a trouble is told of its end.
fn unended(world: &World) -> Vec<String> {
    let mut last: BTreeMap<(usize, String, &Recipient), bool> = BTreeMap::new();
    for posted in world.posted.iter().filter(|p| !p.first) {
        for (id, kind) in &posted.alerts {
            let ends = kind.is_some_and(crate::decide::AlertKind::is_ending);
            last.insert((posted.from, id.job.to_string(), &posted.to), ends);
        }
    }
    // Who dies between a server's yes and its mark does not know whom it told.
    let excused = |from: usize, job: &str, to: &Recipient| {
        let node = world.nodes.get(from);
        node.is_some_and(|n| n.excused.keys().any(|(id, who)| id.job.as_str() == job && who == to))
    };
    let open =
        last.into_iter().filter(|((from, job, to), ends)| !ends && job != "node:clock" && !excused(*from, job, to));
    open.map(|((_, job, to), _)| format!("I12: {to} was never told of the end of {job}")).collect()
}

/// After all has been healed for long enough: all words are `True`, nothing waits, nothing is open.
pub(super) fn healed(world: &mut World) {
    let mut wrong = unended(world);
    for node in world.nodes.iter().filter(|n| n.up && n.setup.daemon) {
        let word = super::poll::word(node, world.now);
        if word != Some(crate::decide::Word::True) {
            let daemon = node.daemon.as_ref().map(|d| &d.facts);
            wrong.push(format!("liveness: {} says {word:?}: {daemon:?}", node.name));
        }
        for ledger in node.ledgers() {
            if let Some(w) = ledger.waiting().unwrap_or_default().first() {
                wrong.push(format!("I1: {} still waits to tell {}", node.name, w.alert.id.job));
            }
            if let Some(d) = ledger.unsent().unwrap_or_default().first() {
                wrong.push(format!("I1: {} has not sent to {}: {:?}", node.name, d.recipient, d.state));
            }
        }
        for open in &node.kept.open {
            wrong.push(format!("liveness: {} still has {open} open", node.name));
        }
        wrong.extend(super::invariants::owed(node));
        for view in &node.kept.views {
            if view.bad > 0 {
                wrong.push(format!("liveness: {} still sees a peer badly", node.name));
            }
        }
    }
    for what in wrong {
        world.fault(what);
    }
}
