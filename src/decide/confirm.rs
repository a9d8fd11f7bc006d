//! What peers see of a target that we are about to call down: when they are asked, and what that makes of the message. Pure.
//!
//! What they say decides nothing. A failure is told whoever sees it: a peer that reaches the target does not help those who
//! are where we are, and a peer that lies could keep a failure quiet.

use super::AlertKind;
use super::transition::Step;
use checker_job::Verdict;
use std::fmt;

/// What one peer answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// The peer's name.
    pub peer: String,
    /// What it said.
    pub said: Said,
}

/// What a peer says of a target. Sentences are without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It tried, and saw this.
    Saw(Verdict, String),
    /// It does not try targets for us.
    Declined,
    /// It could not, or would not try this one, and why.
    Cannot(String),
    /// It gave no answer that can be believed, and why.
    Silent(String),
}

/// What peers say of one target, or why they were not asked: a sentence without a full stop.
pub type Seen = Result<Vec<Sight>, String>;

/// Whether peers are asked before this is told: a target is about to be called down for the first time.
pub fn is_wanted(step: &Step) -> bool {
    step.drafts.iter().any(|d| tells(d.kind) && d.verdict == Verdict::Failed)
}

/// Whether what peers saw belongs into such an alert.
pub fn tells(kind: AlertKind) -> bool {
    matches!(kind, AlertKind::Down | AlertKind::Worse)
}

/// Who saw what, for the message: what it means, and a line for each peer.
pub fn words(seen: &Seen) -> String {
    let sights = match seen {
        Ok(sights) if sights.is_empty() => return "There is no peer to be asked what it sees.".to_owned(),
        Ok(sights) => sights,
        Err(why) => return format!("Peers were not asked what they see: {why}."),
    };
    let saw = |is: fn(Verdict) -> bool| sights.iter().filter(|s| matches!(&s.said, Said::Saw(v, _) if is(*v))).count();
    let (down, up) = (saw(|v| v == Verdict::Failed), saw(|v| matches!(v, Verdict::Ok | Verdict::Warning)));
    let of = |n: usize| format!("{n} of {} that tried", saw(|_| true));
    let mut out = match (down, up) {
        (0, 0) => "Peers were asked, and none can say how it is.".to_owned(),
        (n, 0) => format!("Peers see it too: {}.", of(n)),
        (0, n) => format!("Peers do reach it ({}): the fault may be on the way from here.", of(n)),
        (n, _) => format!("Peers do not agree: {} sees it too.", of(n)),
    };
    for sight in sights {
        out.push_str("\n  ");
        out.push_str(&sight.to_string());
    }
    out
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, said } = self;
        match said {
            Said::Saw(Verdict::Ok, summary) if summary.is_empty() => write!(f, "{peer} reaches it"),
            Said::Saw(Verdict::Ok, summary) => write!(f, "{peer} reaches it: {summary}"),
            Said::Saw(Verdict::Unknown, summary) => write!(f, "{peer} could not find out: {summary}"),
            Said::Saw(Verdict::Warning, summary) => write!(f, "{peer} reaches it, with a warning: {summary}"),
            Said::Saw(Verdict::Failed, summary) => write!(f, "{peer} sees it failed: {summary}"),
            Said::Declined => write!(f, "{peer} does not try targets for this node (confirm_for in its settings)"),
            Said::Cannot(why) => write!(f, "{peer} did not try it: {why}"),
            Said::Silent(why) => write!(f, "{peer} gave no answer: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::transition::{Input, transition};
    use crate::decide::{JobState, Recipient};
    use checker_job::{Outcome, Policy, Timestamp};
    use std::time::Duration;
    use uuid::Uuid;

    fn sight(peer: &str, said: Said) -> Sight {
        Sight { peer: peer.to_owned(), said }
    }

    fn saw(peer: &str, verdict: Verdict) -> Sight {
        sight(peer, Said::Saw(verdict, "as it is".to_owned()))
    }

    /// For each run in turn, whether peers are asked before it is told.
    fn asked(outcomes: &[Outcome], held: bool) -> Vec<bool> {
        let mut state = JobState::default();
        let policy = Policy::default();
        let run = |(minute, outcome): (u8, &Outcome)| {
            let now = Timestamp::from_secs(1_700_000_000 + i64::from(minute) * 60);
            let input = Input {
                now,
                slot: now,
                run: Uuid::from_u128(u128::from(minute) + 1),
                started: now,
                took: Duration::ZERO,
                outcome,
                policy: &policy,
                recipients: &[Recipient("ann@example.com".to_owned())],
                held,
            };
            let step = transition(std::mem::take(&mut state), &input);
            let wanted = is_wanted(&step);
            state = step.state;
            wanted
        };
        (0..).zip(outcomes).map(run).collect()
    }

    #[test]
    fn peers_are_asked_once_before_a_target_is_called_down() {
        let (ok, down) = (Outcome::ok("fine"), Outcome::failed("refused"));
        let (late, blind) = (Outcome::warning("slow"), Outcome::unknown("no route", "no route"));
        let story = [&ok, &down, &down, &down, &ok, &down, &blind, &down, &ok].map(Clone::clone);
        assert_eq!(asked(&story, false), [false, false, true, false, false, false, false, true, false]);
        assert_eq!(asked(&[late.clone(), late.clone(), down.clone()], false), [false, false, true], "it became worse");
        assert_eq!(asked(&[late.clone(), late, blind.clone(), blind], false), [false; 4]);
        assert_eq!(asked(&[down.clone(), down.clone(), down], true), [false; 3], "nothing is told");
    }

    #[test]
    fn the_message_says_who_saw_what() {
        assert_eq!(words(&Err("no time".to_owned())), "Peers were not asked what they see: no time.");
        let first = |sights: &[Sight]| words(&Ok(sights.to_vec())).lines().next().unwrap_or_default().to_owned();
        let (down, up) = (saw("beta", Verdict::Failed), saw("gamma", Verdict::Ok));
        assert_eq!(first(std::slice::from_ref(&down)), "Peers see it too: 1 of 1 that tried.");
        assert_eq!(
            first(std::slice::from_ref(&up)),
            "Peers do reach it (1 of 1 that tried): the fault may be on the way from here."
        );
        let slow = saw("slow", Verdict::Warning);
        assert_eq!(first(&[down.clone(), up.clone(), slow]), "Peers do not agree: 1 of 3 that tried sees it too.");
        assert_eq!(first(&[saw("x", Verdict::Unknown)]), "Peers were asked, and none can say how it is.");
        let all = vec![
            down,
            up,
            saw("delta", Verdict::Unknown),
            sight("epsilon", Said::Declined),
            sight("zeta", Said::Cannot("it is busy".to_owned())),
            sight("eta", Said::Silent("refused the connection".to_owned())),
        ];
        assert_eq!(
            words(&Ok(all)),
            "Peers do not agree: 1 of 3 that tried sees it too.\n  beta sees it failed: as it is\n  gamma reaches it: as it \
             is\n  delta could not find out: as it is\n  epsilon does not try targets for this node (confirm_for in its \
             settings)\n  zeta did not try it: it is busy\n  eta gave no answer: refused the connection"
        );
    }
}
