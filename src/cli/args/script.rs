//! The arguments of `checker run` and `checker script`.

use clap::{Args, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

#[derive(Args, Debug, Default)]
pub(in crate::cli) struct Run {
    /// What it is called in records, messages and settings
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// If it still runs, end at once with 1
    #[arg(long)]
    pub(in crate::cli) lock: bool,
    /// Stop it after this time, such as `30min`; the exit code is 124 then
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) timeout: Option<String>,
    /// The host that it is recorded under [default: this host's name]
    #[arg(long, value_name = "HOST")]
    pub(in crate::cli) host: Option<String>,
    /// The command and its arguments, as they are: no shell is around them
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(in crate::cli) command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Script {
    #[command(subcommand)]
    pub(in crate::cli) command: ScriptCommand,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ScriptCommand {
    /// Record a success that something else has seen
    Record(Record),
    /// Print the newest success of a script, or `None` and end with 1
    Last(Last),
    /// List the scripts that are known
    List,
    /// Print the newest runs of a script
    History(History),
    /// From a crontab, print what is to be expected of each of its lines, and write the crontab that records them
    Import(ScriptImport),
    /// Mail the admin if scripts did not succeed within the last MINUTES; ends with 2 then
    #[command(visible_alias = "script-monitor")]
    Monitor(Monitor),
    /// The same as a plugin of Nagios: one line, and 0, 1, 2 or 3
    Nagios(Monitor),
}

#[derive(Args, Debug, Default)]
pub(in crate::cli) struct Record {
    /// The script
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// When it started, such as `2007-02-01 10:00:00`: in UTC, unless a zone is given
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) started: String,
    /// When it completed
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) completed: String,
    /// Where it ran [default: this host's name]
    #[arg(long, value_name = "HOST")]
    pub(in crate::cli) host: Option<String>,
}

#[derive(Args, Debug, Default)]
pub(in crate::cli) struct Last {
    /// The script
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// Only on this host
    #[arg(long, value_name = "HOST")]
    pub(in crate::cli) host: Option<String>,
}

#[derive(Args, Debug, Default)]
pub(in crate::cli) struct History {
    /// The script
    #[arg(value_name = "NAME")]
    pub(in crate::cli) name: String,
    /// Only on this host
    #[arg(long, value_name = "HOST")]
    pub(in crate::cli) host: Option<String>,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(in crate::cli) limit: usize,
    /// With the end of what each of them printed
    #[arg(long)]
    pub(in crate::cli) output: bool,
}

#[derive(Args, Debug, Default)]
pub(in crate::cli) struct ScriptImport {
    /// The crontab, or - for standard input, as in: crontab -l | checker script import -
    #[arg(value_name = "CRONTAB")]
    pub(in crate::cli) crontab_file: String,
    /// It has a column for the user, as /etc/crontab and the files in /etc/cron.d have
    #[arg(long)]
    pub(in crate::cli) system: bool,
    /// Write the tables into this file, such as settings.d/scripts.cfg; never over a file that exists
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Write the crontab with `checker run` in its lines into this file
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) crontab: Option<PathBuf>,
    /// How the crontab calls Checker [default: this program's own path]
    #[arg(long, value_name = "PATH")]
    pub(in crate::cli) program: Option<String>,
}

#[derive(Args, Debug, Default)]
pub(in crate::cli) struct Monitor {
    /// MINUTES, and then each script with its host as HOST:SCRIPT (`*:SCRIPT` for whichever host)
    #[arg(value_name = "MINUTES HOST:SCRIPT")]
    pub(in crate::cli) words: Vec<String>,
    /// Whichever host they ran on
    #[arg(long)]
    pub(in crate::cli) any_host: bool,
    /// At least so many successes
    #[arg(long, value_name = "N")]
    pub(in crate::cli) min_runs: Option<u64>,
    /// Successes take no longer than this on average, such as `90s`; a number alone is seconds
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) max_average: Option<String>,
    /// None of them takes longer than this
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) max_runtime: Option<String>,
    /// Only a warning (1), if they succeeded within MINUTES but not within these
    #[arg(long, value_name = "MINUTES")]
    pub(in crate::cli) warning: Option<u64>,
    /// As --min-runs, and only a warning
    #[arg(long, value_name = "N")]
    pub(in crate::cli) warning_min_runs: Option<u64>,
    /// As --max-average, and only a warning
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) warning_max_average: Option<String>,
    /// As --max-runtime, and only a warning
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) warning_max_runtime: Option<String>,
    /// Age, count and average of each as performance data
    #[arg(long)]
    pub(in crate::cli) perfdata: bool,
    /// No line for each failure on stderr
    #[arg(short = 'q', long)]
    pub(in crate::cli) quiet: bool,
}
