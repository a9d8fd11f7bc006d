//! Reads what a child prints, and writes what it reads.

use super::Captured;
use super::group::Group;
use std::io;
use std::os::fd::OwnedFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};

/// The child printed more than a sane program does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flood;

/// One stream of the child: its first bytes are kept, the others are only counted.
struct Stream {
    pipe: Option<Receiver>,
    kept: Vec<u8>,
    max: usize,
    read: u64,
    flood: u64,
}

impl Stream {
    fn new(pipe: Option<OwnedFd>, max: usize, flood: u64) -> io::Result<Self> {
        Ok(Self { pipe: pipe.map(Receiver::from_owned_fd).transpose()?, kept: Vec::new(), max, read: 0, flood })
    }

    async fn run(&mut self) -> Result<(), Flood> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(());
        };
        let mut buffer = vec![0; 8 * 1024];
        loop {
            // An error of a pipe is its end: there is nothing more to be had.
            let n = pipe.read(&mut buffer).await.unwrap_or(0);
            if n == 0 {
                return Ok(());
            }
            let room = self.max.saturating_sub(self.kept.len()).min(n);
            self.kept.extend(buffer.get(..room).unwrap_or_default());
            self.read = self.read.saturating_add(n as u64);
            if self.read > self.flood {
                return Err(Flood);
            }
        }
    }

    fn captured(self) -> Captured {
        Captured {
            truncated: self.read > self.kept.len() as u64,
            text: String::from_utf8_lossy(&self.kept).into_owned(),
        }
    }
}

/// All pipes of one child.
pub(super) struct Pump {
    out: Stream,
    err: Stream,
    input: Option<(Sender, Vec<u8>)>,
}

impl Pump {
    /// Takes the pipes of `group`. Must be called inside a runtime.
    pub(super) fn new(group: &mut Group, input: &[u8], max: usize, flood: u64) -> io::Result<Self> {
        let (stdin, stdout, stderr) = group.pipes();
        let stdin = stdin.map(Sender::from_owned_fd).transpose()?;
        Ok(Self {
            out: Stream::new(stdout, max, flood)?,
            err: Stream::new(stderr, max, flood)?,
            input: stdin.map(|pipe| (pipe, input.to_vec())),
        })
    }

    /// Until both streams have ended.
    pub(super) async fn run(&mut self) -> Result<(), Flood> {
        let Self { out, err, input } = self;
        let write = async {
            if let Some((mut pipe, bytes)) = input.take() {
                // A child need not read its input; that it closed the pipe is no fault.
                pipe.write_all(&bytes).await.ok();
            }
            Ok(())
        };
        tokio::try_join!(out.run(), err.run(), write).map(|_| ())
    }

    /// What was read so far of stdout and stderr.
    pub(super) fn captured(self) -> (Captured, Captured) {
        (self.out.captured(), self.err.captured())
    }
}
