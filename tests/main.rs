//! The tests that need the whole program, or real servers, and the rules of this repository. One binary, so that they
//! are linked once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test ends where something is not as it should be"
)]

mod admin;
mod channels;
mod cli;
mod daemon;
mod degraded;
mod fleet;
mod isolation;
mod kinds;
mod life;
mod mail;
mod mailbox;
mod matrix;
mod moving;
mod passes;
mod peer;
mod scripts;
mod settings;
mod support;
mod tidy;
mod watch;
mod witness;
