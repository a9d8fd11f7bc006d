//! What is heard of peers that are dead, strange or hostile. None of it is ever taken for health.

use super::{LONG, Node, STATUS, ask, instance, key, nonce, question, wait};
use crate::support::tls::{Ca, Identity};
use checker::decide::Word;
use checker::peer::envelope::answer_headers;
use checker::peer::{Heard, NodeKey, PublicKey, Target};
use checker_job::Blame;
use checker_parts::tls::Trust;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SHORT: Duration = Duration::from_secs(1);

/// A server that reads each request's head and then does as `deed` says.
fn serves(deed: impl Fn(TcpStream, String) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                head.push(byte[0]);
            }
            deed(stream, String::from_utf8_lossy(&head).into_owned());
        }
    });
    at
}

/// A server that always says this.
fn says(answer: impl Into<Vec<u8>>) -> SocketAddr {
    let answer = answer.into();
    serves(move |mut stream, _| drop(stream.write_all(&answer)))
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn first(at: SocketAddr) -> Target {
    Target::new(&format!("http://{at}"), None).unwrap()
}

fn keyed(at: SocketAddr) -> Target {
    Target::new(&format!("http://{at}"), Some(key(2).public())).unwrap()
}

/// Both sorts of peers at the same server; what is heard must be `words` of the same kind.
#[track_caller]
fn both(at: SocketAddr, limit: Duration, garbled: bool, words: &str) {
    for target in [first(at), keyed(at)] {
        match (ask(&target, limit), garbled) {
            (Heard::Garbled(why), true) | (Heard::Silent { why, .. }, false) => {
                assert!(why.contains(words), "{why}");
            }
            (other, _) => panic!("{words}: {other:?}"),
        }
    }
}

#[test]
fn first_programs_are_heard_word_for_word() {
    for word in Word::ALL {
        assert_eq!(ask(&first(says(ok(word.as_str()))), LONG), Heard::Word(word));
        let python =
            format!("HTTP/1.0 200 OK\r\nServer: BaseHTTP/0.6 Python/3.7.3\r\nContent-type: text/html\r\n\r\n{word}\n");
        assert_eq!(ask(&first(says(python)), LONG), Heard::Word(word), "a body that ends with the connection");
    }
    for body in ["<html><body>True</body></html>", "true", "True MailProblem", "", "{\"ok\":\"True\"}", "Trues"] {
        let heard = ask(&first(says(ok(body))), LONG);
        assert!(matches!(heard, Heard::Garbled(_)), "{body}: {heard:?}");
    }
    // What it is asked is nothing that it does not know.
    let (tell, told) = std::sync::mpsc::channel();
    let at = serves(move |mut stream, head| {
        tell.send(head).unwrap();
        stream.write_all(ok("True").as_bytes()).unwrap();
    });
    assert_eq!(ask(&Target::new(&format!("http://{at}/status?x=1"), None).unwrap(), LONG), Heard::Word(Word::True));
    assert_eq!(told.recv().unwrap(), format!("GET /status?x=1 HTTP/1.1\r\nhost: {at}\r\nconnection: close\r\n\r\n"));
}

#[test]
fn who_does_not_answer_is_silent_and_it_is_said_how() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    both(closed, LONG, false, "refused the connection");
    both(
        serves(|stream, _| std::mem::forget(stream)),
        SHORT,
        false,
        "took the question and did not answer it within 1 s",
    );
    both(serves(|stream, _| drop(stream)), LONG, false, "closed the connection without an answer");
    both(says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nTr"), LONG, false, "closed the connection in the middle");
    // Eight bytes, at one every three tenths of a second.
    for (answer, words) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "did not answer it within 1 s"),
        ("", "did not finish it within 1 s"),
    ] {
        let drips = serves(move |mut stream, _| {
            if answer.is_empty() {
                drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"));
            }
            for byte in format!("{answer}True    ").bytes() {
                std::thread::sleep(Duration::from_millis(300));
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
            }
        });
        both(drips, SHORT, false, words);
    }
    let heard = ask(&keyed("127.0.0.1:9".parse().unwrap()), LONG);
    assert!(matches!(heard, Heard::Silent { blame: None, .. }), "a refusal is an answer: {heard:?}");
    let nowhere = Target::new("http://no-such-host.invalid:5000", Some(key(2).public())).unwrap();
    match ask(&nowhere, LONG) {
        Heard::Silent { why, blame: None } => assert!(why.contains("there is no such name"), "{why}"),
        // Where there is no resolver, that is what is said.
        Heard::Silent { why, blame: Some(Blame::NoResolver) } => assert!(why.contains("resolver"), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_answers_something_else_is_no_peer() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counts = asked.clone();
    let there = serves(move |mut stream, _| {
        counts.fetch_add(1, Ordering::SeqCst);
        drop(stream.write_all(ok("True").as_bytes()));
    });
    let moved = says(format!("HTTP/1.1 302 Found\r\nLocation: http://{there}/\r\nContent-Length: 4\r\n\r\nTrue"));
    both(moved, LONG, true, &format!("redirects to \"http://{there}/\" (status 302), which is not followed"));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody was sent there");
    both(
        says("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nTrue"),
        LONG,
        true,
        "answers with status 404 Not Found",
    );
    both(says("HTTP/1.1 204 No Content\r\n\r\n"), LONG, true, "answers with status 204 No Content");
    both(says("220 mail.example ESMTP\r\n"), LONG, true, "what is not HTTP");
    both(
        says(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\nTrue", "a".repeat(20_000))),
        LONG,
        true,
        "a head of more than 16 KiB",
    );
    both(says(ok("<html>True</html>")), LONG, true, "begins with \"<html>True</html>\"");
    both(says(ok("")), LONG, true, "answers with nothing");
    both(says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nTrue"), LONG, true, "compressed");
    let ugly = ask(&keyed(says(ok("\u{1b}[31mred\r\nX-Evil: yes\u{7}"))), LONG);
    assert!(matches!(&ugly, Heard::Garbled(why) if !why.contains(char::is_control)), "{ugly:?}");
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    for (head, frame) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", "True True True True True True True True "),
        ("HTTP/1.1 200 OK\r\n\r\n", "True"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nTrue\r\n"),
    ] {
        let sent = Arc::new(AtomicUsize::new(0));
        let counts = sent.clone();
        let at = serves(move |mut stream, _| {
            drop(stream.write_all(head.as_bytes()));
            let piece = frame.repeat(1000);
            while counts.load(Ordering::SeqCst) < 1_000_000_000 && stream.write_all(piece.as_bytes()).is_ok() {
                counts.fetch_add(piece.len(), Ordering::SeqCst);
            }
        });
        assert_eq!(ask(&first(at), LONG), Heard::Garbled("answers with more than 4 KiB".to_owned()));
        assert_eq!(ask(&keyed(at), LONG), Heard::Garbled("answers with more than 64 KiB".to_owned()));
        let sent = sent.load(Ordering::SeqCst);
        assert!(sent < 64 << 20, "{sent} bytes were taken off it, most of them by the kernel");
    }
}

#[test]
fn a_word_without_signature_is_known_as_that() {
    for word in Word::ALL {
        assert_eq!(ask(&keyed(says(ok(word.as_str()))), LONG), Heard::UnsignedWord(word));
    }
    // A node that does not know our key says no more than that.
    let node = Node::start();
    let stranger = || tokio::time::Instant::now() + LONG;
    let heard = wait(async { checker::peer::ask(&node.target(), &key(9), &instance(), nonce(), stranger()).await });
    assert_eq!(heard, Heard::UnsignedWord(Word::True));
}

/// A server that answers each question as `answer` says: it gets the asker's nonce as it stands in the question.
fn signs(answer: impl Fn(checker::peer::Nonce) -> (hyper::HeaderMap, Vec<u8>) + Send + 'static) -> SocketAddr {
    serves(move |mut stream, head| {
        let asked = head.lines().find_map(|l| l.strip_prefix("checker-nonce: ")).expect("a nonce");
        let (headers, body) = answer(checker::peer::Nonce::parse(asked).expect("a nonce"));
        let mut text = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in &headers {
            write!(text, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
        }
        drop(stream.write_all(format!("{text}\r\n{}", String::from_utf8(body).unwrap()).as_bytes()));
    })
}

#[test]
fn only_the_right_signature_over_our_own_question_is_believed() {
    let mine = key(1).public();
    let signed = |by: NodeKey, nonce, to: PublicKey, body: &[u8]| (answer_headers(&by, nonce, to, body), body.to_vec());
    let heard = |at| ask(&keyed(at), LONG);
    assert_eq!(heard(signs(move |n| signed(key(2), n, mine, STATUS))), Heard::Status(STATUS.to_vec()));
    let garbled = |at, words: &str| match heard(at) {
        Heard::Garbled(why) => assert!(why.contains(words), "{words}: {why}"),
        other => panic!("{words}: {other:?}"),
    };
    garbled(
        signs(move |n| (answer_headers(&key(2), n, mine, STATUS), b"{\"v\":2}".to_vec())),
        "signature that does not hold",
    );
    // An answer that was good once, in full and with the giveaway taken out of it.
    garbled(signs(move |_| signed(key(2), nonce(), mine, STATUS)), "an old status, to another question");
    let replayed = move |_| {
        let (mut headers, body) = signed(key(2), nonce(), mine, STATUS);
        headers.remove("checker-nonce");
        (headers, body)
    };
    garbled(signs(replayed), "signature that does not hold");
    let redressed = move |n: checker::peer::Nonce| {
        let (mut headers, body) = signed(key(2), nonce(), mine, STATUS);
        headers.insert("checker-nonce", n.to_string().parse().unwrap());
        (headers, body)
    };
    garbled(signs(redressed), "signature that does not hold");
    // Another peer of ours, who is one, but not this one: as himself, and in disguise.
    garbled(signs(move |n| signed(key(3), n, mine, STATUS)), "another key than the one in the settings");
    let disguised = move |n| {
        let (mut headers, body) = signed(key(3), n, mine, STATUS);
        headers.insert("checker-key", key(2).public().to_string().parse().unwrap());
        (headers, body)
    };
    garbled(signs(disguised), "signature that does not hold");
    garbled(signs(move |n| signed(key(2), n, key(3).public(), STATUS)), "signature that does not hold");
    // A signed problem-looking word is no word: nothing but a status is signed.
    garbled(signs(move |n| (answer_headers(&key(2), n, key(3).public(), b"True"), b"True".to_vec())), "does not hold");
}

#[test]
fn a_question_is_of_no_use_before_another_node() {
    // What is asked of 2 is passed on to 2 by a node in the middle, who may; but 3's listener would not take it.
    let node = Node::start();
    let for_three = question(&key(1), key(3).public(), nonce());
    assert_eq!(node.say(for_three.as_bytes()), super::WORD);
    let relay = node.at;
    let middle = serves(move |mut stream, head| {
        let mut on = TcpStream::connect(relay).unwrap();
        on.write_all(head.as_bytes()).unwrap();
        drop(std::io::copy(&mut on, &mut stream));
    });
    // 3 cannot pass for 2 by asking 2.
    let three = Target::new(&format!("http://{middle}"), Some(key(3).public())).unwrap();
    assert_eq!(ask(&three, LONG), Heard::UnsignedWord(Word::True));
    assert_eq!(ask(&keyed(middle), LONG), Heard::Status(STATUS.to_vec()), "a proxy does no harm");
}

/// A proxy that speaks TLS before `to`.
fn secured(identity: &Identity, to: SocketAddr) -> SocketAddr {
    let config = identity.server();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream);
            let mut head = vec![0; 4096];
            let Ok(n @ 1..) = stream.read(&mut head) else { continue };
            let mut on = TcpStream::connect(to).unwrap();
            on.write_all(&head[..n]).unwrap();
            let mut answer = Vec::new();
            on.read_to_end(&mut answer).unwrap();
            drop(stream.write_all(&answer));
            stream.conn.send_close_notify();
            drop(stream.flush());
        }
    });
    at
}

#[test]
fn peers_behind_https_are_asked_there() {
    let ca = Ca::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &ca.pem).unwrap();
    let node = Node::start();
    let trusting = |identity: &Identity, trust: Trust| {
        let at = secured(identity, node.at);
        let url = format!("https://localhost:{}/", at.port());
        Target::new(&url, Some(key(2).public())).unwrap().trusting(Arc::new(trust))
    };
    let own = || Trust::with_ca_file(&file, &[b"http/1.1"]).unwrap();
    assert_eq!(ask(&trusting(&ca.identity("localhost"), own()), LONG), Heard::Status(STATUS.to_vec()));
    let elsewhere = ask(&trusting(&ca.identity("elsewhere.example"), own()), LONG);
    assert!(matches!(&elsewhere, Heard::Garbled(why) if why.contains("certificate is for")), "{elsewhere:?}");
    let expired = ask(&trusting(&ca.expired("localhost"), own()), LONG);
    assert!(matches!(&expired, Heard::Garbled(why) if why.contains("expired")), "{expired:?}");
    let plain = Target::new(&format!("https://localhost:{}/", node.at.port()), Some(key(2).public())).unwrap();
    let plain = ask(&plain.trusting(Arc::new(own())), LONG);
    assert!(matches!(&plain, Heard::Garbled(why) if why.contains("does not speak TLS")), "{plain:?}");
}
