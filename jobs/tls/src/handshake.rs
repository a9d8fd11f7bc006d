//! From an address to the certificates that it shows.

use crate::certificate::Certificate;
use crate::judge;
use crate::plan::{Host, Plan};
use checker_job::Timestamp;
use checker_parts::net::{self, Line, Trouble};
use checker_parts::probe::{Limit, Problem};
use checker_parts::starttls::{self, Stop};
use checker_parts::tls::is_tls_error;
use rustls::{CertificateError, Error};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server shows no more certificates than this, or it means us ill.
const CERTIFICATES_MAX: usize = 10;
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

/// What a server has shown.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Its own certificate.
    pub(crate) own: Certificate,
    /// Those that lead to an authority.
    pub(crate) above: Vec<Certificate>,
    /// Why it does not want us, after all.
    pub(crate) refusal: Option<String>,
    /// Evidence: a line for each certificate.
    pub(crate) lines: Vec<String>,
    /// From the start of the run to the end of the handshake.
    pub(crate) took: Duration,
}

/// One run: whom it asks, what for, and when.
pub(crate) struct Ask<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) host: &'a Host,
    pub(crate) limit: &'a Limit,
    pub(crate) now: Timestamp,
}

/// What the server at `to` shows.
pub(crate) async fn shown(ask: &Ask<'_>, to: SocketAddr) -> Result<Shown, Problem> {
    let mut phase = Phase::Connecting;
    let done = timeout_at(ask.limit.until, converse(ask, to, &mut phase)).await;
    match done {
        Ok(Ok(shown)) => Ok(shown),
        Ok(Err(end)) => Err(explain(ask, to, phase, Some(end))),
        Err(_) => Err(explain(ask, to, phase, None)),
    }
}

async fn converse(ask: &Ask<'_>, to: SocketAddr, phase: &mut Phase) -> Result<Shown, End> {
    let mut line = net::dial(to).await.map_err(End::Error)?;
    if let Some(protocol) = ask.plan.starttls {
        *phase = Phase::Command;
        starttls::begin(&mut line, protocol).await.map_err(|stop| match stop {
            Stop::Broken(error) => End::Error(error),
            Stop::Said(what) => End::Said(what),
        })?;
    }
    *phase = Phase::Handshake;
    let connector = TlsConnector::from(ask.plan.config.clone());
    let mut stream = connector.connect(ask.host.name.clone(), line).await.map_err(End::Error)?;
    let mut shown = read(&stream, ask.limit.begin.elapsed())?;
    if ask.plan.client.is_some() {
        shown.refusal = refused_after(ask, &mut stream).await;
    }
    goodbye(ask, &mut stream).await;
    Ok(shown)
}

/// One that cannot be read is only a pity, if it is not the server's own.
fn read(stream: &TlsStream<Line>, took: Duration) -> Result<Shown, End> {
    let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let mut read = shown.iter().take(CERTIFICATES_MAX).map(Certificate::read);
    let own = read.next().unwrap_or_else(|| Err("there is none".to_owned()));
    let own = own.map_err(|why| End::Said(format!("shows a certificate that cannot be read: {why}")))?;
    let (mut above, mut lines) = (Vec::new(), vec![own.line()]);
    for (number, certificate) in (2..).zip(read) {
        match certificate {
            Ok(certificate) => {
                lines.push(certificate.line());
                above.push(certificate);
            }
            Err(why) => lines.push(format!("number {number} is not counted: {why}")),
        }
    }
    if let Some(more @ 1..) = shown.len().checked_sub(CERTIFICATES_MAX) {
        lines.push(format!("and {more} more, which are not looked at"));
    }
    Ok(Shown { own, above, refusal: None, lines, took })
}

/// In TLS 1.3 a server judges our certificate after the handshake is over for us. One that is content says nothing.
async fn refused_after(ask: &Ask<'_>, stream: &mut TlsStream<Line>) -> Option<String> {
    let until = ask.limit.until.min(Instant::now() + VERDICT);
    let mut word = [0; 1];
    match timeout_at(until, stream.read(&mut word)).await {
        Ok(Err(error)) if is_tls_error(&error) => {
            Some(refused(ask, ask.plan.trust.explain(&error, &ask.host.shown).sentence))
        }
        _ => None,
    }
}

/// Ends politely, so that the server's log does not fill up with our visits. Nothing depends on it.
async fn goodbye(ask: &Ask<'_>, stream: &mut TlsStream<Line>) {
    let farewell = ask.plan.starttls.map_or(&[][..], starttls::Protocol::farewell);
    let end = async {
        if !farewell.is_empty() {
            stream.write_all(farewell).await?;
        }
        stream.shutdown().await
    };
    let left = ask.limit.until.saturating_duration_since(Instant::now());
    drop(timeout(FAREWELL.min(left), end).await);
}

/// Words the end; without one, time ran out.
fn explain(ask: &Ask<'_>, to: SocketAddr, phase: Phase, end: Option<End>) -> Problem {
    let Ask { plan, host, limit, .. } = ask;
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
    if has_no_key(error) {
        return Problem::target(format!("{to}: server does not hold the key of the certificate that it shows"));
    }
    if is_tls_error(error) || error.kind() == ErrorKind::UnexpectedEof {
        let fault = plan.trust.explain(error, &host.shown);
        return Problem::target(format!("{to}: {}", refused(ask, fault.sentence)));
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

/// The handshake takes any certificate, so the only signature that can be wrong is that of the handshake itself.
fn has_no_key(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    matches!(inner, Some(Error::InvalidCertificate(CertificateError::BadSignature)))
}

/// A refusal mostly has to do with our certificate, where we show one.
fn refused(ask: &Ask<'_>, sentence: String) -> String {
    if !sentence.starts_with("handshake refused") {
        return sentence;
    }
    match &ask.plan.client {
        Some(ours) if ours.not_after < ask.now => {
            format!("{}; {sentence}", judge::expired("our client certificate", ours.not_after, ask.now))
        }
        Some(_) => format!("{sentence} (it may not like our client certificate)"),
        // In TLS 1.2 a server that wants one says no more than that.
        None if sentence.contains("shares no cipher") => {
            format!("{sentence}, or wants a client certificate (set client_certificate)")
        }
        None => sentence,
    }
}
