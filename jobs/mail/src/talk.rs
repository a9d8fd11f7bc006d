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
use checker_parts::submission::{Keys, Phase, SMTP, by_password, has, let_in, quit, ways};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// How this kind calls its keys.
pub(crate) const KEYS: Keys = Keys {
    user: "smtp_user",
    pass_file: "smtp_pass_file",
    token_command: Some("smtp_token_command"),
    security: "smtp_security",
};

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
            quit(&mut Lines::new(stream), self.limit).await;
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
        let hello = ask(&mut lines, &format!("EHLO {}", our_name())).await.map_err(before_mail)?;
        if hello.code != "250" {
            return Err(said(format!("refuses EHLO: {}", hello.quoted())));
        }
        if let Some(login) = &self.plan.sender.login {
            self.phase = Phase::Login;
            match &login.by {
                LoginBy::Password(pass) => {
                    let user = &login.user;
                    let reply = by_password(&mut lines, &ways(&hello), (user, pass.reveal()), &KEYS).await?;
                    let_in(&reply, || {
                        format!(
                            "refuses the login of {:?}: mend smtp_user or smtp_pass_file (Gmail and Microsoft 365 want \
                             smtp_token_command in its place); it says {}",
                            short(user),
                            reply.quoted()
                        )
                    })?;
                }
                LoginBy::Token(command) => {
                    let token = self.token(command, &ways(&hello))?;
                    lines = Lines::new(stream).hiding(&self.secrets);
                    by_token(&mut lines, &login.user, &token, &self.secrets).await.map_err(before_mail)?;
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

/// A server that takes nobody's mail has failed; "later" is for one message.
fn before_mail(bar: Bar) -> Bar {
    match bar {
        Bar::Refused { what, .. } => said(what),
        stop @ Bar::Stop(_) => stop,
    }
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
    let_in(&reply, || {
        format!(
            "refuses the access token for {:?}: see that smtp_token_command prints a fresh one for this user, with the right to \
             send by SMTP; it says {}{why}",
            short(user),
            reply.quoted()
        )
    })
    .map_err(Bar::Stop)
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
