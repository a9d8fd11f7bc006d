//! The daemon between its duties: what it holds, and whether it sleeps.

use super::home::Home;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Within this time it must answer.
const START: Duration = Duration::from_secs(20);
/// So long it settles before it is measured, and so long it is watched.
const SETTLES: Duration = Duration::from_secs(1);
const WATCHED: Duration = Duration::from_secs(5);

/// Where a daemon with one peer runs.
pub struct Site {
    home: Home,
    port: u16,
}

/// What was seen of one daemon.
#[derive(Clone, Copy)]
pub struct Seen {
    /// Its resident memory, in KiB.
    pub memory: f64,
    /// How often it woke up while it was watched.
    pub wakes: u64,
}

impl Site {
    /// The peer is at the port of a server that says no word: its own fault, and not what is measured.
    pub fn new(peer: u16) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = free.local_addr().expect("its address").port();
        let home = Home::new(1, |_| {
            format!(
                "[daemon]\npeer_listen = \"127.0.0.1:{port}\"\n\n[[peer]]\nname = \"beta\"\n\
                 url = \"http://127.0.0.1:{peer}\"\nadmin = \"admin@example.com\"\nlegacy = true"
            )
        });
        Self { home, port }
    }

    /// Starts a daemon, is told of one pass, asks it once as its peer does, leaves it alone, and ends it.
    pub fn idle(&self) -> Seen {
        let started = Instant::now();
        let mut child = self.home.command(&["daemon"]).stdin(Stdio::null()).spawn().expect("the daemon starts");
        while self.ask().is_none() {
            assert!(started.elapsed() < START, "the daemon does not answer");
            assert_eq!(child.try_wait().expect("its state"), None, "the daemon ended");
            std::thread::sleep(Duration::from_millis(10));
        }
        self.home.idle();
        assert!(self.ask().is_some(), "the daemon answers no more");
        std::thread::sleep(SETTLES);
        let before = wakes(child.id());
        std::thread::sleep(WATCHED);
        let wakes = wakes(child.id()) - before;
        let memory = field(&format!("/proc/{}/smaps_rollup", child.id()), "Rss:") as f64;
        end(&mut child);
        Seen { memory, wakes }
    }

    /// The word, over a connection of its own.
    fn ask(&self) -> Option<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: beta\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    }
}

/// The number behind `name` in a file of `/proc`.
fn field(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name} in {file}"));
    line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{name} in {file}"))
}

/// How often its threads have gone to sleep, which is as often as they woke up.
fn wakes(process: u32) -> u64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("its threads");
    let of = |thread: std::fs::DirEntry| {
        field(&thread.path().join("status").display().to_string(), "voluntary_ctxt_switches:")
    };
    threads.map(|thread| of(thread.expect("a thread"))).sum()
}

/// Ends it as systemd does.
fn end(child: &mut Child) {
    let pid = i32::try_from(child.id()).expect("a process id");
    kill(Pid::from_raw(pid), Signal::SIGTERM).expect("it is told to end");
    let status = child.wait().expect("it ends");
    assert!(status.success(), "the daemon ended with {status}");
}
