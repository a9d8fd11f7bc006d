//! Nodes that cannot be asked: they bring their status with each pass. What it means that they do not, and how they see
//! that somebody looks at what they bring. Pure.

use super::super::health;
use super::{Heard, View, Watched};
use crate::decide::pace::Pace;
use crate::decide::status::{NodeId, Status};
use checker_job::{Outcome, Timestamp, Verdict, duration_words};
use std::collections::BTreeMap;
use std::time::Duration;

/// What our daemon, which takes statuses, has of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// So long it has been there to take them.
    pub up: Duration,
    /// The newest of each peer, and how long ago it came.
    pub newest: BTreeMap<NodeId, (Status, Duration)>,
}

impl Brought {
    /// What those peers say that cannot be asked, or that they say nothing. Looking costs nothing, so each pass does.
    pub fn heard(&self, peers: &[Watched], views: &[View], pace: &Pace, now: Timestamp) -> Vec<(usize, Heard)> {
        let due = |(_, (peer, view)): &(usize, (&Watched, &View))| peer.pushes && view.due(peer, false, pace, now);
        let all = peers.iter().zip(views).enumerate().filter(due);
        all.filter_map(|(at, (peer, _))| Some((at, self.of(peer, pace.brought())?))).collect()
    }

    /// `None`: a daemon that has just started knows of nothing yet.
    fn of(&self, peer: &Watched, limit: Duration) -> Option<Heard> {
        match peer.node.as_ref().and_then(|id| self.newest.get(id)) {
            Some((status, age)) if *age <= limit => Some(Heard::Status(Box::new(status.clone().aged(*age)))),
            Some((_, age)) => Some(Heard::Silent(format!("it has pushed nothing for {}", duration_words(*age)))),
            None if self.up > limit => {
                let up = duration_words(self.up);
                Some(Heard::Silent(format!("it has pushed nothing since our daemon started {up} ago")))
            }
            None => None,
        }
    }
}

impl View {
    /// Whether a peer that we push to looks at what it gets: this status of it says so. `None`: that is too early to say,
    /// for it has just started, or we have.
    pub fn looked_at(
        &mut self,
        me: &NodeId,
        peer: &Watched,
        status: &Status,
        pace: &Pace,
        now: Timestamp,
    ) -> Option<Outcome> {
        if !peer.push || status.passes.served_s.is_none() {
            return None;
        }
        let sees = status.sees.iter().find(|s| s.node == *me);
        let looked = sees.map(|s| Duration::from_secs(s.polled_s));
        let outcome = health::looked_at(&peer.name, looked, pace.unwatched());
        if outcome.verdict == Verdict::Ok {
            self.overlooks = None;
            return Some(outcome);
        }
        let since = *self.overlooks.get_or_insert(now);
        (now.since(since) + pace.early() >= pace.overlooked()).then_some(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Word;
    use crate::decide::status::{Passes, Sees};

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn id(name: &str) -> NodeId {
        NodeId(name.repeat(16))
    }

    fn pushes(name: &str) -> Watched {
        Watched { name: name.to_owned(), node: Some(id(name)), pushes: true, push: false }
    }

    fn status() -> Status {
        let sees = vec![Sees { node: id("b"), polled_s: 5, asked_s: Some(7), ..Sees::default() }];
        let passes = Passes { served_s: Some(3), ..Passes::default() };
        Status { v: 1, at: NOW.secs(), word: Some(Word::True), sees, passes, ..Status::default() }
    }

    fn brought(age: Option<u64>, up: u64) -> Option<Heard> {
        let newest = age.map(|age| (id("a"), (status(), Duration::from_secs(age)))).into_iter().collect();
        let brought = Brought { up: Duration::from_secs(up), newest };
        let mut heard = brought.heard(&[pushes("a")], &[View::default()], &Pace::default(), NOW);
        heard.pop().map(|(_, heard)| heard)
    }

    #[test]
    fn what_was_brought_counts_for_a_round_and_a_pass_and_is_as_old_as_it_is() {
        for age in [0, 100, 360] {
            let Some(Heard::Status(status)) = brought(Some(age), 9_999) else { panic!("{age}") };
            assert_eq!(status.clock().secs(), NOW.secs() + i64::try_from(age).unwrap(), "no skew out of waiting");
            assert_eq!((status.sees[0].polled_s, status.sees[0].asked_s), (5 + age, Some(7 + age)));
            assert_eq!(status.passes.served_s, Some(3 + age));
        }
        assert!(matches!(brought(Some(361), 9_999), Some(Heard::Silent(_))));
    }

    #[test]
    fn a_daemon_that_has_just_started_accuses_nobody() {
        assert_eq!(brought(None, 360), None);
        assert!(matches!(brought(None, 361), Some(Heard::Silent(_))));
    }

    #[test]
    fn who_can_be_asked_is_not_looked_for_among_what_was_brought() {
        let peers = [Watched { pushes: false, ..pushes("a") }];
        let brought = Brought { up: Duration::from_secs(9_999), newest: BTreeMap::new() };
        assert_eq!(brought.heard(&peers, &[View::default()], &Pace::default(), NOW), []);
    }

    #[test]
    fn who_looks_at_what_we_bring_says_so() {
        let peer = Watched { pushes: false, push: true, ..pushes("a") };
        let (mut view, pace) = (View::default(), Pace::default());
        let mut of = |status: &Status, after: u64| {
            let now = NOW.plus(Duration::from_secs(after));
            view.looked_at(&id("b"), &peer, status, &pace, now).map(|o| o.verdict)
        };
        let not = Status { sees: Vec::new(), ..status() };
        assert_eq!(of(&not, 0), None, "our first status may be under way");
        assert_eq!(of(&not, 120), None, "however often it is asked");
        assert_eq!(of(&not, 300), Some(Verdict::Failed));
        assert_eq!(of(&status(), 600), Some(Verdict::Ok));
        let old = Status { sees: vec![Sees { node: id("b"), polled_s: 541, ..Sees::default() }], ..status() };
        assert_eq!((of(&old, 900), of(&old, 1_200)), (None, Some(Verdict::Failed)));
        let young = Status { passes: Passes::default(), ..not.clone() };
        assert_eq!(of(&young, 9_000), None, "its first pass is to come");
        let asks = Watched { push: false, ..peer.clone() };
        let mut view = View { overlooks: Some(Timestamp::default()), ..View::default() };
        assert_eq!(view.looked_at(&id("b"), &asks, &not, &pace, NOW), None, "it asks us");
    }
}
