//! What a mail server says while it is given a message.

use super::{choice, in_time, is_line};
use crate::channel::mail::{Letter, Login, Security, Server, carry_in_clear};
use crate::decide::SendResult;
use checker_parts::mailbox::Password;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

const PASSWORD: &str = "hunter2-of-the-mailer";
const TEXT: &str = "Subject: x\r\n\r\n.a line with a dot\r\n";
/// Replies are cut to this many characters, and stand within a sentence of ours.
const WORDS_MAX: usize = 1_200;

/// A server on loopback: what it shall say, and what it has heard.
struct Stub {
    port: u16,
    say: Sender<Vec<u8>>,
    heard: Receiver<Vec<u8>>,
}

/// `l`: with a login, which a real session would not do in the clear. `2`: two letters over one connection. The rest is all
/// that the server says; then it ends its side. What a library panics over is caught, as the thread of a mailer does.
///
/// # Panics
/// If a message counts as accepted that the server did not accept, if more than one connection is made for it, or if the
/// password or a control character stands in what is told.
pub fn smtp(data: &[u8]) {
    let (letter, rest) = choice(data);
    let one = Letter { from: address("watch@checker.test"), to: address("oncall@checker.test"), bytes: TEXT.into() };
    let login = (letter == b'l').then(|| Login { user: "watch".to_owned(), by: Password::new(PASSWORD).into() });
    let letters = if letter == b'2' { vec![one.clone(), one] } else { vec![one] };
    let stub = stub().lock().unwrap_or_else(PoisonError::into_inner);
    let table = "[email.smtp]".to_owned();
    let server =
        Server { host: "127.0.0.1".to_owned(), port: stub.port, security: Security::None, login, ca: None, table };
    assert!(stub.say.send(rest.to_vec()).is_ok());
    let carry = AssertUnwindSafe(|| carry_in_clear(&server, &letters, Duration::from_secs(5)));
    let carried = in_time(|| catch_unwind(carry)).unwrap_or_default();
    let Ok(heard) = stub.heard.recv() else { unreachable!("the server answers") };
    drop(stub);
    judge(&carried, rest, &heard, letter == b'l');
}

fn judge(carried: &[Result<SendResult, String>], said: &[u8], heard: &[u8], login: bool) {
    let mut accepted = 0;
    for result in carried {
        let words = match result {
            Ok(SendResult::Accepted { answer }) => {
                accepted += 1;
                assert!(answer.starts_with("250 "), "{answer}");
                answer
            }
            Ok(SendResult::Later { why } | SendResult::Refused { why }) | Err(why) => why,
        };
        assert!(is_line(words) && words.chars().count() <= WORDS_MAX, "words for humans: {words:?}");
        assert!(!login || !words.contains(PASSWORD), "the password is told: {words}");
    }
    assert!(accepted <= agreed(said, login), "accepted without the server's word for each step");
    let texts = heard.windows(5).filter(|w| w == b"\r\n.\r\n").count();
    assert!(accepted <= texts, "what is accepted was sent");
    // The dot at the beginning of a line is doubled, so that it ends nothing.
    assert!(accepted == 0 || heard.windows(4).any(|w| w == b"\n..a"), "the text arrives as it is");
    assert!(login || !heard.windows(4).any(|w| w == b"AUTH"), "no login was asked for");
}

/// So many letters at most the server has agreed to take, by the codes of its replies alone: greeting and EHLO, the login, then
/// for each letter sender, recipient, 354, and 250 behind the text.
fn agreed(said: &[u8], login: bool) -> usize {
    let text = String::from_utf8_lossy(said);
    let last = text.split("\r\n").filter(|line| line.as_bytes().get(3) == Some(&b' '));
    let codes: Vec<u16> = last.filter_map(|line| line.get(..3)?.parse().ok()).collect();
    let mut codes = codes.as_slice();
    let polite = codes.iter().take(2).filter(|code| (200..400).contains(*code)).count();
    codes = codes.get(2..).unwrap_or_default();
    if login {
        let asked = codes.iter().take_while(|code| **code == 334).count();
        codes = codes.get(asked..).unwrap_or_default();
        let Some((235, rest)) = codes.split_first() else { return 0 };
        codes = rest;
    }
    let takes = |step: &[u16]| matches!(step, [200..300, 200..300, 354, 250]);
    // The second letter may come behind anything that the first one met.
    let first = usize::from(codes.get(..4).is_some_and(takes));
    let later = codes.windows(4).skip(1).filter(|step| takes(step)).count();
    if polite == 2 { first + later } else { 0 }
}

fn address(text: &str) -> lettre::Address {
    text.parse().unwrap_or_else(|why| unreachable!("{why}"))
}

fn stub() -> &'static Mutex<Stub> {
    static STUB: OnceLock<Mutex<Stub>> = OnceLock::new();
    STUB.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|why| unreachable!("{why}"));
        let port = listener.local_addr().map_or(0, |a| a.port());
        let (say, says) = channel();
        let (tells, heard) = channel();
        std::thread::spawn(move || serve(&listener, &says, &tells));
        Mutex::new(Stub { port, say, heard })
    })
}

/// Says all at once, ends its side, and listens until the other side ends as well. Who comes a second time is sent away.
fn serve(listener: &TcpListener, says: &Receiver<Vec<u8>>, tells: &Sender<Vec<u8>>) {
    while let Ok((stream, _)) = listener.accept() {
        let Ok(words) = says.try_recv() else { continue };
        if tells.send(talk(stream, &words)).is_err() {
            return;
        }
    }
}

fn talk(mut stream: TcpStream, words: &[u8]) -> Vec<u8> {
    let mut heard = Vec::new();
    // They may hang up first.
    if stream.write_all(words).is_ok() && stream.shutdown(Shutdown::Write).is_ok() {
        stream.read_to_end(&mut heard).ok();
    }
    heard
}
