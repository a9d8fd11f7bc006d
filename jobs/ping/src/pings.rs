//! The pings of a run to one address.

use crate::packet::{Pings, Said, TOKEN, Version};
use crate::plan::Plan;
use crate::reasons::Reason;
use crate::socket::{Event, NoSocket, Socket, room};
use checker_job::Blame;
use checker_parts::net::Trouble;
use checker_parts::probe::{Limit, Problem};
use nix::errno::Errno;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout_at};

/// A ping that has less time than this to be answered is not sent: it would count as lost.
pub(crate) const LEAST: Duration = Duration::from_millis(500);
/// So many packets are looked at for each ping; who sends more floods us.
const PACKETS_MAX: usize = 50;
/// When there is no room for a ping, it is tried again after this.
const PAUSE: Duration = Duration::from_millis(10);

/// What came of the pings to an address.
#[derive(Clone, Debug)]
pub(crate) enum Came {
    Seen(Seen),
    /// The system does not let us ping.
    Forbidden,
}

/// What was seen.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) version: Version,
    pub(crate) sent: u16,
    /// The round trips, one for each ping that was answered.
    pub(crate) times: Vec<Duration>,
    /// Answers beyond the first one to a ping.
    pub(crate) doubled: u32,
    /// Answers with other bytes than were sent. Such a ping is lost.
    pub(crate) changed: u32,
    /// What was said about pings that were not delivered, and about how many.
    pub(crate) reasons: BTreeMap<Reason, u32>,
    /// More came than we looked at.
    pub(crate) flood: bool,
}

/// A ping on its way.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    /// By the system's clock, as the kernel stamps what comes in.
    pub(crate) clock: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Answered,
    /// Never to be answered well.
    Refused,
}

/// Pings `to`.
///
/// # Errors
/// What keeps this host from it.
pub(crate) async fn ping(plan: &Plan, to: SocketAddr, limit: &Limit) -> Result<Came, Problem> {
    let version = if to.is_ipv4() { Version::Four } else { Version::Six };
    let id = u16::from_be_bytes(random()?);
    let socket = match Socket::open(to, version, id) {
        Ok(socket) => socket,
        Err(NoSocket::Forbidden) => return Ok(Came::Forbidden),
        Err(NoSocket::Failed(error)) => return Err(hindered(&error, to)),
    };
    let share = f64::from(u16::from_be_bytes(random()?)) / 65_536.0;
    let mut run = Run {
        plan,
        to,
        limit,
        pings: Pings::new(version, id, random::<TOKEN>()?, plan.size),
        socket,
        next: Instant::now() + plan.interval.mul_f64(share),
        full: false,
        sent: Vec::with_capacity(usize::from(plan.count)),
        seen: Seen {
            version,
            sent: 0,
            times: Vec::new(),
            doubled: 0,
            changed: 0,
            reasons: BTreeMap::new(),
            flood: false,
        },
    };
    run.go().await?;
    if run.sent.is_empty() {
        let why = if run.full {
            "this host has no room for pings left"
        } else {
            "no time was left to ping: the name took too long to resolve"
        };
        return Err(Problem::Ours(why.to_owned(), Blame::Shortage));
    }
    Ok(Came::Seen(run.seen))
}

fn random<const N: usize>() -> Result<[u8; N], Problem> {
    let mut bytes = [0; N];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(Problem::Ours("this host has no random numbers".to_owned(), Blame::Shortage)),
    }
}

struct Run<'a> {
    plan: &'a Plan,
    to: SocketAddr,
    limit: &'a Limit,
    pings: Pings,
    socket: Socket,
    /// When the next ping leaves.
    next: Instant,
    /// There was no room for one.
    full: bool,
    sent: Vec<Sent>,
    seen: Seen,
}

impl Run<'_> {
    async fn go(&mut self) -> Result<(), Problem> {
        let mut buffer = vec![0; room(self.plan.size)];
        let packets_max = PACKETS_MAX * usize::from(self.plan.count);
        let mut packets = 0;
        loop {
            let more = self.send_next()?;
            if !more && self.sent.iter().all(|ping| ping.state != State::Open) {
                return Ok(());
            }
            let until = if more { self.next.min(self.limit.until) } else { self.limit.until };
            let Ok(event) = timeout_at(until, self.socket.receive(&mut buffer)).await else {
                if until == self.limit.until {
                    return Ok(());
                }
                continue;
            };
            packets += 1;
            if packets > packets_max {
                self.flooded();
                return Ok(());
            }
            self.note(&event, &buffer)?;
        }
    }

    /// Ends it early: what is still on its way may be answered, and is not lost.
    fn flooded(&mut self) {
        self.seen.flood = true;
        let settled = self.sent.iter().filter(|ping| ping.state != State::Open).count();
        if settled > 0 {
            self.seen.sent = u16::try_from(settled).unwrap_or(u16::MAX);
        }
    }

    /// Sends the next ping if it is time. Whether there are more to send.
    fn send_next(&mut self) -> Result<bool, Problem> {
        let now = Instant::now();
        let late = now + LEAST > self.limit.until && !self.sent.is_empty();
        let number = u16::try_from(self.sent.len()).unwrap_or(u16::MAX);
        if number >= self.plan.count || late {
            return Ok(false);
        }
        if now < self.next {
            return Ok(true);
        }
        let packet = self.pings.request(number);
        let ping = Sent { at: Instant::now(), clock: clock(), state: State::Open };
        match self.socket.send(&packet) {
            Ok(()) => {
                self.sent.push(ping);
                self.seen.sent = number + 1;
                self.next = now + self.plan.interval;
            }
            Err(error) if is_full(&error) => {
                self.full = true;
                self.next = now + PAUSE;
                return Ok(true);
            }
            Err(error) => return Err(hindered(&error, self.to)),
        }
        Ok(number + 1 < self.plan.count)
    }

    fn note(&mut self, event: &Event, buffer: &[u8]) -> Result<(), Problem> {
        let now = Instant::now();
        match event {
            Event::Packet(length, stamp) => {
                let bytes = buffer.get(..*length).unwrap_or_default();
                match self.pings.said(bytes) {
                    Said::Answer(number) => self.answered(number, *stamp, now),
                    Said::Changed(number) => {
                        if let Some(ping) = self.open(number) {
                            ping.state = State::Refused;
                            self.seen.changed += 1;
                        }
                    }
                    Said::Foreign => {}
                }
            }
            Event::Reason(length, reason) => {
                let quoted = self.pings.quoted(buffer.get(..*length).unwrap_or_default(), self.socket.is_datagram);
                if let Some(ping) = quoted.and_then(|number| self.open(number)) {
                    ping.state = State::Refused;
                    *self.seen.reasons.entry(*reason).or_default() += 1;
                }
            }
            Event::Error(error) => return Err(hindered(error, self.to)),
        }
        Ok(())
    }

    /// The ping with this number, if it is still on its way.
    fn open(&mut self, number: u16) -> Option<&mut Sent> {
        self.sent.get_mut(usize::from(number)).filter(|ping| ping.state == State::Open)
    }

    fn answered(&mut self, number: u16, stamp: Option<Duration>, now: Instant) {
        let Some(ping) = self.sent.get_mut(usize::from(number)) else { return };
        if ping.state == State::Answered {
            self.seen.doubled += 1;
            return;
        }
        ping.state = State::Answered;
        self.seen.times.push(round_trip(ping, stamp, now));
    }
}

/// How long an answer took that the kernel stamped and we got to see `now`. The stamp is the truth, as we may be late; unless
/// somebody sets the clock meanwhile.
pub(crate) fn round_trip(ping: &Sent, stamp: Option<Duration>, now: Instant) -> Duration {
    let at_most = now.saturating_duration_since(ping.at);
    stamp.and_then(|stamp| stamp.checked_sub(ping.clock)).filter(|time| *time <= at_most).unwrap_or(at_most)
}

fn clock() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// What the kernel says while many packets wait to leave.
fn is_full(error: &io::Error) -> bool {
    let full = [Errno::EAGAIN, Errno::ENOBUFS];
    error.raw_os_error().is_some_and(|code| full.contains(&Errno::from_raw(code)))
}

/// What keeps us from sending to `to`.
fn hindered(error: &io::Error, to: SocketAddr) -> Problem {
    let routes = |what: &str| Problem::Ours(format!("this host's own routes {what}"), Blame::NoRoute);
    // What ip-route(8) has for routes that lead nowhere. A firewall says EPERM.
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EINVAL) => return routes("drop what goes there (blackhole)"),
        Some(Errno::EACCES) => return routes("forbid to go there (prohibit, or a broadcast address)"),
        _ => {}
    }
    let trouble = Trouble::of(error, to);
    Problem::ours(&trouble).unwrap_or_else(|| match trouble {
        Trouble::Unreachable => Problem::NoRoute,
        _ => Problem::Ours(format!("this host cannot send pings: {error}"), Blame::Shortage),
    })
}

#[cfg(test)]
impl Sent {
    pub(crate) fn new(at: Instant, clock: Duration) -> Self {
        Self { at, clock, state: State::Open }
    }
}
