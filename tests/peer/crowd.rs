//! Thousands of connections, and no handles: an honest question is answered all the same.
//!
//! The listener and the crowd are processes of their own (this program again), so that nothing else suffers from them.

use super::{WORD, key, wait};
use checker::decide::Word;
use checker::peer::listen::{bind, run};
use checker::peer::{Answers, Asked, PublicKey, PushAnswer};
use checker_parts::handles;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

/// Says which part a process plays.
const PART: &str = "CHECKER_TEST_PART";

struct Plain;

impl Answers for Plain {
    fn word(&self) -> Word {
        Word::True
    }

    fn pinned(&self, _: &PublicKey) -> bool {
        false
    }

    fn status(&self, _: &Asked) -> Vec<u8> {
        Vec::new()
    }

    fn pushed(&self, _: &Asked, _: &[u8]) -> PushAnswer {
        PushAnswer::Garbled
    }
}

/// A process of this program that plays a part.
struct Part {
    child: Child,
    /// The first line that it said.
    said: String,
}

impl Part {
    fn start(what: &str, limit: &str) -> Self {
        let me = std::env::current_exe().unwrap();
        let mut command = Command::new("/usr/bin/prlimit");
        command.arg(format!("--nofile={limit}")).arg(me);
        command.args(["--ignored", "--exact", "peer::crowd::a_part", "--nocapture"]).env(PART, what);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let said = out.lines().map_while(Result::ok).find_map(|l| Some(l.split_once("part: ")?.1.to_owned()));
        Self { child, said: said.expect("the part says that it is ready") }
    }

    fn port(&self) -> u16 {
        self.said.parse().unwrap()
    }

    /// A figure of `/proc/PID/status`, in KiB.
    fn kib(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix(name)).unwrap();
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    }

    fn handles(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Time on the processor so far, in ticks (of which there are 100 in a second).
    fn ticks(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
#[ignore = "a part in the tests beside it, which start it"]
fn a_part() {
    let Some(part) = std::env::var(PART).ok() else { return };
    let words: Vec<&str> = part.split(' ').collect();
    let count = |n: usize| words[n].parse::<usize>().unwrap();
    match words[0] {
        "listen" => wait(listen(words.contains(&"starved"))),
        "crowd" => wait(crowd(u16::try_from(count(1)).unwrap(), count(2), count(3))),
        other => panic!("no such part: {other}"),
    }
}

fn ready(word: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "part: {word}").unwrap();
    out.flush().unwrap();
}

async fn listen(starved: bool) {
    let listener = bind("0.0.0.0:0".parse().unwrap()).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let serving = tokio::spawn(run(listener, Some(Arc::new(key(2))), Arc::new(Plain), std::future::pending()));
    sleep(Duration::from_millis(100)).await;
    let mut held = Vec::new();
    if starved {
        while let Ok(file) = File::open("/dev/null") {
            held.push(file);
        }
    }
    ready(&port);
    serving.await.unwrap();
}

/// Connections that come again whenever they are ended; each second one of ten drips.
async fn crowd(port: u16, idle: usize, slow: usize) {
    handles::raise();
    for n in 0..idle + slow {
        let last = u8::try_from(n % 40 + 1).unwrap();
        let from = if n < idle { Ipv4Addr::new(127, 0, 1, last) } else { Ipv4Addr::new(127, 0, 2, last % 4 + 1) };
        tokio::spawn(async move {
            loop {
                let _ended = pester(from, port, n >= idle).await;
                sleep(Duration::from_secs(2)).await;
            }
        });
        if n % 200 == 199 {
            sleep(Duration::from_millis(5)).await;
        }
    }
    sleep(Duration::from_secs(1)).await;
    ready("here");
    std::future::pending::<()>().await;
}

async fn pester(from: Ipv4Addr, port: u16, drips: bool) -> std::io::Result<()> {
    let mut stream = connect(from, port).await?;
    for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX-A: bcdefghijklmnopqrstuvwxyz".iter().cycle() {
        if !drips {
            break;
        }
        stream.write_all(&[*byte]).await?;
        let mut none = [0];
        if let Ok(Ok(0) | Err(_)) = timeout(Duration::from_secs(3), stream.read(&mut none)).await {
            return Ok(());
        }
    }
    stream.read_to_end(&mut Vec::new()).await.map(|_| ())
}

async fn connect(from: Ipv4Addr, port: u16) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::V4(SocketAddrV4::new(from, 0)))?;
    socket.connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// One honest question from an address of its own.
async fn honest(port: u16) -> std::io::Result<(String, Duration)> {
    let begun = Instant::now();
    let mut stream = connect(Ipv4Addr::new(127, 9, 9, 9), port).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok((answer, begun.elapsed()))
}

/// `polls` honest questions, all of which must be answered; how long they took, sorted.
fn all_answered(port: u16, polls: usize, pause: Duration) -> Vec<Duration> {
    let mut took: Vec<Duration> = wait(async {
        let mut took = Vec::new();
        for n in 0..polls {
            let heard = timeout(Duration::from_secs(30), honest(port)).await.expect("an answer in time");
            let (answer, time) = heard.unwrap_or_else(|e| panic!("question {n}: {e}"));
            assert_eq!(answer, WORD, "question {n}");
            took.push(time);
            sleep(pause).await;
        }
        took
    });
    took.sort();
    took
}

/// What the listener needs and how fast it answers while such a crowd is there.
fn under(idle: usize, slow: usize, polls: usize) -> (Duration, Duration, u64) {
    let listener = Part::start("listen", "4096");
    let port = listener.port();
    all_answered(port, 5, Duration::ZERO);
    let before = listener.kib("VmRSS:");
    let crowd = Part::start(&format!("crowd {port} {idle} {slow}"), "16384");
    let took = all_answered(port, polls, Duration::from_millis(20));
    let held = listener.handles();
    let grown = listener.kib("VmHWM:").saturating_sub(before);
    assert!((500..=1024 + 40).contains(&held), "{held} handles: the crowd is not there, or nobody keeps it out");
    drop(crowd);
    let gone = crate::support::wait_until(Duration::from_secs(30), || (listener.handles() < 40).then_some(()));
    assert!(gone.is_some(), "{} handles are left when all have gone", listener.handles());
    all_answered(port, 5, Duration::ZERO);
    (took[took.len() / 2], took[took.len() * 99 / 100], grown)
}

#[test]
fn thousands_of_idle_and_slow_connections_keep_nobody_else_out() {
    let (half, most, grown) = under(2000, 200, 100);
    eprintln!(
        "under 2,000 idle and 200 slow connections: half within {half:?}, 99 % within {most:?}, {grown} KiB more"
    );
    assert!(grown < 16 * 1024, "{grown} KiB more");
}

/// `cargo test --test checker -- --ignored --exact peer::crowd::ten_thousand --nocapture`
#[test]
#[ignore = "a figure; it takes a minute and two processors"]
fn ten_thousand() {
    let (half, most, grown) = under(10_000, 1000, 1000);
    eprintln!(
        "under 10,000 idle and 1,000 slow connections: half within {half:?}, 99 % within {most:?}, {grown} KiB more"
    );
    assert!(most < Duration::from_secs(1) && grown < 16 * 1024);
}

#[test]
fn without_handles_there_is_an_answer_and_no_haste() {
    let listener = Part::start("listen starved", "128");
    let port = listener.port();
    all_answered(port, 10, Duration::from_millis(10));
    // Two who hold on to what there is: they have to make room.
    wait(async {
        let mut held = Vec::new();
        for _ in 0..20 {
            held.push(connect(Ipv4Addr::new(127, 0, 1, 1), port).await.unwrap());
        }
        let before = listener.ticks();
        sleep(Duration::from_secs(2)).await;
        let used = listener.ticks() - before;
        assert!(used < 50, "{used} of 200 ticks were spent on waiting for handles");
        drop(held);
    });
    all_answered(port, 3, Duration::from_millis(10));
}
