//! What a peer asks us to look at, and what it says when we ask.

use super::{choice, in_time, is_line};
use crate::bundled;
use crate::peer::confirm::{Answer, Question};
use crate::registry::Registry;
use std::sync::OnceLock;
use std::time::Duration;

/// `a` and an answer, or anything else and a question.
///
/// # Panics
/// If a question makes another job than one that looks at a target, or if words are not fit for a message.
pub fn look(data: &[u8]) {
    let (kind, rest) = choice(data);
    if kind == b'a' { answer(rest) } else { question(rest) }
}

fn answer(data: &[u8]) {
    let Some(read) = in_time(|| Answer::read(data)) else { return };
    assert!(is_line(&read.summary) && read.summary.len() <= 300, "words for humans: {:?}", read.summary);
    assert_eq!(Answer::read(&read.bytes()).as_ref(), Some(&read), "read and written again");
}

fn question(data: &[u8]) {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    let registry = REGISTRY.get_or_init(bundled);
    let wanted = match in_time(|| Question::read(data)) {
        Ok(question) => question.look,
        Err(why) => return assert!(is_line(&Answer::cannot(why).summary)),
    };
    match in_time(|| registry.look(&wanted, Duration::from_secs(6))) {
        Ok(job) => {
            assert!(registry.kinds_elsewhere().any(|kind| kind == job.kind()), "{wanted:?}");
            assert!(job.kind() == wanted.kind && job.leaves().is_none(), "{wanted:?}");
            assert_eq!(job.policy().timeout, Duration::from_secs(6));
        }
        Err(why) => assert!(is_line(&Answer::cannot(why).summary)),
    }
}
