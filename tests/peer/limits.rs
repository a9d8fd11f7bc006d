//! Time and room: what one connection may take.

use super::{Node, WORD, key, nonce, rest, signed};
use checker::peer::PushAnswer;
use checker::peer::listen::Limits;
use std::io::Write as _;
use std::time::{Duration, Instant};

fn hasty() -> Limits {
    Limits { head: Duration::from_millis(500), whole: Duration::from_secs(1), ..Limits::default() }
}

#[test]
fn who_drips_is_cut_off() {
    let node = Node::with(hasty(), PushAnswer::Taken);
    let begun = Instant::now();
    let mut stream = node.connect();
    let mut sent = 0;
    for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX-A: bcdefghijklmnopqrstuvwxyz\r\n".iter().cycle() {
        if stream.write_all(&[*byte]).is_err() || begun.elapsed() > Duration::from_secs(15) {
            break;
        }
        sent += 1;
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "it was still listening after {sent} bytes");
    assert_eq!(rest(&mut stream), "", "nothing is said to it");
    let mut silent = node.connect();
    assert_eq!(rest(&mut silent), "", "who says nothing is cut off, too");
}

#[test]
fn a_body_that_drips_is_cut_off_and_never_handed_over() {
    let node = Node::with(hasty(), PushAnswer::Taken);
    let head = signed(&key(1), key(2).public(), "POST", nonce(), &[b'x'; 1000]);
    let mut stream = node.connect();
    stream.write_all(format!("{head}content-length: 1000\r\n\r\n").as_bytes()).unwrap();
    let begun = Instant::now();
    while stream.write_all(b"x").is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(15), "it is still listening");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(rest(&mut stream), "");
    assert!(node.desk.pushed.lock().unwrap().is_empty());
}

#[test]
fn a_connection_has_one_answer() {
    let node = Node::start();
    let many = "GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n".repeat(50);
    assert_eq!(node.say(many.as_bytes()), WORD);
    // Who ends its half at once is answered all the same.
    let mut stream = node.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(rest(&mut stream), WORD);
}

#[test]
fn a_head_has_a_size() {
    let node = Node::start();
    let with = |head: String| node.say(format!("GET / HTTP/1.1\r\nHost: x\r\n{head}\r\n").as_bytes());
    assert_eq!(with(format!("X-A: {}\r\n", "a".repeat(4000))), WORD);
    for head in [format!("X-A: {}\r\n", "a".repeat(9000)), "X-A: b\r\n".repeat(100)] {
        let answer = with(head);
        let refused = answer.starts_with("HTTP/1.1 431 ") && answer.ends_with("\r\n\r\n");
        assert!(answer.is_empty() || refused, "{answer}");
    }
    let long = node.say(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9000)).as_bytes());
    assert!(!long.contains("200 OK"), "{long}");
}

#[test]
fn an_address_that_takes_its_share_displaces_itself() {
    let node = Node::with(Limits { per_net: 8, ..Limits::default() }, PushAnswer::Taken);
    let mut held: Vec<_> = (0..30).map(|_| node.connect()).collect();
    assert_eq!(node.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), WORD);
    // The oldest were ended long before their time; the newest still may ask.
    assert_eq!(rest(&mut held[0]), "");
    let newest = held.last_mut().unwrap();
    newest.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(rest(newest), WORD);
}

#[test]
fn the_end_waits_for_nobody_long() {
    let mut node = Node::start();
    let idle = node.connect();
    let mut pushes = node.connect();
    let head = signed(&key(1), key(2).public(), "POST", nonce(), b"status");
    pushes.write_all(format!("{head}content-length: 6\r\n\r\nsta").as_bytes()).unwrap();
    // So that the question is known to have begun.
    assert_eq!(node.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), WORD);
    let finishes = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        pushes.write_all(b"tus").unwrap();
        rest(&mut pushes)
    });
    let begun = Instant::now();
    node.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(finishes.join().unwrap().contains("\"taken\""), "what has begun may end");
    drop(idle);
    let mut node = Node::start();
    let mut stuck = node.connect();
    stuck.write_all(format!("{head}content-length: 6\r\n\r\nsta").as_bytes()).unwrap();
    assert_eq!(node.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), WORD);
    let begun = Instant::now();
    node.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "it has 10 s else: {:?}", begun.elapsed());
    assert_eq!(rest(&mut stuck), "");
}
