//! What ends a talk before there is anything to judge.

use std::io;

#[derive(Debug)]
pub(crate) enum End {
    /// The connection broke.
    Broken(io::Error),
    /// The server closed it.
    Closed,
    /// What the server said or did, as the end of a sentence that begins with the server.
    Said(String),
    /// What the server does is what somebody does who stands in between: the end of a sentence that begins with the server.
    Forged(String),
    /// What the server shows is nothing that we can verify, so nothing is known of it. Its host key; the end of a sentence
    /// that begins with it.
    Unverifiable(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}
