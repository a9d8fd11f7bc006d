//! Lines and packets on a connection, before anything is encrypted (RFC 4253, 4.2 and 6). What comes is bounded.

use crate::end::End;
use crate::fields::Fields;
use checker_parts::quoted::quoted;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A packet need not be longer than this (RFC 4253, 6.1).
const PACKET_MAX: usize = 35_000;
/// All that a server may say. A key exchange takes some 2 KiB.
const SAID_MAX: usize = 128 * 1024;
/// A server may put lines before its identification; no more than this.
pub(crate) const GREETING_MAX: usize = 16 * 1024;

const DISCONNECT: u8 = 1;
/// Nothing that would change the exchange: ignore, unimplemented, debug, and extensions (RFC 8308).
const IN_PASSING: [u8; 4] = [2, 3, 4, 7];

/// A connection, and what came of the server but was not read yet.
pub(crate) struct Wire<S> {
    stream: S,
    came: Vec<u8>,
    total: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, came: Vec::new(), total: 0 }
    }

    /// What has come and is not read yet.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.came
    }

    async fn more(&mut self) -> Result<(), End> {
        let mut more = [0; 2_048];
        let count = self.stream.read(&mut more).await?;
        if count == 0 {
            return Err(End::Closed);
        }
        self.total += count;
        if self.total > SAID_MAX {
            return Err(End::Said(format!("says more than {} KiB during the key exchange", SAID_MAX / 1024)));
        }
        self.came.extend_from_slice(more.get(..count).unwrap_or_default());
        Ok(())
    }

    /// The next line of the greeting, without its end.
    pub(crate) async fn line(&mut self) -> Result<Vec<u8>, End> {
        loop {
            if let Some(end) = self.came.iter().position(|b| *b == b'\n') {
                let mut line: Vec<u8> = self.came.drain(..=end).collect();
                line.truncate(end);
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(line);
            }
            if self.total > GREETING_MAX {
                return Err(End::Said(format!(
                    "is no SSH server: it says {} KiB and no SSH identification, beginning with {}",
                    GREETING_MAX / 1024,
                    quoted(&self.came)
                )));
            }
            self.more().await?;
        }
    }

    /// The next message that matters: its number and its fields.
    pub(crate) async fn message(&mut self) -> Result<Vec<u8>, End> {
        loop {
            let message = self.packet().await?;
            match message.first() {
                Some(&DISCONNECT) => return Err(End::Said(disconnected(&message))),
                Some(number) if IN_PASSING.contains(number) => {}
                Some(_) => return Ok(message),
                None => return Err(End::Said("sends an empty packet".to_owned())),
            }
        }
    }

    async fn packet(&mut self) -> Result<Vec<u8>, End> {
        let head = loop {
            if let Some(head) = self.came.first_chunk::<4>() {
                break *head;
            }
            self.more().await?;
        };
        let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
        if !(2..=PACKET_MAX).contains(&length) {
            return Err(End::Said(format!(
                "does not go on as SSH does: instead of a packet comes {}",
                quoted(self.came.get(..64).unwrap_or(&self.came))
            )));
        }
        while self.came.len() < 4 + length {
            self.more().await?;
        }
        let packet: Vec<u8> = self.came.drain(..4 + length).skip(4).collect();
        let padding = packet.first().map_or(0, |p| usize::from(*p));
        let end = packet.len().checked_sub(padding).filter(|end| *end >= 1);
        end.and_then(|end| packet.get(1..end))
            .map(<[u8]>::to_vec)
            .ok_or_else(|| End::Said("sends a packet with more padding than there is of it".to_owned()))
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) -> Result<(), End> {
        self.stream.write_all(bytes).await?;
        Ok(self.stream.flush().await?)
    }

    /// Leaves as the protocol has it, so that the server's log calls it no error (RFC 4253, 11.1, reason 11), and waits
    /// until the server has closed too: who closes with something unread cuts the connection off instead.
    pub(crate) async fn leave(&mut self) -> Result<(), End> {
        let mut message = vec![DISCONNECT, 0, 0, 0, 11];
        crate::fields::put(&mut message, b"Checker has seen enough");
        crate::fields::put(&mut message, b"");
        self.say(&packet(&message)).await?;
        self.stream.shutdown().await?;
        loop {
            self.came.clear();
            self.more().await?;
        }
    }
}

fn disconnected(message: &[u8]) -> String {
    let mut fields = Fields(message.get(1..).unwrap_or_default());
    let (reason, text) = (fields.number().unwrap_or(0), fields.string().unwrap_or_default());
    format!("ends the talk: {} (reason {reason})", quoted(text))
}

/// `message` as a packet: its whole length is a multiple of eight.
pub(crate) fn packet(message: &[u8]) -> Vec<u8> {
    let padding = 4 + (8 - (4 + 1 + message.len() + 4) % 8) % 8;
    let length = 1 + message.len() + padding;
    let mut out = Vec::with_capacity(4 + length);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    out.push(u8::try_from(padding).unwrap_or(u8::MAX));
    out.extend_from_slice(message);
    out.resize(4 + length, 0);
    out
}
