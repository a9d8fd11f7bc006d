//! Exactly which bytes are signed, and the headers that carry a signature. Pure, but for [`Nonce::fresh`].
//!
//! What is signed is a few lines of text, each ended by a line feed, in a fixed order. Each field has an alphabet without a
//! line feed and, but for the path, a fixed length or a limit, so none can slide into another. The first line says what kind
//! of text it is and its version: a signature of a request is never one of an answer.

use super::key::{NodeKey, PublicKey, Signature, hex};
use hyper::http::{HeaderMap, HeaderName, HeaderValue};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fmt;
use std::io;

/// Where the status is asked for, and pushed to.
pub const STATUS_PATH: &str = "/v1/status";

/// The sender's public key.
pub const KEY: HeaderName = HeaderName::from_static("checker-key");
/// 32 hexadecimal digits, never used twice by one asker.
pub const NONCE: HeaderName = HeaderName::from_static("checker-nonce");
/// Which running machine holds the asker's key.
pub const INSTANCE: HeaderName = HeaderName::from_static("checker-instance");
/// The signature.
pub const SIGNATURE: HeaderName = HeaderName::from_static("checker-signature");

/// The longest instance, in characters.
const INSTANCE_MAX: usize = 64;

/// A number used once: 128 bits that make an answer the answer to one question.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; 16]);

impl Nonce {
    /// A new one, from the system's random numbers.
    ///
    /// # Errors
    /// If the system has none.
    pub fn fresh() -> io::Result<Self> {
        random().map(Self)
    }

    /// Reads 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let pairs = text.as_bytes().chunks_exact(2);
        if text.len() != 32 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
        Some(Self(pairs.map(byte).collect::<Option<Vec<u8>>>()?.try_into().ok()?))
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The system's random bytes.
pub(super) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let odd = |_| io::Error::other("the system has no random numbers");
    SystemRandom::new().fill(&mut bytes).map_err(odd)?;
    Ok(bytes)
}

/// Says which running machine holds a key, so that a cloned machine is noticed: 1 to 64 letters, digits, `.`, `_` or `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Instance(Box<str>);

impl Instance {
    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let good = (1..=INSTANCE_MAX).contains(&text.len()) && text.bytes().all(sound);
        good.then(|| Self(text.into()))
    }

    /// One that says no more than that it differs from others.
    pub fn of(id: uuid::Uuid) -> Self {
        Self(id.simple().to_string().into())
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a request is about, beside its body.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// The path as the addressee knows it: [`STATUS_PATH`] or [`CONFIRM_PATH`](super::confirm::CONFIRM_PATH).
    pub path: &'a str,
    /// The asker's.
    pub nonce: Nonce,
    /// Whom it is meant for: nobody else can be shown this request.
    pub addressee: PublicKey,
    /// The asker's.
    pub instance: &'a Instance,
}

impl Request<'_> {
    /// The bytes that the asker signs.
    pub fn signed(&self, body: &[u8]) -> Vec<u8> {
        let Self { method, path, nonce, addressee, instance } = self;
        let (addressee, body) = (addressee.hex(), digest_hex(body));
        format!("checker-request-v1\n{method}\n{path}\n{nonce}\n{addressee}\n{instance}\n{body}\n").into_bytes()
    }

    /// The headers of this request, signed.
    pub fn headers(&self, key: &NodeKey, body: &[u8]) -> HeaderMap {
        let signature = key.sign(&self.signed(body));
        let mut headers = HeaderMap::with_capacity(8);
        put(&mut headers, KEY, &key.public());
        put(&mut headers, NONCE, &self.nonce);
        put(&mut headers, INSTANCE, &self.instance);
        put(&mut headers, SIGNATURE, &signature);
        headers
    }
}

/// The bytes that whoever answers signs: for this asker's question and no other.
pub fn answer_signed(nonce: Nonce, asker: PublicKey, body: &[u8]) -> Vec<u8> {
    format!("checker-status-v1\n{nonce}\n{}\n{}\n", asker.hex(), digest_hex(body)).into_bytes()
}

/// The headers of an answer, signed. The nonce is repeated, so that an asker who gets an old answer can say so.
pub fn answer_headers(key: &NodeKey, nonce: Nonce, asker: PublicKey, body: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    put(&mut headers, KEY, &key.public());
    put(&mut headers, NONCE, &nonce);
    put(&mut headers, SIGNATURE, &key.sign(&answer_signed(nonce, asker, body)));
    headers
}

/// What the headers of a request claim. Nothing is proved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who says to have sent it.
    pub key: PublicKey,
    /// Its nonce.
    pub nonce: Nonce,
    /// Its machine.
    pub instance: Instance,
    /// What is to prove it.
    pub signature: Signature,
}

impl Claim {
    /// Reads the four headers. Each must be there exactly once.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Some(Self {
            key: PublicKey::parse(only(headers, &KEY)?).ok()?,
            nonce: Nonce::parse(only(headers, &NONCE)?)?,
            instance: Instance::parse(only(headers, &INSTANCE)?)?,
            signature: Signature::parse(only(headers, &SIGNATURE)?)?,
        })
    }

    /// Whether its key signed just this, for `addressee`.
    pub fn holds(&self, method: &str, path: &str, addressee: PublicKey, body: &[u8]) -> bool {
        let request = Request { method, path, nonce: self.nonce, addressee, instance: &self.instance };
        self.key.verifies(&request.signed(body), &self.signature)
    }
}

/// Why an answer proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproved {
    /// It is not signed at all.
    Unsigned,
    /// The headers cannot be read.
    Garbled,
    /// Another key signed it, or says so.
    WrongKey(PublicKey),
    /// It answers another question: a replay, or a cache on the way.
    OldNonce,
    /// The signature is not that of these bytes.
    BadSignature,
}

/// Whether this answer is `peer`'s, to the question `nonce` of `asker`.
///
/// # Errors
/// Why it is not.
pub fn check_answer(
    headers: &HeaderMap,
    body: &[u8],
    peer: PublicKey,
    nonce: Nonce,
    asker: PublicKey,
) -> Result<(), Unproved> {
    if !headers.contains_key(SIGNATURE) && !headers.contains_key(KEY) {
        return Err(Unproved::Unsigned);
    }
    let key = only(headers, &KEY).and_then(|k| PublicKey::parse(k).ok()).ok_or(Unproved::Garbled)?;
    let signature = only(headers, &SIGNATURE).and_then(Signature::parse).ok_or(Unproved::Garbled)?;
    if key != peer {
        return Err(Unproved::WrongKey(key));
    }
    // The signature decides; this header only tells a replay from damage.
    if headers.contains_key(NONCE) && only(headers, &NONCE).and_then(Nonce::parse) != Some(nonce) {
        return Err(Unproved::OldNonce);
    }
    if peer.verifies(&answer_signed(nonce, asker, body), &signature) { Ok(()) } else { Err(Unproved::BadSignature) }
}

fn digest_hex(body: &[u8]) -> String {
    hex(digest(&SHA256, body).as_ref())
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &dyn fmt::Display) {
    // All these texts are visible ASCII.
    if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
        headers.insert(name, value);
    }
}

/// The value of a header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?;
    all.next().is_none().then_some(first)?.to_str().ok()
}

#[cfg(test)]
mod tests;
