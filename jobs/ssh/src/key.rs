//! Host keys, and what they sign with (RFC 4253, 6.6; RFC 5656, 3; RFC 8332; RFC 8709).

use crate::end::End;
use crate::fields::Fields;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

/// The kinds of host keys that we can verify, the one that is mostly preferred first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    Ed25519,
    P256,
    P384,
    Rsa,
}

impl KeyKind {
    pub(crate) const ALL: [Self; 4] = [Self::Ed25519, Self::P256, Self::P384, Self::Rsa];

    /// As public keys name it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Ed25519 => "ssh-ed25519",
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::Rsa => "ssh-rsa",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// How such a key may sign, the best first.
    pub(crate) fn algorithms(self) -> &'static [&'static str] {
        match self {
            Self::Ed25519 => &["ssh-ed25519"],
            Self::P256 => &["ecdsa-sha2-nistp256"],
            Self::P384 => &["ecdsa-sha2-nistp384"],
            Self::Rsa => &["rsa-sha2-512", "rsa-sha2-256", SHA1],
        }
    }
}

/// The lengths of RSA keys that ring verifies.
const RSA_BITS: std::ops::RangeInclusive<usize> = 1_024..=8_192;

/// RSA with SHA-1, which is broken (RFC 8332, 1).
pub(crate) const SHA1: &str = "ssh-rsa";

/// A host key as it came from the server, which has proved that it holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostKey {
    pub(crate) kind: KeyKind,
    pub(crate) fingerprint: String,
    /// How it signed.
    pub(crate) algorithm: String,
    /// Of an RSA key: its length.
    pub(crate) bits: Option<usize>,
}

/// As OpenSSH shows it.
pub(crate) fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(digest(&SHA256, blob)))
}

/// Verifies a server's signature over `hash` by the key `blob`.
///
/// # Errors
/// [`End::Said`], [`End::Forged`] or [`End::Unverifiable`].
pub(crate) fn verified(
    kind: KeyKind,
    algorithm: &str,
    blob: &[u8],
    hash: &[u8],
    signature: &[u8],
) -> Result<HostKey, End> {
    let fingerprint = fingerprint(blob);
    let unreadable =
        || End::Said(format!("shows a host key or a signature that cannot be read ({}, {fingerprint})", kind.word()));
    let mut signed = Fields(signature);
    if signed.text() != Some(algorithm) {
        return Err(End::Said(format!("signs in another way than {algorithm}, on which it had agreed")));
    }
    let signed = signed.string().ok_or_else(unreadable)?;
    let (is_good, bits) = checked(kind, algorithm, blob, hash, signed).ok_or_else(unreadable)?;
    if let Some(bits) = bits.filter(|bits| !RSA_BITS.contains(bits)) {
        let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
        let sentence = format!("its RSA key {fingerprint} has {bits} bits, and Checker verifies {least} to {most}");
        return Err(End::Unverifiable(sentence));
    }
    if !is_good {
        return Err(End::Forged(format!(
            "shows the host key {} {fingerprint} and does not prove that it holds it: its signature is wrong. Somebody may \
             stand in between; do not log in",
            kind.word()
        )));
    }
    Ok(HostKey { kind, fingerprint, algorithm: algorithm.to_owned(), bits })
}

/// Whether the signature is right, and the length of an RSA key. `None`: key or signature cannot be read.
fn checked(
    kind: KeyKind,
    algorithm: &str,
    blob: &[u8],
    hash: &[u8],
    signature: &[u8],
) -> Option<(bool, Option<usize>)> {
    let mut key = Fields(blob);
    if key.text()? != kind.word() {
        return None;
    }
    match kind {
        KeyKind::Ed25519 => {
            Some((UnparsedPublicKey::new(&ED25519, key.string()?).verify(hash, signature).is_ok(), None))
        }
        KeyKind::P256 | KeyKind::P384 => {
            let (size, how) = match kind {
                KeyKind::P256 => (32, &ECDSA_P256_SHA256_FIXED),
                _ => (48, &ECDSA_P384_SHA384_FIXED),
            };
            let _curve = key.text()?;
            let point = key.string()?;
            let mut numbers = Fields(signature);
            let fixed = [padded(numbers.magnitude()?, size)?, padded(numbers.magnitude()?, size)?].concat();
            Some((UnparsedPublicKey::new(how, point).verify(hash, &fixed).is_ok(), None))
        }
        KeyKind::Rsa => {
            let (e, n) = (key.magnitude()?, key.magnitude()?);
            let how: &RsaParameters = match algorithm {
                "rsa-sha2-512" => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
                "rsa-sha2-256" => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                _ => &RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            };
            let signature = padded(signature, n.len())?;
            let bits = n.len() * 8 - n.first().map_or(0, |b| usize::try_from(b.leading_zeros()).unwrap_or(0));
            Some((RsaPublicKeyComponents { n, e }.verify(how, hash, &signature).is_ok(), Some(bits)))
        }
    }
}

/// With zeros before it, so that it has this size.
fn padded(number: &[u8], size: usize) -> Option<Vec<u8>> {
    let zeros = size.checked_sub(number.len())?;
    Some([vec![0; zeros].as_slice(), number].concat())
}
