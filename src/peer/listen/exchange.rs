//! One connection: one request, one answer.

use super::{Asked, PUSH_MAX, PushAnswer, Visit};
use crate::peer::confirm::{CONFIRM_PATH, QUESTION_MAX};
use crate::peer::envelope::{Claim, STATUS_PATH, answer_headers};
use crate::peer::key::NodeKey;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// The longest head of a request, and the least that hyper keeps ready for one.
const HEAD_MAX: usize = 8 * 1024;
const HEADERS_MAX: usize = 64;

/// After the answer, what still comes is thrown away for so long: to close at once would cut off the answer.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_PIECES: usize = 256;

/// Answers one request. The caller sets the limit for the whole.
pub(super) async fn host(stream: TcpStream, from: SocketAddr, visit: &Visit) {
    let late = Instant::now() + visit.house.limits.head;
    // Who says nothing gets no memory. Only a look is sure: a socket may be called ready when it is not.
    if !matches!(timeout_at(late, stream.peek(&mut [0])).await, Ok(Ok(1..))) {
        return;
    }
    conversation(stream, from, visit, late).await;
}

/// In a box of its own, made when it is needed: it takes some KiB.
fn conversation(
    stream: TcpStream,
    from: SocketAddr,
    visit: &Visit,
    late: Instant,
) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
    Box::pin(converse(stream, from, visit, late))
}

pub(super) async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send>(
    stream: S,
    from: SocketAddr,
    visit: &Visit,
    late: Instant,
) {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(request, from, visit).await) });
    let mut builder = http1::Builder::new();
    builder.keep_alive(false).half_close(true).auto_date_header(false).header_read_timeout(None);
    builder.max_buf_size(HEAD_MAX).max_header_size(HEAD_MAX).max_headers(HEADERS_MAX);
    let mut talk = pin!(builder.serve_connection(TokioIo::new(stream), service).without_shutdown());
    let ended = tokio::select! {
        biased;
        ended = &mut talk => Some(ended),
        () = sleep_until(late) => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None if visit.seat.is_idle() => return,
        None => talk.await,
    };
    if let Ok(parts) = ended {
        let _gone = timeout(LINGER, part(parts.io.into_inner())).await;
    }
}

/// Says that this was all, and lets the other side finish.
async fn part(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut piece = [0; 1024];
    for _ in 0..LINGER_PIECES {
        if !matches!(stream.read(&mut piece).await, Ok(1..)) {
            return;
        }
    }
}

async fn answer(request: Request<Incoming>, from: SocketAddr, visit: &Visit) -> Response<Full<Bytes>> {
    visit.seat.has_asked();
    let uri = request.uri();
    let is = |path: &str| uri.path() == path && uri.query().is_none();
    let (is_status, is_confirm) = (is(STATUS_PATH), is(CONFIRM_PATH));
    let signed = match *request.method() {
        Method::GET if is_status => status(&request, from, visit),
        Method::POST if is_status => push(request, from, visit).await,
        Method::POST if is_confirm => look(request, from, visit).await,
        Method::GET | Method::HEAD => None,
        _ => return not_allowed(is_status || is_confirm),
    };
    signed.unwrap_or_else(|| word(visit))
}

/// All that a stranger learns.
fn word(visit: &Visit) -> Response<Full<Bytes>> {
    response("text/plain", Bytes::from_static(visit.house.answers.word().as_str().as_bytes()))
}

fn response(kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // An old `True` out of a cache would hide a death.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn not_allowed(is_status: bool) -> Response<Full<Bytes>> {
    let mut response = response("text/plain", Bytes::new());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    let allowed = HeaderValue::from_static(if is_status { "GET, HEAD, POST" } else { "GET, HEAD" });
    response.headers_mut().insert(ALLOW, allowed);
    response
}

/// The status, if a peer asks. `None`: whoever asks is a stranger.
fn status(request: &Request<Incoming>, from: SocketAddr, visit: &Visit) -> Option<Response<Full<Bytes>>> {
    let key = visit.house.key.as_deref()?;
    let claim = claim(request.headers(), visit)?;
    let asked = proved(claim, "GET", STATUS_PATH, &[], key, from, visit)?;
    let body = visit.house.answers.status(&asked);
    Some(signed(key, &asked, body))
}

/// Takes a peer's status. `None`: whoever brings it is a stranger.
async fn push(request: Request<Incoming>, from: SocketAddr, visit: &Visit) -> Option<Response<Full<Bytes>>> {
    let key = visit.house.key.as_deref()?;
    let (asked, body) = brought(request, STATUS_PATH, PUSH_MAX, key, from, visit).await?;
    let word = match visit.house.answers.pushed(&asked, &body) {
        PushAnswer::Taken => "taken",
        PushAnswer::Old => "old",
        PushAnswer::Garbled => "garbled",
    };
    Some(signed(key, &asked, format!("{{\"v\":1,\"push\":\"{word}\"}}").into_bytes()))
}

/// Looks at a target for a peer. `None`: whoever asks for it is a stranger.
async fn look(request: Request<Incoming>, from: SocketAddr, visit: &Visit) -> Option<Response<Full<Bytes>>> {
    let key = visit.house.key.as_deref()?;
    let (asked, question) = brought(request, CONFIRM_PATH, QUESTION_MAX, key, from, visit).await?;
    let answer = visit.house.answers.look(&asked, question).await;
    Some(signed(key, &asked, answer.bytes()))
}

/// What a peer sends to `path`, at most `max` bytes, and who it is. `None`: it is not from a peer.
async fn brought(
    request: Request<Incoming>,
    path: &str,
    max: usize,
    key: &NodeKey,
    from: SocketAddr,
    visit: &Visit,
) -> Option<(Asked, Vec<u8>)> {
    let claim = claim(request.headers(), visit)?;
    if request.body().size_hint().lower() > max as u64 {
        return None;
    }
    if !visit.house.guests().begin_body(visit.net, &visit.seat) {
        return None;
    }
    let body = read(request.into_body(), max).await;
    visit.house.guests().end_body(visit.net, &visit.seat);
    let body = body?;
    Some((proved(claim, "POST", path, &body, key, from, visit)?, body))
}

/// The whole body, unless it is longer than `max` bytes or breaks off.
async fn read(mut body: Incoming, max: usize) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        if whole.len() + data.len() > max {
            return None;
        }
        whole.extend_from_slice(&data);
    }
    Some(whole)
}

/// What the headers claim, if a peer of ours may have sent them. Looks before anything costs much.
fn claim(headers: &HeaderMap, visit: &Visit) -> Option<Claim> {
    let claim = Claim::of(headers)?;
    let may = visit.house.answers.pinned(&claim.key) && !visit.house.seen().knows(&claim.key, claim.nonce);
    may.then_some(claim)
}

/// Who asks, if the signature holds and the nonce is new.
fn proved(
    claim: Claim,
    method: &str,
    path: &str,
    body: &[u8],
    me: &NodeKey,
    from: SocketAddr,
    visit: &Visit,
) -> Option<Asked> {
    if !claim.holds(method, path, me.public(), body) {
        return None;
    }
    let house = &visit.house;
    let mut seen = house.seen();
    // Another connection may have brought it meanwhile.
    if seen.knows(&claim.key, claim.nonce) {
        return None;
    }
    seen.note(claim.key, claim.nonce, |key| house.answers.pinned(key));
    Some(Asked { key: claim.key, nonce: claim.nonce, instance: claim.instance, from })
}

fn signed(key: &NodeKey, asked: &Asked, body: Vec<u8>) -> Response<Full<Bytes>> {
    let headers = answer_headers(key, asked.nonce, asked.key, &body);
    let mut response = response("application/json", Bytes::from(body));
    response.headers_mut().extend(headers);
    response
}
