//! How many messages a folder holds, and when the newest came.

use super::{GOODBYE, Talk, clean_words, explain, greeted, has, login, unharmed};
use crate::login::LoginBy;
use crate::mailbox::error::Why;
use crate::mailbox::folders::Folder;
use crate::mailbox::until::Until;
use crate::mailbox::{Password, Survey};
use imap::Error;
use jiff::Timestamp;
use std::io::{Read, Write};

/// The newest messages of a folder whose dates are read: one that was moved there may be older than those before it.
const DATED: u32 = 8;
/// Folders named where the wanted one is not among them.
const NAMED_MAX: usize = 8;

/// Waits for the greeting, asks for the server's abilities, and says goodbye.
pub(in crate::mailbox) fn greet<S: Read + Write>(stream: S, until: &Until) -> Result<(), Why> {
    unharmed(|| {
        let nobody = Password::new("");
        let mut client = greeted(stream, &nobody, until)?.client;
        client.capabilities().map_err(|error| explain(error, "its abilities", &nobody))?;
        until.at_most(GOODBYE);
        // The crate says goodbye only after a login. Nothing depends on the answer, which is waited for, so that the server
        // has heard us before the connection is closed.
        if let Ok(mut stream) = client.into_inner() {
            stream.write_all(b"bye LOGOUT\r\n").and_then(|()| stream.flush()).ok();
            stream.read_exact(&mut [0]).ok();
        }
        Ok(())
    })
}

/// Surveys `folder` over `stream`.
pub(in crate::mailbox) fn survey<S: Read + Write>(
    stream: S,
    user: &str,
    by: &LoginBy,
    folder: &str,
    until: &Until,
) -> Result<Survey, Why> {
    unharmed(|| {
        let mut talk = begin(stream, user, by, until)?;
        let survey = talk.survey(folder)?;
        talk.end();
        Ok(survey)
    })
}

/// Logs in, if the server takes passwords at all.
pub(super) fn begin<'a, S: Read + Write>(
    stream: S,
    user: &str,
    by: &LoginBy,
    until: &'a Until,
) -> Result<Talk<'a, S>, Why> {
    let mut greeted = greeted(stream, &login::known(by), until)?;
    if let LoginBy::Password(pass) = by {
        let abilities = greeted.client.capabilities().map_err(|error| explain(error, "its abilities", pass))?;
        // Then no password may be sent at all (RFC 3501, 6.2.3).
        if has(&abilities, "LOGINDISABLED") {
            let words = "it allows no login by password on this connection (LOGINDISABLED)";
            return Err(Why::LoginUnavailable(words.to_owned()));
        }
    }
    Talk::login(greeted, user, by, until)
}

impl<S: Read + Write> Talk<'_, S> {
    fn survey(&mut self, wanted: &str) -> Result<Survey, Why> {
        let name = self.named(wanted)?;
        self.step = format!("the folder \"{wanted}\"").into();
        let messages = match self.session.examine(&name) {
            Ok(opened) => opened.exists,
            Err(error) => return Err(Why::Folder(wanted.to_owned(), self.refusal(error)?)),
        };
        if messages == 0 {
            return Ok(Survey { messages, newest: None });
        }
        self.step = "the dates of its newest messages".into();
        match self.newest(messages) {
            Ok(newest) => Ok(Survey { messages, newest }),
            // Somebody may have emptied it meanwhile. Else what cannot be read is no folder that is well.
            Err(refused @ (Error::No(_) | Error::Bad(_))) => match self.session.examine(&name) {
                Ok(opened) if opened.exists == 0 => Ok(Survey { messages: 0, newest: None }),
                _ => Err(self.explain(refused)),
            },
            Err(error) => Err(self.explain(error)),
        }
    }

    /// The folder's name as the server has it. People write it as they read it.
    fn named(&mut self, wanted: &str) -> Result<String, Why> {
        let folders = self.folders()?;
        named(&folders, wanted).map(|folder| folder.name.clone())
    }

    /// The latest date among the newest messages. The header is asked for in its first bytes only, because a reply without
    /// any part of a message is not told from what servers say by themselves.
    fn newest(&mut self, messages: u32) -> Result<Option<Timestamp>, Error> {
        let first = messages.saturating_sub(DATED - 1).max(1);
        let fetched = self.session.fetch(format!("{first}:*"), "(UID INTERNALDATE BODY.PEEK[HEADER]<0.16>)")?;
        let dates = fetched.iter().filter_map(|m| Timestamp::from_second(m.internal_date()?.timestamp()).ok());
        Ok(dates.max())
    }
}

/// The folder that people call `wanted`, among all folders.
pub(super) fn named<'f>(folders: &'f [Folder], wanted: &str) -> Result<&'f Folder, Why> {
    let is_inbox = wanted.eq_ignore_ascii_case("INBOX");
    let is_it = |name: &str| name == wanted || (is_inbox && name.eq_ignore_ascii_case("INBOX"));
    let found = folders.iter().find(|f| is_it(&f.shown) || is_it(&f.name));
    // A name with such signs cannot be sent.
    if let Some(found) = found.filter(|f| !f.name.chars().any(char::is_control)) {
        return Ok(found);
    }
    let names: Vec<String> = folders.iter().take(NAMED_MAX).map(|f| format!("\"{}\"", f.shown)).collect();
    let more = if folders.len() > NAMED_MAX { ", and others" } else { "" };
    Err(Why::NoFolder(clean_words(wanted.as_bytes()), format!("{}{more}", names.join(", "))))
}
