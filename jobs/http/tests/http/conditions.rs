//! Statuses, bodies, JSON, latency: what is judged, and what is said.

use crate::support::{answer, ok, run, says};
use checker_job::Verdict;
use std::time::Duration;

#[tokio::test]
async fn what_is_sent() {
    let server = says("hello").await;
    let url = server.url("/a?b=c#d");
    let outcome = run(&format!(
        "url = \"{url}\"\nmethod = \"put\"\nbody = \"one=1\"\nheaders = {{ X-One = \"1\", User-Agent = \"me\" }}"
    ))
    .await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert!(outcome.summary.starts_with("status 200 OK in ") && outcome.summary.ends_with(", 5 bytes"), "{outcome:?}");
    let labels: Vec<_> = outcome.metrics.iter().map(|m| (&*m.label, &*m.unit)).collect();
    assert_eq!(labels, [("time", "s"), ("time_connect", "s"), ("time_first_byte", "s"), ("size", "B")]);
    let asked = server.asked().remove(0);
    assert!(asked.starts_with("PUT /a?b=c HTTP/1.1\r\n"), "{asked}");
    for line in [
        format!("host: {}", server.at),
        "x-one: 1".to_owned(),
        "user-agent: me".to_owned(),
        "connection: close".to_owned(),
        "content-length: 5".to_owned(),
    ] {
        assert!(asked.contains(&format!("\r\n{line}\r\n")), "{line}\n{asked}");
    }
    run(&format!("url = \"{}\"\nheaders = {{ Host = \"virtual.example\" }}", server.url("/"))).await;
    let asked = server.asked().remove(1);
    assert!(asked.contains("host: virtual.example\r\n") && !asked.contains("127.0.0.1"), "{asked}");
    assert!(asked.contains("user-agent: Checker/0.1\r\n") && !asked.contains("content-length"), "{asked}");
}

#[tokio::test]
async fn statuses() {
    let server = answer(|head| {
        let status = if head.starts_with("GET /502 ") { "502 Whatever" } else { "799 Odd" };
        format!("HTTP/1.1 {status}\r\nContent-Length: 27\r\n\r\n<h1>No \u{1}\u{1b}[31m upstream</h1>\n")
    })
    .await;
    let url = server.url("/502");
    let outcome = run(&format!("url = \"{url}\"\nbody_contains = \"welcome\"\nstatus = [200, \"300-399\"]")).await;
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert_eq!(outcome.summary, "status 502 Bad Gateway, expected 200, 300-399");
    assert!(
        outcome.detail.ends_with("\nstatus 502 Bad Gateway\nbody begins: <h1>No [31m upstream</h1>"),
        "{}",
        outcome.detail
    );
    assert!(outcome.detail.contains(&format!("; address {}\n", server.at)), "{}", outcome.detail);
    let outcome = run(&format!("url = \"{url}\"\nstatus = 502")).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let outcome = run(&format!("url = \"{}\"", server.url("/"))).await;
    assert_eq!(outcome.summary, "status 799, expected 200-299");
}

#[tokio::test]
async fn bodies() {
    let server = says("{\"status\": \"ok\", \"queue\": [1, 2], \"note\": \"welcome home 7\"}").await;
    let url = server.url("/");
    let good = run(&format!(
        "url = \"{url}\"\nbody_contains = [\"welcome\", \"home\"]\nbody_not_contains = \"error\"\n\
         body_matches = \"home [0-9]\"\njson = ['$.status == \"ok\"', '$.queue.length < 3']"
    ))
    .await;
    assert_eq!(good.verdict, Verdict::Ok, "{good:?}");
    for (settings, want) in [
        ("body_contains = \"goodbye\"", "body does not contain \"goodbye\""),
        ("body_not_contains = \"home\"", "body contains \"home\", which it must not"),
        ("body_matches = \"^x\"", "body does not match \"^x\""),
        ("json = '$.queue.length < 2'", "JSON: $.queue.length is 2, expected < 2"),
        ("json = '$.status == \"down\"'", "JSON: $.status is \"ok\", expected == \"down\""),
    ] {
        let bad = run(&format!("url = \"{url}\"\n{settings}")).await;
        assert_eq!((bad.verdict, bad.summary.as_str()), (Verdict::Failed, want));
        assert!(bad.detail.contains("body begins: {\"status\""), "{}", bad.detail);
    }
    let both = run(&format!("url = \"{url}\"\nbody_contains = [\"one\", \"welcome\", \"two\"]")).await;
    assert_eq!(both.summary, "body does not contain \"one\" (and 1 more, see below)");
    assert!(both.detail.contains("\nalso: body does not contain \"two\""), "{}", both.detail);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_said_once() {
    let server = says("<html>").await;
    let outcome = run(&format!("url = \"{}\"\njson = ['$.a exists', '$.b exists']", server.url("/"))).await;
    assert!(outcome.summary.starts_with("body is not JSON: expected value"), "{}", outcome.summary);
    assert!(!outcome.detail.contains("also:"), "{}", outcome.detail);
    let packed = answer(|_| ok("x").replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n")).await;
    let outcome = run(&format!("url = \"{}\"\nbody_contains = \"y\"", packed.url("/"))).await;
    assert!(outcome.summary.contains("compressed with gzip"), "{}", outcome.summary);
}

#[tokio::test]
async fn a_head_has_no_body() {
    let server = answer(|_| "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".to_owned()).await;
    let outcome = run(&format!("url = \"{}\"\nmethod = \"HEAD\"", server.url("/"))).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
}

#[tokio::test]
async fn latency() {
    let server = answer(|_| {
        std::thread::sleep(Duration::from_millis(120));
        ok("late")
    })
    .await;
    let url = server.url("/");
    let outcome = run(&format!("url = \"{url}\"\nlatency_warning = \"50ms\"\nlatency_critical = \"4s\"")).await;
    assert_eq!(outcome.verdict, Verdict::Warning, "{outcome:?}");
    assert!(
        outcome.summary.starts_with("slow: 1") && outcome.summary.ends_with("more than 50 ms (latency_warning)"),
        "{}",
        outcome.summary
    );
    assert_eq!(outcome.metrics[0].warning.as_deref(), Some("0.05"));
    let outcome = run(&format!("url = \"{url}\"\nlatency_warning = \"50ms\"\nlatency_critical = \"100ms\"")).await;
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    let wrong = run(&format!("url = \"{url}\"\nlatency_warning = \"50ms\"\nbody_contains = \"early\"")).await;
    assert_eq!(wrong.summary, "body does not contain \"early\" (and 1 more, see below)");
    let fine = run(&format!("url = \"{url}\"\nlatency_warning = \"4s\"")).await;
    assert_eq!(fine.verdict, Verdict::Ok, "{fine:?}");
}
