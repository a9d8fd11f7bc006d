//! One address: connection, TLS, talk; and why it came to nothing.

use crate::judge::judge;
use crate::plan::{Plan, Security};
use crate::talk::{KEYS, Talked, talk};
use checker_job::Outcome;
use checker_parts::lines::{Lines, Stop};
use checker_parts::net::{self, Trouble};
use checker_parts::probe::{Limit, Problem};
use checker_parts::starttls::{self, Protocol};
use checker_parts::submission::{Phase, broken, farewell, hint, patience, quit};
use checker_parts::tls::{Fault, is_tls_error};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What ended the talk before its time.
pub(crate) enum End {
    Stop(Stop),
    Fault(Fault),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Stop(Stop::Broken(error))
    }
}

/// Talks with the server at `to`, and judges it.
pub(crate) async fn visit(plan: &Plan, to: SocketAddr, limit: &Limit) -> Result<Outcome, Problem> {
    visited(plan, to, limit, false).await.map(|(outcome, _)| outcome)
}

/// The same with the talk that is judged, and the certificates in it if `keeps`.
pub(crate) async fn visited(
    plan: &Plan,
    to: SocketAddr,
    limit: &Limit,
    keeps: bool,
) -> Result<(Outcome, Option<Talked>), Problem> {
    let mut phase = Phase::Connecting;
    let done = timeout_at(limit.until, converse(plan, to, &mut phase, limit, keeps)).await;
    judged(plan, to, limit, phase, done.ok())
}

/// What came of a conversation; `None`: time ran out.
pub(crate) fn judged(
    plan: &Plan,
    to: SocketAddr,
    limit: &Limit,
    phase: Phase,
    done: Option<Result<Talked, End>>,
) -> Result<(Outcome, Option<Talked>), Problem> {
    match done {
        Some(Ok(talked)) => Ok((judge(plan, &talked), Some(talked))),
        Some(Err(End::Fault(Fault { sentence, cause: Some(cause) }))) => Ok((Outcome::unknown(sentence, cause), None)),
        Some(Err(end)) => Err(explain(plan, to, limit, phase, Some(end))),
        None => Err(explain(plan, to, limit, phase, None)),
    }
}

async fn converse(plan: &Plan, to: SocketAddr, phase: &mut Phase, limit: &Limit, keeps: bool) -> Result<Talked, End> {
    over(plan, net::dial(to).await?, phase, limit, keeps).await
}

/// All that is said on a connection.
pub(crate) async fn over<S: AsyncRead + AsyncWrite + Unpin>(
    plan: &Plan,
    mut line: S,
    phase: &mut Phase,
    limit: &Limit,
    keeps: bool,
) -> Result<Talked, End> {
    if plan.security == Security::None {
        return Ok(talk(plan, &mut line, false, phase, limit).await?);
    }
    let greeted = plan.security == Security::Starttls;
    if greeted {
        *phase = Phase::BeforeTls;
        if let Err(stop) = starttls::begin(&mut line, Protocol::Smtp).await {
            if matches!(stop, Stop::Said(_)) {
                quit(&mut Lines::new(&mut line), limit).await;
            }
            return Err(stop.into());
        }
    }
    *phase = Phase::Handshake;
    let mut stream = protected(plan, line).await?;
    let mut talked = talk(plan, &mut stream, greeted, phase, limit).await;
    if let Ok(talked) = &mut talked
        && keeps
    {
        talked.certificates = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    }
    drop(timeout_at(farewell(limit), stream.shutdown()).await);
    Ok(talked?)
}

async fn protected<S: AsyncRead + AsyncWrite + Unpin>(plan: &Plan, line: S) -> Result<TlsStream<S>, End> {
    let config = plan.trust.config().map_err(End::Fault)?;
    let connecting = TlsConnector::from(config).connect(plan.server_name.clone(), line);
    connecting.await.map_err(|error| {
        let is_tls = is_tls_error(&error) || error.kind() == ErrorKind::UnexpectedEof;
        if is_tls { End::Fault(plan.trust.explain(&error, &plan.host_name)) } else { error.into() }
    })
}

/// Words the end; without one, time ran out.
fn explain(plan: &Plan, to: SocketAddr, limit: &Limit, phase: Phase, end: Option<End>) -> Problem {
    let error = match &end {
        Some(End::Stop(Stop::Broken(error))) => Some(error),
        _ => None,
    };
    if matches!(phase, Phase::Connecting) {
        return Problem::connecting(to, error, limit);
    }
    let error = match end {
        Some(End::Fault(fault)) => return Problem::target(format!("{to}: {}", fault.sentence)),
        Some(End::Stop(Stop::Said(what))) => {
            let hint = hint(&what, phase, &KEYS, "users would send passwords and mail in plain text");
            return Problem::target(plan.scrubber.scrub(format!("{to} {what}{hint}")));
        }
        Some(End::Stop(Stop::Broken(error))) => error,
        None => {
            let sentence = format!("{to} does not answer {} within {}", phase.words(), limit.words());
            return Problem::Target(format!("{sentence}{}", patience(phase, &KEYS)), net::silence(to));
        }
    };
    let trouble = Trouble::of(&error, to);
    if let Some(ours) = Problem::ours(&trouble) {
        return ours;
    }
    Problem::Target(broken(to, &error, &trouble, phase), trouble.blame(to))
}
