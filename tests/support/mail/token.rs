//! Access tokens that Dovecot judges by itself: signed with a key that it knows.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const KEY: &[u8] = b"the key of the tests, which signs tokens";

/// A token for `user` that ends so many seconds from now; before now if that is negative.
pub fn token(user: &str, ends: i64) -> String {
    signed(user, ends, KEY)
}

/// The same with the signature of somebody else.
pub fn forged(user: &str) -> String {
    signed(user, 600, b"another key")
}

fn signed(user: &str, ends: i64, key: &[u8]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let ends = i64::try_from(now).expect("a time").saturating_add(ends);
    let claims = serde_json::json!({"sub": user, "scope": "mail", "iat": now - 3_600, "exp": ends});
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let text = format!("{}.{}", part(br#"{"alg":"HS256","typ":"JWT"}"#), part(claims.to_string().as_bytes()));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    format!("{text}.{}", part(signature.as_ref()))
}

/// Writes what Dovecot needs to judge tokens into its folder.
pub(super) fn prepare(dovecot: &Path) {
    let keys = dovecot.join("keys/default/HS256");
    fs::create_dir_all(&keys).expect("a folder");
    fs::write(keys.join("default"), STANDARD.encode(KEY)).expect("a file");
    let settings = format!(
        "introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={}/keys/\nusername_attribute = sub\n\
         scope = mail\n",
        dovecot.display()
    );
    fs::write(dovecot.join("oauth2.conf"), settings).expect("a file");
}
