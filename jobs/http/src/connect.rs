//! From a host name to a connection: resolve, then try each address until one takes us.

use crate::progress::{Phase, Progress, Trouble, time_words};
use checker_job::Blame;
use checker_parts::net::{self, Endpoint, FORBIDDEN, Line, NO_RESOLVER, NO_ROUTE, ResolveError};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::time::{Instant, timeout};

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
    pub(crate) endpoint: &'a Endpoint,
    /// Stands in for what the resolver would say.
    pub(crate) fixed: Option<IpAddr>,
    pub(crate) family: Family,
    /// Connecting must not take longer; the last address gets all that is left.
    pub(crate) deadline: Instant,
}

/// Resolves and connects. The first address that takes us wins; only if all fail is it a failure.
pub(crate) async fn connect(goal: Goal<'_>, p: &mut Progress) -> Result<Line, Trouble> {
    p.timing.enter(Phase::Resolve);
    let fixed = goal.fixed.map(|ip| SocketAddr::new(ip, goal.endpoint.port()));
    let Some(address) = fixed.or_else(|| goal.endpoint.literal()) else {
        // A name needs much more room than a number, so it lives in a box of its own.
        return Box::pin(connect_name(goal, p)).await;
    };
    p.timing.enter(Phase::Connect);
    p.address = Some(address);
    match net::dial(address).await {
        Ok(stream) => Ok(stream),
        Err(error) => Err(all_failed(goal.endpoint.host(), vec![(address, Miss::of(&error, address))])),
    }
}

async fn connect_name(goal: Goal<'_>, p: &mut Progress) -> Result<Line, Trouble> {
    let host = goal.endpoint.host();
    p.name = Some(host.to_owned());
    let mut addresses = goal.endpoint.resolve().await.map_err(|e| unresolved(host, e))?;
    addresses.retain(|a| goal.family.takes(a.ip()));
    addresses.truncate(ADDRESSES_MAX);
    if addresses.is_empty() {
        return Err(Trouble::theirs(format!("could not resolve {host}: it has no {}", goal.family.word())));
    }
    p.timing.enter(Phase::Connect);
    connect_any(host, &addresses, goal.deadline, p).await
}

async fn connect_any(
    host: &str,
    addresses: &[SocketAddr],
    deadline: Instant,
    p: &mut Progress,
) -> Result<Line, Trouble> {
    let mut misses = Vec::new();
    for (n, &address) in addresses.iter().enumerate() {
        p.address = Some(address);
        let left = u32::try_from(addresses.len() - n).unwrap_or(1);
        let miss = match try_one(address, left, deadline).await {
            Ok(stream) => return Ok(stream),
            Err(miss) => miss,
        };
        p.notes.push(format!("{address} {}", miss.words()));
        misses.push((address, miss));
    }
    Err(all_failed(host, misses))
}

async fn try_one(address: SocketAddr, left: u32, deadline: Instant) -> Result<Line, Miss> {
    let connecting = net::dial(address);
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

fn unresolved(host: &str, error: ResolveError) -> Trouble {
    let blame = error.blame();
    let trouble = match error {
        ResolveError::NoSuchName => Trouble::theirs(format!("could not resolve {host}: there is no such name")),
        ResolveError::NoResolver(said) => {
            Trouble::ours(NO_RESOLVER, format!("could not ask for {host}: {NO_RESOLVER} ({said})"))
        }
        ResolveError::Ours(cause) => Trouble::ours(cause.clone(), format!("could not ask for {host}: {cause}")),
    };
    trouble.blaming(blame)
}

/// The resolver's silence until the end of the run.
pub(crate) fn resolver_silent(host: &str, limit: Duration) -> Trouble {
    let limit = time_words(limit);
    Trouble::ours(NO_RESOLVER, format!("could not ask for {host}: {NO_RESOLVER} within {limit}"))
        .blaming(Some(Blame::NoResolver))
}

/// Why one address did not take us.
#[derive(Debug)]
enum Miss {
    /// We stopped waiting, for the sake of the addresses that are left.
    Silent(Duration),
    Said(net::Trouble),
}

impl Miss {
    fn of(error: &io::Error, address: SocketAddr) -> Self {
        Self::Said(net::Trouble::of(error, address))
    }

    fn blame(&self, address: SocketAddr) -> Option<Blame> {
        match self {
            Self::Silent(_) => net::silence(address),
            Self::Said(trouble) => trouble.blame(address),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Silent(limit) => format!("did not answer within {}", time_words(*limit)),
            Self::Said(trouble) => match trouble {
                net::Trouble::Refused => "refused the connection".to_owned(),
                net::Trouble::Reset => "reset the connection".to_owned(),
                net::Trouble::TimedOut => "did not answer until the system gave up".to_owned(),
                net::Trouble::Unreachable => "is unreachable, says a router on the way".to_owned(),
                net::Trouble::NoRoute => format!("is not counted: {NO_ROUTE} to it"),
                net::Trouble::Forbidden => format!("is not counted: {FORBIDDEN}"),
                net::Trouble::Ours(cause) => format!("is not counted: {cause}"),
                net::Trouble::Other(said) => format!("cannot be connected to: {said}"),
            },
        }
    }
}

fn all_failed(host: &str, misses: Vec<(SocketAddr, Miss)>) -> Trouble {
    let mut words = Vec::new();
    let mut silent = Some(Blame::Silence);
    for (address, miss) in misses {
        let blame = miss.blame(address);
        match miss {
            // Says nothing of the target, whatever the other addresses did.
            Miss::Said(net::Trouble::Ours(cause)) => {
                let sentence = format!("could not connect to {host}: {cause}");
                return Trouble::ours(cause, sentence).blaming(blame);
            }
            Miss::Said(net::Trouble::Forbidden) => {
                return Trouble::ours(FORBIDDEN, format!("could not connect to {host}: {FORBIDDEN}")).blaming(blame);
            }
            Miss::Said(net::Trouble::NoRoute) => {}
            miss => {
                // One address that said anything shows that we are not cut off.
                silent = silent.and(blame);
                words.push(format!("{address} {}", miss.words()));
            }
        }
    }
    if words.is_empty() {
        return Trouble::ours(NO_ROUTE, format!("{NO_ROUTE} to {host}")).blaming(Some(Blame::NoRoute));
    }
    Trouble::theirs(format!("could not connect: {}", words.join(", "))).blaming(silent)
}

#[cfg(test)]
mod tests;
