//! The tests that need the whole program, or real servers, and the rules of this repository. One binary, so that they
//! are linked once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test ends where something is not as it should be"
)]

<<<<<<< HEAD
mod mail;
mod settings;
mod support;
=======
#[cfg(test)]
mod life;
#[cfg(test)]
mod passes;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
#[cfg(test)]
>>>>>>> life
mod tidy;
mod watch;
