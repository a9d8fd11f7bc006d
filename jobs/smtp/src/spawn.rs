//! From tables to jobs: every problem of every table, each with its key.

use crate::plan::{Login, Plan, Security};
use crate::{KIND, Settings, SmtpJob};
use checker_job::{SpawnError, Table, TableErrors};
use checker_parts::hidden::{Scrubber, login};
use checker_parts::net::{Endpoint, endpoints};
use checker_parts::one_or_many::OneOrMany;
use checker_parts::submission::{self, address};
use checker_parts::tls::{Trust, Trusts, server_name};
use std::sync::Arc;

/// What an address may look like.
const EXAMPLE: &str = "postmaster@example.com";
/// More of them are a mailing list.
const ADDRESSES_MAX: usize = 20;
/// RFC 8314.
const SUBMISSIONS: u16 = 465;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<SmtpJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors, mut trusts) = (Vec::new(), Vec::new(), Trusts::new(&[]));
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(number, &mut errors) };
        let common = reader.common(&mut trusts);
        let endpoints = endpoints(&mut reader.errors, &table.settings.address, "mail.example.com:587");
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
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    fn common(&mut self, trusts: &mut Trusts) -> Common {
        let settings = self.settings;
        let security = self.security();
        let mut scrubber = Scrubber::default();
        let login = self.login(&mut scrubber);
        if settings.user.is_some() && security == Some(Security::None) {
            self.errors
                .note("user", "a password is never sent without TLS; take the login out, or `security = \"none\"`");
        }
        if security == Some(Security::None) {
            let of_tls = [("server_name", settings.server_name.is_some()), ("ca_file", settings.ca_file.is_some())];
            for (key, _) in of_tls.into_iter().filter(|(_, is_set)| *is_set) {
                self.errors.note(key, "it is of no use without TLS; take it out, or `security = \"none\"`");
            }
        }
        if settings.user.is_some() && !settings.expect_refused.is_empty() {
            let message = "a server relays for those who are logged in; make a table of its own for this, without user";
            self.errors.note("expect_refused", message);
        }
        let mail_from = match settings.mail_from.as_deref() {
            None | Some("" | "<>") => String::new(),
            Some(from) => self.errors.keep("mail_from", address(from, EXAMPLE)).unwrap_or_default(),
        };
        if settings.mail_from.is_some() && settings.rcpt_to.is_empty() && settings.expect_refused.is_empty() {
            self.errors.note("mail_from", "it is of no use without rcpt_to or expect_refused");
        }
        let rcpt_to = self.addresses("rcpt_to", &settings.rcpt_to);
        let expect_refused = self.addresses("expect_refused", &settings.expect_refused);
        for both in expect_refused.iter().filter(|address| rcpt_to.contains(address)) {
            self.errors.note(
                "expect_refused",
                format!("{both} stands in rcpt_to too; mail for it cannot be taken and refused, so take it out of one of both"),
            );
        }
        Common {
            security,
            trust: trusts.of(&mut self.errors, settings.ca_file.as_ref()),
            login,
            scrubber,
            mail_from,
            rcpt_to,
            expect_refused,
        }
    }

    fn plan(&mut self, common: &Common, endpoint: &Endpoint) -> Option<Plan> {
        let (key, host) = match &self.settings.server_name {
            Some(name) => ("server_name", name.as_str()),
            None => ("address", endpoint.host()),
        };
        let name = self.errors.keep(
            key,
            server_name(host).map_err(|why| match key {
                "address" => format!("{why}; set server_name"),
                _ => format!("{why}; write a host's name, as in \"www.example.com\""),
            }),
        )?;
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
                self.errors.note("security", format!("{other:?} is not known; use \"starttls\", \"tls\" or \"none\""));
                None
            }
        }
    }

    fn login(&mut self, scrubber: &mut Scrubber) -> Option<Login> {
        let (user, file) = (self.settings.user.as_deref(), self.settings.pass_file.as_deref());
        let (user, pass) = login(&mut self.errors, user, file)?;
        *scrubber = submission::scrubber(&user, pass.reveal());
        Some(Login { user, pass })
    }

    fn addresses(&mut self, key: &'static str, given: &OneOrMany<String>) -> Vec<String> {
        if given.len() > ADDRESSES_MAX {
            self.errors.note(key, format!("{} addresses are too many; at most {ADDRESSES_MAX}", given.len()));
        }
        given.iter().filter_map(|text| self.errors.keep(key, address(text, EXAMPLE))).collect()
    }
}
