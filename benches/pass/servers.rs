//! Servers of protocols in which both sides say something. They say what a good server says, and nothing more.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

static TLS: OnceLock<TlsAcceptor> = OnceLock::new();

/// A certificate for `localhost`, and the file `ca.pem` of the authority behind it.
pub fn certify(folder: &Path) {
    let authority = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(folder.join("ca.pem"), params.self_signed(&authority).expect("a certificate").pem())
        .expect("a file");
    let issuer = Issuer::new(params, authority);
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let chain = vec![params.signed_by(&key, &issuer).expect("a certificate").der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a certificate");
    TLS.set(TlsAcceptor::from(Arc::new(config))).unwrap_or_else(|_| panic!("certified twice"));
}

/// TLS, and in it the registration of the domain that is asked for, by RDAP.
pub async fn registry(stream: TcpStream) {
    let acceptor = TLS.get().expect("a certificate");
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut head = Vec::new();
    while !head.windows(4).any(|w| w == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let body = format!(
        "{{\"objectClassName\":\"domain\",\"ldhName\":\"{name}\",\"status\":[\"active\"],\"nameservers\":[{{\"objectClassName\":\
         \"nameserver\",\"ldhName\":\"ns1.{name}\"}}],\"events\":[{{\"eventAction\":\"expiration\",\"eventDate\":\"2090-01-01T00:00:00Z\"}}]}}"
    );
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/rdap+json\r\nConnection: close\r\nContent-Length:";
    drop(stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await);
    drop(stream.shutdown().await);
}

/// SMTP that takes all mail and no text.
pub async fn smtp(stream: TcpStream) {
    let answer = |line: &str| match line.split_whitespace().next().unwrap_or_default().to_uppercase().as_str() {
        "EHLO" => "250-localhost\r\n250 8BITMIME\r\n".to_owned(),
        "QUIT" => "221 bye\r\n".to_owned(),
        _ => "250 ok\r\n".to_owned(),
    };
    lines(stream, "220 localhost ESMTP\r\n", answer, "QUIT").await;
}

/// IMAP that is asked for nothing.
pub async fn imap(stream: TcpStream) {
    let answer = |line: &str| {
        let mut words = line.split_whitespace();
        let tag = words.next().unwrap_or("*");
        let said = match words.next().unwrap_or_default().to_uppercase().as_str() {
            "CAPABILITY" => "* CAPABILITY IMAP4rev1\r\n",
            "LOGOUT" => "* BYE\r\n",
            _ => "",
        };
        format!("{said}{tag} OK done\r\n")
    };
    lines(stream, "* OK IMAP4rev1 ready\r\n", answer, "LOGOUT").await;
}

async fn lines(mut stream: TcpStream, greeting: &str, answer: impl Fn(&str) -> String, end: &str) {
    let (read, mut write) = stream.split();
    let mut read = BufReader::new(read);
    let mut said = greeting.to_owned();
    let mut line = String::new();
    while write.write_all(said.as_bytes()).await.is_ok() && !line.to_uppercase().contains(end) {
        line.clear();
        if read.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        said = answer(&line);
    }
}

/// A name server: whatever the name, its address is 192.0.2.1.
pub async fn names(socket: UdpSocket) {
    let mut buffer = [0; 512];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(answer) = buffer.get(..length).and_then(named) else { continue };
        drop(socket.send_to(&answer, from).await);
    }
}

/// The answer to a question, as RFC 1035 (4.1) writes both: the question again, and one address.
fn named(question: &[u8]) -> Option<Vec<u8>> {
    let mut end = 12;
    while *question.get(end)? != 0 {
        end += usize::from(question[end]) + 1;
    }
    let asked = question.get(..end + 5)?;
    let mut answer = asked.to_vec();
    // An answer, from who knows, with recursion; one question, one record, nothing else.
    answer[2..12].copy_from_slice(&[0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    // The name of the question, type A, class IN, for an hour, four bytes.
    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, 192, 0, 2, 1]);
    Some(answer)
}
