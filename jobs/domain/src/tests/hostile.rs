//! Servers that do not do what they should: nothing of that is a failure of the domain.

use super::server::{Pki, Reply, Server, domain, json, status};
use super::*;

const NAME: &str = "foo.example";

async fn with(
    pki: &Pki,
    timeout: Duration,
    reply: impl Fn(&str) -> Reply + Send + Sync + 'static,
) -> (Outcome, String) {
    let server = Server::start(pki, reply).await;
    let table = format!("domain = \"{NAME}\"\nserver = \"{}\"\nca_file = {:?}", server.url(), pki.ca_file());
    let outcome = run_job(&jobs(&table, registry::LIST).unwrap()[0], timeout).await;
    assert!(outcome.blame.is_none(), "{outcome:?}");
    (outcome, format!("localhost:{}", server.port))
}

#[tokio::test]
async fn each_wrong_answer_has_its_own_sentence() {
    let pki = Pki::new();
    let html = "Content-Type: text/html\r\n";
    for (reply, said) in [
        (json("{"), "what SERVER answers is not RDAP"),
        (json("[1, 2]"), "what SERVER answers is not RDAP"),
        (json(&"[".repeat(100_000)), "what SERVER answers is not RDAP"),
        (json("{\"objectClassName\": \"entity\", \"ldhName\": \"foo.example\"}"), "what SERVER answers is not RDAP"),
        (json(&domain("other.example", &[], &[])), "SERVER answers about \"other.example\" and not about foo.example"),
        (json("{\"objectClassName\": \"domain\"}"), "SERVER answers about \"\" and not about foo.example"),
        (
            json(&domain(NAME, &["active"], &[("registration", "2020-01-01T00:00:00Z")])),
            "registrar Joe's Names, Inc., but the RDAP server SERVER does not say when domains expire",
        ),
        (json(&domain(NAME, &[], &[("expiration", "soon")])), "does not say when domains expire"),
        (status("429 Too Many", "Retry-After: 7200\r\n", ""), "SERVER limits how often it may be asked (status 429)"),
        (status("429 Too Many", "Retry-After: 7200\r\n", ""), "or less often, next after 2 h"),
        (status("500 Oops", "", ""), "the RDAP server SERVER is out of order (status 500)"),
        (status("503 Busy", "", ""), "the RDAP server SERVER is out of order (status 503)"),
        (status("403 No", "", ""), "the RDAP server SERVER refuses to answer (status 403)"),
        (status("400 What", "", ""), "the RDAP server SERVER answers with status 400"),
        (
            status("404 Not Found", html, "<h1>"),
            "SERVER has no RDAP at this address (status 404, and what it says is no answer of RDAP)",
        ),
        // What web servers and frameworks say of an address that they do not know.
        (
            status("404 Not Found", "Content-Type: text/plain\r\n", "404 page not found\n"),
            "SERVER has no RDAP at this address",
        ),
        (
            status("404 Not Found", "Content-Type: application/json\r\n", "{\"detail\": \"Not Found\"}"),
            "SERVER has no RDAP at this address",
        ),
        (status("302 Found", "", ""), "redirects to where nobody can follow"),
        (status("302 Found", "Location: http://localhost/\r\n", ""), "is not https; what a plain answer says"),
        (status("302 Found", "Location: /again\r\n", ""), "redirects without end (more than 5 times"),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{".to_vec()), "breaks off its answer after 1 bytes"),
        (Reply::Raw(b"SSH-2.0-x\r\n".to_vec()), "does not answer as HTTP wants it"),
        (Reply::Raw(Vec::new()), "does not answer as HTTP wants it"),
        (Reply::Endless("HTTP/1.1 200 OK\r\n\r\n"), "answers more than an answer can be (1024 KiB)"),
        (Reply::Endless("HTTP/1.1 200 OK\r\nX: "), "does not answer as HTTP wants it"),
    ] {
        let (outcome, server) = with(&pki, Duration::from_secs(10), move |_| reply.clone()).await;
        let said = said.replace("SERVER", &server);
        assert_eq!(outcome.verdict, Verdict::Unknown, "{said}: {outcome:?}");
        assert!(outcome.summary.starts_with("foo.example could not be looked up: "), "{outcome:?}");
        assert!(outcome.summary.contains(&said), "wanted {said}: {outcome:?}");
        assert!(outcome.summary.len() < 400 && outcome.detail.len() < 4_096, "{outcome:?}");
        let cause = outcome.cause.unwrap();
        assert!(!cause.contains("foo") && cause.contains(&server), "alike for all domains: {cause}");
    }
}

#[tokio::test]
async fn a_loop_of_redirects_costs_little() {
    let pki = Pki::new();
    let server = Server::start(&pki, |path| status("307 Away", &format!("Location: {path}x\r\n"), "")).await;
    let table = format!("domain = \"{NAME}\"\nserver = \"{}\"\nca_file = {:?}", server.url(), pki.ca_file());
    assert_eq!(run(&table).await.verdict, Verdict::Unknown);
    assert_eq!(server.asked().len(), 6, "{:?}", server.asked());
}

#[tokio::test]
async fn slow_ones_end_with_the_time() {
    let pki = Pki::new();
    // Time enough to come so far on a busy machine.
    let of = |reply: Reply| with(&pki, Duration::from_secs(3), move |_| reply.clone());
    let (a, b, c) = tokio::join!(of(Reply::Silence), of(Reply::Drip("H")), of(Reply::Drip("HTTP/1.1 200 OK\r\nX-")));
    for (outcome, server) in [a, b, c] {
        assert_eq!(outcome.cause, Some(format!("the RDAP server {server} is silent")), "{outcome:?}");
        assert!(outcome.summary.ends_with("does not finish its answer within 3 s"), "{outcome:?}");
    }
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let table = format!("domain = \"{NAME}\"\nserver = \"https://{at}/\"\nca_file = {:?}", pki.ca_file());
    let outcome = run_job(&jobs(&table, registry::LIST).unwrap()[0], Duration::from_millis(700)).await;
    assert!(outcome.summary.ends_with("takes a connection, and then no TLS comes about within 700 ms"), "{outcome:?}");
    drop(silent);
    let outcome = run(&table).await;
    assert_eq!(outcome.cause, Some(format!("the RDAP server {at} cannot be reached")));
    assert!(outcome.summary.ends_with(&format!("{at} refuses the connection")), "{outcome:?}");
}

#[tokio::test]
async fn whom_nobody_vouches_for_is_not_believed() {
    let (pki, other) = (Pki::new(), Pki::new());
    let server = Server::start(&pki, |_| json(&domain(NAME, &[], &[("expiration", "2030-01-01T00:00:00Z")]))).await;
    let table = format!("domain = \"{NAME}\"\nserver = \"{}\"\nca_file = {:?}", server.url(), other.ca_file());
    let outcome = run(&table).await;
    assert_eq!(outcome.verdict, Verdict::Unknown);
    assert!(server.asked().is_empty(), "{outcome:?}");
    // By another name than the one in its certificate.
    let table =
        format!("domain = \"{NAME}\"\nserver = \"https://127.0.0.2:{}/\"\nca_file = {:?}", server.port, pki.ca_file());
    assert_eq!(run(&table).await.verdict, Verdict::Unknown);
    let table = format!("domain = \"{NAME}\"\nserver = \"https://no-such-name.invalid/\"");
    let nowhere = run_job(&jobs(&table, registry::LIST).unwrap()[0], Duration::from_secs(2)).await;
    let none = "the RDAP server no-such-name.invalid has no address";
    let cause = nowhere.cause.as_deref().unwrap_or_default();
    assert!(cause == none || cause == checker_parts::net::NO_RESOLVER, "{nowhere:?}");
    assert_eq!(nowhere.verdict, Verdict::Unknown, "that a server has no name says nothing of the domain");
}
