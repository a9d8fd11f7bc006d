#![expect(clippy::string_slice, reason = "these texts are ASCII")]

use super::*;

/// Samples of the documents: never keys of a real node.
fn asker() -> NodeKey {
    NodeKey::from_seed(&[1; 32]).unwrap()
}

fn peer() -> NodeKey {
    NodeKey::from_seed(&[2; 32]).unwrap()
}

fn nonce() -> Nonce {
    Nonce::parse("000102030405060708090a0b0c0d0e0f").unwrap()
}

fn instance() -> Instance {
    Instance::parse("alpha-1").unwrap()
}

fn request(instance: &Instance) -> Request<'_> {
    Request { method: "GET", path: STATUS_PATH, nonce: nonce(), addressee: peer().public(), instance }
}

fn shown(headers: &HeaderMap) -> String {
    let lines: Vec<String> =
        headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
    lines.concat()
}

/// The bytes that stand in docs/protocol.md. They never change within version 1: other nodes rely on each of them.
#[test]
fn version_1_is_frozen() {
    let instance = instance();
    let signed = String::from_utf8(request(&instance).signed(b"")).unwrap();
    let question = shown(&request(&instance).headers(&asker(), b""));
    let body = br#"{"v":1}"#;
    let answered = String::from_utf8(answer_signed(nonce(), asker().public(), body)).unwrap();
    let answer = shown(&answer_headers(&peer(), nonce(), asker().public(), body));
    insta::assert_snapshot!(format!("{signed}--\n{question}--\n{answered}--\n{answer}"), @"
    checker-request-v1
    GET
    /v1/status
    000102030405060708090a0b0c0d0e0f
    8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394
    alpha-1
    e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
    --
    checker-key: ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=
    checker-nonce: 000102030405060708090a0b0c0d0e0f
    checker-instance: alpha-1
    checker-signature: ed25519:01BmkScSZhDj/vG7gjB8+mc9vcpI2Fjt3V7VQVEM6x4vBGw/dUQoq6UVAXnE+It/6hhvFnSnlxiUyFq2dq2cDA==
    --
    checker-status-v1
    000102030405060708090a0b0c0d0e0f
    8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
    afbf9d0f3560b0fd7795e81c42a0a79ee6b6fc67e064f77826aee642cad28d91
    --
    checker-key: ed25519:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=
    checker-nonce: 000102030405060708090a0b0c0d0e0f
    checker-signature: ed25519:r+eqdiiFYOyhhVbiAZNbfIDx0gxCT7mYDZWILx4XPBV85rw9C28uNjWipq6pMyFgQPrPm3WUvGSRaTk+2BvrCg==
    ");
    let document = include_str!("../../../docs/protocol.md");
    for block in [signed, question, answered, answer] {
        assert!(document.contains(&format!("```\n{block}```\n")), "docs/protocol.md must show\n{block}");
    }
}

#[test]
fn a_request_holds_for_its_method_path_body_and_addressee_only() {
    let instance = instance();
    let headers = Request { method: "POST", ..request(&instance) }.headers(&asker(), b"body");
    let claim = Claim::of(&headers).unwrap();
    assert_eq!((claim.key, claim.nonce, &claim.instance), (asker().public(), nonce(), &instance));
    let me = peer().public();
    assert!(claim.holds("POST", STATUS_PATH, me, b"body"));
    assert!(!claim.holds("GET", STATUS_PATH, me, b"body"));
    assert!(!claim.holds("POST", "/v2/status", me, b"body"));
    assert!(!claim.holds("POST", STATUS_PATH, me, b"bodY"));
    assert!(!claim.holds("POST", STATUS_PATH, asker().public(), b"body"));
    let of = |change: fn(&mut Claim)| {
        let mut other = claim.clone();
        change(&mut other);
        other.holds("POST", STATUS_PATH, me, b"body")
    };
    assert!(!of(|c| c.nonce = Nonce([9; 16])));
    assert!(!of(|c| c.instance = Instance::parse("alpha-2").unwrap()));
    assert!(!of(|c| c.key = peer().public()));
}

#[test]
fn an_answer_holds_for_its_asker_nonce_and_body_only() {
    let (body, mine) = (b"status", asker().public());
    let headers = answer_headers(&peer(), nonce(), mine, body);
    let check =
        |headers: &HeaderMap, body: &[u8], nonce, asker| check_answer(headers, body, peer().public(), nonce, asker);
    assert_eq!(check(&headers, body, nonce(), mine), Ok(()));
    assert_eq!(check(&headers, b"statuS", nonce(), mine), Err(Unproved::BadSignature));
    assert_eq!(check(&headers, body, nonce(), peer().public()), Err(Unproved::BadSignature));
    assert_eq!(check(&headers, body, Nonce([9; 16]), mine), Err(Unproved::OldNonce));
    let mut silent = headers.clone();
    silent.remove(NONCE);
    assert_eq!(check(&silent, body, nonce(), mine), Ok(()), "the nonce need not be repeated");
    assert_eq!(check(&silent, body, Nonce([9; 16]), mine), Err(Unproved::BadSignature), "but it is always signed");
    let other = answer_headers(&asker(), nonce(), mine, body);
    assert_eq!(check(&other, body, nonce(), mine), Err(Unproved::WrongKey(mine)));
    let mut pretends = other;
    put(&mut pretends, KEY, &peer().public());
    assert_eq!(check(&pretends, body, nonce(), mine), Err(Unproved::BadSignature));
    assert_eq!(check(&HeaderMap::new(), body, nonce(), mine), Err(Unproved::Unsigned));
    let mut half = headers.clone();
    half.remove(SIGNATURE);
    assert_eq!(check(&half, body, nonce(), mine), Err(Unproved::Garbled));
    let mut twice = headers;
    twice.append(KEY, HeaderValue::from_str(&peer().public().to_string()).unwrap());
    assert_eq!(check(&twice, body, nonce(), mine), Err(Unproved::Garbled));
}

/// A request and an answer never have a signed text in common.
#[test]
fn a_request_is_no_answer() {
    let instance = instance();
    let asked = asker().sign(&request(&instance).signed(b""));
    assert!(!asker().public().verifies(&answer_signed(nonce(), peer().public(), b""), &asked));
}

#[test]
fn fields_have_narrow_alphabets() {
    for text in ["a", "alpha-1", "A.b_c-9", &"x".repeat(64)] {
        assert_eq!(Instance::parse(text).unwrap().as_str(), text);
    }
    for text in ["", " ", "a b", "a\nb", "a/b", "\u{e4}", &"x".repeat(65)] {
        assert_eq!(Instance::parse(text), None, "{text:?}");
    }
    let good = nonce().to_string();
    assert_eq!(Nonce::parse(&good), Some(nonce()));
    for text in [
        "",
        &good[1..],
        &good.to_uppercase(),
        &good.replace("0f", "+f"),
        &format!("{good}0"),
        &good.replace("0f", "\u{e4}"),
    ] {
        assert_eq!(Nonce::parse(text), None, "{text:?}");
    }
    assert_ne!(Nonce::fresh().unwrap(), Nonce::fresh().unwrap());
}

#[test]
fn each_header_of_a_request_must_be_there_once() {
    let instance = instance();
    let whole = request(&instance).headers(&asker(), b"");
    for name in [KEY, NONCE, INSTANCE, SIGNATURE] {
        let mut less = whole.clone();
        let value = less.remove(&name).unwrap();
        assert_eq!(Claim::of(&less), None, "{name}");
        let mut more = whole.clone();
        more.append(&name, value);
        assert_eq!(Claim::of(&more), None, "{name}");
        less.insert(&name, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(Claim::of(&less), None, "{name}");
    }
}
