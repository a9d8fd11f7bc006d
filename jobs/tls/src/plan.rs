//! What one table asks for, ready to use.

use crate::certificate::Certificate;
use checker_parts::starttls::Protocol;
use checker_parts::tls::Trust;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::sync::Arc;
use std::time::Duration;

/// How little may be left of a certificate's life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) time: Option<Duration>,
    /// A part of the whole life, in percent.
    pub(crate) part: Option<u32>,
}

impl Left {
    /// For a certificate with such a life: whatever comes later.
    pub(crate) fn of(&self, life: Duration) -> Duration {
        let part = self.part.map(|percent| life / 100 * percent);
        self.time.into_iter().chain(part).min().unwrap_or_default()
    }
}

/// The host that is asked for, and that must stand in the certificate.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: ServerName<'static>,
    /// The same, for sentences.
    pub(crate) shown: String,
}

/// What all jobs of a table share.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) starttls: Option<Protocol>,
    pub(crate) warning: Left,
    pub(crate) critical: Left,
    pub(crate) expiry: bool,
    pub(crate) chain: bool,
    pub(crate) host: bool,
    pub(crate) trust: Arc<Trust>,
    /// The certificates of the CA file.
    pub(crate) anchors: Arc<[Certificate]>,
    /// For handshakes, in which any certificate is taken: it is judged afterwards.
    pub(crate) config: Arc<ClientConfig>,
    /// Our own certificate.
    pub(crate) client: Option<Certificate>,
}
