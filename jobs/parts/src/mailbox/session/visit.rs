//! A session that stays open: looks, puts messages there, and removes them, as it is told.

use super::survey::{begin, named};
use super::{HITS_MAX, TOKENS_AT_ONCE, Talk, unharmed};
use crate::login::LoginBy;
use crate::mailbox::error::Why;
use crate::mailbox::folders::{Folder, Place};
use crate::mailbox::header::Header;
use crate::mailbox::until::Until;
use crate::mailbox::{Marked, NOTE, Skipped, Sought, Spot, Spots, TRIP};
use imap::Error;
use std::io::{Read, Write};

/// So many folders for spam are looked at.
const SPAM_MAX: usize = 4;
/// So many folders are looked at for what was removed elsewhere.
const LAST_MAX: usize = 4;

/// What a visitor may ask for, over whatever stream.
pub(in crate::mailbox) trait Talks {
    fn spots(&mut self, folder: &str, spam: Option<&str>) -> Result<Spots, Why>;
    fn can_remove(&self) -> bool;
    fn marked(&mut self, spot: &Spot, sought: Sought<'_>) -> Result<Vec<Marked>, Why>;
    fn put(&mut self, spot: &Spot, text: &str) -> Result<Option<String>, Why>;
    fn take_away(&mut self, spot: &Spot, marked: &[&Marked]) -> Result<Option<String>, Why>;
}

/// Does `work` between login and goodbye.
pub(in crate::mailbox) fn visit<S: Read + Write, T>(
    stream: S,
    user: &str,
    by: &LoginBy,
    until: &Until,
    work: impl FnOnce(&mut dyn Talks) -> Result<T, Why>,
) -> Result<T, Why> {
    let mut talk = unharmed(|| begin(stream, user, by, until))?;
    let done = work(&mut talk)?;
    unharmed(|| {
        talk.end();
        Ok(done)
    })
}

impl<S: Read + Write> Talks for Talk<'_, S> {
    fn spots(&mut self, folder: &str, spam: Option<&str>) -> Result<Spots, Why> {
        let folders = self.folders()?;
        let here = named(&folders, folder)?.clone();
        let (mut missing, mut chosen) = (None, Vec::new());
        match spam {
            None => chosen.extend(folders.iter().filter(|f| f.place == Place::Junk).take(SPAM_MAX)),
            // Some servers make it when they first have something to put there.
            Some(name) => match named(&folders, name) {
                Ok(found) => chosen.push(found),
                Err(why) => missing = Some(Skipped { folder: name.to_owned(), why: why.to_string() }),
            },
        }
        let is_other = |f: &&Folder| f.name != here.name;
        let spam: Vec<Spot> = chosen.into_iter().filter(is_other).cloned().map(Spot).collect();
        let of = |place: Place| folders.iter().filter(move |f| f.place == place).filter(is_other).cloned().map(Spot);
        let last = of(Place::All).chain(of(Place::Trash)).filter(|spot| !spam.contains(spot)).take(LAST_MAX).collect();
        Ok(Spots { here: Spot(here), spam, last, missing })
    }

    fn can_remove(&self) -> bool {
        self.uidplus
    }

    fn marked(&mut self, spot: &Spot, sought: Sought<'_>) -> Result<Vec<Marked>, Why> {
        let wanted = |header: &Header| value_of(header, sought).is_some();
        let found = self.search(&spot.0, &searches(sought), HITS_MAX, &wanted)?;
        let hits = found.map_err(|skipped| Why::Folder(skipped.folder, skipped.why))?;
        let marked = hits.iter().filter_map(|hit| {
            let value = value_of(&hit.header, sought)?.to_owned();
            Some(Marked { uid: hit.uid, value, came: hit.internal_date, received: hit.header.received })
        });
        Ok(marked.collect())
    }

    fn put(&mut self, spot: &Spot, text: &str) -> Result<Option<String>, Why> {
        self.step = format!("leave to put a note into \"{}\"", spot.0.shown).into();
        let name = spot.0.name.replace('\\', "\\\\").replace('"', "\\\"");
        let done = if self.literals_at_once {
            let size = text.len();
            self.session.run_command_and_check_ok(format!("APPEND \"{name}\" (\\Seen) {{{size}+}}\r\n{text}"))
        } else {
            self.requests.set(true);
            let done = self.session.append(&name, text.as_bytes()).flag(imap::types::Flag::Seen).finish();
            self.requests.set(false);
            done.map(drop)
        };
        match done {
            Ok(()) => Ok(None),
            // The crate leaves the words of the refusal out.
            Err(Error::Append) => Ok(Some(self.pass.scrub(&self.requests.refusal()))),
            Err(error) => self.refusal(error).map(Some),
        }
    }

    fn take_away(&mut self, spot: &Spot, marked: &[&Marked]) -> Result<Option<String>, Why> {
        if marked.is_empty() {
            return Ok(None);
        }
        let uids: Vec<u32> = marked.iter().map(|m| m.uid).collect();
        let same = |value: &Option<String>| value.as_ref().is_some_and(|v| marked.iter().any(|m| m.value == *v));
        let wanted = |header: &Header| same(&header.trip) || same(&header.note);
        self.remove(&spot.0, &uids, &wanted).map(|(_, _, why)| why)
    }
}

/// The field of a message that is sought, if it is.
fn value_of<'h>(header: &'h Header, sought: Sought<'_>) -> Option<&'h str> {
    let (value, is_it) = match sought {
        Sought::Trips { words, .. } => {
            let value = header.trip.as_deref()?;
            (value, value.split_whitespace().any(|word| words.contains(&word)))
        }
        Sought::Notes(word) => {
            let value = header.note.as_deref()?;
            (value, !header.received && value.split_whitespace().any(|w| w == word))
        }
    };
    is_it.then_some(value)
}

/// The searches for it. Servers differ in what they find: some not our own field, some a `Message-ID` only as a whole, nearly all
/// a subject. Whether somebody has received a message is read in its own header, because not all can search for a field that has
/// just to be there.
fn searches(sought: Sought<'_>) -> Vec<String> {
    match sought {
        Sought::Trips { words, host } => words.chunks(TOKENS_AT_ONCE).map(|words| trips(words, host)).collect(),
        Sought::Notes(word) => vec![format!("OR HEADER {NOTE} \"{word}\" SUBJECT \"{word}\"")],
    }
}

fn trips(words: &[&str], host: &str) -> String {
    let each = words.iter().flat_map(|w| {
        [format!("HEADER {TRIP} \"{w}\""), format!("HEADER Message-ID \"{w}@{host}\""), format!("SUBJECT \"{w}\"")]
    });
    let all: Vec<String> = each.collect();
    format!("{}{}", "OR ".repeat(all.len().saturating_sub(1)), all.join(" "))
}
