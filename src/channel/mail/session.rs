//! The talk with one mail server, step by step, so that each step's failure has its own answer.

mod login;

use super::words::{self, Fault, Secrets};
use super::{Letter, Security, Server};
use crate::decide::SendResult;
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a server made of a letter.
#[derive(Clone, Debug)]
pub(super) enum Tried {
    /// This is the answer.
    Done(SendResult),
    /// This server cannot be used; another one may.
    Next(String),
}

/// How far the talk is: what to say of it when it hangs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Resolve,
    Connect,
    Login,
    Envelope,
    /// The text is on its way or was sent: only the server knows whether it took it.
    Text,
}

/// Where a session notes its phase, for the thread that waits for it.
#[derive(Clone, Debug)]
pub(super) struct PhaseNote(Arc<Mutex<Phase>>);

impl PhaseNote {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Phase::Resolve)))
    }
    pub(super) fn set(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }
    pub(super) fn get(&self) -> Phase {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one try over one connection came to.
enum Talk {
    Done(SendResult),
    Next(String),
    /// The server ended a connection that had served before: it may take a new one.
    HungUp(String),
}

/// One server and the connection to it.
pub(super) struct Session {
    server: Server,
    timeout: Duration,
    hello: ClientId,
    tls: Option<TlsParameters>,
    open: Option<SmtpConnection>,
    phase: PhaseNote,
    /// What no word of the server may show: the password, or the token of the last login.
    secrets: Secrets,
}

impl Session {
    pub(super) fn new(server: Server, timeout: Duration, phase: PhaseNote) -> Self {
        let secrets = Secrets::of(&server);
        Self { server, timeout, hello: hello(), tls: None, open: None, phase, secrets }
    }

    /// Carries one letter, over the open connection if there is one.
    pub(super) fn deliver(&mut self, letter: &Letter, deadline: Instant) -> Tried {
        loop {
            let reused = self.open.is_some();
            let talk = match self.open.take() {
                Some(conn) => self.talk(conn, true, letter, deadline),
                None => match self.connect(deadline) {
                    Ok(conn) => self.talk(conn, false, letter, deadline),
                    Err(why) => Talk::Next(why),
                },
            };
            match talk {
                Talk::Done(result) => return Tried::Done(result),
                Talk::HungUp(_) if reused => {}
                Talk::Next(why) | Talk::HungUp(why) => return Tried::Next(why),
            }
        }
    }

    /// As [`Self::deliver`] by a server that takes a login in the clear, which is otherwise refused: for fuzzers.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn deliver_in_clear(&mut self, letter: &Letter, deadline: Instant) -> Tried {
        let logged_in = self.resolve().and_then(|addresses| {
            let mut conn = self.greet(&addresses, None, deadline)?;
            self.log_in(&mut conn, deadline).map(|()| conn)
        });
        match logged_in {
            Ok(conn) => match self.talk(conn, false, letter, deadline) {
                Talk::Done(result) => Tried::Done(result),
                Talk::Next(why) | Talk::HungUp(why) => Tried::Next(why),
            },
            Err(why) => Tried::Next(why),
        }
    }

    /// Connects, logs in and leaves. The answer says what was found.
    pub(super) fn probe(&mut self, deadline: Instant) -> Result<String, String> {
        let conn = self.connect(deadline)?;
        let tls = if conn.is_encrypted() { "TLS verified" } else { "no TLS" };
        let login = self.server.login.as_ref().map_or_else(|| "no login".to_owned(), words::logged_in);
        self.open = Some(conn);
        self.quit();
        Ok(format!("{}: {tls}, {login}", words::name(&self.server)))
    }

    /// Says goodbye, briefly.
    pub(super) fn quit(&mut self) {
        if let Some(mut conn) = self.open.take()
            && conn.set_timeout(Some(Duration::from_millis(500))).is_ok()
        {
            drop(conn.quit());
        }
    }

    fn talk(&mut self, mut conn: SmtpConnection, reused: bool, letter: &Letter, deadline: Instant) -> Talk {
        self.phase.set(Phase::Envelope);
        if reused {
            match self.step(&mut conn, deadline, |c| c.command(Rset)) {
                Ok(answer) if agrees(&answer) => {}
                Ok(answer) => return Talk::HungUp(self.out_of_step(&answer)),
                Err(fault) => return Talk::HungUp(words::no_way_in(&self.server, &fault, self.timeout)),
            }
        }
        let talk = match self.envelope(&mut conn, letter, deadline) {
            Ok(()) => self.text(&mut conn, letter, deadline),
            Err(talk) => Err(talk),
        };
        match talk {
            Ok(answer) => {
                self.open = Some(conn);
                Talk::Done(SendResult::Accepted { answer })
            }
            Err((talk, usable)) => {
                if usable {
                    self.open = Some(conn);
                }
                talk
            }
        }
    }

    /// MAIL, RCPT and DATA, up to the server's readiness for the text.
    fn envelope(&self, conn: &mut SmtpConnection, letter: &Letter, deadline: Instant) -> Result<(), (Talk, bool)> {
        let mut parameters = Vec::new();
        if !ascii(&letter.from) || !ascii(&letter.to) {
            if !conn.server_info().supports_feature(Extension::SmtpUtfEight) {
                let why = format!(
                    "{} does not take addresses with letters beyond ASCII, such as {} or {}",
                    words::name(&self.server),
                    letter.from,
                    letter.to
                );
                return Err((Talk::Done(SendResult::Refused { why }), true));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = letter.from.clone();
        let agreed = self.step(conn, deadline, |c| c.command(Mail::new(Some(from), parameters))).map_err(|fault| {
            let why = if fault.wants_login() {
                words::no_login(&self.server, &fault, self.timeout)
            } else {
                words::no_sender(&self.server, letter.from.as_ref(), &fault, self.timeout)
            };
            next(why, &fault)
        })?;
        self.in_step(&agreed)?;
        let to = letter.to.clone();
        let agreed = self
            .step(conn, deadline, |c| c.command(Rcpt::new(to, Vec::new())))
            .map_err(|fault| self.refusal(&fault, &format!("the recipient {}", letter.to)))?;
        self.in_step(&agreed)?;
        let ready = self
            .step(conn, deadline, |c| c.command(Data))
            .map_err(|fault| self.refusal(&fault, &format!("the message to {}", letter.to)))?;
        if ready.has_code(354) {
            return Ok(());
        }
        Err((Talk::HungUp(self.out_of_step(&ready)), false))
    }

    /// The text, and the one answer that counts.
    fn text(&self, conn: &mut SmtpConnection, letter: &Letter, deadline: Instant) -> Result<String, (Talk, bool)> {
        self.phase.set(Phase::Text);
        let unknown = |what: &str| {
            let why = words::unknown(&self.server, what);
            (Talk::Done(SendResult::Later { why }), false)
        };
        // lettre ends the last line itself.
        let text = letter.bytes.strip_suffix(b"\r\n").unwrap_or(&letter.bytes);
        match self.step(conn, deadline, |c| c.message(text)) {
            Ok(answer) if answer.has_code(250) => Ok(self.secrets.reply(&format!("250 {}", joined(&answer)))),
            Ok(other) => Err(unknown(&self.out_of_step(&other))),
            Err(Fault::Reply { code, text }) => {
                let what = format!("the message to {}", letter.to);
                let later = code < 500;
                let why = words::refused(&self.server, &what, &text, later);
                Err((Talk::Done(settled(why, later)), code != 421))
            }
            Err(fault) => Err(unknown(&fault.short(self.timeout))),
        }
    }

    /// The answer to a refusal of recipient or message.
    fn refusal(&self, fault: &Fault, what: &str) -> (Talk, bool) {
        match fault {
            fault if fault.wants_login() => next(words::no_login(&self.server, fault, self.timeout), fault),
            Fault::Reply { code, text } if *code != 421 => {
                let later = *code < 500;
                let why = words::refused(&self.server, what, text, later);
                (Talk::Done(settled(why, later)), true)
            }
            fault => next(
                format!(
                    "{} did not come to a decision on {what}: {}.",
                    words::name(&self.server),
                    fault.short(self.timeout)
                ),
                fault,
            ),
        }
    }

    /// lettre takes 354 for a yes at any time. Where it comes too early, the answers that follow are to other questions.
    fn in_step(&self, answer: &Response) -> Result<(), (Talk, bool)> {
        if agrees(answer) { Ok(()) } else { Err((Talk::HungUp(self.out_of_step(answer)), false)) }
    }

    fn out_of_step(&self, answer: &Response) -> String {
        let text = self.secrets.reply(&format!("{} {}", answer.code(), joined(answer)));
        format!("{} answered out of turn: \"{text}\"", words::name(&self.server))
    }

    /// A connection that is protected as the settings say, and logged in.
    fn connect(&mut self, deadline: Instant) -> Result<SmtpConnection, String> {
        if self.server.security == Security::None && self.server.login.is_some() {
            return Err(format!(
                "the login at {} would cross the network in the clear: set security to \"starttls\" or \"tls\" under {}, \
                 or take user out",
                words::name(&self.server),
                self.server.table
            ));
        }
        let tls = self.tls()?;
        self.phase.set(Phase::Resolve);
        let addresses = self.resolve()?;
        self.phase.set(Phase::Connect);
        let mut conn = self.greet(&addresses, tls.as_ref(), deadline)?;
        if self.server.security == Security::Starttls {
            conn = self.starttls(conn, tls.as_ref(), deadline)?;
        }
        self.phase.set(Phase::Login);
        self.log_in(&mut conn, deadline)?;
        Ok(conn)
    }

    fn resolve(&self) -> Result<Vec<SocketAddr>, String> {
        let host = self.server.host.trim_matches(['[', ']']);
        let found = (host, self.server.port).to_socket_addrs();
        let addresses: Vec<SocketAddr> = found.map_err(|e| words::no_address(&self.server, &e.to_string()))?.collect();
        if addresses.is_empty() {
            return Err(words::no_address(&self.server, "it has none"));
        }
        Ok(addresses)
    }

    /// Connects to the first address that takes us, up to EHLO's answer.
    fn greet(
        &self,
        addresses: &[SocketAddr],
        tls: Option<&TlsParameters>,
        deadline: Instant,
    ) -> Result<SmtpConnection, String> {
        let tls = tls.filter(|_| self.server.security == Security::Tls);
        let mut trouble = String::new();
        for (nth, address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - nth).unwrap_or(1);
            let step = self.timeout.min(remaining(deadline)) / left.min(4);
            if step.is_zero() {
                break;
            }
            match SmtpConnection::connect(address, Some(step), &self.hello, tls, None) {
                Ok(conn) => return Ok(conn),
                Err(error) => {
                    let fault = Fault::of(&error, &self.secrets);
                    trouble = words::no_way_in(&self.server, &fault, step);
                    if !matches!(fault, Fault::Connect(..)) {
                        break;
                    }
                }
            }
        }
        Err(if trouble.is_empty() { words::no_way_in(&self.server, &Fault::Timeout, self.timeout) } else { trouble })
    }

    fn starttls(
        &self,
        mut conn: SmtpConnection,
        tls: Option<&TlsParameters>,
        deadline: Instant,
    ) -> Result<SmtpConnection, String> {
        let Some(tls) = tls.filter(|_| conn.can_starttls()) else {
            self.leave(conn);
            return Err(format!(
                "{} offers no STARTTLS, so nothing was sent: Checker never goes on in the clear.{}",
                words::name(&self.server),
                words::wrong_port(&self.server)
            ));
        };
        let hello = self.hello.clone();
        self.step(&mut conn, deadline, |c| c.starttls(tls, &hello))
            .map_err(|fault| words::no_way_in(&self.server, &fault, self.timeout))?;
        // Nothing may be in the air now. What is, was put there by someone else before TLS began, and would be taken for
        // the answers to our commands.
        let early =
            conn.set_timeout(Some(Duration::from_millis(1))).map_err(|e| e.to_string()).and_then(|()| {
                match conn.read_response() {
                    Err(e) if Fault::of(&e, &self.secrets) == Fault::Timeout => Ok(()),
                    Err(e) if Fault::of(&e, &self.secrets) == Fault::Closed => {
                        Err("it ended the connection".to_owned())
                    }
                    _ => Err("it answered before it was asked".to_owned()),
                }
            });
        match early {
            Ok(()) => Ok(conn),
            Err(why) => Err(words::no_way_in(&self.server, &Fault::Tls(why), self.timeout)),
        }
    }

    /// Runs one command with the time that is left for it.
    fn step<T>(
        &self,
        conn: &mut SmtpConnection,
        deadline: Instant,
        command: impl FnOnce(&mut SmtpConnection) -> Result<T, lettre::transport::smtp::Error>,
    ) -> Result<T, Fault> {
        let time = self.timeout.min(remaining(deadline));
        if time.is_zero() {
            return Err(Fault::Timeout);
        }
        conn.set_timeout(Some(time)).map_err(|e| Fault::Other(e.to_string()))?;
        command(conn).map_err(|error| Fault::of(&error, &self.secrets))
    }

    fn leave(&self, conn: SmtpConnection) {
        let mut other = Self::new(self.server.clone(), self.timeout, self.phase.clone());
        other.open = Some(conn);
        other.quit();
    }

    /// What TLS is checked against; read from the disk once.
    fn tls(&mut self) -> Result<Option<TlsParameters>, String> {
        if self.server.security == Security::None {
            return Ok(None);
        }
        if self.tls.is_none() {
            self.tls = Some(tls(&self.server)?);
        }
        Ok(self.tls.clone())
    }
}

fn tls(server: &Server) -> Result<TlsParameters, String> {
    let bad = |e: &dyn std::fmt::Display| format!("TLS for {} cannot be set up: {e}", words::name(server));
    let host = server.host.trim_matches(['[', ']']);
    rustls_pki_types::ServerName::try_from(host)
        .map_err(|_| bad(&format!("host under {} is no host name", server.table)))?;
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = &server.ca {
        let no_certificate = || bad(&format!("ca_file under {} holds no certificate in PEM form", server.table));
        if !pem.windows(27).any(|w| w == b"-----BEGIN CERTIFICATE-----") {
            return Err(no_certificate());
        }
        let certificate = Certificate::from_pem(pem).map_err(|_| no_certificate())?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|e| bad(&e))
}

/// The name that we greet with: this host's, if it is a full one.
fn hello() -> ClientId {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let full = host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    if full { ClientId::Domain(host) } else { ClientId::Ipv4(std::net::Ipv4Addr::LOCALHOST) }
}

/// A command that needs nothing more was carried out.
fn agrees(answer: &Response) -> bool {
    (200..300).contains(&u16::from(answer.code()))
}

fn joined(answer: &Response) -> String {
    answer.message().collect::<Vec<_>>().join(" ")
}

fn settled(why: String, later: bool) -> SendResult {
    if later { SendResult::Later { why } } else { SendResult::Refused { why } }
}

/// Another server may do; the connection is kept unless it is gone.
fn next(why: String, fault: &Fault) -> (Talk, bool) {
    if fault.hung_up() { (Talk::HungUp(why), false) } else { (Talk::Next(why), true) }
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn ascii(address: &lettre::Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}
