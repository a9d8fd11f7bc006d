//! What both sides can do (RFC 4253, 7.1): the message KEXINIT.

use crate::end::End;
use crate::fields::{Fields, put};
use crate::key::KeyKind;
use ring::agreement::{Algorithm, ECDH_P256, ECDH_P384, X25519};
use ring::digest::{self, SHA256, SHA384};
use ring::rand::{SecureRandom as _, SystemRandom};

const KEXINIT: u8 = 20;
/// Name-lists in the message: key exchange, host key, and two each of ciphers, MACs, compressions and languages.
const LISTS: usize = 10;

/// A key exchange that we can do.
pub(crate) struct Method {
    word: &'static str,
    pub(crate) curve: &'static Algorithm,
    pub(crate) hash: &'static digest::Algorithm,
}

/// RFC 8731 (the second name is older than it), RFC 5656.
static METHODS: [Method; 4] = [
    Method { word: "curve25519-sha256", curve: &X25519, hash: &SHA256 },
    Method { word: "curve25519-sha256@libssh.org", curve: &X25519, hash: &SHA256 },
    Method { word: "ecdh-sha2-nistp256", curve: &ECDH_P256, hash: &SHA256 },
    Method { word: "ecdh-sha2-nistp384", curve: &ECDH_P384, hash: &SHA384 },
];

/// What the server offers.
#[derive(Debug)]
pub(crate) struct Offers {
    /// The whole message: it goes into the exchange hash.
    pub(crate) message: Vec<u8>,
    lists: Vec<String>,
}

impl Offers {
    pub(crate) fn of(message: Vec<u8>) -> Result<Self, End> {
        let read = || {
            let mut fields = Fields(&message);
            fields.byte().filter(|number| *number == KEXINIT)?;
            fields.bytes(16)?;
            (0..LISTS).map(|_| fields.text().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        match read() {
            Some(lists) => Ok(Self { message, lists }),
            None => Err(End::Said("does not begin the key exchange as SSH does".to_owned())),
        }
    }

    fn list(&self, number: usize) -> &str {
        self.lists.get(number).map_or("", String::as_str)
    }

    fn has(&self, number: usize, word: &str) -> bool {
        self.list(number).split(',').any(|w| w == word)
    }

    pub(crate) fn exchanges(&self) -> &str {
        self.list(0)
    }

    pub(crate) fn host_keys(&self) -> &str {
        self.list(1)
    }

    pub(crate) fn method(&self) -> Option<&'static Method> {
        METHODS.iter().find(|m| self.has(0, m.word))
    }

    /// How the server would sign with a key of this kind, if it has one.
    pub(crate) fn algorithm(&self, kind: KeyKind) -> Option<&'static str> {
        kind.algorithms().iter().copied().find(|a| self.has(1, a))
    }

    /// Our own message. It offers what has been chosen, and for the time after the exchange, which will not come, all that
    /// the server offers: so no lack of a cipher in common comes between.
    pub(crate) fn answer(&self, method: &Method, algorithm: &str) -> Vec<u8> {
        let mut message = vec![KEXINIT];
        let mut cookie = [0; 16];
        // It need only differ (RFC 4253, 7.1); without randomness there will be no key of ours either.
        SystemRandom::new().fill(&mut cookie).ok();
        message.extend_from_slice(&cookie);
        put(&mut message, method.word.as_bytes());
        put(&mut message, algorithm.as_bytes());
        for number in 2..8 {
            put(&mut message, self.list(number).as_bytes());
        }
        put(&mut message, b"");
        put(&mut message, b"");
        // No guess follows, and four bytes for the future.
        message.extend_from_slice(&[0; 5]);
        message
    }
}
