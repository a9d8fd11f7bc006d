//! The login at a mail server: by a password, or by an access token.

use super::{Session, joined, remaining};
use crate::channel::mail::words::{self, Fault, Secrets};
use checker_parts::login::{self, LoginBy, TokenCommand};
use checker_parts::mailbox::Password;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS, Mechanism};
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::commands::Auth;
use lettre::transport::smtp::response::Response;
use std::time::Instant;

impl Session {
    pub(super) fn log_in(&mut self, conn: &mut SmtpConnection, deadline: Instant) -> Result<(), String> {
        let Some(login) = self.server.login.clone() else {
            return Ok(());
        };
        match &login.by {
            LoginBy::Password(pass) => self.by_password(conn, &login.user, pass, deadline),
            LoginBy::Token(command) => self.by_token(conn, &login.user, command, deadline),
        }
    }

    fn by_password(
        &self,
        conn: &mut SmtpConnection,
        user: &str,
        pass: &Password,
        deadline: Instant,
    ) -> Result<(), String> {
        let tokens = conn.server_info().supports_auth_mechanism(Mechanism::Xoauth2);
        if conn.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
            return Err(words::no_password_taken(&self.server, tokens));
        }
        let credentials = Credentials::new(user.to_owned(), pass.reveal().to_owned());
        let answer = self
            .step(conn, deadline, |c| c.auth(DEFAULT_MECHANISMS, &credentials))
            .map_err(|fault| words::no_login(&self.server, &fault, self.timeout))?;
        self.let_in(&answer)
    }

    /// The program is run when the server is there and takes tokens: each costs its provider something.
    fn by_token(
        &mut self,
        conn: &mut SmtpConnection,
        user: &str,
        command: &TokenCommand,
        deadline: Instant,
    ) -> Result<(), String> {
        let offers = conn.server_info();
        if !offers.supports_auth_mechanism(Mechanism::Xoauth2) {
            let ways = DEFAULT_MECHANISMS.iter().filter(|way| offers.supports_auth_mechanism(**way));
            let ways: Vec<String> = ways.map(ToString::to_string).collect();
            return Err(words::no_token_taken(&self.server, &ways));
        }
        let no_token = |why: &str| format!("no login at {}: {why}", words::name(&self.server));
        let token = command.fetch(remaining(deadline)).map_err(|why| no_token(&why))?;
        self.secrets = Secrets::of_token(user, token.reveal());
        let credentials = Credentials::new(user.to_owned(), token.reveal().to_owned());
        let auth = Auth::new(Mechanism::Xoauth2, credentials, None).map_err(|e| no_token(&e.to_string()))?;
        let said = match self.step(conn, deadline, |c| c.command(auth)) {
            Ok(answer) if answer.has_code(334) => {
                login::refusal_in_base64(&joined(&answer), |said| self.secrets.reply(said))
            }
            Ok(answer) => return self.let_in(&answer),
            Err(fault) => return Err(words::no_token_login(&self.server, user, &fault, None, self.timeout)),
        };
        // It has said why it does not take the token; its no comes when we have answered that by an empty line.
        let told = |fault: &Fault| words::no_token_login(&self.server, user, fault, said.as_deref(), self.timeout);
        let answer = self.step(conn, deadline, |c| c.command("\r\n")).map_err(|fault| told(&fault))?;
        self.let_in(&answer)
    }

    fn let_in(&self, answer: &Response) -> Result<(), String> {
        if answer.has_code(235) { Ok(()) } else { Err(self.out_of_step(answer)) }
    }
}
