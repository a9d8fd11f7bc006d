use serde::{Deserialize, Serialize};

/// Whose fault an outcome may be, if not the target's. A job that says so is not told as failing while Checker finds
/// that the fault is this host's own.
///
/// Give one only where the run itself has met the evidence: [`Blame::Silence`] with an outcome that is bad for all that
/// the run could see, the others with [`Outcome::unknown`](crate::Outcome::unknown).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// Nothing came back over the network within the time: the target may be down, or this host may be cut off.
    Silence,
    /// This host has no route to the target.
    NoRoute,
    /// The resolver was silent, refused or failed. That a name does not exist is the target's fault, and no blame.
    NoResolver,
    /// This host's own firewall forbids the connection.
    Firewall,
    /// This process or host has run out of something: file handles, memory, local ports, processes, threads.
    Shortage,
    /// Something that a newer Checker knows.
    #[serde(other)]
    Other,
}
