//! One request and its answer on an open connection.
//!
//! The connection is driven by the task that waits for the answer: nothing is spawned, so nothing is left behind when a
//! run is cut off.

use crate::progress::{Phase, Progress, Timing, Trouble, time_words};
use checker_parts::tls::Trust;
use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::{self, Connection};
use hyper::http::HeaderMap;
use hyper::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The largest header of an answer, and of what lies unread in memory of a connection.
const BUFFER_MAX: usize = 16 * 1024;

/// How much of the body is wanted, said when the head is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Bytes to read at most.
    pub(crate) read: u64,
    /// Bytes of these to keep at most.
    pub(crate) keep: usize,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The kept start of the body.
    pub(crate) body: Vec<u8>,
    /// Whether the body is longer than what was read.
    pub(crate) cut: bool,
}

/// Sends `request` and reads the answer. `tls` words errors of TLS, which may come after the handshake: a server that
/// wants a client certificate says so then.
pub(crate) async fn exchange<S>(
    stream: S,
    request: Request<Full<Bytes>>,
    wanted: impl FnOnce(StatusCode, &HeaderMap) -> Wanted + Send,
    tls: Option<(&Trust, &str)>,
    p: &mut Progress,
) -> Result<Answer, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let Progress { timing, received, body: size, .. } = p;
    *received.get_mut() = 0;
    *size = 0;
    let received = &*received;
    timing.enter(Phase::FirstByte);
    let io = TokioIo::new(Counted { stream, received, says_goodbye: tls.is_some() });
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(BUFFER_MAX).handshake(io).await.map_err(|e| of_head(&e, 0, tls))?;
    let mut driven = Driven { connection, done: false };
    let response = {
        let mut sending = pin!(sender.send_request(request));
        poll_fn(|cx| {
            driven.poll(cx);
            note_first_byte(timing, received);
            sending.as_mut().poll(cx)
        })
        .await
    };
    let response = response.map_err(|e| of_head(&e, received.load(Ordering::Relaxed), tls))?;
    note_first_byte(timing, received);
    timing.enter(Phase::Body);
    read_body(response, wanted, &mut driven, size, tls).await
}

fn note_first_byte(timing: &mut Timing, received: &AtomicU64) {
    if timing.phase() == Phase::FirstByte && received.load(Ordering::Relaxed) > 0 {
        timing.enter(Phase::Header);
    }
}

async fn read_body<S>(
    response: Response<Incoming>,
    wanted: impl FnOnce(StatusCode, &HeaderMap) -> Wanted,
    driven: &mut Driven<'_, S>,
    size: &mut u64,
    tls: Option<(&Trust, &str)>,
) -> Result<Answer, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (head, mut body) = response.into_parts();
    let wanted = wanted(head.status, &head.headers);
    let mut answer = Answer { status: head.status, headers: head.headers, body: Vec::new(), cut: false };
    while !body.is_end_stream() {
        if *size >= wanted.read {
            answer.cut = true;
            break;
        }
        let frame = poll_fn(|cx| {
            driven.poll(cx);
            Pin::new(&mut body).poll_frame(cx)
        })
        .await;
        match frame {
            None => break,
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                *size += data.len() as u64;
                let room = wanted.keep.saturating_sub(answer.body.len());
                answer.body.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
            }
            Some(Err(error)) if ends_with_connection(&answer.headers) && is_eof(&error) => break,
            Some(Err(error)) => return Err(of_body(&error, *size, &answer.headers, tls)),
        }
    }
    // What came beyond the limit in the last piece was read, but is not judged.
    answer.cut |= *size > wanted.read;
    Ok(answer)
}

/// A body without a length ends with the connection. Servers that then leave out TLS's own end are common.
fn ends_with_connection(headers: &HeaderMap) -> bool {
    !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING)
}

fn is_eof(error: &hyper::Error) -> bool {
    io_of(error).is_some_and(|e| e.kind() == io::ErrorKind::UnexpectedEof)
}

fn io_of(error: &hyper::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref() {
            return Some(io);
        }
        source = inner.source();
    }
    None
}

fn of_tls(error: &io::Error, tls: Option<(&Trust, &str)>) -> Option<Trouble> {
    let (trust, name) = tls?;
    if !checker_parts::tls::is_tls_error(error) {
        return None;
    }
    let fault = trust.explain(error, name);
    Some(Trouble { sentence: fault.sentence, cause: fault.cause.map(str::to_owned), blame: None })
}

/// Words a failure before the whole head of the answer was there.
fn of_head(error: &hyper::Error, received: u64, tls: Option<(&Trust, &str)>) -> Trouble {
    if let Some(trouble) = io_of(error).and_then(|e| of_tls(e, tls)) {
        return trouble;
    }
    let sentence = if error.is_parse() && error.to_string().contains("too large") {
        format!("the header of the answer is larger than {} KiB", BUFFER_MAX / 1024)
    } else if error.is_parse() {
        match tls {
            None => "answer is not HTTP (is this the port of another service, or does it want https?)".to_owned(),
            Some(_) => "answer is not HTTP (is this the port of another service?)".to_owned(),
        }
    } else if received > 0 {
        format!("closed the connection in the header, after {received} bytes")
    } else {
        match io_of(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
                "reset the connection without an answer".to_owned()
            }
            None | Some(io::ErrorKind::UnexpectedEof) => "closed the connection without an answer".to_owned(),
            Some(_) => format!("the connection broke without an answer: {error}"),
        }
    };
    Trouble::theirs(sentence)
}

fn of_body(error: &hyper::Error, size: u64, headers: &HeaderMap, tls: Option<(&Trust, &str)>) -> Trouble {
    let io = io_of(error);
    if let Some(trouble) = io.and_then(|e| of_tls(e, tls)) {
        return trouble;
    }
    let of = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).map_or_else(String::new, |n| format!(" of {n}"));
    let verb = match io.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => "reset",
        _ if error.is_incomplete_message() => "closed",
        Some(io::ErrorKind::UnexpectedEof) | None => "closed",
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
            return Trouble::theirs(format!("the body is not HTTP, after {size}{of} bytes ({error})"));
        }
        Some(_) => {
            return Trouble::theirs(format!("the connection broke in the body, after {size}{of} bytes: {error}"));
        }
    };
    Trouble::theirs(format!("{verb} the connection in the body, after {size}{of} bytes"))
}

/// Time ran out in one of the phases of this file.
pub(crate) fn too_slow(phase: Phase, p: &Progress, limit: std::time::Duration) -> Trouble {
    let limit = time_words(limit);
    let received = p.received.load(Ordering::Relaxed);
    Trouble::theirs(match phase {
        Phase::Header => {
            format!("timed out in the header, after {received} bytes and {limit}")
        }
        Phase::Body => format!("timed out in the body, after {} bytes and {limit}", p.body),
        _ => format!("timed out waiting for the first byte, after {limit}"),
    })
}

/// hyper's half that moves the bytes. It must not be polled again once it is done.
struct Driven<'a, S: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<TokioIo<Counted<'a, S>>, Full<Bytes>>,
    done: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Driven<'_, S> {
    fn poll(&mut self, cx: &mut Context<'_>) {
        if !self.done {
            // Its error, if any, is also given to the request that waits.
            self.done = Pin::new(&mut self.connection).poll(cx).is_ready();
        }
    }
}

/// Counts what comes in, so that the first byte is seen when it is there, not when the header is complete.
struct Counted<'a, S> {
    stream: S,
    received: &'a AtomicU64,
    /// TLS has words for the end. Else the connection is dropped, which tells the server the same by one call less.
    says_goodbye: bool,
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<'_, S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let more = buf.filled().len().saturating_sub(before);
        self.received.fetch_add(more as u64, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.says_goodbye { Pin::new(&mut self.stream).poll_shutdown(cx) } else { Poll::Ready(Ok(())) }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
