//! One address: connection, TLS, talk; and why it came to nothing.

use crate::judge::judge;
use crate::plan::{Plan, Security};
use crate::talk::{KEYS, Talked, talk};
use checker_job::Outcome;
use checker_parts::lines::{Lines, Stop};
use checker_parts::net::{self, Line, Trouble};
use checker_parts::probe::{Limit, Problem};
use checker_parts::starttls::{self, Protocol};
use checker_parts::submission::{Phase, broken, farewell, hint, patience, quit};
use checker_parts::tls::{Fault, is_tls_error};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What ended the talk before its time.
enum End {
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
    let mut phase = Phase::Connecting;
    let end = match timeout_at(limit.until, converse(plan, to, &mut phase, limit)).await {
        Ok(Ok(talked)) => return Ok(judge(plan, &talked)),
        Ok(Err(end)) => Some(end),
        Err(_) => None,
    };
    match end {
        Some(End::Fault(Fault { sentence, cause: Some(cause) })) => Ok(Outcome::unknown(sentence, cause)),
        end => Err(explain(plan, to, limit, phase, end)),
    }
}

async fn converse(plan: &Plan, to: SocketAddr, phase: &mut Phase, limit: &Limit) -> Result<Talked, End> {
    let mut line = net::dial(to).await?;
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
    let talked = talk(plan, &mut stream, greeted, phase, limit).await;
    drop(timeout_at(farewell(limit), stream.shutdown()).await);
    Ok(talked?)
}

async fn protected(plan: &Plan, line: Line) -> Result<TlsStream<Line>, End> {
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
