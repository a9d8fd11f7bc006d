//! Handshakes in which any certificate is taken, for who judges it afterwards; and a certificate of our own.

use super::{read_certificates, read_pem};
use crate::hidden::ours_alone;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// A certificate of our own and its key, for servers that want one.
pub struct ClientIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientIdentity {
    /// Reads both from PEM files, and sees that they belong together.
    ///
    /// # Errors
    /// Whether it is the key that is wrong, and a sentence that names the file and says what to do.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, (bool, String)> {
        let chain = read_certificates(certificate, "client certificate").map_err(|why| (false, why))?;
        seen_by_us_alone(key).map_err(|why| (true, why))?;
        let pem = read_pem(key, "client key").map_err(|why| (true, why))?;
        let shown = key.display();
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
            let form = "it must be PEM, with lines BEGIN PRIVATE KEY, and not be locked by a password";
            (true, format!("the client key {shown} holds no key that can be used; {form}"))
        })?;
        let identity = Self { chain, key };
        CertifiedKey::from_der(identity.chain.clone(), identity.key.clone_key(), &ring::default_provider()).map_err(
            |why| match why {
                Error::InconsistentKeys(_) => {
                    (true, format!("the client key {shown} does not go with {}", certificate.display()))
                }
                why => (true, format!("the client key {shown} cannot be used: {why}")),
            },
        )?;
        Ok(identity)
    }

    /// Our own certificate, without those that lead to its authority.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        // `read` has found one.
        self.chain.first().unwrap_or(&NONE)
    }
}

/// Whoever can read a key can be us.
fn seen_by_us_alone(key: &Path) -> Result<(), String> {
    let meta = std::fs::metadata(key).map_err(|e| format!("cannot read the client key {}: {e}", key.display()))?;
    ours_alone(key, "client key", meta.mode())
}

static NONE: CertificateDer<'static> = CertificateDer::from_slice(&[]);

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientIdentity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

/// A configuration for handshakes that show what certificate a server has, whatever it is worth. It must never be used to
/// say anything to anybody.
///
/// # Errors
/// A sentence, if this program offers no TLS that goes with `identity`.
pub fn inspecting(identity: Option<&ClientIdentity>) -> Result<Arc<ClientConfig>, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|why| format!("no TLS version can be offered: {why}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any { provider }));
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|why| format!("it cannot be used: {why}"))?,
    };
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Takes any certificate; but whoever shows it must hold its key.
#[derive(Debug)]
struct Any {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
