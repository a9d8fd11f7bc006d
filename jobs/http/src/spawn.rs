//! From tables to jobs: every problem of every table, each with its key.

use crate::connect::Family;
use crate::job::HttpJob;
use crate::json::JsonTest;
use crate::plan::{Condition, Plan, Redirects};
use crate::proxy::Proxy;
use crate::settings::Settings;
use crate::url::Url;
use checker_job::{SpawnError, Table, TableErrors, parse_duration};
use checker_parts::hidden::{Hidden, Scrubber};
use checker_parts::tls::{Trusts, server_name};
use hyper::body::Bytes;
use hyper::http::Method;
use hyper::http::header::AUTHORIZATION;
use regex_lite::Regex;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

const BODY_MAX: u64 = 1 << 20;
const BODY_MAX_LIMIT: u64 = 64 << 20;
const REDIRECTS_MAX: u8 = 5;

mod headers;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<HttpJob>, Vec<SpawnError>> {
    let mut trusts = Trusts::new(&[b"http/1.1"]);
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    let mut last: Option<(&Settings, Arc<Plan>)> = None;
    for (number, table) in tables.iter().enumerate() {
        let settings = &table.settings;
        let mut reader = Reader { settings, errors: TableErrors::new(number, &mut errors) };
        let urls = reader.urls();
        // Tables that differ in nothing but their URL are many: they share one plan.
        let plan = match &last {
            Some((same, plan)) if reader.errors.is_empty() && settings.asks_the_same(same) => plan.clone(),
            _ => Arc::new(reader.plan(&urls, &mut trusts)),
        };
        last = Some((settings, plan.clone()));
        let alone = urls.len() == 1;
        for url in urls {
            let (id, policy) = table.job(crate::KIND, &url.whole(), alone);
            jobs.push(HttpJob { id, policy, url, plan: plan.clone() });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// Reads one table. A wrong key is noted and replaced by its default, so that the others are read too.
struct Reader<'a> {
    settings: &'a Settings,
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    fn urls(&mut self) -> Vec<Url> {
        let texts = &self.settings.url.0;
        if texts.is_empty() {
            self.errors.note("url", "name at least one URL");
        }
        let read = |text: &String| {
            let url = Url::parse(text)?;
            if url.tls {
                server_name(url.host())?;
            }
            Ok(url)
        };
        self.errors.each("url", texts, read, Url::whole)
    }

    fn plan(&mut self, urls: &[Url], trusts: &mut Trusts) -> Plan {
        let settings = self.settings;
        let mut scrubber = Scrubber::default();
        let own_host = settings.headers.keys().any(|k| k.eq_ignore_ascii_case("host"));
        let (mut headers, public_headers) = self.headers(&mut scrubber);
        if let Some(login) = self.login(&mut scrubber) {
            headers.insert(AUTHORIZATION, login);
        }
        let (latency_warning, latency_critical) = self.latencies();
        let conditions = self.conditions();
        let (method, body) = self.method_and_body(&conditions, &mut scrubber);
        let (proxy, address, family) = self.way(urls);
        Plan {
            method,
            headers,
            public_headers,
            own_host,
            body,
            status: settings.status.clone().unwrap_or_default(),
            body_max: self.body_max(&conditions),
            conditions,
            latency_warning,
            latency_critical,
            redirects: self.redirects(),
            redirects_max: settings.redirects_max.unwrap_or(REDIRECTS_MAX),
            trust: trusts.of(&mut self.errors, settings.ca_file.as_ref()),
            proxy,
            address,
            family,
            scrubber,
        }
    }

    fn latencies(&mut self) -> (Option<Duration>, Option<Duration>) {
        let s = self.settings;
        let mut read = |key: &str, text: &Option<String>| {
            let text = text.as_ref()?;
            let positive = parse_duration(text).and_then(|d| {
                if d.is_zero() {
                    Err("must be longer than nothing; take the key out for no limit".to_owned())
                } else {
                    Ok(d)
                }
            });
            self.errors.keep(key, positive)
        };
        let warning = read("latency_warning", &s.latency_warning);
        let critical = read("latency_critical", &s.latency_critical);
        if let (Some(w), Some(c)) = (warning, critical)
            && w >= c
        {
            let message = "must be shorter than latency_critical, or nobody is ever warned; write less, or a longer latency_critical";
            self.errors.note("latency_warning", message);
        }
        (warning, critical)
    }

    fn conditions(&mut self) -> Vec<Condition> {
        let s = self.settings;
        let mut conditions = Vec::new();
        let texts = [("body_contains", &s.body_contains), ("body_not_contains", &s.body_not_contains)];
        for (key, list) in texts {
            for text in &list.0 {
                if text.is_empty() {
                    self.errors
                        .note(key, "an empty text is in every body; write what is looked for, or take the key out");
                }
                conditions.push(match key {
                    "body_contains" => Condition::Contains(text.clone()),
                    _ => Condition::NotContains(text.clone()),
                });
            }
        }
        for text in &s.body_matches.0 {
            let regex = Regex::new(text).map_err(|e| format!("{text:?} is no regular expression: {e}"));
            conditions.extend(self.errors.keep("body_matches", regex).map(Condition::Matches));
        }
        for text in &s.json.0 {
            let test = JsonTest::parse(text);
            conditions.extend(self.errors.keep("json", test).map(Condition::Json));
        }
        conditions
    }

    fn method_and_body(&mut self, conditions: &[Condition], scrubber: &mut Scrubber) -> (Method, Bytes) {
        let s = self.settings;
        let text = s.method.as_deref().unwrap_or("GET");
        let upper = text.to_ascii_uppercase();
        let method = Method::from_bytes(upper.as_bytes()).unwrap_or_default();
        if method == Method::CONNECT || method.as_str() != upper {
            self.errors
                .note("method", format!("{text:?} is no method to ask with; use GET, HEAD, POST, PUT or the like"));
        }
        if method == Method::HEAD && !conditions.is_empty() {
            self.errors.note("method", "an answer to HEAD has no body, so no condition on the body can hold; use GET");
        }
        let body = s.body.as_ref().map_or("", Hidden::reveal);
        if !body.is_empty() && matches!(method, Method::GET | Method::HEAD) {
            self.errors.note("body", format!("a body goes with POST, PUT or PATCH, not with {method}; set method"));
        }
        // A form that logs in holds a password. What is shorter is a word that may stand anywhere.
        if body.len() >= 8 {
            scrubber.add(body);
        }
        (method, Bytes::copy_from_slice(body.as_bytes()))
    }

    fn body_max(&mut self, conditions: &[Condition]) -> u64 {
        let max = self.settings.body_max.unwrap_or(BODY_MAX);
        if max > BODY_MAX_LIMIT {
            self.errors.note(
                "body_max",
                format!("at most {BODY_MAX_LIMIT} (64 MiB), because it is kept in memory; write a smaller number"),
            );
        }
        if max == 0 && !conditions.is_empty() {
            let message = format!(
                "with 0 no body is read, so no condition on the body can hold; take the key out, or write how many bytes are read, \
                 such as {BODY_MAX}"
            );
            self.errors.note("body_max", message);
        }
        max
    }

    fn redirects(&mut self) -> Redirects {
        match self.settings.redirects.as_deref() {
            None | Some("same_host") => Redirects::SameHost,
            Some("follow") => Redirects::Follow,
            Some("never") => Redirects::Never,
            Some(other) => {
                self.errors.note("redirects", format!("{other:?} is not known; use same_host, follow or never"));
                Redirects::SameHost
            }
        }
    }

    /// Proxy, fixed address and family.
    fn way(&mut self, urls: &[Url]) -> (Option<Proxy>, Option<IpAddr>, Family) {
        let s = self.settings;
        let proxy = s.proxy.as_ref().and_then(|text| self.errors.keep("proxy", Proxy::parse(text.reveal())));
        let address = s.address.as_ref().and_then(|text| {
            let read = text.trim_matches(['[', ']']).parse::<IpAddr>();
            let form = |_| format!("{text:?} is no IP address; the port comes from the URL");
            self.errors.keep("address", read.map_err(form))
        });
        let family = match s.ip.as_deref() {
            None | Some("any") => Family::Any,
            Some("4") => Family::V4,
            Some("6") => Family::V6,
            Some(other) => {
                self.errors.note("ip", format!("{other:?} is not known; use \"any\", \"4\" or \"6\""));
                Family::Any
            }
        };
        if s.address.is_some() && s.proxy.is_some() {
            self.errors.note("address", "with a proxy it is the proxy that connects; leave one of them out");
        }
        if s.address.is_some() && s.ip.is_some() {
            self.errors.note("ip", "address already says which; leave one of them out");
        }
        let literal = |url: &&Url| url.endpoint.literal().is_some_and(|a| !family.takes(a.ip()));
        if let Some(url) = urls.iter().find(literal)
            && s.proxy.is_none()
        {
            self.errors.note("ip", format!("{} is of the other family; take ip out", url.whole()));
        }
        (proxy, address, family)
    }
}

#[cfg(test)]
mod tests;
