//! A status that is brought.

use super::{LONG, Node, WORD, instance, key, nonce, signed};
use checker::decide::Word;
use checker::peer::listen::{Limits, PUSH_MAX};
use checker::peer::{Heard, NodeKey, Nonce, PushAnswer, Pushed, Target};

fn push(target: &Target, from: &NodeKey, body: Vec<u8>) -> Pushed {
    super::wait(async {
        let deadline = tokio::time::Instant::now() + LONG;
        checker::peer::push(target, from, &instance(), Nonce::fresh().unwrap(), body, deadline).await
    })
}

#[test]
fn a_peers_status_is_handed_over_and_answered() {
    for (answer, heard) in
        [(PushAnswer::Taken, Pushed::Taken), (PushAnswer::Old, Pushed::Old), (PushAnswer::Garbled, Pushed::Unreadable)]
    {
        let node = Node::with(Limits::default(), answer);
        for body in [vec![], b"status".to_vec(), vec![b'x'; PUSH_MAX]] {
            assert_eq!(push(&node.target(), &key(1), body.clone()), heard);
            assert_eq!(node.desk.pushed.lock().unwrap().pop(), Some(body));
        }
    }
}

#[test]
fn nobody_else_brings_anything() {
    let node = Node::start();
    let word = Pushed::Failed(Heard::UnsignedWord(Word::True));
    assert_eq!(push(&node.target(), &key(9), b"status".to_vec()), word, "a stranger");
    let elsewhere = Target::new(&format!("http://{}", node.at), Some(key(3).public())).unwrap();
    assert_eq!(push(&elsewhere, &key(1), b"status".to_vec()), word, "meant for another");
    let old = Target::new(&format!("http://{}", node.at), None).unwrap();
    assert!(matches!(push(&old, &key(1), b"x".to_vec()), Pushed::Failed(Heard::Garbled(_))), "a first program");
    let head = signed(&key(1), key(2).public(), "POST", nonce(), b"status");
    let with = |body: &str| format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    assert_eq!(node.say(with("statuS").as_bytes()), WORD, "changed on the way");
    assert!(node.desk.pushed.lock().unwrap().is_empty());
    assert!(node.say(with("status").as_bytes()).ends_with("{\"v\":1,\"push\":\"taken\"}"));
    assert_eq!(node.say(with("status").as_bytes()), WORD, "overheard and brought again");
    assert_eq!(node.desk.pushed.lock().unwrap().len(), 1);
}

#[test]
fn what_is_too_long_is_not_taken_however_it_comes() {
    let node = Node::start();
    let body = vec![b'x'; PUSH_MAX + 1];
    assert_eq!(push(&node.target(), &key(1), body.clone()), Pushed::Failed(Heard::UnsignedWord(Word::True)));
    let head = signed(&key(1), key(2).public(), "POST", nonce(), &body);
    let mut chunked = format!("{head}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for piece in body.chunks(1000) {
        chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(node.say(&chunked), WORD);
    assert_eq!(node.say(format!("{head}content-length: 1000000000000\r\n\r\nxx").as_bytes()), WORD);
    assert!(node.desk.pushed.lock().unwrap().is_empty());
}
