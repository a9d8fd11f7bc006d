//! The one integration binary: it links once.

#[cfg(test)]
mod settings;
#[cfg(test)]
mod tidy;
