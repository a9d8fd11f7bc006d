//! Kills while a refuge is merged into the store.
