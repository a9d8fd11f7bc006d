//! From tables to jobs: every problem of every table, each with its key.

use crate::judge::Limits;
use crate::{ImapJob, KIND, Settings};
use checker_job::{SpawnError, Table, TableErrors, parse_duration};
use checker_parts::hidden::login;
use checker_parts::mailbox::{ImapAccount, Password, Security};
use checker_parts::net::{Endpoint, endpoints};
use checker_parts::tls::{Trust, Trusts, server_name};
use std::sync::Arc;
use std::time::Duration;

/// The port at which TLS is begun by a command.
const IMAP: u16 = 143;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<ImapJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors, mut trusts) = (Vec::new(), Vec::new(), Trusts::new(&[]));
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(number, &mut errors) };
        let (limits, security, trust) = (reader.limits(), reader.security(), reader.trust(&mut trusts));
        let (login, folder) = (reader.login(), reader.folder());
        let logs_in = login.is_some();
        let (user, pass) = login.unwrap_or_else(|| (String::new(), Password::new("")));
        let endpoints = endpoints(&mut reader.errors, &table.settings.address, "imap.example.com:993");
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
                by: pass.clone().into(),
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
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    fn is_sound(&mut self, endpoint: &Endpoint, security: Security, logs_in: bool) {
        let here = endpoint.literal().map_or(endpoint.host() == "localhost", |a| a.ip().is_loopback());
        if security != Security::Plain {
            self.errors.keep("address", server_name(endpoint.host()));
        } else if !here && logs_in {
            self.errors
                .note("security", "a password is never sent without TLS, except to this host itself (127.0.0.1)");
        } else if !here {
            self.errors.note(
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
                self.errors.note("security", format!("{other:?} is not known; use \"tls\", \"starttls\" or \"none\""));
                None
            }
        }
    }

    fn trust(&mut self, trusts: &mut Trusts) -> Arc<Trust> {
        let file = self.settings.ca_file.as_ref();
        if file.is_some() && self.settings.security.as_deref() == Some("none") {
            self.errors.note("ca_file", "it is of no use without TLS; take it out, or `security = \"none\"`");
        }
        trusts.of(&mut self.errors, file)
    }

    fn login(&mut self) -> Option<(String, Password)> {
        let settings = self.settings;
        if settings.user.is_none() && settings.pass_file.is_none() {
            let of_folders = [
                ("folder", settings.folder.is_some()),
                ("age_warning", settings.age_warning.is_some()),
                ("age_critical", settings.age_critical.is_some()),
                ("messages_warning", settings.messages_warning.is_some()),
                ("messages_critical", settings.messages_critical.is_some()),
            ];
            for (key, _) in of_folders.into_iter().filter(|(_, is_set)| *is_set) {
                self.errors.note(key, "only a user sees a folder; set user and pass_file");
            }
        }
        let (user, pass) = login(&mut self.errors, settings.user.as_deref(), settings.pass_file.as_deref())?;
        Some((user, Password::new(pass.reveal())))
    }

    fn folder(&mut self) -> String {
        let folder = self.settings.folder.as_deref().unwrap_or("INBOX");
        if folder.is_empty() || folder.chars().any(char::is_control) {
            self.errors.note("folder", "it is empty, or holds a control character; leave it out for the inbox");
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
            self.errors.note("age_critical", "it must be longer than age_warning, or nobody is ever warned");
        }
        if limits.messages_warning.zip(limits.messages_critical).is_some_and(|(warning, critical)| critical <= warning)
        {
            self.errors.note("messages_critical", "it must be more than messages_warning, or nobody is ever warned");
        }
        limits
    }

    fn age(&mut self, key: &'static str, text: Option<&str>) -> Option<Duration> {
        let age = self.errors.keep(key, parse_duration(text?))?;
        if age.is_zero() {
            self.errors.note(key, "no message is that new; write a time such as \"26h\"");
        }
        Some(age)
    }
}
