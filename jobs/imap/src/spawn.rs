//! From tables to jobs: every problem of every table, each with its key.

use crate::judge::Limits;
use crate::{ImapJob, KIND, Settings};
use checker_job::{SpawnError, Table, parse_duration};
use checker_parts::hidden::read_file;
use checker_parts::mailbox::{ImapAccount, Password, Security};
use checker_parts::net::Endpoint;
use checker_parts::tls::{Trust, server_name};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The port at which TLS is begun by a command.
const IMAP: u16 = 143;

/// One `Trust` for each distinct CA file.
type Trusts = BTreeMap<Option<PathBuf>, Arc<Trust>>;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<ImapJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors, mut trusts) = (Vec::new(), Vec::new(), Trusts::new());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, number, errors: &mut errors };
        let (limits, security, trust) = (reader.limits(), reader.security(), reader.trust(&mut trusts));
        let (login, folder) = (reader.login(), reader.folder());
        let logs_in = login.is_some();
        let (user, pass) = login.unwrap_or_else(|| (String::new(), Password::new("")));
        let endpoints = reader.endpoints();
        for endpoint in &endpoints {
            let usual = if endpoint.port() == IMAP { Security::Starttls } else { Security::Tls };
            let security = security.unwrap_or(usual);
            reader.is_sound(endpoint, security, logs_in);
            // Who has several mailboxes on one server has a job for each, and for each folder of interest.
            let target = match (&table.settings.folder, logs_in) {
                (_, false) => endpoint.to_string(),
                (None, true) => format!("{user}@{endpoint}"),
                (Some(folder), true) => format!("{user}@{endpoint}/{folder}"),
            };
            let (id, policy) = table.job(KIND, &target, endpoints.len() == 1);
            let account = ImapAccount {
                host: endpoint.host().to_owned(),
                port: endpoint.port(),
                security,
                user: user.clone(),
                pass: pass.clone(),
                trust: trust.clone(),
            };
            jobs.push(ImapJob { id, policy, account, logs_in, folder: folder.clone(), limits });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
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

    fn endpoints(&mut self) -> Vec<Endpoint> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        if self.settings.address.is_empty() {
            self.note("address", "the list is empty; name at least one, as in \"imap.example.com:993\"");
        }
        for text in &self.settings.address {
            // Its words about a missing port show that of DNS.
            let endpoint = Endpoint::parse(text).map_err(|why| why.replace(":53\"", ":993\""));
            let Some(endpoint) = self.keep("address", endpoint) else { continue };
            if endpoints.contains(&endpoint) {
                self.note("address", format!("{endpoint} stands in the list twice; take one out"));
            } else {
                endpoints.push(endpoint);
            }
        }
        endpoints
    }

    fn is_sound(&mut self, endpoint: &Endpoint, security: Security, logs_in: bool) {
        let here = endpoint.literal().map_or(endpoint.host() == "localhost", |a| a.ip().is_loopback());
        if security != Security::Plain {
            self.keep("address", server_name(endpoint.host()));
        } else if !here && logs_in {
            self.note("security", "a password is never sent without TLS, except to this host itself (127.0.0.1)");
        } else if !here {
            self.note(
                "security",
                "without TLS only this host itself is asked (127.0.0.1); for a port, use the kind tcp",
            );
        }
    }

    fn security(&mut self) -> Option<Security> {
        match self.settings.security.as_deref()? {
            "tls" => Some(Security::Tls),
            "starttls" => Some(Security::Starttls),
            "none" => Some(Security::Plain),
            other => {
                self.note("security", format!("{other:?} is not known; use \"tls\", \"starttls\" or \"none\""));
                None
            }
        }
    }

    fn trust(&mut self, trusts: &mut Trusts) -> Arc<Trust> {
        let file = &self.settings.ca_file;
        if file.is_some() && self.settings.security.as_deref() == Some("none") {
            self.note("ca_file", "it is of no use without TLS; take it out, or `security = \"none\"`");
        }
        if let Some(trust) = trusts.get(file) {
            return trust.clone();
        }
        let trust = file.as_ref().and_then(|path| self.keep("ca_file", Trust::with_ca_file(path, &[])));
        let trust = Arc::new(trust.unwrap_or_else(|| Trust::system(&[])));
        trusts.insert(file.clone(), trust.clone());
        trust
    }

    fn login(&mut self) -> Option<(String, Password)> {
        let settings = self.settings;
        let (user, file) = match (&settings.user, &settings.pass_file) {
            (Some(user), Some(file)) => (user, file),
            (Some(_), None) => {
                self.note("user", "a user needs pass_file, the file that holds the password");
                return None;
            }
            (None, Some(_)) => {
                self.note("pass_file", "a password needs user");
                return None;
            }
            (None, None) => {
                let of_folders = [
                    ("folder", settings.folder.is_some()),
                    ("age_warning", settings.age_warning.is_some()),
                    ("age_critical", settings.age_critical.is_some()),
                    ("messages_warning", settings.messages_warning.is_some()),
                    ("messages_critical", settings.messages_critical.is_some()),
                ];
                for (key, _) in of_folders.into_iter().filter(|(_, is_set)| *is_set) {
                    self.note(key, "only a user sees a folder; set user and pass_file");
                }
                return None;
            }
        };
        if user.is_empty() || user.chars().any(char::is_control) {
            self.note("user", "it is empty, or holds a control character");
        }
        let pass = self.keep("pass_file", read_file(file))?;
        Some((user.clone(), Password::new(pass.reveal())))
    }

    fn folder(&mut self) -> String {
        let folder = self.settings.folder.as_deref().unwrap_or("INBOX");
        if folder.is_empty() || folder.chars().any(char::is_control) {
            self.note("folder", "it is empty, or holds a control character; leave it out for the inbox");
        }
        folder.to_owned()
    }

    fn limits(&mut self) -> Limits {
        let settings = self.settings;
        let limits = Limits {
            age_warning: self.age("age_warning", settings.age_warning.as_deref()),
            age_critical: self.age("age_critical", settings.age_critical.as_deref()),
            messages_warning: settings.messages_warning,
            messages_critical: settings.messages_critical,
        };
        if limits.age_warning.zip(limits.age_critical).is_some_and(|(warning, critical)| critical <= warning) {
            self.note("age_critical", "it must be longer than age_warning, or nobody is ever warned");
        }
        if limits.messages_warning.zip(limits.messages_critical).is_some_and(|(warning, critical)| critical <= warning)
        {
            self.note("messages_critical", "it must be more than messages_warning, or nobody is ever warned");
        }
        limits
    }

    fn age(&mut self, key: &'static str, text: Option<&str>) -> Option<Duration> {
        let age = self.keep(key, parse_duration(text?))?;
        if age.is_zero() {
            self.note(key, "no message is that new; write a time such as \"26h\"");
        }
        Some(age)
    }
}
