//! One server.

use crate::expect::{Expected, compared, listed, shown};
use crate::plan::Plan;
use crate::together::Asked;
use crate::wire::Reply;
use checker_job::{Verdict, duration_words};
use checker_parts::probe::Problem;
use domain::base::iana::Rcode;
use std::time::Duration;

/// Whether a server said anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    Something,
}

/// A server that could be asked.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) said: Said,
    /// What there is to say about it, whole.
    pub(crate) sentence: String,
    /// What it answered, without who and when.
    pub(crate) facts: String,
    /// Whether that may be because this host is cut off.
    pub(crate) doubt: bool,
}

/// `None`, if it could not be asked for a reason of ours.
pub(crate) fn judged(plan: &Plan, asked: &Asked) -> Option<Judged> {
    let answer = match &asked.result {
        Ok(answer) => answer,
        Err(Problem::Target(sentence, blame)) => {
            return Some(Judged {
                verdict: Verdict::Failed,
                said: Said::Nothing,
                sentence: sentence.clone(),
                facts: String::new(),
                doubt: blame.is_some(),
            });
        }
        Err(Problem::NoRoute | Problem::Ours(..)) => return None,
    };
    let reply = &answer.reply;
    let facts = format!("{} {}", plan.question, is(plan, reply));
    let mut findings = content(plan, reply);
    findings.extend(flags(plan, reply).into_iter().map(|what| (Verdict::Failed, what)));
    let late = latency(plan, answer.took);
    let in_time = late.is_none();
    findings.extend(late);
    let verdict = findings.iter().map(|f| f.0).max().unwrap_or(Verdict::Ok);
    let what = findings.into_iter().map(|f| f.1).collect::<Vec<_>>().join("; ");
    let sentence = match (verdict, in_time) {
        (Verdict::Ok, _) => format!("{facts}, says {} in {}", asked.label, time_words(answer.took)),
        _ => format!("{}: {what}", asked.label),
    };
    // A resolver here fails where this host is cut off.
    let doubt = asked.here && !plan.authoritative && reply.rcode == Rcode::SERVFAIL;
    Some(Judged { verdict, said: Said::Something, sentence, facts, doubt })
}

/// What the question's name is, by this answer: the end of a sentence.
fn is(plan: &Plan, reply: &Reply) -> String {
    match reply.rcode {
        Rcode::NOERROR if !reply.records.is_empty() => format!("is {}", listed(&reply.records)),
        Rcode::NOERROR => format!("is not there ({})", no_data(plan, reply)),
        Rcode::NXDOMAIN => format!("is not there ({})", no_name(reply)),
        other => format!("is not answered ({})", code(other)),
    }
}

fn no_name(reply: &Reply) -> String {
    match &reply.alias {
        Some(alias) => format!("NXDOMAIN: the name is an alias of {}, which does not exist", shown(alias)),
        None => "NXDOMAIN: no such name".to_owned(),
    }
}

fn no_data(plan: &Plan, reply: &Reply) -> String {
    let rtype = plan.rtype;
    match (&reply.referral, &reply.alias) {
        (Some(zone), _) => format!("the server refers to others, those of {}: it does not have this zone", shown(zone)),
        (None, Some(alias)) => format!("the name is an alias of {}, and no {rtype} record of that came", shown(alias)),
        (None, None) => format!("NODATA: the name has no {rtype} record"),
    }
}

/// What a code means.
fn code(rcode: Rcode) -> String {
    let means = match rcode {
        Rcode::SERVFAIL => "SERVFAIL: the server failed",
        Rcode::REFUSED => "REFUSED: the server will not answer us",
        Rcode::FORMERR => "FORMERR: the server does not understand the question",
        Rcode::NOTIMP => "NOTIMP: the server cannot answer such questions",
        Rcode::NOTAUTH => "NOTAUTH: the server does not have this zone",
        other => return other.to_string(),
    };
    means.to_owned()
}

fn content(plan: &Plan, reply: &Reply) -> Vec<(Verdict, String)> {
    let question = &plan.question;
    let failed = |what: String| {
        let why = reply.why.as_ref().map(|why| format!("; it says why: {why}")).unwrap_or_default();
        vec![(Verdict::Failed, format!("{question} {what}{why}"))]
    };
    let instead = |wanted: &str| failed(format!("{}; expected {wanted}", is(plan, reply)));
    let there = reply.rcode == Rcode::NOERROR && !reply.records.is_empty();
    match &plan.expected {
        Expected::Code(wanted) if reply.rcode.to_string() == *wanted => Vec::new(),
        Expected::Code(wanted) => instead(wanted),
        Expected::NoData => {
            let none = reply.rcode == Rcode::NOERROR && reply.records.is_empty() && reply.referral.is_none();
            if none { Vec::new() } else { instead("NODATA") }
        }
        Expected::Some if there => Vec::new(),
        Expected::Some => failed(is(plan, reply)),
        Expected::Records(wanted, how) if there => match compared(&reply.records, wanted, *how) {
            None => Vec::new(),
            Some(wrong) => failed(format!("{}; {wrong}", is(plan, reply))),
        },
        Expected::Records(wanted, _) => instead(&listed(wanted)),
    }
}

fn flags(plan: &Plan, reply: &Reply) -> Vec<String> {
    let mut missing = Vec::new();
    // A failure is never authoritative, and has been told.
    let answered = matches!(reply.rcode, Rcode::NOERROR | Rcode::NXDOMAIN) && reply.referral.is_none();
    if plan.authoritative && answered && !reply.authoritative {
        missing.push("its answer is not authoritative: it does not have this zone itself".to_owned());
    }
    if plan.dnssec && answered && !reply.authentic {
        missing.push(
            "it does not vouch for the answer by DNSSEC: the zone is not signed, or this server does not validate"
                .to_owned(),
        );
    }
    missing
}

fn latency(plan: &Plan, took: Duration) -> Option<(Verdict, String)> {
    let limits = [
        (plan.latency_critical, Verdict::Failed, "latency_critical"),
        (plan.latency_warning, Verdict::Warning, "latency_warning"),
    ];
    limits.into_iter().find_map(|(limit, verdict, key)| {
        let limit = limit.filter(|limit| took > *limit)?;
        let words = format!(
            "its answer for {} took {}, longer than {key} = {}",
            plan.question,
            time_words(took),
            duration_words(limit)
        );
        Some((verdict, words))
    })
}

/// A time of the size that answers take.
pub(crate) fn time_words(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 9_950 {
        let tenths = (micros + 50) / 100;
        format!("{}.{} ms", tenths / 10, tenths % 10)
    } else if micros < 9_999_500 {
        format!("{} ms", (micros + 500) / 1_000)
    } else {
        let tenths = (micros + 50_000) / 100_000;
        format!("{}.{} s", tenths / 10, tenths % 10)
    }
}
