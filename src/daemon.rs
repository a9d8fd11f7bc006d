//! The process beside cron: it proves that mail arrives, watches the passes, and answers peers.
//!
//! Two halves. [`duties`] is a thread that does one thing after the other and waits between: canaries, looks into the
//! mailbox, what is to be told. The listeners answer at any time from what the duties and the passes have [`knowledge`]
//! of; they never wait for mail, disk or each other.

pub mod answers;
pub mod canaries;
mod codes;
pub mod drills;
pub mod duties;
pub mod init;
pub mod knowledge;
pub mod listen;
pub mod looks;
pub mod passes;
pub mod service;

pub use duties::{Duties, Event, Hands};
pub use knowledge::{Knowledge, Known};
