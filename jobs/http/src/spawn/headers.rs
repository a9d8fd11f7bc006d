//! What is sent besides the URL, and which of it is secret.

use super::Reader;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker_parts::hidden::{self, Hidden, Scrubber};
use hyper::http::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper::http::{HeaderMap, HeaderName, HeaderValue};

impl Reader<'_> {
    /// All headers, and those that any host may see.
    pub(super) fn headers(&mut self, scrubber: &mut Scrubber) -> (HeaderMap, HeaderMap) {
        let mut public = HeaderMap::with_capacity(8);
        public.insert(HOST, HeaderValue::from_static(""));
        public.insert(USER_AGENT, HeaderValue::from_static(crate::USER_AGENT));
        public.insert(ACCEPT, HeaderValue::from_static("*/*"));
        public.insert(CONNECTION, HeaderValue::from_static("close"));
        let mut all = public.clone();
        for (name, value) in &self.settings.headers {
            let Some((name, value)) = self.header(name, value, scrubber) else {
                continue;
            };
            if matches!(name.as_str(), "accept" | "accept-language" | "user-agent") {
                public.insert(name.clone(), value.clone());
            }
            all.insert(name, value);
        }
        (all, public)
    }

    fn header(&mut self, name: &str, value: &Hidden, scrubber: &mut Scrubber) -> Option<(HeaderName, HeaderValue)> {
        let key = "headers";
        let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
            self.errors.note(key, format!("{name:?} is no name of a header"));
            return None;
        };
        if matches!(
            known.as_str(),
            "connection"
                | "content-length"
                | "transfer-encoding"
                | "upgrade"
                | "te"
                | "trailer"
                | "expect"
                | "keep-alive"
                | "proxy-authorization"
                | "proxy-connection"
        ) {
            self.errors.note(key, format!("the header {name} belongs to Checker; leave it out"));
            return None;
        }
        let Ok(mut sent) = HeaderValue::from_str(value.reveal()) else {
            self.errors.note(
                key,
                format!("the value of {name} holds a line break or another character that a header cannot carry"),
            );
            return None;
        };
        let lower = known.as_str();
        let telling = ["auth", "cookie", "key", "token", "secret", "pass"];
        if telling.iter().any(|part| lower.contains(part)) {
            sent.set_sensitive(true);
            scrubber.add(value.reveal());
            // "Bearer abc": the token alone is a secret too.
            if let Some((_, secret)) = value.reveal().split_once(' ') {
                scrubber.add(secret.trim());
            }
        }
        Some((known, sent))
    }

    /// The header of the login, if one is asked for.
    pub(super) fn login(&mut self, scrubber: &mut Scrubber) -> Option<HeaderValue> {
        let s = self.settings;
        let header = s.headers.keys().any(|k| k.eq_ignore_ascii_case("authorization"));
        if header && (s.user.is_some() || s.bearer_file.is_some()) {
            self.errors.note("headers", "Authorization is given twice; leave it out of the headers");
        }
        let value = match (&s.user, &s.pass_file, &s.bearer_file) {
            (None, None, None) => return None,
            (Some(_), _, Some(_)) | (None, Some(_), Some(_)) => {
                self.errors.note("bearer_file", "give either bearer_file or user and pass_file");
                return None;
            }
            (Some(_), None, None) => {
                self.errors.note("user", "a user alone cannot log in; set pass_file, the file that holds the password");
                return None;
            }
            (None, Some(_), None) => {
                self.errors.note("pass_file", "a password needs a user; set user");
                return None;
            }
            (Some(user), Some(file), None) => {
                if user.contains(':') {
                    self.errors.note("user", "a user of the basic login cannot hold a colon");
                }
                let pass = self.errors.keep("pass_file", hidden::read_file(file))?;
                scrubber.add(pass.reveal());
                let coded = STANDARD.encode(format!("{user}:{}", pass.reveal()));
                scrubber.add(&coded);
                format!("Basic {coded}")
            }
            (None, None, Some(file)) => {
                let token = self.errors.keep("bearer_file", hidden::read_file(file))?;
                scrubber.add(token.reveal());
                format!("Bearer {}", token.reveal())
            }
        };
        let value = HeaderValue::from_str(&value)
            .map_err(|_| "the secret holds a character that a header cannot carry".to_owned());
        let mut value = self.errors.keep(if s.user.is_some() { "pass_file" } else { "bearer_file" }, value)?;
        value.set_sensitive(true);
        Some(value)
    }
}
