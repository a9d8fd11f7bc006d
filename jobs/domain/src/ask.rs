//! One request and its answer, on a connection of its own.

use crate::address::Address;
use checker_job::{Blame, Context, Verdict};
use checker_parts::net::{self, Line};
use checker_parts::probe::{Limit, Problem, addresses};
use checker_parts::tls::{Fault, Trust, server_name};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::pin::pin;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

/// The largest header of an answer.
const HEADER_MAX: usize = 16 * 1024;

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) retry_after: Option<String>,
    /// The media type without its parameters, in lower case; empty if none is said.
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
}

/// Why nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Worded alike for all jobs that it hinders.
    pub(crate) cause: String,
    pub(crate) sentence: String,
    pub(crate) detail: String,
    pub(crate) blame: Option<Blame>,
}

impl Trouble {
    pub(crate) fn of(cause: impl Into<String>) -> Self {
        let cause = cause.into();
        Self { sentence: cause.clone(), cause, detail: String::new(), blame: None }
    }

    pub(crate) fn with(cause: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self { cause: cause.into(), sentence: sentence.into(), detail: String::new(), blame: None }
    }
}

/// How far a request came, for the sentence if time runs out.
#[derive(Clone, Copy)]
enum Phase {
    Connect,
    Tls,
    Answer,
}

/// Asks once; of the answer at most `max` bytes are taken.
pub(crate) async fn get(
    cx: &Context,
    limit: &Limit,
    trust: &Trust,
    address: &Address,
    max: usize,
) -> Result<Answer, Trouble> {
    let server = address.server();
    let found = addresses(cx, &address.endpoint, limit).await.map_err(|outcome| {
        // That the server's name does not exist is no failure of the domain.
        let cause = outcome.cause.unwrap_or_else(|| format!("the RDAP server {server} has no address"));
        let blame = outcome.blame.filter(|_| outcome.verdict == Verdict::Unknown);
        Trouble { blame, ..Trouble::with(cause, outcome.summary) }
    })?;
    let mut phase = Phase::Connect;
    let all = async {
        let line = connect(&found, limit, server).await?;
        phase = Phase::Tls;
        // The end of the handshake and the request are two small writes: the second must not wait for the first.
        drop(line.set_nodelay(true));
        let host = address.endpoint.host();
        let of_fault = |fault: Fault| match fault.cause {
            Some(cause) => Trouble::with(cause, fault.sentence),
            None => Trouble::with(format!("the TLS of the RDAP server {server} is not in order"), fault.sentence),
        };
        let config = trust.config().map_err(of_fault)?;
        let name = server_name(host).map_err(Trouble::of)?;
        let stream = TlsConnector::from(config).connect(name, line).await;
        let stream = stream.map_err(|error| of_fault(trust.explain(&error, server)))?;
        phase = Phase::Answer;
        exchange(stream, address, max).await
    };
    let done = timeout_at(limit.until, all).await;
    done.unwrap_or_else(|_| {
        let what = match phase {
            Phase::Connect => "does not take a connection",
            Phase::Tls => "takes a connection, and then no TLS comes about",
            Phase::Answer => "does not finish its answer",
        };
        let cause = format!("the RDAP server {server} is silent");
        Err(Trouble::with(cause, format!("the RDAP server {server} {what} within {}", limit.words())))
    })
}

/// The first address that takes us. Each has an equal share of the time that is left, and one is for what follows.
async fn connect(found: &[std::net::SocketAddr], limit: &Limit, server: &str) -> Result<Line, Trouble> {
    let mut last = None;
    for (n, to) in found.iter().enumerate() {
        let parts = u32::try_from(found.len() - n + 1).unwrap_or(u32::MAX);
        let until = Instant::now() + limit.until.saturating_duration_since(Instant::now()) / parts;
        let problem = match timeout_at(until, net::dial(*to)).await {
            Ok(Ok(line)) => return Ok(line),
            Ok(Err(error)) => Problem::connecting(*to, Some(&error), limit),
            Err(_) => Problem::connecting(*to, None, limit),
        };
        // A family without a route says less than what another address did.
        if last.is_none() || problem != Problem::NoRoute {
            last = Some(problem);
        }
    }
    Err(match last {
        Some(Problem::NoRoute) => Trouble { blame: Some(Blame::NoRoute), ..Trouble::of(net::NO_ROUTE) },
        Some(Problem::Ours(cause, blame)) => Trouble { blame: Some(blame), ..Trouble::of(cause) },
        Some(Problem::Target(sentence, _)) => {
            Trouble::with(format!("the RDAP server {server} cannot be reached"), sentence)
        }
        None => Trouble::of(format!("the RDAP server {server} has no address")),
    })
}

async fn exchange<S>(stream: S, address: &Address, max: usize) -> Result<Answer, Trouble>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
{
    let server = address.server();
    let broken = |why: hyper::Error| {
        let cause = format!("the RDAP server {server} does not answer as HTTP wants it");
        Trouble::with(cause.clone(), format!("{cause}: {why}"))
    };
    let request = Request::get(&address.path)
        .header(HOST, &address.authority)
        .header(ACCEPT, "application/rdap+json, application/json")
        .header(USER_AGENT, concat!("checker/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|why| Trouble::of(format!("the RDAP server {server} cannot be asked: {why}")))?;
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEADER_MAX).handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let mut asking = pin!(async {
        let response = sender.send_request(request).await.map_err(broken)?;
        read(response, max, server).await
    });
    let mut connection = pin!(connection);
    let mut open = true;
    // Driven here, and not by a task of its own: nothing is left behind when a run is cut off.
    loop {
        tokio::select! {
            biased;
            answer = &mut asking => return answer,
            _ = &mut connection, if open => open = false,
        }
    }
}

async fn read(response: Response<Incoming>, max: usize, server: &str) -> Result<Answer, Trouble> {
    let (head, mut body) = response.into_parts();
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut answer = Answer {
        status: head.status.as_u16(),
        location: text(LOCATION),
        retry_after: text(RETRY_AFTER).map(|text| text.chars().take(40).collect()),
        kind: text(CONTENT_TYPE)
            .and_then(|kind| Some(kind.split(';').next()?.trim().to_ascii_lowercase()))
            .unwrap_or_default(),
        body: Vec::new(),
    };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|why| {
            let cause = format!("the RDAP server {server} breaks off its answer");
            Trouble::with(cause.clone(), format!("{cause} after {} bytes: {why}", answer.body.len()))
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if answer.body.len() + data.len() > max {
            let cause = format!("the RDAP server {server} answers more than an answer can be");
            return Err(Trouble::with(cause.clone(), format!("{cause} ({} KiB)", max / 1024)));
        }
        answer.body.extend_from_slice(&data);
    }
    Ok(answer)
}
