//! From what was tried to an outcome. Pure.

use crate::probe::{Problem, Tried};
use checker_job::{Blame, Metric, Outcome};
use checker_parts::net::{Endpoint, NO_ROUTE};
use std::fmt::{self, Display, Formatter, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

/// The outcome of a target that is one address.
pub(crate) fn one(to: SocketAddr, result: &Result<Duration, Problem>) -> Outcome {
    match result {
        Ok(time) => Outcome::ok(answers(to, *time)).with_metric(Metric::new("time", seconds(*time), "s")),
        Err(Problem::Target(sentence, blame)) => blaming(Outcome::failed(sentence), *blame),
        Err(Problem::NoRoute) => Outcome::unknown(format!("{NO_ROUTE} to {to}"), NO_ROUTE).blaming(Blame::NoRoute),
        Err(Problem::Ours(cause, blame)) => {
            Outcome::unknown(format!("could not connect to {to}: {cause}"), cause).blaming(*blame)
        }
    }
}

/// The sentence of nearly every run: written into one piece of memory.
fn answers(to: SocketAddr, time: Duration) -> String {
    let mut sentence = String::with_capacity(64);
    match write!(sentence, "{to} answers in {}", TimeWords(time)) {
        Ok(()) | Err(fmt::Error) => sentence,
    }
}

/// Whole microseconds: more digits say nothing and are written each time.
fn seconds(time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no run takes 2^52 microseconds")]
    let micros = time.as_micros() as f64;
    micros / 1e6
}

fn blaming(outcome: Outcome, blame: Option<Blame>) -> Outcome {
    Outcome { blame, ..outcome }
}

/// The outcome of a name with any number of addresses.
pub(crate) fn many(endpoint: &Endpoint, tried: &[Tried]) -> Outcome {
    if let [(to, result)] = tried {
        return one(*to, result);
    }
    let mut slowest = None;
    let (mut good, mut bad, mut causes) = (0_usize, Vec::new(), Vec::new());
    let mut answered = false;
    for (_, result) in tried {
        match result {
            Ok(time) => {
                good += 1;
                slowest = slowest.max(Some(*time));
            }
            Err(Problem::Target(sentence, blame)) => {
                answered |= blame.is_none();
                bad.push(sentence.as_str());
            }
            Err(Problem::NoRoute) => causes.push((NO_ROUTE, Blame::NoRoute)),
            Err(Problem::Ours(cause, blame)) => causes.push((cause.as_str(), *blame)),
        }
    }
    // One address that said anything shows that we are not cut off.
    let silent = (!answered).then_some(Blame::Silence);
    let usable = good + bad.len();
    let uncounted = if causes.is_empty() { String::new() } else { format!(" ({} not counted)", causes.len()) };
    let outcome = match (slowest, bad.as_slice()) {
        (Some(slowest), []) if good == 1 => {
            Outcome::ok(format!("{endpoint} answers in {}{uncounted}", TimeWords(slowest)))
        }
        (Some(slowest), []) => Outcome::ok(format!(
            "all {good} addresses of {endpoint} answer, the slowest in {}{uncounted}",
            TimeWords(slowest)
        )),
        (Some(_), bad) => Outcome::warning(format!(
            "{} of {usable} addresses of {endpoint} fail{}{uncounted}: {}",
            bad.len(),
            if bad.len() == 1 { "s" } else { "" },
            listed(bad)
        )),
        (None, []) => {
            // A shortage of ours says more than a family that this host never had.
            let ours = causes.iter().find(|c| c.1 != Blame::NoRoute);
            let (cause, blame) = ours.copied().unwrap_or((NO_ROUTE, Blame::NoRoute));
            Outcome::unknown(format!("could not connect to {endpoint}: {cause}"), cause).blaming(blame)
        }
        (None, [sentence]) => blaming(Outcome::failed(format!("{sentence}{uncounted}")), silent),
        (None, bad) => {
            let bad = listed(bad);
            let sentence = format!("none of the {usable} addresses of {endpoint} works{uncounted}: {bad}");
            blaming(Outcome::failed(sentence), silent)
        }
    };
    let outcome = outcome.with_detail(tried.iter().map(line).collect::<Vec<_>>().join("\n"));
    match slowest {
        Some(time) => outcome.with_metric(Metric::new("time", seconds(time), "s")),
        None => outcome,
    }
}

/// The first sentences, and how many there are besides. All stand in the detail.
fn listed(sentences: &[&str]) -> String {
    const LISTED_MAX: usize = 3;
    let head = sentences.get(..LISTED_MAX).unwrap_or(sentences).join("; ");
    match sentences.len().saturating_sub(LISTED_MAX) {
        0 => head,
        more => format!("{head}; and {more} more"),
    }
}

fn line((to, result): &Tried) -> String {
    match result {
        Ok(time) => answers(*to, *time),
        Err(Problem::Target(sentence, _)) => sentence.clone(),
        Err(Problem::NoRoute) => format!("{to} is not counted: {NO_ROUTE} to it"),
        Err(Problem::Ours(cause, _)) => format!("{to} is not counted: {cause}"),
    }
}

/// A time of the size that connections take.
struct TimeWords(Duration);

impl Display for TimeWords {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        if micros < 9_950 {
            let tenths = (micros + 50) / 100;
            write!(f, "{}.{} ms", tenths / 10, tenths % 10)
        } else if micros < 9_999_500 {
            write!(f, "{} ms", (micros + 500) / 1_000)
        } else {
            let tenths = (micros + 50_000) / 100_000;
            write!(f, "{}.{} s", tenths / 10, tenths % 10)
        }
    }
}
