//! One request and its answer on an open connection. The task that waits for the answer drives it: nothing is left behind
//! when it is cut off.

use super::{Phase, Progress, Trouble};
use checker_parts::tls::{self, Trust};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1::{self, Connection};
use hyper::http::HeaderMap;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::Context;
use tokio::io::{AsyncRead, AsyncWrite};

/// The largest head of an answer, and of what lies unread in memory.
const BUFFER_MAX: usize = 16 * 1024;

pub(super) type Asking = Request<Full<Bytes>>;

/// An answer, whatever it says.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// There was more than was wanted.
    pub(super) long: bool,
}

/// Sends `request` and reads at most `max` bytes of the answer's body.
pub(super) async fn exchange<S>(
    stream: S,
    request: Asking,
    max: usize,
    tls: Option<(&Trust, &str)>,
    p: &mut Progress,
) -> Result<Answer, Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    p.phase = Phase::Head;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER_MAX);
    let (mut sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e, Phase::Head, tls))?;
    let mut driven = Driven { connection, done: false };
    let response = driven.during(sender.send_request(request)).await.map_err(|e| broken(&e, Phase::Head, tls))?;
    p.phase = Phase::Body;
    read(response, max, &mut driven).await.map_err(|e| broken(&e, Phase::Body, tls))
}

async fn read<S>(response: Response<Incoming>, max: usize, driven: &mut Driven<S>) -> Result<Answer, hyper::Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (head, mut body) = response.into_parts();
    let mut answer = Answer { status: head.status, headers: head.headers, body: Vec::new(), long: false };
    // What a redirect or an error says in its body is nothing to us.
    while answer.status == StatusCode::OK && !body.is_end_stream() {
        let Some(frame) = driven.during(body.frame()).await else { break };
        let Ok(data) = frame?.into_data() else { continue };
        let room = max - answer.body.len();
        answer.body.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        if data.len() > room {
            answer.long = true;
            break;
        }
    }
    Ok(answer)
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

fn broken(error: &hyper::Error, phase: Phase, tls: Option<(&Trust, &str)>) -> Trouble {
    let io = io_of(error);
    if let (Some(io), Some((trust, name))) = (io, tls)
        && tls::is_tls_error(io)
    {
        return Trouble::garbled(trust.explain(io, name).sentence);
    }
    if phase == Phase::Body {
        let reset = io.is_some_and(|e| e.kind() == io::ErrorKind::ConnectionReset);
        let verb = if reset { "reset" } else { "closed" };
        return match io.map(io::Error::kind) {
            Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                Trouble::garbled(format!("answers with what is not HTTP ({error})"))
            }
            _ => Trouble::silent(format!("{verb} the connection in the middle of its answer"), None),
        };
    }
    if error.is_parse() && error.to_string().contains("too large") {
        return Trouble::garbled(format!("answers with a head of more than {} KiB", BUFFER_MAX / 1024));
    }
    if error.is_parse() {
        return Trouble::garbled("answers with what is not HTTP: is this the port of another service?");
    }
    match io.map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            Trouble::silent("reset the connection without an answer", None)
        }
        _ => Trouble::silent("closed the connection without an answer", None),
    }
}

/// hyper's half that moves the bytes. It must not be polled again once it is done.
struct Driven<S: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<TokioIo<S>, Full<Bytes>>,
    done: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Driven<S> {
    /// Moves bytes while `what` waits for them.
    async fn during<T>(&mut self, what: impl Future<Output = T>) -> T {
        let mut what = pin!(what);
        poll_fn(|cx| {
            self.poll(cx);
            what.as_mut().poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if !self.done {
            // Its error, if any, is also given to whoever waits.
            self.done = Pin::new(&mut self.connection).poll(cx).is_ready();
        }
    }
}
