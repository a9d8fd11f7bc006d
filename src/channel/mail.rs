//! Mail, the first channel.
//!
//! [`Mailer`] carries deliveries by SMTP, by a `sendmail` program, or as files into a folder. All three carry the same
//! bytes: see [`compose`]. One `Mailer` serves one drain of the outbox; its connection is used for all of it.
//!
//! **Invariant:** [`Mailer::send`] comes back by its deadline, whatever a server does.

mod compose;
mod file;
mod line;
mod sendmail;
mod session;
mod words;

pub use checker_parts::login::LoginBy;
pub use compose::{Letter, Marks, compose, message_id};

use crate::decide::{Delivery, SendResult};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use line::Line;
use session::Tried;

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Plain at first, then STARTTLS; a server that does not offer it gets nothing.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: for this host and trusted networks, without a password.
    None,
}

impl Security {
    /// The port that this kind of service usually has.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// A login at a mail server. Its password is never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The account; it need not be an address.
    pub user: String,
    /// Its password, or what prints a token.
    pub by: LoginBy,
}

/// One mail server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Name or address; the certificate must be valid for it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Its protection.
    pub security: Security,
    /// Without one, no login is tried.
    pub login: Option<Login>,
    /// Certificates (PEM) of authorities to trust besides those of the system.
    pub ca: Option<Vec<u8>>,
    /// The table of the settings that describes this server, for messages: `[email.smtp]`.
    pub table: String,
}

/// How mail leaves.
#[derive(Clone, Debug)]
pub enum Transport {
    /// By these servers: the first that can be used.
    Smtp(Vec<Server>),
    /// By a program that understands `sendmail -i -f FROM -- RECIPIENT`.
    Sendmail {
        /// The program.
        program: PathBuf,
    },
    /// As one `.eml` file for each message.
    File {
        /// The folder; it is made if it is missing.
        folder: PathBuf,
    },
}

/// What [`Mailer`] needs to know.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The sender's address.
    pub from: String,
    /// This server's name, as it stands in every subject.
    pub servername: String,
    /// How mail leaves.
    pub transport: Transport,
    /// The longest time that one step (connect, read, write) may take.
    pub timeout: Duration,
    /// The longest time that one delivery may take, whatever its caller allows.
    pub deadline: Duration,
    /// Each message gets a subject of its own and no reference to others, so that no mail program groups them.
    pub bust_gmail_threading: bool,
}

/// What the session with `server`, which may want a login in the clear, makes of letters one after the other: for fuzzers.
/// An error is the reason to try another server.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn carry_in_clear(
    server: &Server,
    letters: &[Letter],
    timeout: Duration,
) -> Vec<Result<SendResult, String>> {
    let mut session = session::Session::new(server.clone(), timeout, session::PhaseNote::new());
    let until = Instant::now() + timeout;
    let carried = letters.iter().map(|letter| match &server.login {
        Some(_) => session.deliver_in_clear(letter, until),
        None => session.deliver(letter, until),
    });
    let told = |tried| match tried {
        Tried::Done(result) => Ok(result),
        Tried::Next(why) => Err(why),
    };
    let all = carried.map(told).collect();
    session.quit();
    all
}

/// A server that accepted is asked first for this long, even if it is a fallback.
const PREFER: Duration = Duration::from_secs(300);
/// After a slow failure of all servers, deliveries get the same answer at once for this long.
const REPEAT: Duration = Duration::from_secs(5);
/// A failure that took longer than this is a slow one.
const SLOW: Duration = Duration::from_secs(1);

/// Carries deliveries. One drain of the outbox, one `Mailer`.
pub struct Mailer {
    settings: MailSettings,
    lines: Vec<Line>,
    /// The server that accepted last, and when.
    preferred: Option<(usize, Instant)>,
    /// When all servers were found unusable after a long wait, and why.
    unusable: Option<(Instant, String)>,
}

impl Mailer {
    /// Touches nothing yet.
    pub fn new(settings: MailSettings) -> Self {
        let lines = match &settings.transport {
            Transport::Smtp(servers) => {
                servers.iter().map(|server| Line::new(server.clone(), settings.timeout)).collect()
            }
            Transport::Sendmail { .. } | Transport::File { .. } => Vec::new(),
        };
        Self { settings, lines, preferred: None, unusable: None }
    }

    /// Carries one delivery and comes back by `deadline`.
    ///
    /// `Accepted` means that the server (the program, the file system) took it over. A repeat carries the same
    /// Message-ID, so an answer that was lost costs a doubled message at most.
    pub fn send(&mut self, delivery: &Delivery, deadline: Instant) -> SendResult {
        self.carry(delivery, None, deadline)
    }

    /// Carries a message to ourselves, by the same way.
    pub fn send_canary(&mut self, delivery: &Delivery, marks: &Marks<'_>, deadline: Instant) -> SendResult {
        self.carry(delivery, Some(marks), deadline)
    }

    fn carry(&mut self, delivery: &Delivery, canary: Option<&Marks<'_>>, deadline: Instant) -> SendResult {
        let now = Instant::now();
        let deadline = deadline.min(now + self.settings.deadline);
        if deadline <= now {
            return SendResult::Later { why: "there was no time left to send it in this round".to_owned() };
        }
        let composed = match canary {
            Some(marks) => compose::compose_canary(&self.settings, delivery, marks),
            None => compose(&self.settings, delivery),
        };
        let letter = match composed {
            Ok(letter) => letter,
            Err(result) => return result,
        };
        match &self.settings.transport {
            Transport::Smtp(_) => self.send_by_smtp(&Arc::new(letter), deadline),
            Transport::Sendmail { program } => sendmail::send(program, &letter, deadline),
            Transport::File { folder } => file::write(folder, delivery, &letter),
        }
    }

    /// Tries the way without sending: for SMTP each server is connected to, its TLS verified, and logged in at. The
    /// answer has a line for each server; it is an error if one of them cannot be used.
    pub fn probe(&mut self) -> Result<String, String> {
        match &self.settings.transport {
            Transport::Sendmail { program } => return sendmail::probe(program),
            Transport::File { folder } => return file::probe(folder),
            Transport::Smtp(_) => {}
        }
        if self.lines.is_empty() {
            return Err(NO_SERVER.to_owned());
        }
        let mut good = true;
        let mut said = Vec::new();
        for line in &mut self.lines {
            let answer = line.probe(Instant::now() + self.settings.deadline);
            good &= answer.is_ok();
            said.push(answer.unwrap_or_else(|why| why));
        }
        let said = said.join("\n");
        if good { Ok(said) } else { Err(said) }
    }

    fn send_by_smtp(&mut self, letter: &Arc<Letter>, deadline: Instant) -> SendResult {
        let started = Instant::now();
        if let Some((at, why)) = &self.unusable
            && started.duration_since(*at) < REPEAT
        {
            return SendResult::Later { why: why.clone() };
        }
        self.unusable = None;
        let order = self.order(started);
        let mut troubles = Vec::new();
        for (nth, index) in order.iter().enumerate() {
            let Some(line) = self.lines.get_mut(*index) else {
                continue;
            };
            let now = Instant::now();
            // A server that hangs must leave time for those after it.
            let servers_left = u32::try_from(order.len() - nth).unwrap_or(1);
            let until = now + deadline.saturating_duration_since(now) / servers_left;
            match line.send(Arc::clone(letter), until) {
                Tried::Done(result) => {
                    self.preferred = Some((*index, Instant::now()));
                    return result;
                }
                Tried::Next(why) => troubles.push(why),
            }
        }
        if troubles.is_empty() {
            return SendResult::Later { why: NO_SERVER.to_owned() };
        }
        let why = troubles.join("\nAnd the next one: ");
        if started.elapsed() > SLOW {
            self.unusable = Some((Instant::now(), why.clone()));
        }
        SendResult::Later { why }
    }

    /// All servers in the order of the settings, but first the one that accepted a moment ago.
    fn order(&self, now: Instant) -> Vec<usize> {
        let first = self.preferred.filter(|(_, at)| now.duration_since(*at) < PREFER).map(|(index, _)| index);
        let others = (0..self.lines.len()).filter(|index| Some(*index) != first);
        first.into_iter().chain(others).collect()
    }
}

const NO_SERVER: &str = "no mail server is set: give host under [email.smtp]";
