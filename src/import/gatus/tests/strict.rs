//! No check becomes a weaker one, and no key of a wrong shape vanishes.

use super::*;

#[test]
fn what_gatus_adds_by_itself_is_added() {
    let made = made(
        "endpoints:\n  - {name: q, url: \"https://a.example.com/graphql\", method: POST, graphql: true, body: \"{ a }\"}\n  \
         - {name: p, url: \"icmp://a.example.com\", client: {timeout: 1s}}\n",
    );
    loads(&made);
    assert_eq!(key(of(&made, "http"), "headers"), "{ \"Content-Type\" = \"application/json\" }");
    assert_eq!(key(of(&made, "ping"), "count"), "1", "five would not fit into the second");
}

#[test]
fn a_second_limit_does_not_take_the_place_of_the_first() {
    for (url, conditions, words) in [
        ("http://a.example.com", ["[RESPONSE_TIME] < 300", "[RESPONSE_TIME] < 2000"], "has set latency_critical"),
        (
            "tls://a.example.com:1",
            ["[CERTIFICATE_EXPIRATION] > 720h", "[CERTIFICATE_EXPIRATION] > 48h"],
            "has set critical",
        ),
        (
            "https://a.example.com",
            ["[CERTIFICATE_EXPIRATION] > 720h", "[CERTIFICATE_EXPIRATION] > 48h"],
            "has set critical",
        ),
        ("https://a.example.com", ["[DOMAIN_EXPIRATION] > 720h", "[DOMAIN_EXPIRATION] > 48h"], "has set critical"),
    ] {
        let made = endpoint(url, &conditions);
        has(&made, 6, words);
        assert!(made.tables.len() <= 2, "{made:#?}");
    }
}

#[test]
fn conditions_on_a_status_that_cannot_be_said_are_listed() {
    let stars = format!("[STATUS] == pat({}2)", "*".repeat(100_000));
    for (condition, words) in [
        ("[STATUS] != pat([45]*)", "this pattern cannot be said of a status"),
        (stars.as_str(), "this pattern cannot be said of a status"),
        ("[STATUS] < 0x190", "only numbers are less or greater"),
        ("[STATUS] < 4OO", "only numbers are less or greater"),
        ("len([STATUS]) == 3", "a status has no parts"),
    ] {
        has(&endpoint("http://a.example.com", &[condition]), 5, words);
    }
}

#[test]
fn patterns_match_what_they_say() {
    for (pattern_of, good, bad) in [("<html>*", "<html>x", "html"), ("a.b?!*", "a.bc!", "axbc!"), ("(*)", "(x)", "x")] {
        let Some(Pattern::Regex(regex)) = pattern(pattern_of) else { panic!("{pattern_of}") };
        let regex = regex_lite::Regex::new(&regex).unwrap();
        assert!(regex.is_match(good) && !regex.is_match(bad), "{pattern_of}: {regex}");
    }
    let regex = regex_lite::Regex::new(&crate::import::gatus::condition::one_of(&["<ok>".to_owned()])).unwrap();
    assert!(regex.is_match(" <ok>\n") && !regex.is_match("ok"), "{regex}");
}

#[test]
fn keys_of_another_shape_are_listed() {
    let made = made(
        "maintenance: {start: \"23:00\", every: monday}\nendpoints:\n  - name: x\n    url: tcp://a.example.com:1\n    \
         alerts: {type: email}\n    client: y\n  - name: z\n    url: 192.0.2.1\n    dns: y\n",
    );
    for (line, words) in
        [(1, "every is no list"), (5, "alerts is no list"), (6, "client is no map"), (9, "dns is no map")]
    {
        has(&made, line, words);
    }
}
