//! Nodes that cannot be asked: they bring their status with each pass. What it means that they do not, and how they see
//! that somebody looks at what they bring. Pure.

use super::super::health;
use super::{Heard, View, Watched};
use crate::decide::pace::Pace;
use crate::decide::status::{NodeId, Status};
use checker_job::{Outcome, Timestamp, Verdict, duration_words};
use std::collections::BTreeMap;
use std::time::Duration;

/// Nobody's passes are expected to come more seldom.
const EVERY_MAX: Duration = Duration::from_secs(3_600);

/// While we are cut off, nobody can bring us anything: that nothing came is no silence.
pub fn counted(peers: &[Watched], answers: &mut Vec<(usize, Heard)>, cut_off: bool) {
    let pushes = |at: usize| peers.get(at).is_some_and(|p| p.pushes);
    answers.retain(|(at, heard)| !(cut_off && pushes(*at) && matches!(heard, Heard::Silent(_))));
}

/// What our daemon, which takes statuses, has of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// So long it has been there to take them.
    pub up: Duration,
    /// When it said all this.
    pub said: Timestamp,
    /// The newest of each peer, and how long ago it came then.
    pub newest: BTreeMap<NodeId, (Status, Duration)>,
}

impl Brought {
    /// What those peers say that cannot be asked, or that they say nothing. Looking costs nothing, so each pass does.
    pub fn heard(&self, peers: &[Watched], views: &[View], pace: &Pace, now: Timestamp) -> Vec<(usize, Heard)> {
        let due = |(_, (peer, view)): &(usize, (&Watched, &View))| peer.pushes && view.due(peer, false, pace, now);
        let all = peers.iter().zip(views).enumerate().filter(due);
        all.filter_map(|(at, (peer, view))| Some((at, self.of(peer, view, pace, now.since(self.said))?))).collect()
    }

    /// `None`: there is no news. What was heard once says no more when it is heard again, and a daemon that has just started,
    /// or slept, knows of nothing yet.
    fn of(&self, peer: &Watched, view: &View, pace: &Pace, since: Duration) -> Option<Heard> {
        let newest = peer.node.as_ref().and_then(|id| self.newest.get(id));
        // One that runs its passes more seldom than we do brings them more seldom.
        let every = newest.map_or(0, |(status, _)| status.passes.every_s).min(EVERY_MAX.as_secs());
        let limit = pace.brought().max(Duration::from_secs(every) * 2 + pace.passes);
        let known = view.status.as_ref().map(|known| (&known.instance, known.seq));
        match newest.map(|(status, age)| (status, age.min(&self.up))) {
            Some((status, age)) if *age <= limit => {
                let is_news = known != Some((&status.instance, status.seq));
                is_news.then(|| Heard::Status(Box::new(status.clone().aged(*age + since))))
            }
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
    /// Whether a peer that we push to looks at what it gets: its status says so, and who does not know our key does not.
    /// `None`: that is too early to say, for it has just started, or we have; or it is away.
    pub fn looked_at(
        &mut self,
        me: &NodeId,
        peer: &Watched,
        heard: &Heard,
        pace: &Pace,
        now: Timestamp,
    ) -> Option<Outcome> {
        if !peer.push || self.is_away(now) {
            return None;
        }
        let looked = match heard {
            Heard::Status(status) if status.passes.served_s.is_none() => return None,
            Heard::Status(status) => {
                status.sees.iter().find(|s| s.node == *me).map(|s| Duration::from_secs(s.polled_s))
            }
            Heard::Word(_) if self.answered.is_some() => None,
            Heard::Word(_) | Heard::Silent(_) | Heard::Garbled(_) => return None,
        };
        let outcome = health::looked_at(&peer.name, looked, pace.unwatched());
        if outcome.verdict == Verdict::Ok {
            self.overlooks = None;
            return Some(outcome);
        }
        // A clock that was set back makes nothing young again.
        let since = self.overlooks.filter(|at| *at <= now).unwrap_or(now);
        self.overlooks = Some(since);
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
        let brought = Brought { up: Duration::from_secs(up), said: NOW, newest };
        let mut heard = brought.heard(&[pushes("a")], &[View::default()], &Pace::default(), NOW);
        heard.pop().map(|(_, heard)| heard)
    }

    #[test]
    fn what_was_heard_says_no_more_when_it_is_heard_again() {
        let status = Status { seq: 7, instance: "i".to_owned(), ..status() };
        let newest = [(id("a"), (status.clone(), Duration::from_secs(70)))].into_iter().collect();
        let brought = Brought { up: Duration::from_secs(9_999), said: NOW, newest };
        let heard = |known: Status| {
            let view = View { status: Some(Box::new(known)), ..View::default() };
            brought.heard(&[pushes("a")], &[view], &Pace::default(), NOW).len()
        };
        assert_eq!(heard(status.clone()), 0);
        assert_eq!(
            (heard(Status { seq: 6, ..status.clone() }), heard(Status { instance: "j".to_owned(), ..status })),
            (1, 1)
        );
    }

    #[test]
    fn who_runs_seldom_brings_seldom_and_who_is_cut_off_misses_nothing() {
        let every = |every_s: u64, age: u64| {
            let status = Status { passes: Passes { every_s, ..status().passes }, ..status() };
            let newest = [(id("a"), (status, Duration::from_secs(age)))].into_iter().collect();
            let brought = Brought { up: Duration::from_secs(99_999), said: NOW, newest };
            let heard = brought.heard(&[pushes("a")], &[View::default()], &Pace::default(), NOW).pop();
            matches!(heard, Some((0, Heard::Status(_))))
        };
        assert!(every(600, 1_260) && !every(600, 1_261) && !every(60, 361) && !every(u64::MAX, 8_000));
        let nothing = || vec![(0, Heard::Silent(String::new())), (0, Heard::Garbled(String::new()))];
        let left = |cut_off: bool, peer: Watched| {
            let mut answers = nothing();
            counted(&[peer], &mut answers, cut_off);
            answers.len()
        };
        assert_eq!((left(true, pushes("a")), left(false, pushes("a"))), (1, 2));
        assert_eq!(left(true, Watched { pushes: false, ..pushes("a") }), 2, "whom we ask, we have asked");
        // A machine that slept has nothing younger than its rest.
        assert!(matches!(brought(Some(9_000), 100), Some(Heard::Status(_))));
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
        let brought = Brought { up: Duration::from_secs(9_999), said: NOW, newest: BTreeMap::new() };
        assert_eq!(brought.heard(&peers, &[View::default()], &Pace::default(), NOW), []);
    }

    #[test]
    fn who_looks_at_what_we_bring_says_so() {
        let peer = Watched { pushes: false, push: true, ..pushes("a") };
        let (mut view, pace) = (View::default(), Pace::default());
        let heard = |status: &Status| Heard::Status(Box::new(status.clone()));
        let mut of = |status: &Status, after: u64| {
            let now = NOW.plus(Duration::from_secs(after));
            view.looked_at(&id("b"), &peer, &heard(status), &pace, now).map(|o| o.verdict)
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
        let long = View { overlooks: Some(Timestamp::default()), answered: Some(NOW), ..View::default() };
        let of = |view: &View, peer: &Watched, heard: &Heard| {
            view.clone().looked_at(&id("b"), peer, heard, &pace, NOW).map(|o| o.verdict)
        };
        assert_eq!(of(&long, &peer, &heard(&not)), Some(Verdict::Failed));
        assert_eq!(of(&long, &Watched { push: false, ..peer.clone() }, &heard(&not)), None, "it asks us");
        let unsigned = Heard::Word(Word::MailProblem);
        assert_eq!(of(&long, &peer, &unsigned), Some(Verdict::Failed), "it does not know our key any more");
        assert_eq!(of(&View { answered: None, ..long.clone() }, &peer, &unsigned), None, "the two were never peers");
        assert_eq!(of(&View { away: Some(NOW.plus(pace.poll)), ..long.clone() }, &peer, &heard(&not)), None);
        assert_eq!(of(&long, &peer, &Heard::Silent(String::new())), None);
        let ahead = View { overlooks: Some(NOW.plus(pace.poll * 99)), ..long };
        assert_eq!(of(&ahead, &peer, &heard(&not)), None, "the clock was set back: it counts from now");
    }
}
