//! From tables to jobs: every problem of every table, each with its key.

use crate::pins::{self, Pins};
use crate::{KIND, Settings, SshJob, known_hosts};
use checker_job::{SpawnError, Table, TableErrors};
use checker_parts::net::{Endpoint, endpoints};
use checker_parts::one_or_many::OneOrMany;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<SshJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(number, &mut errors) };
        let software = reader.software();
        let given = reader.given();
        let known = reader.known_hosts();
        let endpoints = endpoints(&mut reader.errors, &table.settings.address, "ns.example.com:22");
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
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    fn software(&mut self) -> Option<String> {
        let software = self.settings.software.clone()?;
        if software.trim().is_empty() {
            self.errors.note("software", "it is empty; leave the key out");
        }
        Some(software)
    }

    fn given(&mut self) -> Pins {
        let mut pins = Pins::default();
        let settings = self.settings;
        let given = settings.host_key.as_ref();
        if given.is_some_and(OneOrMany::is_empty) {
            self.errors.note("host_key", "the list is empty, and any key would do; name one, or leave the key out");
        }
        let keys = given.into_iter().flatten();
        pins.good = self.errors.each("host_key", keys, |text| pins::read(text), |pin| pin.fingerprint.clone());
        pins
    }

    fn known_hosts(&mut self) -> Option<String> {
        let path = self.settings.known_hosts.as_ref()?;
        if self.settings.host_key.is_some() {
            self.errors.note("known_hosts", "host_key is set as well; take one of both out");
            return None;
        }
        self.errors.keep("known_hosts", known_hosts::read(path))
    }

    fn known(&mut self, text: &str, endpoint: &Endpoint) -> Pins {
        let path = self.settings.known_hosts.as_deref().unwrap_or_else(|| "known_hosts".as_ref());
        let found = known_hosts::pins(text, endpoint).map_err(|why| format!("{}: {why}", path.display()));
        self.errors.keep("known_hosts", found).unwrap_or_default()
    }
}
