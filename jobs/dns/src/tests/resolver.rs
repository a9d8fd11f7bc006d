//! Unbound: an answer that is proved, one that is proved to be wrong, and zones whose servers are gone.

use super::found;
use super::servers::{NAMED, Server, UNBOUND, need};
use checker_job::{Blame, Verdict};
use std::path::Path;
use std::process::Command;

/// A signed zone and the key to trust. The signatures are good from `from` to `until`, as dnssec-signzone has it.
fn signed(folder: &Path, zone: &str, from: &str, until: &str) -> (String, String) {
    let run = |program: &str, words: &[&str]| {
        let done = Command::new(program).args(words).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    let text = "$TTL 300\n@ SOA ns hostmaster 7 3600 900 604800 300\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n";
    let key = run("/usr/bin/dnssec-keygen", &["-a", "ECDSAP256SHA256", "-f", "KSK", zone]);
    std::fs::write(folder.join(zone), text).unwrap();
    run("/usr/bin/dnssec-signzone", &["-S", "-z", "-P", "-s", from, "-e", until, "-o", zone, "-f", "signed", zone]);
    let trusted = std::fs::read_to_string(folder.join(format!("{key}.key"))).unwrap();
    let trusted = trusted.lines().find(|line| !line.starts_with(';')).unwrap().to_owned();
    (std::fs::read_to_string(folder.join("signed")).unwrap(), trusted)
}

#[test]
fn what_a_validating_resolver_says() {
    if !need(&[NAMED, UNBOUND, "/usr/bin/dnssec-keygen", "/usr/bin/dnssec-signzone"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (good, trusted) = signed(folder.path(), "good.test", "now-1d", "now+7d");
    let (bad, distrusted) = signed(folder.path(), "bad.test", "20200101000000", "20200201000000");
    let plain = "$TTL 300\n@ SOA ns hostmaster 7 3600 900 604800 300\n@ NS ns\nns A 127.0.0.1\nwww A 192.0.2.1\n\
                 web CNAME www\nbroken CNAME gone\n";
    let zones = [("good.test", &*good), ("bad.test", &bad), ("plain.test", plain)];
    let server = Server::named(&zones);
    // The server does not have the last one, and says so.
    let stubs = [
        ("good.test", server.port),
        ("bad.test", server.port),
        ("plain.test", server.port),
        ("dead.test", server.port),
    ];
    let anchors = format!(
        " trust-anchor: \"{trusted}\"\n trust-anchor: \"{distrusted}\"\n domain-insecure: \"plain.test\"\n \
         domain-insecure: \"dead.test\"\n access-control: 127.0.0.0/8 allow_snoop\n"
    );
    let resolver = Server::unbound(&stubs, &anchors);
    let at = resolver.key();
    found(&format!("{at}query = \"www.good.test\"\ndnssec = true"), Verdict::Ok, "www.good.test A is 192.0.2.1, says ");
    found(&format!("{at}query = \"www.plain.test\"\n"), Verdict::Ok, "www.plain.test A is 192.0.2.1");
    found(&format!("{at}query = \"web.plain.test\"\n"), Verdict::Ok, "web.plain.test A is 192.0.2.1");
    found(
        &format!("{at}query = \"www.plain.test\"\ndnssec = true"),
        Verdict::Failed,
        "it does not vouch for the answer by DNSSEC: the zone is not signed",
    );
    // It has the answer by now, from somebody else.
    found(
        &format!("{at}query = \"www.good.test\"\nauthoritative = true"),
        Verdict::Failed,
        "its answer is not authoritative: it does not have this zone itself",
    );
    found(
        &format!("{at}query = \"broken.plain.test\""),
        Verdict::Failed,
        "NXDOMAIN: the name is an alias of gone.plain.test, which does not exist",
    );
    let bogus = found(
        &format!("{at}query = \"www.bad.test\""),
        Verdict::Failed,
        "www.bad.test A is not answered (SERVFAIL: the server failed); it says why: ",
    );
    // Its versions word it differently: the key cannot be used, or its signature is too old.
    assert!(["DNSKEY", "Signature"].iter().any(|word| bogus.summary.contains(word)), "{bogus:?}");
    // The resolver is on this host: perhaps this host is cut off.
    assert_eq!(bogus.blame, Some(Blame::Silence));
    found(&format!("{at}query = \"www.dead.test\""), Verdict::Failed, "SERVFAIL: the server failed");
    found(&format!("{at}query = \"www.bad.test\"\nexpect_rcode = \"SERVFAIL\""), Verdict::Ok, "SERVFAIL");
}
