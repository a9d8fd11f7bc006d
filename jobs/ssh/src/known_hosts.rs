//! Files as `known_hosts` of ssh (the manual page sshd(8) has their format).

use crate::key::KeyKind;
use crate::pins::{self, Pins};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker_parts::net::Endpoint;
use ring::hmac;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// A file larger than this is none.
const SIZE_MAX: u64 = 8 << 20;
/// ssh leaves this port out.
const USUAL_PORT: u16 = 22;

/// The text of the file.
///
/// # Errors
/// A sentence with the file and what to do.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    if path.is_relative() {
        return Err(format!("\"{shown}\" is not a whole path; write it from / on"));
    }
    let unreadable = |e: std::io::Error| format!("cannot read {shown}: {e}");
    // Before it is opened: to open a pipe waits for somebody who writes.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!("{shown} is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(unreadable)?.take(SIZE_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).is_ok_and(|size| size > SIZE_MAX) {
        return Err(format!("{shown} is larger than 8 MiB; name a file as ~/.ssh/known_hosts"));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What the file says of the keys of a server. As in ssh, keys without port count where there are none for the port.
///
/// # Errors
/// A sentence, without the file's name, if there is no key in it for this server.
pub(crate) fn pins(text: &str, endpoint: &Endpoint) -> Result<Pins, String> {
    let host = endpoint.host();
    let names = if endpoint.port() == USUAL_PORT {
        vec![host.to_owned()]
    } else {
        vec![format!("[{host}]:{}", endpoint.port()), host.to_owned()]
    };
    let mut others = Vec::new();
    for name in &names {
        let found = of(text, name, &mut others);
        if !found.good.is_empty() {
            return Ok(found);
        }
    }
    let name = names.first().map_or(host, String::as_str);
    if others.is_empty() {
        Err(format!(
            "it has no key for {name}; log in once by ssh and compare the fingerprint, or leave the key out to see it"
        ))
    } else {
        Err(format!(
            "it has no key for {name} that Checker can verify, only {}; set host_key instead",
            others.join(", ")
        ))
    }
}

/// What stands there under one name. `others` gets the kinds of lines that are of no use to us.
fn of(text: &str, name: &str, others: &mut Vec<String>) -> Pins {
    let mut pins = Pins::default();
    for line in text.lines() {
        let mut words = line.split_whitespace().peekable();
        let marker = words.next_if(|word| word.starts_with('@'));
        let (Some(hosts), Some(word), Some(blob)) = (words.next(), words.next(), words.next()) else { continue };
        if hosts.starts_with('#') || !is_named(hosts, name) {
            continue;
        }
        let pin = KeyKind::of(word).and_then(|kind| pins::key(kind, blob));
        match (marker, pin) {
            (None, Some(pin)) if !pins.good.contains(&pin) => pins.good.push(pin),
            (Some("@revoked"), Some(pin)) => pins.revoked.push(pin.fingerprint),
            (None, Some(_)) | (Some("@revoked"), None) => {}
            (Some(marker), _) => others.push(marker.to_owned()),
            (None, None) => others.push(word.chars().take(40).collect()),
        }
    }
    others.sort();
    others.dedup();
    others.truncate(5);
    pins
}

/// Whether the first field of a line names this host: hashed, or as a list of patterns of which none that begins with `!`
/// may match.
fn is_named(hosts: &str, name: &str) -> bool {
    if let Some(hashed) = hosts.strip_prefix("|1|") {
        return is_hash_of(hashed, name).unwrap_or(false);
    }
    let mut named = false;
    for pattern in hosts.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern, name) => return false,
            Some(_) => {}
            None => named |= matches(pattern, name),
        }
    }
    named
}

fn is_hash_of(hashed: &str, name: &str) -> Option<bool> {
    let (salt, hash) = hashed.split_once('|')?;
    let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    Some(hmac::verify(&key, name.as_bytes(), &hash).is_ok())
}

/// `*` stands for any text and `?` for any one byte. Case does not matter. Takes no more steps than both lengths multiplied.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut of_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(of_name) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, of_name));
                at += 1;
            }
            Some(p) if *p == b'?' || p.eq_ignore_ascii_case(byte) => {
                at += 1;
                of_name += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                of_name = taken + 1;
            }
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|b| *b == b'*')
}
