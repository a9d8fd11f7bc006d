//! BIND: each type of record, each kind of answer, and servers that differ.

use super::servers::{NAMED, Server, need};
use super::{found, look};
use checker_job::{Outcome, Verdict};

const HEAD: &str =
    "$TTL 300\n@ SOA ns hostmaster 7 3600 900 604800 300\n@ NS ns\n@ NS ns2\nns A 127.0.0.1\nns2 A 127.0.0.2\n";

fn zone() -> String {
    let long = "x".repeat(200);
    let many = (0..20).map(|n| format!("long TXT \"{n} {long}\"")).collect::<Vec<_>>().join("\n") + "\n";
    format!(
        "{HEAD}www A 192.0.2.1\nwww A 192.0.2.2\nwww AAAA 2001:db8::1\n@ MX 10 Mail\n@ MX 20 mail.other.test.\nnomail MX 0 .\n\
         @ TXT \"v=spf1 -all\"\nparted TXT \"one \" \"two\"\nodd TXT \"a\\007b\\255\"\nweb CNAME www\nfar CNAME www.other.test.\n\
         _sip._tcp SRV 10 5 5060 sip\n@ CAA 0 issue \"letsencrypt.org\"\n_443._tcp TLSA 3 1 1 {hash}\nhost SSHFP 4 2 {hash}\n\
         ds DS 12345 13 2 {hash}\nds NS ns.ds\nns.ds A 127.0.0.9\nsvc HTTPS 1 . alpn=h2\n*.wild A 192.0.2.9\n{many}",
        hash = "ab".repeat(32)
    )
}

#[test]
fn each_type_and_each_answer_of_a_real_server() {
    if !need(&[NAMED]) {
        return;
    }
    let reverse =
        format!("{HEAD}1 PTR www.example.test.\n").replace("ns ", "ns.example.test. ").replace("NS ns2\n", "");
    let reverse = reverse.lines().filter(|l| !l.contains(" A ") && !l.ends_with("NS")).collect::<Vec<_>>().join("\n");
    let reverse = reverse.replace("@ NS ns\n", "@ NS ns.example.test.\n") + "\n";
    let server = Server::named(&[("example.test", &zone()), ("2.0.192.in-addr.arpa", &reverse)]);
    let at = server.key();
    for (query, rtype, expect) in [
        ("www.example.test", "A", "[\"192.0.2.2\", \"192.0.2.1\"]"),
        ("WWW.Example.test.", "a", "[\"192.0.2.2\", \"192.0.2.1\"]"),
        ("www.example.test", "AAAA", "\"2001:DB8:0::1\""),
        ("example.test", "MX", "[\"20 Mail.other.test.\", \"10 mail.example.test\"]"),
        ("nomail.example.test", "MX", "\"0 .\""),
        ("example.test", "NS", "[\"ns.example.test\", \"ns2.example.test\"]"),
        ("example.test", "TXT", "\"v=spf1 -all\""),
        ("parted.example.test", "TXT", "\"one two\""),
        ("web.example.test", "CNAME", "\"www.example.test\""),
        ("web.example.test", "A", "[\"192.0.2.2\", \"192.0.2.1\"]"),
        ("example.test", "SOA", "\"ns.example.test hostmaster.example.test 7 3600 900 604800 300\""),
        ("192.0.2.1", "PTR", "\"www.example.test\""),
        ("_sip._tcp.example.test", "SRV", "\"10 5 5060 sip.example.test.\""),
        ("example.test", "CAA", "\"0 issue letsencrypt.org\""),
        ("_443._tcp.example.test", "TLSA", &format!("\"3 1 1 {} {}\"", "AB".repeat(28), "AB".repeat(4))),
        ("host.example.test", "SSHFP", &format!("\"4 2 {}\"", "ab".repeat(32))),
        ("ds.example.test", "DS", &format!("\"12345 13 2 {}\"", "ab".repeat(32))),
        ("svc.example.test", "HTTPS", "\"1 . alpn=h2\""),
        ("some.wild.example.test", "A", "\"192.0.2.9\""),
    ] {
        let keys = format!("{at}query = \"{query}\"\ntype = \"{rtype}\"\nexpect = {expect}\nauthoritative = true");
        let outcome = found(&keys, Verdict::Ok, " is ");
        assert!(outcome.summary.contains(&format!(", says 127.0.0.1:{} in ", server.port)), "{outcome:?}");
        assert_eq!(outcome.metrics.len(), 1, "{outcome:?}");
    }
    answers_that_were_not_expected(&at);
}

fn answers_that_were_not_expected(at: &str) {
    let said = |keys: &str, verdict, sentence: &str| -> Outcome { found(&format!("{at}{keys}"), verdict, sentence) };
    let failed = |keys: &str, sentence: &str| drop(said(keys, Verdict::Failed, sentence));
    let www = "query = \"www.example.test\"\n";
    failed(
        &format!("{www}expect = \"192.0.2.1\""),
        "www.example.test A is 192.0.2.1, 192.0.2.2; 192.0.2.2 is not expected",
    );
    failed(
        &format!("{www}expect = [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\"]"),
        "is 192.0.2.1, 192.0.2.2; 192.0.2.3 is missing",
    );
    failed(&format!("{www}expect = [\"192.0.2.3\"]"), "is 192.0.2.1, 192.0.2.2; expected 192.0.2.3");
    failed(&format!("{www}expect = [\"192.0.2.1\", \"192.0.2.8\"]\nmatch = \"contains\""), "192.0.2.8 is missing");
    failed(&format!("{www}expect = [\"192.0.2.7\", \"192.0.2.8\"]\nmatch = \"any\""), "none of the expected 192.0.2.7");
    said(&format!("{www}expect = [\"192.0.2.1\"]\nmatch = \"contains\""), Verdict::Ok, "is 192.0.2.1");
    said(&format!("{www}expect = [\"192.0.2.1\", \"192.0.2.8\"]\nmatch = \"any\""), Verdict::Ok, "is 192.0.2.1");
    failed("query = \"gone.example.test\"", "gone.example.test A is not there (NXDOMAIN: no such name)");
    said("query = \"gone.example.test\"\nexpect_rcode = \"nxdomain\"", Verdict::Ok, "is not there (NXDOMAIN");
    failed(&format!("{www}expect_rcode = \"NXDOMAIN\""), "is 192.0.2.1, 192.0.2.2; expected NXDOMAIN");
    failed(&format!("{www}type = \"MX\""), "(NODATA: the name has no MX record)");
    failed(&format!("{www}type = \"MX\"\nexpect = \"10 mail.example.test\""), "; expected \"10 mail.example.test\"");
    said(&format!("{www}type = \"MX\"\nexpect_rcode = \"NODATA\""), Verdict::Ok, "NODATA");
    failed("query = \"gone.example.test\"\nexpect_rcode = \"NODATA\"", "NXDOMAIN: no such name); expected NODATA");
    failed(&format!("{www}expect_rcode = \"NODATA\""), "is 192.0.2.1, 192.0.2.2; expected NODATA");
    failed("query = \"www.other.test\"", "www.other.test A is not answered (REFUSED: the server will not answer us)");
    said("query = \"www.other.test\"\nexpect_rcode = \"REFUSED\"", Verdict::Ok, "REFUSED");
    failed(
        "query = \"x.ds.example.test\"",
        "(the server refers to others, those of ds.example.test: it does not have this zone)",
    );
    failed("query = \"x.ds.example.test\"\nexpect_rcode = \"NODATA\"", "refers to others");
    failed("query = \"far.example.test\"", "the name is an alias of www.other.test, and no A record of that came");
    failed(&format!("{www}dnssec = true"), "it does not vouch for the answer by DNSSEC");
    let odd = said("query = \"odd.example.test\"\ntype = \"TXT\"", Verdict::Ok, "odd.example.test TXT is ");
    assert!(!odd.bounded(400, 4000).summary.contains('\u{7}'));
    // 20 texts of 200 bytes go over TCP.
    let long = said("query = \"long.example.test\"\ntype = \"TXT\"", Verdict::Ok, "and 16 more");
    assert!(long.summary.len() < 700, "{long:?}");
    said(&format!("{www}transport = \"tcp\""), Verdict::Ok, "is 192.0.2.1");
    let keys = format!("{www}latency_warning = \"1min500ms\"\nlatency_critical = \"2min\"");
    let timed = said(&keys, Verdict::Ok, "is 192.0.2.1");
    let ranges = (timed.metrics[0].warning.as_deref(), timed.metrics[0].critical.as_deref());
    assert_eq!(ranges, (Some("60.5"), Some("120")), "{timed:?}");
}

#[test]
fn servers_that_differ_are_named() {
    if !need(&[NAMED]) {
        return;
    }
    let new = zone();
    let old = new.replace("hostmaster 7 ", "hostmaster 4294967295 ").replace("192.0.2.2", "192.0.2.22");
    let (first, second) = (Server::named(&[("example.test", &new)]), Server::named(&[("example.test", &old)]));
    let third = Server::named(&[("other.test", HEAD)]);
    let [a, b, c] = [&first, &second, &third].map(|s| format!("127.0.0.1:{}", s.port));
    let list = format!("server = [\"{a}\", \"{b}\"]\n");
    let www = format!("{list}query = \"www.example.test\"\n");
    let same = found(
        &format!("{www}type = \"AAAA\""),
        Verdict::Ok,
        "www.example.test AAAA is 2001:db8::1, say all 2 servers, ",
    );
    assert!(same.detail.lines().count() == 2, "{same:?}");
    let differ = found(&www, Verdict::Warning, "the servers differ about www.example.test A: ");
    assert!(differ.summary.contains(&format!("192.0.2.1, 192.0.2.2 at {a}")), "{differ:?}");
    assert!(differ.summary.contains(&format!("192.0.2.1, 192.0.2.22 at {b}")), "{differ:?}");
    found(&format!("{www}agree = false"), Verdict::Ok, "all 2 servers answer for www.example.test A; ");
    // Serial 7 comes after 4294967295.
    let wanted = format!(
        "1 of 2 servers have an old version of example.test SOA: {b} has serial 4294967295, 8 behind; serial 7 is at {a}"
    );
    found(&format!("{list}query = \"example.test\"\ntype = \"SOA\""), Verdict::Warning, &wanted);
    // What was expected decides, and not how many say it.
    let expected = format!("{www}expect = [\"192.0.2.1\", \"192.0.2.2\"]");
    found(&expected, Verdict::Failed, &format!("1 of 2 servers: {b}: www.example.test A is 192.0.2.1, 192.0.2.22; "));
    let lame = format!("server = [\"{a}\", \"{c}\"]\nquery = \"www.example.test\"\n");
    let refused = found(&lame, Verdict::Failed, &format!("1 of 2 servers: {c}: www.example.test A is not answered"));
    assert_eq!(refused.blame, None);
    // The worst comes first, and one that is silent hides nothing.
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let three = |last: &str| format!("server = [\"{nobody}\", \"{a}\", \"{last}\"]\nquery = \"www.example.test\"\n");
    found(&three(&c), Verdict::Failed, &format!("2 of 3 servers: {c}: www.example.test A is not answered (REFUSED"));
    let both = found(&three(&b), Verdict::Warning, "the servers differ about www.example.test A: ");
    assert!(both.summary.contains(&format!("; and 1 of 3 servers: {nobody} is no name server")), "{both:?}");
    // One that is gone is a warning while the other one answers.
    drop(second);
    let gone = found(&www, Verdict::Warning, &format!("1 of 2 servers: {b} is no name server: its host answers that"));
    assert!(gone.blame.is_none() && gone.metrics.len() == 1, "{gone:?}");
    drop(first);
    let none = look(&www);
    assert_eq!(none.verdict, Verdict::Failed, "{none:?}");
    assert!(none.summary.starts_with("none of the 2 servers answers: "), "{none:?}");
    assert!(none.blame.is_none() && none.metrics.is_empty(), "a refusal is an answer: {none:?}");
}
