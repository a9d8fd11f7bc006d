//! `checker drill`: a fault that is none, on the way of every alert, with the time of each step against the bound.

mod peer;

use super::args;
use super::daemon::hands::{Found, Post};
use super::exit::{Exit, Failure};
use super::watch::socket;
use super::world::World;
use super::{Cx, json_line};
use crate::control::{self, Ask};
use crate::decide::drill::{Drill, Phase};
use crate::decide::{Delivery, DeliveryState, pace};
use crate::store::{Ledger, Sqlite};
use crate::{clock, drill, node};
use checker_job::{JobId, Policy, Timestamp, duration_words};
use serde_json::json;
use std::io;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Between two looks at the state.
const PAUSE: Duration = Duration::from_millis(500);
/// Between two looks into the mailbox.
const LOOK_PAUSE: Duration = Duration::from_secs(3);
/// So many of the newest deliveries are looked through.
const NEWEST: usize = 500;

/// What was seen of a drill, and how long after its beginning.
#[derive(Debug, Default)]
struct Seen {
    noticed: Option<Duration>,
    decided: Option<Duration>,
    told: Option<Duration>,
    arrived: Option<(Duration, String)>,
}

/// A drill that goes on.
struct Course<'a> {
    store: &'a Sqlite,
    job: JobId,
    post: Option<Post>,
    bound: Duration,
    started: Instant,
    seen: Seen,
}

pub(super) fn run(cx: &mut Cx<'_>, args: &args::Drill) -> Result<Exit, Failure> {
    let world = World::load(cx, true)?;
    if let Some(name) = &args.peer {
        return peer::run(cx, &world, name);
    }
    let home = world.home(false);
    let store = world.open(&home)?;
    let now = clock::now().wall;
    refuse_second(&store, now)?;
    let holder = Uuid::now_v7();
    home.hold(holder)?;
    let post = Some(Post::of(&world, &home, holder)?).filter(Post::sees);
    let mut begun = Drill { id: Uuid::now_v7(), started: now, ended: false, scheduled: args.scheduled };
    drill::put(&store.own(), &begun)?;
    drill::note_last(&store.own(), now)?;
    let policy = Policy::default();
    let bound = world.site().job_time(policy.every, policy.failure_threshold, policy.until_judged());
    if !cx.options.json {
        let (name, most) = (begun.name(), duration_words(bound));
        writeln!(cx.out, "{name}: a job that fails; the bound for these settings is {most}. Passes must run.")?;
        cx.out.flush()?;
    }
    let mut course =
        Course { store: &store, job: begun.job(), post, bound, started: Instant::now(), seen: Seen::default() };
    let ended = course.watch(cx);
    begun.ended = true;
    drill::put(&store.own(), &begun)?;
    let problem = match ended {
        // Nobody reads what a drill by the calendar says: that it broke off is an alarm as well.
        Err(why) if args.scheduled => Some(format!("it broke off: {why}")),
        ended => ended?,
    };
    if args.scheduled {
        node::drill(&store.own(), &world.contacts(), problem.as_deref(), clock::now().wall)?;
        // Without a daemon, the next pass tells it.
        if let Some(Err(why)) = socket(&world).map(|socket| control::ask(&socket, &Ask::Drain, pace::DAEMON)) {
            tracing::debug!("the daemon is not told of the drill: {why}");
        }
    }
    report(cx, &course, &begun, problem.as_deref())?;
    Ok(if problem.is_none() { Exit::Ok } else { Exit::Later })
}

/// Two at a time would be taken for each other.
fn refuse_second(store: &Sqlite, now: Timestamp) -> Result<(), Failure> {
    let Some(other) = drill::current(&store.own())?.filter(|d| d.phase(now) == Phase::Failing) else { return Ok(()) };
    let ago = duration_words(Duration::from_secs(now.since(other.started).as_secs()));
    Err(Failure::Other(
        Exit::Later,
        format!(
            "another drill was begun {ago} ago and goes on; wait until it has ended, which it does after an hour by itself"
        ),
    ))
}

impl Course<'_> {
    /// Waits for each step; what went wrong, if anything did.
    fn watch(&mut self, cx: &mut Cx<'_>) -> Result<Option<String>, Failure> {
        let mut looked: Option<Instant> = None;
        loop {
            let first = self.look_at_state(cx)?;
            let refused = first.iter().find_map(|d| match &d.state {
                DeliveryState::Refused { why, .. } => {
                    Some(format!("the message for {} was refused: {why}", d.recipient))
                }
                _ => None,
            });
            if refused.is_some() {
                return Ok(refused);
            }
            if self.seen.told.is_some() {
                let Some(post) = &self.post else { break };
                if looked.is_none_or(|at| at.elapsed() >= LOOK_PAUSE)
                    && let Some(delivery) = first.iter().find(|d| d.recipient == *post.to())
                {
                    looked = Some(Instant::now());
                    match post.find(&delivery.id.simple().to_string(), &delivery.message_id) {
                        Ok(Found::Arrived(folder)) => {
                            self.seen.arrived = Some((self.started.elapsed(), folder));
                            break;
                        }
                        Ok(Found::Spam(folder) | Found::Thrown(folder)) => {
                            return Ok(Some(format!(
                                "the message came into the folder {folder}, where nobody reads it"
                            )));
                        }
                        Ok(Found::Missing) => {}
                        Err(why) => tracing::debug!("{why}"),
                    }
                }
            }
            if self.started.elapsed() > self.bound {
                return Ok(Some(self.late(&first)));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(None)
    }

    /// The messages that tell of the fault, so far.
    fn look_at_state(&mut self, cx: &mut Cx<'_>) -> Result<Vec<Delivery>, Failure> {
        let shared = self.store.shared();
        let state = shared.states(std::slice::from_ref(&self.job))?.remove(&self.job);
        let failure = state.and_then(|s| s.failure);
        let after = self.started.elapsed();
        if failure.is_some() && self.seen.noticed.is_none() {
            self.seen.noticed = Some(after);
            step(cx, "noticed by a pass", after, "")?;
        }
        if failure.is_none_or(|f| f.told_at.is_none()) {
            return Ok(Vec::new());
        }
        if self.seen.decided.is_none() {
            self.seen.decided = Some(after);
            step(cx, "to be told", after, "")?;
        }
        let mut first = shared.deliveries(NEWEST)?;
        first.retain(|d| {
            d.state != DeliveryState::Superseded && d.alerts.iter().any(|a| a.job == self.job && a.step == 0)
        });
        let told = |d: &Delivery| matches!(d.state, DeliveryState::Told { .. });
        if self.seen.told.is_none() && !first.is_empty() && first.iter().all(told) {
            self.seen.told = Some(after);
            let to: Vec<&str> = first.iter().map(|d| d.recipient.0.as_str()).collect();
            step(cx, "told", after, &format!(", accepted for {}", to.join(", ")))?;
        }
        Ok(first)
    }

    /// What has not come in time.
    fn late(&self, first: &[Delivery]) -> String {
        let most = duration_words(self.bound);
        let error = first.iter().find_map(|d| d.last_error.clone()).map_or_else(String::new, |why| format!(": {why}"));
        match &self.seen {
            Seen { noticed: None, .. } => {
                format!(
                    "no pass has run within {most}: look whether cron runs and has the line, and see `checker status`"
                )
            }
            Seen { decided: None, .. } => format!("the passes within {most} were too few: does cron call each minute?"),
            Seen { told: None, .. } => format!("the message was not accepted within {most}{error}; it is kept"),
            _ => {
                let to = self.post.as_ref().map_or_else(String::new, |p| p.to().to_string());
                format!("the message was accepted, and is not in the mailbox of {to} within {most}")
            }
        }
    }
}

fn step(cx: &mut Cx<'_>, what: &str, after: Duration, more: &str) -> io::Result<()> {
    if cx.options.json {
        return Ok(());
    }
    writeln!(cx.out, "{:>8}  {what}{more}", duration_words(Duration::from_secs(after.as_secs())))?;
    cx.out.flush()
}

fn report(cx: &mut Cx<'_>, course: &Course<'_>, drill: &Drill, problem: Option<&str>) -> Result<(), Failure> {
    let (seen, bound) = (&course.seen, course.bound);
    if cx.options.json {
        let secs = |d: Option<Duration>| d.map(|d| d.as_secs_f64());
        let value = json!({
            "v": 1, "drill": drill.id, "ok": problem.is_none(), "problem": problem, "bound_s": bound.as_secs(),
            "noticed_s": secs(seen.noticed), "decided_s": secs(seen.decided), "told_s": secs(seen.told),
            "arrived_s": secs(seen.arrived.as_ref().map(|a| a.0)), "folder": seen.arrived.as_ref().map(|a| &a.1),
        });
        return Ok(json_line(cx, &value)?);
    }
    if let Some((after, folder)) = &seen.arrived {
        step(cx, "arrived", *after, &format!(", in the folder {folder}"))?;
    }
    let most = duration_words(bound);
    match problem {
        Some(why) => writeln!(cx.out, "FAILED: {why}")?,
        None if course.post.is_some() => writeln!(cx.out, "good: within the bound of {most}")?,
        None => writeln!(
            cx.out,
            "good: accepted within the bound of {most}. Whether it arrived, only its reader can say: look into the mailbox, or \
             let Checker look with [canary] via = \"imap\""
        )?,
    }
    writeln!(cx.out, "The next pass ends it, and tells that it is over.")?;
    Ok(())
}
