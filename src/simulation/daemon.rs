//! The daemon: one duty after the other, and sleep between.

use super::engine::{Micros, Sim};
use super::mail;
use super::node::Daemon;
use super::outbox::{At, drain, is_told, judge};
use super::poll;
use super::sight;
use super::world::{Moment, World};
use crate::decide::SendResult;
use crate::decide::Word;
use crate::decide::health::{self, Facts};
use crate::decide::lack::{Lacks, Patience};
use crate::decide::mail::{Duty, Known};
use crate::node as troubles;
use checker_job::{Timestamp, Verdict};
use std::rc::Rc;
use std::time::Duration;

const RETRY: Duration = Duration::from_secs(60);
const REMIND: Duration = Duration::from_secs(600);

/// From its start to its end, which is a kill.
pub(super) async fn run(sim: Rc<Sim>, n: usize, process: u64) {
    let at = (n, process);
    let starting = {
        let mut world = sim.w();
        let passes = world.nodes.get(n).map_or(super::pass::CRON_LATE, |node| node.setup.pace.passes);
        // Sooner than a second pass may miss it.
        world.take(super::pass::CRON_LATE.min(passes / 4))
    };
    sim.sleep(starting).await;
    if !start(&mut sim.w(), at) {
        return;
    }
    loop {
        // One that hangs does nothing any more, and is asked in vain.
        while sim.w().nodes.get(n).is_some_and(|node| !node.daemon_answers()) {
            sim.sleep(Duration::from_secs(3_600)).await;
        }
        let wake = turn(&sim, at).await;
        let now = now(&sim.w(), n);
        let wait = wake.since(now).max(Duration::from_millis(10));
        sim.sleep(wait).await;
    }
}

/// The daemon's own time: its clock never steps.
fn now(world: &World, n: usize) -> Timestamp {
    world.nodes.get(n).and_then(|node| poll::steady(node, world.now)).unwrap_or_default()
}

fn start(world: &mut World, (n, process): At) -> bool {
    let (now, moment) = (world.clock(n), world.now);
    let Some(node) = world.nodes.get_mut(n) else { return false };
    if node.daemon.is_some() {
        return false;
    }
    node.kept.proof.mend(now);
    node.truth.believed = node.truth.believed.or(Some(moment));
    let facts = Facts {
        pass: None,
        started: now,
        // Believed once: who is killed before its first pass leaves nothing to believe.
        before: node.kept.before.take(),
        mail: node.kept.proof.known(&node.setup.canaries, now),
        nomail: node.setup.nomail,
        daemon_ok: true,
        pace: node.setup.pace,
    };
    node.daemon = Some(Daemon {
        process,
        facts,
        lacks: Lacks::default(),
        offset: node.offset,
        asked: std::collections::BTreeMap::new(),
        well_since: std::collections::BTreeMap::new(),
        brought: std::collections::BTreeMap::new(),
        highest: node.highest(),
        sees: (Vec::new(), now),
        told_self: false,
        hangs: false,
        seq: u64::try_from(moment).unwrap_or_default(),
        retry: None,
        tell: true,
    });
    true
}

/// Does what is due, in the order of `daemon::duties`: what is to be told leaves before the next step of the proof. The
/// answer is when to come back.
async fn turn(sim: &Sim, at: At) -> Timestamp {
    loop {
        let wake = watch_passes(sim, at).await.min(watch_watchers(sim, at).await);
        if sim.w().nodes.get(at.0).is_none_or(|n| n.daemon.is_none()) {
            return now(&sim.w(), at.0);
        }
        if tells(&mut sim.w(), at.0) {
            send_waiting(sim, at).await;
        }
        let Some(proved) = prove(sim, at).await else { continue };
        let sought = sight::seek(sim, at).await.unwrap_or(proved);
        if sim.w().nodes.get(at.0).and_then(|n| n.daemon.as_ref()).is_some_and(|d| d.tell) {
            continue;
        }
        settle(&mut sim.w(), at.0);
        sim.point(at.1).await;
        let world = sim.w();
        let retry = world.nodes.get(at.0).and_then(|n| n.daemon.as_ref()).and_then(|d| d.retry);
        let wake = wake.min(proved).min(sought);
        return retry.map_or(wake, |r| wake.min(r));
    }
}

/// Whether the outbox is to be looked into now.
fn tells(world: &mut World, n: usize) -> bool {
    let now = now(world, n);
    let daemon = world.nodes.get_mut(n).and_then(|n| n.daemon.as_mut());
    daemon.is_some_and(|d| std::mem::take(&mut d.tell) || d.retry.is_some_and(|r| r <= now))
}

async fn send_waiting(sim: &Sim, at: At) {
    let left = sim.w().nodes.get(at.0).is_some_and(|n| n.kept.news) && drain(sim, at).await.left;
    let mut world = sim.w();
    let now = now(&world, at.0);
    if let Some(daemon) = world.nodes.get_mut(at.0).and_then(|n| n.daemon.as_mut()) {
        daemon.retry = left.then(|| now.plus(RETRY));
    }
    note_refusals(&mut world, at.0);
}

/// What the outbox could not get rid of is news about mail too.
fn note_refusals(world: &mut World, n: usize) {
    let now = now(world, n);
    let moment = world.now;
    let Some(node) = world.nodes.get_mut(n).filter(|node| node.setup.canaries.provable) else { return };
    let Some((at, why)) = node.kept.failed.clone() else { return };
    let proof = &mut node.kept.proof;
    if proof.wrong_at.is_none_or(|known| known < at) && proof.proven.is_none_or(|p| p.sent < at) {
        proof.refused(&why, at.min(now));
        node.truth.went_wrong(moment);
    }
}

/// Canaries out, canaries in: one step of it. `None`: another one may be due.
async fn prove(sim: &Sim, at: At) -> Option<Timestamp> {
    note_refusals(&mut sim.w(), at.0);
    let (duty, token) = {
        let mut world = sim.w();
        let now = now(&world, at.0);
        let token = world.id().to_string();
        let Some(node) = world.nodes.get(at.0) else { return Some(now) };
        if node.daemon.as_ref().is_some_and(|d| d.facts.nomail) {
            return Some(now.plus(REMIND));
        }
        match node.kept.proof.next(&node.setup.canaries, now) {
            Err(wake) => return Some(wake),
            Ok(duty) => (duty, token),
        }
    };
    match duty {
        Duty::Send => send(sim, at, token).await,
        Duty::Look => look(sim, at).await,
    }
    sim.point(at.1).await;
    let (outcome, threshold, now) = {
        let mut world = sim.w();
        let now = now(&world, at.0);
        super::checks::latched(&mut world, at.0);
        let node = world.nodes.get_mut(at.0)?;
        let policy = node.setup.canaries;
        if let Some(daemon) = &mut node.daemon {
            daemon.facts.mail = node.kept.proof.known(&policy, now);
        }
        (node.kept.proof.outcome(&policy, now), node.kept.proof.threshold(), now)
    };
    if let Some(outcome) = outcome {
        let told = judge(sim, at, &troubles::mail(threshold), &outcome, None, false, now).await;
        tell(&mut sim.w(), at.0, told);
    }
    None
}

fn tell(world: &mut World, n: usize, told: bool) {
    if let Some(daemon) = world.nodes.get_mut(n).and_then(|node| node.daemon.as_mut()) {
        daemon.tell |= told;
    }
}

async fn send(sim: &Sim, at: At, token: String) {
    {
        let mut world = sim.w();
        let now = now(&world, at.0);
        world.nodes.get_mut(at.0).into_iter().for_each(|n| n.kept.proof.sent(token.clone(), now));
    }
    sim.point(at.1).await;
    let result: SendResult = mail::send_canary(sim, at.0, &token).await;
    sim.point(at.1).await;
    let mut world = sim.w();
    let (now, moment) = (now(&world, at.0), world.now);
    let Some(node) = world.nodes.get_mut(at.0) else { return };
    node.kept.proof.answered(&token, &result, now);
    if !matches!(result, SendResult::Accepted { .. }) {
        node.truth.went_wrong(moment);
    }
}

async fn look(sim: &Sim, at: At) {
    let tokens: Vec<String> = {
        let world = sim.w();
        world.nodes.get(at.0).map(|n| n.kept.proof.out.iter().map(|c| c.token.clone()).collect()).unwrap_or_default()
    };
    let found = sight::look(sim, at.0, &tokens).await;
    let mut world = sim.w();
    let (now, moment) = (now(&world, at.0), world.now);
    let Some(node) = world.nodes.get_mut(at.0) else { return };
    match found {
        Ok(found) => {
            let policy = node.setup.canaries;
            let before = node.kept.proof.wrong_at;
            node.kept.proof.looked(&found, &policy, now);
            if node.kept.proof.wrong_at != before {
                node.truth.went_wrong(moment);
            }
            if !found.is_empty() {
                world.moment(at.0, Moment::CanarySeen);
            }
        }
        Err(why) => node.kept.proof.blind(&why, now),
    }
}

async fn watch_passes(sim: &Sim, at: At) -> Timestamp {
    let trouble = troubles::passes();
    let (outcome, again, now) = {
        let mut world = sim.w();
        let now = now(&world, at.0);
        let Some(daemon) = world.nodes.get_mut(at.0).and_then(|n| n.daemon.as_mut()) else { return now };
        let facts = &daemon.facts;
        let again = daemon.lacks.look(&trouble.id, facts.passes_age(now), facts.pace.passes_missed(), now);
        (facts.passes(now), again, now)
    };
    if let Some(outcome) = outcome.filter(|o| o.verdict == Verdict::Ok || again.is_none()) {
        let told = judge(sim, at, &trouble, &outcome, None, false, now).await;
        tell(&mut sim.w(), at.0, told);
    }
    again.unwrap_or(now.plus(REMIND))
}

async fn watch_watchers(sim: &Sim, at: At) -> Timestamp {
    let (count, now) = {
        let world = sim.w();
        let now = now(&world, at.0);
        let Some(node) = world.nodes.get(at.0).filter(|n| n.setup.listens) else { return now.plus(REMIND) };
        (node.setup.watched.len(), now)
    };
    let mut wake = now.plus(REMIND);
    for peer in 0..count {
        let Some((name, asked, up, patience)) = watch_of(&sim.w(), at.0, peer) else { continue };
        let trouble = troubles::unwatched(&name);
        let again = {
            let mut world = sim.w();
            let daemon = world.nodes.get_mut(at.0).and_then(|n| n.daemon.as_mut());
            daemon.and_then(|d| d.lacks.look(&trouble.id, asked.unwrap_or(up), patience, now))
        };
        wake = again.map_or(wake, |again| wake.min(again));
        if let Some(outcome) = health::unwatched(&name, asked, up, patience.limit) {
            let away =
                sim.w().nodes.get(at.0).and_then(|n| n.kept.views.get(peer)).is_some_and(|view| view.is_away(now));
            let bad = outcome.verdict != Verdict::Ok;
            if bad && (again.is_some() || away) {
                wake = if away { wake.min(now.plus(RETRY)) } else { wake };
                continue;
            }
            let told = judge(sim, at, &trouble, &outcome, None, false, now).await;
            tell(&mut sim.w(), at.0, told);
        }
    }
    wake
}

/// How long ago a peer asked, and for how long that can be expected of it.
fn watch_of(world: &World, n: usize, peer: usize) -> Option<(String, Option<Duration>, Duration, Patience)> {
    let now = now(world, n);
    let node = world.nodes.get(n)?;
    let watched = node.setup.watched.get(peer)?;
    watched.node.as_ref().filter(|_| !watched.push)?;
    if !node.setup.peers.get(peer)?.listed {
        return None;
    }
    let daemon = node.daemon.as_ref()?;
    let since = daemon.well_since.get(&peer).map_or(Duration::ZERO, |at| now.since(*at));
    let up = now.since(daemon.facts.started).min(since);
    let asked = daemon.asked.get(&peer).map(|(at, _)| now.since(*at).min(up.max(Duration::from_secs(1))));
    Some((watched.name.clone(), asked, up, daemon.facts.pace.askers_missed()))
}

/// What follows for others.
fn settle(world: &mut World, n: usize) {
    let (now, moment): (Timestamp, Micros) = (now(world, n), world.now);
    let Some(node) = world.nodes.get(n) else { return };
    let word = poll::word(node, moment);
    let remembered = node.daemon.as_ref().and_then(|d| d.facts.remembered(now));
    let proven = node.daemon.as_ref().is_some_and(|d| matches!(d.facts.mail, Known::Proven(_)));
    let mine = node.kept.open.iter().filter(|id| troubles::is_trouble(id));
    let told = word == Some(Word::JobProblem) && proven && mine.clone().any(|id| is_told(world, n, id));
    let Some(node) = world.nodes.get_mut(n) else { return };
    node.kept.before = remembered;
    let policy = node.setup.canaries;
    let Some(daemon) = &mut node.daemon else { return };
    daemon.told_self = told;
    daemon.facts.mail = node.kept.proof.known(&policy, now);
}
