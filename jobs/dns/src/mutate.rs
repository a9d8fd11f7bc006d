//! Would the job notice that servers say something else about the name? What they answered is made wrong and judged as it is
//! in a run.

use crate::expect::normal;
use crate::judge;
use crate::plan::{Plan, Servers};
use crate::together::Asked;
use crate::wire::Reply;
use checker_job::{Mutation, Vacuity, Verdict};
use domain::base::iana::Rcode;
use domain::base::{Rtype, Serial};
use std::collections::BTreeSet;

const RCODE: &str = "set expect_rcode to what the server should answer";
const RECORDS: &str = "set expect";
const ONE: &str = "set agree = true, or expect";

/// What the job says of these answers, and would say of wrong ones.
pub(crate) fn vacuity(plan: &Plan, asked: &[Asked]) -> Vacuity {
    let outcome = judge::all(plan, asked);
    if outcome.verdict != Verdict::Ok {
        return Vacuity::without_answer(outcome);
    }
    let mut mutations = Vec::new();
    let mut judged = |name, what, remedy, wrong: Option<Vec<Asked>>| {
        mutations.extend(wrong.map(|wrong| Mutation::new(name, what, remedy, judge::all(plan, &wrong))));
    };
    judged("gone", "NXDOMAIN: no such name", RCODE, everywhere(asked, |reply| failing(reply, Rcode::NXDOMAIN)));
    let none = "NODATA: the name without such records";
    judged("empty_answer", none, RCODE, everywhere(asked, |reply| failing(reply, Rcode::NOERROR)));
    judged(
        "servfail",
        "SERVFAIL: servers that fail",
        RCODE,
        everywhere(asked, |reply| failing(reply, Rcode::SERVFAIL)),
    );
    let another = |reply: &Reply| with_record(reply, normal(plan.rtype, other(plan.rtype)), Some(Serial::from(1)));
    if plan.rtype == Rtype::SOA {
        // It changes with each edit of the zone, so nobody can say beforehand what it is.
        judged("one_old_version", "an old version of the zone at one of the servers", ONE, at_one(asked, older));
    } else {
        judged("wrong_answer", "another record of the same type", RECORDS, everywhere(asked, another));
        judged("one_wrong_answer", "another record at one of the servers", ONE, at_one(asked, another));
    }
    if matches!(plan.servers, Servers::Named(_)) && replies(asked).all(|reply| reply.authoritative) {
        let what = "the same answer from servers that do not have the zone themselves";
        let relayed = |reply: &Reply| Some(Reply { authoritative: false, ..reply.clone() });
        judged("not_authoritative", what, "set authoritative = true", everywhere(asked, relayed));
    }
    if replies(asked).all(|reply| reply.authentic) {
        let what = "the same answer without the proof of DNSSEC";
        let unproved = |reply: &Reply| Some(Reply { authentic: false, ..reply.clone() });
        judged("not_authentic", what, "set dnssec = true", everywhere(asked, unproved));
    }
    Vacuity::new(outcome, mutations)
}

fn replies(asked: &[Asked]) -> impl Iterator<Item = &Reply> {
    asked.iter().filter_map(|asked| Some(&asked.result.as_ref().ok()?.reply))
}

/// The answers, each made wrong. `None`, if one of them is so already.
fn everywhere(asked: &[Asked], wrong: impl Fn(&Reply) -> Option<Reply>) -> Option<Vec<Asked>> {
    let mut asked = asked.to_vec();
    for answer in asked.iter_mut().filter_map(|asked| asked.result.as_mut().ok()) {
        answer.reply = wrong(&answer.reply)?;
    }
    Some(asked)
}

/// The answers, the last made wrong. `None`, if there is no other.
fn at_one(asked: &[Asked], wrong: impl Fn(&Reply) -> Option<Reply>) -> Option<Vec<Asked>> {
    let mut asked = asked.to_vec();
    let mut answers: Vec<_> = asked.iter_mut().filter_map(|asked| asked.result.as_mut().ok()).collect();
    if let [_, .., last] = answers.as_mut_slice() {
        last.reply = wrong(&last.reply)?;
        return Some(asked);
    }
    None
}

/// An answer without records, with this code.
fn failing(reply: &Reply, rcode: Rcode) -> Option<Reply> {
    let same = reply.rcode == rcode && reply.records.is_empty();
    let (records, alias, referral) = (BTreeSet::new(), None, None);
    (!same).then(|| Reply { rcode, records, alias, referral, serial: None, ..reply.clone() })
}

/// An answer with this record and no other.
fn with_record(reply: &Reply, record: String, serial: Option<Serial>) -> Option<Reply> {
    let records = BTreeSet::from([record]);
    let (rcode, serial) = (Rcode::NOERROR, serial.filter(|_| reply.serial.is_some()));
    (records != reply.records).then(|| Reply { rcode, records, referral: None, serial, ..reply.clone() })
}

/// What a secondary says that has missed the last change of the zone.
fn older(reply: &Reply) -> Option<Reply> {
    let serial = Serial::from(reply.serial?.into_int().wrapping_sub(1));
    let mut words: Vec<String> = reply.records.first()?.split(' ').map(str::to_owned).collect();
    // The names of a server and of a person come before it (RFC 1035, 3.3.13).
    *words.get_mut(2)? = serial.to_string();
    with_record(reply, words.join(" "), Some(serial))
}

/// A record that nobody means: names that cannot be (RFC 6761), addresses of documentation (RFC 5737, RFC 3849), keys of
/// nothing but zeros.
pub(crate) fn other(rtype: Rtype) -> &'static str {
    match rtype {
        Rtype::A => "203.0.113.86",
        Rtype::AAAA => "2001:db8:86::86",
        Rtype::CAA => "0 issue \"another-ca.invalid\"",
        Rtype::DNSKEY => "257 3 13 AAAAAAAAAAAAAAAAAAAAAA==",
        Rtype::DS => "1 13 2 0000000000000000000000000000000000000000000000000000000000000000",
        Rtype::HTTPS | Rtype::SVCB => "1 another-host.invalid",
        Rtype::MX => "10 another-host.invalid",
        Rtype::NAPTR => "10 10 \"s\" \"SIP+D2U\" \"\" another-host.invalid",
        Rtype::SOA => "another-host.invalid hostmaster.another-host.invalid 1 3600 900 604800 300",
        Rtype::SRV => "0 0 1 another-host.invalid",
        Rtype::SSHFP => "4 2 0000000000000000000000000000000000000000000000000000000000000000",
        Rtype::TLSA => "3 1 1 0000000000000000000000000000000000000000000000000000000000000000",
        Rtype::TXT => "another text",
        // CNAME, DNAME, NS, PTR.
        _ => "another-host.invalid",
    }
}
