//! Servers that are broken, each in its own way: each has its own sentence.

use crate::support::{answer, closed_port, ok, read_head, run, run_for, says, serve};
use checker_job::{Job, Outcome, Verdict};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

const SHORT: Duration = Duration::from_millis(400);

fn failed(outcome: &Outcome, start: &str) {
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(outcome.summary.starts_with(start), "{}\nwanted {start}", outcome.summary);
}

/// Writes these pieces with 60 ms between them, and then waits for ever.
async fn dripping(pieces: &'static [&'static str]) -> crate::support::Server {
    serve(move |mut stream| async move {
        read_head(&mut stream).await;
        for piece in pieces {
            stream.write_all(piece.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await
}

#[tokio::test]
async fn refused() {
    let port = closed_port().await;
    let outcome = run(&format!("url = \"http://127.0.0.1:{port}/\"")).await;
    assert_eq!(outcome.summary, format!("could not connect: 127.0.0.1:{port} refused the connection"));
    assert!(outcome.detail.contains("connect ") && !outcome.detail.contains("first byte"), "{outcome:?}");
}

#[tokio::test]
async fn a_name_is_resolved_and_the_next_address_tried() {
    let server = says("hello").await;
    let outcome = run(&format!("url = \"http://localhost:{}/\"", server.at.port())).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert!(server.asked()[0].contains(&format!("host: localhost:{}\r\n", server.at.port())));
    let port = closed_port().await;
    let outcome = run(&format!("url = \"http://localhost:{port}/\"")).await;
    failed(&outcome, "could not connect: ");
    let outcome = run("url = \"http://localhost/\"\nip = \"4\"\nproxy = \"http://localhost:1\"").await;
    assert_eq!(outcome.verdict, Verdict::Unknown, "a proxy that is down says nothing of the target");
}

#[tokio::test]
async fn never_lets_in() {
    // A queue of one that nobody empties: the kernel drops what comes after.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let at = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for _ in 0..6 {
        waiting.push(tokio::spawn(tokio::net::TcpStream::connect(at)));
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let outcome = run_for(&format!("url = \"http://{at}/\""), SHORT).await;
    failed(&outcome, &format!("timed out connecting to {at}, after 400 ms"));
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn accepts_and_never_answers() {
    let server = dripping(&[]).await;
    let started = Instant::now();
    let outcome = run_for(&format!("url = \"{}\"", server.url("/")), SHORT).await;
    assert!(started.elapsed() < SHORT);
    failed(&outcome, "timed out waiting for the first byte, after 400 ms");
    assert!(outcome.detail.contains("connect 0.") || outcome.detail.contains("connect "), "{outcome:?}");
    let https = server.url("/").replace("http:", "https:");
    let outcome = run_for(&format!("url = \"{https}\""), SHORT).await;
    failed(&outcome, "timed out in TLS, after 400 ms");
    assert!(outcome.metrics.iter().any(|m| m.label == "time_tls" && m.value > 0.2), "{outcome:?}");
}

#[tokio::test]
async fn drips_its_header() {
    let server = dripping(&["HTTP/1.1 200", " OK\r\n", "X: y\r\n"]).await;
    let outcome = run_for(&format!("url = \"{}\"", server.url("/")), SHORT).await;
    failed(&outcome, "timed out in the header, after 23 bytes and 400 ms");
}

#[tokio::test]
async fn drips_its_body() {
    let server = dripping(&["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab", "cde"]).await;
    let outcome = run_for(&format!("url = \"{}\"", server.url("/")), SHORT).await;
    failed(&outcome, "timed out in the body, after 5 bytes and 400 ms");
    for phase in ["resolve ", "connect ", "first byte ", "body "] {
        assert!(outcome.detail.contains(phase), "{phase}: {}", outcome.detail);
    }
}

#[tokio::test]
async fn each_broken_answer_has_its_own_sentence() {
    for (text, want) in [
        ("", "closed the connection without an answer"),
        ("HTTP/1.1 200 OK\r\nX: ", "closed the connection in the header, after 20 bytes"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "answer is not HTTP"),
        ("220 mail.example.com ESMTP\r\n", "answer is not HTTP"),
        ("\u{1}\u{2}\u{3}\u{4}\r\n\r\n", "answer is not HTTP"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "closed the connection in the body, after 3 of 10 bytes"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "closed the connection in the body, after 3 bytes",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nno size\r\n",
            "the body is not HTTP, after 3 bytes",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "answer is not HTTP"),
    ] {
        let server = answer(move |_| text.to_owned()).await;
        let outcome = run(&format!("url = \"{}\"", server.url("/"))).await;
        failed(&outcome, want);
    }
}

#[tokio::test]
async fn resets() {
    let server = serve(|mut stream| async move {
        read_head(&mut stream).await;
        stream.set_zero_linger().unwrap();
    })
    .await;
    let outcome = run(&format!("url = \"{}\"", server.url("/"))).await;
    failed(&outcome, "reset the connection without an answer");
}

#[tokio::test]
async fn a_header_without_end() {
    let server = answer(|_| format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(100_000))).await;
    let outcome = run(&format!("url = \"{}\"", server.url("/"))).await;
    failed(&outcome, "the header of the answer is larger than 16 KiB");
}

#[tokio::test]
async fn a_body_without_end_is_read_to_the_limit() {
    let server = serve(|mut stream| async move {
        read_head(&mut stream).await;
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nstart").await);
        while stream.write_all(&[b'x'; 8192]).await.is_ok() {}
    })
    .await;
    let url = server.url("/");
    let outcome = run(&format!("url = \"{url}\"")).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    assert!(outcome.summary.contains("more than 10"), "{}", outcome.summary);
    let met = run(&format!("url = \"{url}\"\nbody_max = 10000\nbody_contains = \"start\"")).await;
    assert_eq!(met.verdict, Verdict::Ok, "{met:?}");
    let unmet = run(&format!("url = \"{url}\"\nbody_max = 10000\nbody_contains = \"end\"")).await;
    failed(
        &unmet,
        "body does not contain \"end\" (only its first 10000 bytes were read; it is longer: raise body_max)",
    );
}

#[tokio::test]
async fn a_body_that_ends_with_the_connection_is_whole() {
    let server = answer(|_| "HTTP/1.0 200 OK\r\n\r\nthe end".to_owned()).await;
    let outcome = run(&format!("url = \"{}\"\nbody_contains = \"the end\"", server.url("/"))).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
}

/// Thousands of runs share one thread, so each must be small.
#[tokio::test]
async fn a_run_is_small() {
    let job = crate::support::job("url = \"http://127.0.0.1:1/\"");
    let cx = crate::support::context(SHORT);
    let size = std::mem::size_of_val(&job.execute(&cx));
    assert!(size <= 4096, "a run takes {size} bytes");
    println!("a run takes {size} bytes");
}

#[tokio::test]
async fn an_unused_body_is_read_all_the_same() {
    let server = answer(|_| ok(&"x".repeat(50_000))).await;
    let outcome = run(&format!("url = \"{}\"", server.url("/"))).await;
    assert!(outcome.summary.ends_with(", 50000 bytes"), "{}", outcome.summary);
    let outcome = run(&format!("url = \"{}\"\nbody_max = 0", server.url("/"))).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
}
