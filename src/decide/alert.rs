use checker_job::{JobId, Timestamp, Verdict};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// Who or what a message goes to: a mail address, or the name of a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recipient(pub String);

impl Recipient {
    /// Whether this is a mail address. The name of a channel has no `@`.
    pub fn is_mail(&self) -> bool {
        self.0.contains('@')
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An alert exists once, whoever decides it: its id follows from the state alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertId {
    /// The job it is about.
    pub job: JobId,
    /// The job's episode, counted from 1.
    pub episode: u32,
    /// The alert's number within the episode, counted from 0.
    pub step: u32,
}

/// What an alert says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// The threshold is reached: first news of an episode.
    Down,
    /// It was told as a warning and has failed since.
    Worse,
    /// It was told as failed and is a warning now: a note, no recovery.
    Better,
    /// It is still failing.
    Reminder,
    /// It is well again.
    Recovery,
    /// It cannot be judged: first news.
    CannotJudge,
    /// It still cannot be judged.
    StillCannotJudge,
    /// It can be judged again.
    JudgedAgain,
    /// It changes too often to tell each change.
    Flapping,
    /// It has stopped flapping and is well.
    SteadyGood,
    /// It has stopped flapping and is failing.
    SteadyBad,
    /// It left the settings while it was told as failing.
    Closed,
}

impl AlertKind {
    /// Whether this is news that must never be held by a limit: a trouble that nobody was told of yet.
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::Down | Self::Worse | Self::CannotJudge | Self::SteadyBad)
    }

    /// Whether this ends an episode: it goes to those alone who were told of the episode.
    pub fn is_ending(self) -> bool {
        matches!(self, Self::Recovery | Self::JudgedAgain | Self::SteadyGood | Self::Closed)
    }

    /// The word in the store and in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Reminder => "reminder",
            Self::Recovery => "recovery",
            Self::CannotJudge => "cannot_judge",
            Self::StillCannotJudge => "still_cannot_judge",
            Self::JudgedAgain => "judged_again",
            Self::Flapping => "flapping",
            Self::SteadyGood => "steady_good",
            Self::SteadyBad => "steady_bad",
            Self::Closed => "closed",
        }
    }
}

/// One thing that a transition says should be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Its identity.
    pub id: AlertId,
    /// What it says.
    pub kind: AlertKind,
    /// The judgement that it tells of.
    pub verdict: Verdict,
    /// When it was decided.
    pub at: Timestamp,
    /// The first failure of the episode.
    pub since: Timestamp,
    /// Bad outcomes of the episode so far; for flapping, the number of changes.
    pub failures: u32,
    /// The job's name, for lists.
    pub name: String,
    /// The host that the job belongs to.
    #[serde(default)]
    pub host: Option<String>,
    /// For what cannot be judged: the cause, alike for all jobs that it hinders.
    #[serde(default)]
    pub cause: Option<String>,
    /// The one line that says what and why, as the job words it. Without the server's name.
    pub subject: String,
    /// The evidence, as the job words it; may be empty.
    pub body: String,
    /// What the settings say about whom to call or what to do.
    #[serde(default)]
    pub note: Option<String>,
    /// Whom to tell. For an alert that ends an episode: whom the episode was addressed to; it goes to those of them who
    /// were told.
    pub recipients: Vec<Recipient>,
}

/// An alert that one recipient has not been told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The alert.
    pub alert: Alert,
    /// The recipient.
    pub recipient: Recipient,
    /// The unsent or refused delivery that carries it, if it is in one already.
    pub delivery: Option<Uuid>,
    /// It was kept back because mail was switched off (`nomail`).
    pub withheld: bool,
    /// Whether this recipient was told of this episode before.
    pub told: bool,
    /// The Message-ID of the first delivery that told this recipient of this episode.
    pub thread: Option<String>,
}

/// How far a delivery has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum DeliveryState {
    /// Committed, not accepted yet.
    Unsent,
    /// Accepted by the channel.
    Told {
        /// When.
        at: Timestamp,
        /// The server's last line.
        answer: String,
    },
    /// Refused for good; tried hourly at most.
    Refused {
        /// When.
        at: Timestamp,
        /// The server's words.
        why: String,
    },
    /// Replaced by a newer delivery that carries its alerts, before it was accepted.
    Superseded,
}

/// One message to one recipient. Text and Message-ID are fixed and committed before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Made by the caller.
    pub id: Uuid,
    /// Whom it goes to.
    pub recipient: Recipient,
    /// What it carries.
    pub alerts: Vec<AlertId>,
    /// The whole subject, server's name included.
    pub subject: String,
    /// The whole text.
    pub body: String,
    /// Follows from the id, so that a repeat after a crash can be recognised. With angle brackets.
    pub message_id: String,
    /// The Message-ID of the first message of the episode, if this continues it.
    #[serde(default)]
    pub in_reply_to: Option<String>,
    /// Whether limits may not hold it.
    pub urgent: bool,
    /// Whether it carries more than one episode.
    pub digest: bool,
    /// When it was decided.
    pub created_at: Timestamp,
    /// Tries that did not end in acceptance.
    pub attempts: u32,
    /// Not before this.
    pub next_try: Timestamp,
    /// What the last try met.
    #[serde(default)]
    pub last_error: Option<String>,
    /// How far it has come.
    pub state: DeliveryState,
}

/// What a channel answered to one delivery: an ordinary input of the next decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendResult {
    /// Taken over by the channel (for mail: the server's 250).
    Accepted {
        /// The server's last line.
        answer: String,
    },
    /// Not now: the server is away, busy, or refuses our login. It is no fault of this message.
    Later {
        /// A sentence that says what to do, if there is anything to do.
        why: String,
    },
    /// This message to this recipient was refused for good (5xx).
    Refused {
        /// The server's words.
        why: String,
    },
}

/// A delivery of the recent past, for the budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Whom it went to.
    pub recipient: Recipient,
    /// When it was committed.
    pub at: Timestamp,
    /// Whether it was a digest.
    pub digest: bool,
    /// Whether it went past the limits.
    pub urgent: bool,
}
