//! One HTTP request to an address that is a secret: for webhooks, and for the service that is told that we live.
//!
//! No redirect is followed: it would carry the message, and what the address gives away, to wherever the answer says.
//! The environment's proxies are not used, so that a call works under cron as it does in a shell. The client is made
//! when the first call needs it, on a runtime of its own; the system's certificates are read for `https` only.
//!
//! **Invariant:** no part of the address is in any text that leaves this module: see [`Hidden`].

use crate::message::text::{cut, one_line};
use crate::settings::Secret;
use checker_parts::tls::Trust;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Url, redirect};
use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Of an answer that says no, this many bytes are read, and this long is waited for them.
const ANSWER_MAX: usize = 4_096;
const ANSWER_TIME: Duration = Duration::from_secs(2);
/// Of a server's words, this many characters are passed on.
const WORDS_MAX: usize = 200;
/// Parts of an address that are shorter give nothing away.
const SECRET_MIN: usize = 6;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: Method,
    /// Headers by lower-case name. Values may hold UTF-8.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for none.
    pub body: String,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The code and its name, such as `200 OK`.
    pub line: String,
    /// How long it asks to be left alone, in its own words.
    pub retry_after: Option<String>,
    /// What it says in words if it says no, in one short line without any part of the address.
    pub words: String,
}

/// Why there was no answer: a sentence without any part of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// It may work later.
    Later(String),
    /// It never works with this address.
    Never(String),
}

/// Calls one address.
pub struct Caller {
    url: Secret,
    ca_file: Option<PathBuf>,
    ready: Option<Ready>,
}

struct Ready {
    client: Client,
    url: Url,
    trust: Option<Trust>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Drop for Ready {
    fn drop(&mut self) {
        // A name that is still being looked up must not hold us.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Caller {
    /// Touches nothing yet. `ca_file` holds certificates to trust besides the system's.
    pub fn new(url: Secret, ca_file: Option<PathBuf>) -> Self {
        Self { url, ca_file, ready: None }
    }

    /// Calls once, and comes back by `deadline`.
    ///
    /// # Errors
    /// If nothing was answered, with a sentence. Whether the request arrived is then not known.
    pub fn call(&mut self, request: Request, deadline: Instant) -> Result<Answer, CallError> {
        let hidden = Hidden::of(self.url.expose());
        if self.ready.is_none() {
            self.ready = Some(self.make()?);
        }
        let Some(Ready { client, url, trust, runtime: Some(runtime) }) = &self.ready else {
            return Err(CallError::Later("there is no client to call with".to_owned()));
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &request.headers {
            if let Ok(value) = HeaderValue::from_bytes(one_line(value).as_bytes()) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let time = deadline.saturating_duration_since(Instant::now());
        let call = client.request(request.method, url.clone()).headers(headers).body(request.body).send();
        let answered = runtime.block_on(async {
            let asked = tokio::time::timeout(time, call).await;
            match asked {
                Err(_) => Err(CallError::Later(format!("there was no answer within {} s", time.as_secs().max(1)))),
                Ok(Err(error)) => Err(CallError::Later(words(&error, trust.as_ref()))),
                Ok(Ok(response)) => Ok(read(response, deadline).await),
            }
        });
        match answered {
            Ok(answer) => Ok(Answer { words: hidden.out_of(&answer.words), ..answer }),
            Err(CallError::Later(why)) => Err(CallError::Later(hidden.out_of(&why))),
            Err(never) => Err(never),
        }
    }

    fn make(&self) -> Result<Ready, CallError> {
        let url = Url::parse(self.url.expose())
            .map_err(|why| CallError::Never(format!("the address cannot be used ({why}): mend its url or url_file")))?;
        let (client, trust) = client(&url, self.ca_file.as_deref())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build();
        let runtime = runtime.map_err(|why| CallError::Later(format!("no runtime could be made: {why}")))?;
        Ok(Ready { client, url, trust, runtime: Some(runtime) })
    }
}

/// A client for this address, and whom it trusts.
///
/// # Errors
/// If certificates cannot be read, or no client can be made.
pub(crate) fn client(url: &Url, ca_file: Option<&Path>) -> Result<(Client, Option<Trust>), CallError> {
    let later = |what: &str, why: &dyn std::fmt::Display| CallError::Later(format!("{what}: {why}"));
    let (trust, config) = if url.scheme() == "https" {
        let trust = match ca_file {
            Some(path) => Trust::with_ca_file(path, &[b"http/1.1"]).map_err(CallError::Later)?,
            None => Trust::system(&[b"http/1.1"]),
        };
        let config = trust.config().map_err(|fault| CallError::Later(fault.sentence))?;
        (Some(trust), (*config).clone())
    } else {
        (None, trusts_nobody().map_err(|why| later("TLS cannot be set up", &why))?)
    };
    let client = Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only()
        .pool_max_idle_per_host(0)
        .user_agent(concat!("checker/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|why| later("no HTTP client could be made", &why.without_url()))?;
    Ok((client, trust))
}

/// For `http`: there is nothing to verify, and nothing to read for it.
fn trusts_nobody() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

/// Reads what it says, if it says no: as much as is shown, and no longer than that is worth.
async fn read(mut response: reqwest::Response, deadline: Instant) -> Answer {
    let status = response.status();
    let name = status.canonical_reason().unwrap_or_default();
    let line = format!("{} {name}", status.as_u16()).trim_end().to_owned();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).map(|v| cut(&one_line(v), 40));
    let mut text = Vec::new();
    if !status.is_success() {
        let until = deadline.min(Instant::now() + ANSWER_TIME);
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                text.extend_from_slice(&chunk);
                if text.len() >= ANSWER_MAX {
                    break;
                }
            }
        };
        drop(tokio::time::timeout_at(until.into(), reading).await);
        text.truncate(ANSWER_MAX);
    }
    let words = one_line(&String::from_utf8_lossy(&text));
    Answer { status: status.as_u16(), line, retry_after, words }
}

/// What kept us from an answer.
pub(crate) fn words(error: &reqwest::Error, trust: Option<&Trust>) -> String {
    let mut cause = error.source();
    let mut deepest = None;
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            if checker_parts::tls::is_tls_error(io) {
                return trust.map_or_else(|| io.to_string(), |t| t.explain(io, "its address").sentence);
            }
            match io.kind() {
                std::io::ErrorKind::ConnectionRefused => return "nothing answers there: connection refused".to_owned(),
                std::io::ErrorKind::ConnectionReset => return "it reset the connection".to_owned(),
                _ => {}
            }
        }
        deepest = Some(inner.to_string());
        cause = inner.source();
    }
    let deepest = deepest.unwrap_or_else(|| "no reason is known".to_owned());
    let what = if error.is_connect() { "it cannot be reached" } else { "the talk with it broke" };
    format!("{what}: {deepest}")
}

/// Every part of an address that may be a secret.
#[derive(Debug)]
pub struct Hidden(Vec<String>);

impl Hidden {
    /// All of `url` but its scheme and what is too short to tell anything.
    pub fn of(url: &str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~' | '.');
        let words =
            rest.split(|c| !is_word(c)).flat_map(|word| [word].into_iter().chain(word.split(['.', '-', '_', '~'])));
        let mut all: Vec<String> =
            words.filter(|word| word.len() >= SECRET_MIN).map(str::to_owned).chain([url.to_owned()]).collect();
        // The longest first, so that none is hidden in pieces.
        all.sort_by_key(|word| std::cmp::Reverse(word.len()));
        all.dedup();
        Self(all)
    }

    /// `text` without them, in one line, cut.
    pub fn out_of(&self, text: &str) -> String {
        let clean = self.0.iter().fold(text.to_owned(), |text, word| text.replace(word.as_str(), "(hidden)"));
        cut(&one_line(&clean), WORDS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_an_address_gets_out() {
        let hidden =
            Hidden::of("https://me:pa55word@abcdef123.example.com/bot123456:AAE-zy_Planted/send?key=hunter2x#frag");
        for leak in [
            "POST https://me:pa55word@abcdef123.example.com/bot123456:AAE-zy_Planted/send?key=hunter2x#frag",
            "no such token AAE-zy_Planted",
            "bot bot123456 unknown",
            "key=hunter2x is wrong",
            "Planted",
            "abcdef123 not found, pa55word",
        ] {
            let out = hidden.out_of(leak);
            for secret in ["pa55", "abcdef", "123456", "AAE-zy", "Planted", "hunter2x"] {
                assert!(!out.contains(secret), "{secret} in {out}");
            }
        }
        assert_eq!(hidden.out_of("Bad Request:\nchat not found"), "Bad Request: chat not found");
        assert!(hidden.out_of(&"x".repeat(10_000)).len() <= WORDS_MAX);
    }
}
