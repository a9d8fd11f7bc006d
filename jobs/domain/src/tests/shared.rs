//! What the jobs of a process share: the list of servers, and patience.

use super::server::{Pki, Reply, Server, domain, json, status};
use super::*;
use std::sync::atomic::Ordering;

/// A list as IANA has it (RFC 9224, section 3), with this server for `.example` and `.co.example`.
fn list(url: &str) -> String {
    format!(
        r#"{{"description": "RDAP bootstrap file", "publication": "2026-01-07T10:11:12Z", "version": "1.0", "services": [
        [["net", "com"], ["https://rdap.invalid/"]],
        [["Example"], ["http://plain.invalid/", "{url}/top/"]],
        [["co.example"], ["{url}/co"]],
        [["plain"], ["http://plain.invalid/"]]]}}"#
    )
}

/// Runs all jobs at once, on one thread, as Checker does.
async fn all(jobs: Vec<DomainJob>, timeout: Duration) -> Vec<Outcome> {
    let running: Vec<_> =
        jobs.into_iter().map(|job| tokio::spawn(async move { run_job(&job, timeout).await })).collect();
    let mut outcomes = Vec::new();
    for run in running {
        outcomes.push(run.await.unwrap());
    }
    outcomes
}

/// Answers about whatever it is asked for, a little late.
fn well(path: &str) -> Reply {
    let name = path.rsplit('/').next().unwrap();
    Reply::Late(Duration::from_millis(5), domain(name, &[], &[("expiration", "2030-01-01T00:00:00Z")]))
}

#[tokio::test]
async fn the_list_is_read_once_and_a_server_is_asked_by_a_few_at_a_time() {
    let pki = Pki::new();
    let server = Server::start(&pki, well).await;
    let text = list(&server.url());
    let iana = Server::start(&pki, move |_| json(&text)).await;
    let names: Vec<String> = (0..60).map(|n| format!("d{n}.example")).chain(["x.co.example".to_owned()]).collect();
    let table = format!("domain = {names:?}\nca_file = {:?}", pki.ca_file());
    let jobs = jobs(&table, &format!("{}/rdap/dns.json", iana.url())).unwrap();
    let outcomes = all(jobs, Duration::from_secs(30)).await;
    assert!(outcomes.iter().all(|o| o.verdict == Verdict::Ok), "{outcomes:?}");
    assert_eq!(iana.asked(), ["/rdap/dns.json"]);
    assert_eq!(server.asked().len(), 61);
    assert!(server.asked().contains(&"/top/domain/d7.example".to_owned()), "{:?}", server.asked());
    assert!(server.asked().contains(&"/co/domain/x.co.example".to_owned()), "the longest suffix: {:?}", server.asked());
    assert_eq!(server.most.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_server_that_has_enough_is_left_alone() {
    let pki = Pki::new();
    let server = Server::start(&pki, |_| status("429 Too Many Requests", "", "")).await;
    let names: Vec<String> = (0..40).map(|n| format!("d{n}.example")).collect();
    let table = format!("domain = {names:?}\nserver = \"{}\"\nca_file = {:?}", server.url(), pki.ca_file());
    let outcomes = all(jobs(&table, registry::LIST).unwrap(), Duration::from_secs(20)).await;
    let cause = format!("the RDAP server localhost:{} limits how often it may be asked", server.port);
    assert!(outcomes.iter().all(|o| o.cause.as_ref() == Some(&cause)), "{outcomes:?}");
    // Those that were on their way.
    assert!(server.asked().len() <= 3, "{:?}", server.asked());
}

#[test]
fn a_server_is_left_alone_for_as_long_as_it_asks_within_reason() {
    let seconds = |text| registry::pause(text).as_secs();
    assert_eq!((seconds(None), seconds(Some("5")), seconds(Some("7200"))), (60, 60, 7_200));
    assert_eq!((seconds(Some("99999999999")), seconds(Some("Wed, 21 Oct 2026 07:28:00 GMT"))), (86_400, 60));
}

#[tokio::test]
async fn whoever_gets_no_turn_says_so() {
    let pki = Pki::new();
    let server = Server::start(&pki, |_| Reply::Silence).await;
    let names: Vec<String> = (0..5).map(|n| format!("d{n}.example")).collect();
    let table = format!("domain = {names:?}\nserver = \"{}\"\nca_file = {:?}", server.url(), pki.ca_file());
    let outcomes = all(jobs(&table, registry::LIST).unwrap(), Duration::from_millis(800)).await;
    let waited = outcomes.iter().filter(|o| o.summary.ends_with("and 800 ms were too short; give more timeout"));
    assert_eq!(waited.count(), 2, "{outcomes:?}");
}

#[tokio::test]
async fn a_list_that_cannot_be_had_is_asked_for_once() {
    let pki = Pki::new();
    for (reply, said) in [
        (status("500 Oops", "", ""), "answers with status 500"),
        (json("{}"), "is no list of RDAP servers"),
        (json("{\"services\": []}"), "is no list of RDAP servers"),
        (json("{\"services\": [7, []]}"), "is no list of RDAP servers"),
        (json("<html>"), "is no list of RDAP servers"),
        (Reply::Endless("HTTP/1.1 200 OK\r\n\r\n"), "answers more than an answer can be (4096 KiB)"),
    ] {
        let iana = Server::start(&pki, move |_| reply.clone()).await;
        let table = format!("domain = [\"a.example\", \"b.example\", \"c.example\"]\nca_file = {:?}", pki.ca_file());
        let outcomes = all(jobs(&table, &iana.url()).unwrap(), Duration::from_secs(20)).await;
        for outcome in &outcomes {
            assert_eq!(outcome.verdict, Verdict::Unknown);
            assert!(outcome.summary.contains("the list of RDAP servers cannot be had: "), "{outcome:?}");
            assert!(outcome.summary.contains(said), "{said}: {outcome:?}");
        }
        assert_eq!(iana.asked().len(), 1, "{said}");
    }
}

#[tokio::test]
async fn a_top_level_domain_without_a_server_says_what_to_do() {
    let pki = Pki::new();
    let text = list("https://localhost:1");
    let iana = Server::start(&pki, move |_| json(&text)).await;
    for name in ["a.de", "a.b.c.de", "a.plain"] {
        let table = format!("domain = \"{name}\"\nca_file = {:?}", pki.ca_file());
        let outcome = run_job(&jobs(&table, &iana.url()).unwrap()[0], Duration::from_secs(10)).await;
        let tld = name.rsplit('.').next().unwrap();
        assert_eq!(outcome.cause, Some(format!("no RDAP server is known for .{tld}")), "{outcome:?}");
        assert!(outcome.summary.contains("name one with the key server"), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_redirect_to_another_server_is_followed() {
    let pki = Pki::new();
    let target = Server::start(&pki, well).await;
    let to = format!("Location: https://127.0.0.1:{}/v1/domain/foo.example\r\n", target.port);
    let first = Server::start(&pki, move |_| status("302 Found", &to, "")).await;
    let table = format!("domain = \"foo.example\"\nserver = \"{}\"\nca_file = {:?}", first.url(), pki.ca_file());
    let outcome = run(&table).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert_eq!(target.asked(), ["/v1/domain/foo.example"]);
}
