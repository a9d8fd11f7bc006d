//! `[email]`, `[email.smtp]`, `[[email.fallback]]`, and where passwords come from.

use super::general::address;
use super::secret::{self, Secret};
use super::section::{Section, did_you_mean};
use super::source::Fault;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// What `[email]` says.
#[derive(Clone, Debug)]
pub struct Email {
    /// How mail leaves this host.
    pub transport: Transport,
    /// The sender. Always there for [`Transport::Smtp`] and [`Transport::Sendmail`].
    pub from: Option<String>,
    /// How many messages the mail account may send a day.
    pub daily_limit: u32,
    /// Whether nothing is sent at all: deliveries are withheld, not told.
    pub nomail: bool,
    /// Whether each subject is made different, so that a mail program does not thread them.
    pub bustgmailthreading: bool,
    /// Whether the mailbox deletes our own messages itself. Kept for the canary.
    pub ideletesentmessagesautomatically: bool,
}

/// A way out for mail.
#[derive(Clone, Debug)]
pub enum Transport {
    /// These servers, in the order in which they are tried; at least one.
    Smtp(Vec<SmtpServer>),
    /// The local queue, by the program `sendmail`.
    Sendmail,
    /// One `.eml` file a message, into this folder.
    File(PathBuf),
}

impl Transport {
    /// The word in the settings.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Smtp(_) => "smtp",
            Self::Sendmail => "sendmail",
            Self::File(_) => "file",
        }
    }
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Begins in the clear, then must turn to TLS before anything else is said.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Not at all; never together with a password.
    None,
}

impl Security {
    const WORDS: [&'static str; 3] = ["starttls", "tls", "none"];

    fn of(word: &str) -> Self {
        match word {
            "tls" => Self::Tls,
            "none" => Self::None,
            _ => Self::StartTls,
        }
    }

    /// The port for sending mail, where none is named.
    pub fn smtp_port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A server that takes our mail.
#[derive(Clone, Debug)]
pub struct SmtpServer {
    /// Its name, as it stands in its certificate.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User and password, if it wants a login.
    pub login: Option<(String, Secret)>,
    /// A file of certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Reads `[email]`.
pub(crate) fn read(mut s: Section<'_, '_>) -> Option<Email> {
    let word = s.word("transport", &["smtp", "sendmail", "file"]);
    let wrong_word = word.is_none() && s.given("transport");
    let from = s.text("from", "\"alpha-checker@example.com\"");
    if let Some(from) = &from {
        address(s.cx, from);
    }
    let folder = s.text("folder", "\"mail\"");
    let daily_limit = s.whole("daily_limit", 1..=1_000_000, "200");
    let flag = |f: Option<Spanned<bool>>| f.is_some_and(Spanned::into_inner);
    let nomail = flag(s.flag("nomail"));
    let bustgmailthreading = flag(s.flag("bustgmailthreading"));
    let ideletesentmessagesautomatically = flag(s.flag("ideletesentmessagesautomatically"));
    let (has_smtp, smtp_span) = (s.has("smtp"), s.span_of("smtp"));
    let mut servers: Vec<SmtpServer> = s.table("smtp", "[email.smtp]").and_then(server).into_iter().collect();
    let fallbacks = s.tables("fallback", "[[email.fallback]]");
    if let (Some(first), false) = (fallbacks.first(), has_smtp) {
        s.cx.error(
            first.span.clone(),
            "[[email.fallback]] stands for [email.smtp] when that does not work, and there is no [email.smtp]",
            "rename the first one to [email.smtp]",
        );
    }
    servers.extend(fallbacks.into_iter().filter_map(server));
    let chosen = match word.as_ref().map(|w| *w.get_ref()) {
        Some(word) => Some(word),
        None if wrong_word => None,
        None if has_smtp => Some("smtp"),
        None => {
            s.missing(
                "transport",
                "\"smtp\" (with a table [email.smtp]), \"sendmail\" for the local queue, or \"file\"",
            );
            None
        }
    };
    if let (Some(word), Some("smtp"), false) = (&word, chosen, has_smtp) {
        s.cx.error(
            word.span(),
            "transport is \"smtp\", and there is no table [email.smtp]",
            "add [email.smtp] with at least: host = \"smtp.example.com\"",
        );
    }
    if matches!(chosen, Some("smtp" | "sendmail")) && !s.given("from") {
        s.missing("from", "\"alpha-checker@example.com\"");
    }
    if let (Some(word), true) = (&word, has_smtp && chosen != Some("smtp")) {
        s.cx.warn(
            smtp_span,
            format!("[email.smtp] is not used, because transport is \"{}\"", word.get_ref()),
            "take out transport to send by [email.smtp]",
        );
    }
    let folder = s.cx.paths.state(folder.as_ref().map_or("mail", |f| f.get_ref()));
    s.finish();
    Some(Email {
        transport: match chosen? {
            "smtp" => Transport::Smtp(servers),
            "sendmail" => Transport::Sendmail,
            _ => Transport::File(folder),
        },
        from: from.map(Spanned::into_inner),
        daily_limit: daily_limit.and_then(|n| u32::try_from(n.into_inner()).ok()).unwrap_or(200),
        nomail,
        bustgmailthreading,
        ideletesentmessagesautomatically,
    })
}

/// Reads `[email.smtp]` or `[[email.fallback]]`.
fn server(mut s: Section<'_, '_>) -> Option<SmtpServer> {
    let host = host(&mut s, "\"smtp.example.com\"");
    let port = port(&mut s);
    let security = s.word("security", &Security::WORDS);
    let chosen = security.as_ref().map_or(Security::StartTls, |w| Security::of(w.get_ref()));
    let login = login(&mut s, &["mail"]);
    if let (Some(word), Security::None) = (&security, chosen) {
        if login.is_some() {
            s.cx.error(
                word.span(),
                "a password would cross the network in the clear",
                "use security = \"starttls\" or \"tls\", or take out user and password",
            );
        } else if host.as_ref().is_some_and(|h| !is_loopback(h.get_ref())) {
            s.cx.warn(
                word.span(),
                "messages cross the network in the clear: everybody on the way can read and change them",
                "use security = \"starttls\" if the server can",
            );
        }
    }
    let ca_file = ca_file(&mut s);
    s.finish();
    Some(SmtpServer {
        host: host?.into_inner(),
        port: port.unwrap_or(chosen.smtp_port()),
        security: chosen,
        login,
        ca_file,
    })
}

pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(crate) fn port(s: &mut Section<'_, '_>) -> Option<u16> {
    s.whole("port", 1..=65_535, "587").and_then(|p| u16::try_from(p.into_inner()).ok())
}

/// The key `host`: a name or an address alone.
pub(crate) fn host(s: &mut Section<'_, '_>, example: &str) -> Option<Spanned<String>> {
    let host = s.need("host", example)?;
    let text = host.get_ref();
    let name = text.contains(['/', '@', ' ']) || (text.contains(':') && text.parse::<IpAddr>().is_err());
    if name {
        s.cx.error(
            host.span(),
            format!("\"{text}\" is no host name"),
            format!("write the name alone, host = {example}, and the port in its own key: port = 587"),
        );
        return None;
    }
    Some(host)
}

pub(crate) fn ca_file(s: &mut Section<'_, '_>) -> Option<PathBuf> {
    let name = s.text("ca_file", "\"own-ca.pem\"")?;
    let path = s.cx.paths.beside(name.get_ref());
    if let Err(e) = std::fs::File::open(&path) {
        s.cx.error(
            name.span(),
            format!("the file {} cannot be read: {}", path.display(), secret::plain(&e)),
            "name a file with the certificate of your own authority (PEM), or take the line out to trust the system's",
        );
    }
    Some(path)
}

/// User and password; `credentials` are the names that are looked for in `$CREDENTIALS_DIRECTORY`.
pub(crate) fn login(s: &mut Section<'_, '_>, credentials: &[&str]) -> Option<(String, Secret)> {
    let tried = s.has("pass") || s.has("pass_file");
    let pass_span = s.span_of(if s.has("pass") { "pass" } else { "pass_file" });
    let user = s.text("user", "\"alpha-checker@example.com\"");
    let found = password(s, credentials);
    match (user, found) {
        (Some(user), Some(pass)) => Some((user.into_inner(), pass)),
        (Some(user), None) if !tried => {
            s.cx.error(
                user.span(),
                "there is a user and no password",
                format!(
                    "add pass_file = \"mail.secret\" (a file with mode 600 that holds the password), or give the credential \"{}\"",
                    credentials.first().copied().unwrap_or("mail")
                ),
            );
            None
        }
        (None, _) if tried && !s.given("user") => {
            s.cx.error(
                pass_span,
                "there is a password and no user",
                "add for example: user = \"alpha-checker@example.com\"",
            );
            None
        }
        _ => None,
    }
}

fn password(s: &mut Section<'_, '_>, credentials: &[&str]) -> Option<Secret> {
    let (has_pass, file_span) = (s.has("pass"), s.span_of("pass_file"));
    let pass = s.text("pass", "\"...\"");
    let file = s.text("pass_file", "\"mail.secret\"");
    if has_pass && file.is_some() {
        s.cx.error(file_span, "\"pass\" and \"pass_file\" are both given", "keep pass_file, and take out pass");
        return None;
    }
    if has_pass {
        return pass.map(|p| Secret::new(p.into_inner()));
    }
    if let Some(name) = file {
        return secret_file(s, &name);
    }
    for name in credentials {
        let Some(path) = s.cx.env.credentials.as_ref().map(|c| c.join(name)) else {
            break;
        };
        if path.exists() {
            return match secret::read(&path, &guarded(s.cx.env)) {
                Ok(secret) => Some(secret),
                Err(fault) => {
                    s.cx.fault(s.span.clone(), fault);
                    None
                }
            };
        }
    }
    s.cx.env.mail_pass.clone()
}

/// Reads the secret in the file that a key names.
pub(crate) fn secret_file(s: &Section<'_, '_>, name: &Spanned<String>) -> Option<Secret> {
    let path = s.cx.paths.beside(name.get_ref());
    match secret::read(&path, &guarded(s.cx.env)) {
        Ok(secret) => Some(secret),
        Err(fault) => {
            s.cx.fault(name.span(), fault);
            None
        }
    }
}

/// Folders that the system guards as a whole, so that the modes of the files in them say nothing.
pub(crate) fn guarded(env: &super::Env) -> Vec<&Path> {
    let mut out = vec![Path::new("/run/secrets")];
    out.extend(env.credentials.as_deref());
    out
}

/// An address such as `https://host/path`.
pub(crate) fn http_url(text: &str) -> Result<(), Fault> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let remedy = || "write it as http://host:5000 or https://host/path".to_owned();
    if scheme.is_empty() {
        return Err(Fault::new("this is no URL: it has no http:// or https://", remedy()));
    }
    if scheme != "http" && scheme != "https" {
        return Err(Fault::new(
            format!("\"{scheme}\" is no scheme that Checker can speak"),
            did_you_mean(scheme, &["http", "https"], "it speaks"),
        ));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_port = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match host_port.strip_prefix('[').and_then(|h| h.split_once(']')) {
        Some((host, after)) => (host, after.strip_prefix(':')),
        None => match host_port.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host_port, None),
        },
    };
    if host.is_empty() || text.contains(char::is_whitespace) {
        return Err(Fault::new("this URL names no host", remedy()));
    }
    if port.is_some_and(|p| p.parse::<u16>().map_or(true, |n| n == 0)) {
        return Err(Fault::new("the port of this URL is no number from 1 to 65535", remedy()));
    }
    Ok(())
}
