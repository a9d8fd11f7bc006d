//! Web pages, JSON and certificates of nginx.

use super::judged;
use crate::support::binary::{Home, usual};
use crate::support::need;
use crate::support::nginx::Nginx;
use crate::support::tls::Ca;

const PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Shop</title></head><body><p>Welcome to the shop.</p></body></html>\n";
const HEALTH: &str = "{\"status\": \"ok\", \"queue\": {\"length\": 3}, \"version\": \"1.2.3\", \"uptime\": 86400}\n";
const LOGIN: &str = "<html><body><form>Who are you? <input type=\"password\" name=\"p\"></form></body></html>\n";
const PAGES: [(&str, &str); 3] = [("index.html", PAGE), ("health.json", HEALTH), ("login.html", LOGIN)];

#[test]
fn a_page_that_is_not_looked_at_may_be_any_page() {
    if !need("nginx") {
        return;
    }
    let ca = Ca::new();
    let server = Nginx::start(&PAGES, &ca.identity("localhost"));
    let home = Home::with_jobs("");
    home.write("ca.pem", &ca.pem);
    let page = format!("http://127.0.0.1:{}/", server.plain);
    let secure = format!("url = \"https://localhost:{}/\"\nca_file = \"HOME/ca.pem\"\n", server.tls);
    let at = |url: &str, keys: &str| format!("url = \"{url}\"\n{keys}");
    let moved = format!("{page}moved");
    let port = format!("address = \"127.0.0.1:{}\"", server.plain);
    let any = ["empty_body", "login_page", "wrong_answer"];
    judged(
        &home,
        &[
            ("http nothing is asked", &at(&page, ""), &any),
            ("http no error", &at(&page, "body_not_contains = \"error\""), &any),
            ("http any page", &at(&page, "body_contains = \"<html\""), &["login_page", "wrong_answer"]),
            (
                "http any status",
                &at(&page, "status = \"200-599\"\nbody_contains = \"Welcome to the shop\""),
                &["status_500"],
            ),
            (
                "http any good status",
                &at(&moved, "status = \"200-599\""),
                &["status_500", "login_page", "wrong_answer"],
            ),
            ("http over TLS", &format!("{secure}body_contains = \"Welcome to the shop\""), &["one_day_certificate"]),
            ("tcp a port", &port, &["empty_answer", "wrong_answer"]),
            (
                "tcp a web server",
                &format!("{port}\nsend = \"GET / HTTP/1.0\\r\\n\\r\\n\"\nexpect = \"HTTP/1.\""),
                &["wrong_answer"],
            ),
        ],
        &[
            ("http the page", &at(&page, "body_contains = \"Welcome to the shop\"")),
            ("http a redirect", &at(&moved, "status = 301")),
            ("http a login", &at(&format!("{page}login.html"), "body_contains = 'type=\"password\"'")),
            ("http over TLS", &format!("{secure}body_contains = \"Welcome to the shop\"")),
            ("tls its certificate", &format!("address = \"localhost:{}\"\nca_file = \"HOME/ca.pem\"", server.tls)),
            ("tcp a good answer", &format!("{port}\nsend = \"GET / HTTP/1.0\\r\\n\\r\\n\"\nexpect = \"HTTP/1.1 200\"")),
        ],
    );
}

#[test]
fn a_head_and_the_names_in_json_say_little() {
    if !need("nginx") {
        return;
    }
    let server = Nginx::start(&PAGES, &Ca::new().identity("localhost"));
    let home = Home::with_jobs("");
    let at = |path: &str, keys: &str| format!("url = \"http://127.0.0.1:{}/{path}\"\n{keys}", server.plain);
    let (head, health) =
        (|path, keys: &str| at(path, &format!("method = \"HEAD\"\n{keys}")), |keys| at("health.json", keys));
    judged(
        &home,
        &[
            ("http only the head", &head("", "status = \"100-599\""), &["status_500", "login_page", "wrong_answer"]),
            ("http a good head", &head("", ""), &["login_page", "wrong_answer"]),
            ("http the head of JSON", &head("health.json", ""), &["login_page", "wrong_answer"]),
            ("http no body", &at("none", ""), &["login_page", "wrong_answer"]),
            (
                "http a word of JSON",
                &health("body_contains = \"status\""),
                &["wrong_answer", "other_values", "truncated_json"],
            ),
            ("http half of JSON", &health("body_matches = '\"status\": \"ok\"'"), &["truncated_json"]),
            ("http its shape", &health("json = '$.status exists'"), &["wrong_answer", "other_values"]),
            ("http a name in it", &health("json = '$.queue.length exists'"), &["other_values"]),
        ],
        &[
            ("http the head of a redirect", &head("moved", "status = 301")),
            ("http that has no body", &at("none", "status = 204")),
            ("http its queue", &health("json = '$.queue.length < 100'")),
            ("http its health", &health("json = ['$.status == \"ok\"', '$.queue.length < 100']")),
        ],
    );
}

#[test]
fn people_read_what_to_set_and_programs_see_it_by_the_exit_code() {
    if !need("nginx") {
        return;
    }
    let server = Nginx::start(&PAGES, &Ca::new().identity("localhost"));
    let port = server.plain;
    let home = Home::with_jobs("");
    home.settings(&usual(&format!(
        "[[job.http]]\nname = \"shop\"\nurl = \"http://127.0.0.1:{port}/\"\n\n[[job.http]]\nname = \"health\"\nurl = \
         \"http://127.0.0.1:{port}/health.json\"\njson = '$.status == \"ok\"'\n\n[[job.http]]\nname = \"gone\"\nurl = \
         \"http://127.0.0.1:{port}/gone\"\n\n"
    )));
    let said = home.run(&["vacuity"]).ended(0).out;
    let weak =
        "shop: WEAK, would call healthy:\n    an empty body; to notice it, set body_contains, body_matches or json\n";
    assert!(said.starts_with(weak), "{said}");
    assert!(said.contains("\nhealth: notices all of 6 wrong answers\n"), "{said}");
    assert!(said.contains("\ngone: cannot be judged now, it is failed: status 404 Not Found"), "{said}");
    assert!(said.ends_with("3 jobs: 1 weak, 1 strong, 1 not known\n"), "{said}");
    home.run(&["vacuity", "--strict"]).ended(78);
    home.run(&["vacuity", "--strict", "health"]).ended(0);
    home.run(&["vacuity", "--strict", "health", "gone"]).ended(75);
    let twice = home.run(&["vacuity", "health", "health"]).ended(0).out;
    assert!(twice.ends_with("1 job: 0 weak, 1 strong, 0 not known\n"), "{twice}");
    let unknown = home.run(&["vacuity", "shopp"]).ended(64).err;
    assert!(unknown.contains("did you mean \"shop\"?"), "{unknown}");
    assert!(!home.path("checker.db").exists(), "nothing is remembered of it");
}

#[test]
fn a_certificate_that_another_job_watches_is_that_ones_affair() {
    if !need("nginx") {
        return;
    }
    let ca = Ca::new();
    let server = Nginx::start(&PAGES, &ca.identity("localhost"));
    let port = server.tls;
    let home = Home::with_jobs("");
    home.write("ca.pem", &ca.pem);
    let ca = "ca_file = \"HOME/ca.pem\"\n";
    let shop = format!(
        "[[job.http]]\nname = \"shop\"\nurl = \"https://localhost:{port}/\"\n{ca}body_contains = \"the shop\"\n\n"
    );
    let watch = |more: &str| format!("[[job.tls]]\nname = \"watch\"\naddress = \"localhost:{port}\"\n{ca}{more}\n\n");
    let asked = |tables: &str| {
        home.settings(&usual(tables));
        home.run(&["vacuity"]).ended(0).out
    };
    let alone = asked(&shop);
    let missing = format!(
        "shop: WEAK, would call healthy:\n    a certificate that ends in a day; to notice it, add a [[job.tls]] for localhost:{port}\n"
    );
    assert!(alone.starts_with(&missing), "{alone}");
    let both = asked(&format!("{shop}{}", watch("")));
    let fine = "shop: notices 5 of 6 wrong answers, and other jobs the rest\n    (a certificate that ends in a day: that is for watch)\n\
                watch: notices all of 4 wrong answers\n2 jobs: 0 weak, 2 strong, 0 not known\n";
    assert_eq!(both, fine);
    let asked_alone = home.run(&["vacuity", "shop"]).ended(0).out;
    let hint = "\nAnother job may notice what these do not: without names, all jobs are asked together.\n";
    assert!(asked_alone.starts_with("shop: WEAK") && asked_alone.ends_with(hint), "{asked_alone}");
    // One that would not notice either needs a key, and not one more beside it.
    let blind = asked(&format!("{shop}{}", watch("judge = [\"chain\"]")));
    let advice = "a certificate that ends in a day; to notice it, in the job watch: add \"expiry\" to judge";
    assert!(blind.starts_with(&format!("shop: WEAK, would call healthy:\n    {advice}\n")), "{blind}");
    assert!(!blind.contains("[[job.tls]]"), "{blind}");
    let json = home.run(&["vacuity", "--json"]).ended(0).json();
    let remedies: Vec<_> =
        json["jobs"][0]["mutations"].as_array().unwrap().iter().map(|m| m["remedy"].clone()).collect();
    assert!(remedies.contains(&"in the job watch: add \"expiry\" to judge".into()), "{json:#}");
    // It is about to tell of it, so nobody has to be told what to set.
    let told = asked(&format!("{shop}{}", watch("warning = \"9000000d\"")));
    assert!(told.contains("that is for watch)\nwatch: cannot be judged now, it is warning: "), "{told}");
    assert!(told.ends_with("2 jobs: 0 weak, 1 strong, 1 not known\n"), "{told}");
    let elsewhere =
        format!("[[job.tls]]\nname = \"watch\"\naddress = \"127.0.0.1:{port}\"\nserver_name = \"localhost\"\n{ca}\n");
    let other = asked(&format!("{shop}{elsewhere}"));
    assert!(other.contains("1 weak, 1 strong"), "another machine may show another certificate: {other}");
}
