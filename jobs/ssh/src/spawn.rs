//! From tables to jobs: every problem of every table, each with its key.

use crate::pins::{self, Pins};
use crate::{KIND, Settings, SshJob, known_hosts};
use checker_job::{SpawnError, Table};
use checker_parts::net::Endpoint;
use checker_parts::one_or_many::OneOrMany;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<SshJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, number, errors: &mut errors };
        let software = reader.software();
        let given = reader.given();
        let known = reader.known_hosts();
        let endpoints = reader.endpoints();
        let alone = endpoints.len() == 1;
        for endpoint in endpoints {
            let pins = match &known {
                Some(text) => reader.known(text, &endpoint),
                None => given.clone(),
            };
            let (id, policy) = table.job(KIND, endpoint.as_str(), alone);
            jobs.push(SshJob { id, policy, endpoint, pins, software: software.clone() });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// Reads one table. A wrong key is noted and left out, so that the others are read too.
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

    fn endpoints(&mut self) -> Vec<Endpoint> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        if self.settings.address.is_empty() {
            self.note("address", "the list is empty; name at least one, as in \"ns.example.com:22\"");
        }
        for text in &self.settings.address {
            // Its words about a missing port show that of DNS.
            let endpoint = Endpoint::parse(text).map_err(|why| why.replace(":53\"", ":22\""));
            let Some(endpoint) = self.keep("address", endpoint) else { continue };
            if endpoints.contains(&endpoint) {
                self.note("address", format!("{endpoint} stands in the list twice; take one out"));
            } else {
                endpoints.push(endpoint);
            }
        }
        endpoints
    }

    fn software(&mut self) -> Option<String> {
        let software = self.settings.software.clone()?;
        if software.trim().is_empty() {
            self.note("software", "it is empty; leave the key out");
        }
        Some(software)
    }

    fn given(&mut self) -> Pins {
        let mut pins = Pins::default();
        let settings = self.settings;
        let given = settings.host_key.as_ref();
        if given.is_some_and(OneOrMany::is_empty) {
            self.note("host_key", "the list is empty, and any key would do; name one, or leave the key out");
        }
        for text in given.into_iter().flatten() {
            let Some(pin) = self.keep("host_key", pins::read(text)) else { continue };
            if pins.good.iter().any(|known| known.fingerprint == pin.fingerprint) {
                self.note("host_key", format!("{} stands in the list twice; take one out", pin.fingerprint));
            } else {
                pins.good.push(pin);
            }
        }
        pins
    }

    fn known_hosts(&mut self) -> Option<String> {
        let path = self.settings.known_hosts.as_ref()?;
        if self.settings.host_key.is_some() {
            self.note("known_hosts", "host_key is set as well; take one of both out");
            return None;
        }
        self.keep("known_hosts", known_hosts::read(path))
    }

    fn known(&mut self, text: &str, endpoint: &Endpoint) -> Pins {
        let path = self.settings.known_hosts.as_deref().unwrap_or_else(|| "known_hosts".as_ref());
        let found = known_hosts::pins(text, endpoint).map_err(|why| format!("{}: {why}", path.display()));
        self.keep("known_hosts", found).unwrap_or_default()
    }
}
