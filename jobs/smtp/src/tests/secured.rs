//! A scripted server with TLS, whose certificate OpenSSL has made.

use super::stub::{Script, follow, read_line, server};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

const OPENSSL: &str = "/usr/bin/openssl";

/// A certificate for `localhost` that is good for ninety days, and its key, as `own.pem` and `own.key`. `false` on a machine
/// without OpenSSL's program; in CI that is a failure.
pub(crate) fn certificate(folder: &Path) -> bool {
    if !Path::new(OPENSSL).exists() {
        assert!(std::env::var_os("CI").is_none(), "openssl is missing; run tests/install");
        println!("SKIPPED: openssl is missing; run tests/install");
        return false;
    }
    let mut command = Command::new(OPENSSL);
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "90"]);
    command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    command.args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "own.key", "-out", "own.pem"]);
    let out = command.current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    true
}

/// A server that follows `script` in TLS, which it begins by STARTTLS or from the first byte on.
pub(crate) fn secured(folder: &Path, script: Script, starttls: bool) -> SocketAddr {
    let own = CertificateDer::from_pem_file(folder.join("own.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("own.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own], key)
        .unwrap();
    let config = Arc::new(config);
    server(move |mut stream| {
        if starttls {
            for answer in ["220 stub ready\r\n", "250-stub.example\r\n250 STARTTLS\r\n", "220 go\r\n"] {
                drop(stream.write_all(answer.as_bytes()));
                if !answer.ends_with("go\r\n") && read_line(&mut stream).is_empty() {
                    return;
                }
            }
        }
        let tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
        follow(tls, &script, !starttls, &Mutex::default());
    })
}
