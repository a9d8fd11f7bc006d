//! Servers that are silent, slow, endless or rude, over real sockets.

use checker_parts::mailbox::{ImapAccount, LookError, Password, Security, Token, Why, look};
use checker_parts::tls::Trust;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const TALK: [&str; 8] = [
    "* OK hello\r\n",
    "$ OK in\r\n",
    "* CAPABILITY IMAP4rev1\r\n$ OK\r\n",
    "* LIST () \"/\" INBOX\r\n$ OK\r\n",
    "* 1 EXISTS\r\n$ OK\r\n",
    "* SEARCH 7\r\n$ OK\r\n",
    "* 1 FETCH (UID 7 BODY[HEADER] {3}\r\nx\r\n)\r\n$ OK\r\n",
    "* BYE\r\n$ OK\r\n",
];

/// What a server does when it has said its words.
#[derive(Clone, Copy)]
enum Then {
    /// Nothing, with an open connection.
    Silence,
    /// One byte of a line that never ends, and a pause, and so on.
    Drip,
    /// As much of this as the other side takes.
    Flood(&'static str),
    /// It goes.
    Leave,
}

/// Serves one client.
fn serve(words: &'static [&'static str], then: Then) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        tcp.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut tcp = BufReader::new(tcp);
        for (at, words) in words.iter().enumerate() {
            let mut command = String::new();
            if at > 0 && !matches!(tcp.read_line(&mut command), Ok(n) if n > 0) {
                return;
            }
            let tag = command.split(' ').next().unwrap_or_default();
            if tcp.get_mut().write_all(words.replace('$', tag).as_bytes()).is_err() {
                return;
            }
        }
        end(tcp, then);
    });
    (port, thread)
}

fn end(mut tcp: BufReader<TcpStream>, then: Then) {
    match then {
        Then::Leave => {}
        // Until the client leaves.
        Then::Silence => drop(std::io::copy(&mut tcp, &mut std::io::sink())),
        Then::Drip => {
            while tcp.get_mut().write_all(b"*").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Then::Flood(what) => while tcp.get_mut().write_all(what.as_bytes()).is_ok() {},
    }
}

/// A look that fails, and how long it took.
fn try_look(port: u16, security: Security, patience: Duration) -> (LookError, Duration) {
    let account = ImapAccount {
        host: "127.0.0.1".to_owned(),
        port,
        security,
        user: "me".to_owned(),
        by: Password::new("hunter2").into(),
        trust: Arc::new(Trust::system(&[])),
    };
    let token = Token::new("0123456789abcdefghijklmnop", None).unwrap();
    let begin = Instant::now();
    let error = look(&account, &[token], begin + patience).expect_err("such a server");
    (error, begin.elapsed())
}

/// Far below what a test may take, far above what a busy machine needs.
const SLACK: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn silence_ends_with_the_deadline_after_each_word() {
    let steps = ["its greeting", "the login", "abilities", "list of folders", "the folder", "it finds", "it finds"];
    let running: Vec<_> = steps
        .iter()
        .enumerate()
        .flat_map(|(said, step)| [(said, step, Then::Silence), (said, step, Then::Drip)])
        .map(|(said, step, then)| {
            let (port, server) = serve(&TALK[..said], then);
            let look = std::thread::spawn(move || try_look(port, Security::Plain, SHORT));
            (step, then, look, server)
        })
        .collect();
    for (step, then, look, server) in running {
        let (error, took) = look.join().unwrap();
        assert!(error.to_string().contains(step), "{step}: {error}");
        let (silent, slow) = (matches!(error.why, Why::Silent(_)), matches!(error.why, Why::Slow(_)));
        assert!(if matches!(then, Then::Silence) { silent } else { slow }, "{error:?}");
        assert!(took >= SHORT && took < SHORT + SLACK, "{took:?}");
        server.join().unwrap();
    }
}

#[test]
fn a_handshake_that_never_ends_is_ended() {
    let (port, server) = serve(&[], Then::Silence);
    let (error, took) = try_look(port, Security::Tls, SHORT);
    assert_eq!(error.why, Why::Silent("its TLS handshake".to_owned()));
    assert!(took < SHORT + SLACK, "{took:?}");
    server.join().unwrap();
    let (port, server) = serve(&["* OK no TLS here\r\n"], Then::Silence);
    let (error, _) = try_look(port, Security::Tls, LONG);
    assert!(error.to_string().contains("server does not speak TLS"), "{error}");
    server.join().unwrap();
}

#[test]
fn who_leaves_is_told_with_the_step() {
    for (said, step) in [(0, "its greeting"), (1, "the login"), (4, "the folder \"INBOX\""), (6, "what it finds")] {
        let (port, server) = serve(&TALK[..said], Then::Leave);
        let (error, took) = try_look(port, Security::Plain, LONG);
        assert!(matches!(error.why, Why::Lost(_)) && error.to_string().contains(step), "{error}");
        assert!(took < LONG, "{took:?}");
        server.join().unwrap();
    }
}

#[test]
fn floods_are_cut_long_before_the_deadline() {
    let cases: [(usize, &'static str); 7] = [
        (0, "x"),
        (0, "* OK hello\r\n* OK hello\r\n"),
        (1, "* 1 EXISTS\r\n"),
        (3, "* LIST () \"/\" {2000000000}\r\n"),
        (3, "* LIST () \"/\" a\r\n"),
        (5, "* SEARCH 1 2 3 4 5 6 7 8 9\r\n"),
        (6, "* 1 FETCH (UID 7 BODY[HEADER] {100000}\r\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"),
    ];
    for (said, flood) in cases {
        let (port, server) = serve(&TALK[..said], Then::Flood(flood));
        let (error, took) = try_look(port, Security::Plain, LONG);
        assert!(matches!(error.why, Why::TooMuch(..) | Why::Garbage(..)), "{flood:.30}: {error}");
        assert!(took < LONG, "{took:?}");
        server.join().unwrap();
    }
}
