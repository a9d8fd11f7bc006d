//! The one integration binary: it links once.

#[cfg(test)]
mod cli;
#[cfg(test)]
mod life;
#[cfg(test)]
mod passes;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
