//! `dns` where this host's own resolvers are asked: what is silent there is a finding, and no fault of a target.

use crate::support::binary::{Done, Home, done, usual};
use crate::support::dns::{Manner, Resolver};
use crate::support::need;

#[test]
fn this_hosts_resolvers_are_judged_themselves() {
    if !need("mounts") {
        return;
    }
    let (first, second) = (Resolver::start(Manner::Answers), Resolver::start(Manner::Answers));
    let home = Home::with_jobs("");
    home.settings(&usual(
        "[[job.dns]]\nname = \"names\"\nquery = \"www.example.test\"\nexpect = \"127.0.0.1\"\ntimeout = \"2s\"\n",
    ));
    let servers = [&first, &second].map(|resolver| {
        let conf = std::fs::read_to_string(resolver.conf()).unwrap();
        conf.lines().next().and_then(|line| line.strip_prefix("nameserver ")).map(|ip| format!("{ip}:53")).unwrap()
    });
    let lines: Vec<String> = servers.iter().map(|at| format!("nameserver {}\n", at.trim_end_matches(":53"))).collect();
    let conf = lines.concat();
    std::fs::write(first.conf(), conf).unwrap();
    let look = |verdict: &str, sentence: &str| -> Done {
        let done = done(&first.used_by(&home.command(&["try", "names"])).output().unwrap());
        assert!(done.out.starts_with(&format!("names: {verdict}")), "{}{}", done.out, done.err);
        assert!(done.out.contains(sentence), "{}{}\nwanted {sentence}", done.out, done.err);
        done
    };
    look("ok", "www.example.test A is 127.0.0.1, say all 2 servers, the slowest in ");
    second.set(Manner::Silent);
    let one = format!("1 of 2 servers: {} does not answer within 2 s (asked 3 times over UDP", servers[1]);
    look("warning", &one);
    second.set(Manner::NoSuchName);
    look("failed", &format!("1 of 2 servers: {}: www.example.test A is not there (NXDOMAIN", servers[1]));
    first.set(Manner::Silent);
    second.set(Manner::Silent);
    look("failed", "none of this host's 2 resolvers (/etc/resolv.conf) answers: ");
    first.set(Manner::Fails);
    look("failed", "(SERVFAIL: the server failed)");
}
