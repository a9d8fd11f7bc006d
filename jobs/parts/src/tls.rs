//! TLS for every part that asks a server: whom we trust, and what went wrong in words.
//!
//! A [`Trust`] is made once for each distinct policy and shared by all jobs that have it. The system's certificates are
//! read when the first handshake needs them, once in a process: a pass without a TLS target never pays for them. When
//! they are missing the fault is ours, never the target's: [`Fault::cause`] says so.
//!
//! Sessions are never resumed. A resumed session does not look at the certificate again, and a watchdog has to.

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock};

mod inspect;
mod mutate;
mod trusts;
mod words;

pub use inspect::{ClientIdentity, inspecting};
pub use mutate::{SHORT_LIVED, certificate_of};
pub use trusts::Trusts;
pub use words::{Fault, is_tls_error};

/// The cause of every outcome that could not be judged because this host has no CA certificates.
pub const NO_SYSTEM_ROOTS: &str = "no system CA certificates";

/// A CA file larger than this is no CA file.
const CA_FILE_MAX: u64 = 8 << 20;

static SYSTEM: OnceLock<RootCertStore> = OnceLock::new();

/// Whom we trust, and which protocols we offer: one value for each distinct policy.
pub struct Trust {
    own: Vec<CertificateDer<'static>>,
    alpn: Vec<Vec<u8>>,
    ready: OnceLock<Ready>,
}

struct Ready {
    config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
    verifier: Arc<WebPkiServerVerifier>,
    with_system: bool,
}

impl Trust {
    /// Trusts the system's CA certificates. `alpn` lists the protocols to offer, such as `b"http/1.1"`; it may be empty.
    pub fn system(alpn: &[&[u8]]) -> Self {
        Self { own: Vec::new(), alpn: alpn.iter().map(|p| p.to_vec()).collect(), ready: OnceLock::new() }
    }

    /// Trusts the certificates of a PEM file, in addition to the system's. Reads the file now.
    ///
    /// # Errors
    /// A sentence that names the file and says what to do.
    pub fn with_ca_file(path: &Path, alpn: &[&[u8]]) -> Result<Self, String> {
        let mut trust = Self::system(alpn);
        trust.own = read_ca_file(path)?;
        Ok(trust)
    }

    /// The configuration for handshakes; made at the first call, and then shared.
    ///
    /// # Errors
    /// A [`Fault`] of ours, with cause [`NO_SYSTEM_ROOTS`], if there is no CA certificate to judge by. The next call
    /// tries again.
    pub fn config(&self) -> Result<Arc<ClientConfig>, Fault> {
        self.ready().map(|ready| ready.config.clone())
    }

    /// The authorities that are trusted, for who judges a certificate without a handshake.
    ///
    /// # Errors
    /// As [`Trust::config`].
    pub fn roots(&self) -> Result<Arc<RootCertStore>, Fault> {
        self.ready().map(|ready| ready.roots.clone())
    }

    /// The certificates of the CA file.
    pub fn own(&self) -> &[CertificateDer<'static>] {
        &self.own
    }

    /// The authorities that are trusted besides these of the CA file.
    pub fn roots_without(&self, some: &[&CertificateDer<'_>]) -> RootCertStore {
        let mut roots = system_roots().cloned().unwrap_or_else(|_| RootCertStore::empty());
        roots.add_parsable_certificates(self.own.iter().filter(|own| !some.contains(own)).cloned());
        roots
    }

    /// Whether the CA file holds this very certificate. Whoever names that of a server itself there trusts it.
    pub fn names(&self, certificate: &CertificateDer<'_>) -> bool {
        self.own.iter().any(|own| own == certificate)
    }

    fn ready(&self) -> Result<&Ready, Fault> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let ready = self.make()?;
        Ok(self.ready.get_or_init(|| ready))
    }

    fn make(&self) -> Result<Ready, Fault> {
        let mut roots = RootCertStore::empty();
        let with_system = match system_roots() {
            Ok(system) => {
                roots.clone_from(system);
                true
            }
            Err(fault) if self.own.is_empty() => return Err(fault),
            Err(_) => false,
        };
        roots.add_parsable_certificates(self.own.iter().cloned());
        let roots = Arc::new(roots);
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|e| Fault::of_target(format!("no certificate can be judged: {e}")))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| Fault::of_target(format!("no TLS version can be offered: {e}")))?
            .with_webpki_verifier(verifier.clone())
            .with_no_client_auth();
        config.alpn_protocols.clone_from(&self.alpn);
        config.resumption = Resumption::disabled();
        Ok(Ready { config: Arc::new(config), roots, verifier, with_system })
    }

    /// Words an error of a handshake, or of a later read or write, with the server called `name`. Takes a broken
    /// connection too. An unknown authority is our fault if the system's certificates are missing.
    pub fn explain(&self, error: &std::io::Error, name: &str) -> Fault {
        let without_system = self.ready.get().is_some_and(|r| !r.with_system);
        words::of_io(error, name, without_system)
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("own_certificates", &self.own.len()).finish_non_exhaustive()
    }
}

/// The name that a certificate must carry: a host name, or an IP address with or without brackets.
///
/// # Errors
/// A sentence, if `host` is neither.
pub fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(ServerName::IpAddress(ip.into()));
    }
    // A name may end in a dot in the settings, but never does in a certificate.
    ServerName::try_from(host.trim_end_matches('.').to_owned())
        .map_err(|_| format!("\"{host}\" is no host name that a certificate can carry"))
}

/// The system's certificates, or why there are none. A failure is not remembered: someone may be mending it.
fn system_roots() -> Result<&'static RootCertStore, Fault> {
    if let Some(roots) = SYSTEM.get() {
        return Ok(roots);
    }
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let why = loaded.errors.first().map_or_else(String::new, |e| format!(" ({e})"));
        return Err(Fault::of_ours(
            NO_SYSTEM_ROOTS,
            format!(
                "this host has no CA certificates to judge by{why}; install the package ca-certificates, or set \
                 SSL_CERT_FILE or ca_file"
            ),
        ));
    }
    Ok(SYSTEM.get_or_init(|| roots))
}

/// The bytes of a file; `what` is what it should be.
fn read_pem(path: &Path, what: &str) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let size = std::fs::metadata(path).map_err(|e| format!("cannot read the {what} {shown}: {e}"))?.len();
    if size > CA_FILE_MAX {
        return Err(format!("the {what} {shown} is larger than 8 MiB; name a PEM file"));
    }
    std::fs::read(path).map_err(|e| format!("cannot read the {what} {shown}: {e}"))
}

fn read_certificates(path: &Path, what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let (pem, shown) = (read_pem(path, what)?, path.display());
    let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("the {what} {shown} is damaged: {e}"))?;
    if found.is_empty() {
        return Err(format!("the {what} {shown} holds no certificate; it must be PEM, with lines BEGIN CERTIFICATE"));
    }
    Ok(found)
}

fn read_ca_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let found = read_certificates(path, "CA file")?;
    for certificate in &found {
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|e| format!("the CA file {shown} holds a certificate that cannot be used: {e}"))?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
