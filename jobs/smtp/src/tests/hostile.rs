//! Servers that are slow, endless, broken, or none.

use super::stub::{run_for, server};
use crate::Spawner;
use checker_job::{Outcome, Verdict};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

fn run(at: SocketAddr, security: &str) -> Outcome {
    let begin = Instant::now();
    let settings = format!("address = \"{at}\"\nsecurity = \"{security}\"\n");
    let outcome = run_for(&settings, Duration::from_millis(1_500));
    assert!(begin.elapsed() < Duration::from_secs(20), "{outcome:?}");
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(outcome.summary.contains(&at.to_string()), "{outcome:?}");
    assert!(outcome.summary.len() < 500 && !outcome.summary.chars().any(char::is_control), "{outcome:?}");
    outcome
}

/// Says this, and waits until we leave, or leaves itself.
fn says(text: &'static [u8], stays: bool) -> SocketAddr {
    server(move |mut stream| {
        drop(stream.write_all(text));
        while stays && stream.read(&mut [0; 1_024]).is_ok_and(|count| count > 0) {}
    })
}

#[test]
fn each_server_that_is_none_has_its_sentence() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (at, security, wanted) in [
        (closed, "none", "refuses the connection"),
        (says(b"", true), "none", "does not answer with its greeting within 1"),
        (says(b"", true), "starttls", "before TLS (greeting, EHLO, STARTTLS) within 1"),
        (says(b"", true), "tls", "does not answer during the TLS handshake within 1"),
        (says(b"", false), "none", "closed the connection"),
        (says(b"220 hi\r\n", true), "none", "does not answer to EHLO within 1"),
        (says(b"SSH-2.0-OpenSSH\r\n", true), "none", "does not answer as SMTP does, but with \"SSH-2.0-OpenSSH\""),
        (says(b"\x15\x03\x01\x00\x02\x02\x0a\r\n", true), "none", "then security = \"tls\")"),
        (says(b"220 hi\r\n", true), "tls", "server does not speak TLS"),
        (says(b"220 hi\r\n250 hi\r\n", true), "starttls", "does not offer STARTTLS, so users would send"),
        (says(b"220 hi\r\n250-hi\r\n250 STARTTLS\r\n220 go\r\n250 and\r\n", true), "starttls", "goes on in plain text"),
        (says(b"220 hi\r\n250-hi\r\n250 STARTTLS\r\n454 no\r\n", true), "starttls", "refuses STARTTLS: \"454 no\""),
    ] {
        let outcome = run(at, security);
        assert!(outcome.summary.contains(wanted), "{}\nwanted {wanted}", outcome.summary);
    }
}

#[test]
fn a_server_that_never_ends_is_left() {
    for security in ["none", "starttls", "tls"] {
        for piece in [&[b'2'; 4_096][..], b"220-more\r\n", b"\n", &[0; 4_096], b"\x1b[31m\r"] {
            run(server(move |mut stream| while stream.write_all(piece).is_ok() {}), security);
        }
        let slow = server(move |mut stream| {
            while stream.write_all(b"2").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        run(slow, security);
    }
}

#[test]
fn a_server_that_says_too_much_is_left_before_the_time_is_over() {
    for piece in [&[b'2'; 4_096][..], b"220-more\r\n"] {
        let at = server(move |mut stream| while stream.write_all(piece).is_ok() {});
        let outcome = run_for(&format!("address = \"{at}\"\nsecurity = \"none\"\n"), Duration::from_secs(60));
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        assert!(outcome.summary.contains("says more than 64 KiB"), "{outcome:?}");
    }
}

#[test]
fn stands_fire() {
    let silent = says(b"", true);
    let broken = says(b"220 hi\r\n", false);
    checker_job::conformance::under_fire::<Spawner>(&format!(
        "[[job.smtp]]\naddress = \"{silent}\"\n[[job.smtp]]\naddress = \"{broken}\"\nsecurity = \"none\"\n"
    ));
}
