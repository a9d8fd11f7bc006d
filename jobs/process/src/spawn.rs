//! From tables to jobs: every problem of every table, each with its key.

use crate::judge::{Degrees, Limits, Memory};
use crate::select::{Program, Select};
use crate::{ProcessJob, Settings, Spawner};
use checker_job::{JobSpawner, SpawnError, Table, TableErrors, duration_words, parse_duration};
use checker_parts::amount::{parse_percent, parse_size};
use checker_parts::one_or_many::OneOrMany;
use checker_parts::paths::whole;
use regex_lite::Regex;
use std::path::{Path, PathBuf};
use std::time::Duration;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<ProcessJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(number, &mut errors) };
        let limits = reader.limits();
        let common = reader.common();
        let pidfile = reader.pidfile();
        let programs = reader.programs();
        let alone = programs.len() == 1;
        for program in programs {
            let select = Select { program, ..common.clone() };
            let (id, policy) = table.job(Spawner::KIND, &target(&select, pidfile.as_deref()), alone);
            jobs.push(ProcessJob { id, policy, select, pidfile: pidfile.clone(), limits });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// A single restart is a warning for so long as `restarted_within` says. If that is over before the threshold is reached, nobody
/// hears of it: only of processes that end again and again.
pub(crate) fn doubts(tables: &[Table<Settings>]) -> Vec<SpawnError> {
    let doubt = |(number, table): (usize, &Table<Settings>)| {
        let within = parse_duration(table.settings.restarted_within.as_ref()?).ok().filter(|time| !time.is_zero())?;
        let (every, threshold) = (table.policy.every.period(), table.policy.failure_threshold);
        if within > every.saturating_mul(threshold) {
            return None;
        }
        // In whole hours from a day on, as it is written.
        let least = every.saturating_mul(threshold.saturating_add(1)).as_secs();
        let least = if least > DAY { least.div_ceil(HOUR).saturating_mul(HOUR) } else { least };
        let least = duration_words(Duration::from_secs(least)).replace(' ', "");
        // So many runs surely see it.
        let fewer = within.saturating_sub(Duration::from_secs(1)).as_secs() / every.as_secs().max(1);
        let or = if fewer > 0 { format!(", or failure_threshold = {fewer}") } else { String::new() };
        let runs = if threshold == 1 { "a run".to_owned() } else { format!("{threshold} runs in a row") };
        let message = format!(
            "a single restart is seen for {} only, which may be over before {runs} (one every {}) saw it; write at least \
             \"{least}\"{or}",
            duration_words(within),
            duration_words(every)
        );
        Some(SpawnError::key(number, "restarted_within", message))
    };
    tables.iter().enumerate().filter_map(doubt).collect()
}

/// What tells one job from another.
fn target(select: &Select, pidfile: Option<&Path>) -> String {
    let program = select.program.as_ref().map(Program::shown);
    let parts = [
        program,
        select.contains.clone(),
        select.matches.as_ref().map(|regex| format!("/{}/", regex.as_str())),
        select.user.as_ref().map(|user| format!("user {user}")),
        pidfile.map(|file| file.display().to_string()),
    ];
    let said: Vec<String> = parts.into_iter().flatten().collect();
    if said.is_empty() { "all processes".to_owned() } else { said.join(", ") }
}

/// Reads one table. A wrong key is noted and left out, so that the others are read too.
struct Reader<'a> {
    settings: &'a Settings,
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    /// One job each; without a program one for all.
    fn programs(&mut self) -> Vec<Option<Program>> {
        let settings = self.settings;
        if settings.program.as_ref().is_some_and(OneOrMany::is_empty) {
            self.errors.note("program", "the list is empty; leave the key out for any program");
        }
        let list = settings.program.iter().flatten();
        let found = self.errors.each("program", list, |text| program(text), Program::shown);
        let mut programs: Vec<Option<Program>> = found.into_iter().map(Some).collect();
        if programs.is_empty() {
            programs.push(None);
        }
        programs
    }

    /// What all jobs of the table look for, but for the program.
    fn common(&mut self) -> Select {
        let settings = self.settings;
        for (key, text) in [
            ("command_contains", &settings.command_contains),
            ("command_matches", &settings.command_matches),
            ("user", &settings.user),
        ] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                self.errors.note(key, "it is empty; leave the key out");
            }
        }
        let regex = settings
            .command_matches
            .as_ref()
            .map(|text| Regex::new(text).map_err(|why| format!("{text:?} is no regular expression: {why}")));
        let matches = regex.and_then(|regex| self.errors.keep("command_matches", regex));
        Select { program: None, contains: settings.command_contains.clone(), matches, user: settings.user.clone() }
    }

    fn pidfile(&mut self) -> Option<PathBuf> {
        let settings = self.settings;
        let file = settings.pidfile.as_ref()?;
        self.errors.keep("pidfile", whole(file));
        if !self.names_a_program() {
            let why =
                "say which program it must be, with `program`: the number in a file that was left behind may be any's";
            self.errors.note("pidfile", why);
        }
        if settings.program.as_ref().is_some_and(|programs| programs.len() > 1) {
            self.errors.note("pidfile", "one file names one process; write a table for each program");
        }
        for (key, given) in [("min", settings.min.is_some()), ("max", settings.max.is_some())] {
            if given {
                self.errors.note(key, "a pidfile names one process, which must run; leave this key out");
            }
        }
        for (key, given) in [
            ("zombies_warning", settings.zombies_warning.is_some()),
            ("zombies_critical", settings.zombies_critical.is_some()),
        ] {
            if given {
                self.errors.note(key, "with a pidfile a zombie is a failure in any case; leave this key out");
            }
        }
        Some(file.clone())
    }

    fn limits(&mut self) -> Limits {
        let settings = self.settings;
        let limits = Limits {
            min: settings.min.unwrap_or(u64::from(settings.max != Some(0))),
            max: settings.max,
            memory: self.degrees(
                ["memory_warning", "memory_critical"],
                [settings.memory_warning.as_ref(), settings.memory_critical.as_ref()],
                |text| memory(text),
            ),
            age: self.degrees(
                ["age_warning", "age_critical"],
                [settings.age_warning.as_ref(), settings.age_critical.as_ref()],
                |text| parse_duration(text).and_then(|time| more_than_none(time, text)),
            ),
            restarted_within: self.restarted_within(),
            zombies: self.degrees(
                ["zombies_warning", "zombies_critical"],
                [settings.zombies_warning, settings.zombies_critical],
                Ok,
            ),
            blocked: self.degrees(
                ["blocked_warning", "blocked_critical"],
                [settings.blocked_warning, settings.blocked_critical],
                Ok,
            ),
            stopped: self.names_a_program(),
        };
        if let Some(max) = limits.max
            && limits.min > max
        {
            let key = if settings.min.is_some() { "min" } else { "max" };
            self.errors.note(key, format!("at least {} and at most {max} cannot both be", limits.min));
        }
        let nothing = limits.max.is_none() && limits.memory.is_empty() && limits.age.is_empty();
        let nothing = nothing && limits.restarted_within.is_none();
        if nothing && limits.zombies.is_empty() && limits.blocked.is_empty() && self.is_trivial(limits.min) {
            self.errors.note_whole(
                "nothing is asked that could fail; name a `program`, or give a limit such as `max` or `zombies_warning`",
            );
        }
        limits
    }

    fn names_a_program(&self) -> bool {
        let Settings { program, command_contains, command_matches, .. } = self.settings;
        program.is_some() || command_contains.is_some() || command_matches.is_some()
    }

    /// Whether it always holds that so many run.
    fn is_trivial(&self, min: u64) -> bool {
        let Settings { user, pidfile, .. } = self.settings;
        let any = !self.names_a_program() && user.is_none();
        min == 0 || (any && pidfile.is_none() && min <= 1)
    }

    fn restarted_within(&mut self) -> Option<Duration> {
        let text = self.settings.restarted_within.as_ref()?;
        self.errors.keep("restarted_within", parse_duration(text).and_then(|time| more_than_none(time, text)))
    }

    /// Two limits of one thing. A critical one that is not more than the warning is an error of a key that was written.
    fn degrees<S: Clone, T: Copy + Comparable>(
        &mut self,
        [warning_key, critical_key]: [&str; 2],
        [warning, critical]: [Option<S>; 2],
        read: impl Fn(S) -> Result<T, String>,
    ) -> Degrees<T> {
        let warning = warning.and_then(|value| self.errors.keep(warning_key, read(value)));
        let critical = critical.and_then(|value| self.errors.keep(critical_key, read(value)));
        if let (Some(warning), Some(critical)) = (warning, critical)
            && !critical.is_more(&warning)
        {
            self.errors.note(critical_key, format!("it must be more than `{warning_key}`, or nobody is ever warned"));
        }
        Degrees { warning, critical }
    }
}

/// Two limits that can be compared while the settings are read.
trait Comparable {
    fn is_more(&self, other: &Self) -> bool;
}

impl Comparable for u64 {
    fn is_more(&self, other: &Self) -> bool {
        self > other
    }
}

impl Comparable for Duration {
    fn is_more(&self, other: &Self) -> bool {
        self > other
    }
}

impl Comparable for Memory {
    /// A part and a size are compared when the host's memory is known; either may be more.
    fn is_more(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bytes(a), Self::Bytes(b)) | (Self::Share(a), Self::Share(b)) => a > b,
            _ => true,
        }
    }
}

/// A time of 0 is crossed always or never.
fn more_than_none(time: Duration, text: &str) -> Result<Duration, String> {
    if time.is_zero() {
        Err(format!("{text:?} is no time that could pass; leave the key out for no limit"))
    } else {
        Ok(time)
    }
}

/// Reads `"512MiB"` or `"25%"`.
fn memory(text: &str) -> Result<Memory, String> {
    if text.trim_end().ends_with('%') {
        return parse_percent(text).map(Memory::Share);
    }
    let bytes = parse_size(text).map_err(|why| format!("{why}; or a share of the host's memory, as in \"25%\""))?;
    if bytes > 0 { Ok(Memory::Bytes(bytes)) } else { Err(format!("{text:?} is less than any process takes")) }
}

/// A program as it is looked for.
fn program(text: &str) -> Result<Program, String> {
    let path = Path::new(text);
    if text.trim().is_empty() {
        Err("it is empty; leave the key out for any program".to_owned())
    } else if path.is_absolute() {
        Ok(Program::At(path.to_owned()))
    } else if text.contains('/') {
        Err(format!("{text} is a relative path; write the whole path, from / on, or the name alone"))
    } else if text.contains(' ') {
        let words = format!("{text:?} holds a space; name the program alone, and its arguments in command_contains");
        // A file's name may hold spaces, but nearly always arguments are meant.
        Err(format!("{words} (or the whole path, if its name has spaces)"))
    } else {
        Ok(Program::Named(text.to_owned()))
    }
}
