//! From tables to jobs: every problem of every table, each with its key.

use crate::plan::{Login, Plan, Security};
use crate::{KIND, Settings, SmtpJob};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker_job::{SpawnError, Table};
use checker_parts::hidden::{Scrubber, read_file};
use checker_parts::net::Endpoint;
use checker_parts::one_or_many::OneOrMany;
use checker_parts::tls::{Trust, server_name};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// More of them are a mailing list.
const ADDRESSES_MAX: usize = 20;
/// RFC 8314.
const SUBMISSIONS: u16 = 465;

/// One `Trust` for each distinct CA file.
type Trusts = BTreeMap<Option<PathBuf>, Arc<Trust>>;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<SmtpJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors, mut trusts) = (Vec::new(), Vec::new(), Trusts::new());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, number, errors: &mut errors };
        let common = reader.common(&mut trusts);
        let endpoints = reader.endpoints();
        let alone = endpoints.len() == 1;
        for endpoint in endpoints {
            let Some(plan) = reader.plan(&common, &endpoint) else { continue };
            let (id, policy) = table.job(KIND, endpoint.as_str(), alone);
            jobs.push(SmtpJob { id, policy, endpoint, plan: Arc::new(plan) });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// What all jobs of a table have in common.
struct Common {
    security: Option<Security>,
    trust: Arc<Trust>,
    login: Option<Login>,
    scrubber: Scrubber,
    mail_from: String,
    rcpt_to: Vec<String>,
    expect_refused: Vec<String>,
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
        let settings = self.settings;
        let security = self.security();
        let mut scrubber = Scrubber::default();
        let login = self.login(&mut scrubber);
        if settings.user.is_some() && security == Some(Security::None) {
            self.note("user", "a password is never sent without TLS; take the login out, or `security = \"none\"`");
        }
        if security == Some(Security::None) {
            let of_tls = [("server_name", settings.server_name.is_some()), ("ca_file", settings.ca_file.is_some())];
            for (key, _) in of_tls.into_iter().filter(|(_, is_set)| *is_set) {
                self.note(key, "it is of no use without TLS; take it out, or `security = \"none\"`");
            }
        }
        if settings.user.is_some() && !settings.expect_refused.is_empty() {
            let message = "a server relays for those who are logged in; make a table of its own for this, without user";
            self.note("expect_refused", message);
        }
        let mail_from = match settings.mail_from.as_deref() {
            None | Some("" | "<>") => String::new(),
            Some(from) => self.keep("mail_from", address(from)).unwrap_or_default(),
        };
        if settings.mail_from.is_some() && settings.rcpt_to.is_empty() && settings.expect_refused.is_empty() {
            self.note("mail_from", "it is of no use without rcpt_to or expect_refused");
        }
        let rcpt_to = self.addresses("rcpt_to", &settings.rcpt_to);
        let expect_refused = self.addresses("expect_refused", &settings.expect_refused);
        for both in expect_refused.iter().filter(|address| rcpt_to.contains(address)) {
            self.note(
                "expect_refused",
                format!("{both} stands in rcpt_to too; mail for it cannot be taken and refused"),
            );
        }
        Common { security, trust: self.trust(trusts), login, scrubber, mail_from, rcpt_to, expect_refused }
    }

    fn endpoints(&mut self) -> Vec<Endpoint> {
        let mut endpoints: Vec<Endpoint> = Vec::new();
        if self.settings.address.is_empty() {
            self.note("address", "the list is empty; name at least one, as in \"mail.example.com:587\"");
        }
        for text in &self.settings.address {
            // Its words about a missing port show that of DNS.
            let endpoint = Endpoint::parse(text).map_err(|why| why.replace(":53\"", ":587\""));
            let Some(endpoint) = self.keep("address", endpoint) else { continue };
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
        let usual = if endpoint.port() == SUBMISSIONS { Security::Tls } else { Security::Starttls };
        Some(Plan {
            security: common.security.unwrap_or(usual),
            server_name: name,
            host_name: host.to_owned(),
            trust: common.trust.clone(),
            login: common.login.clone(),
            mail_from: common.mail_from.clone(),
            rcpt_to: common.rcpt_to.clone(),
            expect_refused: common.expect_refused.clone(),
            scrubber: common.scrubber.clone(),
        })
    }

    fn security(&mut self) -> Option<Security> {
        match self.settings.security.as_deref()? {
            "starttls" => Some(Security::Starttls),
            "tls" => Some(Security::Tls),
            "none" => Some(Security::None),
            other => {
                self.note("security", format!("{other:?} is not known; use \"starttls\", \"tls\" or \"none\""));
                None
            }
        }
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

    fn login(&mut self, scrubber: &mut Scrubber) -> Option<Login> {
        let (user, file) = match (&self.settings.user, &self.settings.pass_file) {
            (None, None) => return None,
            (Some(user), Some(file)) => (user, file),
            (Some(_), None) => {
                self.note("user", "a user needs pass_file, the file that holds the password");
                return None;
            }
            (None, Some(_)) => {
                self.note("pass_file", "a password needs user");
                return None;
            }
        };
        if user.is_empty() || user.chars().any(char::is_control) {
            self.note("user", "it is empty, or holds a control character");
        }
        let pass = self.keep("pass_file", read_file(file))?;
        let bare = pass.reveal();
        for secret in [bare.to_owned(), STANDARD.encode(bare), STANDARD.encode(format!("\0{user}\0{bare}"))] {
            scrubber.add(&secret);
            // As it stands in quotes.
            scrubber.add(format!("{secret:?}").trim_matches('"'));
        }
        Some(Login { user: user.clone(), pass })
    }

    fn addresses(&mut self, key: &'static str, given: &OneOrMany<String>) -> Vec<String> {
        if given.len() > ADDRESSES_MAX {
            self.note(key, format!("{} addresses are too many; at most {ADDRESSES_MAX}", given.len()));
        }
        given.iter().filter_map(|text| self.keep(key, address(text))).collect()
    }
}

/// An address as it can stand in a command.
fn address(text: &str) -> Result<String, String> {
    let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',');
    let parts = bare.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    // RFC 5321, 4.5.3.1
    if parts && bare.len() <= 254 && bare.chars().all(plain) {
        Ok(bare.to_owned())
    } else {
        Err(format!("{text:?} is no mail address; write one as \"postmaster@example.com\""))
    }
}
