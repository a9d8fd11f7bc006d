//! The way through a proxy.

use crate::support::{Server, answer, closed_port, ok, read_head, run, run_for, says, serve};
use crate::tls::{Pki, tls_server};
use checker_job::Verdict;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A proxy that tunnels `CONNECT` to where it is asked to.
async fn tunnel() -> Server {
    serve(|mut client| async move {
        let head = read_head(&mut client).await;
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let Ok(mut server) = TcpStream::connect(target).await else {
            client.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await.unwrap();
            return;
        };
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
    })
    .await
}

#[tokio::test]
async fn plain_http_is_asked_for_as_a_whole() {
    let proxy = says("from the proxy").await;
    let outcome = run(&format!(
        "url = \"http://no.such.example:81/x?y\"\nproxy = \"{}\"\nbody_contains = \"proxy\"",
        proxy.url("")
    ))
    .await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let asked = proxy.asked().remove(0);
    assert!(asked.starts_with("GET http://no.such.example:81/x?y HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("host: no.such.example:81\r\n"), "{asked}");
}

#[tokio::test]
async fn https_goes_through_a_tunnel() {
    let pki = Pki::new();
    let server = tls_server(pki.good(), |_| ok("secret page")).await;
    let proxy = tunnel().await;
    let settings = format!(
        "url = \"https://localhost:{}/\"\nca_file = {:?}\nproxy = \"{}\"\nbody_contains = \"secret page\"",
        server.at.port(),
        pki.ca_file(),
        proxy.url("")
    );
    let outcome = run(&settings).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert!(outcome.detail.contains(", proxy ") && outcome.detail.contains(", TLS "), "{}", outcome.detail);
}

#[tokio::test]
async fn a_target_that_the_proxy_cannot_reach_is_at_fault() {
    let (proxy, port) = (tunnel().await, closed_port().await);
    let outcome = run(&format!("url = \"https://127.0.0.1:{port}/\"\nproxy = \"{}\"", proxy.url(""))).await;
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert_eq!(
        outcome.summary,
        format!("the proxy {} could not connect to 127.0.0.1:{port}: 502 Bad Gateway", proxy.at)
    );
}

#[tokio::test]
async fn a_proxy_that_is_broken_says_nothing_of_the_target() {
    let closed = format!("127.0.0.1:{}", closed_port().await);
    let login = answer(|_| "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".to_owned()).await;
    let garbage = answer(|_| "SSH-2.0-x\r\n\r\n".to_owned()).await;
    let closing = answer(|_| String::new()).await;
    let endless = answer(|_| "x".repeat(10_000)).await;
    let silent = serve(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    for (at, want) in [
        (closed, "refused the connection"),
        (login.at.to_string(), "it answered 407 Proxy Authentication Required to CONNECT"),
        (garbage.at.to_string(), "its answer is not HTTP"),
        (closing.at.to_string(), "it closed the connection"),
        (endless.at.to_string(), "its answer does not end"),
        (silent.at.to_string(), "it did not answer within 400 ms"),
    ] {
        let settings = format!("url = \"https://target.example/\"\nproxy = \"http://{at}\"");
        let outcome = run_for(&settings, Duration::from_millis(400)).await;
        assert_eq!(outcome.verdict, Verdict::Unknown, "{outcome:?}");
        assert_eq!(outcome.cause, Some(format!("the proxy {at} does not let us through")));
        assert!(outcome.summary.ends_with(want), "{}\nwanted {want}", outcome.summary);
    }
}
