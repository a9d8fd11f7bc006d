#![expect(clippy::string_slice, reason = "these texts are ASCII")]

use super::*;

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    let byte = |i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
    std::array::from_fn(byte)
}

#[test]
fn keys_and_signatures_are_those_of_rfc_8032() {
    // Its section 7.1, tests 1 and 2.
    for (seed, public, message, signature) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            &b""[..],
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            &b"\x72"[..],
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
    ] {
        let key = NodeKey::from_seed(&unhex(seed)).unwrap();
        assert_eq!(key.public().hex(), public);
        assert_eq!(key.public().id(), public[..16]);
        let signed = key.sign(message);
        assert_eq!(signed, Signature(unhex(signature)));
        assert!(key.public().verifies(message, &signed));
        assert!(!key.public().verifies(b"another", &signed));
        assert_eq!(Signature::parse(&signed.to_string()), Some(signed));
    }
}

#[test]
fn a_key_is_read_in_each_of_its_forms_and_shown_in_one() {
    // All of base64's letters that differ between its alphabets are in it.
    let bytes: [u8; 32] = std::array::from_fn(|i| if i % 3 == 0 { 0xfb } else { 0xff } - u8::from(i == 31));
    let key = PublicKey::of(bytes).unwrap();
    let shown = key.to_string();
    assert!(shown.contains('+') && shown.contains('/') && shown.ends_with('='), "{shown}");
    let url_safe = shown.replace('+', "-").replace('/', "_");
    for form in [&shown, &url_safe, shown.trim_end_matches('='), url_safe.trim_end_matches('=')] {
        assert_eq!(PublicKey::parse(form), Ok(key), "{form}");
    }
}

#[test]
fn what_is_no_key_says_why() {
    let good = NodeKey::from_seed(&[7; 32]).unwrap().public().to_string();
    let last = good.trim_end_matches('=').chars().last().unwrap();
    // The last letter carries two bits that mean nothing; they must be zero, or one key had four texts.
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let at = letters.find(last).unwrap();
    assert_eq!(at % 4, 0);
    let trailing = format!("{}{}", &good[..good.len() - 2], &letters[at + 1..=at + 1]);
    for (text, why) in [
        ("", "begins with ed25519:"),
        (&good[8..], "begins with ed25519:"),
        (&format!("ED{}", &good[2..]), "begins with ed25519:"),
        (&good[..40], "not copied as a whole"),
        (&good[..40], "and this has 32;"),
        (&format!("{good}="), "not copied as a whole"),
        (&format!("{good} "), "not copied as a whole"),
        (&good.replacen(&good[10..11], "!", 1), "a character of the key is wrong"),
        (&trailing, "a character of the key is wrong"),
        (&format!("ed25519:{}", "A".repeat(43)), "weak"),
    ] {
        let found = PublicKey::parse(text).unwrap_err();
        assert!(found.contains(why), "{text}: {found}");
    }
}

#[test]
fn a_key_that_anybody_can_sign_for_is_refused() {
    // The neutral point: one signature, made without any secret, holds for every message.
    let neutral = low(1, 0);
    let forged: [u8; 64] = std::array::from_fn(|i| u8::from(i == 0));
    for message in [&b"True"[..], b"anything"] {
        assert!(PublicKey(neutral).verifies(message, &Signature(forged)), "ring takes it, so we must not");
    }
    for weak in WEAK {
        for sign in [0, 0x80] {
            let mut bytes = weak;
            bytes[31] |= sign;
            assert!(PublicKey::of(bytes).is_err(), "{bytes:02x?}");
        }
    }
    // The same points, and others, in encodings that are not reduced.
    for first in 0xed..=0xff {
        let mut bytes = low(first, 0xff);
        assert!(PublicKey::of(bytes).is_err());
        bytes[31] = 0x7f;
        assert!(PublicKey::of(bytes).is_err());
    }
}

#[test]
fn the_secret_half_is_never_shown() {
    let key = NodeKey::from_seed(&[7; 32]).unwrap();
    assert_eq!(format!("{key:?}"), format!("NodeKey({})", key.public()));
}
