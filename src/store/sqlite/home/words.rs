//! What a person is told of a store that cannot be used.

use super::super::super::StoreError;
use std::path::{Path, PathBuf};

/// A store that is not where it belongs, or was mended by this process: what is wrong, where the state is meanwhile, and
/// what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degraded {
    /// One line.
    pub summary: String,
    /// More lines.
    pub detail: String,
    /// The state file in use instead of its own; `None`: its own (a fresh one), or none.
    pub place: Option<PathBuf>,
}

impl Degraded {
    pub(super) fn refuge(main: &Path, file: &Path, why: &StoreError) -> Self {
        Self {
            summary: why.to_string(),
            detail: format!(
                "The checks go on. What they find is kept in {} meanwhile, with who was told of what.\n\n{}\n\nWhen {} can \
                 be written again, the next pass takes everything back to it, and says that it is solved. Do not remove {}.",
                file.display(),
                remedy(why, main),
                main.display(),
                file.parent().unwrap_or(file).display()
            ),
            place: Some(file.to_owned()),
        }
    }

    pub(super) fn nowhere(main: &Path, why: &StoreError) -> Self {
        Self {
            summary: format!("{why}; and no other place can be written either"),
            detail: format!(
                "The checks go on, but nothing is remembered from one pass to the next. So every failure counts at once, \
                 whatever failure_threshold says, and what fails is told again in one message every ten minutes.\n\n{}\n\nAny \
                 of these would do for the time being, if it could be written: the folder of the state, \
                 $RUNTIME_DIRECTORY, /dev/shm, the temporary folder.",
                remedy(why, main)
            ),
            place: None,
        }
    }

    pub(super) fn mended(main: &Path, why: &StoreError, aside: &str) -> Self {
        Self {
            summary: format!("the state was damaged: {aside}"),
            detail: format!(
                "{why}\n\nThe checks go on with what could be read of {}. Look for disk errors in the system's log. If much \
                 is missing, a backup can take the place of the fresh file; keep the damaged one until you know why.",
                main.display()
            ),
            place: None,
        }
    }

    pub(super) fn visited(main: &Path, file: &Path) -> Self {
        Self {
            summary: format!("{} cannot be used; the state is in {} meanwhile", main.display(), file.display()),
            detail: String::new(),
            place: Some(file.to_owned()),
        }
    }
}

fn remedy(why: &StoreError, main: &Path) -> String {
    let path = main.display();
    match why {
        StoreError::Full(_) => format!("What to do: make room on the disk of {path} (`df -h {path}`)."),
        StoreError::ReadOnly(_) => format!(
            "What to do: look at owner and mode of {path} and its folder (`ls -ld`), and whether the disk is mounted read-only \
             (`findmnt -T {path}`); the system's log says why a disk became so."
        ),
        StoreError::Corrupt(_) => format!(
            "What to do: look for disk errors in the system's log. {path} could not be set aside; move it away with the files \
             of the same name that end in -wal and -shm, and keep them."
        ),
        StoreError::SchemaNewer { .. } => "What to do: install the newer program again.".to_owned(),
        StoreError::Unavailable(_) | StoreError::OutcomeUnknown(_) => format!(
            "What to do: see which process holds the file (`fuser -v {path}`), and look for disk errors in the system's log."
        ),
        StoreError::Refused(_) => format!("What to do: mend what is said above, and see `ls -ld {path}`."),
    }
}
