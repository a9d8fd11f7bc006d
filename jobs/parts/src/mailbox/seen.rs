//! A look of which more is kept: what the server showed in TLS; and its steps over any stream.

use super::until::Until;
use super::{ImapAccount, LookError, Survey, connect, session};
use rustls_pki_types::CertificateDer;
use std::io::{Read, Write};
use std::time::Instant;

/// What was seen of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// What the folder holds, where one was looked at.
    pub survey: Option<Survey>,
    /// The certificates that the server showed, its own first; none without TLS.
    pub certificates: Vec<CertificateDer<'static>>,
}

/// [`survey`](super::survey) of `folder`, or [`greet`](super::greet) where none is given, with the certificates.
///
/// # Errors
/// As these.
pub fn see(account: &ImapAccount, folder: Option<&str>, deadline: Instant) -> Result<Seen, LookError> {
    let until = Until::new(deadline);
    let at = account.at();
    let stream = connect::open(account, &until).map_err(|why| LookError::new(&at, why))?;
    let certificates = stream.certificates();
    let survey = match folder {
        Some(folder) => session::survey(stream, &account.user, &account.by, folder, &until).map(Some),
        None => session::greet(stream, &until).map(|()| None),
    };
    survey.map(|survey| Seen { survey, certificates }).map_err(|why| LookError::new(&at, why))
}

/// [`greet`](super::greet) over an open stream, as [`look_over`](super::look_over) is [`look`](super::look).
///
/// # Errors
/// As [`greet`](super::greet).
pub fn greet_over<S: Read + Write>(stream: S, deadline: Instant) -> Result<(), LookError> {
    session::greet(stream, &Until::new(deadline)).map_err(|why| LookError::new("mail server", why))
}

/// What comes before the handshake where TLS is begun by STARTTLS, over an open stream that ends by itself.
///
/// # Errors
/// The server does not agree.
pub fn starttls_over<S: Read + Write>(mut stream: S) -> Result<(), LookError> {
    connect::begin_tls(&mut stream).map_err(|why| LookError::new("mail server", why))
}
