//! Stands between the imap crate and the stream: counts, asks for the time, and lets through only what is sound.

use super::error::clean_words;
use super::mend::{self, Verdict};
use super::until::Until;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

/// Bytes that a whole session may bring.
pub(super) const SESSION_MAX: usize = 4 << 20;
/// Bytes of lines in the answer to one command, literals not counted.
const REPLY_MAX: usize = 256 << 10;
/// The same for what is told of messages, of which the crate makes a hundred times as much in memory. We ask for eight at once.
const FETCH_MAX: usize = 16 << 10;
/// One line. The longest that is needed is the list of found messages.
const LINE_MAX: usize = 64 << 10;
/// One literal: we ask for 64 KiB at most.
const LITERAL_MAX: u64 = 128 << 10;
/// Literals in one reply; what we ask for has one.
const LITERALS_MAX: usize = 8;

/// Why the guard ends a session. Travels inside an error of IO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The time is over; whether anything came since our last word.
    Late { heard: bool },
    /// More than a limit, which it names.
    TooMuch(String),
    /// The server said goodbye. Holds its words.
    Bye(String),
    /// The greeting is none. Holds how it begins.
    NotImap(String),
    /// What would do harm.
    Harm(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Stop {}

impl Stop {
    /// The reason in an error of IO, if the guard gave it.
    pub(super) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

enum State {
    /// The first line of all.
    Greeting,
    /// The first line of a reply.
    First,
    /// A literal with this many bytes to come; whether it is handed on.
    Literal(u64, bool),
    /// What follows a literal; whether it is handed on.
    Rest(bool),
}

pub(super) struct Guard<S> {
    inner: S,
    until: Until,
    state: State,
    /// What came and was not looked at, from `at` on.
    raw: Vec<u8>,
    at: usize,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// What is handed on, from `out_at` on.
    out: Vec<u8>,
    out_at: usize,
    session: usize,
    reply: usize,
    fetched: usize,
    literals: usize,
    heard: bool,
    requests: Rc<Requests>,
}

/// Requests of the server to go on: whether they are handed on, and what it said instead of the last one.
#[derive(Default)]
pub(super) struct Requests {
    on: Cell<bool>,
    refusal: RefCell<String>,
}

impl Requests {
    /// From now on they are, or are not.
    pub(super) fn set(&self, on: bool) {
        self.on.set(on);
        if on {
            self.refusal.take();
        }
    }

    /// The words with which the server ended the command, in place of a request.
    pub(super) fn refusal(&self) -> String {
        let line = self.refusal.borrow();
        let mut words = line.splitn(3, ' ').skip(1);
        let verdict = words.next().unwrap_or_default();
        let said = words.next().unwrap_or_default().trim();
        if said.is_empty() { format!("{verdict}, and it does not say why") } else { said.to_owned() }
    }

    /// The crate takes the first line after such a command for the request, whatever it is; and servers may tell of new messages
    /// at any time.
    fn hides(&self, line: &[u8]) -> bool {
        self.on.get() && line.starts_with(b"* ") && mend::is_exists(line)
    }

    fn hear(&self, line: &[u8]) {
        if self.on.get() && !line.starts_with(b"* ") && !line.starts_with(b"+") {
            self.refusal.replace(String::from_utf8_lossy(line).into_owned());
        }
    }
}

impl<S: Read + Write> Guard<S> {
    pub(super) fn new(inner: S, until: Until) -> Self {
        Self {
            inner,
            until,
            state: State::Greeting,
            raw: Vec::new(),
            at: 0,
            line: Vec::new(),
            out: Vec::new(),
            out_at: 0,
            session: 0,
            reply: 0,
            fetched: 0,
            literals: 0,
            heard: false,
            requests: Rc::default(),
        }
    }

    /// Whether requests of the server are handed on. Only a login in several steps answers them, and who puts a message there.
    pub(super) fn requests(&self) -> Rc<Requests> {
        Rc::clone(&self.requests)
    }

    fn late(&self) -> io::Error {
        stop(Stop::Late { heard: self.heard })
    }

    /// Reads more. `false`: there is no more.
    fn fill(&mut self) -> io::Result<bool> {
        self.raw.resize(4096, 0);
        self.at = 0;
        let read = loop {
            if self.until.left().is_none() {
                self.raw.clear();
                return Err(self.late());
            }
            match self.inner.read(&mut self.raw) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.raw.truncate(*read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.heard = true;
                self.session += count;
                if self.session > SESSION_MAX {
                    return Err(too_much(format!("more than {} MiB in one session", SESSION_MAX >> 20)));
                }
                Ok(true)
            }
            Err(e) if matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => Err(self.late()),
            Err(e) => Err(e),
        }
    }

    /// Moves on by a line or a part of a literal. `false`: there is no more.
    fn step(&mut self) -> io::Result<bool> {
        if self.until.left().is_none() {
            return Err(self.late());
        }
        if self.at >= self.raw.len() && !self.fill()? {
            return Ok(false);
        }
        let came = self.raw.get(self.at..).unwrap_or_default();
        if let State::Literal(left, keep) = self.state {
            let count = came.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if keep {
                self.out.extend_from_slice(came.get(..count).unwrap_or_default());
            }
            self.at += count;
            let left = left.saturating_sub(count as u64);
            self.state = if left == 0 { State::Rest(keep) } else { State::Literal(left, keep) };
            return Ok(true);
        }
        let end = came.iter().position(|&b| b == b'\n');
        let count = end.map_or(came.len(), |at| at + 1);
        self.line.extend_from_slice(came.get(..count).unwrap_or_default());
        self.at += count;
        self.reply += count;
        if self.line.len() > LINE_MAX {
            return Err(too_much(format!("a line of more than {} KiB", LINE_MAX >> 10)));
        }
        if self.reply > REPLY_MAX {
            return Err(too_much(format!("an answer of more than {} KiB", REPLY_MAX >> 10)));
        }
        if end.is_some() {
            let line = std::mem::take(&mut self.line);
            self.judge(line.trim_ascii_end())?;
        }
        Ok(true)
    }

    /// Decides what becomes of a whole line.
    fn judge(&mut self, line: &[u8]) -> io::Result<()> {
        let (verdict, may_have_literal) = match self.state {
            State::Greeting => {
                self.state = State::First;
                return self.greeting(line);
            }
            State::Rest(true) => (mend::rest(line), true),
            State::Rest(false) => (Verdict::Drop, true),
            _ if self.requests.on.get() && line.starts_with(b"+") => (mend::request(line), false),
            _ if self.requests.hides(line) => (Verdict::Drop, false),
            _ => {
                self.requests.hear(line);
                self.literals = 0;
                (mend::first(line), !mend::has_words(line))
            }
        };
        let keep = match verdict {
            Verdict::Keep(out) => {
                if matches!(self.state, State::Rest(_)) || mend::is_fetch(line) {
                    self.fetched += out.len();
                }
                if self.fetched > FETCH_MAX {
                    return Err(too_much(format!("more than {} KiB about messages", FETCH_MAX >> 10)));
                }
                self.out.extend_from_slice(&out);
                true
            }
            Verdict::Drop => false,
            Verdict::Bye(words) => return Err(stop(Stop::Bye(words))),
            Verdict::Harm(what) => return Err(stop(Stop::Harm(what))),
        };
        self.state = match mend::literal(line).filter(|_| may_have_literal) {
            Some(size) => self.literal(size, keep)?,
            None => State::First,
        };
        Ok(())
    }

    fn literal(&mut self, size: u64, keep: bool) -> io::Result<State> {
        self.literals += 1;
        if size > LITERAL_MAX {
            return Err(too_much(format!("it announces {size} bytes; at most {} KiB are taken", LITERAL_MAX >> 10)));
        }
        if self.literals > LITERALS_MAX {
            return Err(too_much(format!("more than {LITERALS_MAX} literals in one reply")));
        }
        Ok(if size == 0 { State::Rest(keep) } else { State::Literal(size, keep) })
    }

    fn greeting(&mut self, line: &[u8]) -> io::Result<()> {
        let upper = line.to_ascii_uppercase();
        if upper.starts_with(b"* BYE") {
            return Err(stop(Stop::Bye(clean_words(line.get(5..).unwrap_or_default()))));
        }
        if !upper.starts_with(b"* OK") {
            return Err(stop(Stop::NotImap(clean_words(line.get(..line.len().min(60)).unwrap_or_default()))));
        }
        self.out.extend_from_slice(b"* OK\r\n");
        Ok(())
    }
}

fn stop(why: Stop) -> io::Error {
    io::Error::other(why)
}

fn too_much(limit: String) -> io::Error {
    stop(Stop::TooMuch(limit))
}

impl<S: Read + Write> Read for Guard<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.out_at >= self.out.len() {
            self.out.clear();
            self.out_at = 0;
            if !self.step()? {
                return Ok(0);
            }
        }
        let ready = self.out.get(self.out_at..).unwrap_or_default();
        let count = ready.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), ready.get(..count)) {
            to.copy_from_slice(from);
        }
        self.out_at += count;
        Ok(count)
    }
}

impl<S: Read + Write> Write for Guard<S> {
    /// A new command begins, with an answer of its own.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.reply = 0;
        self.fetched = 0;
        self.heard = false;
        if self.until.left().is_none() {
            return Err(self.late());
        }
        self.inner.write(buf).map_err(|e| if e.kind() == ErrorKind::TimedOut { self.late() } else { e })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
