//! The word: all that a stranger may read of this node.

use std::fmt;

/// What port 5000 says. As the first program did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// All is positive and fresh.
    True,
    /// It is not proven that messages arrive.
    MailProblem,
    /// Jobs do not run as they should, or that is not known.
    JobProblem,
}

impl Word {
    /// The exact body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::MailProblem => "MailProblem",
            Self::JobProblem => "JobProblem",
        }
    }

    /// Reads a body, which must be one word and nothing else; white space around it does not count.
    pub fn parse(body: &str) -> Option<Self> {
        [Self::True, Self::MailProblem, Self::JobProblem].into_iter().find(|w| w.as_str() == body.trim())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
