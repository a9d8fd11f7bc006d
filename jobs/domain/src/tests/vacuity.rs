//! Which wrong answers of a registry would be called healthy.

use super::server::{Pki, Server, domain, json};
use super::*;
use checker_job::Mutation;

const NAMES: [&str; 6] = ["gone", "empty_answer", "wrong_answer", "one_day_registration", "expired", "on_hold"];
const YEARS: [(&str, &str); 2] =
    [("expiration", "2030-01-01T00:00:00Z"), ("registrar expiration", "2029-01-01T00:00:00Z")];

/// What is made of the domain that this registry has, with these keys.
async fn vacuity(states: &[&str], events: &[(&str, &str)], keys: &str) -> Vacuity {
    let pki = Pki::new();
    let body = domain("foo.example", states, events);
    let server = Server::start(&pki, move |_| json(&body)).await;
    let (port, ca_file) = (server.port, pki.ca_file());
    let table =
        format!("domain = \"foo.example\"\nserver = \"https://localhost:{port}\"\nca_file = {ca_file:?}\n{keys}");
    let job = jobs(&table, registry::LIST).unwrap().remove(0);
    job.vacuity(&context(Duration::from_secs(10))).await.unwrap()
}

/// The names of those that are not noticed; each must have been tried.
async fn unnoticed(keys: &str) -> Vec<&'static str> {
    let Vacuity { outcome, mutations, .. } = vacuity(&["active"], &YEARS, keys).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{keys} {outcome:?}");
    let said = "foo.example is registered until 2029-01-01, for another 764 d, registrar Joe's Names, Inc.";
    assert_eq!(outcome.summary, said);
    assert_eq!(mutations.iter().map(|m| m.name).collect::<Vec<_>>(), NAMES);
    let said = |name: &str| &mutations.iter().find(|m| m.name == name).unwrap().outcome.summary;
    assert!(
        said("expired").starts_with("the registration of foo.example ended 1 d ago, on 2026-11-28"),
        "{mutations:?}"
    );
    assert!(said("gone").starts_with("foo.example is not registered, says localhost"), "{mutations:?}");
    mutations.iter().filter(|m| !m.is_noticed()).map(|m| m.name).collect()
}

/// The kind's own limits do; only such that somebody sets are blind.
#[tokio::test]
async fn limits_of_a_day_and_less_are_too_late() {
    assert_eq!(unnoticed("").await, [""; 0]);
    assert_eq!(unnoticed("warning = \"2d\"\ncritical = \"1h\"").await, [""; 0]);
    assert_eq!(unnoticed("warning = \"1d\"\ncritical = \"1h\"").await, ["one_day_registration"]);
}

#[tokio::test]
async fn what_is_not_healthy_is_not_made_wrong() {
    let soon = [("expiration", "2026-12-10T00:00:00Z")];
    for (states, events, verdict) in [
        (&["active"][..], &soon[..], Verdict::Warning),
        (&["pending delete"], &YEARS, Verdict::Failed),
        (&["active"], &[], Verdict::Unknown),
    ] {
        let Vacuity { outcome, mutations, .. } = vacuity(states, events, "").await;
        assert_eq!((outcome.verdict, mutations), (verdict, Vec::<Mutation>::new()));
    }
}
