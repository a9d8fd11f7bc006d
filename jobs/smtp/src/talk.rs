//! The commands of SMTP, once nothing more is to be done for TLS.

use crate::plan::{Login, Plan};
use checker_parts::lines::{Lines, Reply, Stop};
use checker_parts::probe::Limit;
use checker_parts::starttls::our_name;
use checker_parts::submission::{Keys, Phase, SMTP, by_password, let_in, quit, ways};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};

/// How this kind calls its keys.
pub(crate) const KEYS: Keys = Keys { user: "user", pass_file: "pass_file", token_command: None, security: "security" };

/// What the server said to one of the addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) address: String,
    pub(crate) reply: Reply,
}

/// What came of a whole talk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Talked {
    /// What the server calls itself.
    pub(crate) name: String,
    /// Its answer to EHLO, in TLS where there is TLS.
    pub(crate) hello: Option<Reply>,
    /// The certificates that it showed, its own first, where that is wanted.
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    /// Its answer to the sender, where it was asked.
    pub(crate) sender: Option<Reply>,
    /// Its answers for those who must get mail.
    pub(crate) taken: Vec<Answer>,
    /// Its answers for those who must not.
    pub(crate) refused: Vec<Answer>,
}

struct Talk<'a, S> {
    plan: &'a Plan,
    lines: Lines<'a, S>,
    phase: &'a mut Phase,
}

/// Talks with a server; `greeted`: it has greeted before TLS.
pub(crate) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    plan: &Plan,
    stream: &mut S,
    greeted: bool,
    phase: &mut Phase,
    limit: &Limit,
) -> Result<Talked, Stop> {
    let mut talk = Talk { plan, lines: Lines::new(stream).hiding(&plan.scrubber), phase };
    let talked = talk.through(greeted).await;
    if !matches!(talked, Err(Stop::Broken(_))) {
        quit(&mut talk.lines, limit).await;
    }
    talked
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    async fn through(&mut self, greeted: bool) -> Result<Talked, Stop> {
        if !greeted {
            *self.phase = Phase::Greeting;
            self.lines.greeting(SMTP, "220").await?;
        }
        *self.phase = Phase::Hello;
        let hello = self.ask(&format!("EHLO {}", our_name())).await?;
        if hello.code != "250" {
            return Err(Stop::Said(format!("refuses EHLO: {}", hello.quoted())));
        }
        let name = hello.lines.first().and_then(|line| line.split_whitespace().next()).unwrap_or("it");
        let mut talked = Talked { name: name.chars().take(100).collect(), ..Talked::default() };
        if let Some(login) = &self.plan.login {
            *self.phase = Phase::Login;
            self.login(login, &hello).await?;
        }
        if !self.plan.rcpt_to.is_empty() || !self.plan.expect_refused.is_empty() {
            self.mail(&mut talked).await?;
        }
        talked.hello = Some(hello);
        Ok(talked)
    }

    /// Says a line and waits for the answer.
    async fn ask(&mut self, line: &str) -> Result<Reply, Stop> {
        self.lines.say(line).await?;
        let reply = self.lines.reply(SMTP).await?;
        if reply.code == "421" {
            return Err(Stop::Said(format!("ends the talk: {}", reply.quoted())));
        }
        Ok(reply)
    }

    async fn login(&mut self, login: &Login, hello: &Reply) -> Result<(), Stop> {
        let Login { user, pass } = login;
        let reply = by_password(&mut self.lines, &ways(hello), (user, pass.reveal()), &KEYS).await?;
        let_in(&reply, || format!("refuses the login of {user:?}: {}", reply.quoted()))
    }

    /// As far as a mail goes before its text.
    async fn mail(&mut self, talked: &mut Talked) -> Result<(), Stop> {
        *self.phase = Phase::Sender;
        let sender = self.ask(&format!("MAIL FROM:<{}>", self.plan.mail_from)).await?;
        let goes_on = sender.code.starts_with('2');
        talked.sender = Some(sender);
        if !goes_on {
            return Ok(());
        }
        *self.phase = Phase::Recipient;
        let plan = self.plan;
        for (addresses, answers) in [(&plan.rcpt_to, &mut talked.taken), (&plan.expect_refused, &mut talked.refused)] {
            for address in addresses {
                let reply = self.ask(&format!("RCPT TO:<{address}>")).await?;
                answers.push(Answer { address: address.clone(), reply });
            }
        }
        Ok(())
    }
}
