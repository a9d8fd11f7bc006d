//! One address.

use crate::pings::Seen;
use crate::plan::Plan;
use checker_job::{Verdict, duration_words};
use checker_parts::amount::share_words;
use checker_parts::net::silence;
use checker_parts::probe::Limit;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// An address that could be pinged.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    /// What there is to say about it, whole.
    pub(super) sentence: String,
    pub(super) average: Option<Duration>,
    /// Nothing came back from it itself, which may be because this host is cut off.
    pub(super) silent: bool,
}

pub(super) fn judged(plan: &Plan, host: &str, to: IpAddr, seen: &Seen, limit: &Limit) -> Judged {
    let label = if host == to.to_string() { host.to_owned() } else { format!("{host} ({to})") };
    let average = average(seen);
    let Some(average) = average else {
        let said_something = seen.changed > 0 || seen.reasons.keys().any(|reason| reason.by == Some(to));
        return Judged {
            verdict: Verdict::Failed,
            sentence: nothing(&label, to, seen, limit),
            average: None,
            silent: !said_something && silence(SocketAddr::new(to, 0)).is_some(),
        };
    };
    let findings = [lost(plan, to, seen), slow(plan, seen, average), odd(seen)];
    let findings: Vec<(Verdict, String)> = findings.into_iter().flatten().collect();
    let verdict = findings.iter().map(|f| f.0).max().unwrap_or(Verdict::Ok);
    let sentence = if findings.is_empty() {
        let (answered, sent) = (seen.times.len(), usize::from(seen.sent));
        let how_many = match (answered, sent) {
            (1, 1) => "the ping".to_owned(),
            _ if answered == sent => format!("all {sent} pings"),
            _ => format!("{answered} of {sent} pings"),
        };
        format!("{label} answers {how_many} {}", times(seen, average))
    } else {
        format!("{label} {}", findings.into_iter().map(|f| f.1).collect::<Vec<_>>().join("; it "))
    };
    Judged { verdict, sentence, average: Some(average), silent: false }
}

/// The sentence where no ping was answered.
fn nothing(label: &str, to: IpAddr, seen: &Seen, limit: &Limit) -> String {
    let pings =
        if seen.sent == 1 { "the ping is lost".to_owned() } else { format!("all {} pings are lost", seen.sent) };
    if seen.changed > 0 {
        return format!(
            "{label} answers with other bytes than were sent: something on the way damages packets ({pings})"
        );
    }
    match reasons(to, seen) {
        Some(why) => format!("{label} cannot be reached: {why} ({pings})"),
        None if seen.flood => {
            format!("{label} sends more packets than were asked for, and no answer among them ({pings})")
        }
        None => format!("{label} does not answer within {}: {pings}", limit.words()),
    }
}

/// What was said about pings that were not delivered: the most frequent first.
fn reasons(to: IpAddr, seen: &Seen) -> Option<String> {
    let (reason, count) = seen.reasons.iter().max_by_key(|(_, count)| **count)?;
    let more = match seen.reasons.len() {
        0 | 1 => String::new(),
        _ => format!(" (to {count} of the pings; others fail for other reasons)"),
    };
    Some(format!("{}{more}", reason.words(seen.version, to)))
}

fn lost(plan: &Plan, to: IpAddr, seen: &Seen) -> Option<(Verdict, String)> {
    let limits =
        [(plan.loss_critical, Verdict::Failed, "loss_critical"), (plan.loss_warning, Verdict::Warning, "loss_warning")];
    let (limit, verdict, key) = limits.into_iter().find(|(limit, ..)| loss(seen) > *limit)?;
    let (sent, answered) = (u64::from(seen.sent), seen.times.len() as u64);
    let lost = sent.saturating_sub(answered);
    let why = reasons(to, seen).map(|why| format!(": {why}")).unwrap_or_default();
    let (share, limit) = (share_words(lost, sent), share_words(limit, 10_000));
    Some((verdict, format!("loses {lost} of {sent} pings ({share}), more than {key} = {limit}{why}")))
}

fn slow(plan: &Plan, seen: &Seen, average: Duration) -> Option<(Verdict, String)> {
    let limits =
        [(plan.rtt_critical, Verdict::Failed, "rtt_critical"), (plan.rtt_warning, Verdict::Warning, "rtt_warning")];
    limits.into_iter().find_map(|(limit, verdict, key)| {
        let limit = limit.filter(|limit| average > *limit)?;
        Some((verdict, format!("answers {}, longer than {key} = {}", times(seen, average), duration_words(limit))))
    })
}

/// What works, and should not be.
fn odd(seen: &Seen) -> Option<(Verdict, String)> {
    let mut odd = Vec::new();
    if seen.changed > 0 {
        let answers = if seen.changed == 1 { "1 answer".to_owned() } else { format!("{} answers", seen.changed) };
        odd.push(format!("sends {answers} with other bytes than were sent: something on the way damages packets"));
    }
    if seen.flood {
        odd.push("sends far more packets than were asked for".to_owned());
    } else if seen.doubled > 0 {
        odd.push(format!(
            "answers {} pings with {} packets: another host has the same address, or the network doubles them",
            seen.times.len(),
            seen.times.len() as u64 + u64::from(seen.doubled)
        ));
    }
    if odd.is_empty() { None } else { Some((Verdict::Warning, odd.join("; it "))) }
}

/// The part that was lost, in hundredths of a percent, rounded up, so that it is never less than the limit that it crosses.
pub(super) fn loss(seen: &Seen) -> u64 {
    let sent = u64::from(seen.sent).max(1);
    let lost = u64::from(seen.sent).saturating_sub(seen.times.len() as u64);
    (lost * 10_000).div_ceil(sent)
}

/// The average of the round trips, if there are any.
pub(super) fn average(seen: &Seen) -> Option<Duration> {
    let count = u32::try_from(seen.times.len()).ok().filter(|count| *count > 0)?;
    Some(seen.times.iter().sum::<Duration>() / count)
}

fn times(seen: &Seen, average: Duration) -> String {
    match (seen.times.iter().min(), seen.times.iter().max()) {
        (Some(min), Some(max)) if seen.times.len() > 1 => {
            let (average, min, max) = (time_words(average), time_words(*min), time_words(*max));
            format!("in {average} on average ({min} to {max})")
        }
        _ => format!("in {}", time_words(average)),
    }
}

/// A time of the size that round trips take.
pub(super) fn time_words(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 995 {
        format!("0.{:02} ms", (micros + 5) / 10)
    } else if micros < 9_950 {
        let tenths = (micros + 50) / 100;
        format!("{}.{} ms", tenths / 10, tenths % 10)
    } else if micros < 9_999_500 {
        format!("{} ms", (micros + 500) / 1_000)
    } else {
        let tenths = (micros + 50_000) / 100_000;
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}
