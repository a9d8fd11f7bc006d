//! Whether mail works: what is known of round trips, when the next canary is due, and what it all means. Pure.
//!
//! A canary is a message to ourselves. Refused, accepted, arrived, late, in spam, never arrived and unverifiable are
//! different facts. Mail counts as good only while a round trip has succeeded that began after the last thing that went
//! wrong and is fresh: so a fault is latched, a restart changes nothing, and nothing but a round trip clears it.

mod alerts;

pub use super::canary::{By, Canaries, Place};
use super::{SendResult, history};
use checker_job::{Outcome, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The first try after a bad canary comes this soon, where nobody has to type anything.
pub(super) const RETRY: Duration = Duration::from_secs(60);
/// A canary whose answer is unknown after this (its process died) proves nothing, and another one is sent.
const ANSWER: Duration = Duration::from_secs(60);
/// Looks into the mailbox: the time since the canary was sent, over this, is the time to the next look.
const LOOK_PACE: u32 = 2;
/// Between two looks, at least and at most.
const LOOK_MIN: Duration = Duration::from_secs(2);
const LOOK_MAX: Duration = Duration::from_secs(60);
/// A canary that did not come is looked for that long, to say "late" where it was only late.
const GIVE_UP: Duration = Duration::from_secs(86_400);
/// One message that was not taken is no news while the proof is fresh; one that is not taken this much later is.
const PATIENCE: Duration = RETRY;

const IN_SPAM: &str = "our own message to ourselves came into the folder for spam: mark it as wanted there";

/// What became of one canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Committed; the server has not answered yet.
    Sending,
    /// The server has taken it.
    Accepted,
    /// It did not come in time, and may still come.
    Overdue,
}

/// One canary that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Its random token, in header and body.
    pub token: String,
    /// When it was committed.
    pub sent: Timestamp,
    /// How far it has come.
    pub fate: Fate,
}

/// What went wrong last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// No server took it.
    Refused,
    /// It was taken and did not come in time.
    NeverArrived,
    /// It came into the spam folder.
    Spam,
}

/// A round trip that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoundTrip {
    /// When it began.
    pub sent: Timestamp,
    /// When it was seen.
    pub seen: Timestamp,
}

/// All that is known of the proof of mail. Kept in the own group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proof {
    /// The newest round trip that succeeded.
    pub proven: Option<RoundTrip>,
    /// Seconds from sending to sight of the newest round trips, oldest first.
    pub took: Vec<u32>,
    /// When something went wrong last.
    pub wrong_at: Option<Timestamp>,
    /// When the present stretch of what went wrong began.
    pub wrong_since: Option<Timestamp>,
    /// What it was.
    pub wrong: Option<Wrong>,
    /// What was said or seen then.
    pub why: String,
    /// Bad canaries in a row.
    pub bad: u32,
    /// Canaries under way, oldest first.
    pub out: Vec<Canary>,
    /// Alerts that were taken for the mailbox that we look into, and are not seen there yet. Seen, they prove as much as a
    /// canary; not seen, they prove nothing, because their reader may have thrown them away.
    pub alerts: Vec<Canary>,
    /// When the last canary was committed.
    pub last: Option<Timestamp>,
    /// When the mailbox was last looked into, or that was tried.
    pub looked: Option<Timestamp>,
    /// Since when the mailbox cannot be looked into.
    pub blind_since: Option<Timestamp>,
    /// Why not.
    pub blind_why: String,
}

/// What is known of mail, in one word with an age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A round trip that began this long ago has succeeded, and nothing went wrong since.
    Proven(Duration),
    /// Nothing is known yet: the first round trip is under way.
    NotYet,
    /// Mail leaves or arrives badly.
    Bad(Wrong),
    /// Nobody can look whether it arrives.
    Unverifiable,
    /// The last proof is too old.
    Stale,
    /// The settings prove nothing.
    ByChoice,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Send a canary.
    Send,
    /// Look into the mailbox.
    Look,
}

impl Proof {
    /// What is to be done at `now`, or when to ask again. `refused_at`: when a message of any kind was last not taken.
    pub fn next(&self, policy: &Canaries, now: Timestamp) -> Result<Duty, Timestamp> {
        if !policy.provable {
            return Err(now.plus(Duration::from_secs(86_400)));
        }
        let look = self.look_at(policy, now);
        let send = self.send_at(policy, now);
        match (look, send) {
            (Some(look), _) if look <= now => Ok(Duty::Look),
            (_, send) if send <= now => Ok(Duty::Send),
            (Some(look), send) => Err(look.min(send)),
            (None, send) => Err(send),
        }
    }

    fn send_at(&self, policy: &Canaries, now: Timestamp) -> Timestamp {
        let Some(last) = self.last.filter(|at| *at <= now) else { return now };
        let busy = self.out.iter().find(|c| c.fate != Fate::Overdue);
        match busy {
            // Its answer is lost with its process.
            Some(c) if c.fate == Fate::Sending => c.sent.plus(ANSWER),
            // Somebody is to type its code: one at a time.
            Some(c) if policy.by == By::Human => last.plus(self.pause(policy)).max(c.sent.plus(policy.within)),
            // A bad one is followed by the next when it is known to be bad, or as usual.
            _ => last.plus(self.pause(policy)),
        }
    }

    /// The time from one canary to the next.
    fn pause(&self, policy: &Canaries) -> Duration {
        match self.bad {
            0 => policy.every,
            n => {
                // Nobody has seen one that was refused.
                let retry = if self.wrong == Some(Wrong::Refused) { RETRY } else { policy.by.retry() };
                retry.saturating_mul(1 << (n - 1).min(10)).min(policy.every)
            }
        }
    }

    fn look_at(&self, policy: &Canaries, now: Timestamp) -> Option<Timestamp> {
        let under_way = self.out.iter().chain(&self.alerts);
        let newest = under_way.filter(|c| c.fate != Fate::Sending).map(|c| c.sent).max()?;
        let Some(looked) = self.looked.filter(|at| *at <= now && *at >= newest) else {
            return Some(newest.plus(LOOK_MIN).min(now.plus(LOOK_MIN)));
        };
        let since = now.since(newest);
        let pace = if since > policy.within + LOOK_MAX { LOOK_MAX * 5 } else { LOOK_MAX };
        let next = looked.plus((looked.since(newest) / LOOK_PACE).clamp(LOOK_MIN, pace));
        // One look falls on the deadline itself.
        let deadlines = self.out.iter().filter(|c| c.fate == Fate::Accepted).map(|c| c.sent.plus(policy.within));
        Some(deadlines.filter(|d| *d > looked).fold(next, Timestamp::min))
    }

    /// A canary was committed and is about to be sent.
    pub fn sent(&mut self, token: String, now: Timestamp) {
        // One whose answer is unknown proves nothing.
        self.out.retain(|c| c.fate != Fate::Sending);
        self.out.push(Canary { token, sent: now, fate: Fate::Sending });
        self.last = Some(now);
    }

    /// What the mail server said to a canary.
    pub fn answered(&mut self, token: &str, result: &SendResult, now: Timestamp) {
        let Some(at) = self.out.iter().position(|c| c.token == token) else { return };
        #[cfg(test)]
        if crate::decide::planted::is(crate::decide::planted::Bug::RefusalForgotten)
            && !matches!(result, SendResult::Accepted { .. })
        {
            self.out.remove(at);
            self.proven = Some(RoundTrip { sent: now, seen: now });
            return;
        }
        #[cfg(test)]
        if crate::decide::planted::is(crate::decide::planted::Bug::AcceptedIsArrived)
            && matches!(result, SendResult::Accepted { .. })
        {
            let canary = self.out.remove(at);
            self.arrived(&canary, now);
            return;
        }
        match result {
            SendResult::Accepted { .. } => {
                if let Some(canary) = self.out.get_mut(at) {
                    canary.fate = Fate::Accepted;
                }
            }
            SendResult::Later { why } | SendResult::Refused { why } => {
                self.out.remove(at);
                // A second try that comes too soon to say more does not put off the third one.
                let again = self.wrong_since.is_none_or(|at| now.since(at) >= PATIENCE);
                self.bad = if again { self.bad.saturating_add(1) } else { self.bad.max(1) };
                self.went_wrong(Wrong::Refused, why, now);
            }
        }
    }

    /// Some other message was not taken.
    pub fn refused(&mut self, why: &str, now: Timestamp) {
        self.bad = self.bad.max(1);
        self.went_wrong(Wrong::Refused, why, now);
    }

    fn went_wrong(&mut self, wrong: Wrong, why: &str, now: Timestamp) {
        // Only a message that was not taken is given a second try.
        let since = if wrong == Wrong::Refused { now } else { now.minus(PATIENCE) };
        let goes_on = self.wrong_at.is_some() && self.proven.is_none_or(|p| Some(p.sent) <= self.wrong_at);
        self.wrong_since = Some(self.wrong_since.filter(|_| goes_on).map_or(since, |before| before.min(since)));
        self.wrong_at = Some(now);
        self.wrong = Some(wrong);
        why.clone_into(&mut self.why);
    }

    /// All canaries that may still be seen.
    pub fn sought(&self) -> Vec<String> {
        self.out.iter().map(|c| c.token.clone()).collect()
    }

    /// Of them, those that are not given up: whether these are there is what decides.
    pub fn under_way(&self) -> Vec<String> {
        self.out.iter().filter(|c| c.fate != Fate::Overdue).map(|c| c.token.clone()).collect()
    }

    /// A look for those under way has found these tokens.
    pub fn looked(&mut self, found: &[(String, Place)], policy: &Canaries, now: Timestamp) {
        (self.looked, self.blind_since) = (Some(now), None);
        self.blind_why.clear();
        for canary in std::mem::take(&mut self.out) {
            let place = found.iter().find(|(token, _)| *token == canary.token).map(|(_, place)| *place);
            #[cfg(test)]
            let place =
                place.map(|p| if super::planted::is(super::planted::Bug::SpamIsArrival) { Place::Arrived } else { p });
            match place {
                Some(Place::Arrived) => self.arrived(&canary, now),
                Some(Place::Spam) => self.in_spam(IN_SPAM, now),
                None => self.missing(canary, policy, now),
            }
        }
    }

    fn in_spam(&mut self, why: &str, now: Timestamp) {
        self.bad = self.bad.saturating_add(1);
        self.went_wrong(Wrong::Spam, why, now);
    }

    /// Whether a round trip that began at `sent` is news; it is noted then.
    fn proved(&mut self, sent: Timestamp, now: Timestamp) -> bool {
        // Late is no proof: it came after it was given up, and what went wrong is newer than its sending.
        let news = self.proven.is_none_or(|p| p.sent < sent);
        if news {
            self.proven = Some(RoundTrip { sent, seen: now });
        }
        if self.wrong_at.is_none_or(|at| at < sent) {
            self.bad = 0;
        }
        news
    }

    fn arrived(&mut self, canary: &Canary, now: Timestamp) {
        if self.proved(canary.sent, now) {
            self.took.push(u32::try_from(now.since(canary.sent).as_secs()).unwrap_or(u32::MAX));
            let more = self.took.len().saturating_sub(history::KEPT);
            self.took.drain(..more);
        }
    }

    fn missing(&mut self, mut canary: Canary, policy: &Canaries, now: Timestamp) {
        #[cfg(test)]
        if crate::decide::planted::is(crate::decide::planted::Bug::NeverOverdue) {
            self.arrived(&canary, now);
            return;
        }
        let waited = now.since(canary.sent);
        if canary.fate == Fate::Accepted && waited >= policy.within {
            canary.fate = Fate::Overdue;
            self.bad = self.bad.saturating_add(1);
            let why = policy.by.missed(policy.within);
            self.went_wrong(Wrong::NeverArrived, &why, now);
        }
        if waited < GIVE_UP.max(policy.within * 2) {
            self.out.push(canary);
        }
    }

    /// The mailbox could not be looked into.
    pub fn blind(&mut self, why: &str, now: Timestamp) {
        #[cfg(test)]
        if crate::decide::planted::is(crate::decide::planted::Bug::BlindIsFine) {
            self.out.clear();
            self.proven = Some(RoundTrip { sent: now, seen: now });
            return;
        }
        self.looked = Some(now);
        self.blind_since = self.blind_since.filter(|at| *at <= now).or(Some(now));
        why.clone_into(&mut self.blind_why);
        self.out.retain(|c| now.since(c.sent) < GIVE_UP);
        self.alerts.clear();
    }

    /// Something went wrong, and no round trip that began since has succeeded.
    pub fn is_bad(&self) -> bool {
        self.wrong.is_some() && self.wrong_at.is_some_and(|at| self.proven.is_none_or(|p| p.sent <= at))
    }

    /// What is known at `now`.
    pub fn known(&self, policy: &Canaries, now: Timestamp) -> Known {
        if !policy.provable {
            return Known::ByChoice;
        }
        let proven = self.proven.map(|p| p.sent.min(now));
        if let (Some(wrong), Some(at)) = (self.wrong, self.wrong_at)
            && proven.is_none_or(|sent| sent <= at.min(now))
            && !(wrong == Wrong::Refused && self.wrong_since.is_some_and(|since| at.since(since) < PATIENCE))
        {
            return Known::Bad(wrong);
        }
        // Blind counts from the time on at which a canary should have been seen.
        let waits = self.out.iter().filter(|c| c.fate == Fate::Accepted).any(|c| now.since(c.sent) >= policy.within);
        if self.blind_since.is_some() && waits {
            return Known::Unverifiable;
        }
        match proven {
            Some(sent) if now.since(sent) <= policy.fresh() => Known::Proven(now.since(sent)),
            Some(_) => Known::Stale,
            None => Known::NotYet,
        }
    }

    /// The clock was set back while nobody looked: what lies in the future has just happened. Else a fault would be
    /// forgotten, or a proof believed, until the clock has come that far again. To be called when this is read anew.
    pub fn mend(&mut self, now: Timestamp) {
        let past = |at: &mut Option<Timestamp>| *at = at.map(|at| at.min(now));
        [&mut self.wrong_at, &mut self.wrong_since, &mut self.last, &mut self.looked, &mut self.blind_since]
            .into_iter()
            .for_each(past);
        let known = (self.proven.is_some(), self.out.len());
        // A round trip whose age nobody knows proves nothing.
        self.proven = self.proven.filter(|p| p.sent <= now && p.seen <= now);
        self.out.retain(|c| c.sent <= now);
        if known != (self.proven.is_some(), self.out.len()) {
            // A second suffices for that, and what is known grows old: the next one leaves at once.
            self.last = None;
        }
        self.alerts.retain(|c| c.sent <= now);
    }

    /// So many bad looks in a row are told: what is known to be bad has been tried more than once already.
    pub fn threshold(&self) -> u32 {
        1
    }

    /// The same, as the outcome of a trouble of this node; `None` while nothing is known.
    pub fn outcome(&self, policy: &Canaries, now: Timestamp) -> Option<Outcome> {
        let failed = |summary: &str, detail: &str| Some(Outcome::failed(summary).with_detail(detail));
        match self.known(policy, now) {
            Known::Proven(_) => Some(Outcome::ok("our own messages arrive")),
            Known::NotYet | Known::ByChoice => None,
            Known::Bad(Wrong::Refused) => failed("mail is not taken by the server", &self.why),
            Known::Bad(Wrong::NeverArrived) => failed("mail is taken and does not arrive", &self.why),
            Known::Bad(Wrong::Spam) => failed("mail comes into the folder for spam", &self.why),
            Known::Unverifiable => failed("nobody can see whether mail arrives", &self.blind_why),
            // After a long rest the first canary is under way, or is to be sent at once: it will say more.
            Known::Stale if self.send_at(policy, now) <= now => None,
            Known::Stale if self.out.iter().any(|c| c.fate != Fate::Overdue && now.since(c.sent) < policy.within) => {
                None
            }
            Known::Stale => failed(
                "it is long ago that a message to ourselves arrived",
                "Look whether `checker daemon` runs as it should.",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
