use std::fmt;
use std::time::Duration;

/// How often a job runs: the key `every`. The first program's `executeEvery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Frequency {
    /// Each local minute.
    Minute,
    /// Each local hour.
    Hour,
    /// Once a day, at local midnight.
    Day,
    /// Once a day, at local noon.
    DayNoon,
    /// A grid of whole minutes from local midnight on: at least 2, at most 1440.
    Minutes(u32),
    /// A grid of whole hours from local midnight on: at least 2, at most 24.
    Hours(u32),
}

impl Frequency {
    /// Reads `minute`, `hour`, `day`, `day_noon`, `"5min"`, `"2h"`.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = "use minute, hour, day, day_noon, or whole minutes or hours such as \"5min\" or \"2h\"";
        match text {
            "minute" => return Ok(Self::Minute),
            "hour" => return Ok(Self::Hour),
            "day" => return Ok(Self::Day),
            "day_noon" => return Ok(Self::DayNoon),
            _ => {}
        }
        let duration = parse_duration(text).map_err(|_| allowed.to_owned())?;
        let minutes = duration.as_secs() / 60;
        if duration.subsec_nanos() != 0 || !duration.as_secs().is_multiple_of(60) {
            return Err("cron starts Checker once a minute, so this must be whole minutes or hours".to_owned());
        }
        match u32::try_from(minutes) {
            Ok(1) => Ok(Self::Minute),
            Ok(60) => Ok(Self::Hour),
            Ok(m @ 2..=1440) if m % 60 == 0 => Ok(Self::Hours(m / 60)),
            Ok(m @ 2..=1440) => Ok(Self::Minutes(m)),
            Ok(0) => Err(allowed.to_owned()),
            _ => Err("a job runs at least once a day; use day or day_noon".to_owned()),
        }
    }

    /// The nominal time between two runs.
    pub fn period(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day | Self::DayNoon => 86_400,
            Self::Minutes(n) => u64::from(n) * 60,
            Self::Hours(n) => u64::from(n) * 3_600,
        })
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Minute => f.write_str("minute"),
            Self::Hour => f.write_str("hour"),
            Self::Day => f.write_str("day"),
            Self::DayNoon => f.write_str("day_noon"),
            Self::Minutes(n) => write!(f, "{n}min"),
            Self::Hours(n) => write!(f, "{n}h"),
        }
    }
}

/// How often a failing job is told: the key `notify`. The first program's `notifyOnFailureEvery`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notify {
    /// At each failing run.
    Every,
    /// At most every 5 minutes.
    FiveMinutes,
    /// At most every 10 minutes.
    TenMinutes,
    /// At most every hour.
    Hour,
    /// At most every day.
    Day,
    /// When it goes down and when it comes back; in between as the key `remind` says.
    StateChange,
}

impl Notify {
    /// All words, in the order of the documents.
    pub const ALL: [Self; 6] =
        [Self::Every, Self::FiveMinutes, Self::TenMinutes, Self::Hour, Self::Day, Self::StateChange];

    /// The word in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Every => "every",
            Self::FiveMinutes => "5min",
            Self::TenMinutes => "10min",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::StateChange => "state_change",
        }
    }

    /// Reads a word of the settings.
    ///
    /// # Errors
    /// A sentence that lists the six words.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|n| n.word() == text)
            .ok_or_else(|| "use every, 5min, 10min, hour, day or state_change".to_owned())
    }
}

/// How often a failing job with `notify = "state_change"` is told again: the key `remind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remind {
    /// Not again before it recovers.
    Never,
    /// Once in this time, until it recovers or is acknowledged.
    Every(Duration),
}

impl Remind {
    /// Reads `never`, `hour`, `day`, or a time such as `"4h"`.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "never" => Ok(Self::Never),
            "hour" => Ok(Self::Every(Duration::from_secs(3_600))),
            "day" => Ok(Self::Every(Duration::from_secs(86_400))),
            other => match parse_duration(other) {
                Ok(d) if d >= Duration::from_secs(60) => Ok(Self::Every(d)),
                Ok(_) => Err("a reminder more than once a minute cannot be sent; use \"1min\" or more".to_owned()),
                Err(_) => Err("use never, hour, day, or a time such as \"4h\"".to_owned()),
            },
        }
    }
}

/// Whether peers are asked what they see before a failure is told: the key `confirm`. Whatever they see, it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Confirm {
    /// Nobody is asked.
    #[default]
    No,
    /// Peers that allow it try the target too, and the message says who saw what.
    Peers,
}

impl Confirm {
    /// By so much asking peers may put a first message off. They get 10 s; then it is told with what is known.
    pub const LONGEST: Duration = Duration::from_secs(12);

    /// Both words, in the order of the documents.
    pub const ALL: [Self; 2] = [Self::No, Self::Peers];

    /// The word in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Peers => "peers",
        }
    }

    /// Reads a word of the settings.
    ///
    /// # Errors
    /// A sentence that lists the words.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|c| c.word() == text).ok_or_else(|| "use peers or no".to_owned())
    }
}

/// Keys that Checker takes out of a table before the kind sees it.
pub const COMMON_KEYS: [&str; 14] = [
    "name",
    "id",
    "host",
    "every",
    "notify",
    "remind",
    "failure_threshold",
    "recovery_threshold",
    "timeout",
    "confirm",
    "contacts",
    "depends_on",
    "note",
    "enabled",
];

/// What the common keys of a job's table say: how often it runs, when it tells, whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What people read: in subjects, in lists. Defaults to the target.
    pub name: String,
    /// The host that the job belongs to, for grouping in messages and lists.
    pub host: Option<String>,
    /// How often it runs.
    pub every: Frequency,
    /// How often it tells while failing.
    pub notify: Notify,
    /// How often it reminds, where `notify` is [`Notify::StateChange`].
    pub remind: Remind,
    /// This many bad outcomes in a row before it is told; at least 1. The first program's
    /// `numberFailuresBeforeNotification`.
    pub failure_threshold: u32,
    /// This many good outcomes in a row before it has recovered; at least 1.
    pub recovery_threshold: u32,
    /// The longest time that one run may take.
    pub timeout: Duration,
    /// Whether peers are asked before it is told as down.
    pub confirm: Confirm,
    /// Mail addresses or names of channels; empty means the general `alertcontact`.
    pub contacts: Vec<String>,
    /// Names or ids of jobs: while one of them fails, this one is checked but not told.
    pub depends_on: Vec<String>,
    /// What the message says about whom to call or what to do, as it stands in the settings.
    pub note: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: String::new(),
            host: None,
            every: Frequency::Minute,
            notify: Notify::StateChange,
            remind: Remind::Every(Duration::from_secs(86_400)),
            failure_threshold: 2,
            recovery_threshold: 1,
            timeout: Duration::from_secs(10),
            confirm: Confirm::No,
            contacts: Vec::new(),
            depends_on: Vec::new(),
            note: None,
        }
    }
}

impl Policy {
    /// The longest time from the start of a run until its outcome can be told: the run's own, and that of asking peers.
    pub fn until_judged(&self) -> Duration {
        match self.confirm {
            Confirm::No => self.timeout,
            Confirm::Peers => self.timeout + Confirm::LONGEST,
        }
    }
}

/// Reads a time such as `90s`, `5min`, `1h30min`, `2d`. Units: `ms`, `s`, `m` or `min`, `h`, `d`, `w`.
///
/// # Errors
/// A sentence that shows the form.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let form = || format!("\"{text}\" is no time; write it as \"10s\", \"5min\", \"1h30min\" or \"2d\"");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(form());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(form)?;
        let (number, after) = rest.split_at_checked(digits).ok_or_else(form)?;
        let unit_len = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, tail) = after.split_at_checked(unit_len).ok_or_else(form)?;
        let n: u64 = number.parse().map_err(|_| form())?;
        let millis = match unit {
            "ms" => 1,
            "s" | "sec" => 1_000,
            "m" | "min" => 60_000,
            "h" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(form()),
        };
        let part = n.checked_mul(millis).ok_or_else(form)?;
        total = total.checked_add(Duration::from_millis(part)).ok_or_else(form)?;
        rest = tail.trim_start();
    }
    Ok(total)
}

/// A time for people, in at most two units: `45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`.
pub fn duration_words(d: Duration) -> String {
    let secs = d.as_secs();
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{big} {big_unit}") } else { format!("{big} {big_unit} {small} {small_unit}") }
    };
    match secs {
        0 => format!("{} ms", d.as_millis()),
        1..60 => format!("{secs} s"),
        60..3_600 => two(secs / 60, "min", if secs < 600 { secs % 60 } else { 0 }, "s"),
        3_600..86_400 => two(secs / 3_600, "h", secs % 3_600 / 60, "min"),
        _ => two(secs / 86_400, "d", secs % 86_400 / 3_600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print() {
        for (text, secs) in
            [("10s", 10), ("5min", 300), ("5m", 300), ("1h30min", 5_400), ("2d", 172_800), ("1w", 604_800)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(secs)), "{text}");
        }
        for bad in ["", "10", "s", "5 parsecs", "-1s", "1.5h", "99999999999999999999d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for (secs, words) in [
            (0, "0 ms"),
            (45, "45 s"),
            (95, "1 min 35 s"),
            (720, "12 min"),
            (12_000, "3 h 20 min"),
            (187_200, "2 d 4 h"),
        ] {
            assert_eq!(duration_words(Duration::from_secs(secs)), words);
        }
    }

    #[test]
    fn frequencies_read() {
        for (text, want) in [
            ("minute", Frequency::Minute),
            ("1min", Frequency::Minute),
            ("60min", Frequency::Hour),
            ("day", Frequency::Day),
            ("day_noon", Frequency::DayNoon),
            ("5min", Frequency::Minutes(5)),
            ("2h", Frequency::Hours(2)),
            ("90min", Frequency::Minutes(90)),
        ] {
            assert_eq!(Frequency::parse(text), Ok(want), "{text}");
        }
        for bad in ["30s", "0min", "2d", "often", "90s", ""] {
            assert!(Frequency::parse(bad).is_err(), "{bad}");
        }
    }
}
