//! What one table asks for, ready to use.

use crate::entry::Type;
use regex_lite::Regex;
use std::path::PathBuf;
use std::time::Duration;

/// What a job looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Path(PathBuf),
    NewestOf(PathBuf),
}

impl Target {
    pub(crate) fn path(&self) -> &PathBuf {
        match self {
            Self::Path(path) | Self::NewestOf(path) => path,
        }
    }
}

/// What jobs of one table share.
#[derive(Debug)]
pub(crate) struct Plan {
    /// `None` is any.
    pub(crate) kind: Option<Type>,
    pub(crate) absent: bool,
    pub(crate) optional: bool,
    pub(crate) name_matches: Option<Regex>,
    pub(crate) min_files: u64,
    pub(crate) max_files: Option<u64>,
    pub(crate) max_age_warning: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    pub(crate) min_age: Option<Duration>,
    pub(crate) min_size: Option<u64>,
    pub(crate) max_size_warning: Option<u64>,
    pub(crate) max_size: Option<u64>,
    pub(crate) tests: Vec<Test>,
    pub(crate) read_max: u64,
    pub(crate) from_end: bool,
    /// In lower case.
    pub(crate) sha256: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) mode: Option<u32>,
}

impl Plan {
    /// Whether it matters when it was written.
    pub(crate) fn judges_age(&self) -> bool {
        self.max_age.is_some() || self.max_age_warning.is_some() || self.min_age.is_some()
    }
}

/// A condition on the lines of a file.
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) pattern: Pattern,
    /// Whether a line must be so, or none may.
    pub(crate) wanted: bool,
}

/// What a line is compared with.
#[derive(Debug)]
pub(crate) enum Pattern {
    Text(String),
    Regex(Regex),
}

impl Pattern {
    pub(crate) fn is_in(&self, line: &str) -> bool {
        match self {
            Self::Text(text) => line.contains(text.as_str()),
            Self::Regex(regex) => regex.is_match(line),
        }
    }
}
