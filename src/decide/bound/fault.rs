//! The single faults for which there is a bound, by name and in words. Pure.

use serde::Serialize;

/// The single faults that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The host is off, frozen, or cut off from the network.
    HostDead,
    /// Nobody outside reaches the daemon's port; all else works.
    PortBlocked,
    /// Passes do not come: cron is dead, its line gone, the program broken, each pass killed.
    CronDead,
    /// The daemon has ended and does not stay up, or hangs.
    DaemonDead,
    /// The crontab line of one class is gone.
    ClassMissing,
    /// A target does not answer.
    TargetDown,
    /// A job hangs for ever.
    JobHangs,
    /// No mail server takes our mail.
    MailRefused,
    /// Mail is taken, and never arrives, or later than allowed.
    MailLost,
    /// Mail arrives in the folder for spam.
    MailSpam,
    /// Nobody can look into the mailbox that proves mail.
    MailboxBlind,
    /// Mail was switched off and forgotten.
    MailOff,
    /// The link between us and one peer is broken; both live.
    LinkCut,
    /// A peer does not watch us any more.
    Unwatched,
    /// The state cannot be written.
    StateBroken,
    /// An edit broke the settings.
    SettingsBroken,
    /// The wall clock was set.
    ClockStep,
    /// The wall clock is wrong from the start.
    ClockSkew,
    /// A copy of this machine runs with our key.
    Cloned,
    /// The admin's own mailbox does not show what it was given.
    AdminMailbox,
}

impl Fault {
    /// All, in the order of the table.
    pub const ALL: [Self; 20] = [
        Self::HostDead,
        Self::PortBlocked,
        Self::CronDead,
        Self::DaemonDead,
        Self::ClassMissing,
        Self::TargetDown,
        Self::JobHangs,
        Self::MailRefused,
        Self::MailLost,
        Self::MailSpam,
        Self::MailboxBlind,
        Self::MailOff,
        Self::LinkCut,
        Self::Unwatched,
        Self::StateBroken,
        Self::SettingsBroken,
        Self::ClockStep,
        Self::ClockSkew,
        Self::Cloned,
        Self::AdminMailbox,
    ];

    /// The name in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HostDead => "host_dead",
            Self::PortBlocked => "port_blocked",
            Self::CronDead => "cron_dead",
            Self::DaemonDead => "daemon_dead",
            Self::ClassMissing => "class_missing",
            Self::TargetDown => "target_down",
            Self::JobHangs => "job_hangs",
            Self::MailRefused => "mail_refused",
            Self::MailLost => "mail_lost",
            Self::MailSpam => "mail_spam",
            Self::MailboxBlind => "mailbox_blind",
            Self::MailOff => "mail_off",
            Self::LinkCut => "link_cut",
            Self::Unwatched => "unwatched",
            Self::StateBroken => "state_broken",
            Self::SettingsBroken => "settings_broken",
            Self::ClockStep => "clock_step",
            Self::ClockSkew => "clock_skew",
            Self::Cloned => "cloned",
            Self::AdminMailbox => "admin_mailbox",
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::HostDead => "this host is off, frozen or cut off",
            Self::PortBlocked => "nobody outside reaches our daemon",
            Self::CronDead => "no pass runs (cron, its line, the program)",
            Self::DaemonDead => "the daemon is dead or hangs",
            Self::ClassMissing => "a crontab line of several is gone",
            Self::TargetDown => "a target is down",
            Self::JobHangs => "a job hangs",
            Self::MailRefused => "our mail is not taken",
            Self::MailLost => "our mail is taken and does not arrive",
            Self::MailSpam => "our mail lands in the spam folder",
            Self::MailboxBlind => "the mailbox that proves mail cannot be seen",
            Self::MailOff => "mail is switched off",
            Self::LinkCut => "the link to one peer is broken",
            Self::Unwatched => "a peer stopped watching us",
            Self::StateBroken => "the state cannot be written",
            Self::SettingsBroken => "an edit broke the settings",
            Self::ClockStep => "the clock was set",
            Self::ClockSkew => "the clock is wrong",
            Self::Cloned => "a copy of this machine runs",
            Self::AdminMailbox => "your own mailbox does not show our mail",
        }
    }
}
