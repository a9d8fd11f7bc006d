//! Settings that are wrong, each with what to do; ids; and the file of the system's resolvers.

use super::{job, jobs};
use crate::plan::Servers;
use crate::system::resolvers;
use checker_job::Job;

#[test]
fn each_wrong_key_says_what_to_write() {
    let query = "query = \"www.example.com\"\n";
    for (keys, wanted) in [
        ("type = \"A\"", "missing field `query`"),
        ("query = \"\"", "query: it is empty; name what is asked for"),
        ("query = \"192.0.2.1\"", "query: 192.0.2.1 is an address; to ask for its name set type = \"PTR\""),
        ("query = \"bücher.example\"", "xn--"),
        ("query = \"www.example.com:53\"", "without port and path"),
        ("query = \"a b\"", "is no name"),
        ("query = \"a..b\"", "query: \"a..b\" is no name: "),
        (&format!("query = \"{}\"", "a".repeat(64)), "is no name: "),
        (&format!("{query}type = \"ANY\""), "type: \"ANY\" is no type that can be asked for; use one of A, AAAA, CAA"),
        (&format!("{query}server = []"), "server: the list is empty; leave the key out"),
        (&format!("{query}server = \"ns:0\""), "server: \"0\" is no port"),
        (&format!("{query}server = \"\""), "server: "),
        (&format!("{query}server = [\"NS\", \"ns:53\"]"), "server: ns:53 stands in the list twice"),
        (
            &format!("{query}server = {:?}", (0..17).map(|n| format!("ns{n}")).collect::<Vec<_>>()),
            "more than 16 servers",
        ),
        (&format!("{query}expect = []"), "expect: the list is empty; to expect no records write expect_rcode"),
        (&format!("{query}expect = \"2001:db8::1\""), "expect: \"2001:db8::1\" is no record of type A; write it as in"),
        (&format!("{query}type = \"AAAA\"\nexpect = \"192.0.2.1\""), "is no record of type AAAA"),
        (&format!("{query}type = \"MX\"\nexpect = \"mail.example.com\""), "write it as in \"10 mail.example.com\""),
        (&format!("{query}type = \"TXT\"\nexpect = \"\""), "expect: it is empty"),
        (&format!("{query}match = \"all\"\nexpect = \"192.0.2.1\""), "match: \"all\" is not known; use \"exact\""),
        (&format!("{query}match = \"any\""), "match: there is nothing to compare with"),
        (&format!("{query}expect_rcode = \"GONE\""), "expect_rcode: \"GONE\" is not known; use \"NOERROR\""),
        (
            &format!("{query}expect_rcode = \"NXDOMAIN\"\nexpect = \"192.0.2.1\""),
            "expect: an answer NXDOMAIN has no records",
        ),
        (&format!("{query}transport = \"tls\""), "transport: \"tls\" is not known; use \"udp\" or \"tcp\""),
        (&format!("{query}latency_warning = \"fast\""), "latency_warning: \"fast\" is no time"),
        (&format!("{query}latency_critical = \"0s\""), "latency_critical: no answer takes no time"),
        (
            &format!("{query}latency_warning = \"2s\"\nlatency_critical = \"2s\""),
            "latency_warning: it must be shorter than latency_critical, or nobody is ever warned; write less, or",
        ),
        (&format!("{query}port = 53"), "unknown field `port`"),
    ] {
        let errors = jobs(keys).err().unwrap_or_default();
        assert!(errors.iter().any(|e| e.contains(wanted)), "{keys}\n{errors:?}\nwanted {wanted}");
    }
    for code in crate::spawn::CODES {
        assert_eq!(code.parse::<domain::base::iana::Rcode>().unwrap().to_string(), code, "as answers show it");
    }
    let all = jobs("query = \"\"\ntype = \"X\"\nserver = []\ntransport = \"x\"").unwrap_err();
    assert_eq!(all.len(), 4, "each problem is reported: {all:?}");
}

#[test]
fn a_job_is_known_by_question_and_servers() {
    for (keys, id) in [
        ("query = \"WWW.example.com.\"", "dns:www.example.com A"),
        (
            "query = \"example.com\"\ntype = \"mx\"\nserver = \"NS.example.com\"",
            "dns:example.com MX @ns.example.com:53",
        ),
        ("query = \"192.0.2.1\"\ntype = \"PTR\"", "dns:1.2.0.192.in-addr.arpa PTR"),
        ("query = \".\"\ntype = \"NS\"", "dns:. NS"),
        (
            "query = \"a\"\nserver = [\"192.0.2.1\", \"2001:DB8::1\", \"[2001:db8::2]:54\"]",
            "dns:a A @192.0.2.1:53,[2001:db8::1]:53,[2001:db8::2]:54",
        ),
    ] {
        assert_eq!(job(keys).id().as_str(), id);
    }
    assert!(job("query = \"a\"\nserver = [\"192.0.2.1\", \"192.0.2.2\"]").plan.agree);
    assert!(!job("query = \"a\"\nserver = \"192.0.2.1\"").plan.agree);
    let own = job("query = \"a\"");
    assert!(matches!(&own.plan.servers, Servers::System(file) if file.as_os_str() == "/etc/resolv.conf"));
    assert!(!own.plan.agree);
}

#[test]
fn the_resolvers_are_read_as_the_c_library_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolv.conf");
    let read = |text: &str| {
        std::fs::write(&file, text).unwrap();
        resolvers(&file).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(
        read(
            "# nameserver 192.0.2.9\nsearch a b\nnameserver 192.0.2.1\n nameserver\t2001:db8::1 \nnameserver fe80::1%7\n"
        ),
        ["192.0.2.1:53", "[2001:db8::1]:53", "[fe80::1%7]:53"]
    );
    assert_eq!(read("nameserver fe80::1%lo\n"), ["[fe80::1%1]:53"]);
    assert_eq!(read("nameserver nonsense\nnameservers 192.0.2.1\nnameserver fe80::1%../x\n"), ["127.0.0.1:53"]);
    let four = "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
    assert_eq!(read(four).len(), 3);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(resolvers(&file).unwrap()[0].to_string(), "127.0.0.1:53", "no file, no other resolver");
    let why = resolvers(folder.path()).unwrap_err();
    assert!(why.starts_with("cannot read ") && why.ends_with("it is no file"), "{why}");
}
