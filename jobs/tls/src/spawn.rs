//! From tables to jobs: every problem of every table, each with its key.

use crate::certificate::Certificate;
use crate::plan::{Host, Left, Plan};
use crate::{KIND, Settings, TlsJob};
use checker_job::{SpawnError, Table, TableErrors, parse_duration};
use checker_parts::net::{Endpoint, endpoints};
use checker_parts::starttls::Protocol;
use checker_parts::tls::{ClientIdentity, Trust, inspecting, server_name};
use rustls::ClientConfig;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

const WARNING: [&str; 2] = ["21d", "25%"];
const CRITICAL: [&str; 2] = ["7d", "10%"];
const JUDGED: [&str; 3] = ["expiry", "chain", "host"];

/// Whom a CA file makes us trust, and its certificates.
type Authorities = (Arc<Trust>, Arc<[Certificate]>);

/// What tables share.
#[derive(Default)]
struct Shared {
    /// For each distinct CA file.
    authorities: BTreeMap<Option<PathBuf>, Authorities>,
    /// For handshakes without a certificate of ours.
    config: Option<Arc<ClientConfig>>,
}

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<TlsJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors, mut shared) = (Vec::new(), Vec::new(), Shared::default());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(number, &mut errors) };
        let plan = reader.plan(&mut shared).map(Arc::new);
        let endpoints = endpoints(&mut reader.errors, &table.settings.address, "www.example.com:443");
        let alone = endpoints.len() == 1;
        for endpoint in endpoints {
            let (Some(host), Some(plan)) = (reader.host(&endpoint), plan.clone()) else { continue };
            let (id, policy) = table.job(KIND, endpoint.as_str(), alone);
            jobs.push(TlsJob { id, policy, endpoint, host, plan });
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
    fn plan(&mut self, shared: &mut Shared) -> Option<Plan> {
        let (warning, critical) = self.limits();
        let judged = self.judged();
        let is_judged = |what: &str| judged.iter().any(|j| j == what);
        let (trust, anchors) = self.authorities(shared);
        let client = self.client();
        let starttls = self.starttls();
        let (config, client) = match client {
            Some((certificate, identity)) => {
                (self.errors.keep("client_certificate", inspecting(Some(&identity)))?, Some(certificate))
            }
            None => (self.plain(shared)?, None),
        };
        let (expiry, chain, host) = (is_judged("expiry"), is_judged("chain"), is_judged("host"));
        Some(Plan { starttls, warning, critical, expiry, chain, host, trust, anchors, config, client })
    }

    fn plain(&mut self, shared: &mut Shared) -> Option<Arc<ClientConfig>> {
        if shared.config.is_none() {
            shared.config = self.errors.keep("address", inspecting(None));
        }
        shared.config.clone()
    }

    fn limits(&mut self) -> (Left, Left) {
        let (warning, critical) = (self.left("warning"), self.left("critical"));
        let is_less = |a: Option<u128>, b: Option<u128>| a.zip(b).is_some_and(|(a, b)| a <= b);
        if is_less(warning.time.map(|t| t.as_micros()), critical.time.map(|t| t.as_micros()))
            || is_less(warning.part.map(u128::from), critical.part.map(u128::from))
        {
            // The key that somebody wrote is the one to mend.
            if self.settings.warning.is_empty() {
                let usual = format!("{:?} and {:?}", WARNING[0], WARNING[1]);
                self.errors.note("critical", format!("it must be less than `warning`, which is {usual}; set that too"));
            } else {
                let usual = format!("{:?} and {:?}", CRITICAL[0], CRITICAL[1]);
                let usual =
                    if self.settings.critical.is_empty() { format!(", which is {usual}") } else { String::new() };
                self.errors
                    .note("warning", format!("it must be more than `critical`{usual}, or nobody is ever warned"));
            }
        }
        (warning, critical)
    }

    fn host(&mut self, endpoint: &Endpoint) -> Option<Host> {
        let (key, shown) = match &self.settings.server_name {
            Some(name) => ("server_name", name.as_str()),
            None => ("address", endpoint.host()),
        };
        let name = self.errors.keep(
            key,
            server_name(shown).map_err(|why| match key {
                "address" => format!("{why}; set server_name"),
                _ => format!("{why}; write a host's name, as in \"www.example.com\""),
            }),
        )?;
        Some(Host { name, shown: shown.to_owned() })
    }

    fn left(&mut self, key: &'static str) -> Left {
        let (given, usual) = match key {
            "warning" => (&self.settings.warning, WARNING),
            _ => (&self.settings.critical, CRITICAL),
        };
        let texts: Vec<String> =
            if given.is_empty() { usual.map(str::to_owned).to_vec() } else { given.iter().cloned().collect() };
        let mut left = Left::default();
        for text in &texts {
            let twice = if let Some(percent) = text.strip_suffix('%') {
                let part = percent.trim().parse::<u32>().ok().filter(|p| (1..100).contains(p));
                let part = part.ok_or_else(|| format!("{text:?} is no part; write a whole number from 1% to 99%"));
                let Some(part) = self.errors.keep(key, part) else { continue };
                left.part.replace(part).is_some()
            } else {
                let time = parse_duration(text).map_err(|why| format!("{why}; or a part of the life, as in \"25%\""));
                let Some(time) = self.errors.keep(key, time) else { continue };
                left.time.replace(time).is_some()
            };
            if twice {
                self.errors.note(key, format!("{text:?} is one too many: give one time, one part, or one of each"));
            }
        }
        left
    }

    fn starttls(&mut self) -> Option<Protocol> {
        let word = self.settings.starttls.as_deref()?;
        let known = Protocol::ALL.map(|p| format!("\"{}\"", p.word())).join(", ");
        let protocol = Protocol::of(word).ok_or_else(|| format!("{word:?} is not known; use one of {known}"));
        self.errors.keep("starttls", protocol)
    }

    fn judged(&mut self) -> Vec<String> {
        let Some(given) = &self.settings.judge else { return JUDGED.map(str::to_owned).to_vec() };
        if given.is_empty() {
            self.errors.note("judge", "then nothing is judged; leave the key out");
        }
        for word in given {
            if !JUDGED.contains(&word.as_str()) {
                self.errors
                    .note("judge", format!("{word:?} is not known; use some of \"expiry\", \"chain\", \"host\""));
            }
        }
        given.iter().cloned().collect()
    }

    fn authorities(&mut self, shared: &mut Shared) -> Authorities {
        let file = &self.settings.ca_file;
        if let Some(known) = shared.authorities.get(file) {
            return known.clone();
        }
        let trust = file.as_ref().and_then(|path| self.errors.keep("ca_file", Trust::with_ca_file(path, &[])));
        let trust = trust.unwrap_or_else(|| Trust::system(&[]));
        // One that cannot be read here can still be trusted; only its end is not seen.
        let anchors = trust.own().iter().filter_map(|der| Certificate::read(der).ok()).collect();
        let authorities = (Arc::new(trust), anchors);
        shared.authorities.insert(file.clone(), authorities.clone());
        authorities
    }

    fn client(&mut self) -> Option<(Certificate, ClientIdentity)> {
        let (certificate, key) = match (&self.settings.client_certificate, &self.settings.client_key) {
            (None, None) => return None,
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => {
                self.errors.note("client_certificate", "its key is missing; set client_key to the PEM file of it");
                return None;
            }
            (None, Some(_)) => {
                self.errors
                    .note("client_key", "its certificate is missing; set client_certificate to the PEM file of it");
                return None;
            }
        };
        let identity = ClientIdentity::read(certificate, key).map_err(|(is_key, why)| {
            self.errors.note(if is_key { "client_key" } else { "client_certificate" }, why);
        });
        let identity = identity.ok()?;
        let read = Certificate::read(identity.certificate()).map_err(|why| format!("{}: {why}", certificate.display()));
        self.errors.keep("client_certificate", read).map(|certificate| (certificate, identity))
    }
}
