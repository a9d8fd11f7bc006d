//! Is the answer as it should be?

use crate::exchange::Answer;
use crate::plan::{Condition, Plan};
use crate::progress::time_words;
use checker_job::Verdict;
use hyper::StatusCode;
use hyper::http::header::CONTENT_ENCODING;
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// One thing that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    pub(crate) sentence: String,
    /// Whether the body is evidence for it.
    pub(crate) of_body: bool,
}

/// Everything that is wrong, the worst first.
pub(crate) fn judge(plan: &Plan, answer: &Answer, took: Duration) -> Vec<Finding> {
    let mut findings = Vec::new();
    if plan.status.accept(answer.status.as_u16()) {
        // The error page of a wrong status would break every condition, and say nothing new.
        body(plan, answer, &mut findings);
    } else {
        findings.push(Finding {
            verdict: Verdict::Failed,
            sentence: format!("status {}, expected {}", status_words(answer), plan.status),
            of_body: true,
        });
    }
    latency(plan, took, &mut findings);
    findings
}

/// `502 Bad Gateway`; a status that has no standard words stands alone.
pub(crate) fn status_words(answer: &Answer) -> StatusWords {
    StatusWords(answer.status)
}

/// See [`status_words`].
pub(crate) struct StatusWords(StatusCode);

impl fmt::Display for StatusWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())?;
        match self.0.canonical_reason() {
            Some(words) => write!(f, " {words}"),
            None => Ok(()),
        }
    }
}

fn latency(plan: &Plan, took: Duration, findings: &mut Vec<Finding>) {
    let limits = [
        (plan.latency_critical, Verdict::Failed, "latency_critical"),
        (plan.latency_warning, Verdict::Warning, "latency_warning"),
    ];
    for (limit, verdict, key) in limits {
        let Some(limit) = limit.filter(|l| took > *l) else {
            continue;
        };
        findings.push(Finding {
            verdict,
            sentence: format!("slow: {} in all, more than {} ({key})", time_words(took), time_words(limit)),
            of_body: false,
        });
        return;
    }
}

fn body(plan: &Plan, answer: &Answer, findings: &mut Vec<Finding>) {
    if plan.conditions.is_empty() {
        return;
    }
    let text = String::from_utf8_lossy(&answer.body);
    let within = within(plan, answer);
    let mut json: Option<Result<Value, String>> = None;
    for condition in &plan.conditions {
        let sentence = match condition {
            Condition::Contains(part) if !text.contains(part.as_str()) => {
                format!("body does not contain {part:?}{within}")
            }
            Condition::NotContains(part) if text.contains(part.as_str()) => {
                format!("body contains {part:?}, which it must not")
            }
            Condition::Matches(regex) if !regex.is_match(&text) => {
                format!("body does not match {:?}{within}", regex.as_str())
            }
            Condition::Json(condition) => {
                let parsed =
                    json.get_or_insert_with(|| serde_json::from_slice(&answer.body).map_err(|e| e.to_string()));
                match parsed {
                    Ok(value) => match condition.judge(value) {
                        Some(sentence) => format!("JSON: {sentence}"),
                        None => continue,
                    },
                    // Said once, however many conditions there are.
                    Err(why) if why.is_empty() => continue,
                    Err(why) => format!("body is not JSON: {}{within}", std::mem::take(why)),
                }
            }
            _ => continue,
        };
        findings.push(Finding { verdict: Verdict::Failed, sentence, of_body: true });
    }
}

/// Why a condition may be broken although the server meant well.
fn within(plan: &Plan, answer: &Answer) -> String {
    if answer.cut {
        return format!(" (only its first {} bytes were read; it is longer: raise body_max)", plan.body_max);
    }
    match answer.headers.get(CONTENT_ENCODING).and_then(|v| v.to_str().ok()) {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => {
            format!(" (it came compressed with {coding}, although that was not asked for)")
        }
        _ => String::new(),
    }
}
