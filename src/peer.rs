//! What nodes say to each other: the word for strangers, the signed status for those whose key is pinned.
//!
//! This room moves and proves bytes. What they mean is decided in [`decide`](crate::decide); what is in a status is the
//! caller's. `docs/protocol.md` is the wire in full.
//!
//! * [`NodeKey`], [`PublicKey`]: who is who.
//! * [`envelope`]: exactly which bytes are signed. Pure.
//! * [`canary`]: how a peer knows our canary in its mailbox. Pure.
//! * [`confirm`]: what a peer is asked to look at, and what it answers. Pure.
//! * [`listen`]: the server that strangers reach.
//! * [`ask`], [`ask_to_look`], [`push`]: one question to a peer, one message to it.

mod ask;
pub mod canary;
pub mod confirm;
pub mod envelope;
mod key;
pub mod listen;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use ask::ask_over;
pub use ask::{ANSWER_MAX, Heard, PATIENCE, Pushed, Target, WORD_MAX, ask, ask_to_look, push};
pub use envelope::{Instance, Nonce, STATUS_PATH};
pub use key::{KeyError, NodeKey, PublicKey};
pub use listen::{Answers, Asked, PushAnswer};
