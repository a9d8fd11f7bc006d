//! Addresses of RDAP servers: https alone.

use checker_parts::net::Endpoint;
use hyper::Uri;

/// The longest address that is followed.
const LENGTH_MAX: usize = 2_000;

/// An `https` address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) endpoint: Endpoint,
    /// As the header `Host` has it.
    pub(crate) authority: String,
    /// Path and query; begins with `/`.
    pub(crate) path: String,
}

impl Address {
    /// # Errors
    /// What is wrong with it, as a sentence without a full stop.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let shown: String = text.chars().take(100).collect();
        if text.len() > LENGTH_MAX {
            return Err(format!("{shown:?}... is longer than any address ({LENGTH_MAX} bytes)"));
        }
        let uri: Uri = text.parse().map_err(|why| format!("{shown:?} is no address: {why}"))?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") => return Err(format!("{shown:?} is not https; what a plain answer says could be anybody's")),
            _ => return Err(format!("{shown:?} is no https address; write it as \"https://rdap.example.net/\"")),
        }
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(format!("{shown:?} holds a login, which RDAP has no use for; leave it out"));
        }
        let port = uri.port_u16().unwrap_or(443);
        let endpoint = Endpoint::parse(&format!("{}:{port}", uri.host().unwrap_or_default()))?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { endpoint, authority: authority.to_ascii_lowercase(), path })
    }

    /// The host, for sentences, and with its port where that is another than usual.
    pub(crate) fn server(&self) -> &str {
        &self.authority
    }

    /// `rest` below this address, whether that ends in `/` or not.
    pub(crate) fn below(&self, rest: &str) -> Self {
        let path = self.path.split('?').next().unwrap_or("/").trim_end_matches('/');
        Self { path: format!("{path}/{rest}"), ..self.clone() }
    }

    /// Where a redirect leads.
    pub(crate) fn join(&self, location: &str) -> Result<Self, String> {
        if location.is_empty() {
            return Err("it does not say where to".to_owned());
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("https://{rest}"));
        }
        if location.split(['/', '?', '#']).next().is_some_and(|start| start.ends_with(':')) {
            return Self::parse(location);
        }
        let folder =
            self.path.split('?').next().and_then(|path| path.rsplit_once('/')).map_or("", |(folder, _)| folder);
        let path = if location.starts_with('/') { location.to_owned() } else { format!("{folder}/{location}") };
        Self::parse(&format!("https://{}{path}", self.authority))
    }
}
