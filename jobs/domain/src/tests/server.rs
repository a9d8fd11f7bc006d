//! An https server with a certificate of an authority of our own.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// An authority, and a server's certificate for this host.
pub(super) struct Pki {
    pub(super) folder: tempfile::TempDir,
    config: Arc<ServerConfig>,
}

impl Pki {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "an authority of our own");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, key);
        let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        std::fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
        let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], der).unwrap();
        Self { folder, config: Arc::new(config) }
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// What a server does with a question.
#[derive(Clone)]
pub(super) enum Reply {
    /// These bytes, then the end.
    Raw(Vec<u8>),
    /// A head, then bytes without end.
    Endless(&'static str),
    /// Nothing, for as long as anybody waits.
    Silence,
    /// A byte now and then.
    Drip(&'static str),
    /// The answer after some time.
    Late(Duration, String),
}

pub(super) fn status(line: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Raw(format!("HTTP/1.1 {line}\r\nContent-Length: {length}\r\n{headers}\r\n{body}").into_bytes())
}

pub(super) fn json(body: &str) -> Reply {
    status("200 OK", "Content-Type: application/rdap+json\r\n", body)
}

/// As RFC 9083 shows it in section 5.3, shortened.
pub(super) fn domain(name: &str, states: &[&str], events: &[(&str, &str)]) -> String {
    let events: Vec<String> = events
        .iter()
        .map(|(action, date)| format!("{{\"eventAction\": \"{action}\", \"eventDate\": \"{date}\"}}"))
        .collect();
    let events = events.join(", ");
    format!(
        r#"{{"rdapConformance": ["rdap_level_0"], "objectClassName": "domain", "handle": "XXXX", "ldhName": "{name}",
        "status": {states:?}, "events": [{events}], "secureDNS": {{"delegationSigned": true}},
        "entities": [
          {{"objectClassName": "entity", "handle": "ABUSE", "roles": ["abuse"]}},
          {{"objectClassName": "entity", "handle": "292", "roles": ["technical", "registrar"],
            "vcardArray": ["vcard", [["version", {{}}, "text", "4.0"], ["fn", {{}}, "text", "Joe's Names, Inc."]]]}}],
        "nameservers": [{{"objectClassName": "nameserver", "ldhName": "ns1.example.net"}}]}}"#
    )
}

pub(super) struct Server {
    pub(super) port: u16,
    /// The paths that were asked for.
    pub(super) asked: Arc<Mutex<Vec<String>>>,
    /// The most questions at the same time.
    pub(super) most: Arc<AtomicUsize>,
}

impl Server {
    pub(super) async fn start(pki: &Pki, reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, most, at_work) = (Arc::<Mutex<Vec<String>>>::default(), Arc::default(), Arc::default());
        let server = Self { port, asked: Arc::clone(&asked), most: Arc::clone(&most) };
        let (acceptor, reply) = (TlsAcceptor::from(Arc::clone(&pki.config)), Arc::new(reply));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, reply, asked) = (acceptor.clone(), Arc::clone(&reply), Arc::clone(&asked));
                let (most, at_work): (Arc<AtomicUsize>, Arc<AtomicUsize>) = (Arc::clone(&most), Arc::clone(&at_work));
                tokio::spawn(async move {
                    most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    drop(one(acceptor, stream, &*reply, &asked).await);
                    at_work.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn one(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    reply: &(dyn Fn(&str) -> Reply + Send + Sync),
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    assert!(head.contains("accept: application/rdap+json"), "{head}");
    asked.lock().unwrap().push(path.clone());
    match reply(&path) {
        Reply::Raw(bytes) => stream.write_all(&bytes).await?,
        Reply::Endless(head) => {
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(&[b' '; 8_192]).await?;
            }
        }
        Reply::Silence => std::future::pending().await,
        Reply::Drip(text) => loop {
            stream.write_all(text.as_bytes()).await?;
            stream.flush().await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        },
        Reply::Late(time, text) => {
            tokio::time::sleep(time).await;
            stream
                .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()).as_bytes())
                .await?;
        }
    }
    stream.shutdown().await
}
