//! What of the table matters to whoever reads it: faults that can occur at all, and steps that would help. Pure.

use super::{Fault, Proof, Site};

/// Something that can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The process beside cron.
    Daemon,
    /// An address at which peers can ask the daemon.
    Listen,
    /// Another Checker that watches us.
    Peer,
    /// The proof that mail arrives.
    Canary,
}

/// A step, and the faults of which somebody is told because of it and the steps before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Help {
    /// What to do.
    pub step: Step,
    /// What it takes out of "never".
    pub faults: Vec<Fault>,
}

impl Step {
    /// What to do, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Daemon => "Add [daemon] with peer_listen = \"[::]:5000\", and start `checker daemon`",
            Self::Listen => {
                "Set peer_listen = \"[::]:5000\" under [daemon], so that peers can ask it, or push = true in their tables"
            }
            Self::Peer => {
                "Find a peer, a friend's Checker or a second machine of yours: `checker peers invite` prints what to send"
            }
            Self::Canary => "Add [canary] with a mailbox (via = \"imap\") in which the daemon sees that mail arrives",
        }
    }

    fn applies(self, site: &Site) -> bool {
        match self {
            Self::Daemon => !site.daemon,
            Self::Listen => !site.listens && site.pushed == 0,
            Self::Peer => site.peers == 0,
            Self::Canary => matches!(site.proof, Proof::None | Proof::Local),
        }
    }

    fn taken(self, mut site: Site) -> Site {
        match self {
            Self::Daemon => (site.daemon, site.listens) = (true, true),
            Self::Listen => site.listens = true,
            Self::Peer => site.peers = 1,
            Self::Canary => site.proof = Proof::Mailbox,
        }
        site
    }
}

impl Site {
    /// Whether this fault can occur here: a link to a peer cannot break where there is no peer.
    pub fn can_occur(&self, fault: Fault) -> bool {
        match fault {
            Fault::PortBlocked => self.listens,
            Fault::DaemonDead => self.daemon,
            Fault::LinkCut | Fault::Unwatched => self.peers + self.legacy > 0,
            Fault::MailboxBlind => self.daemon && !matches!(self.proof, Proof::Human | Proof::None),
            // A row without a time that tells of nothing: there are no such jobs.
            Fault::ClassMissing => self.class().2.is_some(),
            Fault::TargetDown | Fault::JobHangs => !self.jobs.is_empty(),
            Fault::HostDead
            | Fault::CronDead
            | Fault::MailRefused
            | Fault::MailLost
            | Fault::MailSpam
            | Fault::MailOff
            | Fault::StateBroken
            | Fault::SettingsBroken
            | Fault::ClockStep
            | Fault::ClockSkew
            | Fault::Cloned
            | Fault::AdminMailbox => true,
        }
    }

    /// The steps that would help, in the order in which to take them.
    pub fn help(&self) -> Vec<Help> {
        let mut site = self.clone();
        let mut all = Vec::new();
        for step in [Step::Daemon, Step::Listen, Step::Peer, Step::Canary] {
            if !step.applies(&site) {
                continue;
            }
            let better = step.taken(site.clone());
            let told = |f: &Fault| self.can_occur(*f) && site.longest(*f).is_none() && better.longest(*f).is_some();
            let faults: Vec<Fault> = Fault::ALL.into_iter().filter(told).collect();
            if !faults.is_empty() {
                all.push(Help { step, faults });
            }
            site = better;
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::site;
    use super::*;

    #[test]
    fn what_is_not_there_cannot_break() {
        let whole = site();
        let left_out = |site: &Site| Fault::ALL.into_iter().filter(|f| !site.can_occur(*f)).collect::<Vec<_>>();
        assert_eq!(left_out(&whole), [Fault::ClassMissing], "jobs of one class need one line");
        assert_eq!(
            left_out(&Site { peers: 0, jobs: Vec::new(), ..whole.clone() }),
            [Fault::ClassMissing, Fault::TargetDown, Fault::JobHangs, Fault::LinkCut, Fault::Unwatched]
        );
        let bare = Site { peers: 0, daemon: false, listens: false, proof: Proof::None, ..whole.clone() };
        assert_eq!(
            left_out(&bare),
            [
                Fault::PortBlocked,
                Fault::DaemonDead,
                Fault::ClassMissing,
                Fault::MailboxBlind,
                Fault::LinkCut,
                Fault::Unwatched
            ]
        );
        // What cannot occur is never the reason for a step.
        for fault in left_out(&bare) {
            assert!(bare.help().iter().all(|h| !h.faults.contains(&fault)), "{fault:?}");
        }
        let old = Site { peers: 0, legacy: 1, ..whole };
        assert!(old.can_occur(Fault::LinkCut));
    }

    #[test]
    fn every_step_that_helps_is_named_with_what_it_helps_against() {
        let whole = site();
        assert_eq!(whole.help(), [], "nothing is left that could be added");
        let bare = Site { peers: 0, daemon: false, listens: false, proof: Proof::None, ..whole.clone() };
        let steps: Vec<Step> = bare.help().iter().map(|h| h.step).collect();
        assert_eq!(steps, [Step::Daemon, Step::Peer, Step::Canary]);
        assert_eq!(bare.help()[0].faults, [Fault::CronDead]);
        assert!(bare.help()[1].faults.contains(&Fault::HostDead));
        let proven = [Fault::MailRefused, Fault::MailLost, Fault::MailSpam, Fault::MailOff, Fault::Cloned];
        assert_eq!(bare.help()[2].faults, proven);
        let deaf = Site { listens: false, ..whole.clone() };
        assert_eq!(deaf.help().iter().map(|h| h.step).collect::<Vec<_>>(), [Step::Listen]);
        // All steps taken, nothing stays that a step could help with.
        let rest = Step::Canary.taken(Step::Peer.taken(Step::Daemon.taken(bare.clone())));
        let never: Vec<Fault> =
            Fault::ALL.into_iter().filter(|f| rest.can_occur(*f) && rest.longest(*f).is_none()).collect();
        assert_eq!(never, [Fault::AdminMailbox]);
        // A human who types codes is no reason to look into a mailbox.
        let human = Site { proof: Proof::Human, ..whole };
        assert_eq!(human.help(), []);
    }

    #[test]
    fn a_human_who_types_codes_proves_the_mailbox_and_the_table_says_no_other() {
        for (daemon, channels) in [(true, 1), (true, 0), (false, 0)] {
            let human = Site { proof: Proof::Human, daemon, listens: daemon, channels, ..site() };
            let row = human.rows().into_iter().find(|r| r.fault == Fault::AdminMailbox).unwrap();
            assert_ne!(row.detector, "no machine can", "{row:?}");
            assert_eq!(row.longest.is_some(), channels > 0, "{row:?}");
        }
    }
}
