//! One integration binary: it links once.

#[cfg(test)]
mod settings;
