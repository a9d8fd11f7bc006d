//! What a node asks a peer to look at, and what the peer answers: the bodies of `POST /v1/confirm`. Pure.

use crate::registry::Elsewhere;
use checker_job::{Outcome, Verdict};
use serde::{Deserialize, Serialize};

/// Where a peer is asked to look at a target.
pub const CONFIRM_PATH: &str = "/v1/confirm";
/// The longest question that is read, in bytes.
pub const QUESTION_MAX: usize = 16 * 1024;
/// The longest summary of an answer, in bytes.
const SUMMARY_MAX: usize = 300;

/// A question: look at this once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// 1.
    pub v: u32,
    /// The longest time that the look may take, in milliseconds. The peer may give it less.
    pub timeout_ms: u64,
    /// Kind and keys of the job.
    #[serde(flatten)]
    pub look: Elsewhere,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// 1.
    pub v: u32,
    /// What became of the question.
    pub confirm: Word,
    /// What was seen, where it was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// What was seen, or why it was not tried, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// It was tried.
    Tried,
    /// Nothing is tried for who asks.
    Declined,
    /// This was not tried.
    Cannot,
}

impl Question {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence without a full stop that says what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let question: Self =
            serde_json::from_slice(bytes).map_err(|e| format!("the question cannot be read here: {e}"))?;
        if question.v == 1 { Ok(question) } else { Err(format!("version {} is not known here", question.v)) }
    }

    /// The bytes that are sent.
    pub fn bytes(&self) -> Vec<u8> {
        // It is made of texts and numbers, so nothing can go wrong.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Answer {
    /// It was tried, and this was seen.
    pub fn tried(outcome: Outcome) -> Self {
        let Outcome { verdict, summary, .. } = outcome.bounded(SUMMARY_MAX, 0);
        Self { v: 1, confirm: Word::Tried, verdict: Some(verdict), summary }
    }

    /// Nothing is tried for who asks.
    pub fn declined() -> Self {
        Self { v: 1, confirm: Word::Declined, verdict: None, summary: String::new() }
    }

    /// It was not tried.
    pub fn cannot(why: impl Into<String>) -> Self {
        let Outcome { summary, .. } = Outcome::ok(why).bounded(SUMMARY_MAX, 0);
        Self { v: 1, confirm: Word::Cannot, verdict: None, summary }
    }

    /// Reads one. What a peer says is cut to size and cleaned.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let answer: Self = serde_json::from_slice(bytes).ok()?;
        if answer.confirm == Word::Tried && answer.verdict.is_none() {
            return None;
        }
        let Outcome { summary, .. } = Outcome::ok(answer.summary).bounded(SUMMARY_MAX, 0);
        Some(Self { summary, ..answer })
    }

    /// The bytes that are sent.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        let keys = serde_json::from_str(r#"{"address":"ns.example.com:53"}"#).unwrap();
        Question { v: 1, timeout_ms: 6_000, look: Elsewhere { kind: "tcp".to_owned(), keys } }
    }

    /// The bytes that stand in docs/protocol.md: other nodes rely on them.
    #[test]
    fn version_1_is_frozen() {
        let answers = [
            Answer::tried(Outcome::failed("ns.example.com:53 refused the connection")),
            Answer::declined(),
            Answer::cannot("it leads to an address that this node does not look at for others"),
        ];
        let mut all = vec![String::from_utf8(question().bytes()).unwrap()];
        all.extend(answers.iter().map(|a| String::from_utf8(a.bytes()).unwrap()));
        let document = include_str!("../../docs/protocol.md");
        for line in all {
            assert!(document.contains(&format!("\n{line}\n")), "docs/protocol.md must show\n{line}");
        }
    }

    #[test]
    fn what_is_sent_is_read_again_and_what_is_not_known_means_nothing() {
        assert_eq!(Question::read(&question().bytes()), Ok(question()));
        let more = r#"{"v":1,"timeout_ms":6000,"kind":"tcp","keys":{"address":"ns.example.com:53"},"new":[1]}"#;
        assert_eq!(Question::read(more.as_bytes()), Ok(question()));
        assert!(Question::read(more.replace("\"v\":1", "\"v\":2").as_bytes()).unwrap_err().contains("version 2"));
        for bad in ["", "{}", "[]", "{\"v\":1}", "\u{fffd}"] {
            assert!(Question::read(bad.as_bytes()).is_err(), "{bad}");
        }
        let tried = Answer::tried(Outcome::ok("fine"));
        assert_eq!(Answer::read(&tried.bytes()), Some(tried));
        assert_eq!(Answer::read(br#"{"v":1,"confirm":"tried","summary":"no verdict"}"#), None);
        assert_eq!(Answer::read(br#"{"v":1,"confirm":"perhaps"}"#), None);
    }

    #[test]
    fn nothing_that_a_peer_says_breaks_a_line_or_fills_a_message() {
        let long = format!(r#"{{"v":1,"confirm":"cannot","summary":"a\nb\u001b[31m{}"}}"#, "x".repeat(10_000));
        let read = Answer::read(long.as_bytes()).unwrap();
        assert!(read.summary.len() <= SUMMARY_MAX && !read.summary.contains(['\n', '\u{1b}']), "{}", read.summary);
    }
}
