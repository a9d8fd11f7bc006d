//! URLs: what may stand in the settings, and where a redirect leads.

use checker_parts::net::Endpoint;
use hyper::Uri;
use hyper::http::HeaderValue;
use hyper::http::uri::PathAndQuery;
use std::borrow::Cow;
use std::fmt::Write as _;

/// An `http` or `https` URL, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Url {
    /// Whether it is `https`.
    pub(crate) tls: bool,
    /// Host and port, given or standard.
    pub(crate) endpoint: Endpoint,
    /// The value of the header `Host`.
    pub(crate) authority: HeaderValue,
    /// The request target for a server: path and query.
    pub(crate) origin: Uri,
}

impl Url {
    /// Reads an absolute URL.
    ///
    /// # Errors
    /// A sentence that never repeats the URL if it carries a login.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let start = authority_of(text);
        if start.contains('@') {
            return Err("a login does not belong into a URL, which everybody sees; use user and pass_file".to_owned());
        }
        let encoded = encode(text);
        if matches!(encoded, Cow::Owned(_)) && text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("\"{text}\" holds a space or a control character; write it as %20 or the like"));
        }
        if !start.is_ascii() {
            return Err(format!("the host \"{start}\" must be written in its ASCII form, which starts with xn--"));
        }
        let text = encoded;
        let uri: Uri = text.parse().map_err(|e| format!("\"{text}\" is no URL: {e}"))?;
        Self::of(&uri).map_err(|why| format!("\"{text}\" {why}"))
    }

    fn of(uri: &Uri) -> Result<Self, String> {
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err("is neither http nor https".to_owned()),
            None => return Err("must start with http:// or https://".to_owned()),
        };
        let authority = uri.authority().ok_or("names no host")?;
        let host = authority.host();
        let given = authority.as_str().strip_prefix(host).unwrap_or_default();
        let standard = if tls { 443 } else { 80 };
        let port = match given {
            "" | ":" => standard,
            _ => authority.port_u16().filter(|p| *p != 0).ok_or("has a port that is no number from 1 to 65535")?,
        };
        let mut text = String::with_capacity(host.len() + ":65535".len());
        text.push_str(host);
        text.push(':');
        text.push_str(&port.to_string());
        let endpoint = Endpoint::parse(&text).map_err(|why| format!("is no URL: {why}"))?;
        let shown = match endpoint.as_str().rsplit_once(':') {
            Some((host, _)) if port == standard => host,
            _ => endpoint.as_str(),
        };
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self {
            tls,
            authority: HeaderValue::from_str(shown).map_err(|_| "has a host that cannot be sent")?,
            endpoint,
            origin: Uri::from(path),
        })
    }

    /// The host, in lower case and without brackets.
    pub(crate) fn host(&self) -> &str {
        self.endpoint.host()
    }

    /// The whole URL. It is the target of the job, and the request target for a proxy.
    pub(crate) fn whole(&self) -> String {
        let (path, query) = (self.origin.path(), self.origin.query());
        let mut text = self.site();
        text.reserve_exact(path.len() + query.map_or(0, |q| q.len() + 1));
        text.push_str(path);
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        text
    }

    /// The URL for people, without the query: that of a redirect may hold a ticket.
    pub(crate) fn shown(&self) -> String {
        let query = if self.origin.query().is_some() { "?..." } else { "" };
        format!("{}{}{query}", self.site(), self.origin.path())
    }

    fn site(&self) -> String {
        let scheme = if self.tls { "https://" } else { "http://" };
        [scheme, self.authority.to_str().unwrap_or_default()].concat()
    }

    /// Whether what was meant for `self` may be sent to `next`: the same place, or the same host with TLS added.
    pub(crate) fn may_share_secrets_with(&self, next: &Self) -> bool {
        let upgrade = !self.tls && next.tls && self.endpoint.port() == 80 && next.endpoint.port() == 443;
        self.host() == next.host() && (upgrade || (self.tls == next.tls && self.endpoint == next.endpoint))
    }

    /// Where the value of a header `Location` leads from here.
    ///
    /// # Errors
    /// A sentence.
    pub(crate) fn join(&self, location: &[u8]) -> Result<Self, String> {
        let location = encode_bytes(location.trim_ascii());
        let (bare, _) = location.split_once('#').unwrap_or((&location, ""));
        let text = if has_scheme(bare) {
            bare.to_owned()
        } else if bare.starts_with("//") {
            format!("{}:{bare}", if self.tls { "https" } else { "http" })
        } else if bare.starts_with('/') {
            format!("{}{bare}", self.site())
        } else if bare.is_empty() || bare.starts_with('?') {
            format!("{}{}{bare}", self.site(), self.origin.path())
        } else {
            let path = self.origin.path();
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{}{folder}/{bare}", self.site())
        };
        if authority_of(&text).contains('@') {
            return Err("a URL with a login in it".to_owned());
        }
        let mut url = Self::parse(&text)?;
        url.origin = without_dots(&url.origin);
        Ok(url)
    }
}

fn authority_of(text: &str) -> &str {
    // The first colon is the one that is meant, as a rule.
    let rest = match text.split_once(':').and_then(|(_, rest)| rest.strip_prefix("//")) {
        Some(rest) => rest,
        None => text.split_once("://").map_or(text, |(_, rest)| rest),
    };
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// Percent-encodes what a URL must not hold and servers and people write all the same.
fn encode(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_plain) { Cow::Borrowed(text) } else { Cow::Owned(encode_bytes(text.as_bytes())) }
}

fn encode_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &b in bytes {
        match b {
            b if is_plain(b) => out.push(b as char),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "%{b:02X}")),
        }
    }
    out
}

/// Whether the byte may stand in a URL as it is.
fn is_plain(b: u8) -> bool {
    matches!(b, b'!'..=b'~') && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// Takes `.` and `..` out of the path.
fn without_dots(origin: &Uri) -> Uri {
    let path = origin.path();
    if !path.split('/').any(|part| part == "." || part == "..") {
        return origin.clone();
    }
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    let query = origin.query().map_or_else(String::new, |q| format!("?{q}"));
    format!("/{}{query}", kept.join("/")).parse().unwrap_or_else(|_| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_read_and_have_one_form() {
        for (text, whole, host, port) in [
            ("http://Example.COM", "http://example.com/", "example.com", 80),
            ("https://a.example:443/x?y=1", "https://a.example/x?y=1", "a.example", 443),
            ("HTTP://a.example:8080", "http://a.example:8080/", "a.example", 8080),
            ("http://[::1]:81/", "http://[::1]:81/", "::1", 81),
            ("https://192.0.2.1/#part", "https://192.0.2.1/", "192.0.2.1", 443),
            ("http://a.example/ü|x", "http://a.example/%C3%BC%7Cx", "a.example", 80),
            ("http://a.example?q", "http://a.example/?q", "a.example", 80),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.whole().as_str(), url.host(), url.endpoint.port()), (whole, host, port));
        }
    }

    #[test]
    fn wrong_urls_are_explained() {
        for (text, want) in [
            ("example.com", "must start with http:// or https://"),
            ("/path", "must start with"),
            ("ftp://a.example/", "is neither http nor https"),
            ("http://a.example:99999/", "port"),
            ("http://a.example:0/", "port"),
            ("http:///path", "\"http:///path\""),
            ("http://a b.example/", "holds a space"),
            ("http://bücher.example/", "xn--"),
        ] {
            let error = Url::parse(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
        let error = Url::parse("http://me:planted@a.example/").unwrap_err();
        assert!(error.contains("use user and pass_file") && !error.contains("planted"), "{error}");
    }

    #[test]
    fn redirects_lead_where_a_browser_goes() {
        let here = Url::parse("http://a.example/one/two?x").unwrap();
        for (location, want) in [
            ("https://b.example/", "https://b.example/"),
            ("//b.example:81/y", "http://b.example:81/y"),
            ("/three", "http://a.example/three"),
            ("three?z", "http://a.example/one/three?z"),
            ("../three", "http://a.example/three"),
            ("./", "http://a.example/one/"),
            ("../../../..", "http://a.example/"),
            ("?z", "http://a.example/one/two?z"),
            ("/with space#part", "http://a.example/with%20space"),
            ("/?next=http://c.example/", "http://a.example/?next=http://c.example/"),
        ] {
            assert_eq!(here.join(location.as_bytes()).unwrap().whole(), want, "{location}");
        }
        assert!(here.join(b"mailto:me@a.example").is_err());
        let login = here.join(b"http://me:planted@a.example/").unwrap_err();
        assert!(!login.contains("planted"), "{login}");
    }

    #[test]
    fn secrets_stay_where_they_belong() {
        let from = |text| Url::parse(text).unwrap();
        for (a, b, share) in [
            ("http://a.example/", "http://a.example/x", true),
            ("http://a.example/", "https://a.example/", true),
            ("https://a.example/", "http://a.example/", false),
            ("https://a.example/", "https://b.example/", false),
            ("https://a.example/", "https://a.example:8443/", false),
            ("http://a.example:8080/", "https://a.example/", false),
        ] {
            assert_eq!(from(a).may_share_secrets_with(&from(b)), share, "{a} {b}");
        }
    }

    #[test]
    fn a_query_is_not_shown() {
        let url = Url::parse("http://a.example/x?ticket=1").unwrap();
        assert_eq!(url.shown(), "http://a.example/x?...");
    }
}
