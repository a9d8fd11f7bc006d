//! From what the servers answered to an outcome. Pure.

mod differ;
mod one;

use crate::plan::{Plan, Servers};
use crate::system;
use crate::together::Asked;
use checker_job::{Blame, Metric, Outcome, Verdict};
use checker_parts::net::NO_ROUTE;
use checker_parts::probe::{Problem, listed};
use one::{Judged, Said};
use std::time::Duration;

/// The outcome of a run.
pub(crate) fn all(plan: &Plan, asked: &[Asked]) -> Outcome {
    let judged: Vec<Judged> = asked.iter().filter_map(|a| one::judged(plan, a)).collect();
    let detail = if asked.len() > 1 { evidence(&judged, asked) } else { String::new() };
    let slowest = asked.iter().filter_map(|a| a.result.as_ref().ok()).map(|a| a.took).max();
    let outcome = match judged.as_slice() {
        [] => hindered(plan, asked),
        judged => counted(plan, asked, judged),
    };
    let outcome = outcome.with_detail(detail);
    match slowest {
        Some(time) => outcome.with_metric(metric(plan, time)),
        None => outcome,
    }
}

/// The outcome where at least one server could be asked.
fn counted(plan: &Plan, asked: &[Asked], judged: &[Judged]) -> Outcome {
    let not_counted = asked.len() - judged.len();
    let uncounted = if not_counted == 0 { String::new() } else { format!(" ({not_counted} not counted)") };
    // Who says nothing is a warning while others answer; who says something wrong is not.
    let some_answer = judged.iter().any(|j| j.said != Said::Nothing);
    let weight = |j: &Judged| if j.said == Said::Nothing && some_answer { Verdict::Warning } else { j.verdict };
    let mut bad: Vec<&Judged> = judged.iter().filter(|j| j.verdict != Verdict::Ok).collect();
    // The worst comes first: the end of a long summary is cut off.
    bad.sort_by_key(|j| std::cmp::Reverse(weight(j)));
    let sentences: Vec<&str> = bad.iter().map(|j| j.sentence.as_str()).collect();
    let worst = bad.first().map(|j| weight(j));
    let differ = differ::differ(plan, asked);
    let summary = match (judged, sentences.as_slice()) {
        (_, []) => {
            return match differ {
                Some(differ) => Outcome::warning(format!("{differ}{uncounted}")),
                None => Outcome::ok(format!("{}{uncounted}", well(plan, judged, asked))),
            };
        }
        ([one], _) => format!("{}{uncounted}", one.sentence),
        (_, bad) if bad.len() == judged.len() && !some_answer => {
            let what = match &plan.servers {
                Servers::System(_) => format!("none of this host's {} resolvers ({})", bad.len(), system::FILE),
                Servers::Named(_) => format!("none of the {} servers", bad.len()),
            };
            format!("{what} answers{uncounted}: {}", listed(bad))
        }
        (_, bad) => format!("{} of {} servers{uncounted}: {}", bad.len(), judged.len(), listed(bad)),
    };
    let outcome = match (worst, differ) {
        // What is wrong with an answer is told already.
        (Some(Verdict::Failed), _) => Outcome::failed(summary),
        // One that is slow or silent must not hide another that is out of date.
        (_, Some(differ)) => Outcome::warning(format!("{differ}; and {summary}")),
        (_, None) => Outcome::warning(summary),
    };
    // One server that said anything of its own shows that we are not cut off.
    let blame = judged.iter().all(|j| j.doubt).then_some(Blame::Silence);
    Outcome { blame, ..outcome }
}

/// The outcome where no server could be asked, for a reason of ours.
fn hindered(plan: &Plan, asked: &[Asked]) -> Outcome {
    let causes = asked.iter().filter_map(|a| match &a.result {
        Err(Problem::Ours(cause, blame)) => Some((cause.as_str(), *blame)),
        _ => None,
    });
    // A shortage of ours says more than a family that this host never had.
    let (cause, blame) = causes.into_iter().next().unwrap_or((NO_ROUTE, Blame::NoRoute));
    let whom = match asked {
        [one] => one.label.clone(),
        many => format!("any of {} servers", many.len()),
    };
    Outcome::unknown(format!("could not ask {whom} for {}: {cause}", plan.question), cause).blaming(blame)
}

/// The sentence of a good run.
fn well(plan: &Plan, judged: &[Judged], asked: &[Asked]) -> String {
    let time = asked.iter().filter_map(|a| a.result.as_ref().ok()).map(|a| a.took).max().unwrap_or_default();
    let sentence = judged.first().map(|j| j.sentence.clone()).unwrap_or_default();
    let alike = judged.iter().all(|j| j.facts == judged.first().map(|f| f.facts.clone()).unwrap_or_default());
    match judged {
        [_] => sentence,
        _ if alike => {
            let facts = judged.first().map(|j| j.facts.clone()).unwrap_or_default();
            format!("{facts}, say all {} servers, the slowest in {}", judged.len(), one::time_words(time))
        }
        // They need not agree, so the first one speaks for them.
        _ => format!("all {} servers answer for {}; {sentence}", judged.len(), plan.question),
    }
}

fn evidence(judged: &[Judged], asked: &[Asked]) -> String {
    let uncounted = asked.iter().filter_map(|a| match &a.result {
        Err(Problem::NoRoute) => Some(a.uncounted(NO_ROUTE)),
        Err(Problem::Ours(cause, _)) => Some(a.uncounted(cause)),
        _ => None,
    });
    judged.iter().map(|j| j.sentence.clone()).chain(uncounted).collect::<Vec<_>>().join("\n")
}

fn metric(plan: &Plan, time: Duration) -> Metric {
    let mut metric = Metric::new("time", seconds(time), "s");
    let range = |limit: Option<Duration>| limit.map(|l| format!("{}", l.as_secs_f64()));
    (metric.warning, metric.critical) = (range(plan.latency_warning), range(plan.latency_critical));
    metric
}

/// Whole microseconds: more digits say nothing.
fn seconds(time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no run takes 2^52 microseconds")]
    let micros = time.as_micros() as f64;
    micros / 1e6
}
