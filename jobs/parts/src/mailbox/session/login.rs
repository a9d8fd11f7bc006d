//! The login: by a password, or by an access token.

use super::super::Password;
use super::super::error::{Why, clean_words};
use super::super::guard::Guard;
use super::super::until::Until;
use super::{Greeted, explain};
use crate::login::{self, LoginBy, TokenCommand};
use imap::Error;
use imap_proto::Capability;
use std::cell::RefCell;
use std::io::{Read, Write};

/// What we wait for, in errors.
pub(super) const STEP: &str = "its answer to the login";

type Session<S> = imap::Session<Guard<S>>;

/// What no word of the server may show before the login. A token is not known yet.
pub(super) fn known(by: &LoginBy) -> Password {
    match by {
        LoginBy::Password(pass) => pass.clone(),
        LoginBy::Token(_) => Password::new(""),
    }
}

/// Logs in by a password.
pub(super) fn by_password<S: Read + Write>(
    greeted: Greeted<S>,
    user: &str,
    pass: &Password,
) -> Result<Session<S>, Why> {
    let refused = |words: &str| refused(words, |words| Why::LoginRefused(clean_words(user.as_bytes()), words));
    greeted.client.login(user, pass.reveal()).map_err(|(e, _)| match e {
        Error::No(no) => refused(&pass.scrub(&no.information)),
        Error::Bad(bad) => refused(&pass.scrub(&bad.information)),
        Error::Validate(_) => refused("(not sent: a line's end stands in the user or the password)"),
        other => explain(other, STEP, pass),
    })
}

/// Logs in by a token, which is fetched when the server takes tokens. Gives the token too, so that nothing that the server says
/// later shows it.
pub(super) fn by_token<S: Read + Write>(
    greeted: Greeted<S>,
    user: &str,
    command: &TokenCommand,
    until: &Until,
) -> Result<(Session<S>, Password), Why> {
    let Greeted { mut client, requests } = greeted;
    let abilities = client.capabilities().map_err(|e| explain(e, "its abilities", &Password::new("")))?;
    let ways = abilities.iter().filter_map(|c| match c {
        Capability::Auth(way) => Some(way.to_ascii_uppercase()),
        _ => None,
    });
    let ways: Vec<String> = ways.collect();
    if !ways.iter().any(|way| way == "XOAUTH2") {
        let ways =
            if ways.is_empty() { "and names no other way".to_owned() } else { format!("only {}", ways.join(", ")) };
        return Err(Why::NoTokensTaken(clean_words(ways.as_bytes())));
    }
    let token = command.fetch(until.left().unwrap_or_default()).map_err(Why::NoToken)?;
    let response = login::xoauth2(user, &token);
    let token = token.sent_as(login::in_base64(&response));
    let talk = Xoauth2 { response: RefCell::new(Some(response)), refusal: RefCell::new(None) };
    requests.set(true);
    let session = client.authenticate("XOAUTH2", &talk);
    requests.set(false);
    let said = talk.refusal.take().and_then(|challenge| login::refusal(&challenge, |words| token.scrub(words)));
    let refused = |words: &str| {
        let words = said.iter().fold(token.scrub(words), |words, said| format!("{words} ({said})"));
        refused(&words, |words| Why::TokenRefused(clean_words(user.as_bytes()), words))
    };
    match session {
        Ok(session) => Ok((session, token)),
        Err((Error::No(no), _)) => Err(refused(&no.information)),
        Err((Error::Bad(bad), _)) => Err(refused(&bad.information)),
        Err((other, _)) => Err(explain(other, STEP, &token)),
    }
}

/// Our part of the talk: the token, and then an empty line to whatever else is asked. A server that does not take the token
/// says why in a request, and its no only after our answer to that.
struct Xoauth2 {
    response: RefCell<Option<String>>,
    refusal: RefCell<Option<Vec<u8>>>,
}

impl imap::Authenticator for Xoauth2 {
    type Response = String;

    fn process(&self, challenge: &[u8]) -> String {
        if let Some(response) = self.response.take() {
            return response;
        }
        self.refusal.replace(Some(challenge.to_vec()));
        String::new()
    }
}

/// Some codes say that nothing is wrong with the password or token (RFC 5530).
fn refused(words: &str, why: impl FnOnce(String) -> Why) -> Why {
    let upper = words.to_ascii_uppercase();
    let words = clean_words(words.as_bytes());
    if ["[UNAVAILABLE]", "[LIMIT]", "[INUSE]", "[SERVERBUG]"].iter().any(|code| upper.contains(code)) {
        return Why::LoginUnavailable(words);
    }
    why(words)
}
