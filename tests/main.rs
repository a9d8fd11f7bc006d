//! The one integration binary: it links once. What needs real servers finds them in `support`.
#![expect(unreachable_pub, reason = "what tests share is as public as it is anywhere")]

#[cfg(test)]
mod mail;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
