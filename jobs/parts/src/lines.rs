//! The protocols that talk in lines, and what may come of it: SMTP, IMAP, POP3, FTP. What a server says is bounded.

use crate::hidden::Scrubber;
use crate::quoted::quoted;
use std::fmt;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A server that says more than this on one stream is none.
pub const SAID_MAX: usize = 64 * 1024;

/// Why a talk ended before its time.
#[derive(Debug)]
pub enum Stop {
    /// The connection broke.
    Broken(io::Error),
    /// What the server said or did, as the end of a sentence that begins with the server.
    Said(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "broke the connection: {error}"),
            Self::Said(what) => f.write_str(what),
        }
    }
}

/// Lines from a server, one after the other.
#[derive(Debug)]
pub struct Lines<'a, S> {
    stream: &'a mut S,
    came: Vec<u8>,
    total: usize,
    scrubber: Scrubber,
}

/// An answer of SMTP or FTP: three digits, and one line or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: String,
    /// What stands after the code.
    pub lines: Vec<String>,
}

impl Reply {
    /// Its first line, in quotes.
    pub fn shown(&self) -> String {
        quoted(format!("{} {}", self.code, self.lines.first().map_or("", String::as_str)).as_bytes())
    }

    /// All of it, in quotes: reasons mostly take several lines.
    pub fn quoted(&self) -> String {
        quoted(format!("{} {}", self.code, self.lines.join(" ")).as_bytes())
    }
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Lines<'a, S> {
    /// Those of this stream, of which nothing has been read.
    pub fn new(stream: &'a mut S) -> Self {
        Self { stream, came: Vec::new(), total: 0, scrubber: Scrubber::default() }
    }

    /// Without these secrets in what is told of the server's words. They are taken out before the words are cut short: half
    /// a secret is not found any more.
    #[must_use]
    pub fn hiding(self, scrubber: &Scrubber) -> Self {
        Self { scrubber: scrubber.clone(), ..self }
    }

    /// What the server said, in quotes.
    fn shown(&self, said: &[u8]) -> String {
        quoted(self.scrubber.scrub(String::from_utf8_lossy(said).into_owned()).as_bytes())
    }

    /// The next line, without its end.
    pub async fn line(&mut self) -> Result<String, Stop> {
        loop {
            if let Some(end) = self.came.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.came.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            let mut more = [0; 2_048];
            let count = self.stream.read(&mut more).await?;
            if count == 0 {
                let said =
                    if self.came.is_empty() { String::new() } else { format!(" after {}", self.shown(&self.came)) };
                return Err(Stop::Said(format!("closed the connection{said}")));
            }
            self.total += count;
            if self.total > SAID_MAX {
                let head = self.shown(&self.came);
                return Err(Stop::Said(format!("says more than {} KiB: {head}", SAID_MAX / 1024)));
            }
            self.came.extend_from_slice(more.get(..count).unwrap_or_default());
        }
    }

    /// Says one line, given without its end.
    pub async fn say(&mut self, line: &str) -> Result<(), Stop> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// The next reply of a protocol with three digits. The code of all its lines is the same (RFC 5321, 4.2.1): where it is
    /// not, each client would believe another one.
    pub async fn reply(&mut self, protocol: &str) -> Result<Reply, Stop> {
        let mut reply = Reply { code: String::new(), lines: Vec::new() };
        loop {
            let line = self.line().await?;
            let (code, rest) = line.split_at_checked(3).unwrap_or((&line, ""));
            let last = rest.is_empty() || rest.starts_with(' ');
            let is_code = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
            // FTP may have lines of any form between the first one and the last.
            let within = protocol == "FTP" && !reply.code.is_empty() && code != reply.code;
            let changes = !reply.code.is_empty() && code != reply.code;
            if !within && (changes || !(is_code && (last || rest.starts_with('-')))) {
                let line = self.shown(line.as_bytes());
                return Err(Stop::Said(format!("does not answer as {protocol} does, but with {line}")));
            }
            if within {
                continue;
            }
            code.clone_into(&mut reply.code);
            reply.lines.push(self.scrubber.scrub(rest.get(1..).unwrap_or_default().to_owned()));
            if last {
                return Ok(reply);
            }
        }
    }

    /// The first reply, which must have this code.
    pub async fn greeting(&mut self, protocol: &str, code: &str) -> Result<(), Stop> {
        let greeting = self.reply(protocol).await?;
        if greeting.code == code { Ok(()) } else { Err(Stop::Said(format!("greets with {}", greeting.shown()))) }
    }

    /// Nothing may have come after the server's consent.
    pub fn nothing_left(&self) -> Result<(), Stop> {
        if self.came.is_empty() { Ok(()) } else { Err(plain_text_after()) }
    }
}

pub(crate) fn plain_text_after() -> Stop {
    Stop::Said(
        "goes on in plain text after it has agreed to TLS: somebody on the way could slip in what is believed later"
            .to_owned(),
    )
}
