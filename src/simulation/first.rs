//! A first program as a peer: it asks by the hour, believes any page with the letters `True`, and mails at once.

use super::engine::{Event, Micros, micros};
use super::world::{Posted, World};
use crate::decide::{AlertId, Recipient, Word};
use checker_job::JobId;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const TIMEOUT: Duration = Duration::from_secs(5);

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct First {
    /// The node that it watches, and that node's admin as it knows him.
    pub(super) watches: usize,
    pub(super) admin: Recipient,
    pub(super) up: bool,
    /// It could not send mail in this minute; that is what it says for one minute.
    pub(super) mail_failed: Option<Micros>,
    /// Its minute runs come.
    pub(super) runs: bool,
}

impl First {
    /// What it says of itself.
    pub(super) fn word(&self, now: Micros) -> Option<Word> {
        if !self.up {
            return None;
        }
        if !self.runs {
            return Some(Word::JobProblem);
        }
        let failed = self.mail_failed.is_some_and(|at| now - at < micros(Duration::from_secs(60)) && now >= at);
        Some(if failed { Word::MailProblem } else { Word::True })
    }
}

/// Whether this node gives an answer that a first program reads.
fn says(node: &super::node::Node) -> bool {
    matches!(node.answers, super::node::Answers::Status | super::node::Answers::Lies)
}

/// When its next hour strikes.
pub(super) fn schedule(world: &mut World, at: usize) {
    let hour = micros(HOUR);
    let late = micros(world.take(super::pass::CRON_LATE));
    let next = (world.now.div_euclid(hour) + 1) * hour + late;
    world.queue.add(next, Event::First(at));
}

/// It asks.
pub(super) fn polls(world: &mut World, at: usize) {
    schedule(world, at);
    let Some(first) = world.firsts.get(at).filter(|f| f.up).cloned() else { return };
    let n = first.watches;
    let answered =
        world.nodes.get(n).filter(|node| node.up && node.uplink && node.port && node.setup.listens && says(node));
    let body = answered.and_then(|node| super::poll::word(node, world.now).filter(|_| node.daemon_answers()));
    // Any page with these letters in it.
    let believes = body.is_some_and(|word| word.as_str().contains("True"));
    if believes {
        world.moment(n, super::world::Moment::Answered);
        super::checks::is_true(world, n);
        return;
    }
    let took = if body.is_some() { Duration::ZERO } else { world.take(TIMEOUT) };
    let sending = world.take(crate::decide::pace::SEND);
    let latency = world.take(world.latency);
    let taken = world.now + micros(took + sending);
    let name = world.nodes.get(n).map(|node| node.name.clone()).unwrap_or_default();
    let alert = AlertId { job: JobId::literal(format!("peer:{name}")), episode: 0, step: 0 };
    let seen = (!world.blind_inboxes.contains(&first.admin)).then_some(taken + micros(latency));
    let alerts = vec![(alert, None)];
    world.posted.push(Posted { from: usize::MAX, to: first.admin, alerts, taken, seen, first: true });
}
