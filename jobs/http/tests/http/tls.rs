//! TLS: good, and broken in each way that has a sentence of its own.

use crate::support::{Server, answer, ok, read_head, run, serve};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker_job::Verdict;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    /// Certificate and key as a server reads them.
    pub(crate) fn pem(&self) -> (String, String) {
        let der = STANDARD.encode(&self.certificate);
        let lines: Vec<&str> = der.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let body = lines.join("\n");
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        (pem, self.key.serialize_pem())
    }
}

/// An authority of our own, and its file.
pub(crate) struct Pki {
    dir: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::named("our own authority")
    }

    fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        Self { dir, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// For these names, valid in these years.
    pub(crate) fn issue(&self, names: &[&str], years: (i32, i32)) -> Identity {
        let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 2);
        params.not_after = date_time_ymd(years.1, 1, 2);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Identity { certificate, key }
    }

    /// The authority's own certificate, as a self-signed server shows it.
    fn issuer_itself(&self) -> Identity {
        let pem = std::fs::read(self.ca_file()).unwrap();
        let key = KeyPair::from_pem(&self.issuer.key().serialize_pem()).unwrap();
        let certificate = CertificateDer::from_pem_slice(&pem).unwrap();
        Identity { certificate, key }
    }

    pub(crate) fn good(&self) -> Identity {
        self.issue(&["localhost", "127.0.0.1"], (2020, 2200))
    }
}

fn config(identity: &Identity) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![identity.certificate.clone()],
            PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap(),
        )
        .unwrap()
}

/// Answers over TLS and closes the connection without the end that TLS has for it, as many servers do.
pub(crate) async fn tls_server(identity: Identity, answer: fn(&str) -> String) -> Server {
    with_config(config(&identity), answer).await
}

async fn with_config(config: ServerConfig, answer: fn(&str) -> String) -> Server {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let head = read_head(&mut stream).await;
            drop(stream.write_all(answer(&head).as_bytes()).await);
            drop(stream.flush().await);
        }
    })
    .await
}

async fn ask(pki: &Pki, server: &Server, host: &str, more: &str) -> checker_job::Outcome {
    let port = server.at.port();
    run(&format!("url = \"https://{host}:{port}/\"\nca_file = {:?}\n{more}", pki.ca_file())).await
}

#[tokio::test]
async fn an_own_authority_is_trusted() {
    let pki = Pki::new();
    let server = tls_server(pki.good(), |_| ok("hello")).await;
    for host in ["localhost", "127.0.0.1"] {
        let outcome = ask(&pki, &server, host, "body_contains = \"hello\"").await;
        assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
        assert!(outcome.detail.is_empty() || outcome.detail.contains(", TLS "), "{}", outcome.detail);
        assert!(outcome.metrics.iter().any(|m| m.label == "time_tls"), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_fixed_address_keeps_the_name() {
    let pki = Pki::new();
    let server = tls_server(pki.issue(&["www.example.com"], (2020, 2200)), ok).await;
    let more = "address = \"127.0.0.1\"\nbody_contains = \"host: www.example.com\"";
    let outcome = ask(&pki, &server, "www.example.com", more).await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
}

#[tokio::test]
async fn a_body_without_tls_end() {
    let pki = Pki::new();
    let server = tls_server(pki.good(), |_| "HTTP/1.1 200 OK\r\n\r\nwhole".to_owned()).await;
    let outcome = ask(&pki, &server, "localhost", "body_contains = \"whole\"").await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let short = tls_server(pki.good(), |_| ok("short").replace(": 5", ": 50")).await;
    let outcome = ask(&pki, &short, "localhost", "").await;
    assert_eq!(outcome.summary, "closed the connection in the body, after 5 of 50 bytes");
}

#[tokio::test]
async fn each_wrong_certificate_has_its_own_sentence() {
    let pki = Pki::new();
    for (names, years, want) in [
        (["localhost"], (2019, 2020), "certificate expired on 2020-01-02"),
        (["localhost"], (2190, 2200), "certificate not yet valid: it starts on 2190-01-02"),
        (["other.example"], (2020, 2200), "certificate is for other.example, not for localhost"),
    ] {
        let server = tls_server(pki.issue(&names, years), ok).await;
        let outcome = ask(&pki, &server, "localhost", "").await;
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        assert!(outcome.summary.starts_with(want), "{}\nwanted {want}", outcome.summary);
    }
    for (name, want) in [
        ("a stranger", "certificate is signed by an unknown authority (own CA? set ca_file"),
        ("our own authority", "certificate is not signed by the authority that it names (an own CA made anew?"),
    ] {
        let server = tls_server(Pki::named(name).good(), ok).await;
        let outcome = ask(&pki, &server, "localhost", "").await;
        assert!(outcome.summary.starts_with(want), "{outcome:?}");
    }
    let own = Pki::new();
    let ca = own.issuer_itself();
    let server = tls_server(ca, ok).await;
    let outcome = ask(&own, &server, "localhost", "").await;
    assert!(outcome.summary.starts_with("certificate is that of an authority itself"), "{outcome:?}");
}

#[tokio::test]
async fn a_server_without_tls() {
    let pki = Pki::new();
    for (text, want) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "server does not speak TLS"),
        ("220 mail.example.com ESMTP\r\n", "server does not speak TLS"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "server does not speak TLS"),
        ("", "the server closed the connection during the TLS handshake"),
    ] {
        let server = serve(move |mut stream| async move {
            drop(stream.write_all(text.as_bytes()).await);
            let mut hello = [0; 4096];
            drop(stream.read(&mut hello).await);
        })
        .await;
        let outcome = ask(&pki, &server, "127.0.0.1", "").await;
        assert_eq!((outcome.verdict, outcome.summary.as_str()), (Verdict::Failed, want), "{text}");
    }
}

#[tokio::test]
async fn a_plain_question_to_a_tls_server() {
    let pki = Pki::new();
    let server = tls_server(pki.good(), ok).await;
    let outcome = run(&format!("url = \"{}\"", server.url("/"))).await;
    assert!(outcome.summary.starts_with("answer is not HTTP"), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_says_so_after_the_handshake() {
    let pki = Pki::new();
    let identity = pki.good();
    let provider = Arc::new(ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity.certificate.clone()).unwrap();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![identity.certificate.clone()],
            PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap(),
        )
        .unwrap();
    let server = with_config(config, ok).await;
    let outcome = ask(&pki, &server, "localhost", "").await;
    assert_eq!(outcome.summary, "handshake refused: the server wants a client certificate");
}

#[tokio::test]
async fn an_upgrade_to_https_on_the_same_host_is_followed() {
    let pki = Pki::new();
    let secure = tls_server(pki.good(), |_| ok("secure")).await;
    let to = format!("https://localhost:{}/", secure.at.port());
    let plain = answer(move |_| crate::support::redirect("301 Moved", &to)).await;
    let outcome = run(&format!(
        "url = \"http://localhost:{}/\"\nca_file = {:?}\nbody_contains = \"secure\"",
        plain.at.port(),
        pki.ca_file()
    ))
    .await;
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
}
