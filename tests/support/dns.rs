//! A resolver with manners, and processes that ask it and no other.

use super::network::wrapped;
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// What it does with each question.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Nothing.
    Silent,
    /// It fails: SERVFAIL.
    Fails,
    /// There is no such name: NXDOMAIN.
    NoSuchName,
    /// Every name is 127.0.0.1.
    Answers,
}

pub struct Resolver {
    manner: Arc<AtomicU8>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl Resolver {
    /// One on a loopback address of its own, since the port is always 53.
    pub fn start(manner: Manner) -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let socket = (0..200_u8).find_map(|n| {
            let process = u8::try_from(std::process::id() % 200).expect("a byte").wrapping_add(n) % 250;
            let address = Ipv4Addr::new(127, 53 + high, process + 1, low);
            Some((address, UdpSocket::bind((address, 53)).ok()?))
        });
        let (address, socket) = socket.expect("a loopback address with a free port 53: run the tests as root");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let folder = tempfile::tempdir().expect("a folder");
        let conf = format!("nameserver {address}\noptions timeout:1 attempts:1\n");
        std::fs::write(folder.path().join("resolv.conf"), conf).expect("a file");
        let shared = Arc::new(AtomicU8::new(manner as u8));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, ends) = (Arc::clone(&shared), Arc::clone(&stop));
        let thread = std::thread::spawn(move || serve(&socket, &seen, &ends));
        Self { manner: shared, stop, thread: Some(thread), folder }
    }

    pub fn set(&self, manner: Manner) {
        self.manner.store(manner as u8, Ordering::SeqCst);
    }

    /// `command` where this is the resolver.
    pub fn used_by(&self, command: &Command) -> Command {
        let conf = self.folder.path().join("resolv.conf");
        let script = format!("mount --bind {} /etc/resolv.conf && exec \"$@\"", conf.display());
        wrapped(command, &["/usr/bin/unshare", "--mount", "/bin/sh", "-c", &script, "sh"])
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
    }
}

fn serve(socket: &UdpSocket, manner: &AtomicU8, stop: &AtomicBool) {
    let mut buffer = [0; 512];
    while !stop.load(Ordering::SeqCst) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(answer) = answer(&buffer[..length], manner.load(Ordering::SeqCst)) {
            socket.send_to(&answer, from).ok();
        }
    }
}

/// The answer to one question (RFC 1035): its own bytes with the flags set, and an address if there is one.
fn answer(query: &[u8], manner: u8) -> Option<Vec<u8>> {
    let code = match manner {
        m if m == Manner::Silent as u8 => return None,
        m if m == Manner::Fails as u8 => 2,
        m if m == Manner::NoSuchName as u8 => 3,
        _ => 0,
    };
    let name_end = 12 + query.get(12..)?.iter().position(|b| *b == 0)? + 1;
    let question = query.get(12..name_end + 4)?;
    let is_a = question.ends_with(&[0, 1, 0, 1]);
    let mut out = query.get(..2)?.to_vec();
    let count = u8::from(code == 0 && is_a);
    out.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
    out.extend(question);
    if count == 1 {
        // A pointer to the name, type A, class IN, 1 s, four bytes.
        out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    Some(out)
}
