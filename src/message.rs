//! Temporary.
#![allow(missing_docs)]
pub struct Rendered {
    pub subject: String,
    pub body: String,
}
