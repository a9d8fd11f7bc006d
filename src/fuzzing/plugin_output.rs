//! What a plugin prints, and what a condition says of an answer in JSON.

use super::{choice, in_time, is_line};
use crate::runner::{DETAIL_BYTES_MAX, SUMMARY_BYTES_MAX};
use checker_command::Range;
use checker_job::{Metric, Outcome, Verdict};
use checker_parts::child::{Captured, Exit, OUTPUT_KEPT, Report};
use serde_json::Value;
use std::time::Duration;

/// The longest outcome that is kept, as JSON.
const KEPT_MAX: usize = 192 * 1024;

/// First the end: a digit is an exit code, `9` a code of no plugin's, `s` a signal, `t` too slow, `f` a flood. Then `p` for a
/// plain program, else a plugin. Then how often stdout is printed, as a power of two up to 8. Then stdout, NUL, stderr.
///
/// # Panics
/// If the verdict is not that of the end, or what is kept of the output is too long, cannot be read again, or holds
/// control characters.
pub fn plugin_output(data: &[u8]) {
    let ((end, rest), times);
    (end, rest) = choice(data);
    let (plain, rest) = choice(rest);
    let plain = plain == b'p';
    (times, _) = choice(rest);
    let rest = rest.get(1..).unwrap_or_default();
    let at = rest.iter().position(|b| *b == 0).unwrap_or(rest.len());
    let stdout = rest.get(..at).unwrap_or_default().repeat(1 << (times % 4));
    let exit = match end {
        b'0'..=b'8' => Exit::Exited(i32::from(end - b'0')),
        b's' => Exit::Signalled(11),
        b't' => Exit::TimedOut,
        b'f' => Exit::Flooded,
        _ => Exit::Exited(127),
    };
    let (stdout, stderr) = (captured(&stdout), captured(rest.get(at + 1..).unwrap_or_default()));
    let report = Report { exit, stdout, stderr, took: Duration::from_secs(1) };
    let outcome =
        in_time(|| checker_command::fuzzing::judge(&report, plain).bounded(SUMMARY_BYTES_MAX, DETAIL_BYTES_MAX));
    assert_eq!(outcome.verdict, verdict(exit, plain), "the end decides");
    kept(&outcome);
}

fn captured(bytes: &[u8]) -> Captured {
    let kept = bytes.get(..OUTPUT_KEPT.min(bytes.len())).unwrap_or_default();
    Captured { text: String::from_utf8_lossy(kept).into_owned(), truncated: kept.len() < bytes.len() }
}

fn verdict(exit: Exit, plain: bool) -> Verdict {
    match exit {
        Exit::Exited(0) => Verdict::Ok,
        Exit::Exited(_) if plain => Verdict::Failed,
        Exit::Exited(1) => Verdict::Warning,
        Exit::Exited(2) | Exit::TimedOut | Exit::Flooded => Verdict::Failed,
        Exit::Exited(_) | Exit::Signalled(_) => Verdict::Unknown,
    }
}

fn kept(outcome: &Outcome) {
    let line = |text: &str, max: usize| assert!(is_line(text) && text.len() <= max, "not fit to be kept: {text:?}");
    assert!(!outcome.summary.is_empty() || outcome.verdict == Verdict::Ok, "it says something");
    line(&outcome.summary, SUMMARY_BYTES_MAX);
    outcome.cause.iter().for_each(|cause| line(cause, SUMMARY_BYTES_MAX));
    assert!(outcome.detail.len() <= DETAIL_BYTES_MAX && outcome.detail.lines().all(is_line), "{:?}", outcome.detail);
    assert!(outcome.metrics.len() <= 64);
    for metric in &outcome.metrics {
        line(&metric.label, 100);
        line(&metric.unit, 10);
        metric.warning.iter().chain(&metric.critical).for_each(|range| line(range, 100));
        assert!(metric.value.is_finite() && metric.min.into_iter().chain(metric.max).all(f64::is_finite), "{metric:?}");
        ranges(metric);
    }
    let text = serde_json::to_string(outcome).unwrap_or_default();
    assert!(text.len() <= KEPT_MAX, "{} bytes are kept", text.len());
    let Ok(again) = serde_json::from_str::<Outcome>(&text) else { unreachable!("it cannot be read again: {text}") };
    assert_eq!(rounded(&again), rounded(outcome), "kept and read again");
}

/// JSON keeps numbers, but perhaps not their last bit.
fn rounded(outcome: &Outcome) -> (Outcome, Vec<String>) {
    let mut outcome = outcome.clone();
    let mut numbers = Vec::new();
    for metric in &mut outcome.metrics {
        let all = [Some(metric.value), metric.min, metric.max];
        numbers.push(all.map(|n| n.map_or_else(String::new, |n| format!("{n:.9e}"))).join(" "));
        (metric.value, metric.min, metric.max) = (0.0, None, None);
    }
    (outcome, numbers)
}

fn ranges(metric: &Metric) {
    for text in metric.warning.iter().chain(&metric.critical) {
        let Ok(range) = text.parse::<Range>() else { continue };
        assert_eq!(range.to_string().parse(), Ok(range), "shown and read again: {text}");
        assert_eq!(range.alerts(metric.value), range.contains(metric.value) == range.inside);
    }
}

/// The first line is a condition of the kind `http`, the rest an answer in JSON.
///
/// # Panics
/// If a condition and its opposite are both true or both false, or a long answer makes a long sentence.
pub fn json_condition(data: &[u8]) {
    let at = data.iter().position(|b| *b == b'\n').unwrap_or(data.len());
    let test = String::from_utf8_lossy(data.get(..at).unwrap_or_default()).into_owned();
    let Ok(answer) = serde_json::from_slice::<Value>(data.get(at + 1..).unwrap_or_default()) else {
        drop(checker_http::fuzzing::condition(&test, &Value::Null));
        return;
    };
    let ask = |test: &str| checker_http::fuzzing::condition(test, &answer).ok();
    let Some(said) = in_time(|| ask(&test)) else { return };
    assert!(said.as_ref().is_none_or(|said| said.len() <= 4 * test.len() + 600), "a long sentence: {said:?}");
    let (path, rest) = test.split_once(' ').unwrap_or((&test, ""));
    for (operator, opposite) in [("exists", "missing"), ("==", "!="), ("<=", ">"), (">=", "<")] {
        let Some(literal) = rest.strip_prefix(operator).filter(|_| !path.contains('"')) else { continue };
        let there = || ask(&format!("{path} exists")) == Some(None);
        let Some(other) = ask(&format!("{path} {opposite}{literal}")) else { continue };
        let comparable = ![&said, &other].iter().any(|s| s.as_ref().is_some_and(|s| s.contains("cannot be compared")));
        if operator == "exists" || (comparable && there()) {
            assert_ne!(said.is_none(), other.is_none(), "{test} and its opposite");
        }
    }
}
