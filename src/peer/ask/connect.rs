//! From a name to a connection: each address in its turn, until one takes us.

use super::{Miss, Phase, Progress, Trouble};
use checker_job::duration_words;
use checker_parts::net::{self, Endpoint, Line, ResolveError};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A name with more addresses than this has enough of them.
const ADDRESSES_MAX: usize = 8;
/// No address gets less than this before the next one is tried.
const TRY_MIN: Duration = Duration::from_millis(250);

pub(super) async fn connect(to: &Endpoint, deadline: Instant, p: &mut Progress) -> Result<Line, Trouble> {
    let mut addresses = to.resolve().await.map_err(|e| unresolved(to.host(), &e))?;
    p.phase = Phase::Connect;
    addresses.truncate(ADDRESSES_MAX);
    for (n, &address) in addresses.iter().enumerate() {
        p.address = Some(address);
        let left = u32::try_from(addresses.len() - n).unwrap_or(1);
        match try_one(address, left, deadline).await {
            Ok(line) => return Ok(line),
            Err(miss) => p.misses.push(miss),
        }
    }
    Err(all_missed(std::mem::take(&mut p.misses)))
}

/// The last address has all the time that is left, the others a share of it.
async fn try_one(address: SocketAddr, left: u32, deadline: Instant) -> Result<Line, Miss> {
    let share = match left {
        ..=1 => Duration::MAX,
        _ => (deadline.saturating_duration_since(Instant::now()) / (left + 1)).max(TRY_MIN),
    };
    match timeout(share, net::dial(address)).await {
        Ok(Ok(line)) => Ok(line),
        Ok(Err(e)) => {
            let trouble = net::Trouble::of(&e, address);
            Err((words(&trouble, address), trouble.blame(address)))
        }
        Err(_) => Err((format!("{address} did not answer within {}", duration_words(share)), net::silence(address))),
    }
}

fn unresolved(host: &str, error: &ResolveError) -> Trouble {
    let sentence = match error {
        ResolveError::NoSuchName => format!("could not find {host}: there is no such name"),
        ResolveError::NoResolver(said) => format!("could not ask for {host}: {} ({said})", net::NO_RESOLVER),
        ResolveError::Ours(cause) => format!("could not ask for {host}: {cause}"),
    };
    Trouble::silent(sentence, error.blame())
}

/// One address that said anything shows that we are not cut off: then nobody else is blamed.
pub(super) fn all_missed(misses: Vec<Miss>) -> Trouble {
    let blame = misses.iter().map(|(_, blame)| *blame).reduce(Option::and).flatten();
    let words: Vec<String> = misses.into_iter().map(|(words, _)| words).collect();
    Trouble::silent(format!("could not connect: {}", words.join(", ")), blame)
}

fn words(trouble: &net::Trouble, address: SocketAddr) -> String {
    match trouble {
        net::Trouble::Refused => format!("{address} refused the connection"),
        net::Trouble::Reset => format!("{address} reset the connection"),
        net::Trouble::TimedOut => format!("{address} did not answer until the system gave up"),
        net::Trouble::Unreachable => format!("{address} is unreachable, says a router on the way"),
        net::Trouble::NoRoute => format!("{} to {address}", net::NO_ROUTE),
        net::Trouble::Forbidden => format!("{} to {address}", net::FORBIDDEN),
        net::Trouble::Ours(cause) => cause.clone(),
        net::Trouble::Other(said) => format!("{address} cannot be connected to: {said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checker_job::Blame;

    #[test]
    fn one_address_that_answers_takes_the_blame_from_us() {
        let missed =
            |blames: &[Option<Blame>]| all_missed(blames.iter().map(|b| ("it did".to_owned(), *b)).collect()).blame;
        assert_eq!(missed(&[Some(Blame::NoRoute)]), Some(Blame::NoRoute));
        assert_eq!(missed(&[Some(Blame::NoRoute), Some(Blame::Silence)]), Some(Blame::Silence));
        assert_eq!(missed(&[Some(Blame::Silence), None]), None);
        assert_eq!(missed(&[None, Some(Blame::NoRoute)]), None);
    }
}
