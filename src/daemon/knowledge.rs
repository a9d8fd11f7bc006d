//! What the daemon knows at this moment: written by its duties and by passes, read by whoever asks.

use crate::clock::{self, Steady};
use crate::control::Answer;
use crate::decide::Word;
use crate::decide::canary;
use crate::decide::health::{About, Facts, PassReport};
use crate::decide::mail::{Canaries, Proof};
use crate::decide::status::{CanarySeen, NodeId, Sees, Status};
use checker_job::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
            told_self: known.told_self,
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
        let started = self.lock().facts.started;
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
        Answer { pid: std::process::id(), started, version, word, status, pushed, problem: None }
    }

    /// A peer with this key has asked; whether it had not for so long that it may have been told of.
    pub fn was_asked(&self, peer: &NodeId, instance: &str) -> bool {
        let mut known = self.lock();
        let at = known.clock.now();
        let before = known.asked.insert(peer.clone(), Asked { at, instance: instance.to_owned() });
        before.is_none_or(|b| at.since(b.at) > known.facts.pace.poll * 2)
    }

    /// A peer has pushed its status; `false` if a newer one is known.
    pub fn take(&self, peer: NodeId, status: Status) -> bool {
        let mut known = self.lock();
        let at = known.clock.now();
        if let Some((kept, _)) = known.pushed.get(&peer)
            && kept.instance == status.instance
            && kept.seq >= status.seq
        {
            return false;
        }
        known.pushed.insert(peer, (status, at));
        true
    }
}

impl Known {
    /// The time of all decisions of this daemon.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The proof grows old while nobody looks: what is known of mail is found out anew for each answer, so that duties that
    /// hang never leave `True` behind. The answer is the time.
    fn refresh(&mut self) -> Timestamp {
        let now = self.clock.now();
        self.facts.mail = self.proof.0.known(&self.proof.1, now);
        now
    }

    /// A pass has served.
    pub fn served(&mut self, mut report: PassReport) {
        let now = self.clock.now();
        // By our clock: what counts is when we heard of it.
        report.served = now;
        self.facts.pass = Some(report);
    }

    /// A pass has asked the peers.
    pub fn saw(&mut self, sees: Vec<Sees>) {
        let now = self.clock.now();
        for seen in &sees {
            if !seen.there {
                self.well_since.remove(&seen.node);
            } else if !self.well_since.contains_key(&seen.node) {
                self.well_since.insert(seen.node.clone(), now);
            }
        }
        self.sees = (sees, now);
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
