//! What this node may say of itself: facts with ages become the word and the status. Pure.
//!
//! `True` is a positive, fresh, complete statement. Anything unknown, stale, or switched off is not `True`.

use super::Word;
use super::mail::{Known, Wrong};
use super::pace::Pace;
use super::status::{BY_CHOICE, CanaryOut, CanarySeen, Mail, NOT_YET, NodeId, Passes, Sees, Status, VERSION};
use checker_job::{Outcome, Timestamp, duration_words};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So many passes in a row must miss the daemon before it is told: the first one starts it again.
pub const DAEMON_MISSES: u32 = 2;

/// What a pass tells the daemon once its first wave is committed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PassReport {
    /// When it served.
    pub served: Timestamp,
    /// Jobs of its settings.
    pub jobs: u64,
    /// Of them, failing.
    pub failing: u64,
    /// Classes whose slots go unserved.
    pub overdue: u64,
    /// The state can be written at its place.
    pub state_ok: bool,
    /// The settings file loads.
    pub settings_ok: bool,
    /// The clock has been steady.
    pub clock_ok: bool,
    /// This host is not known to be cut off or out of something.
    pub sighted: bool,
    /// Messages that wait to leave.
    pub waiting: u64,
    /// A delivery was refused for good and is still open.
    pub refused: bool,
    /// Mail was switched off by hand for this pass.
    pub nomail: bool,
}

/// All facts about this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The newest pass that served; `None`: none since the daemon started.
    pub pass: Option<PassReport>,
    /// When the daemon started.
    pub started: Timestamp,
    /// What [`Facts::remembered`] said before the daemon was restarted: believed for [`Pace::stale`].
    pub before: Option<Word>,
    /// What is known of mail.
    pub mail: Known,
    /// The settings switch mail off.
    pub nomail: bool,
    /// The daemon's own settings and state are good.
    pub daemon_ok: bool,
    /// The times that hold.
    pub pace: Pace,
}

impl PassReport {
    /// Whether nothing that it saw is wrong.
    pub fn is_good(&self) -> bool {
        self.overdue == 0 && self.state_ok && self.settings_ok && self.clock_ok && self.sighted
    }
}

impl Facts {
    /// The word.
    pub fn word(&self, now: Timestamp) -> Word {
        let jobs = self.jobs_are_good(now);
        let mail = matches!(self.mail, Known::Proven(_))
            && !self.mail_is_off()
            && !self.pass.as_ref().is_some_and(|p| p.refused);
        // What is wrong with mail comes first, as in the first program: the rest, its own admin is told. Where the mail
        // status itself went stale, the daemon's own work is in question.
        match (mail, jobs) {
            (true, true) => Word::True,
            (false, false) if self.mail == Known::Stale => Word::JobProblem,
            (false, _) => Word::MailProblem,
            (true, false) => Word::JobProblem,
        }
    }

    fn mail_is_off(&self) -> bool {
        #[cfg(test)]
        if crate::decide::planted::is(crate::decide::planted::Bug::NomailIsGood) {
            return false;
        }
        self.nomail || self.pass.as_ref().is_some_and(|p| p.nomail)
    }

    fn jobs_are_good(&self, now: Timestamp) -> bool {
        if !self.daemon_ok {
            return false;
        }
        match &self.pass {
            Some(pass) => {
                #[cfg(test)]
                if crate::decide::planted::is(crate::decide::planted::Bug::BrokenIsGood) {
                    return now.since(pass.served) <= self.pace.stale;
                }
                let fresh = pass.served <= now.plus(self.pace.stale) && now.since(pass.served) <= self.pace.stale;
                fresh && pass.is_good()
            }
            None => {
                // `MailProblem` says nothing of jobs.
                now.since(self.started) <= self.pace.stale && self.before == Some(Word::True)
            }
        }
    }

    /// What to remember for the next start, as far as jobs are concerned. `None`: no pass has come since this start, so
    /// there is nothing to believe; else a daemon that is started again and again would never notice that none comes.
    pub fn remembered(&self, now: Timestamp) -> Option<Word> {
        let good = self.jobs_are_good(now);
        self.pass.as_ref().map(|_| if good { Word::True } else { Word::JobProblem })
    }

    /// The trouble "no pass comes"; `None` while it is too early to say.
    pub fn passes(&self, now: Timestamp) -> Option<Outcome> {
        #[cfg(test)]
        if crate::decide::planted::is(crate::decide::planted::Bug::PassesNeverMissed) {
            return None;
        }
        let last = self.pass.as_ref().map(|p| p.served.min(now));
        let since = last.unwrap_or(self.started.min(now));
        if now.since(since) > self.pace.stale {
            let ago = duration_words(rounded(now.since(since)));
            return Some(
                Outcome::failed(format!("no pass has run for {ago}: nothing is checked")).with_detail(
                    "Cron does not start `checker cron`, or each pass ends before its work is done.\nLook whether cron runs \
                     (systemctl status cron), whether the crontab line is there\n(crontab -l), and what it says by hand: checker \
                     cron -v",
                ),
            );
        }
        last.map(|_| Outcome::ok("passes run again"))
    }

    /// How long ago a pass has served, or could have.
    pub fn passes_age(&self, now: Timestamp) -> Duration {
        now.since(self.pass.as_ref().map_or(self.started, |p| p.served))
    }

    /// The status, for peers.
    pub fn status(&self, about: About, now: Timestamp) -> Status {
        let secs = |d: Duration| d.as_secs();
        let pass = self.pass.clone().unwrap_or_default();
        Status {
            v: VERSION,
            node: about.node,
            instance: about.instance,
            seq: about.seq,
            at: now.secs(),
            version: about.version,
            word: Some(self.word(now)),
            mail: Mail {
                is: self.mail_word().to_owned(),
                by: about.mail_by,
                proven_s: if let Known::Proven(age) = self.mail { Some(secs(age)) } else { None },
                waiting: pass.waiting,
            },
            passes: Passes {
                served_s: self.pass.as_ref().map(|p| secs(now.since(p.served))),
                every_s: self.pace.passes.as_secs(),
                jobs: pass.jobs,
                failing: pass.failing,
                overdue: pass.overdue,
            },
            state_ok: pass.state_ok,
            settings_ok: pass.settings_ok,
            told_self: about.told_self,
            sees: about.sees,
            looks: about.looks,
            canary_out: about.canary_out,
            canary_seen: about.canary_seen,
            drill: None,
            away_until: about.away.filter(|at| *at > now).map(Timestamp::secs),
        }
    }

    fn mail_word(&self) -> &'static str {
        if self.mail_is_off() {
            return "off";
        }
        match &self.mail {
            Known::Proven(_) => "proven",
            Known::NotYet => NOT_YET,
            Known::Bad(Wrong::Refused) => "refused",
            Known::Bad(Wrong::NeverArrived) => "never_arrived",
            Known::Bad(Wrong::Spam) => "spam",
            Known::Unverifiable => "unverifiable",
            Known::Stale => "stale",
            Known::ByChoice => BY_CHOICE,
        }
    }
}

/// What a status says besides the facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// This node.
    pub node: NodeId,
    /// This running machine.
    pub instance: String,
    /// Rises.
    pub seq: u64,
    /// The program's version.
    pub version: String,
    /// See [`Status::told_self`].
    pub told_self: bool,
    /// See [`Status::sees`].
    pub sees: Vec<Sees>,
    /// See [`Status::away_until`].
    pub away: Option<Timestamp>,
    /// See [`Mail::by`].
    pub mail_by: String,
    /// See [`Status::looks`].
    pub looks: bool,
    /// See [`Status::canary_out`].
    pub canary_out: Vec<CanaryOut>,
    /// See [`Status::canary_seen`].
    pub canary_seen: Vec<CanarySeen>,
}

/// To the minute, and to the second where minutes are too coarse.
fn rounded(time: Duration) -> Duration {
    let unit = if time.as_secs() < 60 { 1 } else { 60 };
    Duration::from_secs(time.as_secs() / unit * unit)
}

/// What a pass saw of the daemon.
pub fn daemon(answer: Result<(), &str>, restarted: Option<&str>) -> Outcome {
    #[cfg(test)]
    if crate::decide::planted::is(crate::decide::planted::Bug::DaemonMissSwallowed) {
        return Outcome::ok("the daemon answers");
    }
    let Err(why) = answer else {
        return Outcome::ok("the daemon answers");
    };
    let tried = restarted.map_or_else(String::new, |tried| format!("\n\n{tried}"));
    Outcome::failed(format!("the daemon does not answer: {why}")).with_detail(format!(
        "Without it nobody proves that mail arrives, peers get no answer, and nobody notices\nwhen passes end. Look with: systemctl \
         status checker, or start it by hand: checker daemon{tried}"
    ))
}

/// Who watches us and has stopped: `asked` is the age of the peer's last signed request, `None` if there was none since the
/// daemon started `up` ago.
pub fn unwatched(peer: &str, asked: Option<Duration>, up: Duration, limit: Duration) -> Option<Outcome> {
    #[cfg(test)]
    if crate::decide::planted::is(crate::decide::planted::Bug::UnwatchedNever) {
        return None;
    }
    let silent = asked.unwrap_or(up);
    if silent > limit {
        let since = duration_words(rounded(silent));
        return Some(Outcome::failed(format!("{peer} has not asked about us for {since}: it does not watch us")).with_detail(
            format!("If this node dies now, {peer} will not tell you. Either its [[peer]] table for us is gone, or its passes\ndo not run, or \
             it cannot reach us. Ask its admin."),
        ));
    }
    asked.map(|_| Outcome::ok(format!("{peer} watches us")))
}

/// The same of a peer to which we bring our status: `looked` is how long ago it looked at that, as it says itself.
pub fn looked_at(peer: &str, looked: Option<Duration>, limit: Duration) -> Outcome {
    #[cfg(test)]
    if crate::decide::planted::is(crate::decide::planted::Bug::UnwatchedNever) {
        return Outcome::ok(String::new());
    }
    let ago = match looked {
        Some(looked) if looked <= limit => return Outcome::ok(format!("{peer} watches us")),
        Some(looked) => format!("{peer} has not looked at our status for {}", duration_words(rounded(looked))),
        None => format!("{peer} does not look at the status that we push to it"),
    };
    Outcome::failed(format!("{ago}: it does not watch us")).with_detail(format!(
        "If this node dies now, {peer} will not tell you. Its [[peer]] table for us must have pushes = true and our\nkey (checker key), \
         and its passes must run. Ask its admin."
    ))
}

#[cfg(test)]
mod tests;
