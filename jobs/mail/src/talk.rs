//! The commands of SMTP that carry one message, once nothing more is to be done for TLS.

use crate::plan::{Login, Plan, short};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker_parts::hidden::Scrubber;
use checker_parts::lines::{Lines, Reply, Stop};
use checker_parts::login::{LoginBy, TokenCommand, refusal_in_base64, xoauth2};
use checker_parts::mailbox::Password;
use checker_parts::probe::Limit;
use checker_parts::starttls::our_name;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

/// The end of the talk is waited for no longer: all is known by then.
const FAREWELL: Duration = Duration::from_millis(500);

const SMTP: &str = "SMTP";

/// What the server is being asked, for the sentence when no answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Connecting,
    /// Greeting, EHLO and STARTTLS.
    BeforeTls,
    Handshake,
    Greeting,
    Hello,
    Login,
    Sender,
    Recipient,
    /// Its readiness for the text.
    Data,
    /// Only the server knows whether it has taken the message.
    Text,
}

/// Why the message was not taken.
#[derive(Debug)]
pub(crate) enum Bar {
    Stop(Stop),
    /// The server said no to this message, perhaps for now only. Holds what it did, as the end of a sentence.
    Refused {
        what: String,
        later: bool,
    },
}

impl From<Stop> for Bar {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// One talk, as far as it has come.
pub(crate) struct Talk<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) text: &'a str,
    pub(crate) limit: &'a Limit,
    pub(crate) phase: Phase,
    /// What no word of the server may show.
    pub(crate) secrets: Scrubber,
}

impl Talk<'_> {
    /// Hands the message over; `greeted`: the server has greeted before TLS.
    pub(crate) async fn hand_over<S>(&mut self, stream: &mut S, greeted: bool) -> Result<(), Bar>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let handed = self.through(stream, greeted).await;
        if !matches!(handed, Err(Bar::Stop(Stop::Broken(_)))) {
            let goodbye = async {
                let mut lines = Lines::new(stream);
                lines.say("QUIT").await?;
                lines.reply(SMTP).await
            };
            drop(timeout_at(self.limit.until.min(Instant::now() + FAREWELL), goodbye).await);
        }
        handed
    }

    async fn through<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S, greeted: bool) -> Result<(), Bar> {
        let mut lines = Lines::new(stream).hiding(&self.secrets);
        if !greeted {
            self.phase = Phase::Greeting;
            lines.greeting(SMTP, "220").await?;
        }
        self.phase = Phase::Hello;
        let hello = ask(&mut lines, &format!("EHLO {}", our_name())).await?;
        if hello.code != "250" {
            return Err(said(format!("refuses EHLO: {}", hello.quoted())));
        }
        if let Some(login) = &self.plan.sender.login {
            self.phase = Phase::Login;
            match &login.by {
                LoginBy::Password(pass) => by_password(&mut lines, login, pass, &ways(&hello)).await?,
                LoginBy::Token(command) => {
                    let token = self.token(command, &ways(&hello))?;
                    lines = Lines::new(stream).hiding(&self.secrets);
                    by_token(&mut lines, &login.user, &token, &self.secrets).await?;
                }
            }
        }
        self.mail(&mut lines).await
    }

    /// The program is run when the server is there and takes tokens: each costs its provider something.
    fn token(&mut self, command: &TokenCommand, ways: &[String]) -> Result<Password, Bar> {
        if !has(ways, "XOAUTH2") {
            let others =
                if ways.is_empty() { "no login at all".to_owned() } else { format!("only {}", ways.join(", ")) };
            return Err(said(format!(
                "takes no access tokens (XOAUTH2) at this port and offers {others}; use smtp_pass_file in place of \
                 smtp_token_command, or another port"
            )));
        }
        let left = self.limit.until.saturating_duration_since(Instant::now());
        // It blocks, and nothing else is being done meanwhile.
        let fetched = std::thread::scope(|scope| scope.spawn(|| command.fetch(left)).join());
        let fetched = fetched.unwrap_or_else(|_| Err("the program could not be run".to_owned()));
        let token = fetched.map_err(|why| said(format!("gets no login: {why}")))?;
        if let Some(Login { user, .. }) = &self.plan.sender.login {
            for secret in [token.reveal().to_owned(), STANDARD.encode(xoauth2(user, &token))] {
                self.secrets.add(&secret);
            }
        }
        Ok(token)
    }

    async fn mail<S: AsyncRead + AsyncWrite + Unpin>(&mut self, lines: &mut Lines<'_, S>) -> Result<(), Bar> {
        let Plan { from, to, .. } = self.plan;
        for (phase, line, whom) in [
            (Phase::Sender, format!("MAIL FROM:<{from}>"), format!("mail from {}", short(from))),
            (Phase::Recipient, format!("RCPT TO:<{to}>"), format!("mail for {}", short(to))),
        ] {
            self.phase = phase;
            let reply = ask(lines, &line).await?;
            if !reply.code.starts_with('2') {
                return Err(refused(&whom, &reply));
            }
        }
        self.phase = Phase::Data;
        let ready = ask(lines, "DATA").await?;
        if ready.code != "354" {
            return Err(refused("the message", &ready));
        }
        self.phase = Phase::Text;
        lines.say(&format!("{}.", stuffed(self.text))).await.map_err(Bar::Stop)?;
        let verdict = ask(lines, "").await?;
        if verdict.code.starts_with('2') { Ok(()) } else { Err(refused("the message", &verdict)) }
    }
}

fn said(what: String) -> Bar {
    Bar::Stop(Stop::Said(what))
}

/// Says a line, unless it is empty, and waits for the answer.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(lines: &mut Lines<'_, S>, line: &str) -> Result<Reply, Bar> {
    if !line.is_empty() {
        lines.say(line).await?;
    }
    let reply = lines.reply(SMTP).await?;
    if reply.code == "421" {
        return Err(Bar::Refused { what: format!("ends the talk for now: {}", reply.quoted()), later: true });
    }
    Ok(reply)
}

/// RFC 4954. PLAIN (RFC 4616), or LOGIN, which some servers have alone.
async fn by_password<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<'_, S>,
    login: &Login,
    pass: &Password,
    ways: &[String],
) -> Result<(), Bar> {
    let user = &login.user;
    let reply = if has(ways, "PLAIN") {
        let coded = STANDARD.encode(format!("\0{user}\0{}", pass.reveal()));
        ask(lines, &format!("AUTH PLAIN {coded}")).await?
    } else if has(ways, "LOGIN") {
        let mut reply = ask(lines, "AUTH LOGIN").await?;
        for word in [user.as_str(), pass.reveal()] {
            if reply.code == "334" {
                reply = ask(lines, &STANDARD.encode(word)).await?;
            }
        }
        reply
    } else if has(ways, "XOAUTH2") {
        let what =
            "takes no passwords, only access tokens (XOAUTH2); use smtp_token_command in place of smtp_pass_file";
        return Err(said(what.to_owned()));
    } else if ways.is_empty() {
        return Err(said("offers no login at this port; take smtp_user out, or use another port".to_owned()));
    } else {
        return Err(said(format!("offers no login by PLAIN or LOGIN, only by {}", ways.join(", "))));
    };
    let what = format!(
        "refuses the login of {:?}: mend smtp_user or smtp_pass_file (Gmail and Microsoft 365 want smtp_token_command in its \
         place); it says {}",
        short(user),
        reply.quoted()
    );
    let_in(&reply, what)
}

async fn by_token<S: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Lines<'_, S>,
    user: &str,
    token: &Password,
    secrets: &Scrubber,
) -> Result<(), Bar> {
    let mut reply = ask(lines, &format!("AUTH XOAUTH2 {}", STANDARD.encode(xoauth2(user, token)))).await?;
    let mut why = String::new();
    if reply.code == "334" {
        // It says why it does not take the token; its no comes when we have answered that by an empty line.
        let challenge = reply.lines.first().map_or("", String::as_str);
        why = refusal_in_base64(challenge, |words| secrets.scrub(words.to_owned()))
            .map(|said| format!(", after {said:?}"))
            .unwrap_or_default();
        lines.say("").await?;
        reply = ask(lines, "").await?;
    }
    let what = format!(
        "refuses the access token for {:?}: see that smtp_token_command prints a fresh one for this user, with the right to \
         send by SMTP; it says {}{why}",
        short(user),
        reply.quoted()
    );
    let_in(&reply, what)
}

fn let_in(reply: &Reply, refusal: String) -> Result<(), Bar> {
    match reply.code.as_bytes().first() {
        Some(b'2') => Ok(()),
        Some(b'4') => {
            let what = format!("cannot log anybody in now, the password is not at fault: {}", reply.quoted());
            Err(Bar::Refused { what, later: true })
        }
        _ => Err(said(refusal)),
    }
}

fn refused(what: &str, reply: &Reply) -> Bar {
    let later = reply.code.starts_with('4');
    let said = reply.quoted();
    let what = match reply.code.as_str() {
        _ if later => {
            format!("does not take {what} for now: {said} (greylisting, a full mailbox, or trouble of its own)")
        }
        "530" => {
            format!("refuses {what}: give smtp_user and smtp_pass_file (or smtp_token_command); it says {said}")
        }
        _ => format!("refuses {what}: {said}"),
    };
    Bar::Refused { what, later }
}

/// A line that begins with a dot gets another one (RFC 5321, 4.5.2).
fn stuffed(text: &str) -> String {
    text.split_inclusive("\r\n")
        .map(|line| if line.starts_with('.') { format!(".{line}") } else { line.to_owned() })
        .collect()
}

fn has(ways: &[String], wanted: &str) -> bool {
    ways.iter().any(|way| way.eq_ignore_ascii_case(wanted))
}

/// How one can log in. Some old servers write `AUTH=`.
fn ways(hello: &Reply) -> Vec<String> {
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
