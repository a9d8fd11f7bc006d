//! Troubles of this node itself: each is a job of the own group whose outcome the pass knows by itself. So its
//! threshold, its reminders, its recovery and its delivery are the same as everybody's.

mod identity;
mod outside;
mod own_faults;

pub use identity::{host_name, identity};
pub use outside::{channel, channels_in_trouble, deadman};
pub use own_faults::{Blind, blind, clock, evidence_lines, seen_again, waits_for_no_job};

use crate::decide::Recipient;
use crate::decide::bound::Fault;
use crate::decide::health::DAEMON_MISSES;
use crate::decide::peers::PROBLEM;
use crate::decide::schedule::Class;
use crate::decide::trouble::{Look, Trouble, judge as decide};
use crate::outbox::again;
use crate::store::{Applied, Change, Degraded, Ledger, Own, Result, StoreError};
use checker_job::{JobId, Outcome, Remind, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// What the ids of all troubles begin with.
const PREFIX: &str = "node:";

/// Whether this is one of our own troubles and no job of the settings.
pub fn is_trouble(id: &JobId) -> bool {
    id.as_str().starts_with(PREFIX)
}

/// So often a look is decided anew because another process was quicker.
const LOOKS_MAX: usize = 5;
/// Whether this is the trouble of a peer.
pub fn is_peer(id: &JobId) -> bool {
    id.as_str().starts_with(PEER)
}

/// What the ids of the troubles of peers begin with.
const PEER: &str = "peer:";
/// What a first message about ourselves begins with.
const LABEL: &str = "CHECKER ITSELF";

/// A trouble of this node, told once and at once; its end is told too.
pub(crate) fn trouble(id: JobId, name: impl Into<String>, remind: Remind) -> Trouble {
    Trouble { id, name: name.into(), label: LABEL, remind, threshold: 1, ends_silently: false }
}

/// The id of the trouble that a class's crontab line is missing.
pub fn crontab_id(class: Class) -> JobId {
    JobId::literal(format!("{PREFIX}crontab:{class}"))
}

/// A class of jobs whose crontab line does not come (`missing` is how Checker is called by hand), or does.
///
/// # Errors
/// Of the store.
pub fn crontab(
    own: &dyn Own,
    contacts: &[Recipient],
    class: Class,
    missing: Option<&String>,
    now: Timestamp,
) -> Result<()> {
    let id = crontab_id(class);
    let trouble = trouble(id, format!("crontab line for {class}"), Remind::Never);
    let outcome = if let Some(command) = missing {
        Outcome::warning(format!("cron does not call `checker cron -c {class}`; its jobs run 10 minutes late"))
            .with_detail(format!(
                "Add this line to the crontab (with the program's whole path):\n\n    {} {command} cron -c {class}\n\nor use \
                 one line for all:\n\n    * * * * * {command} cron",
                class.crontab()
            ))
    } else {
        Outcome::ok("cron calls for it")
    };
    judge(own, contacts, &trouble, &outcome, now)
}

/// Settings that do not load: the last accepted ones are in use.
///
/// # Errors
/// Of the store.
pub fn settings(own: &dyn Own, contacts: &[Recipient], problem: Option<&str>, now: Timestamp) -> Result<()> {
    let hour = Remind::Every(Duration::from_secs(3_600));
    let trouble = trouble(JobId::literal(format!("{PREFIX}settings")), "settings", hour);
    let outcome = match problem {
        Some(report) => Outcome::failed("the settings do not load; the last accepted ones are in use")
            .with_detail(format!("{report}\n\nMend the file, then look with: checker check")),
        None => Outcome::ok("the settings load"),
    };
    judge(own, contacts, &trouble, &outcome, now)
}

/// The state cannot be used, or was mended. Where nothing is remembered, `ledger` is that of the jobs, so that one
/// message tells of all.
///
/// # Errors
/// Of the store.
pub fn state(ledger: &dyn Ledger, contacts: &[Recipient], problem: Option<&Degraded>, now: Timestamp) -> Result<()> {
    let hour = Remind::Every(Duration::from_secs(3_600));
    let trouble = trouble(state_id(), "state", hour);
    let outcome = match problem {
        Some(problem) => Outcome::failed(&problem.summary).with_detail(problem.detail.clone()),
        None => Outcome::ok("the state is at its place, with all that was recorded meanwhile"),
    };
    judge(ledger, contacts, &trouble, &outcome, now)
}

/// The fault that this trouble shows, where our own mail tells of it.
pub fn fault_of(job: &JobId) -> Option<Fault> {
    let name = job.as_str().strip_prefix(PREFIX)?;
    match name.split_once(':').map_or(name, |(kind, _)| kind) {
        "passes" => Some(Fault::CronDead),
        "daemon" => Some(Fault::DaemonDead),
        "state" => Some(Fault::StateBroken),
        "settings" => Some(Fault::SettingsBroken),
        "clock" => Some(Fault::ClockStep),
        "skew" => Some(Fault::ClockSkew),
        "unwatched" => Some(Fault::Unwatched),
        _ => None,
    }
}

/// The id of the trouble that the state cannot be used.
pub fn state_id() -> JobId {
    JobId::literal(format!("{PREFIX}state"))
}

const DAY: Duration = Duration::from_secs(86_400);

/// The trouble that mail does not arrive.
pub fn mail(threshold: u32) -> Trouble {
    Trouble { threshold, ..trouble(JobId::literal(format!("{PREFIX}mail")), "mail", Remind::Every(DAY)) }
}

/// The trouble that no pass runs.
pub fn passes() -> Trouble {
    trouble(JobId::literal(format!("{PREFIX}passes")), "passes", Remind::Every(DAY))
}

/// The trouble that a peer does not watch us.
pub fn unwatched(peer: &str) -> Trouble {
    trouble(JobId::literal(format!("{PREFIX}unwatched:{peer}")), format!("watch of {peer}"), Remind::Every(DAY))
}

/// The trouble that the daemon does not answer.
pub fn daemon() -> Trouble {
    Trouble {
        threshold: DAEMON_MISSES,
        ..trouble(JobId::literal(format!("{PREFIX}daemon")), "daemon", Remind::Every(DAY))
    }
}

/// A drill by the settings has failed (`problem` says how), or succeeded.
///
/// # Errors
/// Of the store.
pub fn drill(own: &dyn Own, contacts: &[Recipient], problem: Option<&str>, now: Timestamp) -> Result<()> {
    let id = JobId::literal(format!("{PREFIX}drill"));
    let outcome = match problem {
        Some(why) => Outcome::failed("a drill has failed: alerts may not reach you as they should")
            .with_detail(format!("{why}\n\nTry one by hand, and see each step: checker drill")),
        None => Outcome::ok("a drill has succeeded"),
    };
    judge(own, contacts, &trouble(id, "drill", Remind::Every(DAY)), &outcome, now)
}

/// The trouble that a peer's clock and ours differ.
pub fn skew(peer: &str) -> Trouble {
    let id = JobId::literal(format!("{PREFIX}skew:{peer}"));
    Trouble { threshold: PROBLEM, ..trouble(id, format!("clock against {peer}"), Remind::Every(DAY)) }
}

/// The trouble of a peer; with `once` it is not reminded of.
pub fn peer(name: &str, threshold: u32, once: bool) -> Trouble {
    Trouble {
        id: JobId::literal(format!("{PEER}{name}")),
        name: name.to_owned(),
        label: "PEER",
        remind: if once { Remind::Never } else { Remind::Every(DAY) },
        threshold,
        ends_silently: false,
    }
}

/// Decides on a trouble as on any job; writes only if something changes.
///
/// # Errors
/// Of the store.
pub(crate) fn judge(
    ledger: &dyn Ledger,
    contacts: &[Recipient],
    trouble: &Trouble,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<()> {
    judge_held(ledger, contacts, trouble, outcome, false, now).map(drop)
}

/// As [`judge`]; with `held`, somebody else tells it and we do not. Whether there is more to see: it is not well, or was not
/// for long enough.
///
/// # Errors
/// Of the store.
pub(crate) fn judge_held(
    ledger: &dyn Ledger,
    to: &[Recipient],
    trouble: &Trouble,
    outcome: &Outcome,
    held: bool,
    now: Timestamp,
) -> Result<bool> {
    // Pass and daemon may look at the same time: who comes late decides again on what the other wrote.
    for _ in 0..LOOKS_MAX {
        let before = ledger.states(std::slice::from_ref(&trouble.id))?.remove(&trouble.id);
        let expected_seq = before.as_ref().map_or(0, |s| s.seq);
        let look = Look { outcome, to, held, run: Uuid::now_v7(), now };
        let Some((state, alerts)) = decide(before, trouble, &look) else {
            return Ok(false);
        };
        let job = trouble.id.clone();
        let change = Change { job, expected_seq, state: Some(state), run: None, alerts, hour: None };
        if again(|| ledger.commit(std::slice::from_ref(&change)))?.first() != Some(&Applied::Stale) {
            return Ok(true);
        }
    }
    Err(StoreError::Unavailable(format!("{} changes faster than it can be judged", trouble.name)))
}
