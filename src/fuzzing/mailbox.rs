//! What a mail server says while we look into a mailbox, or clean it up.

use super::{choice, holds, in_time, is_line};
use checker_parts::login::LoginBy;
use checker_parts::mailbox::{LookError, Password, Skipped, Token, clean_over, look_over};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

const TOKEN: &str = "0123456789abcdefghijklmnop";
const MESSAGE_ID: &str = "canary.1@alpha.example.com";
const PASSWORD: &str = "hunter2-of-the-mailbox";
/// Parts the answers to one command from those to the next.
const PART: u8 = 0x1e;
/// At the beginning of an answer: it comes many times.
const MANY: u8 = 0x1f;
/// A session never reads more: the limit of the module, and one buffer.
const READ_MAX: usize = (4 << 20) + 4_096;

/// A server that answers each command with the next part; `$` stands for the command's tag.
struct Server<'d> {
    answers: VecDeque<&'d [u8]>,
    ready: Vec<u8>,
    at: usize,
    said: Vec<u8>,
    seen: Rc<RefCell<Seen>>,
}

/// What the server has seen and said.
#[derive(Default)]
struct Seen {
    commands: Vec<String>,
    /// What was wrong with one of them.
    fault: Option<String>,
    /// Bytes that were taken.
    read: usize,
    /// Since a folder was opened for writing, something with our mark was handed out.
    showed: bool,
}

impl<'d> Server<'d> {
    fn new(data: &'d [u8], seen: Rc<RefCell<Seen>>) -> Self {
        let mut server =
            Self { answers: data.split(|b| *b == PART).collect(), ready: Vec::new(), at: 0, said: Vec::new(), seen };
        server.answer(b"a0");
        server
    }

    fn answer(&mut self, tag: &[u8]) {
        let answer = self.answers.pop_front().unwrap_or_default();
        let (times, answer) = match answer {
            [MANY, power, rest @ ..] => (1_usize << (power % 13), rest),
            other => (1, other),
        };
        self.ready.drain(..self.at);
        self.at = 0;
        for _ in 0..times {
            for byte in answer {
                if *byte == b'$' { self.ready.extend_from_slice(tag) } else { self.ready.push(*byte) }
            }
        }
        // A folded header may part it, so half of it is enough.
        let marks = [TOKEN.as_bytes().get(..8).unwrap_or_default(), MESSAGE_ID.as_bytes().get(..6).unwrap_or_default()];
        if marks.iter().any(|mark| holds(&self.ready, mark)) {
            self.seen.borrow_mut().showed = true;
        }
    }
}

impl Read for Server<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let ready = self.ready.get(self.at..).unwrap_or_default();
        let count = ready.len().min(buf.len());
        for (to, from) in buf.iter_mut().zip(ready) {
            *to = *from;
        }
        self.at += count;
        self.seen.borrow_mut().read += count;
        Ok(count)
    }
}

impl Write for Server<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.said.extend_from_slice(buf);
        if self.said.ends_with(b"\r\n") {
            let line = String::from_utf8_lossy(&self.said).into_owned();
            self.said.clear();
            let (tag, command) = line.split_once(' ').unwrap_or((&line, ""));
            let command = command.trim_end().to_owned();
            let fault = fault_of(&command, &self.seen.borrow());
            if fault.is_some() {
                self.seen.borrow_mut().fault = fault;
            }
            if command.starts_with("SELECT ") {
                self.seen.borrow_mut().showed = false;
            }
            self.seen.borrow_mut().commands.push(command);
            self.answer(tag.as_bytes());
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is wrong with a command, by what may be said to a server at all, and when. It is only noted: a panic within the session
/// is caught there.
fn fault_of(command: &str, seen: &Seen) -> Option<String> {
    let begins = [
        "LOGIN ",
        "CAPABILITY",
        "LIST ",
        "EXAMINE ",
        "SELECT ",
        "UID SEARCH ",
        "UID FETCH ",
        "UID STORE ",
        "UID EXPUNGE ",
        "NOOP",
        "LOGOUT",
    ];
    if !begins.iter().any(|b| command.starts_with(b)) {
        return Some(format!("a command that nobody meant: {command:?}"));
    }
    if command.contains(['\r', '\n', '\0']) {
        return Some(format!("more than one line: {command:?}"));
    }
    if let Some(set) = command.strip_prefix("UID STORE ") {
        if !seen.showed {
            return Some(format!("marked as deleted, without our token in the folder that is open: {command}"));
        }
        let (set, what) = set.split_once(' ').unwrap_or_default();
        let sound = what == "+FLAGS.SILENT (\\Deleted)" && set.split(',').all(|uid| uid.parse::<u32>().is_ok());
        return (!sound).then(|| format!("not just marked as deleted: {command}"));
    }
    let set = command.strip_prefix("UID EXPUNGE ")?;
    let stored = format!("UID STORE {set} +FLAGS");
    let marked = seen.commands.last().is_some_and(|c| c.starts_with(&stored));
    (!marked).then(|| format!("expunged what was not marked: {command}"))
}

/// `c`: a mailbox is cleaned up. Else it is looked at. The rest is what the server says, parts parted by 0x1e.
///
/// # Panics
/// If more is read than the limits allow, a look changes anything, anything without our token is removed, or the password or
/// a control character stands in what is told.
pub fn imap(data: &[u8]) {
    let (letter, rest) = choice(data);
    let seen = Rc::new(RefCell::new(Seen::default()));
    let server = Server::new(rest, Rc::clone(&seen));
    let Ok(token) = Token::new(TOKEN, Some(MESSAGE_ID)) else { unreachable!() };
    let (password, tokens) = (LoginBy::from(Password::new(PASSWORD)), [token]);
    let deadline = Instant::now() + Duration::from_secs(60);
    if letter == b'c' {
        let cleaned = in_time(|| clean_over(server, "me", &password, &tokens, deadline));
        match cleaned {
            Ok(cleaned) => {
                left_out(&cleaned.skipped);
                let commands = &seen.borrow().commands;
                let stored =
                    commands.iter().filter(|c| c.starts_with("UID EXPUNGE")).flat_map(|c| c.split(',')).count();
                assert!(cleaned.removed <= stored, "no more is gone than was removed: {cleaned:?}");
            }
            Err(error) => failed(&error),
        }
    } else {
        match in_time(|| look_over(server, "me", &password, &tokens, deadline)) {
            Ok(looked) => {
                left_out(&looked.skipped);
                assert!(looked.sightings.iter().all(|s| s.token == TOKEN && is_line(&s.folder)), "{looked:?}");
                assert!(looked.sightings.is_empty() || seen.borrow().showed, "found what nobody showed: {looked:?}");
            }
            Err(error) => failed(&error),
        }
        let writes = ["SELECT", "UID STORE", "UID EXPUNGE"];
        let seen = seen.borrow();
        assert!(!seen.commands.iter().any(|c| writes.iter().any(|w| c.starts_with(w))), "a look changes nothing");
    }
    assert_eq!(seen.borrow().fault, None);
    let read = seen.borrow().read;
    assert!(read <= READ_MAX, "{read} bytes were read");
}

fn left_out(skipped: &[Skipped]) {
    for skipped in skipped {
        told(&skipped.folder);
        told(&skipped.why);
    }
}

fn failed(error: &LookError) {
    told(&error.to_string());
}

fn told(text: &str) {
    assert!(is_line(text) && text.len() <= 3_000, "words for humans: {text:?}");
    assert!(!text.contains(PASSWORD), "the password is told: {text}");
}
