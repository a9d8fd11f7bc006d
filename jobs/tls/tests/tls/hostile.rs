//! Servers that are slow, endless, broken, or none.

use crate::authority::{Authority, openssl};
use crate::server::{day, run_for, table};
use checker_job::{Outcome, Verdict};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A server that does this with each connection, on a thread that ends with the process.
fn server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(serve));
    at
}

fn run(at: SocketAddr, more: &str) -> Outcome {
    let begin = Instant::now();
    let outcome = run_for(&format!("address = \"{at}\"\n{more}"), day(10, 1, 0), Duration::from_millis(1_500));
    assert!(begin.elapsed() < Duration::from_secs(3), "{outcome:?}");
    assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
    assert!(outcome.summary.len() < 500 && !outcome.summary.contains('\n'), "{outcome:?}");
    outcome
}

/// Reads a little, says something, and waits for the end.
fn says(text: &'static [u8]) -> SocketAddr {
    server(move |mut stream| {
        drop(stream.read(&mut [0; 100]));
        drop(stream.write_all(text));
        std::thread::sleep(Duration::from_secs(3));
    })
}

#[test]
fn each_server_that_does_not_speak_tls_has_its_sentence() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (at, wanted) in [
        (closed, "refuses the connection"),
        (server(drop), "during the TLS handshake"),
        (says(b""), "does not answer during the TLS handshake within 1"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "server does not speak TLS"),
        (says(b"220 mail.example ESMTP\r\n"), "server does not speak TLS"),
        (says(&[0x16, 3, 3, 0, 4, 2, 0, 0, 0]), "server sends broken TLS"),
        (says(&[0x15, 3, 3, 0, 2, 2, 40]), "handshake refused: the server shares no cipher"),
    ] {
        let outcome = run(at, "");
        assert!(outcome.summary.contains(wanted), "{}\nwanted {wanted}", outcome.summary);
        assert!(outcome.summary.contains(&at.to_string()), "{}", outcome.summary);
    }
}

#[test]
fn a_server_that_never_ends_is_left() {
    let ways =
        ["", "starttls = \"smtp\"\n", "starttls = \"imap\"\n", "starttls = \"ldap\"\n", "starttls = \"postgres\"\n"];
    for more in ways {
        for byte in [0_u8, 0x16, b'2', b'\n'] {
            run(server(move |mut stream| while stream.write_all(&[byte; 4_096]).is_ok() {}), more);
        }
        // One byte every now and then.
        let slow = server(move |mut stream| {
            while stream.write_all(b"2").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        run(slow, more);
    }
}

#[test]
fn a_server_that_says_nothing_is_named_with_what_was_said_to_it() {
    let outcome = run(says(b""), "starttls = \"pop3\"\n");
    assert!(outcome.summary.contains(" does not answer in the talk before TLS (POP3) within 1"), "{outcome:?}");
}

#[test]
fn a_certificate_that_cannot_be_read_is_only_a_pity_if_it_is_not_the_servers_own() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let read = |name: &str| CertificateDer::from_pem_file(authority.file(name)).unwrap();
    let key = || PrivateKeyDer::from_pem_file(authority.file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![read("server.pem"), CertificateDer::from(vec![0x30; 100]), read("middle.pem")], key())
        .unwrap();
    let config = Arc::new(config);
    let at = server(move |stream| {
        let connection = rustls::ServerConnection::new(config.clone()).unwrap();
        drop(rustls::StreamOwned::new(connection, stream).read(&mut [0; 100]));
    });
    let outcome = run_for(&table(&authority, at, ""), day(10, 1, 0), Duration::from_secs(5));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let lines: Vec<&str> = outcome.detail.lines().collect();
    assert!(lines.len() == 3 && lines[1].starts_with("number 2 is not counted: it is damaged"), "{lines:?}");
}
