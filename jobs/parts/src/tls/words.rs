//! What went wrong in TLS, as a sentence for a tired human.

use super::NO_SYSTEM_ROOTS;
use jiff::Timestamp;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};
use rustls_pki_types::{ServerName, UnixTime};
use std::io::{self, ErrorKind};

/// Why TLS failed: a sentence, and a cause where the fault is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, in one line without a full stop.
    pub sentence: String,
    /// Set where we could not judge. It is worded alike for all targets that the same thing hinders.
    pub cause: Option<&'static str>,
}

impl Fault {
    pub(super) fn of_target(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), cause: None }
    }

    pub(super) fn of_ours(cause: &'static str, sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), cause: Some(cause) }
    }
}

/// Words an error of a TLS stream. rustls hides its own errors inside those of IO.
pub(super) fn of_io(error: &io::Error, name: &str, without_system: bool) -> Fault {
    if let Some(inner) = error.get_ref().and_then(|e| e.downcast_ref::<Error>()) {
        return of_rustls(inner, name, without_system);
    }
    Fault::of_target(match error.kind() {
        ErrorKind::UnexpectedEof => "the server closed the connection during the TLS handshake".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
            "the server reset the connection during the TLS handshake".to_owned()
        }
        _ => format!("the TLS handshake broke: {error}"),
    })
}

fn of_rustls(error: &Error, name: &str, without_system: bool) -> Fault {
    let sentence = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) if without_system => {
            return Fault::of_ours(
                NO_SYSTEM_ROOTS,
                "certificate cannot be judged: ca_file does not know its authority, and this host has no CA \
                 certificates of its own; install the package ca-certificates",
            );
        }
        Error::InvalidCertificate(why) => certificate(why, name),
        // What a server without TLS sends is cut into records all the same, and fails in one of these ways.
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => "server does not speak TLS".to_owned(),
        Error::InvalidMessage(why) => format!("server sends broken TLS ({why:?})"),
        Error::AlertReceived(alert) => format!("handshake refused: {}", refusal(*alert)),
        Error::PeerIncompatible(why) => incompatible(why),
        Error::NoApplicationProtocol => "handshake refused: the server speaks none of the offered protocols".to_owned(),
        Error::NoCertificatesPresented => "server shows no certificate".to_owned(),
        Error::PeerMisbehaved(why) => format!("server breaks the rules of TLS ({why:?})"),
        Error::DecryptError => "the TLS connection is damaged: a record cannot be decrypted".to_owned(),
        other => format!("the TLS handshake failed: {other}"),
    };
    Fault::of_target(sentence)
}

fn certificate(why: &CertificateError, name: &str) -> String {
    match why {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("certificate expired on {}", day(*not_after))
        }
        CertificateError::Expired => "certificate expired".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate not yet valid: it starts on {} (or the clock of this host is wrong)", day(*not_before))
        }
        CertificateError::NotValidYet => "certificate not yet valid (or the clock of this host is wrong)".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => wrong_name(expected, presented),
        CertificateError::NotValidForName => format!("certificate is not for {name}"),
        CertificateError::UnknownIssuer => {
            "certificate is signed by an unknown authority (own CA? set ca_file; or the server does not send its \
             intermediate certificates)"
                .to_owned()
        }
        CertificateError::Revoked => "certificate is revoked".to_owned(),
        CertificateError::BadSignature => {
            "certificate is not signed by the authority that it names (an own CA made anew? renew ca_file)".to_owned()
        }
        CertificateError::BadEncoding => "certificate is damaged".to_owned(),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate is not made for servers".to_owned()
        }
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "certificate is that of an authority itself, not of a server (self-signed?)".to_owned()
        }
        other => format!("certificate is not valid: {other}"),
    }
}

/// At most three names: a certificate may carry hundreds.
fn wrong_name(expected: &ServerName<'_>, presented: &[String]) -> String {
    let expected = expected.to_str();
    let names: Vec<String> = presented.iter().take(3).map(|n| bare(n).chars().take(60).collect()).collect();
    let more = match presented.len().saturating_sub(names.len()) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    if names.is_empty() {
        return format!("certificate is for no name at all, not for {expected}");
    }
    format!("certificate is for {}{more}, not for {expected}", names.join(", "))
}

/// webpki shows a name as `DnsName("a.example")` or `IpAddress(192.0.2.1)`.
fn bare(shown: &str) -> &str {
    shown.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).map_or(shown, |inner| inner.trim_matches('"'))
}

fn refusal(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::HandshakeFailure => "the server shares no cipher or key exchange with us".to_owned(),
        AlertDescription::ProtocolVersion => "the server speaks neither TLS 1.2 nor TLS 1.3".to_owned(),
        AlertDescription::UnrecognisedName => "the server does not know this host name".to_owned(),
        AlertDescription::CertificateRequired => "the server wants a client certificate".to_owned(),
        AlertDescription::NoApplicationProtocol => "the server speaks none of the offered protocols".to_owned(),
        AlertDescription::AccessDenied => "the server denies access".to_owned(),
        AlertDescription::InternalError => "the server has an internal error".to_owned(),
        other => format!("the server sent the alert {other:?}"),
    }
}

fn incompatible(why: &PeerIncompatible) -> String {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "server speaks neither TLS 1.2 nor TLS 1.3".to_owned()
        }
        other => format!("server and we have no TLS in common ({other:?})"),
    }
}

fn day(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|secs| Timestamp::from_second(secs).ok())
        .map_or_else(|| "a day out of range".to_owned(), |t| t.strftime("%Y-%m-%d").to_string())
}

/// Whether an error of IO is TLS's own, not that of the connection below it.
pub fn is_tls_error(error: &io::Error) -> bool {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).is_some()
}
