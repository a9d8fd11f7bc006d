//! The word: what a stranger may read of a node, and all that a first program says of itself.

use std::fmt;

/// Exactly one of three words. First programs look for them in what a peer answers, so nothing else may stand beside one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// All is positive and fresh.
    True,
    /// Mail is broken, late, switched off or not proven.
    MailProblem,
    /// Anything else is wrong, or not known.
    JobProblem,
}

impl Word {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::True, Self::MailProblem, Self::JobProblem];

    /// As it stands on the wire, without a line feed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::MailProblem => "MailProblem",
            Self::JobProblem => "JobProblem",
        }
    }

    /// Reads a whole body. White space around the word is nothing; anything else beside it makes it no word: a page in which
    /// `True` stands somewhere is a page.
    pub fn of(body: &[u8]) -> Option<Self> {
        let body = body.trim_ascii();
        Self::ALL.into_iter().find(|word| word.as_str().as_bytes() == body)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_a_word_or_none() {
        for word in Word::ALL {
            assert_eq!(Word::of(word.to_string().as_bytes()), Some(word));
            assert_eq!(Word::of(format!(" \r\n{word}\n").as_bytes()), Some(word));
        }
        let none: [&[u8]; 12] = [
            b"",
            b" ",
            b"true",
            b"TRUE",
            b"True.",
            b"True True",
            b"True\0",
            b"\xef\xbb\xbfTrue",
            b"\"True\"",
            b"<html>True</html>",
            b"MailProblem JobProblem",
            b"T",
        ];
        for body in none {
            assert_eq!(Word::of(body), None, "{body:?}");
        }
    }
}
