//! Checker: a watchdog that states how long a fault can stay untold, and proves it.
//!
//! The map, in the order in which the data flows.

pub mod channel;
pub mod clock;
pub mod decide;
pub mod message;
pub mod registry;
pub mod runner;
pub mod store;
