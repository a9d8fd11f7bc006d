//! Outcomes that may be our own fault: they wait for the wave, the witness is asked once, and what our fault explains is
//! hidden.
//!
//! What is hidden is kept in the own group, across passes, before the results are committed: after a kill a job may run
//! once too often, but none waits for its next slot. Trouble with this memory is logged and stops no check.

use super::Pass;
use super::due::Due;
use crate::decide::witness::{self, Evidence, Finding, Hidden, Part};
use crate::node;
use crate::runner::Finished;
use crate::store::Result;
use checker_job::{Blame, JobId, Outcome, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Where the hidden jobs are kept in the own group.
const HIDDEN: &str = "hidden";

/// So long the witness need not be asked again for the next one.
const FRESH: Duration = Duration::from_secs(3);

/// What one pass holds in doubt.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    memory: Hidden,
    /// Parts that had hidden jobs at the start, or have them since.
    open: BTreeSet<Part>,
    /// Hidden jobs whose reason is over: they run in this pass.
    again: BTreeSet<JobId>,
    /// Doubtful outcomes of this pass.
    waiting: Vec<Finished>,
    /// Places of the outcomes of this pass that are hidden, with what they blame.
    hidden: BTreeMap<usize, Blame>,
    /// Jobs hidden in this pass.
    fresh: BTreeSet<JobId>,
    /// The newest answers of the witness.
    asked: Option<(Evidence, Finding)>,
    /// When that was, and whether the resolver was in question.
    asked_at: Option<(Instant, bool)>,
    /// Parts whose trouble was counted in this pass.
    counted: BTreeSet<Part>,
    /// What the store has of `memory`.
    kept: Hidden,
}

impl Doubt {
    /// Whether an outcome may be our own fault.
    pub(super) fn about(outcome: &Outcome) -> bool {
        outcome.blame.is_some() && outcome.verdict != Verdict::Ok
    }

    /// Reads what earlier passes have hidden. Only if there is something, the witness is asked.
    pub(super) fn begin(pass: &Pass<'_>) -> Self {
        let text = pass.own.meta(HIDDEN).unwrap_or_else(|why| {
            tracing::warn!("what our own faults hide cannot be read: {why}");
            None
        });
        let Some(memory) = text.and_then(|t| serde_json::from_str::<Hidden>(&t).ok()) else {
            return Self::default();
        };
        let mut doubt = Self { kept: memory.clone(), memory, ..Self::default() };
        doubt.open.extend(Part::ALL.into_iter().filter(|p| doubt.memory.of(*p).next().is_some()));
        let watched: BTreeSet<&JobId> = pass.setup.jobs.iter().map(|j| j.id()).collect();
        doubt.memory.jobs.retain(|job, _| watched.contains(job));
        if !doubt.memory.jobs.is_empty() {
            let resolver = doubt.memory.jobs.values().any(|b| *b == Blame::NoResolver);
            let finding = doubt.ask(pass, resolver);
            doubt.again = doubt.memory.to_run_again(finding);
        }
        doubt
    }

    /// Jobs that run whatever their slot.
    pub(super) fn again(&self) -> &BTreeSet<JobId> {
        &self.again
    }

    /// Whether anything is or was hidden.
    pub(super) fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether the outcome at this place is hidden.
    pub(super) fn is_hidden(&self, index: usize) -> bool {
        self.hidden.contains_key(&index)
    }

    /// Keeps a doubtful outcome back.
    pub(super) fn put(&mut self, finished: Finished) {
        self.waiting.push(finished);
    }

    /// Asks the witness, if it must be, and gives back what was kept; hidden outcomes in disguise. `failing` says whether
    /// a job is known to fail.
    pub(super) fn release(&mut self, pass: &Pass<'_>, due: &[Due], failing: impl Fn(&Due) -> bool) -> Vec<Finished> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return waiting;
        }
        let known = |f: &Finished| due.get(f.index).is_some_and(&failing);
        let finding = if witness::must_ask(waiting.iter().map(|f| (&f.outcome, known(f)))) {
            let resolver = waiting.iter().any(|f| f.outcome.blame == Some(Blame::NoResolver));
            self.ask(pass, resolver)
        } else {
            self.asked.as_ref().map_or_else(Finding::default, |a| a.1)
        };
        let released = waiting.into_iter().map(|f| self.judged(f, due, finding)).collect();
        self.save(pass);
        released
    }

    /// Whether our own fault explains this outcome, by what the witness says just now.
    pub(super) fn explains(&mut self, pass: &Pass<'_>, outcome: &Outcome) -> bool {
        let resolver = outcome.blame == Some(Blame::NoResolver);
        let is_fresh = self.asked_at.is_some_and(|(at, asked)| at.elapsed() < FRESH && asked >= resolver);
        let finding = match &self.asked {
            Some((_, finding)) if is_fresh => *finding,
            _ => self.ask(pass, resolver),
        };
        witness::hidden(outcome, finding).is_some()
    }

    /// Puts an outcome in disguise that our own fault explains, by the newest answers of the witness.
    pub(super) fn disguise(&mut self, pass: &Pass<'_>, due: &[Due], finished: Finished) -> Finished {
        let finding = self.asked.as_ref().map_or_else(Finding::default, |a| a.1);
        let disguised = self.judged(finished, due, finding);
        self.save(pass);
        disguised
    }

    fn judged(&mut self, finished: Finished, due: &[Due], finding: Finding) -> Finished {
        let Some((blame, due)) = witness::hidden(&finished.outcome, finding).zip(due.get(finished.index)) else {
            return finished;
        };
        let id = due.job.id().clone();
        self.open.insert(Part::of(blame));
        self.hidden.insert(finished.index, blame);
        self.memory.jobs.insert(id.clone(), blame);
        self.fresh.insert(id);
        Finished { outcome: witness::disguised(&finished.outcome, blame, finding), ..finished }
    }

    /// Once a wave: `judged` are jobs whose outcome counts, so that they are hidden no longer. What is still hidden is
    /// told as one trouble of each part, and its end when nothing is.
    pub(super) fn settle(&mut self, pass: &Pass<'_>, judged: &BTreeSet<&JobId>) {
        if !self.is_open() {
            return;
        }
        self.memory.jobs.retain(|job, _| !judged.contains(job));
        if let Err(why) = self.tell(pass) {
            tracing::warn!("our own trouble cannot be noted: {why}");
        }
        // Last: after a kill the end is found again, and told once.
        self.save(pass);
    }

    fn tell(&mut self, pass: &Pass<'_>) -> Result<()> {
        let now = pass.clock.now();
        for part in self.open.clone() {
            let mut hidden = self.memory.of(part).peekable();
            if hidden.peek().is_none() {
                node::seen_again(pass.own, &pass.setup.contacts, part, now)?;
                self.open.remove(&part);
                continue;
            }
            // Those that run just now may turn out to be hidden no longer.
            let lasts = hidden.any(|job| self.fresh.contains(job) || !self.again.contains(job));
            if !lasts || !self.counted.insert(part) {
                continue;
            }
            let finding = self.asked.as_ref().map_or_else(Finding::default, |a| a.1);
            let jobs: BTreeSet<&JobId> = self.memory.of(part).collect();
            let policies = pass.setup.jobs.iter().filter(|j| jobs.contains(j.id())).map(|j| j.policy());
            let fault = node::Blind {
                part,
                fault: finding.fault(&self.memory.blames(part)),
                evidence: self.asked.as_ref().map(|a| &a.0),
                jobs: policies.clone().map(|p| p.name.as_str()).collect(),
                threshold: policies.map(|p| p.failure_threshold).min().unwrap_or(1),
            };
            node::blind(pass.own, &pass.setup.contacts, &fault, now)?;
        }
        Ok(())
    }

    fn ask(&mut self, pass: &Pass<'_>, resolver: bool) -> Finding {
        let evidence = (pass.ask)(resolver);
        let finding = Finding::of(&evidence);
        tracing::info!("the witness was asked: {}", node::evidence_lines(&evidence, Part::Network).join("; "));
        self.asked = Some((evidence, finding));
        self.asked_at = Some((Instant::now(), resolver));
        finding
    }

    fn save(&mut self, pass: &Pass<'_>) {
        if self.memory == self.kept {
            return;
        }
        let text = serde_json::to_string(&self.memory).unwrap_or_default();
        let text = (!self.memory.jobs.is_empty()).then_some(text.as_str());
        if let Err(why) = pass.own.set_meta(HIDDEN, text) {
            tracing::warn!("what our own faults hide cannot be kept: {why}");
        } else {
            self.kept = self.memory.clone();
        }
    }
}
