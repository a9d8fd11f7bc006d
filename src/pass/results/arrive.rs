//! Outcomes on their way in: before one calls a target down, peers are asked what they see.

use super::{Results, input, policy};
use crate::decide::confirm::is_wanted;
use crate::decide::transition::transition;
use crate::pass::Pass;
use crate::pass::confirm::Confirming;
use crate::pass::due::Due;
use crate::pass::waves::Waves;
use crate::runner::Finished;
use checker_job::{Confirm, Verdict};
use std::time::Duration;

impl Results<'_> {
    /// Takes an outcome; or lets it wait until peers have said what they see of a target that it calls down.
    pub(in crate::pass) fn arrives(
        &mut self,
        pass: &Pass<'_>,
        finished: Finished,
        confirming: &mut Confirming,
        waves: &mut Waves,
    ) {
        let index = finished.index;
        let finished = match self.due.get(index).filter(|due| self.asks_peers(pass, due, &finished, confirming)) {
            None => finished,
            Some(due) => match confirming.ask(due.job.id(), finished) {
                None => {
                    self.asked.insert(index);
                    return;
                }
                Some((finished, seen)) => {
                    self.seen.insert(index, seen);
                    finished
                }
            },
        };
        waves.ended(index);
        self.take(finished);
    }

    /// Takes those of whom peers have said what they see.
    pub(in crate::pass) fn come_back(&mut self, confirming: &mut Confirming, waves: &mut Waves, patience: Duration) {
        for (finished, seen) in confirming.back(patience) {
            waves.ended(finished.index);
            self.asked.remove(&finished.index);
            self.seen.insert(finished.index, seen);
            self.take(finished);
        }
    }

    /// Whether this outcome, as things are, would call a target down of which peers are to be asked first.
    fn asks_peers(&self, pass: &Pass<'_>, due: &Due, finished: &Finished, confirming: &Confirming) -> bool {
        if due.job.policy().confirm == Confirm::No
            || finished.outcome.verdict != Verdict::Failed
            || !confirming.can(due.job.id())
            // If one of those is down as well, nothing is told of this one.
            || self.waits_for(finished.index).next().is_some()
        {
            return false;
        }
        let before = self.states.get(due.job.id()).cloned().unwrap_or_default();
        let (policy, held) = (policy(pass, due), self.held(pass, due, finished));
        let recipients = pass.setup.recipients(due.job.policy());
        is_wanted(&transition(
            before,
            &input(due, finished, due.run, pass.clock.now(), &policy, &recipients, held.0 || held.1),
        ))
    }
}
