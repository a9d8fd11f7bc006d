use super::*;
use std::os::unix::fs::PermissionsExt;

fn table(text: &str) -> Table<Settings> {
    Table { name: None, id: None, policy: Arc::default(), settings: toml::from_str(text).unwrap() }
}

fn errors(text: &str) -> Vec<(String, String)> {
    match spawn(&[table(text)]) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|e| (e.key.unwrap_or_default(), e.message)).collect(),
    }
}

#[test]
fn conforms() {
    checker_job::conformance::check::<crate::Spawner>();
}

/// Every key of `Settings` stands in the example, and every key of the example is known: a commented key is tried too.
#[test]
fn the_example_shows_every_key() {
    let example = include_str!("../../example.toml");
    let shown: std::collections::BTreeSet<&str> = example
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
        .map(|(key, _)| key)
        .filter(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect();
    let unknown = toml::from_str::<Settings>("no_such_key = 1").unwrap_err().to_string();
    let (_, known) = unknown.split_once("expected one of").unwrap();
    let known: std::collections::BTreeSet<&str> = known.split('`').skip(1).step_by(2).collect();
    assert_eq!(shown, known);
    assert!(known.len() > 15, "{known:?}");
}

#[test]
fn a_list_of_urls_makes_one_job_each() {
    let jobs = spawn(&[
        table("url = [\"http://a.example\", \"http://b.example/x\"]"),
        table("url = \"https://A.example:443/\""),
    ])
    .unwrap();
    let ids: Vec<_> = jobs.iter().map(|j| j.id.as_str()).collect();
    assert_eq!(ids, ["http:http://a.example/", "http:http://b.example/x", "http:https://a.example/"]);
    assert!(Arc::ptr_eq(&jobs[0].plan.trust, &jobs[2].plan.trust), "one policy, one configuration");
}

/// Settings, the key at fault, and a part of the sentence.
const WRONG: &[(&str, &str, &str)] = &[
    ("url = []", "url", "name at least one URL"),
    ("url = \"a.example\"", "url", "must start with http:// or https://"),
    ("url = [\"http://a.example\", \"http://a.example/\"]", "url", "stands in the list twice"),
    ("url = \"https://-a-.example/\"", "url", "no host name that a certificate can carry"),
    ("url = \"http://a\"\nmethod = \"GET IT\"", "method", "use GET, HEAD, POST"),
    ("url = \"http://a\"\nmethod = \"connect\"", "method", "is no method to ask with"),
    ("url = \"http://a\"\nmethod = \"HEAD\"\nbody_contains = \"x\"", "method", "use GET"),
    ("url = \"http://a\"\nbody = \"x\"", "body", "set method"),
    ("url = \"http://a\"\nheaders = { \"X y\" = \"1\" }", "headers", "is no name of a header"),
    ("url = \"http://a\"\nheaders = { X-A = \"1\\r\\nX-B: 2\" }", "headers", "holds a line break"),
    ("url = \"http://a\"\nheaders = { Connection = \"x\" }", "headers", "belongs to Checker"),
    ("url = \"http://a\"\nbody_matches = \"(\"", "body_matches", "is no regular expression"),
    ("url = \"http://a\"\nbody_contains = \"\"", "body_contains", "; write what is looked for"),
    ("url = \"http://a\"\njson = \"status == 1\"", "json", "a path starts with $"),
    (
        "url = \"http://a\"\nbody_max = 0\njson = \"$ exists\"",
        "body_max",
        "; take the key out, or write how many bytes",
    ),
    ("url = \"http://a\"\nbody_max = 99999999999", "body_max", "; write a smaller number"),
    ("url = \"http://a\"\nlatency_warning = \"2\"", "latency_warning", "write it as \"10s\""),
    (
        "url = \"http://a\"\nlatency_warning = \"3s\"\nlatency_critical = \"2s\"",
        "latency_warning",
        "; write less, or a longer",
    ),
    ("url = \"http://a\"\nlatency_critical = \"0s\"", "latency_critical", "; take the key out"),
    ("url = \"http://a\"\nredirects = \"some\"", "redirects", "use same_host, follow or never"),
    ("url = \"http://a\"\nca_file = \"/nonexistent.pem\"", "ca_file", "/nonexistent.pem: No such file"),
    ("url = \"http://a\"\nuser = \"me\"", "user", "; set pass_file"),
    ("url = \"http://a\"\npass_file = \"/x\"", "pass_file", "; set user"),
    ("url = \"http://a\"\nuser = \"me\"\npass_file = \"/nonexistent\"", "pass_file", "No such file"),
    ("url = \"http://a\"\nuser = \"me\"\nbearer_file = \"/x\"", "bearer_file", "either"),
    ("url = \"http://a\"\nproxy = \"a:1\"", "proxy", "must start with"),
    ("url = \"http://a\"\naddress = \"b.example\"", "address", "is no IP address"),
    ("url = \"http://a\"\naddress = \"::1\"\nproxy = \"http://p\"", "address", "leave one"),
    ("url = \"http://a\"\nip = \"5\"", "ip", "use \"any\", \"4\" or \"6\""),
    ("url = \"http://[::1]/\"\nip = \"4\"", "ip", "is of the other family; take ip out"),
];

#[test]
fn every_wrong_key_is_named_with_what_to_do() {
    for &(text, key, want) in WRONG {
        let found = errors(text);
        assert!(
            found.len() == 1 && found[0].0 == key && found[0].1.contains(want),
            "{text}\nwanted {key}: {want}\nfound {found:?}"
        );
    }
}

#[test]
fn all_problems_of_all_tables_come_at_once() {
    let tables = vec![
        table("url = \"x\"\nip = \"5\"\nredirects = \"some\""),
        table("url = \"http://a\""),
        table("url = \"http://b\"\njson = [\"a\", \"b\"]"),
    ];
    let errors = spawn(&tables).unwrap_err();
    let places: Vec<_> = errors.iter().map(|e| (e.table, e.key.as_deref().unwrap())).collect();
    assert_eq!(places, [(0, "url"), (0, "ip"), (0, "redirects"), (2, "json"), (2, "json")]);
}

#[test]
fn a_planted_secret_is_in_no_error_and_no_debug() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    std::fs::write(&file, "planted-pass").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let text = format!(
        "url = [\"http://me:planted-url@a.example/\", \"http://a.example/\"]\nmethod = \"POST\"\nuser = \"me\"\n\
         pass_file = {file:?}\nbody = \"planted-body\"\nproxy = \"http://u:planted-proxy@p\"\n\
         headers = {{ X-Key = \"planted-header\\n\" }}"
    );
    let table = table(&text);
    // The settings' own Debug may show the wrong URL as it was typed: the user has to find it. Nothing else.
    let debug = format!("{table:?}").replace("me:planted-url@", "");
    assert!(!debug.contains("planted"), "{debug}");
    let errors = spawn(&[table]).unwrap_err();
    assert_eq!(errors.len(), 4, "{errors:?}");
    assert!(!format!("{errors:?}").contains("planted"), "{errors:?}");
}

#[test]
fn stands_fire() {
    use std::io::{Read, Write};
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            let mut request = [0; 1_024];
            // Whoever was dropped in the middle asks nothing.
            if stream.read(&mut request).is_ok_and(|n| n > 0) {
                drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"));
            }
        }
    });
    checker_job::conformance::under_fire::<crate::Spawner>(&format!("[[job.http]]\nurl = \"http://{address}/\"\n"));
}
