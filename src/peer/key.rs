//! Ed25519 keys (RFC 8032): a node's own, and those of its peers.
//!
//! `ring` does the mathematics, as it does for TLS: one provider of cryptography in the program.

mod file;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT};
pub use file::KeyError;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use std::fmt;

/// What stands before keys and signatures in text.
const SCHEME: &str = "ed25519:";

/// Points of small order: whoever names one as a key can sign anything without a secret. Without the bit of the sign;
/// encodings that are not reduced are refused before.
const WEAK: [[u8; 32]; 5] = [
    [0; 32],
    low(1, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    // The field's order less one.
    {
        let mut point = low(0xec, 0xff);
        point[31] = 0x7f;
        point
    },
];

const fn low(first: u8, rest: u8) -> [u8; 32] {
    let mut point = [rest; 32];
    point[0] = first;
    point
}

/// The public key of a node. It is no secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Reads `ed25519:` and 32 bytes in base64, standard or URL-safe, padded or not: as `checker key` prints it, and as other
    /// programs would.
    ///
    /// # Errors
    /// A sentence without a full stop that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(encoded) = text.strip_prefix(SCHEME) else {
            return Err(format!("a key begins with {SCHEME}"));
        };
        let bare = encoded.trim_end_matches('=');
        if bare.len() != 43 || !matches!(encoded.len(), 43 | 44) {
            let has = match bare.chars().count() {
                43 => "more than one =".to_owned(),
                n => n.to_string(),
            };
            return Err(format!(
                "a key has 43 characters behind {SCHEME} (and perhaps a =), and this has {has}; it was not copied as a whole"
            ));
        }
        let standard: String = bare.chars().map(standard_letter).collect();
        let bytes = STANDARD_PAD_INDIFFERENT.decode(standard).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.ok_or_else(|| "a character of the key is wrong".to_owned()).and_then(Self::of)
    }

    /// The key of these 32 bytes.
    ///
    /// # Errors
    /// A sentence, if a key like that proves nothing: of small order, or not reduced.
    pub fn of(bytes: [u8; 32]) -> Result<Self, String> {
        let mut point = bytes;
        let [first, middle @ .., last] = &mut point;
        *last &= 0x7f;
        let unreduced = *last == 0x7f && *first >= 0xed && middle.iter().all(|b| *b == 0xff);
        if unreduced || WEAK.contains(&point) {
            return Err("this key is weak: anybody could sign for it".to_owned());
        }
        Ok(Self(bytes))
    }

    /// Its 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// All of it in hexadecimal, as it stands in what is signed.
    pub fn hex(&self) -> String {
        hex(&self.0)
    }

    /// The id of the node on the wire: the first 16 hexadecimal digits of its key.
    pub fn id(&self) -> String {
        hex(self.0.get(..8).unwrap_or_default())
    }

    /// Whether `signature` is this key's, over exactly these bytes.
    pub fn verifies(&self, signed: &[u8], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(signed, &signature.0).is_ok()
    }
}

/// A `char` of base64's second alphabet in its first one.
fn standard_letter(c: char) -> char {
    match c {
        '-' => '+',
        '_' => '/',
        c => c,
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A signature, as it stands in a header: `ed25519:` and 64 bytes in base64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Reads one. Only the padded form of the standard alphabet is one: whoever signs is a program.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(SCHEME)?).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The key pair of this node.
pub struct NodeKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl NodeKey {
    /// The pair that follows from a seed of 32 bytes, the secret of RFC 8032.
    ///
    /// # Errors
    /// A sentence, if the seed leads to no key.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, String> {
        Ed25519KeyPair::from_seed_unchecked(seed).map_err(|e| e.to_string()).and_then(Self::of)
    }

    /// A pair as it is kept: PKCS#8 version 2 (RFC 5958), which holds both halves, so that damage to either is seen.
    fn from_pkcs8(der: &[u8]) -> Result<Self, String> {
        Ed25519KeyPair::from_pkcs8(der).map_err(|e| e.to_string()).and_then(Self::of)
    }

    fn of(pair: Ed25519KeyPair) -> Result<Self, String> {
        let bytes = <[u8; 32]>::try_from(pair.public_key().as_ref()).map_err(|_| "no key of 32 bytes".to_owned())?;
        Ok(Self { public: PublicKey::of(bytes)?, pair })
    }

    /// The half that peers pin.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Signs exactly these bytes. The same bytes have the same signature.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        let mut signature = [0; 64];
        signature.iter_mut().zip(self.pair.sign(bytes).as_ref()).for_each(|(to, from)| *to = *from);
        Signature(signature)
    }
}

impl fmt::Debug for NodeKey {
    /// The public half only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NodeKey").field(&self.public).finish()
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 0xf)]).collect()
}

#[cfg(test)]
mod tests;
