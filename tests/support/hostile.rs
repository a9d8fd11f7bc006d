//! Mail servers that misbehave, each in its own way.

use super::tls::Identity;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How a server behaves.
#[derive(Clone)]
pub struct Manners {
    /// `None`: it takes connections and says nothing.
    pub greeting: Option<&'static str>,
    /// It writes one byte of its greeting at a time, with this pause, for ever.
    pub drip: Option<Duration>,
    /// The whole answer to EHLO; STARTTLS is added where there is a certificate. `None`: it ends the connection.
    pub ehlo: Option<&'static str>,
    /// The certificate for STARTTLS.
    pub starttls: Option<Identity>,
    /// Put right behind the answer to STARTTLS, before TLS begins: what a man in the middle can do.
    pub injected: &'static str,
    /// Commands and the answers to them; what is not here is answered with 250, DATA with 354. An empty answer ends the
    /// connection.
    pub answers: Vec<(&'static str, &'static str)>,
    /// The answer to the text; an empty one ends the connection, `None` is silence.
    pub verdict: Option<&'static str>,
    /// It ends a connection with 421 after this many messages.
    pub messages: usize,
}

impl Default for Manners {
    /// A polite server.
    fn default() -> Self {
        Self {
            greeting: Some("220 hostile ESMTP\r\n"),
            drip: None,
            ehlo: Some("250 hostile\r\n"),
            starttls: None,
            injected: "",
            answers: Vec::new(),
            verdict: Some("250 2.0.0 queued\r\n"),
            messages: usize::MAX,
        }
    }
}

/// What a server has seen.
#[derive(Default)]
pub struct Seen {
    pub connections: usize,
    pub commands: Vec<String>,
    /// Whole texts, dots unstuffed.
    pub texts: Vec<String>,
}

pub struct Hostile {
    pub port: u16,
    at: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Hostile {
    pub fn start(manners: Manners) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), manners)
    }

    /// The same at an address of this host; port 0 is a free one.
    pub fn start_at(at: SocketAddr, manners: Manners) -> Self {
        let listener = TcpListener::bind(at).expect("a free port");
        let at = listener.local_addr().expect("its address");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (seen, stop) = (seen.clone(), stop.clone());
            move || {
                for tcp in listener.incoming().flatten() {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    tcp.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
                    seen.lock().expect("no panic").connections += 1;
                    let (manners, seen, stop) = (manners.clone(), seen.clone(), stop.clone());
                    std::thread::spawn(move || serve(tcp, &manners, &seen, &stop));
                }
            }
        });
        Self { at, port: at.port(), seen, stop, thread: Some(thread) }
    }

    /// Looks at what came.
    pub fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().expect("no panic"))
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        TcpStream::connect(self.at).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Any I/O error means that the client has left.
fn serve(tcp: TcpStream, manners: &Manners, seen: &Mutex<Seen>, stop: &AtomicBool) {
    let Some(greeting) = manners.greeting else {
        return idle(stop);
    };
    let mut plain = tcp.try_clone().expect("a second handle");
    if let Some(pause) = manners.drip {
        while !stop.load(Ordering::SeqCst) && plain.write_all(b"2").is_ok() {
            std::thread::sleep(pause);
        }
        return;
    }
    if plain.write_all(greeting.as_bytes()).is_err() {
        return;
    }
    let mut talk = Talk { manners, seen, stop, texts: 0, tls: false };
    if !talk.run(Box::new(tcp)) {
        return;
    }
    // It said STARTTLS.
    let identity = manners.starttls.as_ref().expect("a certificate");
    let tls = rustls::ServerConnection::new(identity.server()).expect("TLS");
    talk.tls = true;
    talk.run(Box::new(rustls::StreamOwned::new(tls, plain)));
}

fn idle(stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

struct Talk<'a> {
    manners: &'a Manners,
    seen: &'a Mutex<Seen>,
    stop: &'a AtomicBool,
    texts: usize,
    tls: bool,
}

impl Talk<'_> {
    /// True if TLS is to begin.
    fn run(&mut self, stream: Box<dyn Stream + '_>) -> bool {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while matches!(stream.read_line(&mut line), Ok(n) if n > 0) {
            let command = std::mem::take(&mut line).trim_end().to_owned();
            self.seen.lock().expect("no panic").commands.push(command.clone());
            let Some(answer) = self.answer(&command) else { return false };
            let starttls = command == "STARTTLS" && answer.starts_with("220");
            let sent = stream.get_mut().write_all(answer.as_bytes()).and_then(|()| stream.get_mut().flush());
            if sent.is_err() || answer.starts_with("421") || command == "QUIT" {
                return false;
            }
            if starttls {
                return true;
            }
            if answer.starts_with("354") && !self.text(&mut stream) {
                return false;
            }
        }
        false
    }

    fn answer(&self, command: &str) -> Option<String> {
        let said = self.manners.answers.iter().find(|(verb, _)| command.starts_with(verb));
        if let Some((_, answer)) = said {
            return (!answer.is_empty()).then(|| (*answer).to_owned());
        }
        if self.texts >= self.manners.messages {
            return Some("421 4.7.0 enough for this connection\r\n".to_owned());
        }
        Some(match command.split(' ').next().unwrap_or_default() {
            "EHLO" => {
                let offer = if self.manners.starttls.is_some() && !self.tls { "250-STARTTLS\r\n" } else { "" };
                let ehlo = self.manners.ehlo?;
                if offer.is_empty() { ehlo.to_owned() } else { format!("250-hostile\r\n{offer}{ehlo}") }
            }
            "STARTTLS" => format!("220 go ahead\r\n{}", self.manners.injected),
            "DATA" => "354 go on\r\n".to_owned(),
            "QUIT" => "221 bye\r\n".to_owned(),
            _ => "250 ok\r\n".to_owned(),
        })
    }

    /// Reads a text and judges it. False ends the connection.
    fn text(&mut self, stream: &mut BufReader<Box<dyn Stream + '_>>) -> bool {
        let mut text = String::new();
        let mut line = String::new();
        loop {
            line.clear();
            if !matches!(stream.read_line(&mut line), Ok(n) if n > 0) {
                return false;
            }
            if line == ".\r\n" {
                break;
            }
            text += line.strip_prefix('.').unwrap_or(&line);
        }
        self.seen.lock().expect("no panic").texts.push(text);
        self.texts += 1;
        match self.manners.verdict {
            None => {
                idle(self.stop);
                false
            }
            Some(answer) => {
                let sent = stream.get_mut().write_all(answer.as_bytes()).and_then(|()| stream.get_mut().flush());
                sent.is_ok() && !answer.is_empty()
            }
        }
    }
}
