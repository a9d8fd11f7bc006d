//! Watching peers: when to ask, what an answer means, who is told, and by whom. Pure.
//!
//! A peer that does not answer is asked each minute, told after the third failure, to its own admin. Before that, what
//! other peers see of it is looked up in their statuses, which are asked in the same pass: so a broken link is told as a
//! link. Where several nodes watch the same one, they tell in the order of their node ids, two minutes apart, and who
//! sees that another has told stays silent: a human is told once, and twice rather than never.

mod pushes;
mod words;

pub use pushes::{Brought, counted};

use super::Word;
use super::pace::Pace;
use super::status::{BY_CHOICE, NOT_YET, NodeId, Sees, Status};
use checker_job::{Outcome, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So many silences in a row are told.
pub const SILENT: u32 = 3;
/// So many answers in a row with a problem are told; of a first program, whose word changes each minute, one.
pub const PROBLEM: u32 = 2;
/// Each node that may tell before us delays us by so many looks.
pub const RANK: u32 = 2;
/// A daemon that has seen no pass yet is given so many more looks: its first one may be two minutes away.
const FIRST_PASS: u32 = 2;
/// Clocks may differ by this.
pub const SKEW: Duration = Duration::from_secs(300);
/// An announced absence is believed no longer than this.
pub const AWAY_MAX: Duration = Duration::from_secs(4 * 3_600);
/// What the settings say of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Its name.
    pub name: String,
    /// Its node id, if its key is pinned; a first program has none.
    pub node: Option<NodeId>,
    /// It cannot be asked and pushes its status to us.
    pub pushes: bool,
    /// We push our status to it, because it cannot ask us.
    pub push: bool,
}

/// What came of one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A status that its key has signed.
    Status(Box<Status>),
    /// A word without a signature.
    Word(Word),
    /// No answer, and why.
    Silent(String),
    /// An answer that is none, and why.
    Garbled(String),
}

/// What is remembered of a peer. Kept in the own group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// When it was last asked, or last pushed.
    pub asked: Option<Timestamp>,
    /// When it last answered with a status or a word.
    pub answered: Option<Timestamp>,
    /// When it last answered with anything that it may say, signed or not.
    pub reached: Option<Timestamp>,
    /// Bad answers in a row, silence included.
    pub bad: u32,
    /// Silences in a row.
    pub silent: u32,
    /// The newest status, and when it came.
    pub status: Option<Box<Status>>,
    /// Machines that have spoken with its key, the newest last.
    pub instances: Vec<String>,
    /// A machine spoke again after another one had: two nodes have one key.
    pub cloned: Option<Timestamp>,
    /// It announced to be away until then.
    pub away: Option<Timestamp>,
    /// Clocks differ by so many seconds; positive: theirs is ahead.
    pub skew_s: i64,
    /// Since when its statuses say that it does not look at what we push to it.
    pub overlooks: Option<Timestamp>,
    /// We have told its admin of the present trouble.
    pub told: bool,
    /// It is the link to it that is broken, and what we told was that: of the peer itself it says nothing.
    pub link: bool,
}

impl View {
    /// Whether it is to be asked now. `alarm`: some peer fails, so what all see of it is wanted.
    pub fn due(&self, peer: &Watched, alarm: bool, pace: &Pace, now: Timestamp) -> bool {
        let every = if self.bad > 0 || alarm || peer.node.is_none() || peer.pushes { pace.quick } else { pace.poll };
        self.asked.is_none_or(|at| at > now || now.since(at) + pace.early() >= every)
    }

    /// Whether an answer to a question of `began` is news. Passes may overlap, and two that hear nothing at the same moment have
    /// seen one silence; each of those that lie as far apart as questions do is one of its own.
    pub fn counts(&self, heard: &Heard, began: Timestamp, pace: &Pace, now: Timestamp) -> bool {
        let nothing = matches!(heard, Heard::Silent(_) | Heard::Garbled(_));
        let meanwhile = self.asked.filter(|at| *at > began && *at <= now);
        !nothing || meanwhile.is_none_or(|at| now.since(at) + pace.early() >= pace.quick)
    }

    /// Takes an answer in.
    pub fn hear(&mut self, peer: &Watched, heard: &Heard, now: Timestamp) {
        self.asked = Some(now);
        let good = match heard {
            Heard::Status(status) => {
                self.take(status, now);
                // What was pushed has spoken when it came: by now it may be older than what its successor has said.
                if !peer.pushes {
                    self.spoke(&status.instance, now);
                }
                status.word == Some(Word::True)
            }
            #[cfg(test)]
            Heard::Word(Word::True) if super::planted::is(super::planted::Bug::UnsignedIsGood) => true,
            Heard::Word(word) => peer.node.is_none() && *word == Word::True,
            Heard::Silent(_) | Heard::Garbled(_) => false,
        };
        if matches!(heard, Heard::Status(_)) || (peer.node.is_none() && matches!(heard, Heard::Word(_))) {
            self.answered = Some(now);
        }
        self.bad = if good { 0 } else { self.bad.saturating_add(1) };
        if matches!(heard, Heard::Status(_) | Heard::Word(_)) {
            self.reached = Some(now);
        }
        // A problem is believed of anybody; that all is well, of the key alone.
        let forged = peer.node.is_some() && *heard == Heard::Word(Word::True);
        self.silent = if self.is_there() && !forged { 0 } else { self.silent.saturating_add(1) };
    }

    fn take(&mut self, status: &Status, now: Timestamp) {
        let theirs = status.clock().secs();
        self.skew_s = theirs - now.secs();
        self.away = status
            .away_until
            .filter(|until| *until > theirs)
            .map(|until| now.plus(Duration::from_secs(until.abs_diff(theirs)).min(AWAY_MAX)));
        self.status = Some(Box::new(status.clone()));
    }

    /// A machine has spoken with this peer's key. A restart leads from one to the next; a way back leads to a clone.
    pub fn spoke(&mut self, instance: &str, now: Timestamp) {
        if instance.is_empty() || self.instances.last().is_some_and(|i| i == instance) {
            return;
        }
        if let Some(at) = self.instances.iter().position(|i| i == instance) {
            self.cloned = Some(now);
            self.instances.remove(at);
        }
        self.instances.push(instance.to_owned());
        let more = self.instances.len().saturating_sub(8);
        self.instances.drain(..more);
    }

    /// The newest status, if it came within `limit`.
    pub fn newest(&self, limit: Duration, now: Timestamp) -> Option<&Status> {
        let young = self.answered.is_some_and(|at| at <= now && now.since(at) <= limit);
        self.status.as_deref().filter(|_| young)
    }

    /// The newest status, if it is young enough to count.
    fn says(&self, pace: &Pace, now: Timestamp) -> Option<&Status> {
        self.newest(pace.said(), now)
    }

    /// Takes in what a look said. `told`: that is being told. A first message may say that nobody knows whether it is the
    /// link; once others are seen to reach the peer, it was.
    pub fn judged(&mut self, verdict: &Verdict, told: bool) {
        let same = self.link && self.told && !told && verdict.outcome.verdict != checker_job::Verdict::Ok;
        self.link = verdict.link || same;
    }

    /// Whether it has announced that it is away now: then it neither answers nor asks.
    pub fn is_away(&self, now: Timestamp) -> bool {
        self.away.is_some_and(|until| now < until)
    }

    /// Whether it answered the last question, be it with a problem.
    pub fn is_there(&self) -> bool {
        self.asked.is_some() && self.reached == self.asked
    }

    /// Whether the last answer was good.
    pub fn is_ok(&self) -> bool {
        self.asked.is_some() && self.bad == 0
    }
}

/// A peer and what is remembered of it.
pub type Known<'a> = (&'a Watched, &'a View);

/// What a look at one peer is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// This node.
    pub me: &'a NodeId,
    /// The peer.
    pub peer: &'a Watched,
    /// What is remembered, this answer included.
    pub view: &'a View,
    /// The answer.
    pub heard: &'a Heard,
    /// All other peers.
    pub others: &'a [Known<'a>],
    /// The witness has evidence that this host is cut off.
    pub cut_off: bool,
    /// The times that hold.
    pub pace: &'a Pace,
    /// The time.
    pub now: Timestamp,
}

/// What a look says.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What was seen.
    pub outcome: Outcome,
    /// So many in a row are told.
    pub threshold: u32,
    /// It is not ours to tell: announced, told by another, or told by the peer itself.
    pub held: bool,
    /// Our own admin is told too: the fault may be on our side of the link.
    pub ours_too: bool,
    /// Only our own admin is told: the two nodes were never peers.
    pub ours_only: bool,
    /// It is the link that is broken, for others reach the peer.
    pub link: bool,
    /// It is so by choice: told once, without reminders.
    pub once: bool,
}

/// What an answer means. `None`: nothing can be said, because this host itself is cut off.
pub fn judge(q: &Question<'_>) -> Option<Verdict> {
    let (outcome, threshold, silent) = seen(q);
    let patience = SILENT;
    #[cfg(test)]
    let patience = if super::planted::is(super::planted::Bug::OneSilenceIsDeath) { 1 } else { patience };
    // A silence or two say nothing, whatever was heard before.
    if silent && (q.cut_off || q.view.silent < patience) {
        return None;
    }
    let threshold = if silent { 1 } else { threshold };
    let (mut outcome, place) = if silent { placed(q, &outcome) } else { (outcome, Place::Peer) };
    let link = place == Place::Link;
    // Who told a broken link has told nothing of the peer, and who told of the peer nothing of our link to it.
    let same = |sees: &Sees| sees.link == link;
    // Who sees it well has nothing to tell; who does not answer us any more, or cannot mail, may never tell it.
    let before = watching(q).filter(|(id, sees)| !sees.ok && same(sees) && *id < q.me && may_tell(q, id)).count();
    let rank = u32::try_from(before).unwrap_or(u32::MAX);
    let told_by_other = !q.view.told && tellers(q).any(same);
    let away = q.view.is_away(q.now);
    // Only this very answer excuses it: an older one says nothing of now, and an unsigned one is anybody's.
    let said = if let Heard::Status(status) = q.heard { Some(status.as_ref()) } else { None };
    let told_itself = said.is_some_and(|s| s.told_self);
    // A node that was just installed: its first message to itself is under way, its first pass is to come.
    let unproven = said.is_some_and(|s| s.mail.is == NOT_YET);
    let mut threshold =
        if said.is_some_and(|s| s.passes.served_s.is_none()) { threshold + FIRST_PASS } else { threshold };
    // It has a key, and has never answered with it: the two were never peers, so its admin has nothing to learn from us.
    let unpaired = q.peer.node.is_some() && q.view.answered.is_none() && matches!(q.heard, Heard::Word(_));
    if unpaired {
        outcome = words::unpaired(&q.peer.name);
    }
    if let Some(cloned) = q.view.cloned
        && outcome.verdict == checker_job::Verdict::Ok
        && q.now.since(cloned) < Duration::from_secs(86_400)
    {
        outcome = words::clone_of(&q.peer.name);
        threshold = 1;
    }
    Some(Verdict {
        outcome,
        threshold: threshold.saturating_add(rank.saturating_mul(RANK)),
        held: away || told_by_other || told_itself || unproven,
        ours_too: place != Place::Peer,
        ours_only: unpaired,
        link,
        once: said.is_some_and(|s| s.mail.is == BY_CHOICE),
    })
}

/// The answer as an outcome, its threshold, and whether it is a silence.
fn seen(q: &Question<'_>) -> (Outcome, u32, bool) {
    let name = &q.peer.name;
    #[cfg(test)]
    if crate::decide::planted::is(crate::decide::planted::Bug::GarbageIsGood) && matches!(q.heard, Heard::Garbled(_)) {
        return (Outcome::ok("well"), SILENT, false);
    }
    match q.heard {
        Heard::Status(status) => (words::reported(name, status), PROBLEM, false),
        Heard::Word(Word::True) if q.peer.node.is_none() => (Outcome::ok(format!("{name} is well")), PROBLEM, false),
        Heard::Word(Word::True) => {
            let why = format!("{name} answers \"True\" without its signature, which counts as no answer");
            (Outcome::failed(why).with_detail("Most likely its settings have no [[peer]] table for us any more: then it does not watch\nus. Or its key is another one now (compare with: checker key), or somebody else answers\nat its address."), SILENT, true)
        }
        // Its mail status lives for a minute only: a second look would not see it.
        Heard::Word(word) if q.peer.node.is_none() => {
            (words::problem(name, *word), if *word == Word::MailProblem { 1 } else { PROBLEM }, false)
        }
        Heard::Word(word) => (words::problem(name, *word), PROBLEM, false),
        Heard::Silent(why) => (Outcome::failed(format!("{name} does not answer: {why}")), SILENT, true),
        Heard::Garbled(why) => (Outcome::failed(format!("{name} gives no usable answer: {why}")), SILENT, true),
    }
}

/// The other peers that watch this one too, with what they say of it.
fn watching<'a>(q: &Question<'a>) -> impl Iterator<Item = (&'a NodeId, &'a Sees)> {
    let (about, pace, now) = (q.peer.node.as_ref(), q.pace, q.now);
    q.others.iter().filter_map(move |(other, view)| {
        let status = view.says(pace, now)?;
        let sees = status.sees.iter().find(|s| Some(&s.node) == about)?;
        Some((other.node.as_ref()?, sees))
    })
}

/// Whether the mail of another peer works, as far as that is known.
fn can_mail(q: &Question<'_>, id: &NodeId) -> bool {
    q.others.iter().any(|(other, view)| {
        other.node.as_ref() == Some(id) && view.says(q.pace, q.now).is_some_and(|s| s.word != Some(Word::MailProblem))
    })
}

/// Whether another peer is there to tell something.
fn may_tell(q: &Question<'_>, id: &NodeId) -> bool {
    can_mail(q, id) && q.others.iter().any(|(other, view)| other.node.as_ref() == Some(id) && view.is_there())
}

/// What those say who have told it already. Only who can mail counts.
fn tellers<'a>(q: &'a Question<'a>) -> impl Iterator<Item = &'a Sees> {
    watching(q).filter(|(id, sees)| sees.told && can_mail(q, id)).map(|(_, sees)| sees)
}

/// Where the cause of a silence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Others say the same.
    Peer,
    /// Others reach it.
    Link,
    /// Nobody can say.
    Unknown,
}

/// What others say about a silence.
fn placed(q: &Question<'_>, outcome: &Outcome) -> (Outcome, Place) {
    // Who reached it before we failed to says nothing.
    let failing = q.pace.quick * q.view.silent.saturating_sub(1);
    let oldest = |ok: bool| if ok { failing.min(q.pace.said()) } else { q.pace.said() };
    let recent: Vec<(&NodeId, bool)> = watching(q)
        .filter(|(_, sees)| sees.polled_s <= oldest(sees.there).as_secs())
        .map(|(id, sees)| (id, sees.there))
        .collect();
    let name =
        |id: &NodeId| q.others.iter().find(|(o, _)| o.node.as_ref() == Some(id)).map_or("?", |(o, _)| o.name.as_str());
    let names =
        |ok: bool| recent.iter().filter(|(_, o)| *o == ok).map(|(id, _)| name(id)).collect::<Vec<_>>().join(", ");
    let (good, bad) = (names(true), names(false));
    let lines = |text: &str| outcome.clone().with_detail(text.to_owned());
    if !good.is_empty() {
        let summary = format!("the link to {} is broken: {good} reaches it, we do not", q.peer.name);
        return (Outcome::failed(summary).with_detail(outcome.summary.clone()), Place::Link);
    }
    if !bad.is_empty() {
        return (lines(&format!("{bad} cannot reach it either.")), Place::Peer);
    }
    (lines("No other peer could be asked about it: it may be the link between us, and it may be well."), Place::Unknown)
}

/// One round of questions: whom a pass asks now. While some peer fails, all are asked, so that what they see is known.
pub fn round(peers: &[Watched], views: &[View], pace: &Pace, now: Timestamp) -> Vec<usize> {
    let alarm = views.iter().any(|v| v.bad > 0);
    let due = |(_, (peer, view)): &(usize, (&Watched, &View))| !peer.pushes && view.due(peer, alarm, pace, now);
    peers.iter().zip(views).enumerate().filter(due).map(|(at, _)| at).collect()
}

/// What the answers of one round mean. `views` hold them already, see [`View::hear`].
pub fn judge_round(
    me: &NodeId,
    peers: &[Watched],
    views: &[View],
    answers: &[(usize, Heard)],
    cut_off: bool,
    pace: &Pace,
    now: Timestamp,
) -> Vec<(usize, Verdict)> {
    let mut verdicts = Vec::new();
    for (at, heard) in answers {
        let (Some(peer), Some(view)) = (peers.get(*at), views.get(*at)) else { continue };
        let pairs = peers.iter().zip(views).enumerate();
        let others: Vec<Known<'_>> = pairs.filter(|(n, _)| n != at).map(|(_, pair)| pair).collect();
        let verdict = judge(&Question { me, peer, view, heard, others: &others, cut_off, pace, now });
        verdicts.extend(verdict.map(|v| (*at, v)));
    }
    verdicts
}

#[cfg(test)]
mod tests;
