//! Planted secrets, against a server that echoes all that it hears.

use crate::support::{answer, job, ok, run, secret_file};

#[tokio::test]
async fn an_echo_brings_no_secret_into_an_outcome() {
    let server = answer(|head| ok(head).replace("200 OK", "500 Oops")).await;
    let dir = tempfile::tempdir().unwrap();
    let pass = secret_file(dir.path(), "pass", "planted-pass");
    let token = secret_file(dir.path(), "token", "planted-token");
    let url = server.url("/");
    for keys in [
        format!("user = \"me\"\npass_file = {pass:?}"),
        format!("bearer_file = {token:?}"),
        "headers = { Authorization = \"Bearer planted-header\", X-Api-Key = \"planted-key\" }".to_owned(),
        "headers = { Cookie = \"planted-cookie\" }".to_owned(),
        "method = \"POST\"\nbody = \"password=planted-body\"".to_owned(),
    ] {
        let outcome = run(&format!("url = \"{url}\"\n{keys}")).await;
        let text = serde_json::to_string(&outcome).unwrap();
        assert!(text.contains("body begins") && text.contains("(hidden)"), "the echo was not seen: {text}");
        for secret in ["planted", "bWU6cGxhbnRlZC1wYXNz"] {
            assert!(!text.contains(secret), "{text}");
        }
        let heard = server.asked().pop().unwrap();
        assert!(heard.contains("planted") || heard.contains("bWU6"), "the secret was not sent: {heard}");
        assert!(!format!("{:?}", job(&format!("url = \"{url}\"\n{keys}"))).contains("planted"));
    }
}

#[tokio::test]
async fn a_json_condition_shows_no_secret_either() {
    let server = answer(|_| ok("{\"token\": \"planted-token\"}")).await;
    let dir = tempfile::tempdir().unwrap();
    let token = secret_file(dir.path(), "token", "planted-token");
    let keys = format!("bearer_file = {token:?}\njson = '$.token == \"x\"'");
    let outcome = run(&format!("url = \"{}\"\n{keys}", server.url("/"))).await;
    assert_eq!(outcome.summary, "JSON: $.token is \"(hidden)\", expected == \"x\"");
}
