//! What tests of the whole program share.

pub(crate) mod binary;
