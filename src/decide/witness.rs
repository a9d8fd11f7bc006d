//! Whose fault it is: the targets', or this host's own. Pure.
//!
//! A fault is ours only on positive local evidence. That many jobs are red is none: it only makes the pass ask the
//! witness, which is the kernel's table of routes, the resolver, and reference addresses on other machines. What the
//! witness explains is **hidden**: it counts as `Unknown`, touches no streak, and is told as one trouble of this node
//! that names the jobs. When the evidence is over, hidden jobs run again at once, whatever their slot.

use checker_job::{Blame, JobId, Outcome, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// So many silent targets in one wave are reason to ask, even if all of them are known to fail.
const SILENT_MANY: usize = 3;

/// What one reference address said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It took the connection or refused it: either way something came back.
    Answers,
    /// Nothing came back. Holds what was seen.
    Silent(String),
    /// Its name could not be resolved, because the resolver does not work.
    Unresolved(String),
    /// Its name does not exist, or is this host: it proves nothing.
    Useless,
}

/// What the witness saw, all at about the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Whether the kernel knows a way to other networks.
    pub route: bool,
    /// Whether the resolver answers, or what it did instead; `None` if it was not asked.
    pub resolver: Option<Result<(), String>>,
    /// The reference addresses as the settings name them.
    pub references: Vec<(String, Answer)>,
    /// What kept us from looking, if this host has run out of something.
    pub shortage: Option<String>,
}

/// Which of our own faults the evidence proves. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// There is no way to other networks.
    pub no_route: bool,
    /// There are reference addresses, and none answers.
    pub no_reference: bool,
    /// The resolver does not work.
    pub no_resolver: bool,
    /// We have run out of something.
    pub shortage: bool,
}

impl Finding {
    /// What `evidence` proves.
    pub fn of(evidence: &Evidence) -> Self {
        let answers = |wanted: fn(&Answer) -> bool| evidence.references.iter().any(|(_, a)| wanted(a));
        Self {
            no_route: !evidence.route,
            no_reference: !answers(|a| *a == Answer::Answers)
                && answers(|a| matches!(a, Answer::Silent(_) | Answer::Unresolved(_))),
            no_resolver: matches!(evidence.resolver, Some(Err(_))),
            shortage: evidence.shortage.is_some(),
        }
    }

    /// Whether an outcome with this blame is explained, so that it says nothing of its target. A run that met a
    /// shortage is evidence by itself.
    pub fn explains(self, blame: Blame) -> bool {
        match blame {
            Blame::Shortage => true,
            Blame::Silence | Blame::Firewall => self.no_reference,
            Blame::NoRoute => self.no_route || self.no_reference,
            Blame::NoResolver => self.no_resolver || self.no_reference,
            Blame::Other => false,
        }
    }

    /// Whether what was hidden for this blame may be looked at again.
    pub fn is_over(self, blame: Blame) -> bool {
        match blame {
            Blame::Shortage => !self.shortage,
            blame => !self.explains(blame),
        }
    }

    /// The gravest of our faults among those that explain `blames`.
    pub fn fault(self, blames: &BTreeSet<Blame>) -> &'static str {
        let among = |blame| blames.contains(&blame);
        if blames.iter().all(|b| *b == Blame::Shortage) {
            "this host has run out of something that the checks need"
        } else if self.no_route && (among(Blame::NoRoute) || self.no_reference) {
            "this host has no route to other networks"
        } else if self.no_resolver && (among(Blame::NoResolver) || self.no_reference) {
            "the resolver does not answer"
        } else {
            "this host is cut off: no reference address answers"
        }
    }
}

/// Whether the witness must be asked before these outcomes count. `failing` says that the job is known to fail: then one
/// more silence is no news.
pub fn must_ask<'a>(outcomes: impl IntoIterator<Item = (&'a Outcome, bool)>) -> bool {
    let mut silent = 0;
    outcomes.into_iter().any(|(outcome, failing)| match outcome.blame {
        _ if outcome.verdict == Verdict::Ok => false,
        Some(Blame::NoRoute | Blame::NoResolver | Blame::Firewall) => true,
        Some(Blame::Silence) => {
            silent += 1;
            !failing || silent >= SILENT_MANY
        }
        Some(Blame::Shortage | Blame::Other) | None => false,
    })
}

/// The blame of an outcome that our own fault explains, and that therefore says nothing of its target.
pub fn hidden(outcome: &Outcome, finding: Finding) -> Option<Blame> {
    outcome.blame.filter(|blame| outcome.verdict != Verdict::Ok && finding.explains(*blame))
}

/// A hidden outcome as it is kept: nothing is known of the target, and what the check said is evidence.
pub fn disguised(outcome: &Outcome, blame: Blame, finding: Finding) -> Outcome {
    let fault = finding.fault(&BTreeSet::from([blame]));
    let said = match outcome.detail.as_str() {
        "" => format!("The check said: {}", outcome.summary),
        detail => format!("The check said: {}\n{detail}", outcome.summary),
    };
    let summary = match (&outcome.cause, blame) {
        (Some(cause), Blame::Shortage) => cause.clone(),
        _ => fault.to_owned(),
    };
    let mut unknown = Outcome::unknown(summary.clone(), summary).with_detail(said).blaming(blame);
    unknown.metrics.clone_from(&outcome.metrics);
    unknown
}

/// The parts of this host that may be at fault: one trouble each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Routes, resolver, links.
    Network,
    /// Handles, memory, processes.
    Resources,
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Network, Self::Resources];

    /// The part that this blame is about.
    pub fn of(blame: Blame) -> Self {
        if blame == Blame::Shortage { Self::Resources } else { Self::Network }
    }

    /// Its name, in ids and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Resources => "resources",
        }
    }
}

/// The jobs that our own faults hide, across passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hidden {
    /// Each with what its last run blamed.
    pub jobs: BTreeMap<JobId, Blame>,
}

impl Hidden {
    /// The jobs of one part.
    pub fn of(&self, part: Part) -> impl Iterator<Item = &JobId> {
        self.jobs.iter().filter(move |(_, blame)| Part::of(**blame) == part).map(|(job, _)| job)
    }

    /// What the jobs of one part blame.
    pub fn blames(&self, part: Part) -> BTreeSet<Blame> {
        self.jobs.values().copied().filter(|blame| Part::of(*blame) == part).collect()
    }

    /// The jobs whose reason to be hidden is over.
    pub fn to_run_again(&self, finding: Finding) -> BTreeSet<JobId> {
        self.jobs.iter().filter(|(_, blame)| finding.is_over(**blame)).map(|(job, _)| job.clone()).collect()
    }
}

#[cfg(test)]
mod tests;
