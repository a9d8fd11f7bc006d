//! Servers that are slow, endless, broken, or none.

use super::settings::jobs;
use crate::Spawner;
use checker_job::{Context, Job as _, Outcome, Timestamp, Verdict};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A server that does this with each connection, on a thread that ends with the process.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    at
}

/// Says this, and waits until we leave, or leaves itself.
fn says(text: &'static [u8], stays: bool) -> SocketAddr {
    server(move |mut stream| {
        drop(stream.write_all(text));
        while stays && stream.read(&mut [0; 1_024]).is_ok_and(|count| count > 0) {}
    })
}

fn run(at: SocketAddr, security: &str) -> Outcome {
    let begin = Instant::now();
    let job = jobs(&format!("address = \"{at}\"\nsecurity = \"{security}\"\n")).unwrap().remove(0);
    let scratch = std::env::temp_dir().join("checker-imap-unused");
    let cx = Context::new(Timestamp::from_secs(0), Duration::from_millis(1_500), "run".to_owned(), scratch.into());
    let outcome = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(job.execute(&cx));
    assert!(begin.elapsed() < Duration::from_secs(20), "{outcome:?}");
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(outcome.summary.contains(&at.to_string()), "{outcome:?}");
    assert!(outcome.summary.len() < 500 && !outcome.summary.chars().any(char::is_control), "{outcome:?}");
    outcome
}

#[test]
fn each_server_that_is_none_has_its_sentence() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (at, security, wanted) in [
        (closed, "none", "connection refused by 127.0.0.1"),
        (says(b"", true), "none", "silent while we waited for its greeting"),
        (says(b"", true), "starttls", "silent while we waited for its consent to TLS (STARTTLS)"),
        (says(b"", true), "tls", "silent while we waited for its TLS handshake"),
        (says(b"", false), "none", "closed the connection while we waited for its greeting"),
        (says(b"220 hi\r\n", true), "none", "does not speak IMAP"),
        (says(b"* BYE too many\r\n", true), "none", "turned us away before the login"),
        (says(b"220 hi\r\n", true), "starttls", "does not greet as IMAP does, but with \"220 hi\""),
        (says(b"* OK hi\r\na1 BAD what\r\n", true), "starttls", "refuses STARTTLS: \"BAD what\""),
        (says(b"* OK hi\r\na1 OK go\r\n* OK and\r\n", true), "starttls", "goes on in plain text after it has agreed"),
        (says(b"* OK hi\r\n", true), "tls", "server does not speak TLS"),
        (says(b"* OK hi\r\n", true), "none", "silent while we waited for its abilities"),
    ] {
        let outcome = run(at, security);
        assert!(outcome.summary.contains(wanted), "{}\nwanted {wanted}", outcome.summary);
    }
}

#[test]
fn a_server_that_never_ends_is_left() {
    for security in ["none", "starttls", "tls"] {
        for piece in [&[b'*'; 4_096][..], b"* OK more\r\n", b"\n", &[0; 4_096]] {
            run(server(move |mut stream| while stream.write_all(piece).is_ok() {}), security);
        }
        let slow = server(move |mut stream| {
            while stream.write_all(b"*").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        run(slow, security);
    }
}

#[test]
fn stands_fire() {
    let silent = says(b"", true);
    let broken = says(b"* OK hi\r\n", false);
    checker_job::conformance::under_fire::<Spawner>(&format!(
        "[[job.imap]]\naddress = \"{silent}\"\n[[job.imap]]\naddress = \"{broken}\"\nsecurity = \"none\"\n"
    ));
}
