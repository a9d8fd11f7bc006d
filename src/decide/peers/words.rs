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
    // A daemon that has just begun has heard of no pass yet: what only passes see, it does not know.
    let seen = |is: bool, good: &'static str, bad: &'static str| match (passes.served_s, is) {
        (None, _) => "not known: no pass has told it yet",
        (Some(_), true) => good,
        (Some(_), false) => bad,
    };
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
        seen(status.state_ok, "can be written", "cannot be written"),
        seen(status.settings_ok, "load", "do not load"),
    ))
}

pub(super) fn clone_of(name: &str) -> Outcome {
    Outcome::failed(format!("two machines use the key of {name}")).with_detail(
        "They speak in turns, so one is a copy of the other: a cloned disk, a restored\nbackup beside the original. Remove the \
         key file of the copy (it stands beside its\nstate and ends in .key); it makes a new one at its next start.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_pass_has_told_yet_is_not_called_broken() {
        let mut status = Status { word: Some(Word::JobProblem), ..Status::default() };
        let begun = reported("beta", &status).detail;
        assert!(begun.contains("state:    not known") && begun.contains("settings: not known"), "{begun}");
        status.passes.served_s = Some(30);
        let broken = reported("beta", &status).detail;
        assert!(broken.contains("state:    cannot be written") && broken.contains("settings: do not load"), "{broken}");
    }
}
