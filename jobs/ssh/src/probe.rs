//! One address: what its server says of itself, and the host keys that it proves to hold.

use crate::end::End;
use crate::exchange;
use crate::identification::{self, Identification, OURS};
use crate::key::{HostKey, KeyKind};
use crate::offers::Offers;
use crate::pins::Pins;
use crate::wire::Wire;
use checker_parts::net::{self, Trouble};
use checker_parts::probe::{Limit, Problem};
use checker_parts::quoted::quoted;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, join, sink};
use tokio::time::{Instant, timeout_at};

/// The end of the talk is waited for no longer: all is known by then.
const FAREWELL: Duration = Duration::from_millis(500);
/// It ends so long before the run, or what is known would be lost with it.
const MARGIN: Duration = Duration::from_millis(10);

/// What a server shows.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) server: Identification,
    /// The keys that it holds, in the order in which it was asked for them; or why there is none.
    pub(crate) keys: Result<Vec<HostKey>, Unproved>,
}

/// Why a server has proved no key. Each holds the end of a sentence that begins with the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unproved {
    /// It shows nothing that we can verify.
    Unverifiable(String),
    /// It shows a key that it does not hold.
    Forged(String),
}

/// How far it came.
enum Phase {
    Connecting,
    /// What came instead of an identification.
    Greeting(Vec<u8>),
    Exchange,
}

/// What one connection shows.
struct Shown {
    server: Identification,
    key: Result<HostKey, Unproved>,
    /// The kinds of which the server has keys.
    kinds: Vec<KeyKind>,
}

/// Asks the server at `to`, once; and once more for each other kind of key while none that will do was among them and one of
/// that kind may.
pub(crate) async fn seen(pins: &Pins, to: SocketAddr, limit: &Limit) -> Result<Seen, Problem> {
    let mut wanted = pins.kinds();
    let first = one(&wanted, to, limit).await?;
    let mut keys = match first.key {
        Ok(key) => vec![key],
        Err(why) => return Ok(Seen { server: first.server, keys: Err(why) }),
    };
    while !keys.iter().any(|key| pins.hold(key)) {
        let is_shown = |kind: KeyKind| keys.iter().any(|key| key.kind == kind);
        wanted.retain(|kind| first.kinds.contains(kind) && pins.may_be(*kind) && !is_shown(*kind));
        if wanted.is_empty() {
            break;
        }
        match one(&wanted, to, limit).await?.key {
            Ok(key) if keys.iter().all(|known| known.kind != key.kind) => keys.push(key),
            Err(forged @ Unproved::Forged(_)) => return Ok(Seen { server: first.server, keys: Err(forged) }),
            _ => break,
        }
    }
    Ok(Seen { server: first.server, keys: Ok(keys) })
}

/// What would come of it if the server took the connection, said `answer` and closed. The same code over other words.
pub(crate) async fn replay(pins: &Pins, to: SocketAddr, limit: &Limit, answer: &[u8]) -> Result<Seen, Problem> {
    let mut phase = Phase::Greeting(Vec::new());
    match over(&pins.kinds(), join(answer, sink()), limit, &mut phase).await {
        Ok(shown) => Ok(Seen { server: shown.server, keys: shown.key.map(|key| vec![key]) }),
        Err(end) => Err(explain(to, limit, &phase, Some(end))),
    }
}

/// One connection; the first of the wanted kinds that the server has is asked for.
async fn one(wanted: &[KeyKind], to: SocketAddr, limit: &Limit) -> Result<Shown, Problem> {
    let mut phase = Phase::Connecting;
    match timeout_at(limit.until, converse(wanted, to, limit, &mut phase)).await {
        Ok(Ok(shown)) => Ok(shown),
        Ok(Err(end)) => Err(explain(to, limit, &phase, Some(end))),
        Err(_) => Err(explain(to, limit, &phase, None)),
    }
}

async fn converse(wanted: &[KeyKind], to: SocketAddr, limit: &Limit, phase: &mut Phase) -> Result<Shown, End> {
    over(wanted, net::dial(to).await?, limit, phase).await
}

/// All that is said on a connection.
async fn over<S: AsyncRead + AsyncWrite + Unpin>(
    wanted: &[KeyKind],
    stream: S,
    limit: &Limit,
    phase: &mut Phase,
) -> Result<Shown, End> {
    let mut wire = Wire::new(stream);
    *phase = Phase::Greeting(Vec::new());
    // A server that has closed may have said why, so what it said is read all the same.
    drop(wire.say(&[OURS, b"\r\n"].concat()).await);
    let server = match phase {
        Phase::Greeting(before) => identification::read(&mut wire, before).await?,
        _ => return Err(End::Closed),
    };
    *phase = Phase::Exchange;
    let offers = Offers::of(wire.message().await?)?;
    let kinds: Vec<KeyKind> = KeyKind::ALL.into_iter().filter(|kind| offers.algorithm(*kind).is_some()).collect();
    let chosen = wanted.iter().find_map(|kind| Some((*kind, offers.algorithm(*kind)?)));
    let key = match (offers.method(), chosen) {
        (Some(method), Some(chosen)) => {
            let proved = exchange::prove(&mut wire, &server, &offers, method, chosen).await;
            if matches!(proved, Err(End::Said(_))) {
                goodbye(&mut wire, limit).await;
            }
            match proved {
                Err(End::Unverifiable(why)) => Err(Unproved::Unverifiable(why)),
                Err(End::Forged(why)) => Err(Unproved::Forged(why)),
                proved => Ok(proved?),
            }
        }
        (None, _) => {
            let offered = quoted(offers.exchanges().as_bytes());
            Err(Unproved::Unverifiable(format!("its key exchanges are unknown to Checker: {offered}")))
        }
        (_, None) => {
            let offered = quoted(offers.host_keys().as_bytes());
            Err(Unproved::Unverifiable(format!("its kinds of host keys are unknown to Checker: {offered}")))
        }
    };
    goodbye(&mut wire, limit).await;
    Ok(Shown { server, key, kinds })
}

/// Ends politely. Nothing depends on it.
async fn goodbye<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, limit: &Limit) {
    let last = limit.until.checked_sub(MARGIN).unwrap_or(limit.until);
    drop(timeout_at(last.min(Instant::now() + FAREWELL), wire.leave()).await);
}

/// Words the end; without one, time ran out.
fn explain(to: SocketAddr, limit: &Limit, phase: &Phase, end: Option<End>) -> Problem {
    let error = match &end {
        Some(End::Broken(error)) => Some(error),
        _ => None,
    };
    if matches!(phase, Phase::Connecting) {
        return Problem::connecting(to, error, limit);
    }
    let trouble = error.map(|error| Trouble::of(error, to));
    if let Some(ours) = trouble.as_ref().and_then(Problem::ours) {
        return ours;
    }
    let within = format!("within {}", limit.words());
    let sentence = match (end, phase) {
        (Some(End::Said(what) | End::Forged(what) | End::Unverifiable(what)), _) => {
            return Problem::target(format!("{to} {what}"));
        }
        (None, Phase::Greeting(said)) if said.is_empty() => {
            format!("{to} accepts the connection, but does not say that it is an SSH server {within}")
        }
        (None, Phase::Greeting(said)) => {
            return Problem::target(format!("{to} says {} and no SSH identification {within}", quoted(said)));
        }
        (None, _) => format!("{to} does not go on with the key exchange {within}"),
        (Some(End::Closed), _) => format!("{to} closed the connection in the middle of the key exchange"),
        (Some(End::Broken(error)), phase) => {
            let step =
                if matches!(phase, Phase::Exchange) { "during the key exchange" } else { "before it said anything" };
            match trouble {
                Some(Trouble::Reset) => format!("{to} reset the connection {step}"),
                _ => format!("the connection to {to} broke {step}: {error}"),
            }
        }
    };
    let blame = match &trouble {
        Some(trouble) => trouble.blame(to),
        None => net::silence(to),
    };
    Problem::Target(sentence, blame)
}
