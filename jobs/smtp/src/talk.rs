//! The commands of SMTP, once nothing more is to be done for TLS.

use crate::plan::{Login, Plan};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checker_parts::lines::{Lines, Reply, Stop};
use checker_parts::probe::Limit;
use checker_parts::starttls::our_name;
use rustls_pki_types::CertificateDer;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

/// The end of the talk is waited for no longer: all is known by then.
const FAREWELL: Duration = Duration::from_millis(500);
/// It ends so long before the run, or what is known would be lost with it.
const MARGIN: Duration = Duration::from_millis(10);

const SMTP: &str = "SMTP";

/// What the server is being asked, for the sentence when no answer comes.
#[derive(Clone, Copy, Debug)]
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
}

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

/// Ends politely, so that the server's log does not tell of a lost connection. What is begun of a mail is forgotten with it
/// (RFC 5321, 4.1.1.10). Nothing depends on the answer.
pub(crate) async fn quit<S: AsyncRead + AsyncWrite + Unpin>(lines: &mut Lines<'_, S>, limit: &Limit) {
    let goodbye = async {
        lines.say("QUIT").await?;
        lines.reply(SMTP).await
    };
    drop(timeout_at(farewell(limit), goodbye).await);
}

/// Until when an end is waited for that begins now.
pub(crate) fn farewell(limit: &Limit) -> Instant {
    let last = limit.until.checked_sub(MARGIN).unwrap_or(limit.until);
    last.min(Instant::now() + FAREWELL)
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

    /// RFC 4954. PLAIN (RFC 4616), or LOGIN, which some servers have alone.
    async fn login(&mut self, login: &Login, hello: &Reply) -> Result<(), Stop> {
        let Login { user, pass } = login;
        let ways = ways(hello);
        let has = |way: &str| ways.iter().any(|w| w.eq_ignore_ascii_case(way));
        let reply = if has("PLAIN") {
            let coded = STANDARD.encode(format!("\0{user}\0{}", pass.reveal()));
            self.ask(&format!("AUTH PLAIN {coded}")).await?
        } else if has("LOGIN") {
            let mut reply = self.ask("AUTH LOGIN").await?;
            for word in [user.as_str(), pass.reveal()] {
                if reply.code == "334" {
                    reply = self.ask(&STANDARD.encode(word)).await?;
                }
            }
            reply
        } else if ways.is_empty() {
            return Err(Stop::Said("offers no login at this port".to_owned()));
        } else {
            let ways = ways.join(", ");
            return Err(Stop::Said(format!("offers no login by PLAIN or LOGIN, only by {ways}")));
        };
        match reply.code.as_bytes().first() {
            Some(b'2') => Ok(()),
            Some(b'4') => {
                Err(Stop::Said(format!("cannot log anybody in now, the password is not at fault: {}", reply.quoted())))
            }
            _ => Err(Stop::Said(format!("refuses the login of {user:?}: {}", reply.quoted()))),
        }
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

/// How one can log in. Some old servers write `AUTH=`.
pub(crate) fn ways(hello: &Reply) -> Vec<String> {
    let words = hello.lines.iter().filter_map(|line| {
        let (head, rest) = line.split_at_checked(5)?;
        (head.eq_ignore_ascii_case("AUTH ") || head.eq_ignore_ascii_case("AUTH=")).then_some(rest)
    });
    let mut ways: Vec<String> = Vec::new();
    for way in words.flat_map(str::split_whitespace) {
        if ways.len() < 10 && !ways.iter().any(|w| w.eq_ignore_ascii_case(way)) {
            ways.push(way.chars().filter(char::is_ascii_graphic).take(30).collect());
        }
    }
    ways
}
