//! What the job would call healthy of what a server of OpenSSL shows.

use crate::authority::{Authority, NINETY, Wanted, openssl};
use crate::clients::with_client;
use crate::server::{Server, day, jobs, run, table};
use checker_job::{Context, Job as _, Timestamp, Vacuity, Verdict};
use std::path::Path;
use std::time::Duration;

const ALL: [&str; 5] =
    ["other_certificate", "one_day_certificate", "expired_certificate", "forged_certificate", "incomplete_chain"];

fn vacuity(settings: &str, now: Timestamp) -> Vacuity {
    let job = jobs(settings).unwrap().remove(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cx = Context::new(now, Duration::from_secs(10), "run".to_owned(), Path::new("/nonexistent").into());
    runtime.block_on(job.vacuity(&cx)).unwrap()
}

/// What was made of the answer, and what of it is not noticed, each with the remedy.
fn names(vacuity: &Vacuity) -> (Vec<&str>, Vec<(&str, &str)>) {
    assert_eq!(vacuity.outcome.verdict, Verdict::Ok, "{vacuity:?}");
    let missed = vacuity.mutations.iter().filter(|m| !m.is_noticed());
    (vacuity.mutations.iter().map(|m| m.name).collect(), missed.map(|m| (m.name, &*m.remedy)).collect())
}

#[test]
fn what_is_not_judged_would_be_called_healthy() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let server = Server::start(&authority, "server", Some("middle"), &[]);
    let (host, chain, expiry) = ("add \"host\" to judge", "add \"chain\" to judge", "add \"expiry\" to judge");
    let of_chain = [("forged_certificate", chain), ("incomplete_chain", chain)];
    let of_expiry = [("one_day_certificate", expiry), ("expired_certificate", expiry)];
    let late = ("one_day_certificate", "set warning or critical to more than a day");
    for (more, missed) in [
        ("", vec![]),
        ("judge = [\"expiry\", \"host\"]\n", of_chain.to_vec()),
        ("judge = \"host\"\n", [of_expiry, of_chain].concat()),
        ("judge = \"chain\"\n", [&[("other_certificate", host)], &of_expiry[..]].concat()),
        ("judge = \"expiry\"\n", [&[("other_certificate", host)], &of_chain[..]].concat()),
        ("warning = \"20h\"\ncritical = \"2h\"\n", vec![late]),
        ("warning = \"2d\"\ncritical = \"2h\"\n", vec![]),
    ] {
        let vacuity = vacuity(&table(&authority, server.at, more), day(10, 1, 0));
        assert_eq!(names(&vacuity), (ALL.to_vec(), missed), "{more}");
        let of = format!("certificate of www.example.test at {}", server.at);
        assert!(vacuity.mutations.iter().all(|m| m.of.as_deref() == Some(&of)), "{vacuity:?}");
    }
}

#[test]
fn each_is_noticed_for_its_own_reason() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let server = Server::start(&authority, "server", Some("middle"), &[]);
    let settings = table(&authority, server.at, "");
    let vacuity = vacuity(&settings, day(10, 1, 0));
    assert_eq!(vacuity.outcome.summary, run(&settings, day(10, 1, 0)).summary);
    let said: Vec<&str> = vacuity.mutations.iter().map(|m| m.outcome.summary.as_str()).collect();
    assert_eq!(
        said[..3],
        [
            "certificate is for www.example.test, example.test, not for another-host.invalid",
            "certificate expires in 1 d, on 2026-11-30",
            "certificate expired 1 d ago, on 2026-11-30",
        ]
    );
    assert!(said[3].contains("not signed by the authority") || said[3].contains("unknown authority"), "{said:?}");
    assert!(said[4].contains("the server does not send its intermediate certificates"), "{said:?}");
}

#[test]
fn only_what_can_be_wrong_is_made_wrong() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "short", by: "middle", days: ("2026-10-01", "2026-10-03"), ..NINETY });
    authority.issue(&Wanted { name: "brief", by: "root", hosts: None, days: ("2026-01-01", "2026-10-30") });
    authority.issue(&Wanted { name: "leaf", by: "brief", ..NINETY });
    let (own, middle) = (authority.file("server.pem"), authority.file("middle.pem"));
    let more = |file: &Path| format!("server_name = \"www.example.test\"\nca_file = {file:?}\n");

    // One that lives for two days ends in a day on half of them.
    let short = Server::start(&authority, "short", Some("middle"), &[]);
    let found = vacuity(&table(&authority, short.at, ""), day(10, 1, 1));
    assert_eq!(names(&found), (vec![ALL[0], ALL[2], ALL[3], ALL[4]], vec![]));

    // Those that know the authority below the root, or the certificate itself, miss nothing.
    let server = Server::start(&authority, "server", Some("middle"), &[]);
    for file in [own, middle] {
        let found = vacuity(&format!("address = \"{}\"\n{}", server.at, more(&file)), day(10, 1, 1));
        assert_eq!(names(&found), (ALL[..4].to_vec(), vec![]), "{file:?}");
    }

    // It ends with the authority that it depends on.
    let leaf = Server::start(&authority, "leaf", Some("brief"), &[]);
    let blind = vacuity(&table(&authority, leaf.at, "warning = \"20h\"\ncritical = \"2h\"\n"), day(10, 1, 1));
    assert_eq!(names(&blind).1, [("one_day_certificate", "set warning or critical to more than a day")]);
    let said = &blind.mutations[2].outcome.summary;
    assert!(said.contains("\"brief\"") && said.contains("expired 1 d ago"), "{said}");
}

#[test]
fn the_end_of_our_own_certificate_does_not_hide_that_of_the_server() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    authority.issue(&Wanted { name: "us", by: "root", days: ("2026-07-01", "2026-10-20"), ..NINETY });
    let server = Server::start(&authority, "server", Some("middle"), &[]);
    let table = table(&authority, server.at, "warning = \"20h\"\ncritical = \"2h\"\n");
    let found = vacuity(&with_client(&authority, &table, "us"), day(10, 1, 0));
    assert_eq!(
        names(&found),
        (ALL.to_vec(), vec![("one_day_certificate", "set warning or critical to more than a day")])
    );
}

#[test]
fn a_server_that_is_not_well_gives_nothing_to_make_wrong() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let server = Server::start(&authority, "server", Some("middle"), &[]);
    let expiring = table(&authority, server.at, "");
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (settings, now) in [(expiring, day(11, 20, 0)), (table(&authority, closed, ""), day(10, 1, 0))] {
        let found = vacuity(&settings, now);
        let outcome = run(&settings, now);
        assert_eq!((found.outcome.verdict, &found.outcome.summary), (outcome.verdict, &outcome.summary));
        assert!(found.outcome.verdict != Verdict::Ok && found.mutations.is_empty(), "{found:?}");
    }
}
