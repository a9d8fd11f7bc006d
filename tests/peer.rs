//! What nodes say to each other, on real sockets: what a stranger gets, what a peer gets, and what neither can do.

mod answers;
mod asks;
mod crowd;
mod key;
mod limits;
mod push;

use checker::decide::Word;
use checker::peer::envelope::Request;
use checker::peer::listen::{Limits, bind, run_within};
use checker::peer::{Answers, Asked, Heard, Instance, NodeKey, Nonce, PublicKey, PushAnswer, STATUS_PATH, Target};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// What a node says, and what it was asked.
struct Desk {
    word: Word,
    pinned: Vec<PublicKey>,
    push: PushAnswer,
    asked: Mutex<Vec<Asked>>,
    pushed: Mutex<Vec<Vec<u8>>>,
}

const STATUS: &[u8] = b"{\"v\":1}";

impl Answers for Desk {
    fn word(&self) -> Word {
        self.word
    }

    fn pinned(&self, key: &PublicKey) -> bool {
        self.pinned.contains(key)
    }

    fn status(&self, asked: &Asked) -> Vec<u8> {
        self.asked.lock().unwrap().push(asked.clone());
        STATUS.to_vec()
    }

    fn pushed(&self, asked: &Asked, body: &[u8]) -> PushAnswer {
        self.asked.lock().unwrap().push(asked.clone());
        self.pushed.lock().unwrap().push(body.to_vec());
        self.push
    }
}

/// A node that listens, on a thread of its own.
struct Node {
    at: SocketAddr,
    desk: Arc<Desk>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Node {
    /// The node with the key [`key`]`(2)`, which has pinned that of 1 and of 3.
    fn start() -> Self {
        Self::with(Limits::default(), PushAnswer::Taken)
    }

    fn with(limits: Limits, push: PushAnswer) -> Self {
        let pinned = vec![key(1).public(), key(3).public()];
        let desk = Desk { word: Word::True, pinned, push, asked: Mutex::default(), pushed: Mutex::default() };
        let desk = Arc::new(desk);
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let answers: Arc<dyn Answers> = desk.clone();
        let thread = std::thread::spawn(move || {
            wait(async {
                let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let stopped = async { drop(stopped.await) };
                run_within(limits, listener, Some(Arc::new(key(2))), answers, stopped).await;
            });
        });
        Self { at: told.recv().unwrap(), desk, stop: Some(stop), thread: Some(thread) }
    }

    fn target(&self) -> Target {
        Target::new(&format!("http://{}", self.at), Some(key(2).public())).unwrap()
    }

    /// Sends these bytes and reads to the end.
    fn say(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        rest(&mut stream)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.at).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Asks it to end, and waits for that.
    fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

/// All that comes until the other side ends, or cuts it off.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut piece) {
        bytes.extend_from_slice(&piece[..n]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn key(seed: u8) -> NodeKey {
    NodeKey::from_seed(&[seed; 32]).unwrap()
}

fn instance() -> Instance {
    Instance::parse("alpha-1").unwrap()
}

fn nonce() -> Nonce {
    Nonce::parse("000102030405060708090a0b0c0d0e0f").unwrap()
}

/// A signed request as text, its body not included.
fn signed(from: &NodeKey, to: PublicKey, method: &str, nonce: Nonce, body: &[u8]) -> String {
    let instance = instance();
    let request = Request { method, path: STATUS_PATH, nonce, addressee: to, instance: &instance };
    let mut text = format!("{method} {STATUS_PATH} HTTP/1.1\r\nhost: beta\r\n");
    for (name, value) in &request.headers(from, body) {
        write!(text, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    text
}

/// The whole question of the documents, as `from` asks it.
fn question(from: &NodeKey, to: PublicKey, nonce: Nonce) -> String {
    signed(from, to, "GET", nonce, b"") + "\r\n"
}

fn wait<T>(what: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(what)
}

fn ask(target: &Target, limit: Duration) -> Heard {
    let deadline = || tokio::time::Instant::now() + limit;
    wait(async { checker::peer::ask(target, &key(1), &instance(), Nonce::fresh().unwrap(), deadline()).await })
}

const LONG: Duration = Duration::from_secs(20);

/// The one answer of this node to strangers.
const WORD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncache-control: no-store\r\nconnection: close\r\n\
                    content-length: 4\r\n\r\nTrue";
