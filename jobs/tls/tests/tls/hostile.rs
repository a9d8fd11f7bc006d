//! Servers that are slow, endless, broken, or none.

use crate::authority::{Authority, openssl};
use crate::server::{day, jobs, run_for, run_job, table};
use checker_job::{Outcome, Verdict};
use rustls::crypto::ring;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
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

fn read(authority: &Authority, name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(authority.file(&format!("{name}.pem"))).unwrap()
}

/// A server that shows these certificates, whether or not it holds the key of the first, and tells of each handshake.
fn with_tls(
    authority: &Authority,
    shown: Vec<CertificateDer<'static>>,
    key: &str,
    versions: &[&'static SupportedProtocolVersion],
    tell: impl Fn(Option<HandshakeKind>) + Send + 'static,
) -> SocketAddr {
    let key = PrivateKeyDer::from_pem_file(authority.file(&format!("{key}.key"))).unwrap();
    let key = CertifiedKey::new(shown, ring::sign::any_supported_type(&key).unwrap());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    let config = Arc::new(config);
    server(move |stream| {
        let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
        drop(stream.read(&mut [0; 100]));
        tell(stream.conn.handshake_kind());
    })
}

#[test]
fn who_shows_a_certificate_must_hold_its_key() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    for version in [&TLS12, &TLS13] {
        let shown = vec![read(&authority, "server"), read(&authority, "middle")];
        // Anybody has the certificate.
        let at = with_tls(&authority, shown, "root", &[version], drop);
        let outcome = run_for(&table(&authority, at, ""), day(10, 1, 0), Duration::from_secs(5));
        let wanted = format!("{at}: server does not hold the key of the certificate that it shows");
        assert_eq!((outcome.verdict, outcome.summary), (Verdict::Failed, wanted), "{version:?}");
    }
}

#[test]
fn each_run_looks_at_the_certificate_anew() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    for version in [&TLS12, &TLS13] {
        let shown = vec![read(&authority, "server"), read(&authority, "middle")];
        let (tell, told) = std::sync::mpsc::channel();
        let at = with_tls(&authority, shown, "server", &[version], move |kind| tell.send(kind).unwrap());
        let job = jobs(&table(&authority, at, "")).unwrap().remove(0);
        for run in 1..=3 {
            assert_eq!(run_job(&job, day(10, 1, 0), Duration::from_secs(5)).verdict, Verdict::Ok);
            let kind = told.recv_timeout(Duration::from_secs(5)).unwrap();
            assert_eq!(kind, Some(HandshakeKind::Full), "run {run}, {version:?}");
        }
    }
}

#[test]
fn of_endless_certificates_the_first_few_are_looked_at() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let mut shown = vec![read(&authority, "server")];
    shown.resize(30, read(&authority, "middle"));
    let at = with_tls(&authority, shown, "server", &[&TLS13], drop);
    let outcome = run_for(&table(&authority, at, ""), day(10, 1, 0), Duration::from_secs(5));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let lines: Vec<&str> = outcome.detail.lines().collect();
    assert!(lines.len() == 11 && lines[10] == "and 20 more, which are not looked at", "{lines:?}");
}

#[test]
fn a_certificate_that_cannot_be_read_is_only_a_pity_if_it_is_not_the_servers_own() {
    if openssl().is_none() {
        return;
    }
    let authority = Authority::new();
    let damaged = CertificateDer::from(vec![0x30; 100]);
    let shown = vec![read(&authority, "server"), damaged, read(&authority, "middle")];
    let at = with_tls(&authority, shown, "server", &[&TLS13], drop);
    let outcome = run_for(&table(&authority, at, ""), day(10, 1, 0), Duration::from_secs(5));
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let lines: Vec<&str> = outcome.detail.lines().collect();
    assert!(lines.len() == 3 && lines[1].starts_with("number 2 is not counted: it is damaged"), "{lines:?}");
}
