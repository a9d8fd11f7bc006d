//! From what a registry says to an outcome. Pure.

use crate::ask::Trouble;
use crate::registration::Registration;
use checker_job::{Metric, Outcome, Timestamp, Verdict, duration_words};
use std::time::Duration;

/// How early to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) warning: Duration,
    pub(crate) critical: Duration,
}

/// Days need no hours.
fn time_words(time: Duration) -> String {
    let days = time.as_secs() / 86_400;
    if days < 3 { duration_words(time) } else { format!("{days} d") }
}

fn day(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.secs()).unwrap_or_default();
    at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

pub(crate) fn not_registered(domain: &str, server: &str) -> Outcome {
    let what = if domain.matches('.').count() > 1 {
        "write it as it is registered, without www and the like; if it is so, anybody may register it now"
    } else {
        "anybody may register it now"
    };
    Outcome::failed(format!("{domain} is not registered, says {server}: {what}"))
}

/// The outcome for a domain that is registered.
///
/// # Errors
/// Where neither an end nor a state says anything.
pub(crate) fn judge(
    domain: &str,
    server: &str,
    said: &Registration,
    limits: &Limits,
    now: Timestamp,
) -> Result<Outcome, Trouble> {
    let mut found: Vec<(Verdict, String)> = said.states.iter().filter_map(|state| of_state(domain, state)).collect();
    let with = said.registrar.as_ref().map_or_else(String::new, |registrar| format!(", registrar {registrar}"));
    let renew = said.registrar.as_ref().map_or("renew it".to_owned(), |registrar| format!("renew it with {registrar}"));
    let Some(expires) = said.expires else {
        if found.is_empty() {
            let cause = format!("the RDAP server {server} does not say when domains expire");
            return Err(Trouble::with(
                cause.clone(),
                format!(
                    "it is registered{with}, but {cause}; some registries keep it to themselves: take the job \
                         out, or watch the date by another way (kind command)"
                ),
            ));
        }
        return Ok(outcome(found, String::new(), said));
    };
    let (left, on) = (expires.since(now), day(expires));
    let limit_words = |limit: Duration| format!("less than {} ahead", time_words(limit));
    if expires <= now {
        let ago = time_words(now.since(expires));
        found
            .push((Verdict::Failed, format!("the registration of {domain} ended {ago} ago, on {on}; {renew} at once")));
    } else if left < limits.critical {
        let (left, limit) = (time_words(left), limit_words(limits.critical));
        found
            .push((Verdict::Failed, format!("the registration of {domain} ends in {left}, on {on}, {limit}; {renew}")));
    } else if left < limits.warning {
        let (left, limit) = (time_words(left), limit_words(limits.warning));
        found.push((
            Verdict::Warning,
            format!("the registration of {domain} ends in {left}, on {on}, {limit}; {renew}"),
        ));
    }
    let well = format!("{domain} is registered until {on}, for another {}{with}", time_words(left));
    let seconds = |limit: Duration| Some(format!("{}:", limit.as_secs()));
    #[expect(clippy::cast_precision_loss, reason = "no registration lasts 2^52 s")]
    let seconds_left = expires.secs().saturating_sub(now.secs()) as f64;
    let metric = Metric {
        warning: seconds(limits.warning),
        critical: seconds(limits.critical),
        ..Metric::new("left", seconds_left, "s")
    };
    Ok(outcome(found, well, said).with_metric(metric))
}

fn outcome(mut found: Vec<(Verdict, String)>, well: String, said: &Registration) -> Outcome {
    // The worst first; of equals the first.
    found.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict));
    let worst = found.first().map(|(verdict, _)| *verdict);
    let sentence = found.into_iter().map(|(_, sentence)| sentence).collect::<Vec<_>>().join("; ");
    let outcome = match worst {
        None => Outcome::ok(well),
        Some(Verdict::Failed) => Outcome::failed(sentence),
        Some(_) => Outcome::warning(sentence),
    };
    let states: Vec<&str> = said.states.iter().take(20).map(String::as_str).collect();
    outcome.with_detail(if states.is_empty() { String::new() } else { format!("status: {}", states.join(", ")) })
}

/// What a state means, where it is no good one. The words are those of RFC 8056, section 2; what they mean, of RFC 5731
/// and RFC 3915.
fn of_state(domain: &str, state: &str) -> Option<(Verdict, String)> {
    let meaning = match state {
        "pending delete" => "will be deleted within days, and can hardly be saved any more",
        "redemption period" => {
            "has been deleted, and only its registrar can still get it back, for some weeks and a fee"
        }
        "pending restore" => "was deleted and is being restored; see that its registrar finishes that",
        "client hold" => {
            "is taken out of DNS by its registrar: names in it do not resolve (a bill, a dispute, an unproven address?)"
        }
        "server hold" => "is taken out of DNS by the registry: names in it do not resolve (a dispute, or abuse?)",
        "inactive" => {
            let words = format!("{domain} has no name servers, so names in it do not resolve (inactive)");
            return Some((Verdict::Warning, words));
        }
        _ => return None,
    };
    Some((Verdict::Failed, format!("{domain} {meaning} ({state})")))
}
