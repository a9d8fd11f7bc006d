//! The host keys that will do.

use crate::fields::Fields;
use crate::key::{HostKey, KeyKind, fingerprint};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// One host key that will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) fingerprint: String,
    /// `None`: a fingerprint does not say it.
    pub(crate) kind: Option<KeyKind>,
}

/// All that was said of host keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins {
    pub(crate) good: Vec<Pin>,
    /// Fingerprints of keys that will never do, whatever else is said.
    pub(crate) revoked: Vec<String>,
}

impl Pins {
    /// The kinds to ask for, those that are known to be wanted first.
    pub(crate) fn kinds(&self) -> Vec<KeyKind> {
        let is_pinned = |kind: &KeyKind| self.good.iter().any(|pin| pin.kind == Some(*kind));
        let (mut kinds, others): (Vec<_>, Vec<_>) = KeyKind::ALL.into_iter().partition(is_pinned);
        kinds.extend(others);
        kinds
    }

    /// Whether one of them may be of this kind.
    pub(crate) fn may_be(&self, kind: KeyKind) -> bool {
        self.good.iter().any(|pin| pin.kind.is_none_or(|of_pin| of_pin == kind))
    }

    /// Whether this key will do.
    pub(crate) fn hold(&self, key: &HostKey) -> bool {
        self.good.iter().any(|pin| pin.fingerprint == key.fingerprint)
    }
}

/// Reads a pin as the settings have it.
///
/// # Errors
/// What to write instead.
pub(crate) fn read(text: &str) -> Result<Pin, String> {
    let text = text.trim();
    if let Some(hash) = text.strip_prefix("SHA256:") {
        let bare = hash.trim_end_matches('=');
        return match STANDARD_NO_PAD.decode(bare) {
            Ok(bytes) if bytes.len() == 32 => Ok(Pin { fingerprint: format!("SHA256:{bare}"), kind: None }),
            _ => Err(format!("\"{text}\" is no whole fingerprint: 43 letters, digits, + and / follow SHA256:")),
        };
    }
    let md5 = |c: char| c.is_ascii_hexdigit() || c == ':';
    if text.starts_with("MD5:") || (text.contains(':') && text.chars().all(md5)) {
        return Err("a fingerprint by MD5 proves nothing; use the one that `ssh-keygen -lf FILE` shows".to_owned());
    }
    let mut words = text.split_whitespace();
    let (Some(word), Some(blob)) = (words.next(), words.next()) else {
        return Err(format!("\"{text}\" is no host key; write \"SHA256:...\" or a whole line of a .pub file"));
    };
    let Some(kind) = KeyKind::of(word) else {
        let known = KeyKind::ALL.map(KeyKind::word).join(", ");
        return Err(format!("Checker cannot verify keys of the kind {word:?}; take one of {known}"));
    };
    key(kind, blob)
        .ok_or_else(|| format!("the key after {word} is damaged; write the whole line of the .pub file, in one piece"))
}

/// The pin of a public key of this kind, in base64.
pub(crate) fn key(kind: KeyKind, blob: &str) -> Option<Pin> {
    let blob = STANDARD.decode(blob).ok()?;
    let mut fields = Fields(&blob);
    let is_whole = fields.text() == Some(kind.word()) && {
        // All that follows are strings, to the end.
        while fields.string().is_some() {}
        fields.0.is_empty()
    };
    is_whole.then(|| Pin { fingerprint: fingerprint(&blob), kind: Some(kind) })
}
