//! One question to a peer, and one message to it.
//!
//! No redirects, no proxy, no cookies, no compression, no second try: a peer answers itself, at once, in a few bytes, or it
//! has not answered. What an answer means for the peer's health is not decided here.

mod connect;
mod exchange;
mod url;

use super::confirm::{self, CONFIRM_PATH, Question};
use super::envelope::{Instance, Nonce, Request, STATUS_PATH, Unproved, check_answer};
use super::key::{NodeKey, PublicKey};
use crate::decide::Word;
use checker_job::{Blame, duration_words};
use checker_parts::net;
use checker_parts::tls::{Trust, server_name};
use exchange::{Answer, exchange};
use hyper::body::Bytes;
use hyper::header::{CONTENT_ENCODING, HeaderMap, LOCATION};
use hyper::{Method, StatusCode};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Url;

/// The longest status that is read, in bytes.
pub const ANSWER_MAX: usize = 64 * 1024;
/// The longest answer of a first program that is read, in bytes.
pub const WORD_MAX: usize = 4 * 1024;
/// The time that a caller should give: from the name to the last byte.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Whom to ask.
#[derive(Clone, Debug)]
pub struct Target {
    url: Url,
    key: Option<PublicKey>,
    trust: Option<Arc<Trust>>,
}

impl Target {
    /// The peer at `url` whose key is `key`; `None`: a first program, whose word anybody can forge.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the URL.
    pub fn new(url: &str, key: Option<PublicKey>) -> Result<Self, String> {
        Ok(Self { url: Url::parse(url)?, key, trust: None })
    }

    /// With certificates of its own, for `https://`. Else those of the system are trusted.
    #[must_use]
    pub fn trusting(mut self, trust: Arc<Trust>) -> Self {
        self.trust = Some(trust);
        self
    }
}

/// What a peer answered. Sentences say what was seen, without the peer's name and without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The peer's status, proved: its key signed these bytes for this very question.
    Status(Vec<u8>),
    /// The word of a first program. Anybody may have said it.
    Word(Word),
    /// A word without signature where a signed status was expected. A problem counts as that problem; `True` counts as no
    /// answer, for anybody can say it.
    UnsignedWord(Word),
    /// Nobody answered.
    Silent {
        /// What was seen.
        why: String,
        /// Whose fault it may be, if not the peer's.
        blame: Option<Blame>,
    },
    /// Somebody answered, and not as this peer would.
    Garbled(String),
}

/// What a peer answered to a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It took the status. Proved.
    Taken,
    /// It knows a newer one. Proved.
    Old,
    /// It could not read it. Proved.
    Unreadable,
    /// As [`Heard`] says it.
    Failed(Heard),
}

/// A question that has failed so far.
#[derive(Debug)]
struct Trouble {
    sentence: String,
    /// Somebody was there, but not as expected.
    garbled: bool,
    blame: Option<Blame>,
}

impl Trouble {
    fn silent(sentence: impl Into<String>, blame: Option<Blame>) -> Self {
        Self { sentence: sentence.into(), garbled: false, blame }
    }

    fn garbled(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), garbled: true, blame: None }
    }
}

impl From<Trouble> for Heard {
    fn from(trouble: Trouble) -> Self {
        if trouble.garbled {
            Self::Garbled(trouble.sentence)
        } else {
            Self::Silent { why: trouble.sentence, blame: trouble.blame }
        }
    }
}

/// How far a question has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Resolve,
    Connect,
    Tls,
    Head,
    Body,
}

/// What is known when time runs out.
#[derive(Debug, Default)]
struct Progress {
    phase: Phase,
    /// The one that is being tried, or that took us.
    address: Option<SocketAddr>,
    /// Addresses that did not take us, and why.
    misses: Vec<Miss>,
}

/// Why an address did not take us, and whose fault that may be.
type Miss = (String, Option<Blame>);

/// Asks `target` how it is. `me` and `instance` say who asks; `nonce` must be fresh. Ends at `deadline` (see [`PATIENCE`]).
pub async fn ask(target: &Target, me: &NodeKey, instance: &Instance, nonce: Nonce, deadline: Instant) -> Heard {
    let Some(peer) = target.key else {
        let request = target.url.request(Method::GET, None, HeaderMap::new(), Bytes::new());
        return unproved(talk(target, request, WORD_MAX, deadline).await);
    };
    let headers = signed(Method::GET.as_str(), STATUS_PATH, peer, me, instance, nonce, &[]);
    let request = target.url.request(Method::GET, Some(STATUS_PATH), headers, Bytes::new());
    proved(talk(target, request, ANSWER_MAX, deadline).await, peer, nonce, me).map_or_else(|heard| heard, Heard::Status)
}

/// What [`ask`] makes of an answer that comes over `stream`: for fuzzers.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) async fn ask_over<S>(stream: S, target: &Target, me: &NodeKey, nonce: Nonce) -> Heard
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
{
    let request = target.url.request(Method::GET, None, HeaderMap::new(), Bytes::new());
    let max = if target.key.is_some() { ANSWER_MAX } else { WORD_MAX };
    let answer = exchange(stream, request, max, None, &mut Progress::default()).await;
    match target.key {
        Some(peer) => proved(answer, peer, nonce, me).map_or_else(|heard| heard, Heard::Status),
        None => unproved(answer),
    }
}

/// Brings `body`, our status, to a peer that cannot reach us. A first program takes none: it says so at once.
pub async fn push(
    target: &Target,
    me: &NodeKey,
    instance: &Instance,
    nonce: Nonce,
    body: Vec<u8>,
    deadline: Instant,
) -> Pushed {
    let Some(peer) = target.key else {
        return Pushed::Failed(Heard::Garbled("a first program takes no status".to_owned()));
    };
    let headers = signed(Method::POST.as_str(), STATUS_PATH, peer, me, instance, nonce, &body);
    let request = target.url.request(Method::POST, Some(STATUS_PATH), headers, Bytes::from(body));
    match proved(talk(target, request, ANSWER_MAX, deadline).await, peer, nonce, me) {
        Ok(body) => match serde_json::from_slice::<PushReply>(&body).map(|reply| reply.push).as_deref() {
            Ok("taken") => Pushed::Taken,
            Ok("old") => Pushed::Old,
            Ok("garbled") => Pushed::Unreadable,
            _ => Pushed::Failed(Heard::Garbled("its answer to our status is in words that we do not know".to_owned())),
        },
        Err(heard) => Pushed::Failed(heard),
    }
}

/// Fields that are not known mean nothing.
#[derive(serde::Deserialize)]
struct PushReply {
    push: String,
}

/// Asks a peer to look at the target of `question`. A peer of an older version says that it cannot.
///
/// # Errors
/// What was heard instead of an answer.
pub async fn ask_to_look(
    target: &Target,
    me: &NodeKey,
    instance: &Instance,
    nonce: Nonce,
    question: &Question,
    deadline: Instant,
) -> Result<confirm::Answer, Heard> {
    let Some(peer) = target.key else {
        return Err(Heard::Garbled("a first program looks at nothing for others".to_owned()));
    };
    let body = question.bytes();
    let headers = signed(Method::POST.as_str(), CONFIRM_PATH, peer, me, instance, nonce, &body);
    let request = target.url.request(Method::POST, Some(CONFIRM_PATH), headers, Bytes::from(body));
    let answer = talk(target, request, ANSWER_MAX, deadline).await;
    if answer.as_ref().is_ok_and(|a| a.status == StatusCode::METHOD_NOT_ALLOWED) {
        return Ok(confirm::Answer::cannot("its Checker is older and does not know this question"));
    }
    let body = proved(answer, peer, nonce, me)?;
    let garbled = || Heard::Garbled("its answer is in words that we do not know".to_owned());
    confirm::Answer::read(&body).ok_or_else(garbled)
}

fn signed(
    method: &str,
    path: &str,
    peer: PublicKey,
    me: &NodeKey,
    instance: &Instance,
    nonce: Nonce,
    body: &[u8],
) -> HeaderMap {
    Request { method, path, nonce, addressee: peer, instance }.headers(me, body)
}

/// The word in an answer that nobody can prove.
fn unproved(answer: Result<Answer, Trouble>) -> Heard {
    match answer.and_then(|answer| plain(answer, WORD_MAX)) {
        Ok(answer) => Word::of(&answer.body).map_or_else(|| Heard::Garbled(no_word(&answer)), Heard::Word),
        Err(trouble) => trouble.into(),
    }
}

/// The body of an answer that `peer` has signed for us.
fn proved(answer: Result<Answer, Trouble>, peer: PublicKey, nonce: Nonce, me: &NodeKey) -> Result<Vec<u8>, Heard> {
    let answer = answer.and_then(|answer| plain(answer, ANSWER_MAX))?;
    let why = match check_answer(&answer.headers, &answer.body, peer, nonce, me.public()) {
        Ok(()) => return Ok(answer.body),
        Err(Unproved::Unsigned) => {
            return Err(Word::of(&answer.body).map_or_else(|| Heard::Garbled(no_word(&answer)), Heard::UnsignedWord));
        }
        Err(Unproved::Garbled) => "answers with a key or a signature that cannot be read".to_owned(),
        Err(Unproved::WrongKey(key)) => format!(
            "answers with another key than the one in the settings, {key}: was it set up anew? Ask its admin for what \
             `checker key` prints there"
        ),
        Err(Unproved::OldNonce) => {
            "answers with an old status, to another question: something on the way repeats what it has heard".to_owned()
        }
        Err(Unproved::BadSignature) => {
            "answers with a signature that does not hold: the answer was changed on the way, \
                                        or it is another's"
                .to_owned()
        }
    };
    Err(Heard::Garbled(why))
}

/// Lets only an answer through that is as plain as a node's.
fn plain(answer: Answer, max: usize) -> Result<Answer, Trouble> {
    let code = answer.status.as_u16();
    if answer.status.is_redirection() {
        let to = answer.headers.get(LOCATION).map(|l| format!(" to {}", shown(l.as_bytes()))).unwrap_or_default();
        return Err(Trouble::garbled(format!(
            "redirects{to} (status {code}), which is not followed: give its own address as url"
        )));
    }
    if code != 200 {
        let words = answer.status.canonical_reason().map(|w| format!(" {w}")).unwrap_or_default();
        return Err(Trouble::garbled(format!("answers with status {code}{words}")));
    }
    if answer.headers.contains_key(CONTENT_ENCODING) {
        return Err(Trouble::garbled("answers in a compressed form, which no node does: is there a proxy on the way?"));
    }
    if answer.long {
        return Err(Trouble::garbled(format!("answers with more than {} KiB", max / 1024)));
    }
    Ok(answer)
}

fn no_word(answer: &Answer) -> String {
    if answer.body.is_empty() {
        return "answers with nothing".to_owned();
    }
    format!("answers with something else than a word, which begins with {}", shown(&answer.body))
}

/// The beginning of what a stranger sent, fit for a message.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..200.min(bytes.len())).unwrap_or_default());
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    format!("\"{}\"", text.trim())
}

/// One connection, one request, one answer, by `deadline`.
async fn talk(target: &Target, request: exchange::Asking, max: usize, deadline: Instant) -> Result<Answer, Trouble> {
    let begun = Instant::now();
    let mut p = Progress::default();
    match timeout_at(deadline, Box::pin(hop(target, request, max, deadline, &mut p))).await {
        Ok(answer) => answer,
        Err(_) => Err(too_slow(p, &target.url, deadline.saturating_duration_since(begun))),
    }
}

async fn hop(
    target: &Target,
    request: exchange::Asking,
    max: usize,
    deadline: Instant,
    p: &mut Progress,
) -> Result<Answer, Trouble> {
    let mut line = connect::connect(&target.url.endpoint, deadline, p).await?;
    if !target.url.tls {
        return exchange(&mut line, request, max, None, p).await;
    }
    p.phase = Phase::Tls;
    let trust = target.trust.as_deref().unwrap_or_else(|| system());
    let host = target.url.endpoint.host();
    let of_fault = |fault: checker_parts::tls::Fault| match fault.cause {
        // Nothing is known of the peer.
        Some(_) => Trouble::silent(fault.sentence, Some(Blame::Shortage)),
        None => Trouble::garbled(fault.sentence),
    };
    let config = trust.config().map_err(of_fault)?;
    let name = server_name(host).map_err(Trouble::garbled)?;
    let mut line =
        TlsConnector::from(config).connect(name, line).await.map_err(|e| of_fault(trust.explain(&e, host)))?;
    exchange(&mut line, request, max, Some((trust, host)), p).await
}

/// The system's certificates, read when the first peer with `https://` is asked.
fn system() -> &'static Trust {
    static SYSTEM: OnceLock<Trust> = OnceLock::new();
    SYSTEM.get_or_init(|| Trust::system(&[b"http/1.1"]))
}

fn too_slow(p: Progress, url: &Url, limit: Duration) -> Trouble {
    // Some microseconds of the limit have passed before it is measured.
    let limit = duration_words(Duration::from_secs((limit + Duration::from_millis(500)).as_secs().max(1)));
    let host = url.endpoint.host();
    let blame = p.address.map_or(Some(Blame::Silence), net::silence);
    match (p.phase, p.address) {
        (Phase::Resolve, _) => Trouble::silent(
            format!("could not ask for {host}: {} within {limit}", net::NO_RESOLVER),
            Some(Blame::NoResolver),
        ),
        (Phase::Connect, Some(address)) => {
            let silent = (format!("{address} did not answer within {limit}"), blame);
            connect::all_missed(p.misses.into_iter().chain([silent]).collect())
        }
        (Phase::Connect, None) => Trouble::silent(format!("could not connect to {host} within {limit}"), blame),
        (Phase::Tls, _) => Trouble::silent(format!("took the connection and did not finish TLS within {limit}"), blame),
        (Phase::Head, _) => Trouble::silent(format!("took the question and did not answer it within {limit}"), blame),
        (Phase::Body, _) => Trouble::silent(format!("began an answer and did not finish it within {limit}"), blame),
    }
}
