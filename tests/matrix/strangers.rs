//! What answers in the place of a peer, and is none.

use super::node::Node;
use super::world::{World, address_on, node_of};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What an impostor says to whoever asks.
#[derive(Clone, Copy)]
pub(super) enum Says {
    /// A byte each second, for ever.
    Drip,
    /// This, and it hangs up.
    All(&'static str),
}

/// A server at the address of a node that is off.
pub(super) struct Impostor {
    at: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Impostor {
    fn start(at: SocketAddr, says: Says) -> Self {
        let listener = TcpListener::bind(at).expect("the address is free");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stopped = Arc::clone(&stopped);
                // Who asks may be gone before it has heard all.
                std::thread::spawn(move || drop(answer(stream, says, &stopped)));
            }
        });
        Self { at, stop, thread: Some(thread) }
    }
}

impl Drop for Impostor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        TcpStream::connect(self.at).ok();
        self.thread.take().map(JoinHandle::join);
    }
}

fn answer(mut stream: TcpStream, says: Says, stop: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let read = stream.read(&mut [0; 4_096])?;
    assert!(read < 4_096, "no question is that long");
    let Says::All(text) = says else {
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nTrue".iter().cycle() {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            stream.write_all(&[*byte])?;
            std::thread::sleep(Duration::from_secs(1));
        }
        return Ok(());
    };
    stream.write_all(text.as_bytes())
}

impl World {
    /// This node is off, and something else has its address.
    pub(super) fn replace(&mut self, at: usize, says: Says) {
        self.power_off(at);
        address_on(node_of(at));
        let machines = self.nodes.iter().filter(|n| n.machine.is_some());
        machines.for_each(|n: &Node| drop(n.sh("ip neigh flush all")));
        self.impostor = Some(Impostor::start(SocketAddr::from((node_of(at), 5_000)), says));
    }

    /// Strangers hold so many connections to this node, and say one byte on each.
    pub(super) fn crowd(&mut self, at: usize, count: usize) {
        for _ in 0..count {
            let Ok(mut stream) = TcpStream::connect((node_of(at), 5_000)) else { continue };
            if stream.write_all(b"G").is_ok() {
                self.held.push(stream);
            }
        }
    }
}
