//! What the daemon's duties do to the world: canaries out, looks into the mailbox, what is to be told.

use super::super::courier::Desk;
use super::super::exit::Failure;
use super::super::world::World;
use crate::channel::mail::{Mailer, Marks, message_id};
use crate::daemon::Hands;
use crate::daemon::duties::Found as Canary;
use crate::decide::canary;
use crate::decide::drill::code_id;
use crate::decide::mail::Place;
use crate::decide::pace::{LOOK, SEND};
use crate::decide::status::NodeId;
use crate::decide::{Delivery, DeliveryState, Recipient, SendResult};
use crate::outbox::Drained;
use crate::peer::{NodeKey, Nonce, PublicKey, canary as peer_canary};
use crate::settings::Via;
use crate::store::{Home, Result};
use checker_job::Timestamp;
use checker_parts::mailbox::{self, Arrival, ImapAccount, LookError, Looked, Sighting, Token, Why, maildir};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Where canaries arrive.
#[derive(Clone, Debug)]
enum Box {
    Imap(Arc<ImapAccount>),
    Maildir(PathBuf),
    /// In the mailbox of a peer, who says so.
    Peer,
    /// With a human, who types a code.
    Human,
    None,
}

/// Where one message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Found {
    /// In this folder, where it is read.
    Arrived(String),
    /// In this folder for spam.
    Spam(String),
    /// In this folder for what was thrown away.
    Thrown(String),
    /// Nowhere, or only as our own copy.
    Missing,
}

/// The hands of the daemon.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Post {
    desk: Desk,
    mailbox: Box,
    to: Recipient,
    /// The peers' admins, by the peers' names.
    admins: Arc<[(String, String)]>,
    key: Arc<NodeKey>,
    /// Those of the peers.
    keys: Arc<[PublicKey]>,
    /// What was seen is removed; `false` where a filter of the mailbox does that.
    cleans: bool,
}

impl Post {
    pub(in crate::cli) fn of(world: &World, home: &Arc<Home>, id: Uuid) -> std::result::Result<Self, Failure> {
        let desk = world.desk(home, id)?;
        let canary = world.settings.canary.as_ref();
        let mailbox = match canary.map(|c| &c.via) {
            Some(Via::Imap { host, port, login, ca_file }) => {
                Box::Imap(Arc::new(super::account(host, *port, login, ca_file.as_deref())?))
            }
            Some(Via::Maildir(path)) => Box::Maildir(path.clone()),
            Some(Via::Peer(_)) => Box::Peer,
            Some(Via::Human) => Box::Human,
            Some(Via::None) | None => Box::None,
        };
        let to = world.canary_to().unwrap_or_else(|| desk.mail.from.clone());
        let admins = world.settings.peers.iter().map(|p| (p.name.clone(), p.admin.clone())).collect();
        let keys = world.peers()?.into_iter().filter_map(|p| p.key).collect();
        let key = world.key()?;
        let cleans = !world.settings.email.ideletesentmessagesautomatically;
        Ok(Self { desk, mailbox, to: Recipient(to), admins, key, keys, cleans })
    }

    /// Whether there is a mailbox to look into.
    pub(in crate::cli) fn sees(&self) -> bool {
        matches!(self.mailbox, Box::Imap(_) | Box::Maildir(_))
    }

    /// Whose mailbox that is.
    pub(in crate::cli) fn to(&self) -> &Recipient {
        &self.to
    }

    /// Where the message with this token or Message-ID is.
    pub(in crate::cli) fn find(&self, token: &str, message_id: &str) -> std::result::Result<Found, String> {
        self.find_token(&Token::new(token, Some(message_id))?)
    }

    /// Where the message is by which a peer has brought us this code.
    pub(in crate::cli) fn find_code(&self, code: &str) -> std::result::Result<Found, String> {
        self.find_token(&Token::of_delivery(&code_id(code).to_string())?)
    }

    fn find_token(&self, token: &Token) -> std::result::Result<Found, String> {
        let looked = self.see(std::slice::from_ref(token)).map_err(|e| sentence(&e))?;
        Ok(match mailbox::arrival(token.text(), &looked.sightings) {
            Arrival::Arrived(folder) => Found::Arrived(folder),
            Arrival::Astray(folder, mailbox::Place::Trash) if !self.cleans => Found::Arrived(folder),
            Arrival::Astray(folder, mailbox::Place::Trash) => Found::Thrown(folder),
            Arrival::Astray(folder, _) => Found::Spam(folder),
            Arrival::OwnCopy | Arrival::Missing => Found::Missing,
        })
    }

    /// The Message-ID that a canary with this token has.
    pub(in crate::cli) fn message_id(&self, token: &str) -> String {
        self.id_of(token).1
    }

    fn see(&self, tokens: &[Token]) -> std::result::Result<Looked, LookError> {
        let deadline = Instant::now() + LOOK;
        match &self.mailbox {
            Box::Imap(account) => mailbox::look(account, tokens, deadline),
            Box::Maildir(path) => maildir::look(path, tokens, deadline),
            Box::Peer | Box::Human | Box::None => Ok(Looked::default()),
        }
    }

    /// The Message-ID follows from the token, so that a mailbox can be asked for it.
    fn id_of(&self, token: &str) -> (Uuid, String) {
        let id = Uuid::parse_str(token).unwrap_or_default();
        (id, message_id(id, &self.desk.mail.from))
    }

    /// Where the canary of a peer is. What its key has not signed was put there by somebody else.
    fn sealed(&self, (of, token): &(NodeId, String), sightings: &[Sighting]) -> Option<Canary> {
        let key = self.keys.iter().find(|key| key.id() == of.0)?;
        let genuine = |s: &&Sighting| s.proof.as_ref().is_some_and(|p| peer_canary::is_sealed(key, token, p));
        let sightings: Vec<Sighting> = sightings.iter().filter(genuine).cloned().collect();
        let place = self.place(token, &sightings)?;
        Some((of.clone(), token.clone(), place))
    }

    fn place(&self, token: &str, sightings: &[Sighting]) -> Option<Place> {
        match mailbox::arrival(token, sightings) {
            Arrival::Arrived(_) => Some(Place::Arrived),
            // A filter of the mailbox throws our messages away: there they have arrived.
            Arrival::Astray(_, mailbox::Place::Trash) if !self.cleans => Some(Place::Arrived),
            Arrival::Astray(_, mailbox::Place::Junk) => Some(Place::Spam),
            Arrival::Astray(..) | Arrival::OwnCopy | Arrival::Missing => None,
        }
    }

    /// Subject and text of a canary.
    fn words(&self, token: &str) -> (String, String) {
        let name = &self.desk.mail.servername;
        if matches!(self.mailbox, Box::Human) {
            let (code, command) = (canary::code(token), &self.desk.command);
            let body = format!(
                "Checker on {name} wants to know whether its mail reaches you. Type\nthis there:\n\n    {command} ack {code}\n\nUntil somebody \
                 does, it does not claim that its mail works, and its\npeers will tell you so.\n\nToken: {token}\n"
            );
            return (format!("[{name}] type {code} to show that mail arrives"), body);
        }
        let what = match &self.mailbox {
            Box::Peer => {
                "sends this message to a mailbox of its peer, to see that\nmail arrives. The peer looks for it, says so, and"
            }
            _ => "sends this message to itself, to see that\nmail arrives. It looks for it, and",
        };
        let body = format!("Checker on {name} {what} removes it when it was\nseen.\n\nToken: {token}\n");
        (format!("[{name}] canary"), body)
    }

    fn tokens(&self, tokens: &[String]) -> Vec<Token> {
        let token = |text: &String| Token::new(text, Some(&self.id_of(text).1)).ok();
        tokens.iter().filter_map(token).collect()
    }
}

/// What a failed look says, and what to do where the providers with most mailboxes take no passwords.
fn sentence(error: &LookError) -> String {
    match &error.why {
        Why::LoginRefused(..) => {
            format!("{error}; Gmail and Microsoft 365 want token_command under [canary] in place of a password")
        }
        _ => error.to_string(),
    }
}

impl Hands for Post {
    fn send(&mut self, token: &str, now: Timestamp) -> SendResult {
        let (id, message_id) = self.id_of(token);
        let (subject, body) = self.words(token);
        let delivery = Delivery { subject, body, ..letter(id, self.to.clone(), message_id, now) };
        // Only a peer needs to be shown that it is ours; and the proof stands nowhere else.
        let proof = matches!(self.mailbox, Box::Peer).then(|| peer_canary::seal(&self.key, token));
        let marks = Marks { token, proof: proof.as_deref() };
        Mailer::new(self.desk.mail.clone()).send_canary(&delivery, &marks, Instant::now() + SEND)
    }

    fn look(&mut self, tokens: &[String]) -> std::result::Result<Vec<(String, Place)>, String> {
        let looked = self.see(&self.tokens(tokens)).map_err(|e| sentence(&e))?;
        let place = |token: &String| Some((token.clone(), self.place(token, &looked.sightings)?));
        Ok(tokens.iter().filter_map(place).collect())
    }

    fn seek(&mut self, wanted: &[(NodeId, String)]) -> Option<std::result::Result<Vec<Canary>, String>> {
        if !self.sees() {
            return None;
        }
        if wanted.is_empty() {
            return Some(Ok(Vec::new()));
        }
        let tokens: Vec<Token> = wanted.iter().filter_map(|(_, token)| Token::new(token, None).ok()).collect();
        let looked = match self.see(&tokens) {
            Ok(looked) => looked,
            Err(why) => return Some(Err(sentence(&why))),
        };
        Some(Ok(wanted.iter().filter_map(|one| self.sealed(one, &looked.sightings)).collect()))
    }

    fn clean_for_peers(&mut self, tokens: &[String]) {
        self.clean(tokens);
    }

    fn clean(&mut self, tokens: &[String]) {
        if !self.cleans {
            return;
        }
        let (tokens, deadline) = (self.tokens(tokens), Instant::now() + LOOK);
        let cleaned = match &self.mailbox {
            Box::Imap(account) => mailbox::clean(account, &tokens, deadline),
            Box::Maildir(path) => maildir::clean(path, &tokens, deadline),
            Box::Peer | Box::Human | Box::None => return,
        };
        match cleaned {
            Ok(done) => tracing::debug!("{} of our own messages removed, {} left", done.removed, done.left),
            Err(why) => tracing::warn!("our own messages stay in the mailbox: {why}"),
        }
    }

    fn token(&mut self) -> String {
        Nonce::fresh().map_or_else(
            |why| {
                // Unguessable enough to tell our own messages from each other.
                tracing::warn!("{why}");
                Uuid::now_v7().simple().to_string()
            },
            |nonce| nonce.to_string(),
        )
    }

    fn code(&mut self, peer: &str, code: &str, now: Timestamp) -> Option<Delivery> {
        let (_, admin) = self.admins.iter().find(|(name, _)| name == peer)?;
        let (name, id) = (&self.desk.mail.servername, code_id(code));
        let subject = format!("[{name}] DRILL: a code for {peer}");
        let body = format!(
            "Somebody has typed `checker drill --peer` on {peer}, to see that {name}\ncould tell you if {peer} fell silent. This \
             message is the proof. Type its\ncode there, unless {peer} sees by itself that it has come:\n\nCode: {code}\n\nIf nobody has, somebody has the key of {peer}: look \
             into it.\n"
        );
        let message_id = message_id(id, &self.desk.mail.from);
        Some(Delivery { subject, body, ..letter(id, Recipient(admin.clone()), message_id, now) })
    }

    fn drain(&mut self, within: Duration) -> Result<Drained> {
        self.desk.drain(within)
    }
}

/// A message that is still to be worded.
fn letter(id: Uuid, recipient: Recipient, message_id: String, now: Timestamp) -> Delivery {
    Delivery {
        id,
        recipient,
        alerts: Vec::new(),
        subject: String::new(),
        body: String::new(),
        message_id,
        in_reply_to: None,
        urgent: false,
        digest: false,
        created_at: now,
        attempts: 0,
        next_try: now,
        last_error: None,
        state: DeliveryState::Unsent,
    }
}
