//! One IMAP session: log in, list the folders, find our messages, and remove them if that was asked.

mod login;
mod remove;
mod survey;
mod visit;

pub(super) use survey::{greet, survey};
pub(super) use visit::{Talks, visit};

use super::error::{Why, clean_words};
use super::folders::{self, Folder, Place};
use super::guard::{Guard, Requests, Stop};
use super::header::{self, Header};
use super::until::Until;
use super::{Cleaned, DELIVERY, HEADER, Looked, Password, Sighting, Skipped, Token};
use crate::login::LoginBy;
use crate::tls;
use imap::Error;
use jiff::Timestamp;
use std::borrow::Cow;
use std::io::{ErrorKind, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

/// Only so many of a folder's newest messages are searched.
const NEWEST: u32 = 2_000;
/// A mailbox with more folders is looked at in part.
const FOLDERS_MAX: usize = 200;
/// Messages of one folder whose header is read; more do not carry our tokens.
const HITS_MAX: usize = 64;
/// Headers read at once, and how much of each.
const BATCH: usize = 8;
const HEADER_MAX: usize = 64 << 10;
/// Tokens in one search command: some servers take no long lines.
const TOKENS_AT_ONCE: usize = 8;
/// Why a folder is left out whose name would break a command.
const UNSENDABLE: &str = "its name has signs that cannot be sent";
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Looks for `tokens` over `stream`.
pub(super) fn look<S: Read + Write>(
    stream: S,
    user: &str,
    by: &LoginBy,
    tokens: &[Token],
    until: &Until,
) -> Result<Looked, Why> {
    unharmed(|| {
        let mut talk = Talk::begin(stream, user, by, until)?;
        let looked = talk.look(tokens)?;
        talk.end();
        Ok(looked)
    })
}

/// Removes the messages that carry `tokens`.
pub(super) fn clean<S: Read + Write>(
    stream: S,
    user: &str,
    by: &LoginBy,
    tokens: &[Token],
    until: &Until,
) -> Result<Cleaned, Why> {
    unharmed(|| {
        let mut talk = Talk::begin(stream, user, by, until)?;
        let cleaned = talk.clean(tokens)?;
        talk.end();
        Ok(cleaned)
    })
}

/// A panic of the crate's parser is the server's garbage, and nobody else's trouble. So nothing but calls of the crate belongs in
/// here: what callers do in a session may panic by itself.
pub(super) fn unharmed<T>(session: impl FnOnce() -> Result<T, Why>) -> Result<T, Why> {
    catch_unwind(AssertUnwindSafe(session))
        .unwrap_or_else(|_| Err(Why::Garbage("its answers".to_owned(), "they cannot be read at all".to_owned())))
}

/// A session after its login.
struct Talk<'a, S: Read + Write> {
    session: imap::Session<Guard<S>>,
    /// What no word of the server may show.
    pass: Password,
    until: &'a Until,
    uidplus: bool,
    /// A text can be sent with its command, without waiting for leave (RFC 7888).
    literals_at_once: bool,
    /// Whether requests of the server are handed on.
    requests: Rc<Requests>,
    step: Cow<'static, str>,
}

/// One of our messages in the folder that is open.
struct Hit {
    uid: u32,
    header: Header,
    internal_date: Option<Timestamp>,
}

impl<'a, S: Read + Write> Talk<'a, S> {
    /// Reads the greeting and logs in.
    fn begin(stream: S, user: &str, by: &LoginBy, until: &'a Until) -> Result<Self, Why> {
        Self::login(greeted(stream, &login::known(by), until)?, user, by, until)
    }

    /// Logs in.
    fn login(greeted: Greeted<S>, user: &str, by: &LoginBy, until: &'a Until) -> Result<Self, Why> {
        let requests = Rc::clone(&greeted.requests);
        let (session, pass) = match by {
            LoginBy::Password(pass) => (login::by_password(greeted, user, pass)?, pass.clone()),
            LoginBy::Token(command) => login::by_token(greeted, user, command, until)?,
        };
        let step = login::STEP.into();
        Ok(Self { session, pass, until, uidplus: false, literals_at_once: false, requests, step })
    }

    /// Says goodbye. What comes of it is of no use.
    fn end(&mut self) {
        self.until.at_most(GOODBYE);
        self.session.logout().ok();
    }

    fn explain(&self, error: Error) -> Why {
        explain(error, &self.step, &self.pass)
    }

    /// The words of a refusal, or an error that ends the session.
    fn refusal(&self, error: Error) -> Result<String, Why> {
        match error {
            Error::No(no) => Ok(self.pass.scrub(&no.information)),
            Error::Bad(bad) => Ok(self.pass.scrub(&bad.information)),
            Error::Validate(_) => Ok(UNSENDABLE.to_owned()),
            other => Err(self.explain(other)),
        }
    }

    /// A folder that the server will not show is left out; without the inbox nothing can be said.
    fn refused_there(&self, error: Error, folder: &Folder) -> Result<Skipped, Why> {
        let words = self.refusal(error)?;
        if folder.place == Place::Inbox {
            Err(Why::Folder(folder.shown.clone(), words))
        } else {
            Ok(skipped(folder, words))
        }
    }

    /// All folders, in the order in which they are looked at.
    fn folders(&mut self) -> Result<Vec<Folder>, Why> {
        self.step = "its abilities".into();
        let abilities = self.session.capabilities().map_err(|e| self.explain(e))?;
        self.uidplus = has(&abilities, "UIDPLUS");
        self.literals_at_once = has(&abilities, "LITERAL+") || has(&abilities, "LITERAL-");
        // Some tell what folders are for only when they are asked in the extended form.
        let extended = has(&abilities, "SPECIAL-USE") && has(&abilities, "LIST-EXTENDED");
        self.step = "its list of folders".into();
        let pattern = if extended { "\"*\" RETURN (SPECIAL-USE)" } else { "\"*\"" };
        let names = match self.session.list(Some(""), Some(pattern)) {
            Err(Error::No(_) | Error::Bad(_)) if extended => self.session.list(Some(""), Some("\"*\"")),
            other => other,
        };
        let names = names.map_err(|e| self.explain(e))?;
        let listed: Vec<_> = names.iter().map(folders::listed).collect();
        let mut folders = folders::sort_out(&listed);
        for folder in &mut folders {
            folder.shown = self.pass.scrub(&folder.shown);
        }
        if folders.first().is_none_or(|f| f.place != Place::Inbox) {
            // Every mailbox has one (RFC 3501, 5.1), listed or not.
            let name = "INBOX".to_owned();
            folders.insert(0, Folder { shown: name.clone(), name, place: Place::Inbox, by_name: false });
        }
        Ok(folders)
    }

    fn look(&mut self, tokens: &[Token]) -> Result<Looked, Why> {
        let mut looked = Looked::default();
        let folders = self.folders()?;
        for (at, folder) in folders.iter().enumerate() {
            if at >= FOLDERS_MAX {
                looked.skipped.push(too_many(folder));
                continue;
            }
            if all_arrived(tokens, &looked.sightings) {
                break;
            }
            match self.find(folder, tokens)? {
                Err(skipped) => looked.skipped.push(skipped),
                Ok(hits) => looked.sightings.extend(hits.iter().flat_map(|hit| sightings(hit, folder, tokens))),
            }
        }
        Ok(looked)
    }

    /// Our messages in a folder, which is open for reading then; or why it cannot be opened.
    fn find(&mut self, folder: &Folder, tokens: &[Token]) -> Result<Result<Vec<Hit>, Skipped>, Why> {
        let searches: Vec<String> = tokens.chunks(TOKENS_AT_ONCE).map(criteria).collect();
        self.search(folder, &searches, HITS_MAX.max(tokens.len() * 2), &|header| carries(header, tokens))
    }

    /// The messages in a folder, which is open for reading then, that one of `searches` finds and that are `wanted` by their
    /// own header: the newest, `most` at most. Or why it cannot be opened.
    fn search(
        &mut self,
        folder: &Folder,
        searches: &[String],
        most: usize,
        wanted: &dyn Fn(&Header) -> bool,
    ) -> Result<Result<Vec<Hit>, Skipped>, Why> {
        self.step = format!("the folder \"{}\"", folder.shown).into();
        if folder.name.chars().any(char::is_control) {
            return Ok(Err(skipped(folder, UNSENDABLE.to_owned())));
        }
        let exists = match self.session.examine(&folder.name) {
            Ok(opened) => opened.exists,
            Err(e) => return self.refused_there(e, folder).map(Err),
        };
        if exists == 0 {
            return Ok(Ok(Vec::new()));
        }
        self.step = format!("what it finds in \"{}\"", folder.shown).into();
        let first = exists.saturating_sub(NEWEST - 1).max(1);
        let mut uids = Vec::new();
        for search in searches {
            match self.session.uid_search(format!("{first}:* {search}")) {
                Ok(found) => uids.extend(found),
                Err(e) => return self.refused_there(e, folder).map(Err),
            }
        }
        uids.sort_unstable_by(|a, b| b.cmp(a));
        uids.dedup();
        uids.truncate(most);
        self.read(&uids, wanted).map(Ok)
    }

    /// The messages among `uids` of the open folder that are wanted, by their own header.
    fn read(&mut self, uids: &[u32], wanted: &dyn Fn(&Header) -> bool) -> Result<Vec<Hit>, Why> {
        let mut hits: Vec<Hit> = Vec::new();
        for some in uids.chunks(BATCH) {
            match self.read_some(some, wanted, &mut hits) {
                // Some servers refuse the whole batch when one of its messages has just been removed by somebody else.
                Err(Error::No(_)) => {
                    for one in some {
                        self.read_one(*one, wanted, &mut hits)?;
                    }
                }
                other => other.map_err(|e| self.explain(e))?,
            }
        }
        Ok(hits)
    }

    /// A message that cannot be read must be gone.
    fn read_one(&mut self, uid: u32, wanted: &dyn Fn(&Header) -> bool, hits: &mut Vec<Hit>) -> Result<(), Why> {
        let Err(error) = self.read_some(&[uid], wanted, hits) else { return Ok(()) };
        if !matches!(error, Error::No(_)) {
            return Err(self.explain(error));
        }
        let there = self.session.noop().and_then(|()| self.session.uid_search(format!("UID {uid}")));
        if there.map_err(|e| self.explain(e))?.contains(&uid) { Err(self.explain(error)) } else { Ok(()) }
    }

    fn read_some(&mut self, uids: &[u32], wanted: &dyn Fn(&Header) -> bool, hits: &mut Vec<Hit>) -> Result<(), Error> {
        let query = format!("(UID INTERNALDATE BODY.PEEK[HEADER]<0.{HEADER_MAX}>)");
        let fetched = self.session.uid_fetch(set(uids), query)?;
        for message in fetched.iter() {
            let (Some(uid), Some(raw)) = (message.uid, message.header()) else { continue };
            let header = header::read(raw);
            let known = hits.iter().any(|h| h.uid == uid);
            if known || !uids.contains(&uid) || !wanted(&header) {
                continue;
            }
            let date = message.internal_date().and_then(|d| Timestamp::from_second(d.timestamp()).ok());
            hits.push(Hit { uid, header, internal_date: date });
        }
        Ok(())
    }
}

fn carries(header: &Header, tokens: &[Token]) -> bool {
    tokens.iter().any(|token| header.carries(token))
}

/// Whether each token was received where mail belongs, so that no other folder can tell us more.
fn all_arrived(tokens: &[Token], sightings: &[Sighting]) -> bool {
    let arrived = |t: &Token| {
        sightings.iter().any(|s| s.token == t.text && s.received && matches!(s.place, Place::Inbox | Place::Other))
    };
    tokens.iter().all(arrived)
}

fn sightings(hit: &Hit, folder: &Folder, tokens: &[Token]) -> Vec<Sighting> {
    let carried = tokens.iter().filter(|t| hit.header.carries(t));
    carried
        .map(|token| Sighting {
            token: token.text.clone(),
            folder: folder.shown.clone(),
            place: folder.place,
            by_name: folder.by_name,
            received: hit.header.received,
            internal_date: hit.internal_date,
            proof: hit.header.proof.clone(),
        })
        .collect()
}

fn skipped(folder: &Folder, why: String) -> Skipped {
    Skipped { folder: folder.shown.clone(), why }
}

fn too_many(folder: &Folder) -> Skipped {
    skipped(folder, format!("not looked at: the mailbox has more than {FOLDERS_MAX} folders"))
}

/// A search for any of `tokens`. They hold nothing that would need more than quotes.
fn criteria(tokens: &[Token]) -> String {
    let own = tokens.iter().map(|t| format!("HEADER {HEADER} \"{}\"", t.text));
    let by_id = tokens.iter().filter_map(|t| Some(format!("HEADER Message-ID \"{}\"", t.message_id.as_ref()?)));
    let by_number = tokens.iter().filter_map(|t| Some(format!("HEADER {DELIVERY} \"{}\"", t.delivery.as_ref()?)));
    let all: Vec<String> = own.chain(by_id).chain(by_number).collect();
    format!("{}{}", "OR ".repeat(all.len().saturating_sub(1)), all.join(" "))
}

fn set(uids: &[u32]) -> String {
    let words: Vec<String> = uids.iter().map(u32::to_string).collect();
    words.join(",")
}

fn has(abilities: &imap::types::Capabilities, wanted: &str) -> bool {
    abilities.iter().any(|c| matches!(c, imap_proto::Capability::Atom(a) if a.eq_ignore_ascii_case(wanted)))
}

/// A client that has read the greeting, and the switch of its guard for what the server asks in a login.
struct Greeted<S: Read + Write> {
    client: imap::Client<Guard<S>>,
    requests: Rc<Requests>,
}

fn greeted<S: Read + Write>(stream: S, pass: &Password, until: &Until) -> Result<Greeted<S>, Why> {
    let guard = Guard::new(stream, until.clone());
    let requests = guard.requests();
    let mut client = imap::Client::new(guard);
    client.read_greeting().map_err(|e| match explain(e, "its greeting", pass) {
        Why::Bye(_, words) => Why::TurnedAway(words),
        other => other,
    })?;
    Ok(Greeted { client, requests })
}

/// What an error of the crate means, while we waited for `step`.
fn explain(error: Error, step: &str, pass: &Password) -> Why {
    let step = step.to_owned();
    match error {
        Error::Io(e) => of_io(&e, step, pass),
        Error::ConnectionLost => Why::Lost(step),
        Error::No(no) => Why::Refused(step, pass.scrub(&no.information)),
        Error::Bad(bad) => Why::Refused(step, pass.scrub(&bad.information)),
        // The crate's word for a line that it cannot read; a real goodbye never comes so far, unless it has a tag.
        Error::Bye(bye) if bye.code.is_none() && bye.information == "no explanation given" => {
            Why::Garbage(step, "a line that makes no sense".to_owned())
        }
        Error::Bye(bye) => Why::Bye(step, pass.scrub(&bye.information)),
        Error::TagMismatch(_) => Why::Garbage(step, "the answer to a command that was not given".to_owned()),
        Error::Parse(imap::error::ParseError::Invalid(what)) => {
            // Half a password would not be found any more.
            Why::Garbage(step, pass.scrub(&String::from_utf8_lossy(&what)).chars().take(60).collect())
        }
        other => Why::Garbage(step, pass.scrub(&other.to_string())),
    }
}

fn of_io(error: &std::io::Error, step: String, pass: &Password) -> Why {
    match Stop::of(error) {
        Some(Stop::Late { heard: false }) => Why::Silent(step),
        Some(Stop::Late { heard: true }) => Why::Slow(step),
        Some(Stop::TooMuch(limit)) => Why::TooMuch(step, limit.clone()),
        Some(Stop::Bye(words)) => Why::Bye(step, pass.scrub(words)),
        Some(Stop::NotImap(words)) => Why::NotImap(pass.scrub(words)),
        Some(Stop::Harm(what)) => Why::Garbage(step, what.clone()),
        None if tls::is_tls_error(error) => Why::Garbage(step, format!("broken TLS ({error})")),
        None if error.kind() == ErrorKind::TimedOut => Why::Silent(step),
        None => Why::Lost(step),
    }
}
