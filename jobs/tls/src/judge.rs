//! What the certificates of one address are worth. Pure: time comes in as an argument.

use crate::certificate::{Certificate, day};
use crate::chain::{self, explained};
use crate::handshake::Shown;
use crate::plan::{Host, Left, Plan};
use checker_job::{Metric, Outcome, Timestamp, Verdict, duration_words};
use checker_parts::tls::Fault;
use rustls::Error;
use rustls::client::verify_server_name;
use rustls::server::ParsedCertificate;
use std::time::Duration;

/// One thing that is not as it should be.
struct Finding {
    verdict: Verdict,
    sentence: String,
    /// Set where we could not judge.
    cause: Option<&'static str>,
}

impl Finding {
    fn new(verdict: Verdict, sentence: impl Into<String>) -> Self {
        Self { verdict, sentence: sentence.into(), cause: None }
    }

    fn faulty(fault: Fault) -> Self {
        let verdict = if fault.cause.is_some() { Verdict::Unknown } else { Verdict::Failed };
        Self { verdict, sentence: fault.sentence, cause: fault.cause }
    }
}

/// Judges what a server has shown. What ends is said first: sentences are cut where they are long.
pub(crate) fn judge(plan: &Plan, host: &Host, shown: &Shown, now: Timestamp) -> Outcome {
    let Shown { own, above, refusal, lines, .. } = shown;
    let chain = chain::look(&plan.trust, &plan.anchors, own, above, now);
    let mut findings = Vec::new();
    if plan.expiry {
        findings.extend(expiry(plan, own, chain.through, now));
        let ours = plan.client.iter().flat_map(|ours| expiry(plan, ours, None, now));
        findings.extend(ours.map(|f| Finding { sentence: format!("our client {}", f.sentence), ..f }));
    } else if plan.chain {
        findings.extend(chain.through.filter(|through| through.not_after < now).map(|through| ended(through, now)));
    }
    if plan.chain {
        findings.extend(chain.fault.map(Finding::faulty));
    }
    if plan.host
        && let Err(error) = named(host, own)
    {
        findings.push(Finding::faulty(explained(&plan.trust, error, &host.shown)));
    }
    findings.extend(refusal.iter().map(|sentence| Finding::new(Verdict::Failed, sentence)));
    let outcome = summed_up(&findings).unwrap_or_else(|| Outcome::ok(good(plan, host, own, chain.through, now)));
    let end = chain.through.map_or(own.not_after, |through| through.not_after);
    outcome.with_detail(lines.join("\n")).with_metric(days(plan, own, end, now)).with_metric(Metric::new(
        "time",
        shown.took.as_secs_f64(),
        "s",
    ))
}

fn days(plan: &Plan, own: &Certificate, end: Timestamp, now: Timestamp) -> Metric {
    let mut metric = Metric::new("days", in_days(end.secs() - now.secs()), "");
    // A range of Nagios: less than this many days is outside.
    let range = |left: &Left| {
        let limit = i64::try_from(left.of(own.life()).as_secs()).unwrap_or(i64::MAX);
        plan.expiry.then(|| format!("{}:", in_days(limit)))
    };
    (metric.warning, metric.critical) = (range(&plan.warning), range(&plan.critical));
    metric
}

fn in_days(seconds: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no certificate lives for 2^52 seconds")]
    let days = (seconds as f64 / 864.0).round() / 100.0;
    days
}

fn summed_up(findings: &[Finding]) -> Option<Outcome> {
    let said = |verdict: Verdict| findings.iter().any(|f| f.verdict == verdict);
    let sentence = findings.iter().map(|f| f.sentence.as_str()).collect::<Vec<_>>().join("; ");
    if said(Verdict::Failed) {
        return Some(Outcome::failed(sentence));
    }
    if said(Verdict::Warning) {
        return Some(Outcome::warning(sentence));
    }
    findings.iter().find_map(|f| f.cause).map(|cause| Outcome::unknown(sentence, cause))
}

/// Says no more than what was judged.
fn good(plan: &Plan, host: &Host, own: &Certificate, through: Option<&Certificate>, now: Timestamp) -> String {
    let subject = &own.subject;
    if !plan.expiry {
        let chain = plan.chain.then(|| format!("is vouched for by {:?}", own.issuer));
        let host = plan.host.then(|| format!("is for {}", host.shown));
        return format!("certificate of {subject} {}", chain.into_iter().chain(host).collect::<Vec<_>>().join(" and "));
    }
    let end = through.map_or(own.not_after, |through| through.not_after);
    let left = duration_words(whole_days(end.since(now)));
    let why = through.map_or_else(String::new, |t| format!(" (when that of the authority {:?} ends)", t.subject));
    format!("certificate of {subject} is good for another {left}, until {}{why}", day(end))
}

/// Hours do not matter where there are days.
fn whole_days(left: Duration) -> Duration {
    let day = 86_400;
    if left.as_secs() < 3 * day { left } else { Duration::from_secs(left.as_secs() / day * day) }
}

/// What there is to say of the end of `of`, and of the end of `through`, which it depends on.
fn expiry(plan: &Plan, of: &Certificate, through: Option<&Certificate>, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if now < of.not_before {
        let starts = day(of.not_before);
        let sentence = format!("certificate not yet valid: it starts on {starts} (or the clock of this host is wrong)");
        findings.push(Finding::new(Verdict::Failed, sentence));
    } else if of.not_after < now {
        findings.push(Finding::new(Verdict::Failed, expired("certificate", of.not_after, now)));
    }
    findings.extend(through.filter(|through| through.not_after < now).map(|through| ended(through, now)));
    if findings.is_empty() {
        let (what, end) =
            through.map_or_else(|| ("certificate".to_owned(), of.not_after), |t| (chain::of(t), t.not_after));
        let left = end.since(now);
        let sentence = format!("{what} expires in {}, on {}", duration_words(whole_days(left)), day(end));
        let is_below = |limit: &Left| left < limit.of(of.life());
        if is_below(&plan.critical) {
            findings.push(Finding::new(Verdict::Failed, sentence));
        } else if is_below(&plan.warning) {
            findings.push(Finding::new(Verdict::Warning, sentence));
        }
    }
    findings
}

fn ended(authority: &Certificate, now: Timestamp) -> Finding {
    Finding::new(Verdict::Failed, expired(&chain::of(authority), authority.not_after, now))
}

/// That `what` has expired.
pub(crate) fn expired(what: &str, end: Timestamp, now: Timestamp) -> String {
    format!("{what} expired {} ago, on {}", duration_words(whole_days(now.since(end))), day(end))
}

fn named(host: &Host, own: &Certificate) -> Result<(), Error> {
    verify_server_name(&ParsedCertificate::try_from(&own.der)?, &host.name)
}
