//! Redirects: how far they are followed, and what is sent along.

use crate::support::{Server, answer, ok, redirect, run, secret_file};
use checker_job::Verdict;

/// `/to?STATUS&URL` redirects there; `/loop` to itself; all else is a page.
async fn redirector() -> Server {
    answer(|head| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        if path == "/loop" {
            return redirect("302 Found", "loop");
        }
        match path.strip_prefix("/to?").and_then(|rest| rest.split_once('&')) {
            Some((status, location)) => redirect(status, location),
            None => ok("page"),
        }
    })
    .await
}

#[tokio::test]
async fn on_the_same_host_they_are_followed() {
    let server = redirector().await;
    let url = server.url("/to?301&/to?302&/page?ticket=1");
    let outcome = run(&format!("url = \"{url}\"\nbody_contains = \"page\"")).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert!(
        outcome.detail.contains("\n301 from http://127") && outcome.detail.contains("\n302 from "),
        "{}",
        outcome.detail
    );
    assert!(!outcome.detail.contains("ticket"), "{}", outcome.detail);
    assert!(server.asked()[2].starts_with("GET /page?ticket=1 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn to_another_host_only_if_asked() {
    let (server, other) = (redirector().await, redirector().await);
    let elsewhere = format!("http://localhost:{}/page", other.at.port());
    let url = server.url(&format!("/to?302&{elsewhere}"));
    let outcome = run(&format!("url = \"{url}\"")).await;
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(
        outcome.summary.starts_with(&format!("redirects with status 302 to another host, {elsewhere} (not followed")),
        "{}",
        outcome.summary
    );
    assert!(other.asked().is_empty());
    let outcome = run(&format!("url = \"{url}\"\nredirects = \"follow\"")).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert_eq!(other.asked().len(), 1);
}

#[tokio::test]
async fn a_redirect_that_is_the_answer_is_judged() {
    let server = redirector().await;
    let url = server.url("/to?302&/page");
    let outcome = run(&format!("url = \"{url}\"\nredirects = \"never\"")).await;
    assert_eq!(outcome.summary, "status 302 Found, expected 200-299");
    let outcome = run(&format!("url = \"{url}\"\nstatus = [200, 302]")).await;
    assert!(outcome.summary.starts_with("status 302 Found in "), "{outcome:?}");
    assert_eq!(server.asked().len(), 2);
    let outcome = run(&format!("url = \"{}\"", server.url("/to?304&/page"))).await;
    assert_eq!(outcome.summary, "status 304 Not Modified, expected 200-299");
}

#[tokio::test]
async fn a_loop_ends() {
    let server = redirector().await;
    let outcome = run(&format!("url = \"{}\"", server.url("/loop"))).await;
    assert!(outcome.summary.starts_with("redirected more than 5 times, the last time to http://127"), "{outcome:?}");
    assert_eq!(server.asked().len(), 6);
    let outcome = run(&format!("url = \"{}\"\nredirects_max = 0", server.url("/to?301&/page"))).await;
    assert!(outcome.summary.starts_with("redirected more than 0 times"), "{outcome:?}");
}

#[tokio::test]
async fn a_redirect_to_nowhere_is_explained() {
    let server = redirector().await;
    for location in ["mailto:me@a.example", "http://u:planted@127.0.0.1/"] {
        let outcome = run(&format!("url = \"{}\"", server.url(&format!("/to?302&{location}")))).await;
        assert!(outcome.summary.starts_with("redirects with status 302 to where nobody can follow"), "{outcome:?}");
        assert!(!format!("{outcome:?}").contains("planted"), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_form_becomes_a_question() {
    let server = redirector().await;
    for (status, method) in [("303", "GET"), ("302", "GET"), ("307", "POST"), ("308", "POST")] {
        let url = server.url(&format!("/to?{status}&/page"));
        run(&format!("url = \"{url}\"\nmethod = \"POST\"\nbody = \"a=b\"")).await;
        let last = server.asked().pop().unwrap();
        assert!(last.starts_with(&format!("{method} /page ")), "{status}: {last}");
        assert_eq!(last.contains("content-length: 3\r\n"), method == "POST", "{status}: {last}");
    }
}

#[tokio::test]
async fn secrets_do_not_leave_the_host() {
    let (server, other) = (redirector().await, redirector().await);
    let dir = tempfile::tempdir().unwrap();
    let pass = secret_file(dir.path(), "pass", "planted-pass\n");
    let keys = format!(
        "redirects = \"follow\"\nuser = \"me\"\npass_file = {pass:?}\n\
         headers = {{ Cookie = \"planted-cookie\", X-Mine = \"planted-mine\", Accept = \"text/html\" }}"
    );
    let elsewhere = format!("http://localhost:{}/page", other.at.port());
    run(&format!("url = \"{}\"\n{keys}", server.url(&format!("/to?302&{elsewhere}")))).await;
    let first = server.asked().pop().unwrap();
    assert!(first.contains("authorization: Basic bWU6cGxhbnRlZC1wYXNz\r\n"), "{first}");
    assert!(first.contains("planted-cookie") && first.contains("planted-mine"), "{first}");
    let seen = other.asked().pop().unwrap();
    assert!(!seen.contains("planted") && !seen.contains("authorization"), "{seen}");
    assert!(seen.contains("accept: text/html\r\n"), "{seen}");
    // On the same host they go along.
    run(&format!("url = \"{}\"\n{keys}", server.url("/to?302&/page"))).await;
    assert!(server.asked().pop().unwrap().contains("authorization: Basic "));
    // A body that would have to be sent again is not.
    let post =
        format!("url = \"{}\"\nmethod = \"POST\"\nbody = \"x=y\"\n{keys}", server.url(&format!("/to?307&{elsewhere}")));
    let outcome = run(&post).await;
    assert!(outcome.summary.contains("would send the request body to another place"), "{outcome:?}");
    assert_eq!(other.asked().len(), 1);
}
