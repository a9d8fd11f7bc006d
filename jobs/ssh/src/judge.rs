//! From what a server shows to an outcome. Pure.

use crate::key::{HostKey, SHA1};
use crate::pins::{Pin, Pins};
use crate::probe::{Seen, Unproved};
use checker_job::{Outcome, Verdict};
use checker_parts::net::Endpoint;

/// The cause where a server can do nothing that we can.
pub(crate) const NOT_OURS: &str = "the SSH server offers only what Checker cannot verify";

/// RSA keys below this are weak (NIST SP 800-131A).
const RSA_BITS_MIN: usize = 2_048;

/// Judges one server.
pub(crate) fn judge(endpoint: &Endpoint, pins: &Pins, software: Option<&str>, seen: &Seen) -> Outcome {
    let mut findings = Vec::new();
    let server = &seen.server;
    let calls_itself = cut(&server.software);
    if let Some(wanted) = software.filter(|wanted| !server.software.contains(*wanted)) {
        findings.push((Verdict::Failed, format!("server calls itself {calls_itself:?}, without {wanted:?}")));
    }
    let proved = seen.keys.as_ref().ok().and_then(|keys| keys.iter().find(|key| pins.hold(key)).or(keys.first()));
    match (&seen.keys, proved) {
        (Ok(keys), Some(key)) => findings.extend(of_keys(endpoint, pins, keys, key)),
        (Err(Unproved::Forged(what)), _) => findings.push((Verdict::Failed, format!("{endpoint} {what}"))),
        (Err(Unproved::Unverifiable(why)), _) if !pins.good.is_empty() => {
            findings.push((Verdict::Unknown, format!("host key of {endpoint} cannot be verified: {why}")));
        }
        _ => {}
    }
    if server.version != "2.0" {
        let sentence = format!("server still speaks SSH 1 as well, which is broken (it says {})", server.version);
        findings.push((Verdict::Warning, sentence));
    }
    let detail = detail(pins, seen);
    let outcome = summed_up(&findings).unwrap_or_else(|| Outcome::ok(well(pins, seen, &calls_itself, proved)));
    outcome.with_detail(detail)
}

fn well(pins: &Pins, seen: &Seen, software: &str, proved: Option<&HostKey>) -> String {
    match (proved, &seen.keys) {
        (Some(key), _) if pins.good.is_empty() => {
            format!("{software} answers; its host key is {}, and any would do: set host_key to pin it", key.fingerprint)
        }
        (Some(key), _) => format!("{software} answers and holds its host key {} {}", key.kind.word(), key.fingerprint),
        (None, Err(Unproved::Unverifiable(why) | Unproved::Forged(why))) => {
            format!("{software} answers; its host key was not looked at: {why}")
        }
        (None, Ok(_)) => format!("{software} answers"),
    }
}

/// What is wrong with the keys of a server; `key` is the one that counts.
fn of_keys(endpoint: &Endpoint, pins: &Pins, keys: &[HostKey], key: &HostKey) -> Vec<(Verdict, String)> {
    let mut findings = Vec::new();
    if let Some(bad) = keys.iter().find(|key| pins.revoked.contains(&key.fingerprint)) {
        let sentence = format!(
            "host key of {endpoint} is revoked: known_hosts says that {} must not be trusted any more",
            bad.fingerprint
        );
        findings.push((Verdict::Failed, sentence));
    } else if !pins.good.is_empty() && !pins.hold(key) {
        findings.push((Verdict::Failed, changed(endpoint, pins, keys, key)));
    }
    if key.algorithm == SHA1 {
        let sentence = "server signs by RSA with SHA-1 only, which is broken; new clients refuse it".to_owned();
        findings.push((Verdict::Warning, sentence));
    }
    if let Some(bits) = key.bits.filter(|bits| *bits < RSA_BITS_MIN) {
        findings.push((Verdict::Warning, format!("RSA host key of {bits} bits is weak; {RSA_BITS_MIN} are the least")));
    }
    findings
}

fn changed(endpoint: &Endpoint, pins: &Pins, keys: &[HostKey], key: &HostKey) -> String {
    // Of several, the one of the same kind is what has become of it.
    let old = pins.good.iter().find(|pin| pin.kind == Some(key.kind)).or(pins.good.first());
    let more =
        |count: usize, word: &str| if count > 1 { format!(" (and {} {word})", count - 1) } else { String::new() };
    format!(
        "host key of {endpoint} has CHANGED: it holds {} {}{}, and not {}{}. Somebody may stand in between (do not log in), \
         or it was installed anew (then renew the pin)",
        key.kind.word(),
        key.fingerprint,
        more(keys.len(), "more"),
        old.map(shown).unwrap_or_default(),
        more(pins.good.len(), "others that would do"),
    )
}

fn shown(pin: &Pin) -> String {
    match pin.kind {
        Some(kind) => format!("{} {}", kind.word(), pin.fingerprint),
        None => pin.fingerprint.clone(),
    }
}

fn summed_up(findings: &[(Verdict, String)]) -> Option<Outcome> {
    let worst = [Verdict::Failed, Verdict::Unknown, Verdict::Warning];
    let verdict = worst.into_iter().find(|verdict| findings.iter().any(|(v, _)| v == verdict))?;
    let mut findings: Vec<_> = findings.iter().collect();
    // What is worst is said first.
    findings.sort_by_key(|(v, _)| worst.iter().position(|w| w == v));
    let sentence = findings.iter().map(|(_, sentence)| sentence.as_str()).collect::<Vec<_>>().join("; ");
    Some(match verdict {
        Verdict::Failed => Outcome::failed(sentence),
        Verdict::Unknown => Outcome::unknown(sentence, NOT_OURS),
        _ => Outcome::warning(sentence),
    })
}

fn detail(pins: &Pins, seen: &Seen) -> String {
    let mut lines = vec![format!("SSH {} by {}", seen.server.version, seen.server.software)];
    for key in seen.keys.iter().flatten() {
        let signed =
            if key.algorithm == key.kind.word() { String::new() } else { format!(", signs by {}", key.algorithm) };
        lines.push(format!("holds {} {}{signed}", key.kind.word(), key.fingerprint));
    }
    lines.extend(pins.good.iter().take(8).map(|pin| format!("expected {}", shown(pin))));
    lines.join("\n")
}

/// Software in a sentence.
fn cut(software: &str) -> String {
    software.chars().take(60).collect()
}
