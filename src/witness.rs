//! The witness: what the kernel, the resolver and reference addresses say about this host's own network.
//!
//! It is asked only when something looks as if we were cut off, and takes [`TIME_MAX`] at most: much less where a
//! reference answers. What its answers mean is decided in [`crate::decide::witness`].

use crate::decide::witness::{Answer, Evidence};
use checker_parts::net::{Endpoint, ResolveError, Trouble, has_route};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// Asking takes no longer.
pub const TIME_MAX: Duration = Duration::from_secs(3);
/// Addresses of one reference that are tried.
const ADDRESSES_MAX: usize = 4;
/// A name that every resolver of the world knows, asked where no reference has a name. Reserved by RFC 2606.
const NEUTRAL: &str = "example.com:80";
/// Addresses of networks that nobody has (RFC 5737 and 3849): whoever has a route to them has one to the world.
const ELSEWHERE: [&str; 2] = ["192.0.2.1:9", "[2001:db8::1]:9"];
/// Names in it are known without a resolver.
const HOSTS: &str = "/etc/hosts";

/// Looks around. `resolver`: the resolver is in question too.
pub fn ask(references: &[Endpoint], resolver: bool) -> Evidence {
    let route = ELSEWHERE.iter().filter_map(|a| a.parse().ok()).any(has_route);
    let mut evidence = Evidence { route, resolver: None, references: Vec::new(), shortage: None };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            evidence.shortage = Some(format!("the witness cannot be asked: {why}"));
            return evidence;
        }
    };
    runtime.block_on(look(references, resolver, &mut evidence));
    // A resolver that hangs keeps a thread; nobody waits for it.
    runtime.shutdown_background();
    evidence
}

async fn look(references: &[Endpoint], resolver: bool, evidence: &mut Evidence) {
    let until = Instant::now() + TIME_MAX;
    let mut asked = JoinSet::new();
    for (index, endpoint) in references.iter().cloned().enumerate() {
        asked.spawn(async move { (Some(index), one(&endpoint, until).await) });
    }
    let hosts = if resolver { std::fs::read_to_string(HOSTS).unwrap_or_default() } else { String::new() };
    let tells = |e: &Endpoint| is_name(e) && e.host() != "localhost" && !is_in_hosts(&hosts, e.host());
    if resolver
        && !references.iter().any(tells)
        && let Ok(neutral) = Endpoint::parse(NEUTRAL)
    {
        asked.spawn(async move { (None, name_alone(&neutral, until).await) });
    }
    let tells = |index: Option<usize>| index.and_then(|i| references.get(i)).is_none_or(tells);
    let mut seen: Vec<(Option<usize>, Seen)> = Vec::new();
    let mut answers = false;
    while let Some(done) = asked.join_next().await {
        let Ok((index, one)) = done else { continue };
        evidence.shortage = evidence.shortage.take().or_else(|| one.shortage.clone());
        answers |= one.answer == Answer::Answers;
        seen.push((index, one));
        // One that answers is enough, unless the resolver is still to be heard.
        if resolver {
            evidence.resolver = resolver_of(&seen, tells);
        }
        if answers && (!resolver || evidence.resolver == Some(Ok(()))) {
            break;
        }
    }
    seen.sort_by_key(|s| s.0);
    for (index, one) in seen {
        if let Some(endpoint) = index.and_then(|i| references.get(i)) {
            evidence.references.push((endpoint.to_string(), one.answer));
        }
    }
}

/// What came of one reference.
struct Seen {
    /// What the resolver said, if it was asked.
    resolved: Option<Result<(), ResolveError>>,
    answer: Answer,
    /// What this host lacked to ask.
    shortage: Option<String>,
}

/// The resolver works if any name was answered, be it by "there is no such name".
fn resolver_of(seen: &[(Option<usize>, Seen)], tells: impl Fn(Option<usize>) -> bool) -> Option<Result<(), String>> {
    let mut said = None;
    for (_, one) in seen.iter().filter(|(index, _)| tells(*index)) {
        match &one.resolved {
            Some(Ok(()) | Err(ResolveError::NoSuchName)) => return Some(Ok(())),
            Some(Err(ResolveError::NoResolver(why))) => said = Some(Err(why.clone())),
            Some(Err(ResolveError::Ours(_))) | None => {}
        }
    }
    said
}

fn is_name(endpoint: &Endpoint) -> bool {
    endpoint.literal().is_none() && endpoint.host().parse::<IpAddr>().is_err()
}

/// Whether a line of the hosts file knows `name`.
fn is_in_hosts(hosts: &str, name: &str) -> bool {
    let lines = hosts.lines().map(|l| l.split('#').next().unwrap_or_default());
    lines.into_iter().any(|l| l.split_whitespace().skip(1).any(|n| n.eq_ignore_ascii_case(name)))
}

async fn resolve(endpoint: &Endpoint, until: Instant) -> Result<Vec<SocketAddr>, ResolveError> {
    let late = || ResolveError::NoResolver(format!("no answer within {} s", TIME_MAX.as_secs()));
    timeout_at(until, endpoint.resolve()).await.unwrap_or_else(|_| Err(late()))
}

async fn one(endpoint: &Endpoint, until: Instant) -> Seen {
    let found = resolve(endpoint, until).await;
    let resolved = is_name(endpoint).then(|| found.as_ref().map(|_| ()).map_err(Clone::clone));
    let (answer, shortage) = match found {
        Ok(addresses) => heard(&addresses, until).await,
        Err(ResolveError::NoSuchName) => (Answer::Useless, None),
        Err(ResolveError::NoResolver(why)) => {
            (Answer::Unresolved(format!("its name could not be resolved: {why}")), None)
        }
        Err(ResolveError::Ours(why)) => (Answer::Useless, Some(why)),
    };
    Seen { resolved, answer, shortage }
}

/// Asks for a name, to hear the resolver.
async fn name_alone(endpoint: &Endpoint, until: Instant) -> Seen {
    let resolved = resolve(endpoint, until).await.map(|_| ());
    Seen { resolved: Some(resolved), answer: Answer::Useless, shortage: None }
}

/// Whether anything comes back from any of the addresses. This host itself proves nothing.
async fn heard(addresses: &[SocketAddr], until: Instant) -> (Answer, Option<String>) {
    let outside = addresses.iter().filter(|a| !is_here(a.ip())).take(ADDRESSES_MAX);
    let mut asked = JoinSet::new();
    for &address in outside {
        asked.spawn(async move { (address, timeout_at(until, TcpStream::connect(address)).await) });
    }
    let (mut silent, mut shortage) = (Vec::new(), None);
    while let Some(done) = asked.join_next().await {
        let Ok((address, tried)) = done else { continue };
        let words = match tried {
            Ok(Ok(_)) => return (Answer::Answers, None),
            Ok(Err(error)) => match Trouble::of(&error, address) {
                Trouble::Refused | Trouble::Reset => return (Answer::Answers, None),
                Trouble::NoRoute => "no route".to_owned(),
                Trouble::Unreachable => "unreachable".to_owned(),
                Trouble::Forbidden => "this host's own firewall forbids it".to_owned(),
                Trouble::TimedOut => "silent".to_owned(),
                // It was not asked, so it was not silent.
                Trouble::Ours(why) => {
                    shortage = Some(why);
                    continue;
                }
                Trouble::Other(why) => why,
            },
            Err(_) => format!("silent for {} s", TIME_MAX.as_secs()),
        };
        silent.push(format!("{address}: {words}"));
    }
    silent.sort();
    let answer = if silent.is_empty() { Answer::Useless } else { Answer::Silent(silent.join(", ")) };
    (answer, shortage)
}

/// Whether this address is this host's own, whatever the network does.
pub fn is_here(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    ip.is_loopback() || ip.is_unspecified()
}

#[cfg(test)]
mod tests;
