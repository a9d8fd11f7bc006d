//! From tables to jobs: every problem of every table, each with its key.

use crate::certificate::Certificate;
use crate::plan::{Left, Plan};
use crate::{KIND, Settings, TlsJob};
use checker_job::{SpawnError, Table, parse_duration};
use checker_parts::net::Endpoint;
use checker_parts::starttls::Protocol;
use checker_parts::tls::{ClientIdentity, Trust, inspecting, server_name};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

const WARNING: [&str; 2] = ["21d", "25%"];
const CRITICAL: [&str; 2] = ["7d", "10%"];
const JUDGED: [&str; 3] = ["expiry", "chain", "host"];

/// One `Trust` for each distinct CA file.
type Trusts = BTreeMap<Option<PathBuf>, Arc<Trust>>;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<TlsJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors, mut trusts) = (Vec::new(), Vec::new(), Trusts::new());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, number, errors: &mut errors };
        let common = reader.common(&mut trusts);
        let endpoints = reader.endpoints();
        let alone = endpoints.len() == 1;
        for endpoint in endpoints {
            let Some(plan) = reader.plan(&common, &endpoint) else { continue };
            let (id, policy) = table.job(KIND, endpoint.as_str(), alone);
            jobs.push(TlsJob { id, policy, endpoint, plan: Arc::new(plan) });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// What all jobs of a table have in common.
struct Common {
    starttls: Option<Protocol>,
    warning: Left,
    critical: Left,
    judged: Vec<String>,
    trust: Arc<Trust>,
    client: Option<(Certificate, ClientIdentity)>,
}

/// Reads one table. A wrong key is noted and replaced by its default, so that the others are read too.
struct Reader<'a> {
    settings: &'a Settings,
    number: usize,
    errors: &'a mut Vec<SpawnError>,
}

impl Reader<'_> {
    fn note(&mut self, key: &str, message: impl Into<String>) {
        self.errors.push(SpawnError::key(self.number, key, message));
    }

    fn keep<T>(&mut self, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|why| self.note(key, why)).ok()
    }

    fn common(&mut self, trusts: &mut Trusts) -> Common {
        let (warning, critical) = (self.left("warning"), self.left("critical"));
        let is_less = |a: Option<u128>, b: Option<u128>| a.zip(b).is_some_and(|(a, b)| a <= b);
        if is_less(warning.time.map(|t| t.as_micros()), critical.time.map(|t| t.as_micros()))
            || is_less(warning.part.map(u128::from), critical.part.map(u128::from))
        {
            self.note("warning", "it must be more than `critical`, or nobody is ever warned");
        }
        Common {
            starttls: self.starttls(),
            warning,
            critical,
            judged: self.judged(),
            trust: self.trust(trusts),
            client: self.client(),
        }
    }

    fn endpoints(&mut self) -> Vec<Endpoint> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        if self.settings.address.is_empty() {
            self.note("address", "the list is empty; name at least one, as in \"www.example.com:443\"");
        }
        for text in &self.settings.address {
            let Some(endpoint) = self.keep("address", Endpoint::parse(text)) else { continue };
            if endpoints.contains(&endpoint) {
                self.note("address", format!("{endpoint} stands in the list twice; take one out"));
            } else {
                endpoints.push(endpoint);
            }
        }
        endpoints
    }

    fn plan(&mut self, common: &Common, endpoint: &Endpoint) -> Option<Plan> {
        let (key, host) = match &self.settings.server_name {
            Some(name) => ("server_name", name.as_str()),
            None => ("address", endpoint.host()),
        };
        let name = self.keep(key, server_name(host).map_err(|why| format!("{why}; set server_name")))?;
        let identity = common.client.as_ref().map(|(_, identity)| identity);
        let config = self.keep("client_certificate", inspecting(identity))?;
        let is_judged = |what: &str| common.judged.iter().any(|j| j == what);
        Some(Plan {
            server_name: name,
            host_name: host.to_owned(),
            starttls: common.starttls,
            warning: common.warning,
            critical: common.critical,
            expiry: is_judged("expiry"),
            chain: is_judged("chain"),
            host: is_judged("host"),
            trust: common.trust.clone(),
            config,
            client: common.client.as_ref().map(|(certificate, _)| certificate.clone()),
        })
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
                let Some(part) = self.keep(key, part) else { continue };
                left.part.replace(part).is_some()
            } else {
                let time = parse_duration(text).map_err(|why| format!("{why}; or a part of the life, as in \"25%\""));
                let Some(time) = self.keep(key, time) else { continue };
                left.time.replace(time).is_some()
            };
            if twice {
                self.note(key, format!("{text:?} is one too many: give one time, one part, or one of each"));
            }
        }
        left
    }

    fn starttls(&mut self) -> Option<Protocol> {
        let word = self.settings.starttls.as_deref()?;
        let known = Protocol::ALL.map(|p| format!("\"{}\"", p.word())).join(", ");
        let protocol = Protocol::of(word).ok_or_else(|| format!("{word:?} is not known; use one of {known}"));
        self.keep("starttls", protocol)
    }

    fn judged(&mut self) -> Vec<String> {
        let Some(given) = &self.settings.judge else { return JUDGED.map(str::to_owned).to_vec() };
        if given.is_empty() {
            self.note("judge", "then nothing is judged; leave the key out");
        }
        for word in given {
            if !JUDGED.contains(&word.as_str()) {
                self.note("judge", format!("{word:?} is not known; use some of \"expiry\", \"chain\", \"host\""));
            }
        }
        given.iter().cloned().collect()
    }

    fn trust(&mut self, trusts: &mut Trusts) -> Arc<Trust> {
        let file = &self.settings.ca_file;
        if let Some(trust) = trusts.get(file) {
            return trust.clone();
        }
        let trust = file.as_ref().and_then(|path| self.keep("ca_file", Trust::with_ca_file(path, &[])));
        let trust = Arc::new(trust.unwrap_or_else(|| Trust::system(&[])));
        trusts.insert(file.clone(), trust.clone());
        trust
    }

    fn client(&mut self) -> Option<(Certificate, ClientIdentity)> {
        let (certificate, key) = match (&self.settings.client_certificate, &self.settings.client_key) {
            (None, None) => return None,
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => {
                self.note("client_certificate", "its key is missing; set client_key to the PEM file of it");
                return None;
            }
            (None, Some(_)) => {
                self.note("client_key", "its certificate is missing; set client_certificate to the PEM file of it");
                return None;
            }
        };
        let identity = ClientIdentity::read(certificate, key).map_err(|(is_key, why)| {
            self.note(if is_key { "client_key" } else { "client_certificate" }, why);
        });
        let identity = identity.ok()?;
        let read = Certificate::read(identity.certificate()).map_err(|why| format!("{}: {why}", certificate.display()));
        self.keep("client_certificate", read).map(|certificate| (certificate, identity))
    }
}
