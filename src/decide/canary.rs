//! Who sees that a canary arrives: we, a peer, or a human; and what peers tell each other of it. Pure.

use super::mail;
use super::peers::{View, Watched};
use super::status::{CanaryOut, CanarySeen, NodeId};
use checker_job::{Timestamp, duration_words};
use std::collections::BTreeMap;
use std::time::Duration;

/// How late a look may be for what is due at its time: it takes a while itself.
const SLACK: Duration = Duration::from_secs(30);
/// No more canaries of one peer are looked for at once.
const OF_ONE_MAX: usize = 8;
/// Letters and digits of the code that a human types.
const CODE: usize = 8;

/// Who sees that a canary has arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// We, in a mailbox.
    #[default]
    Mailbox,
    /// A peer, in its mailbox.
    Peer,
    /// A human, who types its code.
    Human,
}

impl By {
    /// The first try after a bad canary comes this soon; each further one twice as late, up to the usual time.
    pub(super) fn retry(self) -> Duration {
        match self {
            Self::Mailbox | Self::Peer => mail::RETRY,
            // Nobody wants to be asked by the minute.
            Self::Human => Duration::from_secs(86_400),
        }
    }

    pub(super) fn missed(self, within: Duration) -> String {
        let (taken, time) = ("a message to ourselves was taken by the mail server", duration_words(within));
        match self {
            Self::Mailbox => format!("{taken} and is not in the mailbox {time} later"),
            Self::Peer => format!("{taken}, and no peer has found it in its mailbox {time} later"),
            Self::Human => format!("{taken}, and nobody has typed its code (checker ack CODE) {time} later"),
        }
    }
}

/// How often, how long, and whether arrival can be seen at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Canaries {
    /// The time from one canary to the next.
    pub every: Duration,
    /// The longest time that one may take to arrive.
    pub within: Duration,
    /// `false` with `via = "none"`: nothing is proved.
    pub provable: bool,
    /// By whom arrival is seen.
    pub by: By,
}

impl Canaries {
    /// As the settings say, but canaries take at most half of what the account may send a day (`daily_limit`).
    pub fn new(every: Duration, within: Duration, provable: bool, daily_limit: u32) -> Self {
        let least = Duration::from_secs(86_400) / (daily_limit / 2).max(1);
        Self { every: every.max(least), within, provable, by: By::Mailbox }
    }

    /// The same, seen by somebody else.
    #[must_use]
    pub fn seen_by(self, by: By) -> Self {
        Self { by, ..self }
    }

    /// A proof older than this proves nothing any more.
    pub fn fresh(&self) -> Duration {
        self.every + self.within + SLACK
    }
}

/// Where a canary was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Where mail is read, as mail from outside.
    Arrived,
    /// In the folder for spam.
    Spam,
}

/// The code that a human types for the canary with this token.
pub fn code(token: &str) -> String {
    token.chars().take(CODE).collect()
}

/// Whether this may be such a code.
pub fn is_code(text: &str) -> bool {
    text.len() == CODE && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// What our status says of canaries that are under way to the mailboxes of `peers`.
pub fn out(proof: &mail::Proof, peers: &[NodeId]) -> Vec<CanaryOut> {
    let waits = proof.out.iter().filter(|c| c.fate != mail::Fate::Overdue);
    waits.flat_map(|c| peers.iter().map(|to| CanaryOut { to: to.clone(), token: c.token.clone() })).collect()
}

/// The canaries that peers have sent to the mailbox of `me`, as their newest statuses say, and whose they are. A status
/// that was not renewed since `limit` counts for nothing.
pub fn wanted(
    peers: &[Watched],
    views: &BTreeMap<String, View>,
    me: &NodeId,
    limit: Duration,
    now: Timestamp,
) -> Vec<(NodeId, String)> {
    let mut all = Vec::new();
    for peer in peers {
        let Some((node, status)) = peer.node.as_ref().zip(views.get(&peer.name).and_then(|v| v.newest(limit, now)))
        else {
            continue;
        };
        let ours = status.canary_out.iter().filter(|c| c.to == *me).take(OF_ONE_MAX);
        all.extend(ours.map(|c| (node.clone(), c.token.clone())));
    }
    all
}

/// Which of our canaries those peers have found, as their newest statuses say.
///
/// # Errors
/// A sentence, if none of them can look or be asked.
pub fn found(
    tokens: &[String],
    (peers, lookers): (&[Watched], &[NodeId]),
    views: &BTreeMap<String, View>,
    me: &NodeId,
    limit: Duration,
    now: Timestamp,
) -> Result<Vec<(String, Place)>, String> {
    let mut why = Vec::new();
    let mut looked = false;
    let mut found: BTreeMap<&String, Place> = BTreeMap::new();
    for peer in peers.iter().filter(|p| p.node.as_ref().is_some_and(|id| lookers.contains(id))) {
        match views.get(&peer.name).and_then(|v| v.newest(limit, now)) {
            None => why.push(format!("{} gives no status", peer.name)),
            Some(status) if !status.looks => why.push(format!("{} cannot look into its mailbox", peer.name)),
            Some(status) => {
                looked = true;
                for seen in status.canary_seen.iter().filter(|s| s.of == *me) {
                    let Some(token) = tokens.iter().find(|t| **t == seen.token) else { continue };
                    // One that came in anywhere as wanted mail has arrived.
                    if seen.spam {
                        found.entry(token).or_insert(Place::Spam);
                    } else {
                        found.insert(token, Place::Arrived);
                    }
                }
            }
        }
    }
    if !looked {
        return Err(if why.is_empty() { "there is no peer that looks".to_owned() } else { why.join("; ") });
    }
    Ok(found.into_iter().map(|(token, place)| (token.clone(), place)).collect())
}

/// What was found for peers, to be said in our status.
pub fn seen(found: &[(NodeId, String, Place)]) -> Vec<CanarySeen> {
    let seen = |(of, token, place): &(NodeId, String, Place)| CanarySeen {
        of: of.clone(),
        token: token.clone(),
        spam: *place == Place::Spam,
    };
    found.iter().map(seen).collect()
}

#[cfg(test)]
mod tests;
