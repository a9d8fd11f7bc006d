//! One connection to one address.

use checker_parts::net::{self, Trouble};
use checker_parts::probe::{Limit, Problem};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, join, sink};
use tokio::time::timeout_at;

/// The expected text must come within so many bytes.
const ANSWER_MAX: usize = 64 * 1024;

/// What is said on the connection. Empty means: nothing is.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) send: Vec<u8>,
    pub(crate) expect: String,
}

/// How far a connection came.
enum Phase {
    Connecting,
    Sending,
    Waiting(Vec<u8>),
}

/// What ended a connection before it was good.
enum End {
    Error(io::Error),
    Closed,
    TooMuch,
}

/// Tries one address. The time is that of the whole run so far.
pub(crate) async fn probe(to: SocketAddr, talk: &Talk, limit: &Limit) -> Result<Duration, Problem> {
    let mut phase = Phase::Connecting;
    let end = match timeout_at(limit.until, converse(to, talk, &mut phase)).await {
        Ok(Ok(())) => return Ok(limit.begin.elapsed()),
        Ok(Err(end)) => Some(end),
        Err(_) => None,
    };
    Err(explain(to, talk, limit, &phase, end))
}

/// What would come of it if the server took the connection, said `answer` and closed. The same code over other words.
pub(crate) async fn replay(to: SocketAddr, talk: &Talk, limit: &Limit, answer: &[u8]) -> Result<Duration, Problem> {
    let mut phase = Phase::Sending;
    match exchange(join(answer, sink()), talk, &mut phase).await {
        Ok(()) => Ok(limit.begin.elapsed()),
        Err(end) => Err(explain(to, talk, limit, &phase, Some(end))),
    }
}

async fn converse(to: SocketAddr, talk: &Talk, phase: &mut Phase) -> Result<(), End> {
    let stream = net::dial(to).await.map_err(End::Error)?;
    exchange(stream, talk, phase).await
}

async fn exchange<S>(mut stream: S, talk: &Talk, phase: &mut Phase) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if !talk.send.is_empty() {
        *phase = Phase::Sending;
        stream.write_all(&talk.send).await.map_err(End::Error)?;
    }
    if talk.expect.is_empty() {
        return Ok(());
    }
    *phase = Phase::Waiting(Vec::new());
    let Phase::Waiting(got) = phase else {
        return Ok(());
    };
    let wanted = talk.expect.as_bytes();
    loop {
        let before = got.len();
        if stream.read_buf(got).await.map_err(End::Error)? == 0 {
            return Err(End::Closed);
        }
        // The text may begin in what came before, by all of its bytes but one.
        let from = before.saturating_sub(wanted.len() - 1);
        let fresh = got.get(from..).unwrap_or_default();
        if fresh.windows(wanted.len()).any(|window| window == wanted) {
            return Ok(());
        }
        if got.len() > ANSWER_MAX {
            return Err(End::TooMuch);
        }
    }
}

/// Words the end of a connection; without one, time ran out.
fn explain(to: SocketAddr, talk: &Talk, limit: &Limit, phase: &Phase, end: Option<End>) -> Problem {
    let error = match &end {
        Some(End::Error(error)) => Some(error),
        _ => None,
    };
    if matches!(phase, Phase::Connecting) {
        return Problem::connecting(to, error, limit);
    }
    let trouble = error.map(|error| Trouble::of(error, to));
    if let Some(ours) = trouble.as_ref().and_then(Problem::ours) {
        return ours;
    }
    let blame = match &trouble {
        Some(trouble) => trouble.blame(to),
        // Time ran out, and perhaps the network went away in the middle.
        None if end.is_none() => net::silence(to),
        None => None,
    };
    let wanted = format!("{:?}", talk.expect);
    let within = format!("within {}", limit.words());
    let sentence = match (phase, end, trouble) {
        (Phase::Connecting | Phase::Sending, None, _) => format!("{to} takes nothing of what is sent {within}"),
        (Phase::Waiting(got), None, _) if got.is_empty() => {
            format!("{to} accepts the connection, but says nothing {within}; expected {wanted}")
        }
        (Phase::Waiting(got), None, _) => {
            format!("{to} answers {} and not {wanted} {within}", shown(got))
        }
        (Phase::Waiting(got), Some(End::TooMuch), _) => {
            format!("{to} answers {}, and no {wanted} in {} KiB", shown(got), ANSWER_MAX / 1024)
        }
        (Phase::Waiting(got), Some(End::Closed), _) if got.is_empty() => {
            format!("{to} closed the connection and said nothing; expected {wanted}")
        }
        (Phase::Waiting(got), Some(End::Closed), _) => {
            format!("{to} answers {} and not {wanted}, and closed the connection", shown(got))
        }
        (Phase::Waiting(_), _, Some(Trouble::Reset)) => {
            format!("{to} reset the connection before it said {wanted}")
        }
        (_, _, Some(Trouble::Reset)) => format!("{to} reset the connection"),
        (_, Some(End::Error(error)), _) => format!("the connection to {to} broke: {error}"),
        (_, Some(_), _) => format!("{to} closed the connection"),
    };
    Problem::Target(sentence, blame)
}

/// The first bytes of an answer, in quotes, without anything that could disturb a line.
fn shown(got: &[u8]) -> String {
    const SHOWN_MAX: usize = 60;
    let head = got.get(..SHOWN_MAX).unwrap_or(got);
    let more = if got.len() > SHOWN_MAX { "..." } else { "" };
    format!("{:?}{more}", String::from_utf8_lossy(head))
}
