//! A session that stays open: what is looked for is sent in between, and looked for again and again.

use super::error::{LookError, Why};
use super::folders::{Folder, Place};
use super::session::{self, Talks, unharmed};
use super::until::Until;
use super::{ImapAccount, Skipped, connect};
use crate::login::LoginBy;
use jiff::Timestamp;
use std::io::{Read, Write};
use std::time::Instant;

/// A folder that a visit has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot(pub(super) Folder);

impl Spot {
    /// Its name, as people read it.
    pub fn shown(&self) -> &str {
        &self.0.shown
    }

    /// What it is for.
    pub fn place(&self) -> Place {
        self.0.place
    }
}

/// The folders of a visit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spots {
    /// Where mail must arrive.
    pub here: Spot,
    /// Those for spam.
    pub spam: Vec<Spot>,
    /// Where what was removed elsewhere may end up: among all messages (Gmail), and in the trash.
    pub last: Vec<Spot>,
    /// The folder for spam that was asked for, where there is none of that name.
    pub missing: Option<Skipped>,
}

/// What is looked for in a folder: letters and digits, because they stand in a search command as they are.
#[derive(Clone, Copy, Debug)]
pub enum Sought<'a> {
    /// Messages with one of these words in the field [`TRIP`](super::TRIP). Their `Message-ID` is the word at `host`, and their
    /// subject holds it.
    Trips {
        /// The words.
        words: &'a [&'a str],
        /// What stands behind the `@` of the `Message-ID`: letters, digits, dots and hyphens.
        host: &'a str,
    },
    /// Notes with this word in the field [`NOTE`](super::NOTE) and in the subject, which nobody has received: servers on the way of
    /// a mail add a field `Received`, and nothing adds one to what is put into a mailbox.
    Notes(&'a str),
}

/// One message that was looked for and found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    pub(super) uid: u32,
    /// What stands in the field that was looked for.
    pub value: String,
    /// When the mailbox took it in, by the clock of its server.
    pub came: Option<Timestamp>,
    /// Has at least one field `Received`.
    pub received: bool,
}

/// A session after its login.
pub struct Visit<'v>(&'v mut dyn Talks);

impl Visit<'_> {
    /// The folder that people call `folder`; and those for spam: the one that they call `spam`, else what the server has for
    /// it.
    ///
    /// # Errors
    /// [`Why`]: there is no `folder`, or the session is over.
    pub fn folders(&mut self, folder: &str, spam: Option<&str>) -> Result<Spots, Why> {
        unharmed(|| self.0.spots(folder, spam))
    }

    /// Whether single messages can be removed here: the server knows UIDPLUS. Known once the folders are.
    pub fn can_remove(&self) -> bool {
        self.0.can_remove()
    }

    /// The messages in a folder that are sought, by their own header. Nothing becomes seen.
    ///
    /// # Errors
    /// [`Why::Folder`]: the folder cannot be opened or searched, and the session goes on. All else: it is over.
    pub fn find(&mut self, spot: &Spot, sought: Sought<'_>) -> Result<Vec<Marked>, Why> {
        unharmed(|| self.0.marked(spot, sought))
    }

    /// Puts a message there, as seen. Its lines end with CR LF. What comes back are the server's words where it will not.
    ///
    /// # Errors
    /// [`Why`]: the session is over.
    pub fn put(&mut self, spot: &Spot, text: &str) -> Result<Option<String>, Why> {
        unharmed(|| self.0.put(spot, text))
    }

    /// Removes messages that were found there: those whose header still says the same, and no others. What comes back is why
    /// some are left.
    ///
    /// # Errors
    /// [`Why`]: the session is over.
    pub fn remove(&mut self, spot: &Spot, marked: &[&Marked]) -> Result<Option<String>, Why> {
        unharmed(|| self.0.take_away(spot, marked))
    }
}

/// Logs in at `account`, does `work` there, and says goodbye.
///
/// # Errors
/// [`LookError`]: no session, or why `work` ended before its time.
pub fn visit<T>(
    account: &ImapAccount,
    deadline: Instant,
    work: impl FnOnce(&mut Visit<'_>) -> Result<T, Why>,
) -> Result<T, LookError> {
    let until = Until::new(deadline);
    let at = account.at();
    let stream = connect::open(account, &until).map_err(|why| LookError::new(&at, why))?;
    session::visit(stream, &account.user, &account.by, &until, |talk| work(&mut Visit(talk)))
        .map_err(|why| LookError::new(&at, why))
}

/// [`visit`] over an open stream, as `user`.
///
/// # Errors
/// As [`visit`].
pub fn visit_over<S: Read + Write, T>(
    stream: S,
    user: &str,
    by: &LoginBy,
    deadline: Instant,
    work: impl FnOnce(&mut Visit<'_>) -> Result<T, Why>,
) -> Result<T, LookError> {
    session::visit(stream, user, by, &Until::new(deadline), |talk| work(&mut Visit(talk)))
        .map_err(|why| LookError::new("mail server", why))
}
