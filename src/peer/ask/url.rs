//! Where a peer answers.

use super::exchange::Asking;
use crate::settings;
use checker_parts::net::Endpoint;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, Uri};

/// An address of a peer, taken apart once.
#[derive(Clone, Debug)]
pub(super) struct Url {
    pub(super) tls: bool,
    pub(super) endpoint: Endpoint,
    authority: HeaderValue,
    /// As it stands in the settings, with the query; a first program answers at any.
    path: Uri,
    /// Where what is under version 1 begins: a proxy may have put the node below a path of its own.
    base: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) =
            text.split_once("://").ok_or_else(|| "the url begins with http:// or https://".to_owned())?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            other => return Err(format!("\"{other}\" is no scheme that Checker can speak")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err("the url holds a user name: leave it out, peers know each other by their keys".to_owned());
        }
        let port = if tls { 443 } else { 80 };
        let endpoint = Endpoint::parse(authority).ok().or_else(|| settings::endpoint(authority, port));
        let endpoint = endpoint.ok_or_else(|| format!("\"{authority}\" is no host that can be asked"))?;
        let path = path.split('#').next().unwrap_or_default();
        let whole = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let base = whole.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned();
        let bad = |_| format!("\"{path}\" is no path of a url");
        let path = whole.parse().map_err(bad)?;
        let _whole: Uri = format!("{base}/").parse().map_err(bad)?;
        let authority = HeaderValue::from_str(authority).map_err(|_| "the url names no host".to_owned())?;
        Ok(Self { tls, endpoint, authority, path, base })
    }

    /// A request for this path under version 1, or for the url itself.
    pub(super) fn request(&self, method: Method, path: Option<&str>, headers: HeaderMap, body: Bytes) -> Asking {
        let uri = path.and_then(|path| format!("{}{path}", self.base).parse().ok());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri.unwrap_or_else(|| self.path.clone());
        let all = request.headers_mut();
        all.insert(HOST, self.authority.clone());
        all.insert(CONNECTION, HeaderValue::from_static("close"));
        all.extend(headers);
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_to_ask_and_for_what() {
        for (text, to, tls, path, status) in [
            ("http://beta.example.com:5000", "beta.example.com:5000", false, "/", "/v1/status"),
            ("http://beta.example.com", "beta.example.com:80", false, "/", "/v1/status"),
            ("https://beta.example.com/", "beta.example.com:443", true, "/", "/v1/status"),
            ("https://[2001:db8::1]/a/b/?x=1#y", "[2001:db8::1]:443", true, "/a/b/?x=1", "/a/b/v1/status"),
            ("http://127.0.0.1:5000?x", "127.0.0.1:5000", false, "/?x", "/v1/status"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.endpoint.to_string().as_str(), url.tls), (to, tls), "{text}");
            let asked = |at| url.request(Method::GET, at, HeaderMap::new(), Bytes::new()).uri().to_string();
            assert_eq!((asked(None).as_str(), asked(Some("/v1/status")).as_str()), (path, status), "{text}");
        }
        for (text, why) in [
            ("beta:5000", "begins with http://"),
            ("ftp://beta", "\"ftp\" is no scheme"),
            ("http://", "no host"),
            ("http://me:secret@beta:5000/", "leave it out"),
            ("http://beta/a b", "no path"),
            ("http://be\nta/", "no host"),
            ("http://beta:0/", "no host"),
        ] {
            let found = Url::parse(text).unwrap_err();
            assert!(found.contains(why) && !found.contains("secret"), "{text}: {found}");
        }
    }
}
