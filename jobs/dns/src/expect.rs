//! Records as people write them, and whether those of an answer are the expected ones. Pure.

use domain::base::Rtype;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// So much of a record stands in a sentence; keys and signatures are long.
const SHOWN_CHARS: usize = 100;
/// So many records stand in a sentence.
const SHOWN_MAX: usize = 4;

/// How the records of an answer are compared with the expected ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// These, in any order, and no other.
    Exact,
    /// All of these; others may be there.
    Contains,
    /// At least one of these.
    Any,
}

/// What the answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Any records.
    Some,
    /// Certain records: each as it is compared.
    Records(BTreeSet<String>, Match),
    /// The name may exist, but has no such records: `NODATA`.
    NoData,
    /// A code other than `NOERROR`, by its name.
    Code(&'static str),
}

/// The form of a record in which two of the same meaning are equal. It is shown to people too.
pub(crate) fn normal(rtype: Rtype, text: &str) -> String {
    if rtype == Rtype::TXT {
        return text.to_owned();
    }
    // Keys and hashes may be cut into pieces and stand in parentheses.
    let whole = match rtype {
        Rtype::TLSA | Rtype::DS | Rtype::DNSKEY => 3,
        Rtype::SSHFP => 2,
        _ => usize::MAX,
    };
    let words = text.split_whitespace().filter(|word| !matches!(*word, "(" | ")"));
    let mut normal = String::with_capacity(text.len());
    for (place, word) in words.enumerate() {
        let word = word.to_ascii_lowercase().replace('"', "");
        if place > 0 && place <= whole {
            normal.push(' ');
        }
        // The root is a dot alone.
        normal.push_str(word.strip_suffix('.').filter(|bare| !bare.is_empty()).unwrap_or(&word));
    }
    normal
}

/// An expected record as the settings give it.
///
/// # Errors
/// A sentence, if there can be no such record.
pub(crate) fn wanted(rtype: Rtype, text: &str) -> Result<String, String> {
    let (is, example, words) = match rtype {
        Rtype::A => (text.parse::<Ipv4Addr>().is_ok(), "192.0.2.1", 1),
        Rtype::AAAA => {
            let address = text.parse::<Ipv6Addr>().map_err(|_| no_record(rtype, text, "2001:db8::1"))?;
            return Ok(address.to_string());
        }
        Rtype::MX => (true, "10 mail.example.com", 2),
        Rtype::SRV => (true, "10 5 5060 sip.example.com", 4),
        Rtype::NS | Rtype::CNAME | Rtype::PTR => (true, "host.example.com", 1),
        Rtype::SOA => (true, "ns.example.com hostmaster.example.com 2024010101 3600 900 604800 300", 7),
        Rtype::CAA => (true, "0 issue letsencrypt.org", 3),
        _ => {
            return if text.is_empty() {
                Err("it is empty; write a record as dig +short shows it, or leave it out".to_owned())
            } else {
                Ok(normal(rtype, text))
            };
        }
    };
    let normal = normal(rtype, text);
    let enough =
        if rtype == Rtype::CAA { normal.split(' ').count() >= words } else { normal.split(' ').count() == words };
    if is && enough && !normal.is_empty() { Ok(normal) } else { Err(no_record(rtype, text, example)) }
}

fn no_record(rtype: Rtype, text: &str, example: &str) -> String {
    format!("{text:?} is no record of type {rtype}; write it as in \"{example}\"")
}

/// What is wrong with these records, as the end of a sentence.
pub(crate) fn compared(records: &BTreeSet<String>, wanted: &BTreeSet<String>, how: Match) -> Option<String> {
    let missing: Vec<&String> = wanted.difference(records).collect();
    let extra: Vec<&String> = records.difference(wanted).collect();
    match how {
        Match::Any if missing.len() < wanted.len() => None,
        Match::Any => Some(format!("none of the expected {}", listed(wanted))),
        Match::Contains if missing.is_empty() => None,
        Match::Contains => Some(format!("{} missing", are(&missing))),
        Match::Exact => match (missing.as_slice(), extra.as_slice()) {
            ([], []) => None,
            (missing, []) => Some(format!("{} missing", are(missing))),
            ([], extra) => Some(format!("{} not expected", are(extra))),
            _ => Some(format!("expected {}", listed(wanted))),
        },
    }
}

fn are(records: &[&String]) -> String {
    format!("{} {}", listed(records.iter().copied()), if records.len() == 1 { "is" } else { "are" })
}

/// The records for a sentence.
pub(crate) fn listed<'a>(records: impl IntoIterator<Item = &'a String, IntoIter: ExactSizeIterator>) -> String {
    let records = records.into_iter();
    let more = records.len().saturating_sub(SHOWN_MAX);
    let head = records.take(SHOWN_MAX).map(|r| shown(r)).collect::<Vec<_>>().join(", ");
    if more == 0 { head } else { format!("{head} and {more} more") }
}

/// A record or text of a server, in one piece and not too long. The framework takes control characters out.
pub(crate) fn shown(text: &str) -> String {
    let mut head: String = text.chars().take(SHOWN_CHARS).collect();
    if head.len() < text.len() {
        head.push_str("...");
    }
    if head.contains(' ') || head.is_empty() { format!("{head:?}") } else { head }
}
