//! What the daemon knows at this moment: written by its duties and by passes, read by whoever asks.

use crate::clock::{self, Steady};
use crate::control::Answer;
use crate::decide::Word;
use crate::decide::canary;
use crate::decide::health::{About, Facts, PassReport};
use crate::decide::mail::{Canaries, Proof};
use crate::decide::status::{CanarySeen, NodeId, Sees, Status};
use crate::store::{Own, Result};
use checker_job::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// No step of the duties takes longer, whatever a server or a disk does.
const STEP: Duration = Duration::from_secs(90);
/// So many changes of the asking machine are remembered of each peer.
const ASKERS_MAX: usize = 8;
/// Our first number of this start, in the own group.
const SEQ: &str = "status_seq";
const DAY: Duration = Duration::from_secs(86_400);

/// Shared by the duties and the listeners. Nobody holds it while waiting for anything.
#[derive(Clone, Debug)]
pub struct Knowledge(Arc<Mutex<Known>>);

/// A peer's last signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// Which machine it said to be.
    pub instance: String,
}

/// All of it. Times are those of the steady clock: a step of the wall clock makes nothing look fresh or stale.
#[derive(Clone, Debug)]
pub struct Known {
    clock: Steady,
    /// Facts that the word follows from.
    pub facts: Facts,
    /// The settings file loaded when it was last read.
    pub settings_ok: bool,
    /// What is known of round trips, and how mail is proved.
    pub proof: (Proof, Canaries),
    /// This node.
    pub node: NodeId,
    /// This running machine.
    pub instance: String,
    /// See [`Status::told_self`].
    pub told_self: bool,
    /// A planned absence.
    pub away: Option<Timestamp>,
    /// How passes see the peers, and when that was said.
    pub sees: (Vec<Sees>, Timestamp),
    /// Since when each peer has answered our passes.
    pub well_since: BTreeMap<NodeId, Timestamp>,
    /// The last signed request of each peer.
    pub asked: BTreeMap<NodeId, Asked>,
    /// The newest status that each peer pushed, and when it came.
    pub pushed: BTreeMap<NodeId, (Status, Timestamp)>,
    /// By what mail is proved, as the status says it.
    pub mail_by: &'static str,
    /// The peers to whose mailboxes our canaries go.
    pub lookers: Vec<NodeId>,
    /// We look into a mailbox for peers, and can.
    pub looks: bool,
    /// Canaries of peers that we have found.
    pub canary_seen: Vec<CanarySeen>,
    /// Codes that peers want to be mailed to their admins.
    pub codes: BTreeMap<NodeId, String>,
    /// The machines that have asked with the key of each peer since passes last saw the peers: where one comes back after
    /// another, two have one key.
    askers: BTreeMap<NodeId, Vec<String>>,
    /// The highest number of a status of each peer that is known.
    highest: BTreeMap<NodeId, u64>,
    /// Since when the duties are at one step; `None`: they rest.
    works: Option<Timestamp>,
    seq: u64,
}

impl Knowledge {
    /// What is known at the start.
    pub fn new(clock: Steady, facts: Facts, node: NodeId, instance: String) -> Self {
        let known = Known {
            clock,
            facts,
            proof: (Proof::default(), Canaries::new(DAY, DAY, false, 1)),
            settings_ok: true,
            node,
            instance,
            told_self: false,
            away: None,
            sees: (Vec::new(), clock.now()),
            well_since: BTreeMap::new(),
            asked: BTreeMap::new(),
            pushed: BTreeMap::new(),
            mail_by: "nothing",
            lookers: Vec::new(),
            looks: false,
            canary_seen: Vec::new(),
            codes: BTreeMap::new(),
            askers: BTreeMap::new(),
            highest: BTreeMap::new(),
            works: None,
            seq: 0,
        };
        Self(Arc::new(Mutex::new(known)))
    }

    /// A look at all of it, or a change.
    pub fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The word, now.
    pub fn word(&self) -> Word {
        let mut known = self.lock();
        let now = known.refresh();
        known.facts.word(now)
    }

    /// The status, now.
    pub fn status(&self) -> Status {
        let mut known = self.lock();
        known.seq += 1;
        let now = known.refresh();
        let about = About {
            node: known.node.clone(),
            instance: known.instance.clone(),
            seq: known.seq,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            told_self: known.told_self && !known.hangs(now),
            sees: known.seen(now),
            away: known.away,
            mail_by: known.mail_by.to_owned(),
            looks: known.looks,
            canary_out: canary::out(&known.proof.0, &known.lookers),
            canary_seen: known.canary_seen.clone(),
        };
        let mut status = known.facts.status(about, now);
        // Readers compare it with their own clock.
        status.at = clock::now().wall.secs();
        status
    }

    /// What a pass or a command of this host is answered.
    pub fn answer(&self, with_status: bool) -> Answer {
        let status = with_status.then(|| serde_json::to_value(self.status()).unwrap_or_default());
        let word = self.word().to_string();
        let (started, up_s, hangs) = {
            let known = self.lock();
            let now = known.now();
            (known.facts.started, now.since(known.facts.started).as_secs(), known.hangs(now))
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let pushed = {
            let known = self.lock();
            let now = known.clock.now();
            known
                .pushed
                .iter()
                .map(|(id, (status, at))| (id.clone(), status.clone(), now.since(*at).as_secs()))
                .collect()
        };
        let askers = self.lock().askers.clone();
        Answer { pid: std::process::id(), started, version, word, status, pushed, askers, up_s, hangs, problem: None }
    }

    /// A peer with this key has asked; whether it had not for so long that it may have been told of.
    pub fn was_asked(&self, peer: &NodeId, instance: &str) -> bool {
        let mut known = self.lock();
        let at = known.clock.now();
        known.spoke(peer, instance);
        let before = known.asked.insert(peer.clone(), Asked { at, instance: instance.to_owned() });
        before.is_none_or(|b| at.since(b.at) > known.facts.pace.askers_missed().late)
    }

    /// A peer has pushed its status; `false` if a newer one is known. Numbers rise over restarts too, so what was recorded on
    /// the wire can never be brought again. It says nothing of whether that peer watches us.
    pub fn take(&self, peer: NodeId, status: Status) -> bool {
        let mut known = self.lock();
        let at = known.clock.now();
        if known.highest.get(&peer).is_some_and(|highest| *highest >= status.seq) {
            return false;
        }
        known.highest.insert(peer.clone(), status.seq);
        known.spoke(&peer, &status.instance);
        known.pushed.insert(peer, (status, at));
        true
    }
}

/// The number before that of this daemon's first status: higher than any that was given before, whatever the clock says.
///
/// # Errors
/// Of the store.
pub fn seq(own: &dyn Own, wall: Timestamp) -> Result<u64> {
    let before: u64 = own.meta(SEQ)?.and_then(|t| t.parse().ok()).unwrap_or_default();
    let seq = above(before, wall);
    own.set_meta(SEQ, Some(&seq.to_string()))?;
    Ok(seq)
}

fn above(before: u64, wall: Timestamp) -> u64 {
    u64::try_from(wall.micros()).unwrap_or_default().max(before.saturating_add(1 << 32))
}

impl Known {
    /// A machine has shown that it holds the key of this peer.
    fn spoke(&mut self, peer: &NodeId, instance: &str) {
        let askers = self.askers.entry(peer.clone()).or_default();
        if askers.last().is_none_or(|last| last != instance) {
            askers.push(instance.to_owned());
            let more = askers.len().saturating_sub(ASKERS_MAX);
            askers.drain(..more);
        }
    }

    /// A peer knows a higher number than ours: a copy of us has counted on, or our state is an old one.
    pub fn count_on(&mut self, wall: Timestamp) {
        self.seq = above(self.seq, wall);
    }

    /// Goes on with what was given out and taken before: our last number, and those of statuses of peers.
    pub fn count_from(&mut self, seq: u64, statuses: impl Iterator<Item = (NodeId, u64)>) {
        self.seq = seq;
        self.highest.extend(statuses);
    }

    /// The time of all decisions of this daemon.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The proof grows old while nobody looks: what is known of mail is found out anew for each answer, so that duties that
    /// hang never leave `True` behind. The answer is the time.
    fn refresh(&mut self) -> Timestamp {
        let now = self.clock.now();
        if self.hangs(now) {
            self.facts.daemon_ok = false;
        }
        self.facts.mail = self.proof.0.known(&self.proof.1, now);
        now
    }

    /// The duties begin a step.
    pub fn works(&mut self) {
        self.works = Some(self.clock.now());
    }

    /// The duties have done all that is due.
    pub fn rests(&mut self) {
        self.works = None;
    }

    /// Whether the duties hang in something: then nobody watches the passes, proves mail or tells anything.
    pub fn hangs(&self, now: Timestamp) -> bool {
        self.works.is_some_and(|since| now.since(since) > STEP)
    }

    /// A pass has served.
    pub fn served(&mut self, mut report: PassReport) {
        let now = self.clock.now();
        // By our clock: what counts is when we heard of it.
        report.served = now;
        self.facts.pass = Some(report);
    }

    /// A pass has asked the peers, and taken note of those askers.
    pub fn saw(&mut self, sees: Vec<Sees>, noted: &BTreeMap<NodeId, Vec<String>>) {
        let now = self.clock.now();
        for seen in &sees {
            if !seen.there {
                self.well_since.remove(&seen.node);
            } else if !self.well_since.contains_key(&seen.node) {
                self.well_since.insert(seen.node.clone(), now);
            }
        }
        self.sees = (sees, now);
        // Who has come meanwhile is for the next pass.
        for (peer, noted) in noted {
            if let Some(askers) = self.askers.get_mut(peer).filter(|askers| askers.starts_with(noted)) {
                askers.drain(..noted.len());
            }
        }
    }

    /// The machine slept, or this process was stopped: what is old is no evidence.
    pub fn overslept(&mut self) {
        let now = self.clock.now();
        let good = |pass: PassReport| if pass.is_good() { Word::True } else { Word::JobProblem };
        self.facts.before = self.facts.pass.take().map(good).or(self.facts.before);
        self.facts.started = now;
        self.asked.clear();
        self.well_since.clear();
    }

    /// How long ago a peer has asked, and how long it could have.
    pub fn watch_of(&self, peer: &NodeId) -> (Option<Duration>, Duration) {
        let now = self.clock.now();
        let since = self.well_since.get(peer).copied().map_or(Duration::ZERO, |at| now.since(at));
        let up = now.since(self.facts.started).min(since);
        let asked = self.asked.get(peer).map(|a| now.since(a.at));
        // One that was down has first to come round again.
        (asked.map(|age| age.min(up.max(Duration::from_secs(1)))), up)
    }

    fn seen(&self, now: Timestamp) -> Vec<Sees> {
        let (sees, said) = &self.sees;
        let older = now.since(*said).as_secs();
        let mut all = sees.clone();
        for seen in &mut all {
            seen.polled_s = seen.polled_s.saturating_add(older);
            if let Some(asked) = self.asked.get(&seen.node) {
                seen.asked_s = Some(now.since(asked.at).as_secs());
                seen.asked_by.clone_from(&asked.instance);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::mail::Known as Mail;
    use crate::decide::pace::Pace;

    fn knowledge() -> Knowledge {
        let clock = Steady::start();
        let facts = Facts {
            pass: None,
            started: clock.now(),
            before: Some(Word::True),
            mail: Mail::NotYet,
            nomail: false,
            daemon_ok: true,
            pace: Pace::default(),
        };
        Knowledge::new(clock, facts, NodeId("a".to_owned()), "one".to_owned())
    }

    #[test]
    fn duties_that_hang_are_no_health_and_vouch_for_nothing() {
        let knowledge = knowledge();
        knowledge.lock().told_self = true;
        knowledge.lock().works();
        assert!(!knowledge.answer(false).hangs && knowledge.status().told_self);
        let long_ago = knowledge.lock().now().minus(STEP + Duration::from_secs(1));
        knowledge.lock().works = Some(long_ago);
        assert!(knowledge.answer(false).hangs && !knowledge.status().told_self);
        assert!(!knowledge.lock().facts.daemon_ok, "the word is not True");
        knowledge.lock().rests();
        assert!(!knowledge.answer(false).hangs);
    }

    #[test]
    fn what_was_pushed_once_is_never_taken_again() {
        let (knowledge, peer) = (knowledge(), NodeId("b".to_owned()));
        let status = |instance: &str, seq: u64| Status { instance: instance.to_owned(), seq, ..Status::default() };
        knowledge.lock().count_from(7, [(peer.clone(), 100)].into_iter());
        assert_eq!(knowledge.status().seq, 8);
        assert!(!knowledge.take(peer.clone(), status("one", 100)), "known before this start");
        assert!(knowledge.take(peer.clone(), status("one", 101)));
        assert!(!knowledge.take(peer.clone(), status("one", 101)));
        assert!(knowledge.take(peer.clone(), status("two", 200)), "it was started again, later");
        assert!(!knowledge.take(peer.clone(), status("one", 102)), "recorded before that");
    }

    #[test]
    fn numbers_rise_over_restarts_whatever_the_clock_says() {
        let memory = crate::store::Memory::new(crate::store::StoreClock::system());
        let own = memory.own();
        let at = |secs: u64| Timestamp::from_secs(1_000_000).plus(Duration::from_secs(secs));
        let first = seq(&own, at(1_000)).unwrap();
        let second = seq(&own, at(2_000)).unwrap();
        let back = seq(&own, at(0)).unwrap();
        assert!(first < second && second + 1_000_000 < back, "{first} {second} {back}");
    }

    #[test]
    fn machines_that_ask_in_turn_are_handed_to_the_next_pass_once() {
        let (knowledge, peer) = (knowledge(), NodeId("b".to_owned()));
        for instance in ["one", "one", "two", "one"] {
            knowledge.was_asked(&peer, instance);
        }
        let handed = knowledge.answer(false).askers;
        assert_eq!(handed[&peer], ["one", "two", "one"]);
        knowledge.was_asked(&peer, "two");
        knowledge.lock().saw(Vec::new(), &handed);
        assert_eq!(knowledge.answer(false).askers[&peer], ["two"], "it came while the pass asked");
    }

    #[test]
    fn who_meets_a_higher_number_counts_on_above_it() {
        let (copy, original) = (knowledge(), knowledge());
        let (start, wall) = (1_000, Timestamp::from_secs(0));
        copy.lock().count_from(start + (1 << 32), std::iter::empty());
        original.lock().count_from(start, std::iter::empty());
        assert!(original.status().seq < copy.status().seq);
        for _ in 0..2 {
            original.lock().count_on(wall);
        }
        assert!(original.status().seq > copy.status().seq);
        let now = Timestamp::from_secs(1_000_000);
        original.lock().count_on(now);
        assert!(original.status().seq > now.micros().unsigned_abs());
    }
}
