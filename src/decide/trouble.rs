//! What this installation watches of itself and of its peers, decided like any job: an outcome, a threshold, a message, a
//! recovery. Pure.

use super::transition::{Draft, Input, transition};
use super::{Alert, AlertId, AlertKind, JobState, Recipient};
use checker_job::{Frequency, JobId, Notify, Outcome, Policy, Remind, Timestamp, Verdict, duration_words};
use std::time::Duration;
use uuid::Uuid;

/// One trouble that may be.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Who it is, for as long as it may come again.
    pub id: JobId,
    /// What people read.
    pub name: String,
    /// What a first message begins with.
    pub label: &'static str,
    /// How often to tell again while it lasts.
    pub remind: Remind,
    /// So many bad looks in a row before it is told.
    pub threshold: u32,
    /// Its end is no news.
    pub ends_silently: bool,
}

/// One look at a trouble.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// What was seen.
    pub outcome: &'a Outcome,
    /// Whom to tell.
    pub to: &'a [Recipient],
    /// Somebody else has told it, or will: nothing new is told by us. What was told is recovered all the same.
    pub held: bool,
    /// An id for this look.
    pub run: Uuid,
    /// The time.
    pub now: Timestamp,
}

/// What a look changes: the next state, and what is to be told. `None`: nothing is wrong and nothing was.
pub fn judge(before: Option<JobState>, trouble: &Trouble, look: &Look<'_>) -> Option<(JobState, Vec<Alert>)> {
    // One that flapped is told as steady once it has been well for long enough.
    let idle = |s: &JobState| s.failure.is_none() && s.flapping.is_none();
    if before.as_ref().is_none_or(idle) && look.outcome.verdict == Verdict::Ok {
        return None;
    }
    let policy = Policy {
        name: trouble.name.clone(),
        every: Frequency::Minute,
        notify: Notify::StateChange,
        remind: trouble.remind,
        failure_threshold: trouble.threshold,
        ..Policy::default()
    };
    let step = transition(
        before.unwrap_or_default(),
        &Input {
            now: look.now,
            slot: look.now,
            run: look.run,
            started: look.now,
            took: Duration::ZERO,
            outcome: look.outcome,
            policy: &policy,
            recipients: look.to,
            held: look.held,
        },
    );
    let told = step.drafts.into_iter().filter(|draft| !(trouble.ends_silently && draft.kind.is_ending()));
    let alerts = told.map(|draft| worded(trouble, look, draft)).collect();
    Some((step.state, alerts))
}

fn worded(trouble: &Trouble, look: &Look<'_>, draft: Draft) -> Alert {
    let (word, lasted) = match draft.kind {
        AlertKind::Recovery => ("SOLVED", format!(" (after {})", duration_words(look.now.since(draft.since)))),
        AlertKind::Reminder => ("STILL", String::new()),
        _ => (trouble.label, String::new()),
    };
    Alert {
        id: AlertId { job: trouble.id.clone(), episode: draft.episode, step: draft.step },
        kind: draft.kind,
        verdict: draft.verdict,
        at: look.now,
        since: draft.since,
        failures: draft.failures,
        name: trouble.name.clone(),
        host: None,
        cause: None,
        subject: format!("{word}: {}: {}{lasted}", trouble.name, look.outcome.summary),
        body: look.outcome.detail.clone(),
        note: None,
        recipients: draft.recipients,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_that_flapped_is_told_as_steady_in_the_end() {
        let trouble = Trouble {
            id: JobId::literal("node:passes"),
            name: "passes".to_owned(),
            label: "CHECKER ITSELF",
            remind: Remind::Never,
            threshold: 1,
            ends_silently: false,
        };
        let to = [Recipient("you@example.com".to_owned())];
        let (mut state, mut kinds) = (None, Vec::new());
        for minute in 0..60_i64 {
            let bad = minute < 10 && minute % 2 == 0;
            let outcome = if bad { Outcome::failed("none comes") } else { Outcome::ok("they come") };
            let now = Timestamp::from_secs(1_000_000 + minute * 60);
            let look = Look { outcome: &outcome, to: &to, held: false, run: Uuid::nil(), now };
            if let Some((next, alerts)) = judge(state.clone(), &trouble, &look) {
                state = Some(next);
                kinds.extend(alerts.into_iter().map(|a| a.kind));
            }
        }
        assert!(kinds.contains(&AlertKind::Flapping), "{kinds:?}");
        assert_eq!(kinds.last(), Some(&AlertKind::SteadyGood), "seed 213 of the simulation");
    }
}
