mod keys;
mod strict;
mod windows;

use super::super::table::{Table, Value};
use super::condition::{Pattern, go_millis, pattern, time};
use super::*;
use crate::bundled;
use crate::settings::{self, Env};
use std::path::Path;

/// The kinds of this program.
fn kinds() -> Vec<String> {
    bundled().kinds().map(str::to_owned).collect()
}

fn made(text: &str) -> Converted {
    made_with(text, &|_| None)
}

fn made_with(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Converted {
    let kinds = kinds();
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    convert(text, env, &kinds).unwrap_or_else(|why| panic!("{why}"))
}

/// One endpoint at `url` with these conditions.
fn endpoint(url: &str, conditions: &[&str]) -> Converted {
    let conditions =
        conditions.iter().map(|c| format!("      - {}\n", serde_json::json!(c))).collect::<Vec<_>>().concat();
    made(&format!("endpoints:\n  - name: x\n    url: {url}\n    conditions:\n{conditions}"))
}

/// The real settings code takes what was made.
fn loads(made: &Converted) {
    let registry = bundled();
    let tables: Vec<String> = made.tables.iter().chain(&made.windows).map(|t| format!("{}\n", t.to_toml())).collect();
    let around = "[general]\nservername = \"a\"\nalertcontact = \"a@b.example\"\n[email]\ntransport = \"file\"\nfrom = \"a@b.example\"\n";
    let text = format!("{around}{}", tables.concat());
    let loaded = settings::load_text(Path::new("/settings.cfg"), &text, &registry, &Env::bare("/"));
    let (_, report) = loaded.unwrap_or_else(|report| panic!("{}\n{text}", report.render()));
    assert!(report.problems.is_empty(), "{}\n{text}", report.render());
}

fn of<'a>(made: &'a Converted, kind: &str) -> &'a Table {
    made.tables.iter().find(|t| t.kind == kind).unwrap_or_else(|| panic!("no {kind}: {made:#?}"))
}

fn key(table: &Table, key: &str) -> String {
    let toml = table.to_toml();
    let line = toml.lines().find_map(|l| l.strip_prefix(&format!("{key} = ")).map(str::to_owned));
    line.unwrap_or_default()
}

fn has(made: &Converted, line: usize, words: &str) {
    assert!(made.left.iter().any(|l| l.line == line && l.what.contains(words)), "{line}: {words}: {:#?}", made.left);
}

#[test]
fn a_small_configuration_is_taken_over_whole() {
    let made = made(
        "endpoints:\n  - name: front page\n    group: Shop A\n    url: https://shop.example.com/health\n    interval: 5m\n    \
         conditions:\n      - \"[STATUS] == 200\"\n      - \"[BODY].status == UP\"\n      - \"[RESPONSE_TIME] < 300\"\n    \
         alerts:\n      - type: slack\n        failure-threshold: 5\n        send-on-resolved: true\n        description: \"call Ann\"\n",
    );
    loads(&made);
    let table = of(&made, "http");
    for (name, value) in [
        ("name", "\"front page\""),
        ("id", "\"shop-a_front-page\""),
        ("host", "\"Shop A\""),
        ("url", "\"https://shop.example.com/health\""),
        ("every", "\"5min\""),
        ("status", "200"),
        ("json", "[\"$.status == \\\"UP\\\"\"]"),
        ("latency_critical", "\"300ms\""),
        ("redirects", "\"follow\""),
        ("failure_threshold", "5"),
        ("recovery_threshold", "2"),
        ("note", "\"call Ann\""),
    ] {
        assert_eq!(key(table, name), value, "{name}");
    }
    assert!(table.notes.is_empty(), "{:?}", table.notes);
    has(&made, 11, "the alert by slack goes to [general] alertcontact");
    assert_eq!(made.left.len(), 1, "{:#?}", made.left);
}

#[test]
fn statuses_are_what_all_conditions_leave() {
    for (conditions, status) in [
        (vec![], "\"100-599\""),
        (vec!["[STATUS] < 300"], "\"100-299\""),
        (vec!["[STATUS] >= 200", "[STATUS] <= 299"], "\"200-299\""),
        (vec!["[STATUS] == any(200, 429)"], "[200, 429]"),
        (vec!["[STATUS] == pat(2*)"], "\"200-299\""),
        (vec!["[STATUS] != 500"], "[\"100-499\", \"501-599\"]"),
        (vec!["200 == [STATUS]"], "200"),
        (vec!["300 > [STATUS]"], "\"100-299\""),
    ] {
        let made = endpoint("https://a.example.com", &conditions);
        loads(&made);
        assert_eq!(key(of(&made, "http"), "status"), status, "{conditions:?}");
    }
    has(&endpoint("https://a.example.com", &["[STATUS] == 200", "[STATUS] == 300"]), 2, "no status can meet all");
}

#[test]
fn bodies_are_judged_by_text_expression_and_part() {
    for (condition, name, value) in [
        ("[BODY] == pat(*<h1>Hello</h1>*)", "body_contains", r#"["<h1>Hello</h1>"]"#),
        ("[BODY] != pat(*error*)", "body_not_contains", r#"["error"]"#),
        ("[BODY] == pat(v?.*)", "body_matches", r#"["(?s)^\\s*v.\\..*\\s*$"]"#),
        ("[BODY] == ok.", "body_matches", r#"["^\\s*(?:ok\\.)\\s*$"]"#),
        ("[BODY] == any(a, b)", "body_matches", r#"["^\\s*(?:a|b)\\s*$"]"#),
        ("[BODY].data[0].id == 1", "json", r#"["$.data[0].id == 1"]"#),
        ("[BODY][1].a-b != null", "json", r#"["$[1].a-b != null"]"#),
        ("[BODY].ok == true", "json", r#"["$.ok == true"]"#),
        ("[BODY].n > 5.5", "json", r#"["$.n > 5.5"]"#),
        ("[BODY].first name == x", "json", r#"["$[\"first name\"] == \"x\""]"#),
        ("len([BODY].data) < 5", "json", r#"["$.data.length < 5"]"#),
        ("has([BODY].errors) == false", "json", r#"["$.errors missing"]"#),
        ("has([BODY].users) == true", "json", r#"["$.users exists"]"#),
        ("[BODY].name == pat(*john*)", "json", r#"["$.name contains \"john\""]"#),
        ("[BODY].id != any(1, two)", "json", r#"["$.id != 1", "$.id != \"two\""]"#),
    ] {
        let made = endpoint("https://a.example.com", &[condition]);
        loads(&made);
        assert_eq!(
            key(of(&made, "http"), name).replace("\\\\", "\\").replace("\\\"", "\""),
            value.replace("\\\\", "\\").replace("\\\"", "\""),
            "{condition}"
        );
        assert!(made.left.is_empty(), "{condition}: {:?}", made.left);
    }
}

#[test]
fn what_no_key_says_is_listed_and_noted_at_the_job() {
    for condition in [
        "[BODY].age == [BODY].id",
        "[BODY].id == any(1, 2)",
        "[BODY].name == pat(john*)",
        "[BODY] == pat([ab]*)",
        "[BODY] != x",
        "[BODY] < 5",
        "[BODY].x < many",
        "[BODY].x[y] == 1",
        "[BODY]..x == 1",
        "len([BODY]) > 8",
        "[RESPONSE_TIME] > 5",
        "[RESPONSE_TIME] < soon",
        "[IP] == 127.0.0.1",
        "[CONTEXT].x == 1",
        "[DNS_RCODE] == NOERROR",
        "[STATUS].x == 1",
        "[STATUS] < any(1, 2)",
        "[STATUS]==200",
        "nothing == nothing",
        "",
        "[DOMAIN_EXPIRATION] < 720h",
        "[CERTIFICATE_EXPIRATION] > soon",
    ] {
        let made = endpoint("https://a.example.com", &[condition]);
        loads(&made);
        has(&made, 5, "the condition ");
        assert!(of(&made, "http").notes.iter().any(|n| n.contains("less than Gatus")), "{condition}: {made:?}");
    }
}

#[test]
fn certificate_and_registration_are_jobs_of_their_own() {
    let conditions = ["[CERTIFICATE_EXPIRATION] > 48h", "[DOMAIN_EXPIRATION] > 720h", "[CONNECTED] == true"];
    let made = endpoint("https://www.shop.example.com:8443/x", &conditions);
    loads(&made);
    let tls = of(&made, "tls");
    assert_eq!(
        (key(tls, "address").as_str(), key(tls, "critical").as_str()),
        ("\"www.shop.example.com:8443\"", "\"2d\"")
    );
    let domain = of(&made, "domain");
    assert_eq!((key(domain, "domain").as_str(), key(domain, "critical").as_str()), ("\"example.com\"", "\"30d\""));
    assert_eq!(key(domain, "every"), "\"day\"");
    let uk = endpoint("https://www.shop.co.uk", &["[DOMAIN_EXPIRATION] > 1h"]);
    assert_eq!(key(of(&uk, "domain"), "domain"), "\"shop.co.uk\"");
    has(&endpoint("http://192.0.2.1", &["[DOMAIN_EXPIRATION] > 1h"]), 5, "an address has no registration");
    has(&endpoint("http://a.example.com", &["[CERTIFICATE_EXPIRATION] > 1h"]), 5, "http shows no certificate");
}

#[test]
fn each_scheme_has_its_kind() {
    let all = made(
        "endpoints:\n\
         - {name: t, url: \"tcp://127.0.0.1:6379\", body: PING, conditions: [\"[CONNECTED] == true\", \"[BODY] == pat(*PONG*)\"]}\n\
         - {name: l, url: \"tls://ldap.example.com:636\", client: {insecure: true}, conditions: [\"[CERTIFICATE_EXPIRATION] > 48h\"]}\n\
         - {name: s, url: \"starttls://smtp.example.com:587\"}\n\
         - {name: h, url: \"ssh://a.example.com:22\", ssh: {username: u, password: p}}\n\
         - {name: p, url: \"icmp://a.example.com\", conditions: [\"[RESPONSE_TIME] < 50\"], client: {network: ip4}}\n\
         - {name: d, url: \"192.0.2.53\", dns: {query-name: example.com, query-type: A}, conditions: [\"[BODY] == any(192.0.2.1, 192.0.2.2)\", \"[DNS_RCODE] == NOERROR\"]}\n",
    );
    loads(&all);
    let kinds: Vec<&str> = all.tables.iter().map(|t| t.kind).collect();
    assert_eq!(kinds, ["tcp", "tls", "tls", "ssh", "ping", "dns"]);
    for (index, wanted) in [
        (0, [("send", "\"PING\""), ("expect", "\"PONG\"")].as_slice()),
        (1, &[("judge", "[\"expiry\"]"), ("critical", "\"2d\"")]),
        (2, &[("starttls", "\"smtp\""), ("address", "\"smtp.example.com:587\"")]),
        (3, &[("address", "\"a.example.com:22\"")]),
        (4, &[("address", "\"a.example.com\""), ("rtt_critical", "\"50ms\""), ("ip", "\"4\"")]),
        (5, &[("query", "\"example.com\""), ("type", "\"A\""), ("server", "\"192.0.2.53\""), ("match", "\"any\"")]),
    ] {
        for (name, value) in wanted {
            assert_eq!(key(&all.tables[index], name), *value, "{name}");
        }
    }
    has(&all, 5, "ssh: Checker looks at a server without logging in");
}

#[test]
fn kinds_that_this_program_has_not_are_listed_with_all_their_keys() {
    let text = "endpoints:\n  - name: w\n    url: wss://user:secret@a.example.com/x?token=secret\n    interval: 1m\n  - name: p\n    url: icmp://b.example.com\n";
    let made = convert(text, &|_| None, &["http"]).unwrap();
    assert!(made.tables.is_empty());
    has(&made, 2, "w: \"wss://a.example.com\" is nothing that this program looks at");
    has(&made, 4, "of it: interval");
    has(&made, 5, "p: \"icmp://b.example.com\"");
    assert!(!made.to_toml().contains("secret"), "{}", made.to_toml());
}

#[test]
fn requests_keep_method_headers_and_body() {
    let made = made(
        "endpoints:\n  - name: q\n    url: https://a.example.com/graphql\n    method: POST\n    graphql: true\n    \
         body: \"{ users { name } }\"\n    headers:\n      Content-Type: application/json\n      X-Empty:\n    \
         client: {insecure: true, ignore-redirect: true, timeout: 5s, proxy-url: \"http://proxy.example.com:3128\", dns-resolver: x, oauth2: {a: b}}\n",
    );
    loads(&made);
    let table = of(&made, "http");
    assert_eq!(table.get("body"), Some(&Value::Text("{\"query\":\"{ users { name } }\"}".to_owned())));
    assert_eq!(key(table, "headers"), "{ \"Content-Type\" = \"application/json\" }");
    assert_eq!((key(table, "redirects"), key(table, "timeout")), ("\"never\"".to_owned(), "\"5s\"".to_owned()));
    for words in ["X-Empty has no value", "client.insecure", "client.dns-resolver", "client.oauth2"] {
        assert!(made.left.iter().any(|l| l.what.contains(words)), "{words}: {:#?}", made.left);
    }
}

#[test]
fn intervals_are_rounded_up_to_passes() {
    for (theirs, ours, noted) in [
        ("60s", "\"minute\"", false),
        ("30s", "\"minute\"", true),
        ("90s", "\"2min\"", true),
        ("1h", "\"hour\"", false),
        ("2h", "\"2h\"", false),
        ("1h30m", "\"90min\"", false),
        ("48h", "\"day\"", true),
    ] {
        let made = made(&format!("endpoints:\n  - name: x\n    url: http://a.example.com\n    interval: {theirs}\n"));
        loads(&made);
        let table = of(&made, "http");
        assert_eq!(
            (key(table, "every").as_str(), table.notes.iter().any(|n| n.contains("passes are"))),
            (ours, noted),
            "{theirs}"
        );
    }
    has(
        &made("endpoints:\n  - name: x\n    url: http://a.example.com\n    interval: often\n"),
        4,
        "\"often\" is no time",
    );
}

#[test]
fn alerts_take_the_defaults_of_their_provider() {
    let made = made(
        "alerting:\n  email:\n    to: a@example.com\n    password: hush\n    default-alert:\n      failure-threshold: 7\n      \
         success-threshold: 4\n      description: default words\n  slack: {webhook-url: \"https://hooks.example.com/hush\"}\n\
         endpoints:\n  - {name: a, url: \"http://a.example.com\", alerts: [{type: email, send-on-resolved: false}]}\n  \
         - {name: b, url: \"http://b.example.com\", alerts: [{type: slack, enabled: false}, {type: email, failure-threshold: 2, provider-override: {x: y}}]}\n  \
         - {name: c, url: \"http://c.example.com\"}\n",
    );
    loads(&made);
    let threshold = |i: usize| key(&made.tables[i], "failure_threshold");
    assert_eq!((threshold(0).as_str(), threshold(1).as_str(), threshold(2).as_str()), ("7", "2", ""));
    assert_eq!(
        (key(&made.tables[0], "recovery_threshold").as_str(), key(&made.tables[0], "note").as_str()),
        ("4", "\"default words\"")
    );
    assert!(made.tables[2].notes[0].contains("Gatus told nobody"));
    for (line, words) in [
        (2, "alerting by email"),
        (9, "alerting by slack"),
        (11, "send-on-resolved"),
        (12, "slack is switched off"),
        (12, "provider-override is not taken over"),
    ] {
        has(&made, line, words);
    }
    assert!(!made.to_toml().contains("hush"));
}

#[test]
fn what_is_beside_the_endpoints_is_listed() {
    let made = made(
        "metrics: true\nstorage: {type: sqlite}\nweb: {port: 8080}\nannouncements: []\nfuture: {x: y}\n\
         external-endpoints:\n  - {name: pushed, token: hush}\nsuites:\n  - name: login\nendpoints: []\n---\nmore: 1\n",
    );
    for (line, words) in [
        (1, "metrics is not taken over"),
        (2, "storage is not"),
        (5, "future is not"),
        (7, "external-endpoints: pushed"),
        (9, "suites: login"),
        (11, "a second document"),
    ] {
        has(&made, line, words);
    }
    assert!(made.tables.is_empty() && !made.to_toml().contains("hush"));
    for text in ["- a\n", "words\n"] {
        assert!(convert(text, &|_| None, &[]).err().unwrap().contains("it is no map"), "{text}");
    }
    for (text, words) in [("", "there is nothing in it"), ("endpoints: yes\n", "endpoints is no list")] {
        assert!(self::made(text).left.iter().any(|l| l.what.contains(words)), "{text}");
    }
}

#[test]
fn anchors_switched_off_endpoints_and_variables() {
    let text = "default: &default\n  group: core\n  interval: 2m\n  conditions: [\"[STATUS] == 200\"]\n\
                endpoints:\n  - <<: *default\n    name: one\n    url: https://${DOMAIN}/\n  - <<: *default\n    name: two\n    \
                enabled: false\n    url: https://b.example.com\n    headers: {Authorization: \"Bearer ${TOKEN}\"}\n";
    let made = made_with(text, &|name| (name == "DOMAIN").then(|| "a.example.com".to_owned()));
    loads(&made);
    assert_eq!(key(&made.tables[0], "url"), "\"https://a.example.com/\"");
    assert_eq!(
        (key(&made.tables[0], "host").as_str(), key(&made.tables[0], "every").as_str()),
        ("\"core\"", "\"2min\"")
    );
    assert_eq!((key(&made.tables[0], "enabled").as_str(), key(&made.tables[1], "enabled").as_str()), ("", "false"));
    has(&made, 8, "$DOMAIN was replaced");
    has(&made, 13, "$TOKEN is not set here");
    has(&made, 1, "default is not taken over");
    let unset = self::made("endpoints:\n  - {name: a, url: \"https://a.example.com/$KEY\"}\n");
    assert_eq!(key(&unset.tables[0], "enabled"), "false", "it would ask for the wrong thing");
}

#[test]
fn no_text_of_a_file_becomes_a_setting() {
    let evil = "x\"\n[[job.command]]\ncommand = [\"/bin/false\"]\n# \u{2028}";
    let text = format!(
        "{0}: 1\nendpoints:\n  - name: {0}\n    url: https://a.example.com\n    {0}: 1\n    conditions: [{0}]\n",
        serde_json::json!(evil)
    );
    let made = made(&text);
    let toml: toml::Table = made.to_toml().parse().unwrap();
    let kinds: Vec<&String> = toml["job"].as_table().unwrap().keys().collect();
    assert_eq!(kinds, ["http"]);
    assert_eq!(toml["job"]["http"][0]["name"].as_str(), Some(evil));
}

#[test]
fn times_and_patterns() {
    for (text, millis) in [
        ("1h30m", Some(5_400_000)),
        ("1.5s", Some(1_500)),
        ("300ms", Some(300)),
        ("5", None),
        ("", None),
        ("1y", None),
        ("1e9h", None),
    ] {
        assert_eq!(go_millis(text), millis, "{text}");
    }
    for (millis, text) in [(300, "300ms"), (60_000, "1min"), (172_800_000, "2d"), (0, "0ms"), (1_500, "1500ms")] {
        assert_eq!(time(millis), text);
    }
    assert_eq!(pattern("***"), Some(Pattern::All));
    assert_eq!(pattern("*a*b*"), Some(Pattern::Regex("(?s)^\\s*.*a.*b.*\\s*$".to_owned())));
    assert_eq!(pattern("a[b]"), None);
}
