//! From tables to jobs: every problem of every table, each with its key.

use crate::address::Address;
use crate::judge::Limits;
use crate::registry::{LIST, Registry};
use crate::{DomainJob, Settings, Spawner};
use checker_job::{JobSpawner, SpawnError, Table, TableErrors, duration_words, parse_duration};
use checker_parts::tls::Trust;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const WARNING: Duration = Duration::from_secs(30 * 86_400);
const CRITICAL: Duration = Duration::from_secs(7 * 86_400);

/// One for each distinct CA file.
type Registries = BTreeMap<Option<PathBuf>, Arc<Registry>>;

/// Makes the jobs of all tables, with IANA's list.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<DomainJob>, Vec<SpawnError>> {
    match Address::parse(LIST) {
        Ok(list) => with_list(tables, &list),
        Err(why) => Err(vec![SpawnError::table(0, why)]),
    }
}

/// The same with another list.
pub(crate) fn with_list(tables: &[Table<Settings>], list: &Address) -> Result<Vec<DomainJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors, mut registries) = (Vec::new(), Vec::new(), Registries::new());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(number, &mut errors) };
        let limits = reader.limits();
        let server = reader.server();
        let registry = reader.registry(&mut registries, list);
        let domains = reader.domains();
        let alone = domains.len() == 1;
        for domain in domains {
            let (id, policy) = table.job(Spawner::KIND, &domain, alone);
            let (server, registry) = (server.clone(), Arc::clone(&registry));
            jobs.push(DomainJob { id, policy, domain, limits, server, registry });
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
    fn domains(&mut self) -> Vec<String> {
        if self.settings.domain.is_empty() {
            self.errors.note("domain", "the list is empty; name at least one, as in \"example.com\"");
        }
        self.errors.each("domain", &self.settings.domain, |text| domain(text), String::clone)
    }

    fn limits(&mut self) -> Limits {
        let settings = self.settings;
        let read = |text: &Option<String>| text.as_deref().map(parse_duration);
        let warning = read(&settings.warning).and_then(|time| self.errors.keep("warning", time)).unwrap_or(WARNING);
        let critical = read(&settings.critical).and_then(|time| self.errors.keep("critical", time)).unwrap_or(CRITICAL);
        if critical >= warning {
            // The key that somebody wrote is the one to mend.
            let (key, word, other, time, given) = match &settings.critical {
                Some(_) => ("critical", "less", "warning", warning, &settings.warning),
                None => ("warning", "more", "critical", critical, &settings.critical),
            };
            let usual = if given.is_some() { "" } else { " by default" };
            let time = duration_words(time);
            let message =
                format!("it must be {word} than `{other}`, which is {time}{usual}, or nobody is ever warned; set both");
            self.errors.note(key, message);
        }
        Limits { warning, critical }
    }

    fn server(&mut self) -> Option<Address> {
        let text = self.settings.server.as_deref()?;
        if text.contains(['?', '#']) {
            self.errors.note(
                "server",
                "\"domain/NAME\" is added to it, so it can have nothing from ? or # on; leave that out",
            );
        }
        self.errors.keep("server", Address::parse(text.trim()))
    }

    fn registry(&mut self, registries: &mut Registries, list: &Address) -> Arc<Registry> {
        let file = &self.settings.ca_file;
        if let Some(registry) = registries.get(file) {
            return Arc::clone(registry);
        }
        let own = file.as_ref().and_then(|path| self.errors.keep("ca_file", Trust::with_ca_file(path, &[b"http/1.1"])));
        let trust = own.unwrap_or_else(|| Trust::system(&[b"http/1.1"]));
        let registry = Arc::new(Registry::new(trust, list.clone()));
        registries.insert(file.clone(), Arc::clone(&registry));
        registry
    }
}

/// A domain in the form of DNS, in lower case.
fn domain(text: &str) -> Result<String, String> {
    let bare = text.trim().trim_end_matches('.').to_ascii_lowercase();
    if bare.is_empty() {
        return Err("it is empty; name a domain, as in \"example.com\"".to_owned());
    }
    if bare.contains("://") || bare.contains('/') {
        return Err(format!("{text:?} is an address; write the domain alone, as in \"example.com\""));
    }
    if !bare.is_ascii() {
        return Err(format!(
            "{text:?} has letters that DNS does not know; write it in their place as \"xn--...\", which `idn {bare}` says"
        ));
    }
    let sound = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    if bare.len() > 253 || !bare.split('.').all(sound) {
        return Err(format!("{text:?} is no domain; write it as \"example.com\""));
    }
    if !bare.contains('.') {
        return Err(format!("{text:?} is a single word; write the whole domain, as in \"{bare}.com\""));
    }
    Ok(bare)
}
