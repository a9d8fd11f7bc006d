//! From an address to the certificates that it shows.

use crate::certificate::Certificate;
use crate::plan::Plan;
use checker_parts::net::{self, Line, Trouble};
use checker_parts::probe::{Limit, Problem};
use checker_parts::starttls::{self, Stop};
use checker_parts::tls::is_tls_error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server shows no more certificates than this, or it means us ill.
const CERTIFICATES_MAX: usize = 16;
/// The end of the conversation is waited for no longer: the certificates are known by then.
const FAREWELL: Duration = Duration::from_millis(500);
/// A server that wants another certificate of ours says so within this, after the handshake (RFC 8446, 4.4.2.4).
const VERDICT: Duration = Duration::from_secs(2);

/// How far it came.
#[derive(Clone, Copy)]
enum Phase {
    Connecting,
    Command,
    Handshake,
}

/// What ended it before there was anything to judge.
enum End {
    Error(io::Error),
    Said(String),
}

/// What the server at `to` shows, its own certificate first.
pub(crate) async fn shown(plan: &Plan, to: SocketAddr, limit: &Limit) -> Result<Vec<Certificate>, Problem> {
    let mut phase = Phase::Connecting;
    let done = timeout_at(limit.until, converse(plan, to, limit, &mut phase)).await;
    match done {
        Ok(Ok(shown)) => Ok(shown),
        Ok(Err(end)) => Err(explain(plan, to, limit, phase, Some(end))),
        Err(_) => Err(explain(plan, to, limit, phase, None)),
    }
}

async fn converse(plan: &Plan, to: SocketAddr, limit: &Limit, phase: &mut Phase) -> Result<Vec<Certificate>, End> {
    let mut line = net::dial(to).await.map_err(End::Error)?;
    if let Some(protocol) = plan.starttls {
        *phase = Phase::Command;
        starttls::begin(&mut line, protocol).await.map_err(|stop| match stop {
            Stop::Broken(error) => End::Error(error),
            Stop::Said(what) => End::Said(what),
        })?;
    }
    *phase = Phase::Handshake;
    let connector = TlsConnector::from(plan.config.clone());
    let mut stream = connector.connect(plan.server_name.clone(), line).await.map_err(End::Error)?;
    let shown = read(&stream)?;
    if plan.client.is_some() {
        accepted(&mut stream, limit).await?;
    }
    goodbye(plan, &mut stream, limit).await;
    Ok(shown)
}

fn read(stream: &TlsStream<Line>) -> Result<Vec<Certificate>, End> {
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let read = shown.iter().take(CERTIFICATES_MAX).enumerate().map(|(at, der)| {
        Certificate::read(der)
            .map_err(|why| End::Said(format!("shows a certificate that cannot be read: number {}: {why}", at + 1)))
    });
    read.collect()
}

/// In TLS 1.3 a server judges our certificate after the handshake is over for us. One that is content says nothing.
async fn accepted(stream: &mut TlsStream<Line>, limit: &Limit) -> Result<(), End> {
    let until = limit.until.min(Instant::now() + VERDICT);
    let mut word = [0; 1];
    match timeout_at(until, stream.read(&mut word)).await {
        Ok(Err(error)) if is_tls_error(&error) => Err(End::Error(error)),
        _ => Ok(()),
    }
}

/// Ends politely, so that the server's log does not fill up with our visits. Nothing depends on it.
async fn goodbye(plan: &Plan, stream: &mut TlsStream<Line>, limit: &Limit) {
    let farewell = plan.starttls.map_or(&[][..], starttls::Protocol::farewell);
    let end = async {
        if !farewell.is_empty() {
            stream.write_all(farewell).await?;
        }
        stream.shutdown().await
    };
    let left = limit.until.saturating_duration_since(Instant::now());
    drop(timeout(FAREWELL.min(left), end).await);
}

/// Words the end; without one, time ran out.
fn explain(plan: &Plan, to: SocketAddr, limit: &Limit, phase: Phase, end: Option<End>) -> Problem {
    let error = match &end {
        Some(End::Error(error)) => Some(error),
        _ => None,
    };
    if matches!(phase, Phase::Connecting) {
        return Problem::connecting(to, error, limit);
    }
    if let Some(End::Said(what)) = end {
        return Problem::target(format!("{to} {what}"));
    }
    let step = match (phase, plan.starttls) {
        (Phase::Command, Some(protocol)) => format!("in the talk before TLS ({})", protocol.name()),
        _ => "during the TLS handshake".to_owned(),
    };
    let Some(error) = error else {
        return Problem::Target(format!("{to} does not answer {step} within {}", limit.words()), net::silence(to));
    };
    if is_tls_error(error) || error.kind() == ErrorKind::UnexpectedEof {
        let fault = plan.trust.explain(error, &plan.host_name);
        return Problem::target(format!("{to}: {}", refused(plan, fault.sentence)));
    }
    let trouble = Trouble::of(error, to);
    if let Some(ours) = Problem::ours(&trouble) {
        return ours;
    }
    let sentence = match trouble {
        Trouble::Reset => format!("{to} reset the connection {step}"),
        _ => format!("the connection to {to} broke {step}: {error}"),
    };
    Problem::Target(sentence, trouble.blame(to))
}

/// A refusal mostly has to do with our certificate, where we show one.
fn refused(plan: &Plan, sentence: String) -> String {
    if !sentence.starts_with("handshake refused") {
        return sentence;
    }
    match &plan.client {
        Some(_) => format!("{sentence} (it may not like our client certificate)"),
        // In TLS 1.2 a server that wants one says no more than that.
        None if sentence.contains("shares no cipher") => {
            format!("{sentence}, or wants a client certificate (set client_certificate)")
        }
        None => sentence,
    }
}
