//! Going over to TLS in the middle of a conversation: SMTP (RFC 3207), IMAP (RFC 9051), POP3 (RFC 2595), FTP (RFC 4217),
//! `PostgreSQL` (its protocol 3, `SSLRequest`) and LDAP (RFC 4511, 4.14).
//!
//! What a server says before TLS is not to be trusted: it is read up to [`SAID_MAX`], and nothing of it may be left when TLS
//! begins. Whoever slips plain text in behind the server's consent (CVE-2011-0411) would be believed afterwards.

mod ldap;

pub use crate::lines::{SAID_MAX, Stop};

use crate::lines::{self, Lines};
use crate::quoted::quoted;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A protocol in which TLS is begun by a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// `EHLO`, `STARTTLS`.
    Smtp,
    /// `STARTTLS`.
    Imap,
    /// `STLS`.
    Pop3,
    /// `AUTH TLS`.
    Ftp,
    /// `SSLRequest`.
    Postgres,
    /// The extended operation `1.3.6.1.4.1.1466.20037`.
    Ldap,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Smtp, Self::Imap, Self::Pop3, Self::Ftp, Self::Postgres, Self::Ldap];

    /// As settings name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Ftp => "ftp",
            Self::Postgres => "postgres",
            Self::Ldap => "ldap",
        }
    }

    /// What settings name.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.word() == word)
    }

    /// As people name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
            Self::Ftp => "FTP",
            Self::Postgres => "PostgreSQL",
            Self::Ldap => "LDAP",
        }
    }

    /// What ends the conversation politely, inside TLS.
    pub fn farewell(self) -> &'static [u8] {
        match self {
            Self::Smtp | Self::Pop3 | Self::Ftp => b"QUIT\r\n",
            Self::Imap => b"a2 LOGOUT\r\n",
            // It has been asked nothing yet, and would take anything for a broken beginning.
            Self::Postgres => &[],
            // An unbind request.
            Self::Ldap => &[0x30, 0x05, 0x02, 0x01, 0x02, 0x42, 0x00],
        }
    }
}

/// Talks on a fresh connection until the server waits for TLS. Who calls sets the limit of time.
///
/// # Errors
/// [`Stop`]
pub async fn begin<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, protocol: Protocol) -> Result<(), Stop> {
    match protocol {
        Protocol::Postgres => postgres(stream).await,
        Protocol::Ldap => ldap::begin(stream).await,
        _ => {
            let mut lines = Lines::new(stream);
            match protocol {
                Protocol::Smtp => smtp(&mut lines).await?,
                Protocol::Imap => imap(&mut lines).await?,
                Protocol::Pop3 => pop3(&mut lines).await?,
                _ => ftp(&mut lines).await?,
            }
            lines.nothing_left()
        }
    }
}

async fn smtp<S: AsyncRead + AsyncWrite + Unpin>(lines: &mut Lines<'_, S>) -> Result<(), Stop> {
    lines.greeting("SMTP", "220").await?;
    lines.say(&format!("EHLO {}", our_name())).await?;
    let offered = lines.reply("SMTP").await?;
    if offered.code != "250" {
        return Err(Stop::Said(format!("refuses EHLO: {}", offered.shown())));
    }
    if !offered.lines.iter().any(|l| l.trim().eq_ignore_ascii_case("STARTTLS")) {
        return Err(Stop::Said("does not offer STARTTLS".to_owned()));
    }
    lines.say("STARTTLS").await?;
    agreed(&lines.reply("SMTP").await?, "220", "STARTTLS")
}

async fn ftp<S: AsyncRead + AsyncWrite + Unpin>(lines: &mut Lines<'_, S>) -> Result<(), Stop> {
    lines.greeting("FTP", "220").await?;
    lines.say("AUTH TLS").await?;
    agreed(&lines.reply("FTP").await?, "234", "AUTH TLS")
}

fn agreed(reply: &lines::Reply, code: &str, command: &str) -> Result<(), Stop> {
    if reply.code == code { Ok(()) } else { Err(Stop::Said(format!("refuses {command}: {}", reply.shown()))) }
}

async fn imap<S: AsyncRead + AsyncWrite + Unpin>(lines: &mut Lines<'_, S>) -> Result<(), Stop> {
    let greeting = lines.line().await?;
    if !greeting.starts_with("* OK") && !greeting.starts_with("* PREAUTH") {
        return Err(Stop::Said(format!("does not greet as IMAP does, but with {}", quoted(greeting.as_bytes()))));
    }
    lines.say("a1 STARTTLS").await?;
    loop {
        let line = lines.line().await?;
        let Some(answer) = line.strip_prefix("a1 ") else { continue };
        let agreed = answer.get(..2).is_some_and(|word| word.eq_ignore_ascii_case("OK"));
        return if agreed {
            Ok(())
        } else {
            Err(Stop::Said(format!("refuses STARTTLS: {}", quoted(answer.as_bytes()))))
        };
    }
}

async fn pop3<S: AsyncRead + AsyncWrite + Unpin>(lines: &mut Lines<'_, S>) -> Result<(), Stop> {
    let greeting = lines.line().await?;
    if !greeting.starts_with("+OK") {
        return Err(Stop::Said(format!("does not greet as POP3 does, but with {}", quoted(greeting.as_bytes()))));
    }
    lines.say("STLS").await?;
    let answer = lines.line().await?;
    if answer.starts_with("+OK") {
        Ok(())
    } else {
        Err(Stop::Said(format!("refuses STLS: {}", quoted(answer.as_bytes()))))
    }
}

async fn postgres<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Stop> {
    stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]).await?;
    let mut answer = [0; 256];
    let came = stream.read(&mut answer).await?;
    match answer.get(..came).unwrap_or_default() {
        [] => Err(Stop::Said("closed the connection instead of answering".to_owned())),
        [b'S'] => Ok(()),
        [b'S', ..] => Err(lines::plain_text_after()),
        [b'N'] => Err(Stop::Said("does not offer TLS (ssl is off in its postgresql.conf)".to_owned())),
        [b'E', ..] => Err(Stop::Said("answers with an error of PostgreSQL; it may be too old, or busy".to_owned())),
        said => {
            Err(Stop::Said(format!("does not answer as PostgreSQL does, but with {}", crate::quoted::quoted(said))))
        }
    }
}

/// What we call ourselves; servers may refuse a name without a dot, but none an address in brackets.
pub fn our_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let sound = name.contains('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
    if sound { name } else { "[127.0.0.1]".to_owned() }
}

#[cfg(test)]
mod tests;
