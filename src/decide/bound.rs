//! For each single fault, the longest time until a human is told, and who tells. Pure: it follows from the settings alone.
//!
//! A bound is a sum of what must happen one after the other in the worst order: the fault comes just after the last look
//! that still saw nothing, each look comes as late as it may and takes as long as it may, and the message is sent as slowly
//! as it may be. The simulation (`crate::simulation`) holds each of them to account: no run may take longer, and some run
//! must come near.

mod advice;
mod fault;
mod job;
pub mod together;
mod windowed;

pub use advice::{Help, Step};
pub use fault::Fault;
pub use job::Rhythm;
pub use windowed::Windowed;

use super::mail::{self, Canaries};
use super::pace::{ANSWER, DAEMON, LOOK, LOOKS, Pace, SEND};
use super::peers::{PROBLEM, SILENT};
use super::{health, schedule, step};
use checker_job::Frequency;
use std::time::Duration;

/// The first wave of a pass leaves by then, whatever still runs.
pub const WAVE_MAX: Duration = Duration::from_secs(45);
/// What mail is assumed to take from its acceptance to the mailbox, where nothing was measured.
pub const LATENCY: Duration = Duration::from_secs(120);
/// Cron starts a pass up to this late.
pub const CRON_LATE: Duration = Duration::from_secs(2);
/// A first program asks its peers by the hour, and gives up on an answer after this.
const LEGACY: Duration = Duration::from_secs(3_600 + 5);
/// The daemon does one thing after the other, and looks at passes and watchers in between: it may be looking for a canary.
const BUSY: Duration = LOOK;

/// What proves that mail arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A look into our mailbox.
    Mailbox,
    /// A peer's look into its own.
    Peer,
    /// Only local delivery is seen.
    Local,
    /// A human, who types a code.
    Human,
    /// Nothing.
    None,
}

/// What the bounds follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The times of `[watch]`.
    pub pace: Pace,
    /// How often mail is proved, and how long a proof may take.
    pub canaries: Canaries,
    /// By what.
    pub proof: Proof,
    /// Peers that watch us: with a key.
    pub peers: usize,
    /// Of them, those that cannot ask us, to which we push our status.
    pub pushed: usize,
    /// Of them, those that we cannot ask: they push theirs to us.
    pub unasked: usize,
    /// First programs that watch us.
    pub legacy: usize,
    /// There is a daemon.
    pub daemon: bool,
    /// Peers can ask it.
    pub listens: bool,
    /// Channels beside mail, which are used when mail is known to be broken.
    pub channels: usize,
    /// An outside service is called by each pass.
    pub deadman: bool,
    /// Each kind of rhythm that jobs have.
    pub jobs: Vec<Rhythm>,
    /// Of them, those that may call healthy for a while what is already broken, with that time.
    pub slow: Vec<(Rhythm, Duration)>,
    /// Those that windows hold.
    pub windowed: Vec<Windowed>,
    /// From acceptance to the mailbox.
    pub latency: Duration,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The fault.
    pub fault: Fault,
    /// Who notices.
    pub detector: &'static str,
    /// How a human hears of it.
    pub path: &'static str,
    /// The longest time until it is in a human's mailbox; `None`: never.
    pub longest: Option<Duration>,
}

const OWN_MAIL: &str = "our mail to our admin";
const PEER_MAIL: &str = "a peer's mail to our admin";
const NOTHING: &str = "nothing";
const NEVER: &str = "nobody is told";

impl Site {
    /// The table.
    pub fn rows(&self) -> Vec<Row> {
        Fault::ALL.into_iter().map(|fault| self.row(fault)).collect()
    }

    /// The longest time until a human is told of this fault.
    pub fn longest(&self, fault: Fault) -> Option<Duration> {
        self.row(fault).longest
    }

    fn row(&self, fault: Fault) -> Row {
        let (detector, path, longest) = match fault {
            // Those to which we push do not come to that port.
            Fault::PortBlocked if !self.listens => (NOTHING, NEVER, None),
            Fault::PortBlocked => Self { peers: self.asking(), pushed: 0, ..self.clone() }.silent(),
            Fault::HostDead => self.silent(),
            Fault::LinkCut if self.peers > 0 => {
                ("we and that peer, each by a poll", "mail to both admins", Some(self.poll(SILENT)))
            }
            Fault::CronDead => self.cron(),
            Fault::DaemonDead if self.daemon => (
                "our pass, by the control socket",
                OWN_MAIL,
                Some(self.pace.passes * health::DAEMON_MISSES + self.front() + self.out()),
            ),
            Fault::ClassMissing => self.class(),
            Fault::TargetDown | Fault::JobHangs => self.job(),
            // A second try may come too soon after the first to say more.
            Fault::MailRefused => self.mail(mail::RETRY * 2 + SEND),
            Fault::MailLost => self.mail(self.canaries.within + LOOK),
            Fault::MailSpam => {
                let given_up = self.canaries.within + LOOK;
                self.mail(match self.proof {
                    Proof::Mailbox => given_up.min(SEND + self.latency + LOOK + LOOKS + LOOK),
                    Proof::Peer => given_up.min(SEND + self.latency + self.pace.peer_look() + LOOKS),
                    // Whoever could tell spam from nothing is not there.
                    Proof::Human | Proof::Local | Proof::None => given_up,
                })
            }
            Fault::MailboxBlind => self.blind(),
            Fault::MailOff => self.switched_off(),
            Fault::Unwatched if self.watchers() > 0 => self.unwatched(),
            Fault::StateBroken | Fault::SettingsBroken | Fault::ClockStep => {
                ("our pass", OWN_MAIL, Some(self.pace.passes + self.front() + self.out()))
            }
            Fault::ClockSkew if self.peers > 0 => self.skewed(),
            // Who says of itself that its mail proves nothing has been told of; nothing is added to that.
            Fault::Cloned if self.peers > self.unasked && self.watchers() > 0 && self.proof != Proof::None => {
                ("a peer, by who speaks to it", PEER_MAIL, Some(self.cloned()))
            }
            Fault::AdminMailbox => match self.proof {
                Proof::Human if self.daemon && self.channels > 0 => self.mail(self.canaries.within + LOOK),
                // Peers mail to that very mailbox.
                Proof::Human if self.daemon => {
                    ("a code that nobody types", "nobody: all mail goes to that mailbox", None)
                }
                Proof::Human => (NOTHING, NEVER, None),
                Proof::Mailbox | Proof::Peer | Proof::Local | Proof::None => ("no machine can", NEVER, None),
            },
            Fault::LinkCut | Fault::DaemonDead | Fault::Unwatched | Fault::ClockSkew | Fault::Cloned => {
                (NOTHING, NEVER, None)
            }
        };
        Row { fault, detector, path, longest }
    }

    /// From the decision to the mailbox.
    pub(super) fn out(&self) -> Duration {
        SEND + self.latency
    }

    /// What a pass takes from its start to its first wave.
    fn wave(&self) -> Duration {
        let times = || self.jobs.iter().map(|j| j.2);
        let soon = times().filter(|t| *t <= Duration::from_secs(40)).max();
        // With none that ends soon, the first that ends.
        soon.or_else(|| times().min()).unwrap_or_default().min(WAVE_MAX)
    }

    /// From cron's minute to the time at which what the pass found out by itself and of its peers is about to leave.
    pub(super) fn front(&self) -> Duration {
        let daemon = if self.daemon { DAEMON } else { Duration::ZERO };
        CRON_LATE + daemon + if self.peers + self.legacy > 0 { ANSWER } else { Duration::ZERO }
    }

    /// How often something is done that is to be done each `every`, where only passes do it.
    fn cadence(&self, every: Duration) -> Duration {
        let passes = self.pace.passes.max(Duration::from_secs(1));
        let least = every.saturating_sub(self.pace.early());
        let count = least.as_millis().div_ceil(passes.as_millis()).max(1);
        passes * u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// A poll that is bad so many times in a row. Who proves nothing is never well, and asked as often as those who fail.
    fn poll(&self, times: u32) -> Duration {
        let always = self.proof == Proof::None && self.watchers() > 0 && self.pushed == 0;
        self.cadence(if always { self.pace.quick } else { self.pace.poll })
            + self.cadence(self.pace.quick) * (times - 1)
            + self.front()
            + self.out()
    }

    /// Peers with a key that learn from our daemon how we are: they ask it, or we bring it to them.
    fn watchers(&self) -> usize {
        self.asking() + if self.daemon { self.pushed } else { 0 }
    }

    /// Of them, those that ask.
    fn asking(&self) -> usize {
        if self.daemon && self.listens { self.peers.saturating_sub(self.pushed) } else { 0 }
    }

    /// Whoever hears that something is wrong with us, first programs included.
    fn hearers(&self) -> usize {
        self.watchers() + if self.daemon && self.listens { self.legacy } else { 0 }
    }

    /// The word has changed: until a peer has seen it often enough, and mailed.
    fn seen_by_peer(&self) -> Duration {
        match (self.watchers(), self.pushed) {
            (0, _) => CRON_LATE + LEGACY + self.out(),
            (_, 0) => self.poll(PROBLEM),
            // Our next pass brings it and the one after it too, and each pass of the peer looks. Where others ask us, they may
            // see it in between, and have the first word.
            _ => {
                let looks = PROBLEM + 1 + u32::from(self.asking() > 0);
                self.pace.passes + self.brings() + self.cadence(self.pace.quick) * looks + self.front() + self.out()
            }
        }
    }

    /// From cron's minute until what our daemon says after this pass has been brought to all.
    fn brings(&self) -> Duration {
        self.front() + self.wave() + DAEMON * 2 + ANSWER
    }

    fn cloned(&self) -> Duration {
        // The copy asks within one round, the original again within the next.
        let asks = self.cadence(self.pace.poll) * 2 + self.front() + self.out();
        let look = self.cadence(self.pace.quick);
        match self.pushed {
            0 => asks,
            pushed if pushed < self.peers => asks + look,
            // Both push with each pass; what the original pushes is older by its number, until it has counted on twice.
            _ => {
                let pushes = self.pace.passes * 4 + self.brings() + look * 2 + self.front() + self.out();
                pushes.min(asks + look)
            }
        }
    }

    /// Nothing is pushed any more: until whoever should get it has missed it often enough, and mailed.
    fn brought_nothing(&self) -> Duration {
        self.pace.brought() + self.cadence(self.pace.quick) * SILENT + self.front() + self.out()
    }

    /// The peer tells its own admin too, perhaps before ours: the fault may be its own.
    fn silent(&self) -> (&'static str, &'static str, Option<Duration>) {
        match (self.watchers(), self.pushed, self.hearers()) {
            (1.., 0, _) => ("a peer's poll", PEER_MAIL, Some(self.poll(SILENT) + SEND)),
            (1.., ..) => ("a peer, by what we push to it", PEER_MAIL, Some(self.brought_nothing() + SEND)),
            (0, _, 1..) => ("a first program's poll", PEER_MAIL, Some(CRON_LATE + LEGACY + self.out())),
            _ if self.deadman => ("the [deadman] service", "as that service tells, in its own time", None),
            _ => (NOTHING, NEVER, None),
        }
    }

    /// A peer whose clock is off is well, so it is not asked more often for that. What we push is looked at all the time.
    fn skewed(&self) -> (&'static str, &'static str, Option<Duration>) {
        let asked = self.cadence(self.pace.poll) * PROBLEM + self.front() + self.out();
        if self.watchers() == 0 {
            // A clock that falls back by less than is told as a step puts our own questions off by as much.
            return ("our pass, by a peer's clock", OWN_MAIL, Some(asked + step::STEP_MIN));
        }
        let time = if self.pushed == self.peers { self.seen_by_peer() } else { asked };
        ("our pass and a peer's, by each other's clock", "mail to both admins", Some(time))
    }

    fn unwatched(&self) -> (&'static str, &'static str, Option<Duration>) {
        let put_off = self.pace.askers_missed().put_off(BUSY);
        let asks = self.pace.unwatched() + Duration::from_secs(1) + BUSY + put_off + self.out();
        // A pass of the peer does not look, its daemon hears of it, one of our polls does, and a later one again.
        let (poll, later) = (self.cadence(self.pace.poll), self.pace.overlooked().saturating_sub(self.pace.early()));
        let polls = u32::try_from(later.as_millis().div_ceil(poll.as_millis().max(1))).unwrap_or(u32::MAX);
        let looks = self.pace.passes + self.front() + poll + poll * polls + self.front() + self.out();
        // Who pushes to us and has forgotten us does not do that either.
        let asks = if self.unasked > 0 { asks.max(self.brought_nothing()) } else { asks };
        match (self.pushed, self.watchers() - self.pushed) {
            (0, _) => ("our daemon, by who asks it", OWN_MAIL, Some(asks)),
            (_, 0) => ("our pass, by what a peer looks at", OWN_MAIL, Some(looks)),
            _ => ("our daemon or our pass, by who asks or looks", OWN_MAIL, Some(asks.max(looks))),
        }
    }

    fn cron(&self) -> (&'static str, &'static str, Option<Duration>) {
        if self.daemon {
            let missed = self.pace.passes_missed();
            // The last pass has just begun.
            let served = self.front().saturating_sub(CRON_LATE) + self.wave();
            let time = served + self.pace.stale + Duration::from_secs(1) + BUSY + missed.put_off(BUSY) + self.out();
            return ("our daemon", OWN_MAIL, Some(time));
        }
        if self.deadman {
            return ("the [deadman] service", "as that service tells, in its own time", None);
        }
        (NOTHING, NEVER, None)
    }

    /// Two slots go unserved, the second one for its grace. The lines for midnight and noon serve an hour each, so that
    /// two unserved hours may lie three hours away.
    fn class(&self) -> (&'static str, &'static str, Option<Duration>) {
        let period = |f: &Frequency| match f {
            Frequency::Hour | Frequency::Hours(_) => 3 * 3_600,
            Frequency::Day | Frequency::DayNoon => 2 * 86_400,
            Frequency::Minute | Frequency::Minutes(_) => 0,
        };
        let longest = self.jobs.iter().map(|j| period(&j.0)).max().unwrap_or_default();
        let time = Duration::from_secs(longest) + schedule::CATCH_UP_GRACE + self.pace.passes;
        if longest == 0 {
            return ("no job here needs a second line", "nothing to tell", None);
        }
        ("our pass; its jobs run 10 minutes late", OWN_MAIL, Some(time + self.front() + self.out()))
    }

    fn looks(&self) -> bool {
        self.daemon && matches!(self.proof, Proof::Mailbox | Proof::Peer | Proof::Local)
    }

    /// Bad mail is known `after` the canary that meets it.
    fn mail(&self, after: Duration) -> (&'static str, &'static str, Option<Duration>) {
        let known = self.canaries.every + after;
        let detector = match self.proof {
            Proof::Mailbox => "a canary of our daemon",
            Proof::Peer => "a canary of our daemon, seen by a peer",
            Proof::Human => "a code that nobody types",
            Proof::Local => return ("only local delivery is proven", NEVER, None),
            Proof::None => return (NOTHING, NEVER, None),
        };
        if !self.daemon {
            return (NOTHING, NEVER, None);
        }
        if self.channels > 0 {
            return (detector, "another channel, to our admin", Some(known + SEND));
        }
        if self.hearers() > 0 {
            return (detector, PEER_MAIL, Some(known + self.seen_by_peer()));
        }
        (detector, "nobody, until mail works again", None)
    }

    fn blind(&self) -> (&'static str, &'static str, Option<Duration>) {
        if !self.looks() {
            return ("no mailbox is looked into", NEVER, None);
        }
        let time = self.canaries.every + self.canaries.within + LOOK + self.out();
        let detector = if self.proof == Proof::Peer { "our daemon, by a peer's status" } else { "our daemon" };
        (detector, OWN_MAIL, Some(time))
    }

    fn switched_off(&self) -> (&'static str, &'static str, Option<Duration>) {
        let known = self.pace.passes + self.front() + self.wave();
        match (self.hearers(), self.pushed) {
            // Nothing changes for those who have heard that nothing is proven.
            _ if self.proof == Proof::None => {}
            (0, _) => {}
            (_, 0) => return ("the word says MailProblem", PEER_MAIL, Some(known + self.seen_by_peer())),
            // The pass that finds it brings it.
            _ => return ("our status says so", PEER_MAIL, Some(self.seen_by_peer())),
        }
        (NOTHING, NEVER, None)
    }
}

#[cfg(test)]
pub(super) mod tests;
