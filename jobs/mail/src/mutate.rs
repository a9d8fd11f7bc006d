//! Would the job notice that mail does not arrive, or not in time? What was found is made wrong, and judged as it is in a run.

use crate::judge::{Findings, Found, Sending, judge};
use crate::letter::{Fate, Note};
use crate::plan::Plan;
use checker_job::{Mutation, Outcome, duration_words};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// What the job would say, had it found something else than what it calls healthy.
pub(crate) fn mutations(plan: &Plan, f: &Findings) -> Vec<Mutation> {
    let judged = |wrong: Findings| judge(plan, &wrong);
    let nothing = || Findings { found: None, earlier: Vec::new(), last: None, ..f.clone() };
    let refused = Sending { outcome: Outcome::failed("the server refuses the message"), is_in_doubt: false };
    let within = plan.limits.within;
    // A message of an earlier run, which must have come by now.
    let lost = Note { letter: f.own.clone(), fate: Fate::Sent };
    let later = f.now.plus(within.saturating_add(Duration::from_secs(3_600)));
    let slow = format!("a message that takes {}", duration_words(DAY));
    vec![
        Mutation::new(
            "refused",
            "a server that takes no message",
            "",
            judged(Findings { sending: Some(refused), ..nothing() }),
        ),
        Mutation::new(
            "gone",
            "a message that never arrives",
            "",
            judged(Findings { now: later, earlier: vec![(lost, None)], ..nothing() }),
        ),
        Mutation::new(
            "spam",
            "a message that is taken for spam",
            "",
            judged(Findings { found: Some(Found::Spam("Junk".to_owned())), ..nothing() }),
        ),
        Mutation::new(
            "slow",
            slow,
            "set within or warning to less",
            judged(Findings { found: Some(Found::Arrived(DAY)), ..nothing() }),
        ),
    ]
}
