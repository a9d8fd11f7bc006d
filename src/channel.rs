//! The ways out: what carries a delivery to a person.
//!
//! **Invariant:** a channel decides nothing. It takes one committed [`crate::decide::Delivery`], carries it or does not,
//! and answers with a [`crate::decide::SendResult`] within the time that it was given.

pub mod call;
pub mod command;
pub mod mail;
pub mod webhook;
