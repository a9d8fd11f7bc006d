//! Would a handshake notice that a server's certificate is not as it should be?

use super::{Trust, server_name};
use checker_job::{Mutation, Outcome, Timestamp};
use rustls::client::danger::ServerCertVerifier;
use rustls::{CertificateError, Error};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::io;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// A certificate that lives no longer than this may end in a day without anything being wrong.
pub const SHORT_LIVED: Duration = Duration::from_secs(4 * 86_400);
/// The first second of the year 10000: no certificate lasts longer (RFC 5280, 4.1.2.5).
const END: UnixTime = UnixTime::since_unix_epoch(Duration::from_secs(253_402_300_800));
/// More of them lead to no authority.
const CERTIFICATES_MAX: usize = 10;
/// A name that no certificate of a server carries (RFC 6761).
const OTHER: &str = "another-host.invalid";

/// What [`Trust::mutations`] and kinds that look at certificates closer call what the certificate is of.
pub fn certificate_of(host: &str, port: u16) -> String {
    format!("certificate of {}:{port}", host.trim_end_matches('.').to_ascii_lowercase())
}

impl Trust {
    /// What handshakes with `host` would make of other certificates than those that it has `shown`: of those of another
    /// host, and of its own a day before their end, if they live longer than [`SHORT_LIVED`]. Judged by what judges in handshakes.
    pub fn mutations(&self, host: &str, port: u16, shown: &[CertificateDer<'_>], now: Timestamp) -> Vec<Mutation> {
        let (Some((own, above)), Ok(name), Ok(other)) = (shown.split_first(), server_name(host), server_name(OTHER))
        else {
            return Vec::new();
        };
        let judged = |name: &ServerName<'_>, at: UnixTime| {
            self.ready().map(|ready| ready.verifier.verify_server_cert(own, above, name, &[], at))
        };
        let outcome = |name: &ServerName<'_>, at: UnixTime| match judged(name, at) {
            Ok(Ok(_)) => Outcome::ok("the certificate is accepted"),
            Ok(Err(error)) => {
                let error = io::Error::new(io::ErrorKind::InvalidData, error);
                Outcome::failed(self.explain(&error, host).sentence)
            }
            Err(fault) => Outcome::failed(fault.sentence),
        };
        let of = certificate_of(host, port);
        let now = unix(now);
        let remedy = format!("add a [[job.tls]] for {host}:{port}");
        let mut all = vec![Mutation::new(
            "other_certificate",
            "the certificate of another host",
            remedy.clone(),
            outcome(&other, now),
        )];
        // The library itself says when they begin and end.
        let begin = match judged(&name, UnixTime::since_unix_epoch(Duration::ZERO)) {
            Ok(Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }))) => not_before,
            _ => UnixTime::since_unix_epoch(Duration::ZERO),
        };
        let shortest = begin.as_secs() + SHORT_LIVED.saturating_sub(DAY).as_secs();
        if let Some(eve) = eve(|at| judged(&name, at)).filter(|eve| eve.as_secs() > shortest) {
            let what = "a certificate that ends in a day";
            all.push(Mutation::new("one_day_certificate", what, remedy, outcome(&name, eve.max(now))));
        }
        all.into_iter().map(|mutation| mutation.of(of.clone())).collect()
    }
}

/// A day before the first of the certificates ends that it takes, as the library itself says.
fn eve<T, F>(judged: impl Fn(UnixTime) -> Result<Result<T, Error>, F>) -> Option<UnixTime> {
    let mut at = END;
    for _ in 0..CERTIFICATES_MAX {
        match judged(at) {
            Ok(Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })))
                if not_after < at =>
            {
                at = UnixTime::since_unix_epoch(Duration::from_secs(not_after.as_secs()).saturating_sub(DAY));
            }
            _ => break,
        }
    }
    (at < END).then_some(at)
}

fn unix(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.secs()).unwrap_or_default()))
}
