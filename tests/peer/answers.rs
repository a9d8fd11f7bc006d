//! What the listener answers, byte by byte.

use super::{LONG, Node, STATUS, WORD, ask, instance, key, nonce, question};
use checker::peer::{Heard, Nonce};

#[test]
fn every_path_is_the_word_for_strangers() {
    let node = Node::start();
    for line in [
        "GET / HTTP/1.1",
        "GET /v1/status HTTP/1.1",
        "GET /v1/status?nonce=00 HTTP/1.1",
        "GET /status/../../etc/passwd HTTP/1.1",
        "GET /%00%ff HTTP/1.1",
        "GET http://elsewhere.example/x HTTP/1.1",
        "GET /v1/ HTTP/1.1",
        "POST /v1/status HTTP/1.1",
    ] {
        assert_eq!(node.say(format!("{line}\r\nHost: x\r\n\r\n").as_bytes()), WORD, "{line}");
    }
    let old = node.say(b"GET / HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.0 200 OK\r\n") && old.ends_with("\r\n\r\nTrue"), "{old}");
    let head = node.say(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(head, WORD.strip_suffix("True").unwrap());
    assert!(node.desk.asked.lock().unwrap().is_empty());
}

#[test]
fn other_methods_and_other_tongues_get_nothing() {
    let node = Node::start();
    for (line, allowed) in [
        ("POST / HTTP/1.1", "GET, HEAD"),
        ("PUT /v1/status HTTP/1.1", "GET, HEAD, POST"),
        ("DELETE / HTTP/1.1", "GET, HEAD"),
        ("OPTIONS * HTTP/1.1", "GET, HEAD"),
        ("TRACE / HTTP/1.1", "GET, HEAD"),
        ("CONNECT elsewhere.example:25 HTTP/1.1", "GET, HEAD"),
        ("BREW / HTTP/1.1", "GET, HEAD"),
    ] {
        let answer = node.say(format!("{line}\r\nHost: x\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert!(answer.contains(&format!("\r\nallow: {allowed}\r\n")), "{answer}");
    }
    for bytes in [
        &b"HELO mail.example\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = node.say(bytes);
        let refused = answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("\r\n\r\n");
        assert!(answer.is_empty() || refused, "{answer}");
    }
}

/// The transcript of the documents: a node of this version understands it for ever.
#[test]
fn version_1_is_answered_as_it_is_written() {
    let node = Node::start();
    let asked = "GET /v1/status HTTP/1.1\r\nhost: beta\r\n\
         checker-key: ed25519:iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w=\r\n\
         checker-nonce: 000102030405060708090a0b0c0d0e0f\r\n\
         checker-instance: alpha-1\r\n\
         checker-signature: ed25519:01BmkScSZhDj/vG7gjB8+mc9vcpI2Fjt3V7VQVEM6x4vBGw/dUQoq6UVAXnE+It/6hhvFnSnlxiUyFq2dq2cDA==\r\n\
         checker-of-a-later-version: means nothing\r\n\r\n";
    let answer = node.say(asked.as_bytes());
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\
         checker-key: ed25519:gTl3Dqh9F19Wo1Rmw0x+zMuNipG07jeiXfYPW4/Js5Q=\r\n\
         checker-nonce: 000102030405060708090a0b0c0d0e0f\r\n\
         checker-signature: ed25519:r+eqdiiFYOyhhVbiAZNbfIDx0gxCT7mYDZWILx4XPBV85rw9C28uNjWipq6pMyFgQPrPm3WUvGSRaTk+2BvrCg==\r\n\
         connection: close\r\ncontent-length: 7\r\n\r\n{\"v\":1}"
    );
    let seen = node.desk.asked.lock().unwrap().clone();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].key, seen[0].nonce, &seen[0].instance), (key(1).public(), nonce(), &instance()));
    assert!(seen[0].from.ip().is_loopback());
    // Who has overheard it is a stranger.
    assert_eq!(node.say(asked.as_bytes()), WORD);
    assert_eq!(node.desk.asked.lock().unwrap().len(), 1);
}

#[test]
fn whoever_is_not_a_peer_gets_the_word_and_no_hint() {
    let node = Node::start();
    let me = key(2).public();
    let good = question(&key(1), me, nonce());
    let other = Nonce::fresh().unwrap().to_string();
    for (what, bytes) in [
        ("a key that is not pinned", question(&key(9), me, nonce())),
        ("our own key", question(&key(2), me, nonce())),
        ("meant for another node", question(&key(1), key(3).public(), nonce())),
        ("another nonce", good.replace(&nonce().to_string(), &other)),
        ("another instance", good.replace("alpha-1", "alpha-2")),
        ("another method", good.replacen("GET", "POST", 1)),
        ("another path", good.replace("/v1/status", "/v1/status/")),
        ("with a query", good.replace("/v1/status", "/v1/status?")),
        ("in another's name", good.replace(&key(1).public().to_string(), &key(3).public().to_string())),
        ("a header twice", good.replace("checker-instance", "checker-instance: alpha-1\r\nchecker-instance")),
        ("no nonce", good.replace("checker-nonce", "checker-once")),
    ] {
        assert_eq!(node.say(bytes.as_bytes()), WORD, "{what}");
    }
    assert!(node.desk.asked.lock().unwrap().is_empty());
    // None of these used the nonce up: only proved questions count.
    assert!(node.say(good.as_bytes()).ends_with("{\"v\":1}"));
}

#[test]
fn peers_hear_the_status_each_time() {
    let node = Node::start();
    for _ in 0..3 {
        assert_eq!(ask(&node.target(), LONG), Heard::Status(STATUS.to_vec()));
    }
    assert_eq!(node.desk.asked.lock().unwrap().len(), 3);
}
