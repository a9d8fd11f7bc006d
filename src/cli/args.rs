//! The arguments, as clap sees them; and the first program's way of writing them.

mod script;

pub(super) use script::{History, Last, Monitor, Record, Run, Script, ScriptCommand, ScriptImport};

use super::exit::Exit;
use crate::decide::schedule::Class;
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// A watchdog for your own servers: cron starts it, it checks, decides, remembers and mails.
#[derive(Debug, Parser)]
#[command(name = "checker", version, disable_help_subcommand = true)]
#[command(after_help = "Start with: checker demo    then: checker init")]
pub(super) struct Line {
    #[command(flatten)]
    pub(super) options: Options,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options that stand before or after the subcommand.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Options {
    /// The settings file [default: the one that `CHECKER_SETTINGS` names, ./settings.cfg, /etc/checker/settings.cfg]
    #[arg(short = 'f', long = "file", visible_alias = "config", global = true, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Log at level debug into the log file
    #[arg(short = 'v', long = "verbose", global = true)]
    pub(super) verbose: bool,
    /// Log at level debug on stderr
    #[arg(short = 'd', long = "debug", global = true)]
    pub(super) debug: bool,
    /// Send no mail: alerts are kept and withheld
    #[arg(long, global = true)]
    pub(super) nomail: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run one pass: check what is due, decide, tell, remember (for cron)
    Cron(Cron),
    /// Prove that mail arrives, watch the passes, answer peers: the process beside cron
    Daemon(Daemon),
    /// For each fault, the longest time until a human is told
    Bound(Bound),
    /// Try the way of alerts with a marked fault, and time each step
    Drill(Drill),
    /// How the peers are, and whether they watch us
    Peers(Peers),
    /// Announce a planned absence to the peers: `2h`, at most 4 h, or `end`
    Away(Away),
    /// Take this node out of the watch of its peers
    Leave,
    /// Ask six things, write the settings, print the crontab line
    Init(Init),
    /// Judge the settings, without the network: every problem at once
    Check,
    /// Log in at the mail server, send one marked message, run each job once
    Test(Test),
    /// Run one job now and show what it sees; Checker's own state stays as it is, and nobody is told
    Try(Try),
    /// Run each job once, and list which wrong answers it would call healthy; tells nobody
    Vacuity(Vacuity),
    /// List the jobs of the settings
    Jobs,
    /// Show when the maintenance windows open next, in local time and in UTC
    Windows,
    /// Show how the jobs are and what is waiting to be told
    Status(Status),
    /// Stop reminders of a failing job until it recovers
    Ack(Ack),
    /// Tell nothing new of a job for a while
    Silence(Silence),
    /// Print this node's public key, which peers pin; makes it at the first use
    Key,
    /// Write a job kind of your own to begin with: crate, dependency and the line in the list
    NewJob(NewJob),
    /// Move in: take over settings and state of the first program, or the endpoints of Gatus
    Import(Import),
    /// Run a command, as a line of a crontab would, and keep a record of it
    Run(Run),
    /// Records of scripts: what ran, when, and whether it ran as it should
    Script(Script),
    /// Show the whole life of an alert, on this machine, in half a minute
    Demo(Demo),
    /// Not for hands: a pass starts this to run jobs that may end their process
    #[command(hide = true)]
    Apart,
    /// Not for hands: the daemon starts this to look at a target for a peer
    #[command(hide = true)]
    Look,
}

#[derive(Args, Debug, Default)]
pub(super) struct Cron {
    /// The class that this crontab line stands for; without it, all that is due
    #[arg(short = 'c', long = "crontime", value_name = "CLASS")]
    pub(super) class: Option<ClassWord>,
    /// Run every job now, whatever its slot
    #[arg(long, conflicts_with = "class")]
    pub(super) now: bool,
}

#[derive(Args, Debug, Default)]
pub(super) struct Daemon {
    /// Start a pass each minute too, where there is no cron: in a container
    #[arg(long)]
    pub(super) cron: bool,
}

#[derive(Args, Debug, Default)]
pub(super) struct Vacuity {
    /// Names or ids of jobs [default: all of them]
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// End with 78 if a job is weak, with 75 if one is not healthy now
    #[arg(long)]
    pub(super) strict: bool,
}

#[derive(Args, Debug, Default)]
pub(super) struct NewJob {
    /// What it is called in the settings: `backup` for `[[job.backup]]`
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Write a package of its own there instead: Checker with this kind, and with all that it comes with
    #[arg(long, value_name = "FOLDER")]
    pub(super) outside: Option<PathBuf>,
    /// Where Checker's sources are [default: around the folder that we are in]
    #[arg(long, value_name = "FOLDER")]
    pub(super) checker: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct Import {
    #[command(subcommand)]
    pub(super) from: ImportFrom,
}

#[derive(Debug, Subcommand)]
pub(super) enum ImportFrom {
    /// Print settings of the first program (INI) as TOML, and a table for each job that its state file knows
    First(ImportFirst),
    /// Take over what the first program remembers of the jobs of these settings: nothing is told twice
    FirstState(ImportState),
    /// Print the endpoints of a Gatus configuration as jobs; what cannot be taken over is listed
    Gatus(ImportGatus),
}

#[derive(Args, Debug, Default)]
pub(super) struct ImportFirst {
    /// Its settings file
    #[arg(value_name = "SETTINGS")]
    pub(super) settings: PathBuf,
    /// Its state file, which says what jobs there were
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Write into this file instead, and the password into mail.secret beside it; never over a file that exists
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Args, Debug, Default)]
pub(super) struct ImportGatus {
    /// Its config.yaml
    #[arg(value_name = "FILE")]
    pub(super) config: PathBuf,
    /// Write into this file instead, such as settings.d/gatus.cfg; never over a file that exists
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Args, Debug, Default)]
pub(super) struct ImportState {
    /// Its state file
    #[arg(value_name = "STATE")]
    pub(super) state: PathBuf,
}

#[derive(Args, Debug, Default)]
pub(super) struct Bound {
    /// Play each fault in so many simulated histories with these settings, and show the longest time beside its bound
    #[arg(long, value_name = "HISTORIES", num_args = 0..=1, default_missing_value = "200")]
    pub(super) prove: Option<u64>,
    /// What was told of late, and when, against the bound; with what mail was seen to take in place of what is assumed
    #[arg(long, conflicts_with = "prove")]
    pub(super) history: bool,
}

#[derive(Args, Debug, Default)]
pub(super) struct Drill {
    /// Not for hands: the daemon starts this by the calendar, and a failure is an alarm
    #[arg(long, hide = true)]
    pub(super) scheduled: bool,
    /// Let this peer mail a code to our admin, and wait until it is typed
    #[arg(long, value_name = "NAME", conflicts_with = "scheduled")]
    pub(super) peer: Option<String>,
}

#[derive(Args, Debug, Default)]
pub(super) struct Peers {
    #[command(subcommand)]
    pub(super) command: Option<PeersCommand>,
}

#[derive(Debug, Subcommand)]
pub(super) enum PeersCommand {
    /// Print the block that a friend pastes to watch this node
    Invite(Invite),
}

#[derive(Args, Debug, Default)]
pub(super) struct Invite {
    /// The name or address by which peers reach this host [default: its host name]
    #[arg(long, value_name = "HOST")]
    pub(super) host: Option<String>,
}

#[derive(Args, Debug, Default)]
pub(super) struct Away {
    /// How long, such as `2h`; or `end`
    pub(super) time: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum ClassWord {
    Minute,
    Hour,
    Day,
    DayNoon,
}

impl From<ClassWord> for Class {
    fn from(word: ClassWord) -> Self {
        match word {
            ClassWord::Minute => Self::Minute,
            ClassWord::Hour => Self::Hour,
            ClassWord::Day => Self::Day,
            ClassWord::DayNoon => Self::DayNoon,
        }
    }
}

#[derive(Args, Debug, Default)]
pub(super) struct Init {
    /// This server's name, as it stands in every subject
    #[arg(long, value_name = "NAME")]
    pub(super) servername: Option<String>,
    /// Who is told
    #[arg(long, value_name = "ADDRESS")]
    pub(super) contact: Option<String>,
    /// How mail leaves: a mail server as HOST or HOST:PORT, or `sendmail`, or `file`
    #[arg(long, value_name = "SERVER")]
    pub(super) mail: Option<String>,
    /// The account at the mail server, or `none`
    #[arg(long, value_name = "USER")]
    pub(super) user: Option<String>,
    /// A file that holds the account's password (mode 0600); without it, the password is asked for
    #[arg(long, value_name = "FILE")]
    pub(super) pass_file: Option<PathBuf>,
    /// The sender's address
    #[arg(long, value_name = "ADDRESS")]
    pub(super) from: Option<String>,
    /// starttls, tls or none [default: as the port suggests]
    #[arg(long, value_name = "SECURITY")]
    pub(super) security: Option<String>,
    /// Certificates (PEM) to trust at the mail server, if it has its own
    #[arg(long, value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// Write over a settings file that exists
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Args, Debug, Default)]
pub(super) struct Test {
    /// Only the mail part
    #[arg(long)]
    pub(super) mail_only: bool,
}

#[derive(Args, Debug)]
pub(super) struct Try {
    /// The job's name or id
    pub(super) name: String,
}

#[derive(Args, Debug, Default)]
pub(super) struct Status {
    /// Only what is not well
    #[arg(long)]
    pub(super) failing: bool,
    /// Grouped by host
    #[arg(long)]
    pub(super) by_host: bool,
}

#[derive(Args, Debug)]
pub(super) struct Ack {
    /// The job's name or id; or the code of a message by which Checker asks whether its mail arrives
    pub(super) name: String,
    /// Why, for the others
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
    /// Take it back
    #[arg(long)]
    pub(super) undo: bool,
}

#[derive(Args, Debug)]
pub(super) struct Silence {
    /// The job's name or id
    pub(super) name: String,
    /// For how long, as in 2h or 1d
    #[arg(required_unless_present = "undo")]
    pub(super) time: Option<String>,
    /// Why, for the others
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
    /// End it now
    #[arg(long)]
    pub(super) undo: bool,
}

#[derive(Args, Debug, Default)]
pub(super) struct Demo {
    /// Keep the folder with settings, state and messages
    #[arg(long)]
    pub(super) keep: bool,
}

/// Something to print instead of running: help, version, or a wrong argument.
#[derive(Debug)]
pub(super) struct Told(clap::Error);

impl Told {
    /// Whether this is what somebody asked for, and no error.
    pub(super) fn is_help(&self) -> bool {
        matches!(self.0.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion)
    }

    /// What is wrong, on one line.
    pub(super) fn first_line(&self) -> String {
        let text = self.0.to_string();
        let line = text.lines().next().unwrap_or_default();
        line.strip_prefix("error: ").unwrap_or(line).to_owned()
    }

    /// Prints it; the answer is the exit code: 64 for wrong arguments (clap's own 2 would read as CRITICAL).
    pub(super) fn show(&self) -> u8 {
        // A closed pipe is no trouble here either.
        drop(self.0.print());
        match self.0.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok as u8,
            _ => Exit::Usage as u8,
        }
    }
}

/// Reads the arguments.
pub(super) fn parse(argv: Vec<OsString>) -> Result<Line, Told> {
    Line::try_parse_from(modern(argv)).map_err(Told)
}

/// The first program's `-m cron -c minute` and `--mode daemon` become subcommands.
fn modern(argv: Vec<OsString>) -> Vec<OsString> {
    let mut rest: Vec<OsString> = Vec::with_capacity(argv.len());
    let mut mode = None;
    let mut words = argv.into_iter();
    let program = words.next();
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        if mode.is_some() || text == "--" {
            rest.push(word);
            rest.extend(words.by_ref());
            break;
        }
        match text {
            "-m" | "--mode" => mode = words.next(),
            _ => match text.strip_prefix("--mode=").or_else(|| text.strip_prefix("-m").filter(|m| !m.is_empty())) {
                Some(value) => mode = Some(OsString::from(value)),
                None => rest.push(word),
            },
        }
    }
    // The mode may stand anywhere, and so may `-c`: the subcommand goes first.
    program.into_iter().chain(mode).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modern_text(line: &str) -> String {
        let words = modern(line.split(' ').map(OsString::from).collect());
        words.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_first_programs_lines_are_understood() {
        for (old, new) in [
            ("checker -m cron -c minute", "checker cron -c minute"),
            ("checker -c hour -m cron", "checker cron -c hour"),
            ("checker --mode=daemon -v", "checker daemon -v"),
            ("checker -f x.cfg -mcron", "checker cron -f x.cfg"),
            ("checker status", "checker status"),
            ("checker try -- -m", "checker try -- -m"),
        ] {
            assert_eq!(modern_text(old), new);
        }
        let line = parse(["checker", "-m", "cron", "-c", "day_noon"].map(OsString::from).to_vec()).unwrap();
        assert!(matches!(line.command, Command::Cron(Cron { class: Some(ClassWord::DayNoon), now: false })));
    }

    #[test]
    fn options_stand_before_or_after() {
        for words in [["checker", "--json", "status"], ["checker", "status", "--json"]] {
            let line = parse(words.map(OsString::from).to_vec()).unwrap();
            assert!(line.options.json);
        }
        let wrong = parse(["checker", "cron", "-c", "often"].map(OsString::from).to_vec()).unwrap_err();
        assert_eq!(wrong.0.kind(), ErrorKind::InvalidValue);
    }
}
