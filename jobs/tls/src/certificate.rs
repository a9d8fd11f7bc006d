//! What a certificate says of itself.

use checker_job::Timestamp;
use ring::digest::{SHA256, digest};
use rustls_pki_types::CertificateDer;
use std::time::Duration;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// A name is cut after so many characters: whoever makes a certificate may write what he likes.
const NAME_MAX: usize = 60;
/// So many names are kept of one.
const NAMES_MAX: usize = 5;

/// One certificate of those that a server shows.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) der: CertificateDer<'static>,
    /// Whom it is for.
    pub(crate) subject: String,
    /// Who vouches for it.
    pub(crate) issuer: String,
    /// Names of hosts that it is for, the first few, and how many there are besides.
    pub(crate) names: (Vec<String>, usize),
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Certificate {
    /// Reads one.
    pub(crate) fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, read) = X509Certificate::from_der(der).map_err(|why| format!("it is damaged ({why})"))?;
        let validity = read.validity();
        let time = |time: x509_parser::time::ASN1Time| Timestamp::from_secs(time.timestamp());
        let mut names: Vec<String> = read
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|extension| extension.value.general_names.iter().filter_map(host).collect())
            .unwrap_or_default();
        let more = names.len().saturating_sub(NAMES_MAX);
        names.truncate(NAMES_MAX);
        Ok(Self {
            der: der.clone().into_owned(),
            subject: name(read.subject()),
            issuer: name(read.issuer()),
            names: (names, more),
            not_before: time(validity.not_before),
            not_after: time(validity.not_after),
        })
    }

    /// From its first second to its last.
    pub(crate) fn life(&self) -> Duration {
        self.not_after.since(self.not_before)
    }

    /// SHA-256 over all of it, as browsers show it.
    pub(crate) fn fingerprint(&self) -> String {
        digest(&SHA256, &self.der).as_ref().iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
    }

    /// A line of evidence.
    pub(crate) fn line(&self) -> String {
        let (names, more) = &self.names;
        let more = if *more == 0 { String::new() } else { format!(" and {more} more") };
        let names = if names.is_empty() { String::new() } else { format!(" (for {}{more})", names.join(", ")) };
        format!(
            "{:?}{names}, from {:?}: {} to {}, SHA-256 {}",
            self.subject,
            self.issuer,
            day(self.not_before),
            day(self.not_after),
            self.fingerprint()
        )
    }
}

/// The day, in UTC.
pub(crate) fn day(at: Timestamp) -> String {
    let shown = jiff::Timestamp::from_second(at.secs()).map(|at| at.strftime("%Y-%m-%d").to_string());
    shown.unwrap_or_else(|_| "a day out of range".to_owned())
}

/// The common name, or the organisation, or all of it.
fn name(of: &X509Name<'_>) -> String {
    let text = |mut all: Vec<&str>| all.pop().map(str::to_owned);
    let common = text(of.iter_common_name().filter_map(|n| n.as_str().ok()).collect());
    let organisation = || text(of.iter_organization().filter_map(|n| n.as_str().ok()).collect());
    cut(&common.or_else(organisation).unwrap_or_else(|| of.to_string()))
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(cut(name)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| std::net::IpAddr::from(b).to_string()),
            16 => <[u8; 16]>::try_from(*bytes).ok().map(|b| std::net::IpAddr::from(b).to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(NAME_MAX).filter(|c| !c.is_control()).collect()
}
