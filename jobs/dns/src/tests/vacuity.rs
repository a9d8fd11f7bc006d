//! Which wrong answers of real servers would be called healthy.

use super::hostile::{ADDRESS, AUTHENTIC, answer, udp};
use super::servers::{NAMED, Server, need};
use super::{job, judge_wrong};
use crate::expect::wanted;
use crate::mutate::other;
use crate::spawn::TYPES;
use checker_job::{Vacuity, Verdict};

const ZONE: &str = "$TTL 300\n@ SOA ns hostmaster 7 3600 900 604800 300\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n\
                    www A 192.0.2.2\nweb CNAME www\n@ MX 10 mail.other.test.\n";

/// The names of all mutations, and of those that are not noticed.
#[track_caller]
fn names(keys: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let vacuity = judge_wrong(&job(keys));
    assert_eq!(vacuity.outcome.verdict, Verdict::Ok, "{keys}\n{vacuity:?}");
    let named = |unnoticed: bool| {
        let of_them = vacuity.mutations.iter().filter(|m| !(unnoticed && m.is_noticed()));
        of_them.map(|m| m.name).collect()
    };
    (named(false), named(true))
}

#[track_caller]
fn unnoticed(keys: &str) -> Vec<&'static str> {
    names(keys).1
}

#[test]
fn one_server_is_held_to_records_and_flags() {
    if !need(&[NAMED]) {
        return;
    }
    let server = Server::named(&[("example.test", ZONE)]);
    let at = server.key();
    let weak = format!("{at}query = \"www.example.test\"\n");
    let all = vec!["gone", "empty_answer", "servfail", "wrong_answer", "not_authoritative"];
    assert_eq!(names(&weak), (all.clone(), vec!["wrong_answer", "not_authoritative"]));
    assert_eq!(unnoticed(&format!("{weak}authoritative = true")), ["wrong_answer"]);
    for records in [
        "expect = [\"192.0.2.1\", \"192.0.2.2\"]",
        "expect = \"192.0.2.2\"\nmatch = \"contains\"",
        "expect = [\"192.0.2.2\", \"192.0.2.3\"]\nmatch = \"any\"",
    ] {
        let strong = format!("{weak}{records}\nauthoritative = true");
        assert_eq!(names(&strong), (all.clone(), vec![]), "{strong}");
    }
    let alias =
        format!("{at}query = \"web.example.test\"\nexpect = [\"192.0.2.1\", \"192.0.2.2\"]\nauthoritative = true");
    assert_eq!(names(&alias), (all.clone(), vec![]));
    let soa = format!("{at}query = \"example.test\"\ntype = \"SOA\"\n");
    // Which version is the right one changes with each edit.
    let of_zone = vec!["gone", "empty_answer", "servfail", "not_authoritative"];
    assert_eq!(names(&soa), (of_zone, vec!["not_authoritative"]));
    // Where nothing is expected, the answer that is expected is no mutation.
    let free = format!("{at}query = \"free.example.test\"\nexpect_rcode = \"NXDOMAIN\"\nauthoritative = true");
    assert_eq!(names(&free), (vec!["empty_answer", "servfail", "wrong_answer", "not_authoritative"], vec![]));
    let none =
        format!("{at}query = \"www.example.test\"\ntype = \"MX\"\nexpect_rcode = \"NODATA\"\nauthoritative = true");
    assert_eq!(names(&none), (vec!["gone", "servfail", "wrong_answer", "not_authoritative"], vec![]));
    let refused = format!("{at}query = \"www.other.test\"\nexpect_rcode = \"REFUSED\"");
    assert_eq!(names(&refused), (vec!["gone", "empty_answer", "servfail", "wrong_answer"], vec![]));
}

#[test]
fn several_servers_are_held_to_each_other() {
    if !need(&[NAMED]) {
        return;
    }
    let servers = [Server::named(&[("example.test", ZONE)]), Server::named(&[("example.test", ZONE)])];
    let [a, b] = servers.each_ref().map(|s| format!("127.0.0.1:{}", s.port));
    let list = format!("server = [\"{a}\", \"{b}\"]\nauthoritative = true\n");
    let www = format!("{list}query = \"www.example.test\"\n");
    let all = vec!["gone", "empty_answer", "servfail", "wrong_answer", "one_wrong_answer", "not_authoritative"];
    assert_eq!(names(&www), (all.clone(), vec!["wrong_answer"]));
    assert_eq!(unnoticed(&format!("{www}agree = false")), ["wrong_answer", "one_wrong_answer"]);
    let strong = format!("{www}agree = false\nexpect = [\"192.0.2.1\", \"192.0.2.2\"]");
    assert_eq!(names(&strong), (all, vec![]));
    let soa = format!("{list}query = \"example.test\"\ntype = \"SOA\"\n");
    assert_eq!(unnoticed(&soa), [""; 0]);
    assert_eq!(unnoticed(&format!("{soa}agree = false")), ["one_old_version"]);
    let old = judge_wrong(&job(&soa)).mutations.into_iter().find(|m| m.name == "one_old_version").unwrap();
    let said = format!("1 of 2 servers have an old version of example.test SOA: {b} has serial 6, 1 behind; serial 7");
    assert!(old.outcome.verdict == Verdict::Warning && old.outcome.summary.starts_with(&said), "{old:?}");
}

#[test]
fn a_proof_that_comes_can_be_demanded() {
    let at = udp(|question| vec![answer(question, AUTHENTIC, &[ADDRESS])]);
    let keys = format!("server = \"{at}\"\nquery = \"a.example\"\nexpect = \"192.0.2.1\"\n");
    assert_eq!(unnoticed(&keys), ["not_authentic"]);
    let (all, unnoticed) = names(&format!("{keys}dnssec = true"));
    assert!(all.contains(&"not_authentic") && unnoticed.is_empty(), "{all:?} {unnoticed:?}");
}

#[test]
fn what_is_not_healthy_is_not_made_wrong() {
    let at = udp(|question| vec![answer(question, 0x8183, &[])]);
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (at, said) in [(at, "NXDOMAIN"), (nobody, "is no name server")] {
        let Vacuity { outcome, mutations, .. } =
            judge_wrong(&job(&format!("server = \"{at}\"\nquery = \"a.example\"")));
        assert!(outcome.verdict == Verdict::Failed && outcome.summary.contains(said), "{outcome:?}");
        assert_eq!(mutations, []);
    }
}

#[test]
fn wrong_records_are_records_all_the_same() {
    for rtype in TYPES {
        wanted(rtype, other(rtype)).unwrap();
    }
}
