//! Exit codes (sysexits) and what is said with them.

use crate::settings::{NotFound, Report};
use crate::store::StoreError;
use std::fmt;
use std::io;

/// How the program ends: it tells of trouble of Checker's own. A failing job is none: finding it is what Checker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// All is well with Checker itself.
    Ok = 0,
    /// Wrong arguments (`EX_USAGE`).
    Usage = 64,
    /// The state cannot be created (`EX_CANTCREAT`).
    CannotCreate = 73,
    /// Trouble with the state or another file (`EX_IOERR`).
    Io = 74,
    /// Mail is kept for later (`EX_TEMPFAIL`).
    Later = 75,
    /// The settings cannot be used (`EX_CONFIG`).
    Settings = 78,
}

/// Why a subcommand could not do its work.
#[derive(Debug)]
pub(super) enum Failure {
    /// stdout cannot be written.
    Output(io::Error),
    /// The settings are wrong.
    Settings(Report),
    /// There are no settings.
    NoSettings(NotFound),
    /// The store did not do it.
    Store(StoreError),
    /// A child that stands for us has ended with this code, and has said why.
    Ended(u8),
    /// Anything else, as a sentence.
    Other(Exit, String),
}

impl Failure {
    pub(super) fn usage(sentence: impl Into<String>) -> Self {
        Self::Other(Exit::Usage, sentence.into())
    }

    pub(super) fn code(&self) -> u8 {
        let exit = match self {
            Self::Output(_) | Self::Store(_) => Exit::Io,
            Self::Settings(_) | Self::NoSettings(_) => Exit::Settings,
            Self::Other(exit, _) => *exit,
            Self::Ended(code) => return *code,
        };
        exit as u8
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(e) => writeln!(f, "checker: the output cannot be written: {e}"),
            Self::Settings(report) => f.write_str(&report.render()),
            Self::NoSettings(places) => write!(f, "checker: {places}"),
            Self::Store(e) => writeln!(f, "checker: {e}"),
            Self::Ended(_) => Ok(()),
            Self::Other(_, sentence) => writeln!(f, "checker: {sentence}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Self {
        Self::Output(e)
    }
}

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self::Settings(report)
    }
}

impl From<NotFound> for Failure {
    fn from(places: NotFound) -> Self {
        Self::NoSettings(places)
    }
}
