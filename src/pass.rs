//! One cron pass: what is due runs, outcomes are decided, states and alerts are committed together, alerts leave in
//! waves.
//!
//! This is a shell: it reads the clock, the store and the runner, and asks [`crate::decide`] what all of it means.

mod confirm;
mod crew;
mod doubt;
mod due;
mod ids;
mod results;
mod scripts;
mod steps;
mod waves;
mod windows;
mod wording;

use crate::apart;
use crate::clock::Steady;
use crate::decide::schedule::{Called, Class, CronMemory, Reason, Slots, needed};
use crate::decide::window::Windows;
use crate::decide::witness::Evidence;
use crate::decide::{JobState, Recipient};
use crate::node;
use crate::outbox::{Drained, again};
use crate::registry::DynJob;
use crate::runner::AtOnce;
use crate::store::{Own, PassEnd, PassStart, Result, Retention, Shared, Slot};
use checker_job::{JobId, Policy, Timestamp, Verdict};
pub use confirm::AskPeers;
use confirm::Confirming;
use crew::Crew;
use doubt::Doubt;
use due::{Call, Due};
use jiff::tz::TimeZone;
use results::Results;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;
use waves::Waves;

pub use due::Skipped;
pub(crate) use scripts::look as look_at_script;
pub use wording::{Words, alert as word_alert};

/// Where the memory of the crontab is kept in the own group.
const CRON_MEMORY: &str = "cron";
/// When the store was last cleaned, in the own group.
const PRUNED_AT: &str = "pruned_at";
/// So long a pass waits for the next outcome before it looks around.
const TURN: Duration = Duration::from_millis(200);
/// Delivery of the last wave may take this long after the last job.
const DELIVERY_TIME: Duration = Duration::from_secs(20);

/// What is remembered of jobs.
type States = HashMap<JobId, JobState>;

/// What a pass works on: settings, ready to use.
#[derive(Clone)]
pub struct Setup {
    /// The jobs.
    pub jobs: Vec<Arc<dyn DynJob>>,
    /// Jobs that are switched off for a while: not run, not forgotten.
    pub paused: Vec<JobId>,
    /// Planned silences.
    pub windows: Windows,
    /// Whom alerts go to where a job names nobody.
    pub contacts: Vec<Recipient>,
    /// Whose midnight `day` means.
    pub zone: TimeZone,
    /// How this installation is called by hand.
    pub command: String,
    /// This node.
    pub node: Uuid,
    /// Its host name.
    pub host: String,
    /// How many runs go on at once.
    pub at_once: AtOnce,
    /// How the program starts itself, for jobs that may end their process.
    pub again: apart::Program,
    /// Below it runs get scratch folders.
    pub scratch: PathBuf,
}

impl Setup {
    /// Whom a job's alerts go to.
    pub fn recipients(&self, policy: &Policy) -> Vec<Recipient> {
        recipients(policy, &self.contacts)
    }
}

/// Whom the alerts of a job with this policy go to; `general` where it names nobody.
pub fn recipients(policy: &Policy, general: &[Recipient]) -> Vec<Recipient> {
    if policy.contacts.is_empty() {
        return general.to_vec();
    }
    policy.contacts.iter().map(|c| Recipient(c.clone())).collect()
}

/// Sends what waits, on another thread and with connections of its own, so that no mail server holds up the checks.
pub trait Courier {
    /// Asks for a drain that ends within `within`. Returns at once.
    fn wave(&mut self, within: Duration);
    /// Waits for the drains asked for, and tells what they did.
    fn finish(&mut self) -> Result<Drained>;
}

/// The parts that a pass is given.
pub struct Pass<'a> {
    /// Jobs and whom to tell.
    pub setup: &'a Setup,
    /// What is remembered of jobs.
    pub shared: &'a dyn Shared,
    /// What is remembered of this node.
    pub own: &'a dyn Own,
    /// This pass. Its lock is held by the caller for as long as the pass lives.
    pub id: Uuid,
    /// Whether the process of another pass is gone.
    pub is_gone: &'a dyn Fn(Uuid) -> bool,
    /// The way out.
    pub courier: &'a mut dyn Courier,
    /// Called once, as soon as results of the first wave are committed: this pass works. It returns at once.
    pub alive: Option<&'a mut dyn FnMut()>,
    /// What cron called for.
    pub called: Called,
    /// The time of all decisions.
    pub clock: Steady,
    /// Asks peers what they see, where there are some.
    pub peers: Option<Arc<dyn AskPeers>>,
    /// Asks the witness whether we ourselves are cut off; with `true` the resolver is in question too.
    pub ask: &'a dyn Fn(bool) -> Evidence,
}

/// One run, for people who watch.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The job's name.
    pub name: String,
    /// Why it was due.
    pub reason: Reason,
    /// What it found.
    pub verdict: Verdict,
    /// What it said.
    pub summary: String,
    /// How long it took.
    pub took: Duration,
    /// It was decided on a state that had moved on meanwhile.
    pub stale: bool,
}

/// What a pass did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Runs, in the order in which they ended.
    pub ran: Vec<Ran>,
    /// Jobs that did not run, and why.
    pub skipped: Vec<(String, Skipped)>,
    /// What was delivered.
    pub drained: Drained,
}

impl Pass<'_> {
    /// Runs the pass to its end.
    ///
    /// # Errors
    /// Of the store: then what was not committed will be found due again.
    pub fn run(&mut self) -> Result<Report> {
        let now = self.clock.begun().wall;
        let mut report = Report::default();
        let worked = self.work(now, &mut report);
        if worked.is_err() {
            // What was committed before the trouble leaves all the same.
            self.courier.wave(DELIVERY_TIME);
        }
        let drained = self.courier.finish();
        worked?;
        report.drained = drained?;
        if let Err(why) = self.prune(now) {
            tracing::warn!("old rows stay for now: {why}");
        }
        Ok(report)
    }

    fn work(&mut self, now: Timestamp, report: &mut Report) -> Result<()> {
        steps::watch(self);
        // What is wrong with ourselves waits for no job, unless jobs are about to show whether it still is.
        if node::waits_for_no_job(&self.own.waiting()?) {
            self.courier.wave(DELIVERY_TIME);
        }
        let mut slots = Slots::new(now, &self.setup.zone);
        let mut known = self.shared.slots()?;
        let mut doubt = Doubt::begin(self);
        let call = Call { now, called: self.called, fleeting: self.shared.is_fleeting() };
        let once_more = windows::once_more(self, &known, doubt.again(), now);
        let due = due::select(&self.setup.jobs, &mut known, &once_more, &mut slots, call, &mut report.skipped);
        if let Err(why) = self.watch_crontab(now, &mut slots) {
            tracing::warn!("the crontab is not watched in this pass: {why}");
        }
        let gone = self.left_the_settings(known);
        if due.is_empty() && gone.is_empty() {
            doubt.settle(self, &BTreeSet::new());
            self.says_that_it_lives();
            return self.deliver_leftovers();
        }
        let start = PassStart { id: self.id, node: self.setup.node, started: now, called: self.called.to_string() };
        again(|| self.shared.begin(&start))?;
        let (due, states) = self.claim(due, now, report)?;
        results::close(self, &gone, now)?;
        self.run_due(&due, states, now, doubt, report)?;
        let bad = report.ran.iter().filter(|r| r.verdict.is_bad()).count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let end = PassEnd { ended: self.clock.now(), runs: count(report.ran.len()), bad: count(bad) };
        again(|| self.shared.end(self.id, &end))
    }

    fn run_due(
        &mut self,
        due: &[Due],
        states: States,
        now: Timestamp,
        doubt: Doubt,
        report: &mut Report,
    ) -> Result<()> {
        let judged = scripts::judge(self, due, &states, now).unwrap_or_else(|(left, why)| {
            tracing::warn!("{} script(s) are not judged in this pass: {why}", left.len());
            let name = |i: usize| Some((due.get(i)?.job.policy().name.clone(), Skipped::NoRecords));
            report.skipped.extend(left.into_iter().filter_map(name));
            Vec::new()
        });
        let mut runner = Crew::start(self.setup, self.own, self.id, due, now, judged)?;
        let mut results = Results::new(self, due, states, doubt, runner.suspects())?;
        let mut waves = Waves::new(due.iter().map(|d| d.job.policy().until_judged()));
        let mut confirming = Confirming::new(self.peers.clone());
        let started = Instant::now();
        loop {
            if let Some(finished) = runner.next(TURN) {
                results.arrives(self, finished, &mut confirming, &mut waves);
                while let Some(more) = (results.waiting() < 1_000).then(|| runner.next(Duration::ZERO)).flatten() {
                    results.arrives(self, more, &mut confirming, &mut waves);
                }
            }
            results.come_back(&mut confirming, &mut waves, if runner.open() == 0 { TURN } else { Duration::ZERO });
            runner.nobody_waits_for().into_iter().for_each(|index| waves.late(index));
            if !confirming.is_empty() {
                // The questions take handles, and what they lead to is told.
                runner.make_room();
            }
            let open = runner.open() > 0 || !confirming.is_empty();
            let (all_done, wave) = (!open, waves.is_due(started.elapsed()));
            let alone = all_done || (wave && waves.is_first());
            results.commit(self, all_done || wave, alone, report)?;
            if wave || all_done {
                self.says_that_it_lives();
            }
            runner.give_back(results.spent());
            results.release(self)?;
            if (wave || all_done) && self.has_news()? {
                if all_done {
                    self.pause(due, waves.pause(started.elapsed()))?;
                }
                runner.make_room();
                self.courier.wave(DELIVERY_TIME);
                waves.left(started.elapsed());
            } else if wave {
                waves.idle(started.elapsed());
            }
            if all_done && results.waiting() == 0 {
                let left = runner.finish().into_iter().filter_map(|i| Some(due.get(i)?.job.policy().name.clone()));
                report.skipped.extend(left.map(|name| (name, Skipped::Left)));
                return Ok(());
            }
        }
    }

    fn says_that_it_lives(&mut self) {
        if let Some(alive) = self.alive.take() {
            alive();
        }
    }

    /// Keeps the last wave away from the one before. The jobs are done: a pass that begins meanwhile may run them.
    fn pause(&self, due: &[Due], time: Duration) -> Result<()> {
        if !time.is_zero() {
            let jobs: Vec<JobId> = due.iter().map(|d| d.job.id().clone()).collect();
            again(|| self.shared.release(self.id, &jobs))?;
            std::thread::sleep(time);
        }
        Ok(())
    }

    /// Takes what nobody else runs, and reads the states. A job that another pass has served meanwhile is left out.
    fn claim(&mut self, due: Vec<Due>, now: Timestamp, report: &mut Report) -> Result<(Vec<Due>, States)> {
        let open = self.shared.open_passes()?;
        let dead: Vec<_> = open.iter().filter(|p| p.id != self.id && (self.is_gone)(p.id)).collect();
        let runs: Vec<String> =
            dead.iter().flat_map(|p| p.claims.values().chain([&p.id])).map(Uuid::to_string).collect();
        crew::suspect(self.own, dead.iter().flat_map(|p| p.claims.keys()), now);
        checker_parts::child::kill_groups_of_runs(&runs);
        let dead: Vec<Uuid> = dead.iter().map(|p| p.id).collect();
        let mut wanted: Vec<(JobId, Uuid)> = due.iter().map(|d| (d.job.id().clone(), d.run)).collect();
        let taken = again(|| self.shared.claim(self.id, &wanted, &dead))?;
        wanted.retain(|(job, _)| !taken.contains(job));
        // Not before they are ours: until then another pass may serve them.
        let states = self.states(&wanted.into_iter().map(|(job, _)| job).collect::<Vec<_>>())?;
        let mut served = Vec::new();
        let mut kept = Vec::new();
        for item in due {
            let name = item.job.policy().name.clone();
            if taken.contains(item.job.id()) {
                tracing::info!("{name} is still running in an earlier pass");
                report.skipped.push((name, Skipped::Running));
            } else if item.still_due(states.get(item.job.id()), &self.setup.windows, now, self.called) {
                kept.push(item);
            } else {
                served.push(item.job.id().clone());
                report.skipped.push((name, Skipped::Served));
            }
        }
        if !served.is_empty() {
            again(|| self.shared.release(self.id, &served))?;
        }
        Ok((kept, states))
    }

    /// Jobs that are remembered and not watched any more. `known` are those that no job is known by.
    fn left_the_settings(&self, known: HashMap<JobId, Slot>) -> Vec<JobId> {
        let paused: HashSet<&JobId> = self.setup.paused.iter().collect();
        let mut gone: Vec<JobId> = known.into_keys().filter(|id| !paused.contains(id)).collect();
        gone.sort();
        gone
    }

    /// Notices a class whose crontab line is missing.
    fn watch_crontab(&mut self, now: Timestamp, slots: &mut Slots<'_>) -> Result<()> {
        let memory: CronMemory =
            self.own.meta(CRON_MEMORY)?.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
        let needed = needed(self.setup.jobs.iter().map(|j| j.policy().every), slots);
        let next = memory.after(now, self.called, &needed);
        let open = self.own.slots()?;
        for class in Class::ALL {
            let missing = next.missing().any(|c| c == class);
            // One that was told stays open until its line comes, or until no job needs it any more.
            if missing || open.get(&node::crontab_id(class)).is_some_and(|s| s.open) {
                node::crontab(self.own, &self.setup.contacts, class, missing.then_some(&self.setup.command), now)?;
            }
        }
        if !memory.moves_on(&next, &needed) {
            return Ok(());
        }
        let text = serde_json::to_string(&next).unwrap_or_default();
        self.own.set_meta(CRON_MEMORY, Some(&text))
    }

    /// Nothing is due, but something may have been left from earlier.
    fn deliver_leftovers(&mut self) -> Result<()> {
        if self.has_news()? {
            self.courier.wave(DELIVERY_TIME);
        }
        Ok(())
    }

    /// Whether something is to be told, or was to be told and could not be.
    fn has_news(&self) -> Result<bool> {
        Ok(!self.shared.waiting()?.is_empty()
            || !self.own.waiting()?.is_empty()
            || !self.shared.unsent()?.is_empty()
            || !self.own.unsent()?.is_empty())
    }

    /// Once an hour, a bounded piece at a time.
    fn prune(&mut self, now: Timestamp) -> Result<()> {
        let last = self.own.meta(PRUNED_AT)?.and_then(|t| t.parse().ok()).map(Timestamp::from_micros);
        if last.is_some_and(|at| at <= now && now.since(at) < Duration::from_secs(3_600)) {
            return Ok(());
        }
        let keep = Retention::default();
        let removed = self.shared.prune(now, &keep)? + self.own.prune(now, &keep)?;
        if removed < u64::from(keep.batch) {
            self.own.set_meta(PRUNED_AT, Some(&now.micros().to_string()))?;
        }
        Ok(())
    }

    /// The states of these jobs; a job without one starts anew.
    fn states(&self, jobs: &[JobId]) -> Result<States> {
        self.shared.states(jobs)
    }
}
