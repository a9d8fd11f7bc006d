//! What may be said of a server, without one.

use crate::end::End;
use crate::fields::put;
use crate::identification::Identification;
use crate::judge::judge;
use crate::key::{HostKey, KeyKind, verified};
use crate::pins::{Pin, Pins};
use crate::probe::{Seen, Unproved};
use checker_job::{Outcome, Verdict};
use checker_parts::net::Endpoint;

fn seen(line: &[u8], keys: Result<Vec<HostKey>, Unproved>) -> Seen {
    Seen { server: Identification::of(line).unwrap(), keys }
}

fn key(kind: KeyKind, fingerprint: &str) -> HostKey {
    HostKey { kind, fingerprint: fingerprint.to_owned(), algorithm: kind.algorithms()[0].to_owned(), bits: None }
}

fn pins(fingerprints: &[(&str, Option<KeyKind>)]) -> Pins {
    let good = fingerprints.iter().map(|(f, kind)| Pin { fingerprint: (*f).to_owned(), kind: *kind }).collect();
    Pins { good, revoked: Vec::new() }
}

fn judged(pins: &Pins, seen: &Seen) -> Outcome {
    judge(&Endpoint::parse("ns.example:22").unwrap(), pins, None, seen)
}

#[test]
fn an_rsa_key_that_is_too_long_or_too_short_proves_nothing_and_is_no_fraud() {
    for (bytes, known) in [(96, false), (128, true), (1_024, true), (1_025, false), (2_048, false)] {
        let (mut blob, mut signature) = (Vec::new(), Vec::new());
        for field in [&b"ssh-rsa"[..], &[1, 0, 1], &[&[0][..], &vec![0xc1; bytes]].concat()] {
            put(&mut blob, field);
        }
        for field in [&b"rsa-sha2-512"[..], &vec![7; bytes]] {
            put(&mut signature, field);
        }
        let end = verified(KeyKind::Rsa, "rsa-sha2-512", &blob, &[7; 32], &signature).unwrap_err();
        match end {
            End::Forged(what) if known => assert!(what.contains("its signature is wrong"), "{what}"),
            End::Unverifiable(what) if !known => {
                assert!(what.contains(&format!("has {} bits, and Checker verifies 1024 to 8192", bytes * 8)), "{what}");
            }
            end => panic!("{bytes}: {end:?}"),
        }
    }
}

#[test]
fn version_1_beside_2_is_a_warning() {
    let keys = || Ok(vec![key(KeyKind::Ed25519, "SHA256:a")]);
    let old = judged(&pins(&[]), &seen(b"SSH-1.99-Old_3", keys()));
    assert_eq!(old.verdict, Verdict::Warning);
    assert_eq!(old.summary, "server still speaks SSH 1 as well, which is broken (it says 1.99)");
    let good = judged(&pins(&[]), &seen(b"SSH-2.0-New_9 more words", keys()));
    assert_eq!(
        (good.verdict, good.summary.as_str()),
        (Verdict::Ok, "New_9 more words answers; its host key is SHA256:a, and any would do: set host_key to pin it")
    );
}

#[test]
fn what_is_worst_counts_and_is_said_first() {
    let both = pins(&[("SHA256:rsa", Some(KeyKind::Rsa)), ("SHA256:old", Some(KeyKind::Ed25519))]);
    let outcome = judged(&both, &seen(b"SSH-1.99-Old_3", Ok(vec![key(KeyKind::Ed25519, "SHA256:new")])));
    assert_eq!(outcome.verdict, Verdict::Failed);
    let said = "host key of ns.example:22 has CHANGED: it holds ssh-ed25519 SHA256:new, and not ssh-ed25519 SHA256:old \
                (and 1 others that would do)";
    assert!(outcome.summary.starts_with(said), "{outcome:?}");
    assert!(outcome.summary.contains("; server still speaks SSH 1"), "{outcome:?}");
    let unread =
        judged(&both, &seen(b"SSH-1.99-Old_3", Err(Unproved::Unverifiable("its key exchanges are odd".to_owned()))));
    assert_eq!(unread.verdict, Verdict::Unknown);
    assert!(unread.summary.starts_with("host key of ns.example:22 cannot be verified: its key"), "{unread:?}");
}

#[test]
fn who_shows_a_key_and_does_not_hold_it_fails_whatever_another_address_does() {
    let forged = || Err(Unproved::Forged("shows a host key and does not prove that it holds it".to_owned()));
    for pins in [pins(&[]), pins(&[("SHA256:a", None)])] {
        let outcome = judged(&pins, &seen(b"SSH-2.0-New_9", forged()));
        assert_eq!(outcome.verdict, Verdict::Failed, "{outcome:?}");
        assert_eq!(outcome.summary, "ns.example:22 shows a host key and does not prove that it holds it");
        let good = judged(&pins, &seen(b"SSH-2.0-New_9", Ok(vec![key(KeyKind::Ed25519, "SHA256:a")])));
        let at = |port: u16| ([127, 0, 0, 1], port).into();
        let tried = vec![(at(1), Ok(good)), (at(2), Ok(outcome))];
        let both = checker_parts::probe::merged(&Endpoint::parse("ns.example:22").unwrap(), tried);
        assert_eq!(both.verdict, Verdict::Failed, "{both:?}");
    }
}
