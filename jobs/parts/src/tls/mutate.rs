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

/// What [`Trust::mutations`] and kinds that look at certificates closer call what the certificate is of: the host that must
/// stand in it, and the one that is connected to, if that is another.
pub fn certificate_of(name: &str, host: &str, port: u16) -> String {
    let plain = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
    let (name, host) = (plain(name), plain(host));
    let at = address(&host, port);
    if name == host { format!("certificate of {at}") } else { format!("certificate of {name} at {at}") }
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl Trust {
    /// What handshakes with `host` would make of other certificates than those that it has `shown` for `name`: of those of
    /// another host, and of its own a day before their end. Judged by what judges in handshakes.
    pub fn mutations(
        &self,
        name: &str,
        (host, port): (&str, u16),
        shown: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Vec<Mutation> {
        let of = certificate_of(name, host, port);
        let mut remedy = format!("add a [[job.tls]] for {}", address(host, port));
        if name != host {
            remedy = format!("{remedy} with server_name = {name:?}");
        }
        let all = self.judged_otherwise(name, shown, now);
        let mutation =
            |(word, what, outcome)| Mutation::new(word, what, remedy.clone(), outcome).by_another().of(of.clone());
        all.into_iter().map(mutation).collect()
    }

    fn judged_otherwise(
        &self,
        host: &str,
        shown: &[CertificateDer<'_>],
        now: Timestamp,
    ) -> Vec<(&'static str, &'static str, Outcome)> {
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
        let now = unix(now);
        let mut all = vec![("other_certificate", "the certificate of another host", outcome(&other, now))];
        // The library itself says when they begin and end.
        let begin = match judged(&name, UnixTime::since_unix_epoch(Duration::ZERO)) {
            Ok(Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }))) => not_before,
            _ => UnixTime::since_unix_epoch(Duration::ZERO),
        };
        let shortest = begin.as_secs() + SHORT_LIVED.saturating_sub(DAY).as_secs();
        if let Some(eve) = eve(|at| judged(&name, at)).filter(|eve| eve.as_secs() > shortest) {
            all.push(("one_day_certificate", "a certificate that ends in a day", outcome(&name, eve.max(now))));
        }
        all
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
