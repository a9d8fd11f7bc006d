//! What a request gets.

use super::ledger::{Entry, Ledger, NotWritten};
use super::rate::Rate;
use super::{Directory, Named};
use crate::clock;
use crate::decide::script::ping::{BODY_MAX, Refusal, parse};
use crate::decide::{RunRecord, Source};
use crate::script::{ScriptActivity, checked};
use checker_job::Timestamp;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A body is read to its end, so that whoever sends it hears the answer; but no further than this.
const BODY_READ_MAX: usize = 16 * 1024 * 1024;
/// A record of a success is no longer.
const RECORD_MAX: usize = 4 * 1024;

/// Whoever answers.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) directory: Directory,
    pub(super) ledger: Ledger,
    pub(super) rate: Mutex<Rate>,
}

type Answer = Response<Full<Bytes>>;

impl Desk {
    /// Answers one request.
    pub(super) async fn answer(&self, request: Request<Incoming>, from: SocketAddr) -> Answer {
        let path = request.uri().path();
        if path.starts_with("/ping/") {
            return self.ping(request, from).await;
        }
        match path.strip_prefix("/api/scripts/") {
            Some(name) if !name.is_empty() => {
                let name = unescaped(name);
                self.record(request, name, from).await
            }
            _ => text(404, "not found"),
        }
    }

    async fn ping(&self, request: Request<Incoming>, from: SocketAddr) -> Answer {
        if ![Method::GET, Method::HEAD, Method::POST].contains(request.method()) {
            let mut answer = text(405, "use GET, HEAD or POST");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
            return answer;
        }
        let uri = request.uri();
        let found =
            parse(uri.path(), uri.query()).and_then(|ping| self.directory.find(&ping).map(|found| (ping, found)));
        let (ping, (script, is_new)) = match found {
            Ok(found) => found,
            Err(refusal) => return refused(refusal),
        };
        if let Err(wait) = self.allowed(&script, is_new) {
            return too_many(wait);
        }
        // When it came, and not when its body was read.
        let at = clock::now().wall;
        let Some(body) = body(request, BODY_MAX).await else { return text(413, "the body is too long") };
        let body = String::from_utf8_lossy(&body).into_owned();
        let entry = Entry::Call { script, said: ping.said, rid: ping.rid, at, body, from: from.ip().to_string() };
        match self.ledger.write(entry).await {
            Ok(()) if is_new => taken(201, "Created"),
            Ok(()) => taken(200, "OK"),
            Err(why) => not_written(&why),
        }
    }

    /// Whether this script may call now; if not, after how long.
    fn allowed(&self, script: &Named, is_new: bool) -> Result<(), Duration> {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        if is_new { rate.allows_new(script, Instant::now()) } else { rate.allows(script, Instant::now()) }
    }

    /// The remote form of `recordSuccess` (`notes/seeds.md` 4.2): name, host, start and end.
    async fn record(&self, request: Request<Incoming>, name: String, from: SocketAddr) -> Answer {
        if request.method() != Method::POST {
            let mut answer = text(405, "use POST");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return answer;
        }
        let said = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let (scheme, token) = said.split_once(' ').unwrap_or_default();
        let token = if scheme.eq_ignore_ascii_case("bearer") { token.trim() } else { "" };
        if token.is_empty() || !self.directory.is_token(token) {
            return text(401, "say `Authorization: Bearer TOKEN`, with the token of [scripts] token_file");
        }
        let Some(body) = body(request, RECORD_MAX).await else { return text(413, "the body is too long") };
        let activity = match read(&body, name) {
            Ok(activity) => activity,
            Err(why) => return text(400, &why),
        };
        let named = Named { name: activity.name.clone(), host: activity.hostname.clone() };
        if let Err(wait) = self.allowed(&named, true) {
            return too_many(wait);
        }
        let run = match checked(&activity) {
            Ok(run) => run,
            Err(why) => return text(400, &why),
        };
        let run = RunRecord { source: Source::Remote, asked_by: Some(from.ip().to_string()), ..run };
        match self.ledger.write(Entry::Record(Box::new(run))).await {
            Ok(()) => text(200, "OK"),
            Err(why) => not_written(&why),
        }
    }
}

/// What another host says of a success.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Success {
    host: String,
    started: String,
    completed: String,
}

fn read(body: &[u8], name: String) -> Result<ScriptActivity, String> {
    let form =
        "write {\"host\": \"beta\", \"started\": \"2026-05-01T10:00:00Z\", \"completed\": \"2026-05-01T10:01:00Z\"}";
    let said: Success = serde_json::from_slice(body).map_err(|e| format!("{e}; {form}"))?;
    let instant = |text: &str| {
        let at: jiff::Timestamp =
            text.parse().map_err(|_| format!("\"{}\" is no instant; {form}", text.escape_debug()))?;
        Ok::<_, String>(Timestamp::from_micros(at.as_microsecond()))
    };
    Ok(ScriptActivity {
        name,
        hostname: said.host,
        date_started: instant(&said.started)?,
        date_completed: instant(&said.completed)?,
    })
}

/// The first `max` bytes; the rest is read and dropped. `None`: it has no end, or it broke off.
async fn body(request: Request<Incoming>, max: usize) -> Option<Vec<u8>> {
    let (mut body, mut kept, mut read) = (request.into_body(), Vec::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.ok()?;
        if let Some(data) = frame.data_ref() {
            read += data.len();
            let room = max.saturating_sub(kept.len()).min(data.len());
            kept.extend_from_slice(data.get(..room).unwrap_or_default());
        }
        if read > BODY_READ_MAX {
            return None;
        }
    }
    Some(kept)
}

/// `%20` and the like; what is wrong stays as it is.
fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let value = hex.filter(|_| *byte == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        out.push(value.unwrap_or(*byte));
        rest = if value.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn text(status: u16, words: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(words.as_bytes())));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// With the headers that clients know.
fn taken(status: u16, words: &str) -> Answer {
    let mut answer = text(status, words);
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert("ping-body-limit", HeaderValue::from(BODY_MAX));
    answer
}

fn refused(refusal: Refusal) -> Answer {
    let (status, words) = refusal.answer();
    text(status, words)
}

fn too_many(wait: Duration) -> Answer {
    let mut answer = text(429, "too many calls of this script: it was not recorded");
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
    answer
}

fn not_written(why: &NotWritten) -> Answer {
    match why {
        NotWritten::Crowded => too_many(Duration::from_secs(1)),
        NotWritten::Failed(_) => text(503, "it could not be recorded: call again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_urls_are_unescaped() {
        for (text, expected) in
            [("a%20b", "a b"), ("%c3%bc", "ü"), ("100%", "100%"), ("%zz", "%zz"), ("%", "%"), ("", "")]
        {
            assert_eq!(unescaped(text), expected);
        }
    }

    #[test]
    fn a_record_says_what_is_wrong_with_it() {
        let good = br#"{"host":"beta","started":"2026-05-01T10:00:00Z","completed":"2026-05-01T12:01:00+02:00"}"#;
        let activity = read(good, "x".to_owned()).unwrap();
        assert_eq!(activity.date_completed.since(activity.date_started), Duration::from_secs(60));
        for bad in [&b"{}"[..], b"nothing", br#"{"host":"b","started":"now","completed":"now"}"#] {
            assert!(read(bad, "x".to_owned()).unwrap_err().contains("write {\"host\""));
        }
    }
}
