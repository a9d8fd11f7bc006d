//! Placeholder.
mod settings;
