//! Before a target is called down, peers are asked what they see. Meanwhile its outcome waits here. No other outcome
//! does, but the messages of its wave do.

use crate::decide::confirm::{Seen, Sight};
use crate::runner::Finished;
use checker_job::{Confirm, JobId};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// So many jobs of one pass are asked about. Where more fail at once peers are little help, and they have other things to do.
const ASKED_MAX: usize = 8;

/// Asks peers what they see.
pub trait AskPeers: Send + Sync {
    /// Whether peers can look at the target of this job.
    fn can(&self, job: &JobId) -> bool;
    /// What they say of it. Ends within 10 s.
    fn ask<'a>(&'a self, job: &'a JobId) -> Pin<Box<dyn Future<Output = Vec<Sight>> + Send + 'a>>;
}

type Answer = (usize, Seen);

/// Outcomes that wait for the word of peers.
pub(super) struct Confirming {
    asks: Option<Arc<dyn AskPeers>>,
    held: BTreeMap<usize, (Finished, Instant)>,
    /// Jobs that were asked about so far.
    asked: usize,
    /// The thread that asks. In a healthy pass there is none.
    thread: Option<tokio::sync::mpsc::UnboundedSender<(usize, JobId)>>,
    says: mpsc::Sender<Answer>,
    said: mpsc::Receiver<Answer>,
}

impl Confirming {
    pub(super) fn new(asks: Option<Arc<dyn AskPeers>>) -> Self {
        let (says, said) = mpsc::channel();
        Self { asks, held: BTreeMap::new(), asked: 0, thread: None, says, said }
    }

    /// Whether peers can be asked about this job.
    pub(super) fn can(&self, job: &JobId) -> bool {
        self.asks.as_ref().is_some_and(|asks| asks.can(job))
    }

    /// Asks peers about this job. Comes back at once: with the outcome, and what is to be said of peers, if nobody is asked.
    /// Of one of which `perhaps` nothing is told, no more than half of the questions go away.
    pub(super) fn ask(&mut self, job: &JobId, finished: Finished, perhaps: bool) -> Option<(Finished, Seen)> {
        if self.asked >= if perhaps { ASKED_MAX / 2 } else { ASKED_MAX } {
            let why = format!("they were asked of {} others that failed in the same pass", self.asked);
            return Some((finished, Err(why)));
        }
        let index = finished.index;
        if self.thread().and_then(|thread| thread.send((index, job.clone())).ok()).is_none() {
            return Some((finished, Err("this host has no thread left for it".to_owned())));
        }
        self.asked += 1;
        self.held.insert(index, (finished, Instant::now()));
        None
    }

    fn thread(&mut self) -> Option<&tokio::sync::mpsc::UnboundedSender<(usize, JobId)>> {
        if self.thread.is_none() {
            let (sender, wanted) = tokio::sync::mpsc::unbounded_channel();
            let (asks, says) = (Arc::clone(self.asks.as_ref()?), self.says.clone());
            let work = move || serve(&asks, wanted, &says);
            if let Err(why) = std::thread::Builder::new().name("confirm".to_owned()).spawn(work) {
                tracing::warn!("peers are not asked what they see: {why}");
                return None;
            }
            self.thread = Some(sender);
        }
        self.thread.as_ref()
    }

    /// Outcomes that wait no longer, with what peers say. Waits up to `patience` for the first.
    pub(super) fn back(&mut self, patience: Duration) -> Vec<(Finished, Seen)> {
        if self.held.is_empty() {
            return Vec::new();
        }
        let mut answers: Vec<Answer> = self.said.recv_timeout(patience).into_iter().collect();
        answers.extend(self.said.try_iter());
        let mut back: Vec<_> = answers
            .into_iter()
            .filter_map(|(index, seen)| self.held.remove(&index).map(|(finished, _)| (finished, seen)))
            .collect();
        // Whatever became of the one that asks: nothing is told later for it.
        let is_late = |(index, (_, since)): (&usize, &(Finished, Instant))| {
            (since.elapsed() >= Confirm::LONGEST).then_some(*index)
        };
        let late: Vec<usize> = self.held.iter().filter_map(is_late).collect();
        let why = || Err("the question to them did not end in time".to_owned());
        back.extend(late.iter().filter_map(|index| self.held.remove(index)).map(|(finished, _)| (finished, why())));
        back
    }

    /// Takes an outcome back that waits: what peers say of it is not wanted any more.
    pub(super) fn take_back(&mut self, index: usize) -> Option<Finished> {
        self.held.remove(&index).map(|(finished, _)| finished)
    }

    /// Whether no outcome waits.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

/// Asks about all of them at once, until nobody wants to know.
fn serve(
    asks: &Arc<dyn AskPeers>,
    mut wanted: tokio::sync::mpsc::UnboundedReceiver<(usize, JobId)>,
    says: &mpsc::Sender<Answer>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => return tracing::warn!("peers are not asked what they see: {why}"),
    };
    runtime.block_on(async {
        while let Some((index, job)) = wanted.recv().await {
            let (asks, says) = (Arc::clone(asks), says.clone());
            tokio::spawn(async move {
                let sights = asks.ask(&job).await;
                if says.send((index, Ok(sights))).is_err() {
                    tracing::debug!("nobody waits for what peers say of {job}");
                }
            });
        }
    });
    runtime.shutdown_background();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::confirm::Said;
    use checker_job::{Outcome, Timestamp, Verdict};
    use std::future::{pending, ready};

    struct Peers;

    impl AskPeers for Peers {
        fn can(&self, job: &JobId) -> bool {
            job.as_str() != "tcp:here"
        }

        fn ask<'a>(&'a self, job: &'a JobId) -> Pin<Box<dyn Future<Output = Vec<Sight>> + Send + 'a>> {
            let sight = Sight { peer: "beta".to_owned(), said: Said::Saw(Verdict::Failed, job.to_string()) };
            match job.as_str() {
                "tcp:never" => Box::pin(pending()),
                "tcp:panic" => panic!("no"),
                _ => Box::pin(ready(vec![sight])),
            }
        }
    }

    fn finished(index: usize) -> Finished {
        let (outcome, started) = (Outcome::failed("refused"), Timestamp::from_secs(60));
        Finished { index, outcome, started, took: Duration::ZERO, log: Vec::new() }
    }

    fn job(name: &str) -> JobId {
        JobId::new("tcp", name)
    }

    #[test]
    fn each_outcome_comes_back_with_what_peers_say_of_it() {
        let mut confirming = Confirming::new(Some(Arc::new(Peers)));
        assert!(confirming.can(&job("a")) && !confirming.can(&job("here")) && confirming.is_empty());
        for (index, name) in [(3, "a"), (5, "never"), (7, "b"), (8, "panic")] {
            assert!(confirming.ask(&job(name), finished(index), false).is_none(), "it waits");
        }
        let mut back = Vec::new();
        while back.len() < 2 {
            back.extend(confirming.back(Duration::from_secs(10)));
        }
        back.sort_by_key(|(f, _)| f.index);
        let said: Vec<_> = back.iter().map(|(f, seen)| (f.index, seen.as_ref().unwrap()[0].said.clone())).collect();
        assert_eq!(
            said,
            [(3, Said::Saw(Verdict::Failed, "tcp:a".into())), (7, Said::Saw(Verdict::Failed, "tcp:b".into()))]
        );
        // Those of whom nothing is heard come back as they are, when their time is over.
        let long_ago = Instant::now().checked_sub(Confirm::LONGEST).unwrap();
        confirming.held.values_mut().for_each(|(_, since)| *since = long_ago);
        let late = confirming.back(Duration::ZERO);
        assert_eq!(late.iter().map(|(f, _)| f.index).collect::<Vec<_>>(), [5, 8]);
        assert!(late.iter().all(|(_, s)| s.is_err()) && confirming.is_empty());
    }

    #[test]
    fn where_many_fail_the_others_are_told_without_peers() {
        let mut confirming = Confirming::new(Some(Arc::new(Peers)));
        for index in 0..ASKED_MAX {
            assert!(confirming.ask(&job("never"), finished(index), false).is_none());
        }
        let (kept, seen) = confirming.ask(&job("a"), finished(99), false).unwrap();
        assert!(kept.index == 99 && seen.unwrap_err().contains("8 others that failed"));
        assert!(!Confirming::new(None).can(&job("a")), "there is nobody");
        let mut confirming = Confirming::new(Some(Arc::new(Peers)));
        for index in 0..ASKED_MAX / 2 {
            assert!(confirming.ask(&job("never"), finished(index), true).is_none());
        }
        assert!(confirming.ask(&job("never"), finished(98), true).is_some(), "half of them are for others");
        assert!(confirming.ask(&job("never"), finished(98), false).is_none());
        assert!(confirming.take_back(98).is_some() && confirming.take_back(98).is_none());
    }
}
