//! From a look into a mailbox to an outcome. Pure.

use checker_job::{Metric, Outcome, Timestamp, Verdict, duration_words};
use checker_parts::mailbox::{LookError, Security, Survey};
use std::time::Duration;

/// The clocks of two hosts differ a little.
const FUTURE_MAX: Duration = Duration::from_secs(3_600);

/// What is too old, and what is too much.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) age_warning: Option<Duration>,
    pub(crate) age_critical: Option<Duration>,
    pub(crate) messages_warning: Option<u32>,
    pub(crate) messages_critical: Option<u32>,
}

/// The outcome of a server that has greeted, where nobody logs in.
pub(crate) fn greeted(security: Security) -> Outcome {
    Outcome::ok(match security {
        Security::Plain => "IMAP answers, without TLS",
        Security::Tls | Security::Starttls => "IMAP answers with good TLS",
    })
}

/// Judges a folder that was looked at.
pub(crate) fn judge(folder: &str, user: &str, limits: &Limits, survey: &Survey, now: Timestamp) -> Outcome {
    let age = survey.newest.map(|newest| now.since(Timestamp::from_micros(newest.as_microsecond())));
    let count = survey.messages;
    let holds = if count == 1 { "1 message".to_owned() } else { format!("{count} messages") };
    let ahead = survey.newest.map(|newest| Timestamp::from_micros(newest.as_microsecond()).since(now));
    let findings = [
        of_age(limits, age, folder, count).or_else(|| of_future(limits, ahead, folder)),
        of_count(limits, count, folder),
    ];
    let mut findings: Vec<(Verdict, String)> = findings.into_iter().flatten().collect();
    findings.sort_by_key(|(verdict, _)| *verdict != Verdict::Failed);
    let sentence = findings.iter().map(|(_, sentence)| sentence.as_str()).collect::<Vec<_>>().join("; ");
    let outcome = match findings.first() {
        Some((Verdict::Failed, _)) => Outcome::failed(sentence),
        Some(_) => Outcome::warning(sentence),
        None => {
            let newest = age.map_or_else(String::new, |age| format!(", the newest {} old", duration_words(age)));
            Outcome::ok(format!("{user} is let in; {folder:?} holds {holds}{newest}"))
        }
    };
    let mut metric = Metric::new("messages", f64::from(count), "");
    metric.warning = limits.messages_warning.map(|limit| limit.to_string());
    metric.critical = limits.messages_critical.map(|limit| limit.to_string());
    let outcome = outcome.with_metric(metric);
    let Some(age) = age else { return outcome };
    #[expect(clippy::cast_precision_loss, reason = "no message is 2^52 seconds old")]
    let mut metric = Metric::new("age", age.as_secs() as f64, "s");
    metric.warning = limits.age_warning.map(|limit| limit.as_secs().to_string());
    metric.critical = limits.age_critical.map(|limit| limit.as_secs().to_string());
    outcome.with_metric(metric)
}

fn of_age(limits: &Limits, age: Option<Duration>, folder: &str, count: u32) -> Option<(Verdict, String)> {
    let worst = [(Verdict::Failed, limits.age_critical), (Verdict::Warning, limits.age_warning)];
    worst.into_iter().find_map(|(verdict, limit)| {
        let limit = limit?;
        let within = duration_words(limit);
        let sentence = match age {
            Some(age) if age <= limit => return None,
            Some(age) => {
                format!("newest message in {folder:?} came {} ago; at most {within} may pass", duration_words(age))
            }
            None if count == 0 => format!("no message in {folder:?}; one must have come within {within}"),
            None => format!("newest message in {folder:?} has no date; one must have come within {within}"),
        };
        Some((verdict, sentence))
    })
}

/// Who puts a message into a folder may choose its date, and one from the future would hide for long that no more come.
fn of_future(limits: &Limits, ahead: Option<Duration>, folder: &str) -> Option<(Verdict, String)> {
    limits.age_warning.or(limits.age_critical)?;
    let ahead = duration_words(ahead.filter(|ahead| *ahead > FUTURE_MAX)?);
    let sentence = format!("newest message in {folder:?} is dated {ahead} in the future, so its age says nothing");
    Some((Verdict::Warning, format!("{sentence}; see to the clocks, or take the message out")))
}

fn of_count(limits: &Limits, count: u32, folder: &str) -> Option<(Verdict, String)> {
    let worst = [(Verdict::Failed, limits.messages_critical), (Verdict::Warning, limits.messages_warning)];
    worst.into_iter().find_map(|(verdict, limit)| {
        let limit = limit.filter(|limit| count > *limit)?;
        Some((verdict, format!("{count} messages in {folder:?}; at most {limit} are well")))
    })
}

/// The outcome where the mailbox could not be looked at.
pub(crate) fn hindered(host: &str, error: &LookError) -> Outcome {
    error.outcome(host)
}
