//! A small web server that records what it is sent and answers as it is told, with or without TLS.

use crate::support::tls::Identity;
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How it answers.
#[derive(Clone, Debug)]
pub(super) enum Manner {
    /// With this status line, these header lines and this body.
    Says(&'static str, String, String),
    /// It takes the request and says nothing, for a minute.
    Hangs,
    /// Bytes that are no HTTP.
    Garbage,
    /// A body without end.
    Endless(&'static str),
    /// It closes the connection at once.
    Closes,
}

impl Manner {
    pub(super) fn says(status: &'static str) -> Self {
        Self::Says(status, String::new(), String::new())
    }
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Got {
    /// `POST /path?query`
    pub(super) line: String,
    /// By lower-case name.
    pub(super) head: BTreeMap<String, String>,
    pub(super) body: String,
    pub(super) at: Instant,
}

struct State {
    manner: Manner,
    got: Vec<Got>,
}

#[derive(Clone)]
pub(super) struct Hook {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

impl Hook {
    pub(super) fn start(manner: Manner) -> Self {
        Self::listen(manner, None)
    }

    pub(super) fn with_tls(manner: Manner, identity: &Identity) -> Self {
        Self::listen(manner, Some(identity.server()))
    }

    fn listen(manner: Manner, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let hook = Self { port, state: Arc::new(Mutex::new(State { manner, got: Vec::new() })) };
        let served = hook.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (hook, tls) = (served.clone(), tls.clone());
                // A client that goes away is part of what is tried.
                std::thread::spawn(move || drop(hook.take(stream, tls)));
            }
        });
        hook
    }

    pub(super) fn set(&self, manner: Manner) {
        self.state.lock().expect("the state").manner = manner;
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.state.lock().expect("the state").got.clone()
    }

    /// The titles that ntfy would show, short.
    pub(super) fn titles(&self) -> Vec<String> {
        self.got().iter().map(|g| super::short(g.head.get("title").map_or("", String::as_str))).collect()
    }

    fn take(&self, stream: TcpStream, tls: Option<Arc<rustls::ServerConfig>>) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        match tls {
            None => self.serve(stream),
            Some(config) => {
                let connection = rustls::ServerConnection::new(config).map_err(io::Error::other)?;
                self.serve(rustls::StreamOwned::new(connection, stream))
            }
        }
    }

    fn serve(&self, stream: impl Read + Write) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut head = BTreeMap::new();
        loop {
            let mut bytes = Vec::new();
            reader.read_until(b'\n', &mut bytes)?;
            let text = String::from_utf8_lossy(&bytes);
            let Some((name, value)) = text.trim_end().split_once(':') else { break };
            head.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let length = head.get("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        let got = Got { line, head, body: String::from_utf8_lossy(&body).into_owned(), at: Instant::now() };
        let manner = {
            let mut state = self.state.lock().expect("the state");
            state.got.push(got);
            state.manner.clone()
        };
        let out = reader.get_mut();
        match manner {
            Manner::Says(status, head, body) => {
                let length = body.len();
                write!(out, "HTTP/1.1 {status}\r\n{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}")?;
            }
            Manner::Hangs => std::thread::sleep(Duration::from_secs(60)),
            Manner::Garbage => write!(out, "\u{1}\u{2}what is this\r\n\r\n")?,
            Manner::Endless(status) => {
                write!(out, "HTTP/1.1 {status}\r\nconnection: close\r\n\r\n")?;
                loop {
                    out.write_all(&[b'x'; 4_096])?;
                }
            }
            Manner::Closes => {}
        }
        out.flush()
    }
}
