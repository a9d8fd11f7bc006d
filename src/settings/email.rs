//! `[email]`, `[email.smtp]` and `[[email.fallback]]`.

use super::general::address;
use super::login::{Login, LoginBy, login};
use super::secret;
use super::section::{Section, did_you_mean};
use super::source::Fault;
use std::net::IpAddr;
use std::path::PathBuf;
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
    /// Not at all; never together with a login.
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
    /// If it wants a login.
    pub login: Option<Login>,
    /// A file of certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Reads `[email]`.
pub(crate) fn read(mut s: Section<'_, '_>) -> Option<Email> {
    let word = s.word("transport", &["smtp", "sendmail", "file"]);
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
    let chosen = chosen(&mut s, word.as_ref());
    let servers = servers(&mut s);
    if matches!(chosen, Some("smtp" | "sendmail")) && !s.given("from") {
        s.missing("from", "\"alpha-checker@example.com\"");
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

/// The transport: the word, else `smtp` where `[email.smtp]` is given.
fn chosen(s: &mut Section<'_, '_>, word: Option<&Spanned<&'static str>>) -> Option<&'static str> {
    let has_smtp = s.has("smtp");
    match word {
        Some(word) if *word.get_ref() == "smtp" && !has_smtp => s.cx.error(
            word.span(),
            "transport is \"smtp\", and there is no table [email.smtp]",
            "add [email.smtp] with at least: host = \"smtp.example.com\"",
        ),
        Some(word) if *word.get_ref() != "smtp" && has_smtp => s.cx.warn(
            s.span_of("smtp"),
            format!("[email.smtp] is not used, because transport is \"{}\"", word.get_ref()),
            "take out transport to send by [email.smtp]",
        ),
        None if has_smtp && !s.given("transport") => return Some("smtp"),
        None if !s.given("transport") => {
            s.missing("transport", "\"sendmail\" (the local queue), \"file\" (a folder), or add a table [email.smtp]");
        }
        _ => {}
    }
    word.map(|w| *w.get_ref())
}

/// `[email.smtp]` and every `[[email.fallback]]`.
fn servers(s: &mut Section<'_, '_>) -> Vec<SmtpServer> {
    let has_smtp = s.has("smtp");
    let first = s.table("smtp", "[email.smtp]").and_then(server);
    let fallbacks = s.tables("fallback", "[[email.fallback]]");
    if let (Some(fallback), false) = (fallbacks.first(), has_smtp) {
        s.cx.error(
            fallback.span.clone(),
            "[[email.fallback]] stands in for [email.smtp], and there is no [email.smtp]",
            "rename the first one to [email.smtp]",
        );
    }
    first.into_iter().chain(fallbacks.into_iter().filter_map(server)).collect()
}

/// Reads `[email.smtp]` or `[[email.fallback]]`.
fn server(mut s: Section<'_, '_>) -> Option<SmtpServer> {
    let host = host(&mut s, "\"smtp.example.com\"");
    let port = port(&mut s);
    let security = s.word("security", &Security::WORDS);
    let chosen = security.as_ref().map_or(Security::StartTls, |w| Security::of(w.get_ref()));
    let login = login(&mut s, &["mail"]);
    if let (Some(word), Security::None) = (&security, chosen) {
        if let Some(login) = &login {
            let (what, key) = match login.by {
                LoginBy::Password(_) => ("a password", "password"),
                LoginBy::Token(_) => ("an access token", "token_command"),
            };
            s.cx.error(
                word.span(),
                format!("{what} would cross the network in the clear"),
                format!("use security = \"starttls\" or \"tls\", or take out user and {key}"),
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
