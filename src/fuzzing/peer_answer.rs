//! What comes back when a peer is asked.

use super::{Keys, block_on, changed, choice, complete, holds, in_time, is_line, keys, status::judged};
use crate::decide::Word;
use crate::decide::peers::{self, Watched};
use crate::decide::status::{NodeId, Status};
use crate::peer::envelope::{answer_headers, answer_signed};
use crate::peer::{Heard, Target, ask_over};
use crate::rounds;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A body that a peer could have signed.
const GOOD: &[u8] =
    b"{\"v\":1,\"node\":\"beta\",\"instance\":\"machine-2\",\"seq\":7,\"at\":1800000000,\"word\":\"True\"}";

/// `k`: the rest is an answer where a signature is expected. `f`: one of a first program. `s`: the rest is a body, which the
/// peer signs. `x`: as `s`, signed by a stranger. `t`: a good answer is changed; the rest are pairs of a place and a byte.
///
/// # Panics
/// If a word or a status is believed that nobody signed, if anything unreadable counts for more than silence, or if words
/// for humans hold control characters.
pub fn peer_answer(data: &[u8]) {
    let (letter, rest) = choice(data);
    let keys = keys();
    let legacy = letter == b'f';
    let (bytes, signed): (Vec<u8>, Option<&[u8]>) = match letter {
        b's' => (answer(keys, &keys.peer, rest), Some(rest)),
        b'x' => (answer(keys, &keys.stranger, rest), None),
        b't' => (changed(answer(keys, &keys.peer, GOOD), rest), Some(GOOD)),
        _ => (rest.to_vec(), None),
    };
    let pinned = (!legacy).then(|| keys.peer.public());
    let Ok(target) = Target::new("http://127.0.0.1:5000", pinned) else { unreachable!() };
    let heard = in_time(|| hear(&bytes, &target, keys));
    match &heard {
        Heard::Status(body) => {
            let proof = keys.peer.sign(&answer_signed(keys.nonce, keys.me.public(), body)).to_string();
            assert!(!legacy && holds(&bytes, proof.as_bytes()), "a status that nobody signed");
            assert!(signed.is_none_or(|signed| signed == body), "another body than the one that was signed");
        }
        Heard::Word(word) => {
            assert!(legacy && is_said(&bytes, *word), "a word that nobody said");
        }
        Heard::UnsignedWord(word) => {
            assert!(!legacy && is_said(&bytes, *word), "a word that nobody said");
        }
        Heard::Silent { why, .. } | Heard::Garbled(why) => {
            assert!(is_line(why) && why.len() <= 1_000, "words for humans: {why:?}");
        }
    }
    if letter == b's' && rest.len() <= crate::peer::ANSWER_MAX {
        assert_eq!(heard, Heard::Status(rest.to_vec()), "what the peer signed is heard");
    }
    weigh(heard, legacy, keys);
}

/// Whether the letters of the word stand in the answer in this order; it may have come in pieces.
fn is_said(bytes: &[u8], word: Word) -> bool {
    let mut rest = bytes.iter();
    word.as_str().bytes().all(|letter| rest.any(|byte| *byte == letter))
}

/// What the decisions make of it.
fn weigh(heard: Heard, legacy: bool, keys: &Keys) {
    let node = (!legacy).then(|| NodeId(keys.peer.public().id()));
    let peer = Watched { name: "beta".to_owned(), node, pushes: false, push: false };
    let unsigned_true = heard == Heard::UnsignedWord(Word::True);
    let proved = matches!(&heard, Heard::Status(body) if Status::read(body).is_ok());
    let is_true = match &heard {
        Heard::Status(body) => Status::read(body).is_ok_and(|s| s.word == Some(Word::True)),
        Heard::Word(word) => *word == Word::True,
        _ => false,
    };
    let nothing = !proved && !matches!(&heard, Heard::Word(_) | Heard::UnsignedWord(_)) || unsigned_true;
    let (view, verdict) = judged(&peer, &rounds::read(heard));
    assert_eq!(view.is_ok(), is_true, "well is who says so and may say it");
    if nothing {
        let silent = peers::Heard::Silent("nothing".to_owned());
        let (as_silent, of_silence) = judged(&peer, &silent);
        assert_eq!((view.bad, view.silent, view.answered), (as_silent.bad, as_silent.silent, as_silent.answered));
        assert!(view.status.is_none(), "nothing is remembered of it");
        let (Some(verdict), Some(silence)) = (verdict, of_silence) else { unreachable!("three silences are told") };
        assert_eq!((verdict.outcome.verdict, verdict.threshold), (silence.outcome.verdict, silence.threshold));
    }
}

fn hear(bytes: &[u8], target: &Target, keys: &Keys) -> Heard {
    block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(bytes.len() + 4_096);
        let answer = async {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") && theirs.read_buf(&mut asked).await.is_ok_and(|n| n > 0) {}
            // They may have heard enough, and be gone.
            theirs.write_all(bytes).await.and(theirs.shutdown().await)
        };
        let (heard, _said) = tokio::join!(ask_over(ours, target, &keys.me, keys.nonce), answer);
        heard
    })
}

/// An answer with this body as a node gives it, signed with `key`.
fn answer(keys: &Keys, key: &crate::peer::NodeKey, body: &[u8]) -> Vec<u8> {
    let mut out = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    complete(&mut out, &answer_headers(key, keys.nonce, keys.me.public(), body), body);
    out
}
