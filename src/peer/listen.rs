//! The server that strangers reach: the word for everybody, the status for those whose key is pinned, and nothing else.
//!
//! It is built to be cheap to stand before: a connection that says nothing costs a socket and a few hundred bytes, each has
//! one exchange and a few seconds, and whoever holds many loses the oldest first. So an honest question from another address
//! is always answered. It runs on the caller's runtime, one thread is enough, and while nobody is connected nothing wakes up.

mod exchange;
mod guests;
mod seen;

use super::confirm;
use super::envelope::{Instance, Nonce};
use super::key::{NodeKey, PublicKey};
use crate::decide::Word;
use checker_parts::handles;
use guests::{Guests, Net, Seat};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use seen::Seen;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// The longest push that is read, in bytes.
pub const PUSH_MAX: usize = 64 * 1024;

/// Connections that the kernel may hold ready for us.
const BACKLOG: u32 = 1024;
/// What is open at the end of the listener gets so much time.
const FAREWELL: Duration = Duration::from_secs(2);
/// While handles are short: whoever is here for less is being answered, and is not sent away for the next one.
const SETTLED: Duration = Duration::from_millis(100);
/// The longest wait for a handle.
const SHORTAGE_PAUSE: Duration = Duration::from_millis(200);
/// How often trouble with taking connections is noted in the log.
const NOTED_EVERY: Duration = Duration::from_secs(600);

/// Who asks, proved by a signature over a nonce that was not used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its key, which is pinned.
    pub key: PublicKey,
    /// The nonce of its question.
    pub nonce: Nonce,
    /// Which machine holds the key, as it says itself.
    pub instance: Instance,
    /// Where the connection came from: perhaps a proxy, or a router that hides many.
    pub from: SocketAddr,
}

/// What became of a pushed status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushAnswer {
    /// It is the newest of its sender.
    Taken,
    /// A newer one is known.
    Old,
    /// It cannot be read.
    Garbled,
}

/// A look at a target for a peer.
pub type Looking<'a> = Pin<Box<dyn Future<Output = confirm::Answer> + Send + 'a>>;

/// Who answers. Called on the runtime's thread, between two awaits: none of these may wait.
pub trait Answers: Send + Sync {
    /// What a stranger may know just now.
    fn word(&self) -> Word;
    /// Whether this is the key of a peer of ours.
    fn pinned(&self, key: &PublicKey) -> bool;
    /// The status, for this peer. It is signed by the listener.
    fn status(&self, asked: &Asked) -> Vec<u8>;
    /// Takes a peer's status, at most [`PUSH_MAX`] bytes of anything.
    fn pushed(&self, asked: &Asked, body: &[u8]) -> PushAnswer;
    /// Looks at a target for this peer, who asks with at most [`QUESTION_MAX`](confirm::QUESTION_MAX) bytes of anything. Unlike the others it may
    /// take its time: what is not answered when the connection's time is over is given up. The answer is signed by the
    /// listener.
    fn look<'a>(&'a self, asked: &'a Asked, question: Vec<u8>) -> Looking<'a> {
        let _ = (asked, question);
        Box::pin(std::future::ready(confirm::Answer::declined()))
    }
}

/// What one listener allows. Documented in `docs/protocol.md`; tests set shorter times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the connection to the end of the request's head.
    pub head: Duration,
    /// From the connection to the end of everything.
    pub whole: Duration,
    /// Connections of one address (IPv6: of one /64) at the same time.
    pub per_net: usize,
    /// Connections at the same time. Never more than half of the handles that the process may have.
    pub total: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head: Duration::from_secs(5), whole: Duration::from_secs(10), per_net: 64, total: 1024 }
    }
}

/// Opens `at` for [`run`]. A restart finds the port free at once.
///
/// # Errors
/// What the system says of it.
pub fn bind(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Linux finds out here or there, by what else listens.
    socket.bind(at).and_then(|()| socket.listen(BACKLOG)).map_err(|e| match e.kind() {
        io::ErrorKind::AddrInUse => io::Error::new(
            e.kind(),
            format!(
                "another program listens there: see which with `ss -ltnp 'sport = :{port}'`, end it, or give peer_listen another port",
                port = at.port()
            ),
        ),
        _ => e,
    })
}

/// Answers until `shutdown` comes, and then for at most 2 s more. Never ends by itself: an error of the listener is waited
/// out. Without `key` there is only the word.
pub async fn run(
    listener: TcpListener,
    key: Option<Arc<NodeKey>>,
    answers: Arc<dyn Answers>,
    shutdown: impl Future<Output = ()>,
) {
    run_within(Limits::default(), listener, key, answers, shutdown).await;
}

/// The same with limits of the caller's.
pub async fn run_within(
    limits: Limits,
    listener: TcpListener,
    key: Option<Arc<NodeKey>>,
    answers: Arc<dyn Answers>,
    shutdown: impl Future<Output = ()>,
) {
    let house = Arc::new(House::new(limits, key, answers));
    let mut stop = pin!(shutdown);
    let mut door = Door::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        let error = match accepted {
            Ok((stream, from)) => {
                door.refill();
                if house.welcome(stream, from) {
                    // Whoever has to go gets the time to do so.
                    yield_now().await;
                }
                continue;
            }
            Err(error) => error,
        };
        let pause = door.trouble(&listener, &house, &error);
        tokio::select! {
            biased;
            () = &mut stop => break,
            () = sleep(pause) => {}
        }
    }
    drop(listener);
    house.close().await;
}

/// What all exchanges of one listener share.
struct House {
    limits: Limits,
    key: Option<Arc<NodeKey>>,
    answers: Arc<dyn Answers>,
    guests: Mutex<Guests>,
    seen: Mutex<Seen>,
    /// Tasks that have not ended.
    open: AtomicUsize,
    empty: Notify,
}

impl House {
    fn new(limits: Limits, key: Option<Arc<NodeKey>>, answers: Arc<dyn Answers>) -> Self {
        let total = limits.total.min(handles::limit() / 2).max(1);
        let guests = Mutex::new(Guests::new(limits.per_net, total));
        let (open, empty) = (AtomicUsize::new(0), Notify::new());
        Self { limits, key, answers, guests, seen: Mutex::default(), open, empty }
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an exchange. Says whether somebody else has to go for it.
    fn welcome(self: &Arc<Self>, stream: TcpStream, from: SocketAddr) -> bool {
        let net = Net::of(from.ip());
        let (seat, crowded) = self.guests().enter(net);
        let visit = Visit::new(self, net, seat);
        tokio::spawn(visit.sit(stream, from));
        crowded
    }

    /// Those who have not asked yet go at once, the others have [`FAREWELL`].
    async fn close(&self) {
        self.guests().send_away(true);
        let all_gone = async {
            while self.open.load(Ordering::Acquire) > 0 {
                self.empty.notified().await;
            }
        };
        let mut all_gone = pin!(all_gone);
        if timeout(FAREWELL, &mut all_gone).await.is_err() {
            self.guests().send_away(false);
            // They only have to be woken.
            let _stuck = timeout(FAREWELL, all_gone).await;
        }
    }
}

/// A listener without a port, for fuzzers: whoever comes, comes over any stream.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) struct Doorless(Arc<House>);

#[cfg(any(test, feature = "fuzzing"))]
impl Doorless {
    pub(crate) fn new(key: Arc<NodeKey>, answers: Arc<dyn Answers>) -> Self {
        Self(Arc::new(House::new(Limits::default(), Some(key), answers)))
    }

    /// One connection, from its first byte to its end.
    pub(crate) async fn welcome<S>(&self, stream: S, from: SocketAddr)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
    {
        let net = Net::of(from.ip());
        let (seat, _) = self.0.guests().enter(net);
        let visit = Visit::new(&self.0, net, seat);
        exchange::converse(stream, from, &visit, tokio::time::Instant::now() + self.0.limits.head).await;
    }
}

/// One connection's place in the house, given back when its task ends, however that is.
struct Visit {
    house: Arc<House>,
    net: Net,
    seat: Arc<Seat>,
}

impl Visit {
    fn new(house: &Arc<House>, net: Net, seat: Arc<Seat>) -> Self {
        house.open.fetch_add(1, Ordering::AcqRel);
        Self { house: Arc::clone(house), net, seat }
    }
    /// All of one connection. It is what a silent one costs, beside its socket.
    async fn sit(self, stream: TcpStream, from: SocketAddr) {
        tokio::select! {
            biased;
            () = self.seat.asked_to_go() => {}
            _late = timeout(self.house.limits.whole, exchange::host(stream, from, &self)) => {}
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.house.guests().leave(self.net, &self.seat);
        if self.house.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.house.empty.notify_one();
        }
    }
}

/// Where connections come in, and what is done when none can.
struct Door {
    /// One handle is kept back, so that somebody can be answered even when all others are gone.
    spare: Option<File>,
    /// Errors in a row.
    misses: u32,
    noted: Option<Instant>,
}

impl Door {
    fn new() -> Self {
        let mut door = Self { spare: None, misses: 0, noted: None };
        door.refill();
        door
    }

    fn refill(&mut self) {
        self.misses = 0;
        self.keep_one();
    }

    fn keep_one(&mut self) {
        if self.spare.is_none() {
            self.spare = File::open("/dev/null").ok();
        }
    }

    /// What to do about an error of `accept`: how long to wait before the next try. Never nothing, so that an error that
    /// stays does not keep the processor busy.
    fn trouble(&mut self, listener: &TcpListener, house: &House, error: &io::Error) -> Duration {
        self.misses = self.misses.saturating_add(1);
        let growing = Duration::from_millis(10 << self.misses.min(7));
        let short = matches!(
            error.raw_os_error().map(Errno::from_raw),
            Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
        );
        if !short {
            if self.misses > 3 {
                self.note(error);
            }
            return growing.min(Duration::from_secs(1));
        }
        self.note(error);
        // The kernel looks for a handle first, and says that it has none also where nobody waits for one.
        if !somebody_waits(listener) {
            self.keep_one();
            return growing.min(SHORTAGE_PAUSE);
        }
        if self.spare.take().is_some() || house.guests().make_room(SETTLED) {
            return Duration::from_millis(1);
        }
        growing.min(SHORTAGE_PAUSE)
    }

    fn note(&mut self, error: &io::Error) {
        if self.noted.is_none_or(|at| at.elapsed() >= NOTED_EVERY) {
            self.noted = Some(Instant::now());
            tracing::warn!("peers: a connection cannot be taken just now: {error}");
        }
    }
}

/// Whether a connection is ready to be taken.
fn somebody_waits(listener: &TcpListener) -> bool {
    let mut look = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
    poll(&mut look, PollTimeout::ZERO) != Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nobody;

    impl Answers for Nobody {
        fn word(&self) -> Word {
            Word::JobProblem
        }

        fn pinned(&self, _: &PublicKey) -> bool {
            false
        }

        fn status(&self, _: &Asked) -> Vec<u8> {
            Vec::new()
        }

        fn pushed(&self, _: &Asked, _: &[u8]) -> PushAnswer {
            PushAnswer::Old
        }
    }

    #[test]
    fn a_port_that_is_taken_is_said_with_what_to_do() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let taken = bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let why = bind(taken.local_addr().unwrap()).unwrap_err();
            assert_eq!(why.kind(), io::ErrorKind::AddrInUse);
            let port = taken.local_addr().unwrap().port();
            let words = why.to_string();
            assert!(words.contains(&format!("sport = :{port}")) && words.contains("another port"), "{words}");
        });
    }

    #[test]
    fn who_says_nothing_costs_little() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
            let _theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (stream, from) = listener.accept().await.unwrap();
            let house = Arc::new(House::new(Limits::default(), None, Arc::new(Nobody)));
            let (seat, _) = house.guests().enter(Net::of(from.ip()));
            let visit = Visit::new(&house, Net::of(from.ip()), seat);
            let size = size_of_val(&visit.sit(stream, from));
            assert!(size <= 2048, "{size} bytes");
        });
    }
}
