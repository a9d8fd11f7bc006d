//! What cannot be had at will: each sentence from values.

use super::job;
use crate::judge;
use crate::packet::Version;
use crate::pings::{Came, Seen};
use crate::plan::Plan;
use crate::reasons::Reason;
use checker_job::{Blame, Outcome, Verdict};
use checker_parts::probe::{Limit, Problem};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

pub(super) fn seen(sent: u16, micros: &[u64]) -> Seen {
    Seen {
        version: Version::Four,
        sent,
        times: micros.iter().copied().map(Duration::from_micros).collect(),
        doubled: 0,
        changed: 0,
        reasons: BTreeMap::new(),
        flood: false,
    }
}

fn judged(keys: &str, host: &str, tried: Vec<Result<Came, Problem>>) -> Outcome {
    let plan: Plan = (*job(&format!("address = \"a\"\n{keys}")).plan).clone();
    let to = |n: usize| SocketAddr::from(([192, 0, 2, u8::try_from(n + 1).unwrap()], 7));
    let tried: Vec<_> = tried.into_iter().enumerate().map(|(n, came)| (to(n), came)).collect();
    judge::all(&plan, host, &tried, &Limit::of(Duration::from_secs(10)))
}

fn one(keys: &str, seen: Seen) -> Outcome {
    judged(keys, "192.0.2.1", vec![Ok(Came::Seen(seen))])
}

#[test]
fn loss_and_time_are_judged_by_both_degrees() {
    for (lost, keys, verdict) in [
        (0, "", Verdict::Ok),
        (1, "", Verdict::Ok),
        (2, "", Verdict::Warning),
        (3, "", Verdict::Warning),
        (4, "", Verdict::Failed),
        (5, "loss_critical = \"100%\"", Verdict::Failed),
        (1, "loss_warning = \"19.99%\"", Verdict::Warning),
    ] {
        let outcome = one(keys, seen(5, &vec![100; 5 - lost]));
        assert_eq!(outcome.verdict, verdict, "{lost} {keys} {outcome:?}");
    }
    let ok = one("", seen(3, &[1_000, 2_000, 6_000]));
    assert_eq!(ok.summary, "192.0.2.1 answers all 3 pings in 3.0 ms on average (1.0 ms to 6.0 ms)");
    let values: Vec<_> = ok.metrics.iter().map(|m| m.value).collect();
    assert_eq!(values, [0.0, 0.003, 0.001, 0.006]);
    let limits = "rtt_warning = \"100ms\"\nrtt_critical = \"1s\"";
    let slow = one(limits, seen(2, &[50_000, 150_002]));
    let words = "192.0.2.1 answers in 100 ms on average (50 ms to 150 ms), longer than rtt_warning = 100 ms";
    assert_eq!((slow.verdict, &*slow.summary), (Verdict::Warning, words));
    assert_eq!((slow.metrics[1].warning.as_deref(), slow.metrics[1].critical.as_deref()), (Some("0.1"), Some("1")));
    assert_eq!(one(limits, seen(2, &[50_000, 150_000])).verdict, Verdict::Ok, "as long as the limit is not longer");
    let slower = one(limits, seen(5, &[1_500_000, 1_500_000]));
    let words = "192.0.2.1 loses 3 of 5 pings (60%), more than loss_warning = 20%; it answers in 1500 ms on average \
                 (1500 ms to 1500 ms), longer than rtt_critical = 1 s";
    assert_eq!((slower.verdict, &*slower.summary), (Verdict::Failed, words));
    assert_eq!(one("", seen(1, &[120])).summary, "192.0.2.1 answers the ping in 0.12 ms");
}

#[test]
fn what_routers_say_is_told_in_words() {
    let by = |ip: &str| Some(ip.parse::<IpAddr>().unwrap());
    let host: IpAddr = "192.0.2.1".parse().unwrap();
    for (version, kind, code, words) in [
        (Version::Four, 3, 0, "it has no route to the host's network"),
        (Version::Four, 3, 1, "the host cannot be reached"),
        (Version::Four, 3, 2, "the host does not know ICMP"),
        (Version::Four, 3, 4, "the packets are too large for the way"),
        (Version::Four, 3, 9, "it is forbidden (administratively prohibited)"),
        (Version::Four, 3, 10, "it is forbidden (administratively prohibited)"),
        (Version::Four, 3, 13, "it is forbidden (administratively prohibited)"),
        (Version::Four, 11, 0, "the packets go in circles (time to live exceeded)"),
        (Version::Four, 11, 1, "parts of the packets are missing (reassembly time exceeded)"),
        (Version::Four, 12, 0, "it does not deliver them (ICMP type 12, code 0)"),
        (Version::Six, 1, 0, "it has no route to the host's network"),
        (Version::Six, 1, 1, "it is forbidden (administratively prohibited)"),
        (Version::Six, 1, 3, "the host cannot be reached"),
        (Version::Six, 1, 5, "it is forbidden (administratively prohibited)"),
        (Version::Six, 1, 6, "the route is closed (reject)"),
        (Version::Six, 2, 0, "the packets are too large for the way"),
        (Version::Six, 3, 0, "the packets go in circles (time to live exceeded)"),
        (Version::Six, 4, 0, "it does not deliver them (ICMP type 4, code 0)"),
    ] {
        let reason = Reason { kind, code, by: by("10.0.0.1"), by_us: false };
        assert_eq!(reason.words(version, host), format!("the router 10.0.0.1 says that {words}"));
    }
    let mut reason = Reason { kind: 3, code: 13, by: None, by_us: false };
    assert!(reason.words(Version::Four, host).starts_with("a router says that "));
    reason.by = by("192.0.2.1");
    assert!(reason.words(Version::Four, host).starts_with("it says that "));
    (reason.by_us, reason.by) = (true, by("10.0.0.2"));
    assert!(reason.words(Version::Four, host).starts_with("this host itself says that "));
    let mut some = seen(5, &[100, 100]);
    some.reasons = BTreeMap::from([(Reason { kind: 3, code: 13, by: by("10.0.0.1"), by_us: false }, 2)]);
    some.reasons.insert(Reason { kind: 3, code: 1, by: by("10.0.0.1"), by_us: false }, 1);
    let outcome = one("", some.clone());
    let wanted = "192.0.2.1 loses 3 of 5 pings (60%), more than loss_warning = 20%: the router 10.0.0.1 says that it is \
                  forbidden (administratively prohibited) (to 2 of the pings; others fail for other reasons)";
    assert_eq!((outcome.verdict, &*outcome.summary, outcome.blame), (Verdict::Warning, wanted, None));
}

#[test]
fn what_is_odd_is_a_warning() {
    let mut doubled = seen(5, &[100; 5]);
    doubled.doubled = 3;
    let outcome = one("", doubled);
    let words =
        "192.0.2.1 answers 5 pings with 8 packets: another host has the same address, or the network doubles them";
    assert_eq!((outcome.verdict, &*outcome.summary), (Verdict::Warning, words));
    let mut changed = seen(5, &[100; 4]);
    changed.changed = 1;
    let outcome = one("", changed);
    let words = "192.0.2.1 sends 1 answer with other bytes than were sent: something on the way damages packets";
    assert_eq!((outcome.verdict, &*outcome.summary), (Verdict::Warning, words));
    let mut flood = seen(5, &[]);
    flood.flood = true;
    let outcome = one("", flood);
    assert!(
        outcome.summary.contains("sends more packets than were asked for, and no answer among them"),
        "{outcome:?}"
    );
    assert_eq!(outcome.verdict, Verdict::Failed);
}

#[test]
fn addresses_that_cannot_be_pinged_do_not_count() {
    let good = || Ok(Came::Seen(seen(5, &[1_000; 5])));
    let ours = || Err(Problem::Ours("this host has no memory left".to_owned(), Blame::Shortage));
    let mixed = judged("", "host", vec![good(), Err(Problem::NoRoute), Ok(Came::Forbidden)]);
    let words = "host (192.0.2.1) answers all 5 pings in 1.0 ms on average (1.0 ms to 1.0 ms) (2 not counted)";
    assert_eq!((mixed.verdict, &*mixed.summary), (Verdict::Ok, words));
    assert!(
        mixed.detail.contains("192.0.2.2 is not counted: this host has no route\n192.0.2.3 is not counted: the system")
    );
    let none = judged("", "host", vec![Err(Problem::NoRoute), ours()]);
    assert_eq!((none.verdict, none.blame), (Verdict::Unknown, Some(Blame::Shortage)), "{none:?}");
    assert_eq!(none.summary, "could not ping host: this host has no memory left");
    let forbidden = judged("", "host", vec![Err(Problem::NoRoute), Ok(Came::Forbidden)]);
    assert!(forbidden.summary.starts_with("could not ping host: the system does not let"), "{forbidden:?}");
    // The worst comes first, and its numbers are shown.
    let three = judged("", "host", vec![good(), Ok(Came::Seen(seen(5, &[9; 3]))), Ok(Came::Seen(seen(5, &[])))]);
    let words = "2 of 3 addresses of host: host (192.0.2.3) does not answer within 10 s: all 5 pings are lost; host \
                 (192.0.2.2) loses 2 of 5 pings";
    assert!(three.verdict == Verdict::Warning && three.summary.starts_with(words), "{three:?}");
    assert!(three.blame.is_none() && (three.metrics[0].value - 100.0).abs() < 1e-9, "{three:?}");
    // One that answers, if not well, shows that we are not cut off.
    let two = judged("", "host", vec![Ok(Came::Seen(seen(5, &[9]))), Ok(Came::Seen(seen(5, &[])))]);
    assert_eq!((two.verdict, two.blame), (Verdict::Failed, None), "{two:?}");
}
