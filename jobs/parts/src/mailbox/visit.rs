//! A session that stays open: what is looked for is sent in between, and looked for again and again.

use super::error::{LookError, Why};
use super::folders::{Folder, Place};
use super::session::{self, Talks};
use super::until::Until;
use super::{ImapAccount, connect};
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

/// What is looked for in a folder: letters and digits, because they stand in a search command as they are.
#[derive(Clone, Copy, Debug)]
pub enum Sought<'a> {
    /// Messages with one of these words in the field [`TRIP`](super::TRIP), which somebody has received.
    Trips(&'a [&'a str]),
    /// Notes with this word in the field [`NOTE`](super::NOTE), which nobody has received: whoever can only send mail to the
    /// mailbox cannot make one, because each server on the way adds a field `Received`.
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
}

/// A session after its login.
pub struct Visit<'v>(&'v mut dyn Talks);

impl Visit<'_> {
    /// The folder that people call `folder`; and those for spam: the one that they call `spam`, else what the server has for
    /// it.
    ///
    /// # Errors
    /// [`Why`]: there is none of that name, or the session is over.
    pub fn folders(&mut self, folder: &str, spam: Option<&str>) -> Result<(Spot, Vec<Spot>), Why> {
        self.0.spots(folder, spam)
    }

    /// Whether single messages can be removed here: the server knows UIDPLUS. Known once the folders are.
    pub fn can_remove(&self) -> bool {
        self.0.can_remove()
    }

    /// The messages in a folder that are sought, by their own header. Nothing becomes seen.
    ///
    /// # Errors
    /// [`Why`]
    pub fn find(&mut self, spot: &Spot, sought: Sought<'_>) -> Result<Vec<Marked>, Why> {
        self.0.marked(spot, sought)
    }

    /// Puts a message there, as seen. Its lines end with CR LF. What comes back are the server's words where it will not.
    ///
    /// # Errors
    /// [`Why`]: the session is over.
    pub fn put(&mut self, spot: &Spot, text: &str) -> Result<Option<String>, Why> {
        self.0.put(spot, text)
    }

    /// Removes messages that were found there: those whose header still says the same, and no others. What comes back is why
    /// some are left.
    ///
    /// # Errors
    /// [`Why`]: the session is over.
    pub fn remove(&mut self, spot: &Spot, marked: &[&Marked]) -> Result<Option<String>, Why> {
        self.0.take_away(spot, marked)
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
