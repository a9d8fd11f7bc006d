//! What the certificates of one address are worth. Pure: time comes in as an argument.

use crate::certificate::{Certificate, day};
use crate::plan::{Left, Plan};
use checker_job::{Metric, Outcome, Timestamp, Verdict, duration_words};
use checker_parts::tls::{Fault, Trust};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring::default_provider;
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::io;
use std::time::Duration;

/// One thing that is not as it should be.
struct Finding {
    verdict: Verdict,
    sentence: String,
    /// Set where we could not judge.
    cause: Option<&'static str>,
}

/// When the certificate can be used no longer, and because of which one that it depends on, if not itself.
struct End<'a> {
    at: Timestamp,
    through: Option<&'a Certificate>,
}

/// Judges what a server has shown: its own certificate, and those that lead to an authority.
pub(crate) fn judge(plan: &Plan, shown: &[Certificate], now: Timestamp) -> Outcome {
    let Some((own, above)) = shown.split_first() else {
        return Outcome::failed("server shows no certificate");
    };
    let mut findings = Vec::new();
    let (vouched, end) = chain(&plan.trust, own, above, now);
    if plan.chain
        && let Err(fault) = vouched
    {
        findings.push(faulty(fault));
    }
    if plan.host
        && let Err(error) = named(plan, own)
    {
        findings.push(faulty(explained(&plan.trust, error, &plan.host_name)));
    }
    let left = end.at.secs() - now.secs();
    if plan.expiry {
        findings.extend(expiry(plan, own, &end, now));
    }
    if let Some(ours) = &plan.client {
        let end = End { at: ours.not_after, through: None };
        findings.extend(
            expiry(plan, ours, &end, now).map(|f| Finding { sentence: format!("our client {}", f.sentence), ..f }),
        );
    }
    let outcome = summed_up(own, &end, &findings, now);
    #[expect(clippy::cast_precision_loss, reason = "no certificate lives for 2^52 seconds")]
    let days = (left as f64 / 864.0).round() / 100.0;
    let mut metric = Metric::new("days", days, "");
    metric.warning = Some(range(plan.warning.of(own.life())));
    metric.critical = Some(range(plan.critical.of(own.life())));
    let lines: Vec<String> = shown.iter().map(Certificate::line).collect();
    outcome.with_detail(lines.join("\n")).with_metric(metric)
}

/// A range of Nagios: less than this many days is outside.
fn range(limit: Duration) -> String {
    format!("{}:", limit.as_secs() / 86_400)
}

fn faulty(fault: Fault) -> Finding {
    let verdict = if fault.cause.is_some() { Verdict::Unknown } else { Verdict::Failed };
    Finding { verdict, sentence: fault.sentence, cause: fault.cause }
}

fn summed_up(own: &Certificate, end: &End<'_>, findings: &[Finding], now: Timestamp) -> Outcome {
    let said = |verdict: Verdict| findings.iter().any(|f| f.verdict == verdict);
    let sentence = findings.iter().map(|f| f.sentence.as_str()).collect::<Vec<_>>().join("; ");
    if said(Verdict::Failed) {
        return Outcome::failed(sentence);
    }
    if let Some(cause) = findings.iter().find_map(|f| f.cause) {
        return Outcome::unknown(sentence, cause);
    }
    if said(Verdict::Warning) {
        return Outcome::warning(sentence);
    }
    let left = duration_words(whole_days(end.at.since(now)));
    Outcome::ok(format!("certificate of {} is good for another {left}, until {}", own.subject, day(end.at)))
}

/// Hours do not matter where there are days.
fn whole_days(left: Duration) -> Duration {
    let day = 86_400;
    if left.as_secs() < 3 * day { left } else { Duration::from_secs(left.as_secs() / day * day) }
}

fn expiry(plan: &Plan, of: &Certificate, end: &End<'_>, now: Timestamp) -> Option<Finding> {
    let found = |verdict, sentence| Some(Finding { verdict, sentence, cause: None });
    if now < of.not_before {
        let starts = day(of.not_before);
        let sentence = format!("certificate not yet valid: it starts on {starts} (or the clock of this host is wrong)");
        return found(Verdict::Failed, sentence);
    }
    let what = end.through.map_or_else(
        || "certificate".to_owned(),
        |through| format!("certificate of the authority {:?}, which it depends on,", through.subject),
    );
    let on = day(end.at);
    if end.at < now {
        let ago = duration_words(whole_days(now.since(end.at)));
        return found(Verdict::Failed, format!("{what} expired {ago} ago, on {on}"));
    }
    let left = end.at.since(now);
    let sentence = format!("{what} expires in {}, on {on}", duration_words(whole_days(left)));
    let is_below = |limit: &Left| left < limit.of(of.life());
    if is_below(&plan.critical) {
        found(Verdict::Failed, sentence)
    } else if is_below(&plan.warning) {
        found(Verdict::Warning, sentence)
    } else {
        None
    }
}

fn named(plan: &Plan, own: &Certificate) -> Result<(), Error> {
    verify_server_name(&ParsedCertificate::try_from(&own.der)?, &plan.server_name)
}

fn explained(trust: &Trust, error: Error, name: &str) -> Fault {
    trust.explain(&io::Error::new(io::ErrorKind::InvalidData, error), name)
}

/// Whether an authority that we trust vouches for `own`, apart from when that ends; and when it does.
fn chain<'a>(
    trust: &Trust,
    own: &Certificate,
    above: &'a [Certificate],
    now: Timestamp,
) -> (Result<(), Fault>, End<'a>) {
    let its_own = End { at: own.not_after, through: None };
    if trust.names(&own.der) {
        return (Ok(()), its_own);
    }
    let roots = match trust.roots() {
        Ok(roots) => roots,
        Err(fault) => return (Err(fault), its_own),
    };
    let vouches = |at: Timestamp| vouched(own, above, &roots, at);
    // When it has ended, or not begun, that is said elsewhere.
    let at = now.max(own.not_before).min(own.not_after);
    let Err(error) = vouches(at) else {
        return (Ok(()), ends(own, above, at, |d| vouches(d).is_err()));
    };
    // One that vouches for it may have ended. Before that, all was well?
    let before = above.iter().filter(|c| c.not_after < at && c.not_after >= own.not_before);
    let ended = before.filter(|c| vouches(c.not_after).is_ok()).max_by_key(|c| c.not_after);
    match ended {
        Some(through) => (Ok(()), End { at: through.not_after, through: Some(through) }),
        None => (Err(explained(trust, error, &own.subject)), its_own),
    }
}

/// The first end of a certificate above after which nobody vouches for `own` any more, or its own.
fn ends<'a>(
    own: &Certificate,
    above: &'a [Certificate],
    from: Timestamp,
    fails: impl Fn(Timestamp) -> bool,
) -> End<'a> {
    let mut earlier: Vec<&Certificate> =
        above.iter().filter(|c| c.not_after >= from && c.not_after < own.not_after).collect();
    earlier.sort_by_key(|c| c.not_after);
    let second = Duration::from_secs(1);
    let through = earlier.into_iter().find(|c| fails(c.not_after.plus(second)));
    End { at: through.map_or(own.not_after, |c| c.not_after), through }
}

fn vouched(own: &Certificate, above: &[Certificate], roots: &RootCertStore, at: Timestamp) -> Result<(), Error> {
    let above: Vec<CertificateDer<'_>> = above.iter().map(|c| c.der.clone()).collect();
    let seconds = u64::try_from(at.secs()).map_err(|_| Error::InvalidCertificate(CertificateError::Expired))?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let algorithms = default_provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&ParsedCertificate::try_from(&own.der)?, roots, &above, at, algorithms)
}
