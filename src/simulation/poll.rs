//! One node asks another one.

use super::engine::Sim;
use super::node::{Answers, Node, Target};
use super::rng::Rng;
use super::world::{Moment, World};
use crate::decide::Word;
use crate::decide::bound::Proof;
use crate::decide::canary;
use crate::decide::health::{About, Facts};
use crate::decide::pace::ANSWER;
use crate::decide::peers::Heard;
use crate::decide::status::{NodeId, Sees, Status};
use checker_job::Timestamp;
use std::time::Duration;

/// Asks the `asked` peers of a node, all at once.
pub(super) async fn ask(sim: &Sim, n: usize, asked: &[usize]) -> Vec<(usize, Heard)> {
    let mut longest = Duration::ZERO;
    let mut answers = Vec::with_capacity(asked.len());
    for &at in asked {
        let (took, heard) = sim.w().question(n, at);
        longest = longest.max(took);
        answers.push((at, heard));
    }
    sim.sleep(longest).await;
    // Who was cut off meanwhile heard nothing.
    let mut world = sim.w();
    world.moment(n, Moment::Asked);
    for (at, heard) in &mut answers {
        let target = world.nodes.get(n).and_then(|node| node.setup.peers.get(*at)).map(|p| p.target);
        match target {
            Some(Target::Node(to)) if world.reaches(to, n) => world.moment(to, Moment::Answered),
            Some(Target::First(_)) if world.nodes.get(n).is_some_and(|node| node.uplink) => {}
            _ => *heard = Heard::Silent("it fell silent".to_owned()),
        }
    }
    answers
}

impl World {
    /// What a peer answers, and how long that takes. It answers at the beginning: what it says is as old as it may be.
    fn question(&mut self, n: usize, at: usize) -> (Duration, Heard) {
        let took = self.take(ANSWER);
        let Some(peer) = self.nodes.get(n).and_then(|node| node.setup.peers.get(at)) else {
            return (Duration::ZERO, Heard::Silent(String::new()));
        };
        let heard = match peer.target {
            Target::Node(to) => self.answer(n, to),
            Target::First(to) => match self.firsts.get(to).and_then(|f| f.word(self.now)) {
                Some(word) if self.nodes.get(n).is_some_and(|node| node.uplink) => Heard::Word(word),
                _ => Heard::Silent("no answer".to_owned()),
            },
        };
        // Nobody knows sooner that nobody answers.
        let took = if matches!(heard, Heard::Silent(_)) { self.silence(took) } else { took };
        (took, heard)
    }

    fn silence(&mut self, took: Duration) -> Duration {
        #[cfg(test)]
        if crate::decide::planted::is(crate::decide::planted::Bug::AskForEver) {
            return ANSWER * 60;
        }
        if self.rng.mille(500) { ANSWER.saturating_sub(Duration::from_millis(1)) } else { took }
    }

    fn answer(&mut self, n: usize, to: usize) -> Heard {
        let silent = |why: &str| Heard::Silent(why.to_owned());
        if !self.reaches(n, to) {
            return silent("no answer");
        }
        let (id, instance) = self.nodes.get(n).map(|a| (a.id.clone(), a.boot_id.clone())).unwrap_or_default();
        let (now, wall) = (self.now, self.clock(to));
        let Some(node) = self.nodes.get_mut(to) else { return silent("") };
        if !node.port || !node.setup.listens {
            return silent("no answer");
        }
        let known = node.setup.watched.iter().position(|w| w.node.as_ref() == Some(&id));
        let steady = steady(node, now);
        let Some(daemon) = node.daemon.as_mut().filter(|d| !d.hangs) else { return silent("refused") };
        let answers = node.answers;
        match answers {
            Answers::Garbage => return Heard::Garbled("no status".to_owned()),
            Answers::BareTrue => return Heard::Word(Word::True),
            Answers::Status | Answers::Lies => {}
        }
        if let (Some(known), Some(steady)) = (known, steady) {
            daemon.asked.insert(known, (steady, instance.clone()));
            if let Some(view) = node.kept.views.get_mut(known) {
                view.spoke(&instance, steady);
            }
        }
        let Some(mut status) = status(node, now, wall) else { return silent("") };
        if answers == Answers::Lies {
            lie(&mut status, &mut self.rng);
        } else if status.word == Some(Word::True) {
            super::checks::is_true(self, to);
        }
        Heard::Status(Box::new(status))
    }
}

/// The time of a node's daemon.
pub(super) fn steady(node: &Node, now: super::engine::Micros) -> Option<Timestamp> {
    let daemon = node.daemon.as_ref()?;
    Some(super::world::at_offset(now, daemon.offset))
}

/// The word of a node, as its daemon says it now.
pub(super) fn word(node: &Node, now: super::engine::Micros) -> Option<Word> {
    let at = steady(node, now)?;
    // A proof grows old while the daemon rests.
    let mail = node.kept.proof.known(&node.setup.canaries, at);
    node.daemon.as_ref().map(|d| Facts { mail, ..d.facts.clone() }.word(at))
}

pub(super) fn status(node: &mut Node, now: super::engine::Micros, wall: Timestamp) -> Option<Status> {
    let at = steady(node, now)?;
    let (id, instance) = (node.id.clone(), node.boot_id.clone());
    let canary_seen = super::sight::seen(node);
    let daemon = node.daemon.as_mut()?;
    daemon.facts.mail = node.kept.proof.known(&node.setup.canaries, at);
    daemon.seq += 1;
    let (sees, said) = &daemon.sees;
    let older = at.since(*said).as_secs();
    let mut sees: Vec<Sees> = sees.clone();
    for seen in &mut sees {
        seen.polled_s = seen.polled_s.saturating_add(older);
    }
    for (known, (asked, by)) in &daemon.asked {
        let id = node.setup.watched.get(*known).and_then(|w| w.node.as_ref());
        if let Some(seen) = sees.iter_mut().find(|s| Some(&s.node) == id) {
            seen.asked_s = Some(at.since(*asked).as_secs());
            seen.asked_by.clone_from(by);
        }
    }
    let canary_out = canary::out(&node.kept.proof, &node.setup.lookers);
    let about = About {
        node: id,
        instance,
        seq: daemon.seq,
        version: String::new(),
        told_self: daemon.told_self,
        away: node.away,
        sees,
        mail_by: if node.setup.lookers.is_empty() { String::new() } else { "peer".to_owned() },
        looks: node.setup.proof == Proof::Mailbox && !node.sought.blind && node.kept.proof.blind_since.is_none(),
        canary_out,
        canary_seen,
    };
    let mut status = daemon.facts.status(about, at);
    status.at = wall.secs();
    Some(status)
}

/// All is well here, nothing with others, and somebody else has told it.
fn lie(status: &mut Status, rng: &mut Rng) {
    status.word = Some(Word::True);
    status.told_self = rng.mille(500);
    status.at += if rng.mille(200) { 1_000_000 } else { 0 };
    status.away_until = rng.mille(200).then_some(status.at + 1_000_000);
    for seen in &mut status.sees {
        (seen.ok, seen.there, seen.told) = (false, rng.mille(500), rng.mille(500));
        seen.polled_s = 0;
        seen.asked_s = Some(0);
    }
}

/// What a pass tells its daemon of the peers.
pub(super) fn sees(node: &Node, now: Timestamp) -> Vec<Sees> {
    let pairs = node.setup.watched.iter().zip(&node.kept.views).zip(&node.setup.peers);
    pairs
        .filter(|(_, peer)| peer.listed)
        .filter_map(|((watched, view), _)| {
            let asked = view.asked?;
            Some(Sees {
                node: watched.node.clone().unwrap_or(NodeId(String::new())),
                ok: view.is_ok(),
                there: view.is_there(),
                polled_s: now.since(asked).as_secs(),
                told: view.told,
                link: view.bad > 0 && view.link,
                asked_s: None,
                asked_by: String::new(),
            })
        })
        .filter(|s| !s.node.0.is_empty())
        .collect()
}
