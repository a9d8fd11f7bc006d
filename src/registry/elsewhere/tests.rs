use super::*;
use crate::bundled;

fn raw(text: &str, id: Option<&str>) -> RawTable<'static> {
    let own = DeTable::parse(Box::leak(text.to_owned().into_boxed_str())).unwrap();
    RawTable {
        name: id.map(|id| format!("named {id}")),
        id: id.map(str::to_owned),
        policy: Arc::default(),
        own: Pairs::from(own.into_inner()),
        span: 0..0,
    }
}

/// Jobs and what peers would be sent, as JSON.
fn sent(kind: &str, text: &str, id: Option<&str>) -> Vec<(String, String)> {
    let all = bundled().elsewhere(kind, &raw(text, id));
    all.into_iter().map(|(job, e)| (job.to_string(), serde_json::to_string(&e.keys).unwrap())).collect()
}

fn pair(id: &str, keys: &str) -> (String, String) {
    (id.to_owned(), keys.to_owned())
}

#[test]
fn each_job_of_a_list_goes_out_with_its_own_target_alone() {
    assert_eq!(
        sent("tcp", "address = [\"a.example.com:1\", \"b.example.com:2\"]\nexpect = \"SSH\"", None),
        [
            pair("tcp:a.example.com:1", r#"{"address":"a.example.com:1","expect":"SSH"}"#),
            pair("tcp:b.example.com:2", r#"{"address":"b.example.com:2","expect":"SSH"}"#),
        ]
    );
    assert_eq!(
        sent("tcp", "address = [\"a.example.com:1\", \"b.example.com:2\"]", Some("own")),
        [
            pair("own:a.example.com:1", r#"{"address":"a.example.com:1"}"#),
            pair("own:b.example.com:2", r#"{"address":"b.example.com:2"}"#),
        ]
    );
    assert_eq!(
        sent("http", "url = \"https://www.example.com/\"\nstatus = [200, \"300-399\"]", Some("web")),
        [pair("web", r#"{"status":[200,"300-399"],"url":"https://www.example.com/"}"#)]
    );
}

#[test]
fn what_holds_secrets_or_does_more_than_look_stays_here() {
    let registry = bundled();
    for (kind, text, key) in [
        ("http", "url = \"https://www.example.com/\"\npass_file = \"/p\"", "pass_file"),
        ("http", "url = \"https://www.example.com/\"\nheaders = { A = \"b\" }", "headers"),
        ("http", "url = \"https://www.example.com/\"\nmethod = \"POST\"", "method"),
        ("http", "url = \"https://www.example.com/\"\nproxy = \"http://10.0.0.1:3128\"", "proxy"),
        ("tls", "address = \"www.example.com:443\"\nclient_key = \"/k\"", "client_key"),
        ("tcp", "address = \"mx.example.com:25\"\nsend = \"EHLO me\"", "send"),
        ("http", "url = \"https://www.example.com/\"\nbody_max = 60000000", "body_max"),
        ("ping", "address = \"www.example.com\"\nsize = 65000", "size"),
        ("smtp", "address = \"mx.example.com:25\"\nrcpt_to = \"a@example.com\"", "rcpt_to"),
    ] {
        let table = raw(text, None);
        let found = registry.obstacle(kind, &table.own);
        assert!(matches!(&found, Some(Obstacle::Key(_, name)) if name == key), "{kind} {text}: {found:?}");
        assert_eq!(registry.elsewhere(kind, &table), []);
    }
    for kind in ["command", "disk", "file", "process", "memory", "systemd", "mail", "imap", "domain", "load", "dns"] {
        assert_eq!(registry.obstacle(kind, &Pairs::default()), Some(Obstacle::Kind), "{kind}");
    }
}

fn wanted(kind: &str, keys: &str) -> Elsewhere {
    Elsewhere { kind: kind.to_owned(), keys: serde_json::from_str(keys).unwrap() }
}

#[test]
fn a_peer_makes_the_same_job_of_it() {
    let registry = bundled();
    for (kind, text) in [
        ("tcp", "address = \"a.example.com:1\"\nexpect = \"a\\\"b\\\\c\\u0001\\u007fé\""),
        ("http", "url = \"https://www.example.com/\"\nbody_matches = \"^\\\\d+$\""),
        ("tls", "address = \"www.example.com:443\"\nwarning = \"21d\"\njudge = [\"expiry\"]"),
        ("ping", "address = \"www.example.com\"\nloss_warning = \"20%\""),
        ("ssh", "address = \"www.example.com:22\"\nsoftware = \"OpenSSH\""),
        ("smtp", "address = \"mx.example.com:25\""),
    ] {
        let all = registry.elsewhere(kind, &raw(text, None));
        let [(id, elsewhere)] = all.as_slice() else { panic!("{kind} {text}: {all:?}") };
        let job = registry.look(elsewhere, Duration::from_secs(6)).unwrap();
        assert_eq!((job.id(), job.kind(), job.policy().timeout), (id, kind, Duration::from_secs(6)));
        let again: Elsewhere = serde_json::from_str(&serde_json::to_string(elsewhere).unwrap()).unwrap();
        assert_eq!(again, *elsewhere);
    }
}

#[test]
fn what_a_peer_sends_is_no_more_than_one_look() {
    let registry = bundled();
    let refused = |kind, keys| registry.look(&wanted(kind, keys), Duration::from_secs(6)).unwrap_err();
    assert!(refused("command", r#"{"command":["/bin/sh","-c","id"]}"#).contains("\"command\" are not tried here"));
    assert!(refused("file", r#"{"path":"/etc/shadow"}"#).contains("not tried here"));
    assert!(refused("http", r#"{"url":"http://a.example.com/","method":"POST"}"#).contains("\"method\""));
    assert!(refused("tls", r#"{"address":"a.example.com:1","ca_file":"/etc/shadow"}"#).contains("\"ca_file\""));
    assert_eq!(refused("tcp", r#"{"address":["a.example.com:1","b.example.com:2"]}"#), "it is not one job");
    assert!(refused("tcp", r#"{"address":{"a":1}}"#).contains("texts, numbers and lists"));
    assert!(refused("tcp", r#"{"address":null}"#).contains("texts, numbers and lists"));
    assert!(refused("tcp", r#"{"address":"a.example.com"}"#).contains("has no port"));
    assert!(refused("tcp", "{}").contains("address"));
    assert!(refused("http", r#"{"url":"http://a.example.com/\n","x = 1\nurl":"y"}"#).contains("is not known here"));
}
