//! From tables to jobs: every problem of every table, each with its key.

use crate::letter::mark;
use crate::memory::PENDING_MAX;
use crate::plan::{Limits, Login, Plan, Security, Sender, short};
use crate::{KIND, MailJob, Settings};
use checker_job::{SpawnError, Table, TableErrors, duration_words, parse_duration};
use checker_parts::hidden::{Scrubber, read_file};
use checker_parts::login::{LoginBy, TokenCommand};
use checker_parts::mailbox::{self, ImapAccount, Password};
use checker_parts::net::Endpoint;
use checker_parts::submission::{self, address};
use checker_parts::tls::{Trusts, server_name};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What an address may look like.
const EXAMPLE: &str = "watch@example.com";
/// RFC 8314.
const SUBMISSIONS: u16 = 465;
/// The port at which TLS is begun by a command.
const IMAP: u16 = 143;
const WITHIN: Duration = Duration::from_secs(300);
/// Each run sends a mail.
const EVERY_MIN: Duration = Duration::from_secs(300);
const DAY: u64 = 86_400;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<MailJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors, mut trusts) = (Vec::new(), Vec::new(), Trusts::new(&[]));
    for (number, table) in tables.iter().enumerate() {
        let errors = TableErrors::new(number, &mut errors);
        let mut reader = Reader { settings: &table.settings, name: String::new(), errors };
        jobs.extend(reader.job(table, &mut trusts));
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// The keys of a login.
struct Keys<'a> {
    user: (&'static str, Option<&'a str>),
    pass_file: (&'static str, Option<&'a Path>),
    token_command: (&'static str, Option<&'a Vec<String>>),
}

/// Reads one table. A wrong key is noted and replaced by its default, so that the others are read too.
struct Reader<'a> {
    settings: &'a Settings,
    /// The job, for sentences of later.
    name: String,
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    fn job(&mut self, table: &Table<Settings>, trusts: &mut Trusts) -> Option<MailJob> {
        let settings = self.settings;
        let from = self.errors.keep("from", address(&settings.from, EXAMPLE));
        let to = match &settings.to {
            Some(to) => self.errors.keep("to", address(to, EXAMPLE)),
            None => from.clone(),
        };
        self.name = table
            .name
            .clone()
            .unwrap_or_else(|| format!("{} to {}", settings.from, settings.to.as_ref().unwrap_or(&settings.from)));
        let (sender, mailbox) = (self.sender(trusts), self.mailbox(trusts));
        let folder = self.folder("folder", settings.folder.as_deref()).unwrap_or_else(|| "INBOX".to_owned());
        let spam_folder = self.folder("spam_folder", settings.spam_folder.as_deref());
        if spam_folder.as_ref() == Some(&folder) {
            self.errors
                .note("spam_folder", "it is `folder` itself, so that no message could ever arrive; name another one");
        }
        let limits = self.limits();
        let (from, to) = (from?, to?);
        let (id, policy) = table.job(KIND, &format!("{from} to {to}"), true);
        let (every, threshold) = (policy.every.period(), policy.failure_threshold);
        self.rhythm(every, threshold, limits.within);
        let plan = Plan {
            mark: mark(id.as_str()),
            name: policy.name.clone(),
            from,
            to,
            sender: sender?,
            mailbox: mailbox?,
            folder,
            spam_folder,
            limits,
            every,
            threshold,
        };
        Some(MailJob { id, policy, plan })
    }

    fn sender(&mut self, trusts: &mut Trusts) -> Option<Sender> {
        let settings = self.settings;
        let endpoint = self.errors.keep("smtp", Endpoint::parse_like(&settings.smtp, "smtp.example.com:587"));
        let login = self.login(&Keys {
            user: ("smtp_user", settings.smtp_user.as_deref()),
            pass_file: ("smtp_pass_file", settings.smtp_pass_file.as_deref()),
            token_command: ("smtp_token_command", settings.smtp_token_command.as_ref()),
        });
        let given = self.word("smtp_security", settings.smtp_security.as_deref());
        let trust = self.trust("smtp_ca_file", settings.smtp_ca_file.as_ref(), given == Some("none"), trusts);
        if given == Some("none") && settings.smtp_user.is_some() {
            let message = "a password is never sent without TLS; take the login out, or `smtp_security = \"none\"`";
            self.errors.note("smtp_user", message);
        }
        let endpoint = endpoint?;
        let security = match given {
            Some("none") => Security::None,
            Some("tls") => Security::Tls,
            None if endpoint.port() == SUBMISSIONS => Security::Tls,
            _ => Security::Starttls,
        };
        let server_name = self.errors.keep("smtp", server_name(endpoint.host()))?;
        let scrubber = login.as_ref().map(scrubber).unwrap_or_default();
        Some(Sender { endpoint, security, server_name, trust, login, scrubber })
    }

    fn mailbox(&mut self, trusts: &mut Trusts) -> Option<ImapAccount> {
        let settings = self.settings;
        let endpoint = self.errors.keep("imap", Endpoint::parse_like(&settings.imap, "imap.example.com:993"));
        let login = self.login(&Keys {
            user: ("imap_user", settings.imap_user.as_deref()),
            pass_file: ("imap_pass_file", settings.imap_pass_file.as_deref()),
            token_command: ("imap_token_command", settings.imap_token_command.as_ref()),
        });
        if settings.imap_user.is_none() && settings.imap_pass_file.is_none() && settings.imap_token_command.is_none() {
            let message = "nobody can look into a mailbox without a login; set imap_user and imap_pass_file";
            self.errors.note("imap", message);
        }
        let given = self.word("imap_security", settings.imap_security.as_deref());
        let trust = self.trust("imap_ca_file", settings.imap_ca_file.as_ref(), given == Some("none"), trusts);
        let endpoint = endpoint?;
        let here = endpoint.literal().map_or(endpoint.host() == "localhost", |a| a.ip().is_loopback());
        let security = match given {
            Some("none") => mailbox::Security::Plain,
            Some("starttls") => mailbox::Security::Starttls,
            None if endpoint.port() == IMAP => mailbox::Security::Starttls,
            _ => mailbox::Security::Tls,
        };
        if security != mailbox::Security::Plain {
            self.errors.keep("imap", server_name(endpoint.host()));
        } else if !here {
            let message =
                "a password is never sent without TLS, except to this host itself (127.0.0.1); take the key out";
            self.errors.note("imap_security", message);
        }
        let Login { user, by } = login?;
        Some(ImapAccount { host: endpoint.host().to_owned(), port: endpoint.port(), security, user, by, trust })
    }

    /// One of the three words for how a way is protected.
    fn word(&mut self, key: &str, given: Option<&str>) -> Option<&'static str> {
        let given = given?;
        let known = ["starttls", "tls", "none"].into_iter().find(|word| *word == given);
        if known.is_none() {
            self.errors.note(key, format!("{given:?} is not known; use \"starttls\", \"tls\" or \"none\""));
        }
        known
    }

    fn trust(
        &mut self,
        key: &'static str,
        file: Option<&PathBuf>,
        plain: bool,
        trusts: &mut Trusts,
    ) -> std::sync::Arc<checker_parts::tls::Trust> {
        if file.is_some() && plain {
            self.errors.note(key, "it is of no use without TLS; take it out, or the word \"none\"");
        }
        trusts.named(&mut self.errors, key, file)
    }

    /// User, and password or program that prints a token.
    fn login(&mut self, keys: &Keys<'_>) -> Option<Login> {
        let ((user_key, user), (pass_key, pass), (token_key, token)) = (keys.user, keys.pass_file, keys.token_command);
        let by = match (pass, token) {
            (Some(_), Some(_)) => {
                let message = format!(
                    "{pass_key} is given too; keep {token_key} for Gmail and Microsoft 365, {pass_key} elsewhere"
                );
                self.errors.note(token_key, message);
                None
            }
            (Some(file), None) => {
                let secret = self.errors.keep(pass_key, read_file(file));
                secret.map(|secret| LoginBy::Password(Password::new(secret.reveal())))
            }
            (None, Some(argv)) => {
                let made = command(argv, token_key, &self.name);
                self.errors.keep(token_key, made).map(LoginBy::Token)
            }
            (None, None) if user.is_some() => {
                let message = format!(
                    "a user alone cannot log in; set {pass_key}, the file that holds the password, or {token_key}"
                );
                self.errors.note(user_key, message);
                None
            }
            (None, None) => None,
        };
        if user.is_none() && (pass.is_some() || token.is_some()) {
            let key = if pass.is_some() { pass_key } else { token_key };
            self.errors.note(key, format!("a login needs a user; set {user_key}"));
        }
        let user = user?;
        if user.is_empty() || user.chars().any(char::is_control) {
            let message =
                "it is empty, or holds a control character; write the account's name as your mail program has it";
            self.errors.note(user_key, message);
        }
        Some(Login { user: user.to_owned(), by: by? })
    }

    fn folder(&mut self, key: &str, folder: Option<&str>) -> Option<String> {
        let folder = folder?;
        if folder.is_empty() || folder.chars().any(char::is_control) {
            self.errors.note(key, "it is empty, or holds a control character; leave it out for the usual one");
        }
        Some(folder.to_owned())
    }

    /// How often runs may be, and how much they have to remember.
    fn rhythm(&mut self, every: Duration, threshold: u32, within: Duration) {
        if every < EVERY_MIN {
            let message = format!(
                "a run each {} would send {} mails a day, and providers limit them, also those of alerts from the same account; \
                 write \"15min\", and at least \"5min\"",
                duration_words(every),
                DAY / every.as_secs().max(1)
            );
            return self.errors.note("every", message);
        }
        // The run that sends a message is one more.
        let runs = within.as_secs().div_ceil(every.as_secs()) + u64::from(threshold) + 2;
        if runs > PENDING_MAX as u64 {
            let spare = (PENDING_MAX as u64).saturating_sub(u64::from(threshold) + 2);
            let message = match u32::try_from(spare).ok().filter(|spare| *spare > 0) {
                Some(spare) => format!(
                    "at most {PENDING_MAX} messages are remembered, so that a longer outage would be forgotten before it is told; \
                     with a run each {} and failure_threshold = {threshold} write at most {}, or a longer `every`",
                    duration_words(every),
                    duration_words(every * spare)
                ),
                None => format!(
                    "with failure_threshold = {threshold} a lost message would be forgotten before it is told, because at most \
                     {PENDING_MAX} are remembered; write a smaller failure_threshold"
                ),
            };
            self.errors.note("within", message);
        }
    }

    fn limits(&mut self) -> Limits {
        let mut read = |key: &str, text: Option<&String>| {
            let time = self.errors.keep(key, parse_duration(text?))?;
            if time.is_zero() {
                self.errors.note(key, "no message is that quick; write a time such as \"5min\"");
                return None;
            }
            Some(time)
        };
        let within = read("within", self.settings.within.as_ref()).unwrap_or(WITHIN);
        let warning = read("warning", self.settings.warning.as_ref());
        if warning.is_some_and(|warning| warning >= within) {
            let (most, less) = (duration_words(within), duration_words(within / 2).replace(' ', ""));
            let message = format!(
                "it must be shorter than `within`, which is {most}, or nobody is ever warned; write less, such as \"{less}\", or a \
                 longer `within`"
            );
            self.errors.note("warning", message);
        }
        Limits { within, warning }
    }
}

/// What a server may repeat of a login. A token is not known yet.
fn scrubber(login: &Login) -> Scrubber {
    match &login.by {
        LoginBy::Password(pass) => submission::scrubber(&login.user, pass.reveal()),
        LoginBy::Token(_) => Scrubber::default(),
    }
}

/// A program that prints a token.
fn command(argv: &[String], key: &str, job: &str) -> Result<TokenCommand, String> {
    let program = argv.first().map_or("", |program| program.trim());
    if program.is_empty() || argv.iter().any(|word| word.contains(char::is_control)) {
        return Err("it names no program, or holds a control character; there is no shell: write the program and each argument \
             as a text of its own, as in [\"/usr/bin/oama\", \"access\", \"you@gmail.com\"]"
            .to_owned());
    }
    if program.contains('/') && !program.starts_with('/') {
        return Err(format!("{program} is a relative path; write the whole path, from / on"));
    }
    Ok(TokenCommand::of_key(argv.to_vec(), format!("{key} of the job {:?}", short(job))))
}
