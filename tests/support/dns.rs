//! A resolver with manners, and processes that ask it and no other.

use super::network::wrapped;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
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

/// The names that are known, with their addresses; none: every name is 127.0.0.1.
type Names = Arc<Mutex<BTreeMap<String, Ipv4Addr>>>;

pub struct Resolver {
    manner: Arc<AtomicU8>,
    names: Names,
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
        Self::on(address, socket, manner)
    }

    /// One at an address of this host, which knows names of its own.
    pub fn start_at(address: Ipv4Addr, names: &[(String, Ipv4Addr)]) -> Self {
        let socket = UdpSocket::bind((address, 53)).expect("the port is free");
        let resolver = Self::on(address, socket, Manner::Answers);
        resolver.names.lock().expect("no panic").extend(names.iter().cloned());
        resolver
    }

    /// From now on this name leads there.
    pub fn lead(&self, name: &str, to: Ipv4Addr) {
        self.names.lock().expect("no panic").insert(name.to_owned(), to);
    }

    /// The file that makes it the resolver of who has it as `/etc/resolv.conf`.
    pub fn conf(&self) -> PathBuf {
        self.folder.path().join("resolv.conf")
    }

    fn on(address: Ipv4Addr, socket: UdpSocket, manner: Manner) -> Self {
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let folder = tempfile::tempdir().expect("a folder");
        let conf = format!("nameserver {address}\noptions timeout:1 attempts:1\n");
        std::fs::write(folder.path().join("resolv.conf"), conf).expect("a file");
        let shared = Arc::new(AtomicU8::new(manner as u8));
        let stop = Arc::new(AtomicBool::new(false));
        let names = Names::default();
        let (seen, known, ends) = (Arc::clone(&shared), Arc::clone(&names), Arc::clone(&stop));
        let thread = std::thread::spawn(move || serve(&socket, &seen, &known, &ends));
        Self { manner: shared, names, stop, thread: Some(thread), folder }
    }

    pub fn set(&self, manner: Manner) {
        self.manner.store(manner as u8, Ordering::SeqCst);
    }

    /// `command` where this is the resolver.
    pub fn used_by(&self, command: &Command) -> Command {
        let conf = self.conf();
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

fn serve(socket: &UdpSocket, manner: &AtomicU8, names: &Names, stop: &AtomicBool) {
    let mut buffer = [0; 512];
    while !stop.load(Ordering::SeqCst) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let known = names.lock().expect("no panic").clone();
        if let Some(answer) = answer(&buffer[..length], manner.load(Ordering::SeqCst), &known) {
            socket.send_to(&answer, from).ok();
        }
    }
}

/// The answer to one question (RFC 1035): its own bytes with the flags set, and an address if there is one.
fn answer(query: &[u8], manner: u8, names: &BTreeMap<String, Ipv4Addr>) -> Option<Vec<u8>> {
    let asked = name(query)?;
    let address = if names.is_empty() { Some(&Ipv4Addr::LOCALHOST) } else { names.get(&asked) };
    let code = match manner {
        m if m == Manner::Silent as u8 => return None,
        m if m == Manner::Fails as u8 => 2,
        m if m == Manner::NoSuchName as u8 || address.is_none() => 3,
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
        out.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        out.extend(address?.octets());
    }
    Some(out)
}

/// The name that is asked for, with dots.
fn name(query: &[u8]) -> Option<String> {
    let mut rest = query.get(12..)?;
    let mut labels = Vec::new();
    while let Some((&length, after)) = rest.split_first().filter(|(length, _)| **length > 0) {
        let (label, more) = after.split_at_checked(usize::from(length))?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        rest = more;
    }
    Some(labels.join("."))
}
