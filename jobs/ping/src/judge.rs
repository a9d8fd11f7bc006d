//! From what was seen to an outcome. Pure.

mod one;

use crate::pings::{Came, Seen};
use crate::plan::{Family, Plan};
use checker_job::{Blame, Metric, Outcome, Verdict};
use checker_parts::net::NO_ROUTE;
use checker_parts::probe::{Limit, Problem, Tried, listed};
use one::Judged;
use std::time::Duration;

/// The cause where the system does not let us ping, and what to do.
const FORBIDDEN: &str = "the system does not let Checker send pings";
const REMEDY: &str = "allow it by sysctl net.ipv4.ping_group_range=\"0 2147483647\" (docs/operating.md, \"What some kinds \
                      need\", has another way)";

/// The outcome where a name has addresses, and none of the family that is wanted.
pub(crate) fn no_such_family(host: &str, family: Family) -> Outcome {
    let version = if family == Family::Six { 6 } else { 4 };
    Outcome::failed(format!("{host} has no IPv{version} address (ip = \"{version}\" takes no other)"))
}

/// The outcome of a run.
pub(crate) fn all(plan: &Plan, host: &str, tried: &[Tried<Came>], limit: &Limit) -> Outcome {
    let seen: Vec<(_, &Seen)> = tried.iter().filter_map(|(to, came)| Some((*to, seen(came)?))).collect();
    let judged: Vec<Judged> = seen.iter().map(|(to, seen)| one::judged(plan, host, to.ip(), seen, limit)).collect();
    let outcome = if judged.is_empty() { hindered(host, tried) } else { counted(host, tried, &judged) };
    let detail = if tried.len() > 1 { evidence(tried, &judged) } else { String::new() };
    let worst = seen.iter().map(|(_, seen)| *seen).max_by_key(|seen| (one::loss(seen), one::average(seen)));
    let metrics = worst.map(|seen| metrics(plan, seen)).unwrap_or_default();
    metrics.into_iter().fold(outcome.with_detail(detail), Outcome::with_metric)
}

fn seen(came: &Result<Came, Problem>) -> Option<&Seen> {
    match came {
        Ok(Came::Seen(seen)) => Some(seen),
        Ok(Came::Forbidden) | Err(_) => None,
    }
}

/// The outcome where at least one address could be pinged.
fn counted(host: &str, tried: &[Tried<Came>], judged: &[Judged]) -> Outcome {
    let not_counted = tried.len() - judged.len();
    let uncounted = if not_counted == 0 { String::new() } else { format!(" ({not_counted} not counted)") };
    let count = judged.len();
    let mut bad: Vec<&Judged> = judged.iter().filter(|j| j.verdict != Verdict::Ok).collect();
    // The worst comes first: the end of a long summary is cut off.
    bad.sort_by_key(|j| std::cmp::Reverse(j.verdict));
    let sentences: Vec<&str> = bad.iter().map(|j| j.sentence.as_str()).collect();
    let all_fail = judged.iter().all(|j| j.verdict == Verdict::Failed);
    let summary = match (judged, sentences.as_slice()) {
        ([one], _) => format!("{}{uncounted}", one.sentence),
        (_, []) => {
            let slowest = judged.iter().filter_map(|j| j.average).max().unwrap_or_default();
            format!("all {count} addresses of {host} answer, the slowest in {}{uncounted}", one::time_words(slowest))
        }
        (_, bad) if all_fail => format!("none of the {count} addresses of {host} is well{uncounted}: {}", listed(bad)),
        (_, bad) => format!("{} of {count} addresses of {host}{uncounted}: {}", bad.len(), listed(bad)),
    };
    let outcome = match (bad.is_empty(), all_fail) {
        (true, _) => Outcome::ok(summary),
        (_, true) => Outcome::failed(summary),
        // One address that answers shows that the host is there.
        (_, false) => Outcome::warning(summary),
    };
    // One that said anything of its own shows that we are not cut off.
    let blame = judged.iter().all(|j| j.silent).then_some(Blame::Silence);
    Outcome { blame, ..outcome }
}

/// The outcome where no address could be pinged, for a reason of ours.
fn hindered(host: &str, tried: &[Tried<Came>]) -> Outcome {
    if tried.iter().any(|(_, came)| matches!(came, Ok(Came::Forbidden))) {
        return Outcome::unknown(format!("could not ping {host}: {FORBIDDEN}; {REMEDY}"), FORBIDDEN);
    }
    let causes = tried.iter().filter_map(|(_, came)| match came {
        Err(Problem::Ours(cause, blame)) => Some((cause.as_str(), *blame)),
        _ => None,
    });
    // A shortage of ours says more than a family that this host never had.
    let (cause, blame) = causes.into_iter().next().unwrap_or((NO_ROUTE, Blame::NoRoute));
    Outcome::unknown(format!("could not ping {host}: {cause}"), cause).blaming(blame)
}

fn evidence(tried: &[Tried<Came>], judged: &[Judged]) -> String {
    let uncounted = tried.iter().filter_map(|(to, came)| {
        let why = match came {
            Ok(Came::Seen(_)) => return None,
            Ok(Came::Forbidden) => FORBIDDEN,
            Err(Problem::Target(why, _) | Problem::Ours(why, _)) => why,
            Err(Problem::NoRoute) => NO_ROUTE,
        };
        Some(format!("{} is not counted: {why}", to.ip()))
    });
    judged.iter().map(|j| j.sentence.clone()).chain(uncounted).collect::<Vec<_>>().join("\n")
}

fn metrics(plan: &Plan, seen: &Seen) -> Vec<Metric> {
    let percent = |hundredths: u64| {
        #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
        let hundredths = hundredths as f64;
        hundredths / 100.0
    };
    let mut loss = Metric::new("loss", percent(one::loss(seen)), "%");
    loss.warning = Some(percent(plan.loss_warning).to_string());
    loss.critical = Some(percent(plan.loss_critical).to_string());
    (loss.min, loss.max) = (Some(0.0), Some(100.0));
    let mut metrics = vec![loss];
    if let (Some(average), Some(min), Some(max)) =
        (one::average(seen), seen.times.iter().min(), seen.times.iter().max())
    {
        let range = |limit: Option<Duration>| limit.map(|l| l.as_secs_f64().to_string());
        let mut rtt = Metric::new("rtt", seconds(average), "s");
        (rtt.warning, rtt.critical) = (range(plan.rtt_warning), range(plan.rtt_critical));
        metrics.push(rtt);
        metrics.push(Metric::new("rtt_min", seconds(*min), "s"));
        metrics.push(Metric::new("rtt_max", seconds(*max), "s"));
    }
    metrics
}

/// Whole microseconds: more digits say nothing.
fn seconds(time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no run takes 2^52 microseconds")]
    let micros = time.as_micros() as f64;
    micros / 1e6
}
