//! Placeholder.
#[cfg(test)]
mod settings;
