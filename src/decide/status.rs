//! The status: what a peer with a pinned key may know of this node. It holds counts, ages and node ids; no names of jobs,
//! hosts or addresses, because the wire is plain. Readers ignore fields that they do not know.

use super::Word;
use checker_job::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The version that this program writes.
pub const VERSION: u32 = 1;

/// [`Mail::is`] where the settings prove nothing.
pub const BY_CHOICE: &str = "by_choice";
/// [`Mail::is`] while the first round trip is under way.
pub const NOT_YET: &str = "not_yet";

/// A node on the wire: the first 16 hex digits of its public key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub String);

/// What one node says of itself. Ages are whole seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// [`VERSION`].
    pub v: u32,
    /// The node.
    pub node: NodeId,
    /// Which running machine holds the key: changes at each boot, differs between clones.
    pub instance: String,
    /// Rises with each status that an instance makes.
    pub seq: u64,
    /// The node's wall clock, in seconds since 1970 (UTC).
    pub at: i64,
    /// The program's version.
    pub version: String,
    /// The word that strangers read.
    #[serde(with = "word")]
    pub word: Option<Word>,
    /// What is known of mail.
    pub mail: Mail,
    /// What is known of passes.
    pub passes: Passes,
    /// The state can be written.
    pub state_ok: bool,
    /// The settings file loads.
    pub settings_ok: bool,
    /// Which of its troubles its own admin was told of, by mail that is proven or by another channel.
    pub told_self: bool,
    /// How it sees its peers.
    pub sees: Vec<Sees>,
    /// It looks into a mailbox, for its own canaries and for those that peers send there, and can.
    pub looks: bool,
    /// Its canaries that are under way to the mailboxes of peers.
    pub canary_out: Vec<CanaryOut>,
    /// Canaries of peers that it found in its own mailbox.
    pub canary_seen: Vec<CanarySeen>,
    /// A planned absence ends then, in seconds since 1970.
    pub away_until: Option<i64>,
    /// In a push alone: mail this code to the admin of who pushes. A drill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drill: Option<String>,
}

/// What is known of mail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mail {
    /// `proven`, `not_yet`, `refused`, `never_arrived`, `spam`, `unverifiable`, `stale`, `by_choice`, `off`.
    pub is: String,
    /// By what it is proved: `mailbox` (ours), `local` (a maildir on the host), `peer` (its mailbox), `human`, `nothing`.
    pub by: String,
    /// The age of the newest proof.
    pub proven_s: Option<u64>,
    /// Messages that wait to leave.
    pub waiting: u64,
}

/// What is known of passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Passes {
    /// The age of the newest pass that has committed its first results.
    pub served_s: Option<u64>,
    /// How often its passes come.
    pub every_s: u64,
    /// Jobs of its settings.
    pub jobs: u64,
    /// Of them, failing.
    pub failing: u64,
    /// Classes whose slots go unserved.
    pub overdue: u64,
}

/// How a node sees one peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sees {
    /// The peer.
    pub node: NodeId,
    /// It answered the last poll well.
    pub ok: bool,
    /// It answered the last poll, be it with a problem.
    pub there: bool,
    /// The age of that poll.
    pub polled_s: u64,
    /// This node has told the peer's admin of the present trouble.
    pub told: bool,
    /// To this node it is the link to the peer that is broken, which says nothing of the peer.
    #[serde(skip_serializing_if = "is_false")]
    pub link: bool,
    /// The age of the peer's last signed request here; `None`: none since the daemon started.
    pub asked_s: Option<u64>,
    /// Which machine asked last, as it names itself.
    pub asked_by: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

/// A canary on its way to the mailbox of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CanaryOut {
    /// The peer that is to look for it.
    pub to: NodeId,
    /// Its token. No secret: what proves an arrival is the signature in the message itself (`peer::canary`).
    pub token: String,
}

/// No more peers of a peer are read.
const SEES_MAX: usize = 64;
/// Nor more of its canaries, either way.
const CANARIES_MAX: usize = 256;

/// A canary that was found in the mailbox of the node that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CanarySeen {
    /// Whose it is.
    pub of: NodeId,
    /// Its token.
    pub token: String,
    /// It lay in the folder for spam.
    pub spam: bool,
}

impl Status {
    /// Reads what a peer has signed.
    ///
    /// # Errors
    /// A sentence that says why it is no status.
    pub fn read(body: &[u8]) -> Result<Self, String> {
        let mut status: Self = serde_json::from_slice(body).map_err(|e| {
            // It quotes what it has met, however long that is.
            let why: String = e.to_string().chars().take(200).collect();
            format!("the status is no JSON of the known form: {why}")
        })?;
        if status.v == 0 {
            return Err("the status has no version \"v\"".to_owned());
        }
        if status.word.is_none() {
            return Err("the status says no known word".to_owned());
        }
        // Empty entries are short on the wire and long when they are written again.
        status.sees.truncate(SEES_MAX);
        status.canary_out.truncate(CANARIES_MAX);
        status.canary_seen.truncate(CANARIES_MAX);
        Ok(status)
    }

    /// The bytes that are signed and sent.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The same, this much later: what waited to be read is as old as it is, and the clocks do not differ by that.
    #[must_use]
    pub fn aged(mut self, by: Duration) -> Self {
        let older = |age: &mut u64| *age = age.saturating_add(by.as_secs());
        self.at = self.at.saturating_add(by.as_secs().try_into().unwrap_or(i64::MAX));
        [&mut self.mail.proven_s, &mut self.passes.served_s].into_iter().flatten().for_each(older);
        self.sees.iter_mut().for_each(|s| older(&mut s.polled_s));
        self.sees.iter_mut().filter_map(|s| s.asked_s.as_mut()).for_each(older);
        self
    }

    /// The node's wall clock.
    pub fn clock(&self) -> Timestamp {
        Timestamp::from_secs(self.at.clamp(0, 1 << 40))
    }
}

mod word {
    use super::Word;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub(super) fn serialize<S: Serializer>(word: &Option<Word>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(word.map_or("", Word::as_str))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Word>, D::Error> {
        Ok(Word::of(String::deserialize(d)?.as_bytes()))
    }
}
