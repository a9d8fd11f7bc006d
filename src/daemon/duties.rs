//! The duties: one thread that proves mail, watches the passes and those who should watch us, and sees that what is to be
//! told leaves. It sleeps until the next thing that is due.

use super::canaries::Sought;
use super::knowledge::Knowledge;
use crate::decide::Word;
use crate::decide::lack::Lacks;
use crate::decide::mail::{Canaries, Duty, Place, Proof};
use crate::decide::peers::Watched;
use crate::decide::status::NodeId;
use crate::decide::{Delivery, Recipient, SendResult, health};
use crate::node;
use crate::outbox::{self, Drained};
use crate::rounds::views;
use crate::store::{Own, Result, Shared};
use checker_job::{Outcome, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Where the word and an absence are kept in the own group.
const LAST: &str = "daemon";
/// A trouble that lasts is looked at again after this, for reminders.
const REMIND: Duration = Duration::from_secs(600);
/// What could not leave is tried again after this; passes try too.
const RETRY: Duration = Duration::from_secs(60);
/// One drain takes no longer.
const DRAIN: Duration = Duration::from_secs(20);
/// The last drain, before the end: to wait for another that drains may take as long again.
const FAREWELL: Duration = Duration::from_secs(8);
/// Who wakes this much later than it meant to has slept with the machine, or was stopped.
const OVERSLEPT: Duration = Duration::from_secs(60);

/// What the duties do to the world. Each blocks until it is done or its time is over.
pub trait Hands: Send {
    /// Sends one canary with this token, on the way of alerts.
    fn send(&mut self, token: &str, now: Timestamp) -> SendResult;
    /// Looks for these tokens.
    ///
    /// # Errors
    /// A sentence that says why nothing could be seen.
    fn look(&mut self, tokens: &[String]) -> std::result::Result<Vec<(String, Place)>, String>;
    /// Looks for canaries of peers in our mailbox, each with the node that must have sealed it; `None` where there is no
    /// mailbox.
    ///
    /// # Errors
    /// As [`Hands::look`].
    fn seek(&mut self, _wanted: &[(NodeId, String)]) -> Option<std::result::Result<Vec<Found>, String>> {
        None
    }
    /// Removes what was proven, as far as settings and server allow it.
    fn clean(&mut self, tokens: &[String]);
    /// Removes canaries of peers from our mailbox, likewise.
    fn clean_for_peers(&mut self, _tokens: &[String]) {}
    /// A token that nobody can guess.
    fn token(&mut self) -> String;
    /// The message that brings this code to the admin of a peer; `None` if nobody is known by that name.
    fn code(&mut self, _peer: &str, _code: &str, _now: Timestamp) -> Option<Delivery> {
        None
    }
    /// Sends what is to be told.
    ///
    /// # Errors
    /// Of the store.
    fn drain(&mut self, within: Duration) -> Result<Drained>;
}

/// A canary of a peer, and where it lay.
pub type Found = (NodeId, String, Place);

/// What the duties are woken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something has changed: look again.
    Look,
    /// Something is to be told.
    Tell,
    /// End.
    Stop,
}

/// What is remembered across restarts beside the proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Last {
    /// What jobs are worth believing at the next start; empty while no pass has come since this one.
    pub word: String,
    /// A planned absence.
    pub away: Option<Timestamp>,
}

/// What the duties work on.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// This node's own group.
    pub own: &'a dyn Own,
    /// For what waits to be told of jobs.
    pub shared: &'a dyn Shared,
    /// Our own admin.
    pub contacts: &'a [Recipient],
    /// How mail is proved.
    pub canaries: Canaries,
    /// Whose mailbox we look into, if any.
    pub mailbox: Option<&'a Recipient>,
    /// The peers to whose mailboxes our canaries go.
    pub lookers: &'a [NodeId],
    /// The peers.
    pub peers: &'a [Watched],
    /// Peers are expected to ask us.
    pub listens: bool,
}

/// Shows that the loop turns (systemd's watchdog), and how often that must be shown.
pub type Alive<'a> = (Option<Duration>, &'a dyn Fn());

/// The duties, and what they remember.
pub struct Duties<'a> {
    pub(super) knowledge: Knowledge,
    pub(super) parts: Parts<'a>,
    pub(super) hands: &'a mut dyn Hands,
    alive: Alive<'a>,
    pub(super) proof: Proof,
    pub(super) sought: Sought,
    last: Last,
    /// What the troubles looked like when they were last judged.
    judged: BTreeMap<String, Verdict>,
    /// What has not come when it should.
    lacks: Lacks,
    retry_at: Option<Timestamp>,
    /// Steps that follow a look into the mailbox, each on its own.
    pub(super) next: Vec<Next>,
}

/// What a look into the mailbox leads to.
pub(super) enum Next {
    /// Looking for what proves mail if it is there, and nothing if it is not.
    Aside,
    /// Removing what was seen.
    Clean(Vec<String>),
}

impl<'a> Duties<'a> {
    /// Takes up what is remembered.
    ///
    /// # Errors
    /// Of the store.
    pub fn new(knowledge: Knowledge, parts: Parts<'a>, hands: &'a mut dyn Hands, alive: Alive<'a>) -> Result<Self> {
        let mut proof = outbox::proof(parts.own)?;
        let last: Last = parts.own.meta(LAST)?.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
        {
            let mut known = knowledge.lock();
            let now = known.now();
            proof.mend(now);
            known.facts.before = Word::of(last.word.as_bytes());
            known.proof = (proof.clone(), parts.canaries);
            known.facts.mail = proof.known(&parts.canaries, now);
            known.away = last.away.filter(|at| *at > now);
            known.lookers = parts.lookers.to_vec();
        }
        let sought = Sought::load(parts.own, &knowledge)?;
        // Believed once: who is killed before its first pass leaves nothing to believe.
        let last = Last { word: String::new(), ..last };
        parts.own.set_meta(LAST, Some(&serde_json::to_string(&last).unwrap_or_default()))?;
        let (judged, lacks, retry_at, next) = (BTreeMap::new(), Lacks::default(), None, Vec::new());
        Ok(Self { knowledge, parts, hands, alive, proof, sought, last, judged, lacks, retry_at, next })
    }

    /// Does what is due and sleeps until more is, until it is told to stop. Trouble with the store is logged and tried again.
    pub fn run(&mut self, events: &Receiver<Event>) {
        let mut tell = true;
        loop {
            let wake = self.turn(tell).unwrap_or_else(|why| {
                tracing::error!("the daemon's duties wait: {why}");
                self.knowledge.lock().facts.daemon_ok = false;
                self.now().plus(RETRY)
            });
            self.knowledge.lock().rests();
            let wait = wake.since(self.now()).max(Duration::from_millis(10));
            let wait = self.alive.0.map_or(wait, |often| wait.min(often));
            let slept = Instant::now();
            let before = self.now();
            tell = match events.recv_timeout(wait) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break self.farewell(),
                Ok(event) => event == Event::Tell,
                Err(RecvTimeoutError::Timeout) => false,
            };
            self.wakes(self.now().since(before).saturating_sub(slept.elapsed().min(wait)));
        }
        self.remember();
    }

    /// It rested longer than it meant to by `late`.
    fn wakes(&mut self, late: Duration) {
        let mut known = self.knowledge.lock();
        if late > known.facts.pace.overslept() {
            self.lacks.anew();
        }
        if late > OVERSLEPT {
            tracing::warn!("this machine slept, or the daemon was stopped: what is old counts for nothing");
            known.overslept();
        }
    }

    /// What waits leaves before the end, as far as there is time: the next daemon may come much later.
    fn farewell(&mut self) {
        if let Err(why) = self.tell_within(FAREWELL) {
            tracing::warn!("what is to be told waits for the next pass: {why}");
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.knowledge.lock().now()
    }

    /// Does what is due, one step after the other. Between any two the passes and the peers are looked at and what is to be told
    /// leaves, so no step makes that later than by its own time. The answer is when to come back.
    fn turn(&mut self, mut tell: bool) -> Result<Timestamp> {
        loop {
            (self.alive.1)();
            self.knowledge.lock().works();
            let wake = self.watch_passes(&mut tell)?.min(self.watch_watchers(&mut tell)?);
            self.mail_codes(&mut tell)?;
            let now = self.now();
            if std::mem::take(&mut tell) || self.retry_at.is_some_and(|at| at <= now) {
                self.tell()?;
            }
            let Some(proved) = self.prove(&mut tell)? else { continue };
            let Some(sought) = self.seek_for_peers()? else { continue };
            if tell {
                continue;
            }
            self.settle()?;
            let wake = wake.min(proved).min(sought);
            return Ok(self.retry_at.map_or(wake, |at| wake.min(at)));
        }
    }

    /// One step of the proof of mail. `None`: it was done, and another one may be due.
    fn prove(&mut self, tell: &mut bool) -> Result<Option<Timestamp>> {
        self.note_refusals()?;
        self.note_alerts()?;
        match self.next.pop() {
            Some(Next::Clean(tokens)) => {
                self.hands.clean(&tokens);
                return Ok(None);
            }
            Some(Next::Aside) => self.look_aside(),
            None => match self.proof.next(&self.parts.canaries, self.now()) {
                Err(wake) => return Ok(Some(wake)),
                Ok(Duty::Send) => self.send_canary(self.now())?,
                Ok(Duty::Look) => self.look()?,
            },
        }
        self.keep_proof()?;
        if let Some(outcome) = self.proof.outcome(&self.parts.canaries, self.now()) {
            let trouble = node::mail(self.proof.threshold());
            *tell |= self.judge(&trouble, &outcome)?;
        }
        Ok(None)
    }

    fn send_canary(&mut self, now: Timestamp) -> Result<()> {
        let token = self.hands.token();
        self.proof.sent(token.clone(), now);
        // Before it leaves, as any message: after a kill we know that it may be under way.
        self.keep_proof()?;
        let result = self.hands.send(&token, now);
        if let SendResult::Later { why } | SendResult::Refused { why } = &result {
            tracing::warn!("a canary was not taken: {why}");
        }
        self.proof.answered(&token, &result, self.now());
        Ok(())
    }

    /// What the outbox could not get rid of is news about mail too.
    fn note_refusals(&mut self) -> Result<()> {
        if !self.parts.canaries.provable {
            return Ok(());
        }
        let health = outbox::mail_health(self.parts.own)?;
        if let (Some(at), Some(why)) = (health.failed_at, &health.why)
            && self.proof.wrong_at.is_none_or(|known| known < at)
            && self.proof.proven.is_none_or(|p| p.sent < at)
        {
            self.proof.refused(why, at.min(self.now()));
            self.keep_proof()?;
        }
        Ok(())
    }

    fn keep_proof(&mut self) -> Result<()> {
        {
            let mut known = self.knowledge.lock();
            let now = known.now();
            known.proof.0.clone_from(&self.proof);
            known.facts.mail = self.proof.known(&self.parts.canaries, now);
        }
        let text = serde_json::to_string(&self.proof).unwrap_or_default();
        outbox::again(|| self.parts.own.set_meta(outbox::PROOF, Some(&text)))
    }

    /// No pass for too long.
    fn watch_passes(&mut self, tell: &mut bool) -> Result<Timestamp> {
        let (outcome, age, patience, now) = {
            let known = self.knowledge.lock();
            let now = known.now();
            (known.facts.passes(now), known.facts.passes_age(now), known.facts.pace.passes_missed(), now)
        };
        let trouble = node::passes();
        let again = self.lacks.look(&trouble.id, age, patience, now);
        if let Some(outcome) = outcome.filter(|o| o.verdict == Verdict::Ok || again.is_none()) {
            *tell |= self.judge(&trouble, &outcome)?;
        }
        Ok(again.unwrap_or(now.plus(REMIND)))
    }

    /// Peers that do not ask about us any more.
    fn watch_watchers(&mut self, tell: &mut bool) -> Result<Timestamp> {
        let mut wake = self.now().plus(REMIND);
        if !self.parts.listens {
            return Ok(wake);
        }
        for peer in self.parts.peers {
            // Whom we push to does not ask: our passes see by its status whether it looks.
            let Some(id) = peer.node.as_ref().filter(|_| !peer.push) else { continue };
            let (asked, up, patience, now) = {
                let known = self.knowledge.lock();
                let (asked, up) = known.watch_of(id);
                (asked, up, known.facts.pace.askers_missed(), known.now())
            };
            let trouble = node::unwatched(&peer.name);
            let again = self.lacks.look(&trouble.id, asked.unwrap_or(up), patience, now);
            wake = again.map_or(wake, |again| wake.min(again));
            if let Some(outcome) = health::unwatched(&peer.name, asked, up, patience.limit) {
                let bad = outcome.verdict != Verdict::Ok;
                if bad && again.is_some() {
                    continue;
                }
                if bad && self.is_away(&peer.name)? {
                    // It may come back early.
                    wake = wake.min(now.plus(RETRY));
                    continue;
                }
                *tell |= self.judge(&trouble, &outcome)?;
            }
        }
        Ok(wake)
    }

    fn is_away(&self, peer: &str) -> Result<bool> {
        Ok(views(self.parts.own)?.get(peer).is_some_and(|view| view.is_away(self.now())))
    }

    /// Decides on a trouble, unless it is as well as it was; whether there may be something to tell.
    fn judge(&mut self, trouble: &crate::decide::trouble::Trouble, outcome: &Outcome) -> Result<bool> {
        let id = trouble.id.to_string();
        if outcome.verdict == Verdict::Ok && self.judged.get(&id) == Some(&Verdict::Ok) {
            return Ok(false);
        }
        let more = node::judge_held(self.parts.own, self.parts.contacts, trouble, outcome, false, self.now())?;
        // One that is well is not looked at again, once there is nothing left to say of it.
        self.judged.insert(id, if more { Verdict::Unknown } else { outcome.verdict });
        Ok(more)
    }

    /// Sends what waits.
    fn tell(&mut self) -> Result<()> {
        self.tell_within(DRAIN)
    }

    fn tell_within(&mut self, time: Duration) -> Result<()> {
        let waits = !self.parts.own.waiting()?.is_empty()
            || !self.parts.own.unsent()?.is_empty()
            || !self.parts.shared.waiting()?.is_empty()
            || !self.parts.shared.unsent()?.is_empty();
        self.retry_at = None;
        if !waits {
            return Ok(());
        }
        let drained = self.hands.drain(time)?;
        let left = drained.later > 0 || drained.held > 0 || drained.busy;
        self.retry_at = left.then(|| self.now().plus(RETRY));
        self.note_refusals()
    }

    /// What follows from all that for others: whether our admin knows, and the word to remember.
    fn settle(&mut self) -> Result<()> {
        let word = self.knowledge.word();
        let told = word == Word::JobProblem && self.own_admin_knows()?;
        {
            let mut known = self.knowledge.lock();
            let now = known.now();
            known.facts.daemon_ok = known.settings_ok;
            known.facts.mail = self.proof.known(&self.parts.canaries, now);
            known.told_self = told;
            known.away = known.away.filter(|at| *at > now);
        }
        self.remember();
        Ok(())
    }

    /// Whether some trouble of ours is open, told and delivered, by mail that is proven.
    fn own_admin_knows(&self) -> Result<bool> {
        if !matches!(self.knowledge.lock().facts.mail, crate::decide::mail::Known::Proven(_)) {
            return Ok(false);
        }
        let open: Vec<_> = self
            .parts
            .own
            .slots()?
            .into_iter()
            .filter(|(id, slot)| slot.open && node::is_trouble(id))
            .map(|(id, _)| id)
            .collect();
        if open.is_empty() {
            return Ok(false);
        }
        let waiting = self.parts.own.waiting()?;
        let states = self.parts.own.states(&open)?;
        let told = |(id, state): (&checker_job::JobId, &crate::decide::JobState)| {
            state.failure.as_ref().is_some_and(|e| e.told_at.is_some())
                && !waiting.iter().any(|w| w.alert.id.job == *id)
        };
        Ok(states.iter().any(told))
    }

    fn remember(&mut self) {
        let last = {
            let known = self.knowledge.lock();
            let word = known.facts.remembered(known.now());
            Last { word: word.map(|w| w.to_string()).unwrap_or_default(), away: known.away }
        };
        if last == self.last {
            return;
        }
        let text = serde_json::to_string(&last).unwrap_or_default();
        match self.parts.own.set_meta(LAST, Some(&text)) {
            Ok(()) => self.last = last,
            Err(why) => tracing::warn!("the word is not remembered: {why}"),
        }
    }
}
