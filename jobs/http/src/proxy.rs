//! The way through a proxy: `CONNECT` for `https`.

use crate::progress::Trouble;
use crate::url::Url;
use checker_parts::net::{Endpoint, Line};
use hyper::http::StatusCode;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// No proxy needs more to say yes or no.
const HEAD_MAX: usize = 8 * 1024;

/// A proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) endpoint: Endpoint,
    shown: String,
}

impl Proxy {
    /// Reads the key `proxy`.
    ///
    /// # Errors
    /// A sentence that never repeats a login.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let form = "write it as \"http://proxy.example.com:3128\"";
        if text.contains('@') {
            return Err(format!("a login at the proxy is not supported; {form}"));
        }
        let url = Url::parse(text)?;
        if url.tls {
            return Err(format!("a proxy that is itself spoken to over TLS is not supported; {form}"));
        }
        if url.origin.path() != "/" || url.origin.query().is_some() {
            return Err(format!("a proxy has no path; {form}"));
        }
        let shown = url.authority.to_str().unwrap_or_default().to_owned();
        Ok(Self { endpoint: url.endpoint, shown })
    }

    /// A proxy that is not there says nothing of the target.
    pub(crate) fn trouble(&self, why: &str) -> Trouble {
        let shown = &self.shown;
        Trouble::ours(
            format!("the proxy {shown} does not let us through"),
            format!("the proxy {shown} does not let us through: {why}"),
        )
    }

    /// Connecting to the proxy failed; a cause that is this host's own stays what it is.
    pub(crate) fn not_reached(&self, trouble: Trouble) -> Trouble {
        match trouble.cause {
            Some(_) => trouble,
            None => self.trouble(&trouble.sentence).blaming(trouble.blame),
        }
    }

    /// Time ran out before the proxy had answered.
    pub(crate) fn silent(&self, limit: Duration) -> Trouble {
        let limit = crate::progress::time_words(limit);
        self.trouble(&format!("it did not answer within {limit}"))
    }

    /// Asks the proxy for a tunnel to `url`.
    pub(crate) async fn tunnel(&self, stream: &mut Line, url: &Url) -> Result<(), Trouble> {
        let host = url.endpoint.to_string();
        let ask = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {}\r\n\r\n", crate::USER_AGENT);
        let broke = |e: std::io::Error| self.trouble(&format!("the connection broke ({e})"));
        stream.write_all(ask.as_bytes()).await.map_err(broke)?;
        let mut head = Vec::with_capacity(512);
        while !head.ends_with(b"\r\n\r\n") {
            // Byte by byte: what follows the head belongs to TLS. A tunnel is opened once, so this costs little.
            let mut byte = [0];
            let n = stream.read(&mut byte).await.map_err(broke)?;
            if n == 0 {
                return Err(self.trouble("it closed the connection"));
            }
            head.extend_from_slice(&byte);
            if head.len() > HEAD_MAX {
                return Err(self.trouble("its answer does not end"));
            }
        }
        self.judge(&head, &host)
    }

    fn judge(&self, head: &[u8], host: &str) -> Result<(), Trouble> {
        let line = String::from_utf8_lossy(head);
        let mut words = line.split_ascii_whitespace();
        let version = words.next().unwrap_or_default();
        let status = words.next().and_then(|w| w.parse::<u16>().ok());
        let status = status.and_then(|n| StatusCode::from_u16(n).ok());
        match status {
            Some(status) if !version.starts_with("HTTP/1.") => {
                Err(self.trouble(&format!("its answer {status} is not HTTP/1")))
            }
            None => Err(self.trouble("its answer is not HTTP")),
            Some(status) if status.is_success() => Ok(()),
            // The proxy tried, and it is the target that did not answer.
            Some(status) if matches!(status.as_u16(), 502..=504) => {
                Err(Trouble::theirs(format!("the proxy {} could not connect to {host}: {status}", self.shown)))
            }
            Some(status) => Err(self.trouble(&format!("it answered {status} to CONNECT"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_read() {
        let proxy = Proxy::parse("http://proxy.example:3128").unwrap();
        assert_eq!((proxy.endpoint.host(), proxy.endpoint.port()), ("proxy.example", 3128));
        for (text, want) in [
            ("http://me:planted@proxy.example/", "login at the proxy is not supported"),
            ("https://proxy.example/", "over TLS is not supported"),
            ("http://proxy.example/path", "a proxy has no path"),
            ("proxy.example:3128", "must start with http://"),
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert!(error.contains(want) && !error.contains("planted"), "{text}: {error}");
        }
    }
}
