//! What is said of a peer. Pure.

use super::super::Word;
use super::super::status::Status;
use checker_job::{Outcome, duration_words};
use std::time::Duration;

/// It answers, but never yet as a peer.
pub(super) fn unpaired(name: &str) -> Outcome {
    Outcome::failed(format!("{name} answers, but not as a peer")).with_detail(
        "Its answers have no signature that we know, so what it says counts for nothing, and it\ndoes not watch us. Either its \
         settings have no [[peer]] table for us yet: let its admin\npaste what `checker peers invite` prints here. Or the key in \
         our table is not its own:\ncompare it with what `checker key` prints there.",
    )
}

pub(super) fn problem(name: &str, word: Word) -> Outcome {
    match word {
        Word::True => Outcome::ok(format!("{name} is well")),
        Word::MailProblem => Outcome::warning(format!("{name} says that its messages may not arrive (MailProblem)")),
        Word::JobProblem => {
            Outcome::warning(format!("{name} says that its checks do not run as they should (JobProblem)"))
        }
    }
}

pub(super) fn reported(name: &str, status: &Status) -> Outcome {
    let outcome = problem(name, status.word.unwrap_or(Word::JobProblem));
    if outcome.verdict == checker_job::Verdict::Ok {
        return outcome;
    }
    let age = |s: Option<u64>| {
        s.map_or_else(|| "unknown".to_owned(), |s| format!("{} ago", duration_words(Duration::from_secs(s))))
    };
    let (mail, passes) = (&status.mail, &status.passes);
    outcome.with_detail(format!(
        "What it says of itself, signed:\n  mail:     {} (last proof: {}; {} message(s) wait)\n  passes:   last one {}; {} job(s), {} failing, {} \
         class(es) overdue\n  state:    {}\n  settings: {}",
        mail.is,
        age(mail.proven_s),
        mail.waiting,
        age(passes.served_s),
        passes.jobs,
        passes.failing,
        passes.overdue,
        if status.state_ok { "can be written" } else { "cannot be written" },
        if status.settings_ok { "load" } else { "do not load" },
    ))
}

pub(super) fn clone_of(name: &str) -> Outcome {
    Outcome::failed(format!("two machines use the key of {name}")).with_detail(
        "They speak in turns, so one is a copy of the other: a cloned disk, a restored\nbackup beside the original. Remove the \
         key file of the copy (it stands beside its\nstate and ends in .key); it makes a new one at its next start.",
    )
}
