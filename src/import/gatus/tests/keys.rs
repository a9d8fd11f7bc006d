//! No key of an endpoint vanishes.

use super::*;
use proptest::prelude::*;

const KEYS: [&str; 20] = [
    "name",
    "group",
    "url",
    "method",
    "interval",
    "graphql",
    "body",
    "headers",
    "dns",
    "ssh",
    "alerts",
    "client",
    "ui",
    "enabled",
    "conditions",
    "extra-labels",
    "maintenance-windows",
    "store",
    "always-run",
    "unheard-of",
];

/// What these keys become in a table.
fn became(key: &str) -> &'static [&'static str] {
    match key {
        "name" => &["name"],
        "group" => &["host"],
        "url" => &["url", "address", "server"],
        "method" => &["method"],
        "interval" => &["every"],
        "body" | "graphql" => &["body", "send"],
        "headers" => &["headers"],
        "dns" => &["query"],
        "alerts" => &["failure_threshold"],
        "client" => &["timeout"],
        "enabled" => &["enabled"],
        "conditions" => &["latency_critical", "expect", "rtt_critical", "critical"],
        _ => &[],
    }
}

fn value(key: &str) -> String {
    match key {
        "name" => "some name".to_owned(),
        "interval" => "7m".to_owned(),
        "graphql" => "true".to_owned(),
        "enabled" => "false".to_owned(),
        "headers" => "{A: b}".to_owned(),
        "dns" => "{query-name: a.example.com, query-type: A}".to_owned(),
        "ssh" => "{username: u}".to_owned(),
        "alerts" => "[{type: email}]".to_owned(),
        "client" => "{timeout: 3s}".to_owned(),
        "conditions" => "[\"[RESPONSE_TIME] < 100\"]".to_owned(),
        other => format!("some {other}"),
    }
}

proptest! {
    /// Each key of an endpoint is in its table, or is listed with its line.
    #[test]
    fn no_key_vanishes(
        scheme in prop::sample::select(vec!["https", "tcp", "tls", "starttls", "ssh", "icmp", "ws", "udp", ""]),
        chosen in prop::collection::vec(prop::sample::select(KEYS.to_vec()), 0..14),
    ) {
        let mut keys: Vec<&str> = vec!["name", "url"];
        keys.extend(chosen);
        let mut seen = Vec::new();
        let mut text = "endpoints:\n  -\n".to_owned();
        for key in keys {
            if !seen.contains(&key) {
                let value = if key == "url" { format!("\"{scheme}://a.example.com:99\"") } else { value(key) };
                text.extend(["    ", key, ": ", &value, "\n"]);
                seen.push(key);
            }
        }
        let made = made(&text);
        for (line, key) in (3..).zip(&seen) {
            let listed = made.left.iter().any(|l| l.line == line);
            let kept = made.tables.iter().any(|t| became(key).iter().any(|k| t.get(k).is_some()));
            prop_assert!(listed || kept, "{} of\n{}\n{}", key, text, made.to_toml());
        }
        prop_assert!(made.to_toml().parse::<toml::Table>().is_ok());
    }

    #[test]
    fn no_text_makes_it_panic(text in "(endpoints:\n)?([ ]{0,4}(- )?(name|url|alerts|client|conditions|interval|dns): [a-z0-9:/\\[\\]=<>() .*&{}\"-]{0,20}\n){0,8}") {
        drop(convert(&text, &|_| None, &["http", "tcp", "dns"]));
    }
}
