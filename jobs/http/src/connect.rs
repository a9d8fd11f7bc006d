//! From a host name to a connection: resolve, then try each address until one takes us.

use crate::progress::{Phase, Progress, Trouble, time_words};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Worded alike in all kinds, because messages are one per cause.
const NO_ROUTE: &str = "no route";
const NO_RESOLVER: &str = "the resolver does not answer";
const NO_RESOURCES: &str = "no file handles, memory or ports";

/// A name with more addresses than this has enough of them to be judged by.
const ADDRESSES_MAX: usize = 8;
/// No address but the last gets less than this before the next one is tried.
const TRY_MIN: Duration = Duration::from_millis(250);

/// Which addresses of a name count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Any,
    V4,
    V6,
}

impl Family {
    pub(crate) fn takes(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Any => "address",
            Self::V4 => "IPv4 address",
            Self::V6 => "IPv6 address",
        }
    }
}

/// Where to connect to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// Stands in for what the resolver would say.
    pub(crate) fixed: Option<IpAddr>,
    pub(crate) family: Family,
    /// Connecting must not take longer; the last address gets all that is left.
    pub(crate) deadline: Instant,
}

/// Resolves and connects. The first address that takes us wins; only if all fail is it a failure.
pub(crate) async fn connect(goal: Goal<'_>, p: &mut Progress) -> Result<TcpStream, Trouble> {
    p.timing.enter(Phase::Resolve);
    let literal = goal.fixed.or_else(|| goal.host.parse().ok());
    let Some(ip) = literal else {
        // Names are rarer than numbers where there are many targets, and need much more room.
        return Box::pin(connect_name(goal, p)).await;
    };
    p.timing.enter(Phase::Connect);
    let address = SocketAddr::new(ip, goal.port);
    p.address = Some(address);
    match TcpStream::connect(address).await {
        Ok(stream) => Ok(stream),
        Err(error) => Err(all_failed(goal.host, vec![(address, Miss::of(&error, address))])),
    }
}

async fn connect_name(goal: Goal<'_>, p: &mut Progress) -> Result<TcpStream, Trouble> {
    p.name = Some(goal.host.to_owned());
    let addresses = resolve(goal).await?;
    p.timing.enter(Phase::Connect);
    let mut misses = Vec::new();
    for (n, &address) in addresses.iter().enumerate() {
        p.address = Some(address);
        let left = u32::try_from(addresses.len() - n).unwrap_or(1);
        let miss = match try_one(address, left, goal.deadline).await {
            Ok(stream) => return Ok(stream),
            Err(miss) => miss,
        };
        p.notes.push(format!("{address} {}", miss.words()));
        misses.push((address, miss));
    }
    Err(all_failed(goal.host, misses))
}

async fn try_one(address: SocketAddr, left: u32, deadline: Instant) -> Result<TcpStream, Miss> {
    let connecting = TcpStream::connect(address);
    if left <= 1 {
        return connecting.await.map_err(|e| Miss::of(&e, address));
    }
    // An equal share for each address, and one for the phases that follow.
    let share = (deadline.saturating_duration_since(Instant::now()) / (left + 1)).max(TRY_MIN);
    match timeout(share, connecting).await {
        Ok(result) => result.map_err(|e| Miss::of(&e, address)),
        Err(_) => Err(Miss::Silent(share)),
    }
}

async fn resolve(goal: Goal<'_>) -> Result<Vec<SocketAddr>, Trouble> {
    let host = goal.host;
    let found = tokio::net::lookup_host((host, goal.port)).await.map_err(|e| unresolved(host, &e))?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found.filter(|a| goal.family.takes(a.ip())) {
        if !addresses.contains(&address) && addresses.len() < ADDRESSES_MAX {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        let word = goal.family.word();
        return Err(Trouble::theirs(format!("could not resolve {host}: it has no {word}")));
    }
    Ok(addresses)
}

/// The standard library hands on the resolver's verdict as text alone, in the words of glibc or musl.
fn unresolved(host: &str, error: &io::Error) -> Trouble {
    if let Some(trouble) = exhausted(error) {
        return trouble;
    }
    let text = error.to_string();
    let no_such_name = [
        "Name or service not known",
        "No address associated with",
        "Name does not resolve",
        "Name has no usable address",
        "not supported by",
    ];
    if no_such_name.iter().any(|words| text.contains(words)) {
        return Trouble::theirs(format!("could not resolve {host}: no such name"));
    }
    let why = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    Trouble::ours(NO_RESOLVER, format!("could not ask for {host}: the resolver does not answer ({why})"))
}

/// The resolver's silence until the end of the run.
pub(crate) fn resolver_silent(host: &str, limit: Duration) -> Trouble {
    Trouble::ours(
        NO_RESOLVER,
        format!("could not ask for {host}: the resolver does not answer within {}", time_words(limit)),
    )
}

/// What this host has run out of, if it is that.
pub(crate) fn exhausted(error: &io::Error) -> Option<Trouble> {
    let what = match error.raw_os_error()? {
        libc::EMFILE | libc::ENFILE => "file handles (raise LimitNOFILE or ulimit -n)",
        libc::ENOMEM | libc::ENOBUFS => "memory",
        _ => return None,
    };
    Some(Trouble::ours(NO_RESOURCES, format!("this host has run out of {what}")))
}

/// Why one address did not take us.
#[derive(Debug)]
enum Miss {
    Refused,
    Silent(Duration),
    NoRoute,
    Exhausted(Trouble),
    Other(String),
}

impl Miss {
    fn of(error: &io::Error, address: SocketAddr) -> Self {
        if let Some(trouble) = exhausted(error) {
            return Self::Exhausted(trouble);
        }
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::TimedOut => Self::Other("timed out: the system gave up".to_owned()),
            ErrorKind::ConnectionReset => Self::Other("reset the connection".to_owned()),
            _ if !has_route(address) => Self::NoRoute,
            ErrorKind::AddrNotAvailable => {
                Self::Exhausted(Trouble::ours(NO_RESOURCES, "this host has no free local port left"))
            }
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Self::Other("is unreachable, says a router on the way".to_owned())
            }
            _ => Self::Other(format!("cannot be connected to: {error}")),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Refused => "refused the connection".to_owned(),
            Self::Silent(limit) => format!("did not answer within {}", time_words(*limit)),
            Self::NoRoute => "has no route from this host, not counted".to_owned(),
            Self::Exhausted(trouble) => trouble.sentence.clone(),
            Self::Other(words) => words.clone(),
        }
    }
}

/// Whether this host could send to `address` at all. Connecting a UDP socket sends nothing; it only asks the routing
/// table, which no router on the way can answer in our place.
fn has_route(address: SocketAddr) -> bool {
    let local = match address {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    UdpSocket::bind(local).is_ok_and(|socket| socket.connect(address).is_ok())
}

fn all_failed(host: &str, misses: Vec<(SocketAddr, Miss)>) -> Trouble {
    let mut words = Vec::new();
    for (address, miss) in misses {
        match miss {
            // Says nothing of the target, whatever the other addresses did.
            Miss::Exhausted(trouble) => return trouble,
            Miss::NoRoute => {}
            miss => words.push(format!("{address} {}", miss.words())),
        }
    }
    if words.is_empty() {
        return Trouble::ours(NO_ROUTE, format!("this host has no route to {host}"));
    }
    Trouble::theirs(format!("could not connect: {}", words.join(", ")))
}

#[cfg(test)]
mod tests;
