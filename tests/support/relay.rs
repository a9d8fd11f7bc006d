//! Stands between a pass and a real mail server, and notes when what happened. It hands on what either side says, one
//! command and one answer at a time, and adds nothing.

use super::binary::Mail;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A message that the server took over.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub mail: Mail,
    /// When the server said so; the pass has heard it a moment later, if it lives.
    pub at: Instant,
}

#[derive(Debug, Default)]
struct Seen {
    connected: Option<Instant>,
    /// Connections that are open.
    open: usize,
    accepted: Vec<Accepted>,
}

#[derive(Clone, Debug)]
pub struct Relay {
    pub port: u16,
    server: u16,
    seen: Arc<Mutex<Seen>>,
}

impl Relay {
    /// Relays to the mail server at `server`, which speaks without TLS.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let relay = Self { port, server, seen: Arc::default() };
        let mine = relay.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let relay = mine.clone();
                {
                    let mut seen = relay.seen.lock().expect("the relay");
                    seen.connected = Some(Instant::now());
                    seen.open += 1;
                }
                std::thread::spawn(move || {
                    // A client that is gone is what this is for.
                    drop(relay.serve(&stream));
                    relay.seen.lock().expect("the relay").open -= 1;
                });
            }
        });
        relay
    }

    /// Every message that the server took over, in order, repeats included; also what it is just about to take over.
    pub fn all_accepted(&self) -> Vec<Accepted> {
        let over = || (self.seen.lock().expect("the relay").open == 0).then_some(());
        super::wait_until(Duration::from_secs(30), over).expect("the connections of passes that are dead end");
        self.accepted()
    }

    /// Every message that the server has taken over by now.
    pub fn accepted(&self) -> Vec<Accepted> {
        self.seen.lock().expect("the relay").accepted.clone()
    }

    /// Forgets what the server took over.
    pub fn forget(&self) {
        self.seen.lock().expect("the relay").accepted.clear();
    }

    /// When a pass connected last.
    pub fn connected(&self) -> Option<Instant> {
        self.seen.lock().expect("the relay").connected
    }

    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.server))?;
        for stream in [client, &server] {
            stream.set_nodelay(true)?;
        }
        let (mut from_client, mut from_server) = (BufReader::new(client), BufReader::new(&server));
        let (mut client, mut server) = (client, &server);
        client.write_all(answer(&mut from_server)?.as_bytes())?;
        loop {
            let command = line(&mut from_client)?;
            server.write_all(command.as_bytes())?;
            let said = answer(&mut from_server)?;
            client.write_all(said.as_bytes())?;
            if !said.starts_with("354") {
                continue;
            }
            let text = text(&mut from_client)?;
            server.write_all(text.as_bytes())?;
            let said = answer(&mut from_server)?;
            if said.starts_with("250") {
                let mail = Mail::of(&text);
                self.seen.lock().expect("the relay").accepted.push(Accepted { mail, at: Instant::now() });
            }
            client.write_all(said.as_bytes())?;
        }
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 || !line.ends_with('\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line)
}

/// All lines of an answer.
fn answer(from: &mut impl BufRead) -> io::Result<String> {
    let mut whole = String::new();
    loop {
        let one = line(from)?;
        whole.push_str(&one);
        if one.as_bytes().get(3) != Some(&b'-') {
            return Ok(whole);
        }
    }
}

/// A message, with the dot that ends it.
fn text(from: &mut impl BufRead) -> io::Result<String> {
    let mut whole = String::new();
    loop {
        let one = line(from)?;
        whole.push_str(&one);
        if one == ".\r\n" {
            return Ok(whole);
        }
    }
}
