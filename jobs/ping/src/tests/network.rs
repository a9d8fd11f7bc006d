//! The kernel's answers, and what routers, firewalls and routes make of pings: by each sort of socket.

use super::world::{World, allow_datagrams, in_a_home, shell};
use super::{hostile, job, look_at_all, vacuity};
use crate::packet::{Pings, TOKEN, Version};
use crate::pings::ping;
use crate::socket::Socket;
use checker_job::{Blame, Outcome, Verdict};
use checker_parts::probe::{Limit, Problem};
use std::time::Duration;

#[test]
fn by_datagram_sockets() {
    in_a_home("tests::network::inside_by_datagram_sockets", &[]);
}

#[test]
fn by_raw_sockets() {
    in_a_home("tests::network::inside_by_raw_sockets", &[]);
}

#[test]
fn where_neither_is_allowed() {
    let without = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"];
    in_a_home("tests::network::inside_where_neither_is_allowed", &without);
}

#[test]
#[ignore = "run in a namespace"]
fn inside_by_datagram_sockets() {
    allow_datagrams();
    all(true);
}

#[test]
#[ignore = "run in a namespace"]
fn inside_by_raw_sockets() {
    all(false);
}

#[test]
#[ignore = "run in a namespace"]
fn inside_where_neither_is_allowed() {
    shell("ip link set lo up");
    let tables = ["127.0.0.1", "::1", "localhost"].map(|host| format!("address = \"{host}\""));
    for outcome in look_at_all(&tables) {
        assert_eq!((outcome.verdict, outcome.blame), (Verdict::Unknown, None), "{outcome:?}");
        assert_eq!(outcome.cause.as_deref(), Some("the system does not let Checker send pings"));
        let remedy = "; allow it by sysctl net.ipv4.ping_group_range=\"0 2147483647\" (docs/operating.md, ";
        assert!(outcome.summary.contains(remedy) && outcome.metrics.is_empty(), "{outcome:?}");
    }
    allow_datagrams();
    let [now] = &look_at_all(&["address = \"127.0.0.1\"".to_owned()])[..] else { unreachable!() };
    assert_eq!(now.verdict, Verdict::Ok, "the remedy is one: {now:?}");
}

#[test]
fn without_a_network_nothing_is_the_hosts_fault() {
    in_a_home("tests::network::inside_without_a_network", &[]);
}

#[test]
#[ignore = "run in a namespace"]
fn inside_without_a_network() {
    for allowed in [false, true] {
        if allowed {
            allow_datagrams();
        }
        let tables = ["192.0.2.1", "2001:db8::1"].map(|host| format!("address = \"{host}\""));
        for (outcome, host) in look_at_all(&tables).iter().zip(["192.0.2.1", "2001:db8::1"]) {
            assert_eq!((outcome.verdict, outcome.blame), (Verdict::Unknown, Some(Blame::NoRoute)), "{outcome:?}");
            assert_eq!(outcome.summary, format!("could not ping {host}: this host has no route"));
        }
    }
    shell("mount -t tmpfs none /run; echo nameserver 192.0.2.53 > /run/conf; mount --bind /run/conf /etc/resolv.conf");
    let [named] = &look_at_all(&["address = \"router.example.com\"".to_owned()])[..] else { unreachable!() };
    assert_eq!((named.verdict, named.blame), (Verdict::Unknown, Some(Blame::NoResolver)), "{named:?}");
}

/// A table, and what it must find.
pub(super) struct Look(pub(super) String, pub(super) Verdict, pub(super) &'static str, pub(super) Option<Blame>);

/// Looks at all of these at the same time: none must disturb another.
#[track_caller]
pub(super) fn hold(looks: &[Look]) -> Vec<Outcome> {
    let tables: Vec<String> = looks.iter().map(|look| look.0.clone()).collect();
    let outcomes = look_at_all(&tables);
    for (Look(keys, verdict, sentence, blame), outcome) in looks.iter().zip(&outcomes) {
        assert_eq!((outcome.verdict, outcome.blame), (*verdict, *blame), "{keys}\n{outcome:?}");
        assert!(outcome.summary.contains(sentence), "{keys}\n{outcome:?}\nwanted {sentence}");
        assert_eq!(outcome.cause.is_some(), *verdict == Verdict::Unknown, "{outcome:?}");
    }
    outcomes
}

fn all(is_datagram: bool) {
    let world = World::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (to, version) in [("127.0.0.1:7", Version::Four), ("[::1]:7", Version::Six)] {
        let socket = runtime.block_on(async { Socket::open(to.parse().unwrap(), version, 1) }).unwrap();
        assert_eq!(socket.is_datagram, is_datagram, "{to}");
    }
    // The first one is refused before the second one leaves, and nobody has looked yet.
    runtime.block_on(async {
        let socket = Socket::open("192.0.2.11:7".parse().unwrap(), Version::Four, 1).unwrap();
        let pings = Pings::new(Version::Four, 1, [1; TOKEN], 56);
        socket.send(&pings.request(0)).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        socket.send(&pings.request(1)).expect("what was said of the first is no error of the second");
    });
    // A run that has spent its time on the name, say.
    let over = Limit::of(Duration::ZERO);
    let plan = job("address = \"127.0.0.1\"\ninterval = \"500ms\"").plan;
    let none = runtime.block_on(ping(&plan, "127.0.0.1:7".parse().unwrap(), &over)).unwrap_err();
    assert_eq!(
        none,
        Problem::Ours("no time was left to ping: the name took too long to resolve".to_owned(), Blame::Shortage)
    );
    let mut looks = healthy();
    looks.extend(lost());
    looks.extend(told());
    looks.extend(ours(is_datagram));
    looks.extend(names());
    let outcomes = hold(&looks);
    let metrics: Vec<_> = outcomes[0].metrics.iter().map(|m| (&*m.label, &*m.unit)).collect();
    assert_eq!(metrics, [("loss", "%"), ("rtt", "s"), ("rtt_min", "s"), ("rtt_max", "s")]);
    let lossy = outcomes.iter().find(|o| o.summary.contains("loses 2 of 5")).unwrap();
    assert!((lossy.metrics[0].value - 40.0).abs() < 1e-9, "{lossy:?}");
    assert_eq!(lossy.metrics[0].warning.as_deref(), Some("20"), "{lossy:?}");
    // A crowd: each gets its own answers and no others.
    let crowd = vec![format!("{}rtt_warning = \"2s\"", keys("10.99.0.1")); 60];
    for outcome in look_at_all(&crowd) {
        assert!(outcome.summary.starts_with("10.99.0.1 answers all 5 pings in "), "{outcome:?}");
    }
    vacuity::of_real_hosts();
    hostile::all(&world);
    circles();
}

pub(super) fn keys(host: &str) -> String {
    format!("address = \"{host}\"\ninterval = \"20ms\"\n")
}

fn healthy() -> Vec<Look> {
    let ok = |keys: String, sentence| Look(keys, Verdict::Ok, sentence, None);
    vec![
        ok(keys("10.99.0.1"), "10.99.0.1 answers all 5 pings in "),
        ok(keys("fd99::1"), "fd99::1 answers all 5 pings in "),
        ok(keys("127.0.0.1"), "127.0.0.1 answers all 5 pings in "),
        ok(keys("::1"), "::1 answers all 5 pings in "),
        ok(keys("localhost"), "localhost (127.0.0.1) answers all 5 pings in "),
        ok(format!("{}count = 1", keys("10.99.0.1")), "10.99.0.1 answers the ping in "),
        ok(format!("{}size = 16", keys("fd99::1")), "answers all 5 pings"),
        // In many pieces.
        ok(format!("{}size = 20000", keys("10.99.0.1")), "answers all 5 pings"),
        ok(format!("{}size = 20000", keys("fd99::1")), "answers all 5 pings"),
        ok(format!("{}loss_warning = \"40%\"", keys("192.0.2.10")), "192.0.2.10 answers 3 of 5 pings in "),
    ]
}

fn lost() -> Vec<Look> {
    let silent = Some(Blame::Silence);
    vec![
        Look(
            keys("192.0.2.10"),
            Verdict::Warning,
            "192.0.2.10 loses 2 of 5 pings (40%), more than loss_warning = 20%",
            None,
        ),
        Look(
            format!("{}loss_critical = \"39%\"", keys("192.0.2.10")),
            Verdict::Failed,
            "loses 2 of 5 pings (40%), more than loss_critical = 39%",
            None,
        ),
        Look(keys("2001:db8::10"), Verdict::Warning, "2001:db8::10 loses 2 of 5 pings (40%), more than", None),
        Look(
            keys("192.0.2.12"),
            Verdict::Failed,
            "192.0.2.12 does not answer within 2 s: all 5 pings are lost",
            silent,
        ),
        Look(format!("{}count = 1", keys("192.0.2.12")), Verdict::Failed, "within 2 s: the ping is lost", silent),
        Look(keys("192.0.2.3"), Verdict::Failed, "192.0.2.3 does not answer within 2 s", silent),
        Look(keys("2001:db8::3"), Verdict::Failed, "2001:db8::3 does not answer within 2 s", silent),
    ]
}

/// What routers say.
fn told() -> Vec<Look> {
    // Few: Linux says of its IPv4 routes no more than 5 times in a row to one host, and lets no namespace change that.
    let keys = |host| format!("{}count = 2", keys(host));
    let failed = |host, sentence| Look(keys(host), Verdict::Failed, sentence, Some(Blame::Silence));
    let itself = "192.0.2.11 cannot be reached: it says that it is forbidden (administratively prohibited)";
    let four = "192.0.2.2 cannot be reached: the router 10.99.0.1 says that it is forbidden (administratively";
    vec![
        failed("192.0.2.1", "192.0.2.1 cannot be reached: the router 10.99.0.1 says that the host cannot be reached"),
        failed("2001:db8::1", "2001:db8::1 cannot be reached: the router fd99::1 says that it has no route"),
        failed("192.0.2.2", four),
        failed("2001:db8::2", "cannot be reached: the router fd99::1 says that it is forbidden (administratively"),
        failed("10.99.0.77", "10.99.0.77 cannot be reached: nobody on this host's own network has that address"),
        failed("fd99::77", "fd99::77 cannot be reached: nobody on this host's own network has that address"),
        Look(keys("192.0.2.11"), Verdict::Failed, itself, None),
    ]
}

/// What this host itself forbids.
fn ours(is_datagram: bool) -> Vec<Look> {
    let mut looks = Vec::new();
    for net in ["192.0.2.", "2001:db8::"] {
        for (last, sentence, blame) in [
            ("51", ": this host has no route", Blame::NoRoute),
            ("52", ": this host's own routes forbid to go there (prohibit, or a broadcast address)", Blame::NoRoute),
            ("53", ": this host's own routes drop what goes there (blackhole)", Blame::NoRoute),
            ("54", ": this host's own firewall forbids the connection", Blame::Firewall),
        ] {
            // For datagram sockets of IPv6 the kernel keeps it to itself.
            if !(is_datagram && net == "2001:db8::" && blame == Blame::Firewall) {
                looks.push(Look(keys(&format!("{net}{last}")), Verdict::Unknown, sentence, Some(blame)));
            }
        }
    }
    looks
}

fn names() -> Vec<Look> {
    let six = |host: &str| format!("{}ip = \"6\"", keys(host));
    vec![
        Look(keys("both"), Verdict::Ok, "all 2 addresses of both answer, the slowest in ", None),
        Look(six("both"), Verdict::Ok, "both (fd99::1) answers all 5 pings in ", None),
        Look(
            keys("half"),
            Verdict::Warning,
            "1 of 2 addresses of half: half (2001:db8::3) does not answer within 2 s: all 5 pings are lost",
            None,
        ),
        Look(keys("none"), Verdict::Failed, "none of the 2 addresses of none is well: ", Some(Blame::Silence)),
        Look(six("four"), Verdict::Failed, "four has no IPv6 address (ip = \"6\" takes no other)", None),
        Look(keys("uncounted"), Verdict::Ok, "uncounted (10.99.0.1) answers all 5 pings in ", None),
    ]
}

/// Packets that may pass one router, and need two.
fn circles() {
    shell("echo 1 > /proc/sys/net/ipv4/ip_default_ttl; echo 1 > /proc/sys/net/ipv6/conf/home/hop_limit");
    let words = |host, sentence| Look(keys(host), Verdict::Failed, sentence, Some(Blame::Silence));
    hold(&[
        words("192.0.2.99", "the router 10.99.0.1 says that the packets go in circles (time to live exceeded)"),
        words("2001:db8::99", "the router fd99::1 says that the packets go in circles (time to live exceeded)"),
    ]);
}
