//! Whether an authority that we trust vouches for a certificate, apart from when that one ends; and which of those that it
//! depends on ends before it. Pure.

use crate::certificate::{Certificate, day};
use checker_job::Timestamp;
use checker_parts::tls::{Fault, Trust};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::ring::default_provider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::io;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// What those above a certificate are worth.
#[derive(Debug, Default)]
pub(crate) struct Chain<'a> {
    /// Why no authority that we trust vouches for it, whatever the time.
    pub(crate) fault: Option<Fault>,
    /// One that it depends on, and that ends before it; the first one to end.
    pub(crate) through: Option<&'a Certificate>,
}

/// What a server has shown above its own certificate, and whom we trust.
struct Above<'a> {
    own: &'a Certificate,
    shown: &'a [Certificate],
    trust: &'a Trust,
    roots: Arc<RootCertStore>,
}

/// Looks at the chain of `own` as it is `now`. `anchors` are the certificates of the CA file.
pub(crate) fn look<'a>(
    trust: &'a Trust,
    anchors: &'a [Certificate],
    own: &'a Certificate,
    shown: &'a [Certificate],
    now: Timestamp,
) -> Chain<'a> {
    if trust.names(&own.der) {
        return Chain::default();
    }
    let roots = match trust.roots() {
        Ok(roots) => roots,
        Err(fault) => return Chain { fault: Some(fault), through: None },
    };
    let above = Above { own, shown, trust, roots };
    // When it has ended, or not begun, that is said elsewhere.
    let at = now.max(own.not_before).min(own.not_after);
    let chain = match above.vouches(at) {
        Ok(()) => Chain { fault: None, through: above.first_to_end(at) },
        Err(error) => above.broken(error),
    };
    let ends = chain.through.map_or(own.not_after, |through| through.not_after);
    Chain { through: above.anchor_to_end(anchors, ends, at).or(chain.through), ..chain }
}

impl<'a> Above<'a> {
    fn vouches(&self, at: Timestamp) -> Result<(), Error> {
        vouched(self.own, self.shown, &self.roots, at)
    }

    /// The first of those shown after whose end nobody vouches any more. One that nobody needs may end.
    fn first_to_end(&self, from: Timestamp) -> Option<&'a Certificate> {
        let mut earlier: Vec<&Certificate> =
            self.shown.iter().filter(|c| c.not_after >= from && c.not_after < self.own.not_after).collect();
        earlier.sort_by_key(|c| c.not_after);
        earlier.into_iter().find(|c| self.vouches(c.not_after.plus(SECOND)).is_err())
    }

    /// The first one of the CA file, of those that end before `ends`, after whose end nobody vouches any more: another one may
    /// do so too, and last longer. The library does not look at when those end; others do.
    fn anchor_to_end(&self, anchors: &'a [Certificate], ends: Timestamp, at: Timestamp) -> Option<&'a Certificate> {
        let mut earlier: Vec<&Certificate> = anchors.iter().filter(|a| a.not_after < ends).collect();
        earlier.sort_by_key(|a| a.not_after);
        let ders: Vec<&CertificateDer<'_>> = earlier.iter().map(|a| &a.der).collect();
        let vouches_without = |first: usize| {
            let ended = ders.get(..first).unwrap_or_default();
            vouched(self.own, self.shown, &self.trust.roots_without(ended), at).is_ok()
        };
        if earlier.is_empty() || self.vouches(at).is_err() || vouches_without(earlier.len()) {
            return None;
        }
        (1..).zip(earlier).find(|(first, _)| !vouches_without(*first)).map(|(_, anchor)| anchor)
    }

    /// Nobody vouches: because one that it depends on has ended, or has not begun, or for a worse reason. The library names
    /// the time of that one; before it ended, all was well, or it was not.
    fn broken(&self, error: Error) -> Chain<'a> {
        let (mut error, mut through) = (error, None);
        for _ in self.shown {
            let Some(ended) = self.ended(&error) else { break };
            through = Some(ended);
            if ended.not_after < self.own.not_before {
                return Chain { fault: None, through };
            }
            match self.vouches(ended.not_after) {
                Ok(()) => return Chain { fault: None, through },
                Err(before) => error = before,
            }
        }
        let fault = self.not_begun(&error).unwrap_or_else(|| explained(self.trust, error, &self.own.subject));
        Chain { fault: Some(fault), through }
    }

    fn ended(&self, error: &Error) -> Option<&'a Certificate> {
        let Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) = error else { return None };
        self.shown.iter().find(|c| unix(c.not_after) == Some(*not_after))
    }

    fn not_begun(&self, error: &Error) -> Option<Fault> {
        let Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) = error else {
            return None;
        };
        let one = self.shown.iter().find(|c| unix(c.not_before) == Some(*not_before))?;
        let starts = day(one.not_before);
        let sentence =
            format!("{} is not yet valid: it starts on {starts} (or the clock of this host is wrong)", of(one));
        Some(Fault { sentence, cause: None })
    }
}

/// An authority, as the beginning of a sentence.
pub(crate) fn of(authority: &Certificate) -> String {
    format!("certificate of the authority {:?}, which it depends on,", authority.subject)
}

/// Words what the library says of a certificate; `name` is whom it is for.
pub(crate) fn explained(trust: &Trust, error: Error, name: &str) -> Fault {
    trust.explain(&io::Error::new(io::ErrorKind::InvalidData, error), name)
}

fn unix(at: Timestamp) -> Option<UnixTime> {
    u64::try_from(at.secs()).ok().map(|seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

/// The library bounds what one call may cost: 100 signatures, and 200,000 steps (webpki's `Budget`). A server shows few
/// enough certificates that some such calls do not matter.
fn vouched(own: &Certificate, shown: &[Certificate], roots: &RootCertStore, at: Timestamp) -> Result<(), Error> {
    let shown: Vec<CertificateDer<'_>> = shown.iter().map(|c| c.der.clone()).collect();
    let at = unix(at).ok_or(Error::InvalidCertificate(CertificateError::Expired))?;
    let algorithms = default_provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&ParsedCertificate::try_from(&own.der)?, roots, &shown, at, algorithms)
}
