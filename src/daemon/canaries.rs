//! Looks for canaries: for our own, by whoever can see them, and for those that peers send to our mailbox.

use super::duties::{Duties, Found, Next};
use super::knowledge::Knowledge;
use crate::decide::DeliveryState;
use crate::decide::canary::{self, By};
use crate::decide::mail::Place;
use crate::decide::status::NodeId;
use crate::rounds::views;
use crate::store::{Ledger, Own, Result};
use checker_job::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// Canaries of peers that we have seen, in the own group: they are removed from the mailbox, so nobody sees them again.
const SEEN: &str = "canaries_seen";
/// Codes that were typed, in the own group.
pub const TYPED: &str = "codes_typed";
/// What was seen is said for so long; peers ask much more often.
const SAID: Duration = Duration::from_secs(2 * 3_600);
/// No more is remembered.
const SEEN_MAX: usize = 256;
/// Between two looks for peers, at most.
const PAUSE: Duration = Duration::from_secs(60);
/// So many of the newest messages are looked through for alerts that prove mail.
const NEWEST: usize = 8;
/// One that waited longer than this to be taken proves nothing.
const WAITED: Duration = Duration::from_secs(60);
/// A status may be so much older than polls make it.
const LATE: Duration = Duration::from_secs(30);

/// What is known of canaries of peers.
#[derive(Debug, Default)]
pub(super) struct Sought {
    seen: Vec<Seen>,
    looked: Option<Timestamp>,
    /// What was found and noted, and still lies in the mailbox.
    noted: Vec<String>,
    /// The last look for peers failed.
    blind: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Seen {
    of: NodeId,
    token: String,
    spam: bool,
    at: Timestamp,
}

impl Sought {
    /// Takes up what was seen before.
    pub(super) fn load(own: &dyn Own, knowledge: &Knowledge) -> Result<Self> {
        let seen: Vec<Seen> = own.meta(SEEN)?.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
        let sought = Self { seen, ..Self::default() };
        sought.say(knowledge);
        Ok(sought)
    }

    fn say(&self, knowledge: &Knowledge) {
        let place = |s: &Seen| if s.spam { Place::Spam } else { Place::Arrived };
        let found: Vec<Found> = self.seen.iter().map(|s| (s.of.clone(), s.token.clone(), place(s))).collect();
        knowledge.lock().canary_seen = canary::seen(&found);
    }

    fn knows(&self, of: &NodeId, token: &str) -> bool {
        self.seen.iter().any(|s| s.of == *of && s.token == token)
    }
}

impl Duties<'_> {
    /// Looks for our own canaries that are under way. What can only be good news is looked for as a step of its own: in a large
    /// mailbox that takes long, and must not hide what came in time.
    pub(super) fn look(&mut self) -> Result<()> {
        let by = self.parts.canaries.by;
        let fresh = self.proof.under_way();
        if by == By::Mailbox {
            self.next.push(Next::Aside);
            if fresh.is_empty() {
                return Ok(());
            }
        }
        let found = match by {
            By::Mailbox => self.hands.look(&fresh),
            By::Peer => self.told_by_peers(&self.proof.sought())?,
            By::Human => Ok(self.typed(&self.proof.sought())?),
        };
        let now = self.now();
        match found {
            Ok(found) => {
                self.proof.looked(&found, &self.parts.canaries, now);
                self.clean_later(found);
            }
            Err(why) => {
                tracing::warn!("nobody can see whether mail arrives: {why}");
                self.proof.blind(&why, now);
            }
        }
        Ok(())
    }

    /// Looks for alerts, and for canaries that were given up.
    pub(super) fn look_aside(&mut self) {
        let aside = self.proof.aside();
        if aside.is_empty() {
            return;
        }
        let found = self.hands.look(&aside).unwrap_or_else(|why| {
            tracing::debug!("alerts and late canaries are not looked for: {why}");
            Vec::new()
        });
        // Alerts stay where they are: they are for people.
        let late =
            found.iter().filter(|(token, _)| self.proof.out.iter().any(|c| c.token == *token)).cloned().collect();
        let now = self.now();
        self.proof.looked_aside(&found, &self.parts.canaries, now);
        self.clean_later(late);
    }

    fn clean_later(&mut self, found: Vec<(String, Place)>) {
        let seen: Vec<String> = found.into_iter().map(|(token, _)| token).collect();
        if !seen.is_empty() && self.parts.canaries.by == By::Mailbox {
            self.next.push(Next::Clean(seen));
        }
    }

    /// Alerts that the server took for the mailbox that we look into. They are as good as canaries, once they are seen there.
    pub(super) fn note_alerts(&mut self) -> Result<()> {
        let Some(mailbox) = self.parts.mailbox else { return Ok(()) };
        let now = self.now();
        let ledgers: [&dyn Ledger; 2] = [self.parts.own, self.parts.shared];
        for ledger in ledgers {
            for delivery in ledger.deliveries(NEWEST)?.into_iter().filter(|d| d.recipient == *mailbox) {
                // Its way began when it was committed. One that waited here may have begun before mail broke.
                if let DeliveryState::Told { at, .. } = delivery.state
                    && at.since(delivery.created_at) < WAITED
                {
                    let token = delivery.id.simple().to_string();
                    self.proof.alerted(token, delivery.created_at, &self.parts.canaries, now);
                }
            }
        }
        Ok(())
    }

    /// What the newest statuses of the peers say that look for our canaries.
    fn told_by_peers(&self, tokens: &[String]) -> Result<std::result::Result<Vec<(String, Place)>, String>> {
        let views = views(self.parts.own)?;
        let (me, limit) = (self.me(), self.limit());
        Ok(canary::found(tokens, (self.parts.peers, self.parts.lookers), &views, &me, limit, self.now()))
    }

    /// The canaries whose codes a human has typed.
    fn typed(&self, tokens: &[String]) -> Result<Vec<(String, Place)>> {
        let typed = typed(self.parts.own)?;
        let known = tokens.iter().filter(|t| typed.contains(&canary::code(t)));
        Ok(known.map(|t| (t.clone(), Place::Arrived)).collect())
    }

    /// One step of looking for what peers have sent to our mailbox. The answer is when to come back; `None`: at once.
    pub(super) fn seek_for_peers(&mut self) -> Result<Option<Timestamp>> {
        let noted = std::mem::take(&mut self.sought.noted);
        if !noted.is_empty() {
            self.hands.clean_for_peers(&noted);
            return Ok(None);
        }
        let now = self.now();
        let far = now.plus(PAUSE * 10);
        if self.hands.seek(&[]).is_none() || self.parts.peers.iter().all(|p| p.node.is_none()) {
            return Ok(Some(far));
        }
        let wanted = canary::wanted(self.parts.peers, &views(self.parts.own)?, &self.me(), self.limit(), now);
        let new = |(of, token): &(NodeId, String)| !self.sought.knows(of, token);
        let wanted: Vec<(NodeId, String)> = wanted.into_iter().filter(new).collect();
        let pause = PAUSE.min(self.knowledge.lock().facts.pace.quick);
        let due = self.sought.looked.filter(|at| *at <= now).map_or(now, |at| at.plus(pause));
        let wake = match (wanted.is_empty(), due <= now) {
            (true, _) => far,
            (false, false) => due,
            (false, true) => {
                let found = self.hands.seek(&wanted).unwrap_or(Ok(Vec::new()));
                self.sought.looked = Some(self.now());
                self.sought.blind = found.is_err();
                match found {
                    Ok(found) => self.note_seen(&found)?,
                    Err(why) => tracing::warn!("the canaries of peers are not looked for: {why}"),
                }
                self.now().plus(pause)
            }
        };
        self.knowledge.lock().looks = !self.sought.blind && self.proof.blind_since.is_none();
        Ok(if self.sought.noted.is_empty() { Some(wake) } else { None })
    }

    fn note_seen(&mut self, found: &[Found]) -> Result<()> {
        let now = self.now();
        let new = |(of, token, place): &Found| Seen {
            of: of.clone(),
            token: token.clone(),
            spam: *place == Place::Spam,
            at: now,
        };
        if found.is_empty() {
            return Ok(());
        }
        let seen = &mut self.sought.seen;
        seen.retain(|s| s.at <= now && now.since(s.at) < SAID);
        seen.extend(found.iter().map(new));
        let more = seen.len().saturating_sub(SEEN_MAX);
        seen.drain(..more);
        let kept = serde_json::to_string(&self.sought.seen).unwrap_or_default();
        self.sought.say(&self.knowledge);
        self.parts.own.set_meta(SEEN, Some(&kept))?;
        // Only what is noted may go from the mailbox: a kill in between would hide it for ever.
        self.sought.noted = found.iter().map(|(_, token, _)| token.clone()).collect();
        Ok(())
    }

    fn me(&self) -> NodeId {
        self.knowledge.lock().node.clone()
    }

    /// An older status of a peer counts for nothing.
    fn limit(&self) -> Duration {
        let pace = self.knowledge.lock().facts.pace;
        (pace.poll + pace.passes) * 2 + LATE
    }
}

/// The codes that were typed and are still of use.
///
/// # Errors
/// Of the store.
pub fn typed(own: &dyn Own) -> Result<BTreeSet<String>> {
    Ok(own.meta(TYPED)?.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default())
}
