//! A mail server that takes everything, and can end the pass that is talking to it at a chosen moment.

use crate::support::binary::Mail;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// When the pass is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// It has connected: its messages are committed and none has left.
    Connected,
    /// A message has arrived whole, and is not accepted.
    Sending,
    /// A message is accepted, and the pass cannot have marked it: it was stopped before it could read the answer.
    Accepted,
}

#[derive(Debug, Default)]
struct Inner {
    /// Every message that was accepted, repeats included.
    accepted: Vec<String>,
    trap: Option<(Moment, u32)>,
    sprung: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Sink {
    pub(super) port: u16,
    inner: Arc<Mutex<Inner>>,
}

impl Sink {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let sink = Self { port, inner };
        let served = sink.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sink = served.clone();
                // A client that is gone is what this is for.
                std::thread::spawn(move || drop(sink.serve(stream)));
            }
        });
        sink
    }

    /// Ends the process `pid` at this moment, once.
    pub(super) fn arm(&self, moment: Moment, pid: u32) {
        let mut inner = self.inner.lock().expect("the sink");
        inner.trap = Some((moment, pid));
        inner.sprung = false;
    }

    /// Whether the trap was sprung. It is taken away.
    pub(super) fn disarm(&self) -> bool {
        let mut inner = self.inner.lock().expect("the sink");
        inner.trap = None;
        inner.sprung
    }

    /// Every message that was accepted, in order, repeats included.
    pub(super) fn accepted(&self) -> Vec<Mail> {
        self.inner.lock().expect("the sink").accepted.iter().map(|raw| Mail::of(raw)).collect()
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        if self.springs(Moment::Connected) {
            return Ok(());
        }
        stream.write_all(b"220 sink ESMTP\r\n")?;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let answer: &[u8] = match line.split([' ', '\r']).next().unwrap_or_default().to_uppercase().as_str() {
                "EHLO" => b"250-sink\r\n250 8BITMIME\r\n",
                "DATA" => {
                    stream.write_all(b"354 go on\r\n")?;
                    let message = read_message(&mut reader)?;
                    if self.springs(Moment::Sending) {
                        return Ok(());
                    }
                    self.accept(message, &mut stream)?;
                    continue;
                }
                "QUIT" => b"221 bye\r\n",
                _ => b"250 ok\r\n",
            };
            stream.write_all(answer)?;
        }
    }

    /// Takes a message over, and answers.
    fn accept(&self, message: String, stream: &mut TcpStream) -> io::Result<()> {
        let mut inner = self.inner.lock().expect("the sink");
        inner.accepted.push(message);
        let trapped = inner.trap.take_if(|(moment, _)| *moment == Moment::Accepted);
        if let Some((_, pid)) = trapped {
            inner.sprung = true;
            send(pid, Signal::SIGSTOP);
            while !is_stopped(pid) {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            stream.write_all(b"250 2.0.0 accepted\r\n")?;
            send(pid, Signal::SIGKILL);
            return Ok(());
        }
        drop(inner);
        stream.write_all(b"250 2.0.0 accepted\r\n")
    }

    fn springs(&self, here: Moment) -> bool {
        let mut inner = self.inner.lock().expect("the sink");
        let Some((_, pid)) = inner.trap.take_if(|(moment, _)| *moment == here) else {
            return false;
        };
        inner.sprung = true;
        send(pid, Signal::SIGKILL);
        true
    }
}

/// The child is not reaped before the test has seen it end, so its number is its own.
pub(super) fn send(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.cast_signed()), signal).expect("a signal");
}

fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name stands in brackets and may hold anything.
    stat.rsplit_once(')')
        .is_none_or(|(_, rest)| matches!(rest.trim_start().as_bytes().first(), Some(b'T' | b'Z') | None))
}

fn read_message(reader: &mut impl BufRead) -> io::Result<String> {
    let mut message = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(message);
        }
        message.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
