//! From what was tried to an outcome. Pure.

use checker_job::{Blame, Metric, Outcome};
use checker_parts::net::{Endpoint, NO_ROUTE};
use checker_parts::probe::{Problem, Tried, listed, none_works};
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
pub(crate) fn many(endpoint: &Endpoint, tried: &[Tried<Duration>]) -> Outcome {
    if let [(to, result)] = tried {
        return one(*to, result);
    }
    let good: Vec<Duration> = tried.iter().filter_map(|(_, result)| result.as_ref().ok().copied()).collect();
    let Some(slowest) = good.iter().max() else { return none_works(endpoint, tried) };
    let bad: Vec<&str> = tried
        .iter()
        .filter_map(|(_, result)| match result {
            Err(Problem::Target(sentence, _)) => Some(sentence.as_str()),
            _ => None,
        })
        .collect();
    let usable = good.len() + bad.len();
    let not_counted = tried.len() - usable;
    let uncounted = if not_counted == 0 { String::new() } else { format!(" ({not_counted} not counted)") };
    let slowest_words = TimeWords(*slowest);
    let outcome = match bad.as_slice() {
        [] if good.len() == 1 => Outcome::ok(format!("{endpoint} answers in {slowest_words}{uncounted}")),
        [] => Outcome::ok(format!(
            "all {} addresses of {endpoint} answer, the slowest in {slowest_words}{uncounted}",
            good.len()
        )),
        bad => Outcome::warning(format!(
            "{} of {usable} addresses of {endpoint} fail{}{uncounted}: {}",
            bad.len(),
            if bad.len() == 1 { "s" } else { "" },
            listed(bad)
        )),
    };
    let lines = tried.iter().map(|(to, result)| match result {
        Ok(time) => answers(*to, *time),
        Err(problem) => problem.line(*to),
    });
    let detail = lines.collect::<Vec<_>>().join("\n");
    outcome.with_detail(detail).with_metric(Metric::new("time", seconds(*slowest), "s"))
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
