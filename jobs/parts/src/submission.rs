//! What is the same wherever mail is handed to a server: addresses, the login, the way to TLS, the end of a talk, and the words for
//! what went wrong. The keys of a kind have their own names, so sentences take them from [`Keys`].

use crate::hidden::Scrubber;
use crate::lines::{Lines, Reply, Stop};
use crate::login::in_base64;
use crate::net::Trouble;
use crate::probe::Limit;
use crate::tls::is_tls_error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

/// How errors name the protocol.
pub const SMTP: &str = "SMTP";
/// The end of the talk is waited for no longer: all is known by then.
const FAREWELL: Duration = Duration::from_millis(500);
/// It ends so long before the run, or what is known would be lost with it.
const MARGIN: Duration = Duration::from_millis(10);

/// The names of a kind's keys.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Who logs in.
    pub user: &'static str,
    /// The file with the password.
    pub pass_file: &'static str,
    /// The program that prints a token; `None` where a kind has no such key.
    pub token_command: Option<&'static str>,
    /// How the way is protected.
    pub security: &'static str,
}

/// What the server is being asked, for the sentence when no answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The connection.
    Connecting,
    /// Greeting, EHLO and STARTTLS.
    BeforeTls,
    /// TLS itself.
    Handshake,
    /// The greeting, where TLS came first or does not come at all.
    Greeting,
    /// EHLO.
    Hello,
    /// The login.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// The server's readiness for the text.
    Data,
    /// Only the server knows whether it has taken the message.
    Text,
}

impl Phase {
    /// The part of a sentence for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Connecting => "the connection",
            Self::BeforeTls => "in the talk before TLS (greeting, EHLO, STARTTLS)",
            Self::Handshake => "during the TLS handshake",
            Self::Greeting => "with its greeting",
            Self::Hello => "to EHLO",
            Self::Login => "to the login",
            Self::Sender => "to the sender of a mail (MAIL FROM)",
            Self::Recipient => "to the recipients of a mail (RCPT TO)",
            Self::Data => "to DATA",
            Self::Text => "to the text of the message",
        }
    }
}

/// An address as it can stand in a command.
///
/// # Errors
/// A sentence with this example.
pub fn address(text: &str, example: &str) -> Result<String, String> {
    let bare = text.trim().trim_start_matches('<').trim_end_matches('>');
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',');
    let parts = bare.rsplit_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
    // RFC 5321, 4.5.3.1
    if parts && bare.len() <= 254 && bare.chars().all(plain) {
        Ok(bare.to_owned())
    } else {
        Err(format!("{text:?} is no mail address; write one as \"{example}\""))
    }
}

/// What a server may repeat of a password, in the forms in which it goes over the wire.
pub fn scrubber(user: &str, pass: &str) -> Scrubber {
    let mut scrubber = Scrubber::default();
    for secret in [pass.to_owned(), in_base64(pass), in_base64(&format!("\0{user}\0{pass}"))] {
        scrubber.add(&secret);
        // As it stands in quotes.
        scrubber.add(format!("{secret:?}").trim_matches('"'));
    }
    scrubber
}

/// How one can log in, by the answer to EHLO. Some old servers write `AUTH=`.
pub fn ways(hello: &Reply) -> Vec<String> {
    let words = hello.lines.iter().filter_map(|line| {
        let (head, rest) = line.split_at_checked(5)?;
        (head.eq_ignore_ascii_case("AUTH ") || head.eq_ignore_ascii_case("AUTH=")).then_some(rest)
    });
    let mut ways: Vec<String> = Vec::new();
    for way in words.flat_map(str::split_whitespace) {
        if ways.len() < 10 && !has(&ways, way) {
            ways.push(way.chars().filter(char::is_ascii_graphic).take(30).collect());
        }
    }
    ways
}

/// Whether this way is among them.
pub fn has(ways: &[String], wanted: &str) -> bool {
    ways.iter().any(|way| way.eq_ignore_ascii_case(wanted))
}

/// Logs in by a password (RFC 4954): PLAIN (RFC 4616), or LOGIN, which some servers have alone. What comes back is the server's last
/// answer.
///
/// # Errors
/// [`Stop`]: there is no such way, or the talk is over.
pub async fn by_password<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<'_, S>,
    ways: &[String],
    (user, pass): (&str, &str),
    keys: &Keys,
) -> Result<Reply, Stop> {
    if has(ways, "PLAIN") {
        lines.say(&format!("AUTH PLAIN {}", in_base64(&format!("\0{user}\0{pass}")))).await?;
        return lines.reply(SMTP).await;
    }
    if has(ways, "LOGIN") {
        lines.say("AUTH LOGIN").await?;
        let mut reply = lines.reply(SMTP).await?;
        for word in [user, pass] {
            if reply.code == "334" {
                lines.say(&in_base64(word)).await?;
                reply = lines.reply(SMTP).await?;
            }
        }
        return Ok(reply);
    }
    Err(Stop::Said(match keys.token_command.filter(|_| has(ways, "XOAUTH2")) {
        Some(token_command) => format!(
            "takes no passwords, only access tokens (XOAUTH2); use {token_command} in place of {}",
            keys.pass_file
        ),
        None if ways.is_empty() => {
            format!("offers no login at this port; take {} out, or use another port", keys.user)
        }
        None => format!("offers no login by PLAIN or LOGIN, only by {}", ways.join(", ")),
    }))
}

/// Why nobody could log in, by the server's last answer; `refusal` is the sentence for its no.
///
/// # Errors
/// [`Stop::Said`]
pub fn let_in(reply: &Reply, refusal: impl FnOnce() -> String) -> Result<(), Stop> {
    match reply.code.as_bytes().first() {
        Some(b'2') => Ok(()),
        _ if reply.code == "421" => Err(Stop::Said(format!("ends the talk: {}", reply.quoted()))),
        Some(b'4') => {
            Err(Stop::Said(format!("cannot log anybody in now, the password is not at fault: {}", reply.quoted())))
        }
        _ => Err(Stop::Said(refusal())),
    }
}

/// Ends politely, so that the server's log does not tell of a lost connection. What is begun of a mail is forgotten with it
/// (RFC 5321, 4.1.1.10). Nothing depends on the answer.
pub async fn quit<S: AsyncRead + AsyncWrite + Unpin>(lines: &mut Lines<'_, S>, limit: &Limit) {
    let goodbye = async {
        lines.say("QUIT").await?;
        lines.reply(SMTP).await
    };
    drop(timeout_at(farewell(limit), goodbye).await);
}

/// Until when an end is waited for that begins now.
pub fn farewell(limit: &Limit) -> Instant {
    let last = limit.until.checked_sub(MARGIN).unwrap_or(limit.until);
    last.min(Instant::now() + FAREWELL)
}

/// What a refusal may mean; `harm` is what would come of a server that offers no TLS.
pub fn hint(what: &str, phase: Phase, keys: &Keys, harm: &str) -> String {
    let security = keys.security;
    if what.starts_with("greets with \"4") {
        " (it is busy, or in trouble)".to_owned()
    } else if what.starts_with("greets with \"5") {
        " (it wants nothing to do with this host's address)".to_owned()
    } else if what == "does not offer STARTTLS" {
        format!(", so {harm} ({security} = \"none\", if that is meant)")
    } else if what.starts_with("does not answer as SMTP does") && phase == Phase::Greeting {
        format!(" (TLS from the first byte? then {security} = \"tls\")")
    } else {
        String::new()
    }
}

/// What may help where no answer came in time.
pub fn patience(phase: Phase, keys: &Keys) -> String {
    match phase {
        Phase::BeforeTls => format!(
            "; does this port speak TLS from the first byte ({} = \"tls\")? Some servers also let strangers wait: then a longer \
             timeout helps",
            keys.security
        ),
        Phase::Greeting => "; some servers let strangers wait, then a longer timeout helps".to_owned(),
        _ => String::new(),
    }
}

/// How a connection ended in the middle.
pub fn broken(to: SocketAddr, error: &io::Error, trouble: &Trouble, phase: Phase) -> String {
    let words = phase.words();
    match trouble {
        Trouble::Reset => format!("{to} reset the connection {words}"),
        _ if is_tls_error(error) || error.kind() == ErrorKind::UnexpectedEof => {
            format!("{to} cut the connection off {words}")
        }
        _ => format!("the connection to {to} broke {words}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_that_can_stand_in_a_command() {
        assert_eq!(address(" <a@b.example> ", "x@y").as_deref(), Ok("a@b.example"));
        for bad in ["a", "@b", "a@", "a@b\r\nRCPT TO:<c@d>", "a@b,c@d", "ü@b", &format!("{}@b", "a".repeat(260))] {
            assert!(address(bad, "x@y.example").unwrap_err().ends_with("write one as \"x@y.example\""), "{bad}");
        }
    }

    #[test]
    fn a_password_is_hidden_in_all_its_forms() {
        let all = scrubber("me", "pa\"ss");
        for form in ["pa\"ss", "pa\\\"ss", &in_base64("pa\"ss"), &in_base64("\0me\0pa\"ss")] {
            assert!(!all.scrub(format!("said {form}!")).contains(form), "{form}");
        }
    }

    #[test]
    fn ways_are_read_in_both_forms_and_once() {
        let lines = ["hi", "AUTH PLAIN login", "auth=LOGIN XOAUTH2", "AUTHOR x"].map(str::to_owned).to_vec();
        let found = ways(&Reply { code: "250".to_owned(), lines });
        assert_eq!(found, ["PLAIN", "login", "XOAUTH2"]);
        assert!(has(&found, "LOGIN") && !has(&found, "CRAM-MD5"));
    }
}
