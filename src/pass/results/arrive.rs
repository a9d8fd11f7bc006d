//! Outcomes on their way in: before one calls a target down, peers are asked what they see.

use super::{Results, input, policy};
use crate::decide::confirm::is_wanted;
use crate::decide::transition::transition;
use crate::pass::Pass;
use crate::pass::confirm::Confirming;
use crate::pass::doubt::Doubt;
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
        let asks = |due: &&Due| self.asks_peers(pass, due, &finished, confirming);
        let Some(due) = self.due.get(index).filter(asks) else {
            waves.ended(index);
            return self.take(finished);
        };
        let doubtful = Some(&finished.outcome).filter(|outcome| Doubt::about(outcome)).cloned();
        let perhaps = self.waits_for(index).next().is_some();
        if let Some((finished, seen)) = confirming.ask(due.job.id(), finished, perhaps) {
            waves.ended(index);
            self.seen.insert(index, seen);
            return self.take(finished);
        }
        self.asked.insert(index);
        // By the time that peers have answered, a fault of our own may be over.
        if doubtful.is_some_and(|outcome| self.doubt.explains(pass, &outcome))
            && let Some(finished) = confirming.take_back(index)
        {
            self.asked.remove(&index);
            waves.ended(index);
            let disguised = self.doubt.disguise(pass, self.due, finished);
            self.waiting.push(disguised);
        }
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
