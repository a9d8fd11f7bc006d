//! Drills in the shell: what is remembered of one, and the job that it is in each pass. What a drill is: [`crate::decide::drill`].

use crate::decide::Recipient;
use crate::decide::drill::{Drill, Phase};
use crate::node;
use crate::registry::DynJob;
use crate::store::{Own, Result, Shared};
use checker_job::{Context, Failure, JobId, Message, Outcome, Policy, Recovery, Remind, Timestamp};
use std::pin::Pin;

/// Where the drill is kept in the own group.
const DRILL: &str = "drill";
/// When a drill was last begun, in the own group.
const DRILLED_AT: &str = "drilled_at";

/// The drill that goes on, if one does.
///
/// # Errors
/// Of the store.
pub fn current(own: &dyn Own) -> Result<Option<Drill>> {
    Ok(own.meta(DRILL)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// When a drill was last begun.
///
/// # Errors
/// Of the store.
pub fn last(own: &dyn Own) -> Result<Option<Timestamp>> {
    Ok(own.meta(DRILLED_AT)?.and_then(|text| text.parse().ok()).map(Timestamp::from_micros))
}

/// Notes when a drill was last begun, or that time is counted from now on.
///
/// # Errors
/// Of the store.
pub fn note_last(own: &dyn Own, at: Timestamp) -> Result<()> {
    own.set_meta(DRILLED_AT, Some(&at.micros().to_string()))
}

/// Begins a drill, or says that it is to end: the next pass finds it so.
///
/// # Errors
/// Of the store.
pub fn put(own: &dyn Own, drill: &Drill) -> Result<()> {
    own.set_meta(DRILL, Some(&serde_json::to_string(drill).unwrap_or_default()))
}

/// The job that the drill is in this pass; `to` is whom it tells.
///
/// # Errors
/// Of the store.
pub fn job(own: &dyn Own, to: Vec<String>, now: Timestamp) -> Result<Option<Fault>> {
    let Some(drill) = current(own)? else { return Ok(None) };
    let phase = drill.phase(now);
    Ok((phase != Phase::Over).then(|| Fault::new(&drill, phase == Phase::Failing, to)))
}

/// After a pass: a drill that is over is forgotten. One by the settings that nobody has ended is one that failed.
///
/// # Errors
/// Of the store.
pub fn settle(own: &dyn Own, shared: &dyn Shared, contacts: &[Recipient], now: Timestamp) -> Result<()> {
    let Some(drill) = current(own)? else { return Ok(()) };
    let id = drill.job();
    let well = match drill.phase(now) {
        Phase::Failing => return Ok(()),
        Phase::Over => true,
        Phase::Ending => shared.states(std::slice::from_ref(&id))?.get(&id).is_none_or(|s| s.failure.is_none()),
    };
    if !well {
        return Ok(());
    }
    own.set_meta(DRILL, None)?;
    if drill.scheduled && !drill.ended {
        let why =
            "The process that ran it was ended before it had seen the message, and it was left alone for an hour.";
        node::drill(own, contacts, Some(why), now)?;
    }
    Ok(())
}

/// The fault that is none.
pub struct Fault {
    id: JobId,
    policy: Policy,
    fails: bool,
}

impl Fault {
    fn new(drill: &Drill, fails: bool, to: Vec<String>) -> Self {
        // Reminders would only annoy.
        let policy = Policy { name: drill.name(), contacts: to, remind: Remind::Never, ..Policy::default() };
        Self { id: drill.job(), policy, fails }
    }
}

impl DynJob for Fault {
    fn id(&self) -> &JobId {
        &self.id
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn kind(&self) -> &'static str {
        "drill"
    }

    fn blocking(&self) -> bool {
        false
    }

    fn handles(&self) -> usize {
        0
    }

    fn execute<'a>(&'a self, _: &'a Context) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(std::future::ready(if self.fails {
            Outcome::failed("nothing is wrong, and this is no alarm")
        } else {
            Outcome::ok("it is over")
        }))
    }

    fn on_failure(&self, failure: &Failure<'_>) -> Message {
        Message {
            subject: format!("DRILL: {}: {}", self.policy.name, failure.outcome.summary),
            body: "Somebody has asked for this message with `checker drill`, or the settings have with\n[drill] every. It has \
                   come by the way that each alert takes: found by two passes in\na row, decided, committed, sent. If you \
                   read it where you would read an alert, and in\ntime, all of that works. There is nothing to do."
                .to_owned(),
        }
    }

    fn on_recovery(&self, _: &Recovery<'_>) -> Message {
        Message { subject: format!("DRILL: {} is over", self.policy.name), body: String::new() }
    }
}
