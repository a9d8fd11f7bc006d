//! Placeholder.
pub mod registry;
pub mod settings;
