//! What a stranger sends to port 5000.

use super::{Keys, block_on, changed, choice, complete, in_time, keys};
use crate::decide::Word;
use crate::decide::status::Status;
use crate::peer::envelope::{self, Request, STATUS_PATH, check_answer};
use crate::peer::listen::{Answers, Asked, Doorless, PUSH_MAX, PushAnswer};
use crate::peer::{NodeKey, PublicKey};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// No head of an answer is longer than this.
const HEAD_MAX: usize = 600;

/// What this node knows: a short status, and whether pushes can be read.
struct Node;

const SECRET: &[u8] = b"{\"v\":1,\"word\":\"JobProblem\",\"node\":\"alpha\"}";

impl Answers for Node {
    fn word(&self) -> Word {
        Word::JobProblem
    }

    fn pinned(&self, key: &PublicKey) -> bool {
        *key == keys().peer.public()
    }

    fn status(&self, asked: &Asked) -> Vec<u8> {
        assert_eq!(asked.key, keys().peer.public(), "only the peer gets it");
        SECRET.to_vec()
    }

    fn pushed(&self, asked: &Asked, body: &[u8]) -> PushAnswer {
        assert!(asked.key == keys().peer.public() && body.len() <= PUSH_MAX, "only the peer pushes");
        if Status::read(body).is_ok() { PushAnswer::Taken } else { PushAnswer::Garbled }
    }
}

/// `g` and `p`: the peer asks, or pushes the rest. `x` and `y`: the same of a stranger. `t`: what the peer asks is changed:
/// three bytes each, a place and what stands there. Else the rest is what comes over the connection.
///
/// # Panics
/// If anything else is answered than the word, what the peer may have, or nothing; or too much.
pub fn http_request(data: &[u8]) {
    let (letter, rest) = choice(data);
    let keys = keys();
    let bytes = match letter {
        b'g' => request(keys, &keys.peer, "GET", &[]),
        b'p' => request(keys, &keys.peer, "POST", rest),
        b'x' => request(keys, &keys.stranger, "GET", &[]),
        b'y' => request(keys, &keys.stranger, "POST", rest),
        b't' => changed(request(keys, &keys.peer, "GET", &[]), rest),
        _ => rest.to_vec(),
    };
    let Ok(key) = NodeKey::from_seed(&[1; 32]) else { unreachable!() };
    let house = Doorless::new(Arc::new(key), Arc::new(Node));
    let first = in_time(|| talk(&house, &bytes));
    let proved = judge(&first, &bytes, keys);
    let expected = matches!(letter, b'g') || (letter == b'p' && rest.len() <= PUSH_MAX);
    assert!(!expected || proved, "the peer is answered: {}", String::from_utf8_lossy(&first));
    assert!(!matches!(letter, b'x' | b'y') || !proved, "a stranger is not");
    // What was heard on the way is good for nothing.
    let second = in_time(|| talk(&house, &bytes));
    assert!(!judge(&second, &bytes, keys), "the same question again is a stranger's");
}

/// Judges all that came back. Says whether it is signed.
fn judge(answer: &[u8], asked: &[u8], keys: &Keys) -> bool {
    // Said to a peer that asks whether its push is welcome, as far as its headers go.
    let answer = answer.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(answer);
    if answer.is_empty() {
        return false;
    }
    let text = String::from_utf8_lossy(answer);
    let Some(end) = text.find("\r\n\r\n") else { unreachable!("an answer without an end of its head: {text}") };
    let (head, body) = (text.get(..end).unwrap_or_default(), answer.get(end + 4..).unwrap_or_default());
    assert!(head.len() <= HEAD_MAX && body.len() <= SECRET.len(), "it is short: {text}");
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let headers = headers(lines);
    let code = first.strip_prefix("HTTP/1.1 ").or(first.strip_prefix("HTTP/1.0 ")).and_then(|rest| rest.get(..3));
    if let Some("200") = code {
        if !headers.contains_key(envelope::SIGNATURE) {
            // To HEAD the word is not sent.
            let bodyless = body.is_empty() && asked.trim_ascii_start().starts_with(b"HEAD");
            assert!(body == Word::JobProblem.as_str().as_bytes() || bodyless, "the word and nothing else: {text}");
            return false;
        }
        let proof = check_answer(&headers, body, keys.me.public(), keys.nonce, keys.peer.public());
        assert_eq!(proof, Ok(()), "it is signed for the peer");
        let pushed: [&[u8]; 2] = [b"{\"v\":1,\"push\":\"taken\"}", b"{\"v\":1,\"push\":\"garbled\"}"];
        assert!(body == SECRET || pushed.contains(&body), "a status or a receipt: {text}");
        return true;
    }
    let refusals = ["400", "405", "413", "414", "431", "501", "505"];
    assert!(code.is_some_and(|c| refusals.contains(&c)) && body.is_empty(), "nothing else is said: {text}");
    false
}

fn headers<'t>(lines: impl Iterator<Item = &'t str>) -> HeaderMap {
    let pairs = lines.filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}

fn talk(house: &Doorless, bytes: &[u8]) -> Vec<u8> {
    block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(bytes.len() + 16 * 1024);
        let said = theirs.write_all(bytes).await.and(theirs.shutdown().await);
        assert!(said.is_ok());
        house.welcome(ours, SocketAddr::from(([192, 0, 2, 1], 40_000))).await;
        let mut all = Vec::new();
        let read = theirs.read_to_end(&mut all).await;
        assert!(read.is_ok());
        all
    })
}

/// A question as a node asks it, signed with `key`.
fn request(keys: &Keys, key: &NodeKey, method: &str, body: &[u8]) -> Vec<u8> {
    let (nonce, addressee, instance) = (keys.nonce, keys.me.public(), &keys.instance);
    let signed = Request { method, path: STATUS_PATH, nonce, addressee, instance };
    let mut out = format!("{method} {STATUS_PATH} HTTP/1.1\r\nhost: alpha:5000\r\n").into_bytes();
    if method == "POST" {
        out.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    complete(&mut out, &signed.headers(key, body), body);
    out
}
