//! What went wrong in a talk with a mail server, in words that say what to do.

use super::{Login, LoginBy, Security, Server};
use crate::message::text;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::Auth;
use rustls::CertificateError;
use std::error::Error as _;
use std::io::ErrorKind;
use std::time::Duration;

/// The longest part of a server's words that is passed on, in characters.
const REPLY_MAX: usize = 300;

/// What a step of the talk met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server said no.
    Reply {
        /// Its code, 400 to 599.
        code: u16,
        /// Its code and words.
        text: String,
    },
    /// It did not let us connect.
    Connect(ErrorKind, String),
    /// It said nothing in time.
    Timeout,
    /// It ended the connection.
    Closed,
    /// Its certificate is not good.
    Certificate(String),
    /// It does not speak TLS as it should.
    Tls(String),
    /// Anything else.
    Other(String),
}

impl Fault {
    /// What lettre's error stands for.
    pub(super) fn of(error: &Error, secrets: &Secrets) -> Self {
        if let Some(code) = error.status() {
            let words = error.source().map(ToString::to_string).unwrap_or_default();
            return Self::Reply { code: code.into(), text: secrets.reply(&format!("{code} {words}")) };
        }
        if let Some(io) = error.source().and_then(|source| source.downcast_ref::<std::io::Error>()) {
            return Self::of_io(io, error);
        }
        let text = error.to_string();
        if text.contains("incomplete response") {
            return Self::Closed;
        }
        Self::Other(secrets.reply(&text))
    }

    fn of_io(io: &std::io::Error, error: &Error) -> Self {
        let tls = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls {
            return match tls {
                rustls::Error::InvalidCertificate(why) => Self::Certificate(certificate(why)),
                other => Self::Tls(other.to_string()),
            };
        }
        // lettre tells a failed connect from a failed talk by these words alone.
        if error.to_string().starts_with("Connection error") {
            return Self::Connect(io.kind(), io.to_string());
        }
        match io.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Other(io.to_string()),
        }
    }

    /// The server wants a login, another login, or TLS first.
    pub(super) fn wants_login(&self) -> bool {
        matches!(self, Self::Reply { code: 530 | 534 | 535 | 538, .. })
    }

    /// The connection cannot be used any more.
    pub(super) fn hung_up(&self) -> bool {
        !matches!(self, Self::Reply { code, .. } if *code != 421)
    }

    /// The fault in the middle of a sentence.
    pub(super) fn short(&self, waited: Duration) -> String {
        match self {
            Self::Reply { text, .. } => format!("it answered \"{text}\""),
            Self::Connect(_, text) | Self::Other(text) => text.clone(),
            Self::Timeout => format!("it said nothing for {}", seconds(waited)),
            Self::Closed => "it ended the connection".to_owned(),
            Self::Certificate(why) | Self::Tls(why) => why.clone(),
        }
    }
}

/// The server in a sentence.
pub(super) fn name(server: &Server) -> String {
    if server.host.contains(':') {
        format!("mail server [{}]:{}", server.host, server.port)
    } else {
        format!("mail server {}:{}", server.host, server.port)
    }
}

/// Connect, TLS, greeting or EHLO failed.
pub(super) fn no_way_in(server: &Server, fault: &Fault, waited: Duration) -> String {
    let (name, table) = (name(server), &server.table);
    match fault {
        Fault::Connect(ErrorKind::ConnectionRefused, _) => format!(
            "{name} refuses the connection: nothing listens there. Start it, or mend host and port under {table}."
        ),
        Fault::Connect(ErrorKind::TimedOut | ErrorKind::WouldBlock, _) => format!(
            "{name} cannot be reached: no connection within {}. Look for a firewall that blocks port {}, or mend host and \
             port under {table}.",
            seconds(waited),
            server.port
        ),
        Fault::Connect(_, why) => format!(
            "{name} cannot be reached ({why}). Look at this machine's network, or mend host and port under {table}."
        ),
        Fault::Timeout => {
            format!("{name} takes connections but said nothing for {}.{}", seconds(waited), wrong_port(server))
        }
        Fault::Closed => format!("{name} ended the connection before it had answered.{}", wrong_port(server)),
        Fault::Certificate(why) => format!("{name} is not trusted, so nothing was sent: {why} (table {table})."),
        Fault::Tls(why) => format!("{name} did not agree on TLS ({why}), so nothing was sent.{}", wrong_port(server)),
        Fault::Reply { code, text } if (400..500).contains(code) => {
            format!("{name} takes no mail at the moment: it answered \"{text}\".")
        }
        Fault::Reply { text, .. } => {
            format!("{name} does not want to talk to us: it answered \"{text}\". Ask its operator.")
        }
        Fault::Other(why) => {
            format!("{name} does not talk as a mail server does ({why}). Mend host and port under {table}.")
        }
    }
}

/// The login failed.
pub(super) fn no_login(server: &Server, fault: &Fault, waited: Duration) -> String {
    let (name, table) = (name(server), &server.table);
    let Some(login) = &server.login else {
        return format!("{name} wants a login first: {}. Give user and pass_file under {table}.", fault.short(waited));
    };
    if matches!(login.by, LoginBy::Token(_)) {
        return no_token_login(server, &login.user, fault, None, waited);
    }
    match fault {
        Fault::Reply { code, text } if *code >= 500 => format!(
            "{name} refuses the login of \"{}\" ({text}). Mend user, or pass_file (or pass), under {table}; Gmail and \
             Microsoft 365 want token_command in its place. Messages are kept until then.",
            login.user
        ),
        Fault::Reply { text, .. } => {
            format!("{name} cannot judge the login of \"{}\" at the moment ({text}). It is tried again.", login.user)
        }
        other => format!("the login of \"{}\" at {name} did not come to an end: {}.", login.user, other.short(waited)),
    }
}

/// The token was not taken; `said` is what the server said of it before.
pub(super) fn no_token_login(
    server: &Server,
    user: &str,
    fault: &Fault,
    said: Option<&str>,
    waited: Duration,
) -> String {
    let (name, table) = (name(server), &server.table);
    let said = said.map(|said| format!(", after \"{said}\"")).unwrap_or_default();
    match fault {
        Fault::Reply { code, text } if *code >= 500 => format!(
            "{name} refuses the access token for \"{user}\" ({text}{said}). See that token_command under {table} prints a fresh \
             one for this user, with the right to send by SMTP; messages are kept until then."
        ),
        Fault::Reply { text, .. } => format!(
            "{name} cannot judge the access token for \"{user}\" at the moment ({text}{said}). It is tried again."
        ),
        other => format!(
            "the login of \"{user}\" by an access token at {name} did not come to an end: {}{said}.",
            other.short(waited)
        ),
    }
}

/// There is a token, and the server takes none; `ways` are the others that it offers and Checker knows.
pub(super) fn no_token_taken(server: &Server, ways: &[String]) -> String {
    let (name, table) = (name(server), &server.table);
    let offers = if ways.is_empty() {
        "no other login that Checker knows".to_owned()
    } else {
        format!("only {}", ways.join(", "))
    };
    let password = if ways.is_empty() { "" } else { "use pass_file in place of token_command, or " };
    format!(
        "{name} takes no access tokens (XOAUTH2) at this port and offers {offers}. Under {table}, {password}mend host and port."
    )
}

/// There is a password, and the server takes none.
pub(super) fn no_password_taken(server: &Server, tokens: bool) -> String {
    let (name, table) = (name(server), &server.table);
    if tokens {
        return format!(
            "{name} takes no passwords, only access tokens (XOAUTH2). Under {table}, use token_command in place of pass_file."
        );
    }
    format!(
        "{name} offers no login that Checker knows (PLAIN or LOGIN). If it needs none, take user out under {table}; else ask \
         its operator which port is for logins."
    )
}

/// What a login was done by.
pub(super) fn logged_in(login: &Login) -> String {
    let by = if matches!(login.by, LoginBy::Token(_)) { " by token_command" } else { "" };
    format!("logged in as {}{by}", login.user)
}

/// The sender was refused.
pub(super) fn no_sender(server: &Server, from: &str, fault: &Fault, waited: Duration) -> String {
    let name = name(server);
    match fault {
        Fault::Reply { code, text } if *code >= 500 => format!(
            "{name} refuses the sender {from} ({text}). Mend from under [email], so that it fits the login under {}.",
            server.table
        ),
        other => format!("{name} takes no mail from {from} now: {}.", other.short(waited)),
    }
}

/// The certificate problem that rustls names, and what to do about it.
fn certificate(why: &CertificateError) -> String {
    use CertificateError as C;
    match why {
        C::Expired | C::ExpiredContext { .. } => {
            "its certificate has expired. Renew it there, or set this machine's clock".to_owned()
        }
        C::NotValidYet | C::NotValidYetContext { .. } => {
            "its certificate is not valid yet. Set this machine's clock, or wait".to_owned()
        }
        C::NotValidForName => wrong_host(&[]),
        C::NotValidForNameContext { presented, .. } => wrong_host(presented),
        C::UnknownIssuer => "its certificate is signed by an authority that this machine does not know. If it is your own, \
             put the authority's certificate into ca_file"
            .to_owned(),
        C::BadSignature => "its certificate is signed by another authority than the one that this machine knows by that \
             name. Put the authority's current certificate into ca_file"
            .to_owned(),
        C::Revoked => "its certificate is revoked".to_owned(),
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is the certificate of an authority, not of a server. Make one for the server, signed by that \
             authority"
                .to_owned()
        }
        other => format!("its certificate is not good ({other})"),
    }
}

fn wrong_host(presented: &[String]) -> String {
    let mut text = "its certificate is for another name".to_owned();
    if !presented.is_empty() {
        let names: Vec<&str> = presented.iter().take(5).map(|n| bare_name(n)).collect();
        text.push_str(" (");
        text.push_str(&one_line(&names.join(", "), REPLY_MAX));
        text.push(')');
    }
    text + ". Use such a name as host"
}

/// The name itself, out of `DnsName("mail.example.com")`.
fn bare_name(presented: &str) -> &str {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"')
}

/// A hint for the commonest mistake: the right server at the wrong port.
pub(super) fn wrong_port(server: &Server) -> String {
    match server.security {
        Security::Tls => format!(
            " If port {} is for STARTTLS (587 usually is), set security = \"starttls\" under {}.",
            server.port, server.table
        ),
        Security::Starttls | Security::None => format!(
            " If port {} expects TLS from the start (465 usually does), set security = \"tls\" under {}.",
            server.port, server.table
        ),
    }
}

/// What must not stand in the words of a server that are passed on: a password or a token, in the forms in which it goes over
/// the wire. The longest comes first.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// What is known before the login.
    pub(super) fn of(server: &Server) -> Self {
        match &server.login {
            Some(Login { user, by: LoginBy::Password(pass) }) => {
                let forms = [(Mechanism::Plain, None), (Mechanism::Login, Some("Password:"))];
                Self::in_forms(user, pass.reveal(), &forms)
            }
            Some(Login { by: LoginBy::Token(_), .. }) | None => Self(Vec::new()),
        }
    }

    pub(super) fn of_token(user: &str, token: &str) -> Self {
        Self::in_forms(user, token, &[(Mechanism::Xoauth2, None)])
    }

    fn in_forms(user: &str, secret: &str, forms: &[(Mechanism, Option<&str>)]) -> Self {
        if secret.is_empty() {
            return Self(Vec::new());
        }
        let mut all = vec![secret.to_owned()];
        for (mechanism, challenge) in forms {
            let credentials = Credentials::new(user.to_owned(), secret.to_owned());
            let Ok(form) = Auth::new(*mechanism, credentials, challenge.map(str::to_owned)) else { continue };
            all.extend(form.to_string().split_whitespace().last().map(str::to_owned));
        }
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(all)
    }

    /// A server's words: one bounded line in which no secret stands.
    pub(super) fn reply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = text.replace(secret, "[secret]");
        }
        one_line(&text, REPLY_MAX)
    }
}

pub(super) fn one_line(text: &str, max: usize) -> String {
    text::cut(&text::one_line(text), max)
}

pub(super) fn seconds(time: Duration) -> String {
    checker_job::duration_words(if time < Duration::from_secs(1) {
        time
    } else {
        Duration::from_secs(time.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    })
}

/// The text was sent, and what the server did with it is not known.
pub(super) fn unknown(server: &Server, what: &str) -> String {
    format!(
        "whether {} took the message is not known: {what} after the text was sent. It is sent again with the same \
         Message-ID, so at worst it arrives twice.",
        name(server)
    )
}

/// A refusal of a recipient or a message.
pub(super) fn refused(server: &Server, what: &str, text: &str, later: bool) -> String {
    let now = if later { " for now" } else { "" };
    format!("{} refuses {what}{now}: \"{text}\"", name(server))
}

/// The name could not be resolved.
pub(super) fn no_address(server: &Server, why: &str) -> String {
    format!(
        "the address of {} could not be found ({why}). Mend host under {}, or look at this machine's name resolution.",
        name(server),
        server.table
    )
}
