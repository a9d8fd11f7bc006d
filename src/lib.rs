//! Checker: a watchdog that states how long a fault can stay untold, and proves it.
//!
//! The map, in the order in which the data flows:
//!
//! 1. What people type and write: [`run`], [`settings`], [`registry`] and the list of [`bundled()`] job kinds.
//! 2. One pass: [`pass`] asks [`decide`] what is due, the [`runner`] runs it (suspects run [`apart`]), `decide` says what
//!    it means.
//! 3. What is remembered: [`store`].
//! 4. Whose fault it is: the [`witness`].
//! 5. What is told: [`node`] (troubles of our own), [`outbox`], [`message`], [`channel`].
//! 6. What nodes say to each other: [`peer`]; and what they see for each other, before a target is called down: [`confirm`].
//! 7. What each pass does for the watch over Checker itself: [`rounds`]. What runs beside the passes: the [`daemon`], which passes and commands reach over [`control`].
//! 8. What a programmer begins with: [`new_job`]. What somebody brings along who moves in: `import`.
//! 9. What others start and Checker keeps a record of: [`script`]; and where they call: [`web`].
//! 10. Beside all: [`clock`], the only place that reads the time, and [`log`].

pub mod apart;
pub mod bundled;
pub mod channel;
mod cli;
pub mod clock;
pub mod confirm;
pub mod control;
pub mod daemon;
pub mod decide;
pub mod drill;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod import;
pub mod log;
pub mod message;
pub mod new_job;
pub mod node;
pub mod outbox;
pub mod pass;
pub mod peer;
pub mod registry;
pub mod rounds;
pub mod runner;
pub mod script;
pub mod settings;
pub mod simulation;
pub mod store;
pub mod web;
pub mod witness;

pub use bundled::bundled;
pub use cli::run;
