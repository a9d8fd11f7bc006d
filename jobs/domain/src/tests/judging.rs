//! What a registry says, judged.

use super::server::{Pki, Server, domain, json, status};
use super::*;
use crate::judge::{Limits, judge};
use crate::registration::Registration;

const DAY: Duration = Duration::from_secs(86_400);

fn said(states: &[&str], expires: Option<Timestamp>) -> Registration {
    let registrar = Some("Joe's Names".to_owned());
    Registration { states: states.iter().map(|&s| s.to_owned()).collect(), expires, registrar }
}

fn judged(states: &[&str], expires: Option<Timestamp>) -> (Verdict, String) {
    let limits = Limits { warning: 30 * DAY, critical: 7 * DAY };
    let outcome = judge("foo.example", "rdap.example", &said(states, expires), &limits, now()).unwrap();
    (outcome.verdict, outcome.summary)
}

#[test]
fn the_end_has_two_degrees() {
    let at = |days: u32| Some(now().plus(days * DAY));
    assert_eq!(
        judged(&["active"], at(30)),
        (Verdict::Ok, "foo.example is registered until 2026-12-29, for another 30 d, registrar Joe's Names".to_owned())
    );
    let soon =
        "the registration of foo.example ends in 7 d, on 2026-12-06, less than 30 d ahead; renew it with Joe's Names";
    assert_eq!(judged(&[], at(7)), (Verdict::Warning, soon.to_owned()));
    let hurry =
        "the registration of foo.example ends in 2 d, on 2026-12-01, less than 7 d ahead; renew it with Joe's Names";
    assert_eq!(judged(&[], at(2)), (Verdict::Failed, hurry.to_owned()));
    let late = "the registration of foo.example ended 5 d ago, on 2026-11-24; renew it with Joe's Names at once";
    assert_eq!(judged(&[], Some(now().minus(5 * DAY))), (Verdict::Failed, late.to_owned()));
    assert_eq!(judged(&[], at(0)).0, Verdict::Failed);
    let outcome = judge(
        "foo.example",
        "r",
        &Registration { registrar: None, ..said(&["locked"], at(3)) },
        &Limits { warning: 30 * DAY, critical: DAY },
        now(),
    );
    let outcome = outcome.unwrap();
    assert!(outcome.summary.ends_with("less than 30 d ahead; renew it"), "{outcome:?}");
    assert_eq!(outcome.detail, "status: locked");
    let metric = &outcome.metrics[0];
    assert_eq!((metric.label.as_ref(), metric.value.to_string().as_str()), ("left", "259200"));
    assert_eq!((metric.warning.as_deref(), metric.critical.as_deref()), (Some("2592000:"), Some("86400:")));
}

#[test]
fn bad_states_are_failures_with_their_meaning() {
    let far = Some(now().plus(300 * DAY));
    for (state, words) in [
        ("pending delete", "will be deleted within days"),
        ("redemption period", "has been deleted, and only its registrar can still get it back"),
        ("pending restore", "was deleted and is being restored"),
        ("client hold", "is taken out of DNS by its registrar"),
        ("server hold", "is taken out of DNS by the registry"),
    ] {
        let (verdict, sentence) = judged(&["client transfer prohibited", state], far);
        assert_eq!(verdict, Verdict::Failed, "{state}");
        let (start, end) = (format!("foo.example {words}"), format!(" ({state})"));
        assert!(sentence.starts_with(&start) && sentence.ends_with(&end), "{sentence}");
    }
    assert_eq!(judged(&["inactive"], far).0, Verdict::Warning);
    let (verdict, both) = judged(&["inactive", "server hold"], Some(now().plus(20 * DAY)));
    assert_eq!(verdict, Verdict::Failed);
    assert!(both.starts_with("foo.example is taken out of DNS") && both.contains("; the registration of"), "{both}");
    assert_eq!(judged(&["active", "auto renew period", "server delete prohibited", "new state"], far).0, Verdict::Ok);
    assert_eq!(judged(&["client hold"], None).0, Verdict::Failed, "whether an end is known or not");
}

#[tokio::test]
async fn answers_of_all_forms_are_read() {
    let pki = Pki::new();
    let with = async |states: &'static [&str], events: &'static [(&str, &str)]| {
        // Servers write the name as they like.
        let server = Server::start(&pki, move |_| json(&domain("FOO.example.", states, events))).await;
        run(&format!("domain = \"Foo.Example.\"\nserver = \"{}/rdap\"\nca_file = {:?}", server.url(), pki.ca_file()))
            .await
    };
    for (events, until) in [
        (&[("registration", "1997-01-01T00:00:00Z"), ("expiration", "2027-03-04T05:06:07Z")][..], "2027-03-04"),
        (&[("Expiration", "2027-03-04T23:00:00.123-05:00")], "2027-03-05"),
        (&[("expiration", "2027-03-04T05:06:07")], "2027-03-04"),
        (&[("expiration", "2027-03-04")], "2027-03-04"),
        (&[("registrar expiration", "2028-01-01T00:00:00Z")], "2028-01-01"),
        (&[("registrar expiration", "2028-01-01T00:00:00Z"), ("expiration", "2027-02-01T00:00:00Z")], "2027-02-01"),
        // Renewed by the registry, and not by who has it.
        (&[("registrar expiration", "2027-02-01T00:00:00Z"), ("expiration", "2028-02-01T00:00:00Z")], "2027-02-01"),
    ] {
        let outcome = with(&["active"], events).await;
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
        assert!(outcome.summary.starts_with(&format!("foo.example is registered until {until}, ")), "{outcome:?}");
        assert!(outcome.summary.ends_with(", registrar Joe's Names, Inc."), "{outcome:?}");
    }
    for state in [&["Client  Hold"], &["clientHold"], &["client_hold"], &["CLIENT HOLD"]] {
        let held = with(state, &[("expiration", "2027-03-04T05:06:07Z")]).await;
        assert_eq!(held.verdict, Verdict::Failed, "{held:?}");
    }
}

#[tokio::test]
async fn what_is_not_registered_is_a_failure() {
    let pki = Pki::new();
    for (body, headers) in [
        ("", ""),
        ("{\"errorCode\": 404}", "Content-Type: Application/RDAP+json; charset=utf-8\r\n"),
        ("{}", "Content-Type: application/rdap+json\r\n"),
        ("{\"errorCode\": 404, \"title\": \"Not Found\"}", "Content-Type: application/json\r\n"),
    ] {
        let server = Server::start(&pki, move |_| status("404 Not Found", headers, body)).await;
        let table = format!("server = \"{}\"\nca_file = {:?}\ndomain = ", server.url(), pki.ca_file());
        let outcome = run(&format!("{table}\"foo.example\"")).await;
        let said =
            format!("foo.example is not registered, says localhost:{}: anybody may register it now", server.port);
        assert_eq!((outcome.verdict, outcome.summary), (Verdict::Failed, said));
        let outcome = run(&format!("{table}\"www.foo.example\"")).await;
        assert_eq!(outcome.verdict, Verdict::Failed);
        assert!(outcome.summary.contains(": write it as it is registered, without www and the like"), "{outcome:?}");
        assert_eq!(server.asked(), ["/domain/foo.example", "/domain/www.foo.example"]);
    }
}
