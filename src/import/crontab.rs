//! A crontab becomes settings of its scripts, and a crontab whose lines keep a record of their runs.
//!
//! 1. `line` reads a line: a comment, a setting, or a time and a command.
//! 2. `own` sees whether the command calls Checker already; `name` finds what to call the script. Both look at a command
//!    through `program` and `words`, which see what a shell would run.
//! 3. `quote` writes the line that takes its place, `rhythm` says how long the script may take.
//!
//! What a line does must not change, so what is not understood is left as it is, with a note. Sources: Debian's cron
//! 3.0pl1-162 and its crontab(5); cronie's src/cron.c and its crontab(5) for `CRON_TZ`.

mod line;
mod look;
mod name;
mod notes;
mod own;
mod program;
mod quote;
mod rhythm;
mod words;

use crate::decide::script::cron::Cron;
use crate::import::table::{comment, quoted};
use line::{Call, Line, When};
use name::Names;
pub(crate) use notes::Note;
use notes::Notes;
use own::Own;
use std::collections::BTreeSet;

/// Debian's cron refuses a command of 999 bytes and more (`load_entry` in entry.c of 3.0pl1-162, `MAX_COMMAND`).
const COMMAND_MAX: usize = 998;
const SH: &str = "/bin/sh";

/// Whose crontab it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// That of one user, as crontab(1) edits it.
    User,
    /// With a user in each line, as `/etc/crontab` and the files in `/etc/cron.d`.
    System,
}

/// What a crontab could become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    /// A `[[job.script]]` for each script, as TOML.
    pub(crate) settings: String,
    /// The whole crontab, its lines wrapped.
    pub(crate) crontab: String,
    /// What was not taken over and why, and what to look at; in the order of lines.
    pub(crate) notes: Vec<Note>,
}

/// Reads the crontab `text`. `command` is how Checker is called in it.
pub(crate) fn propose(text: &str, form: Form, command: &str) -> Proposal {
    let mut importer = Importer::new(form, command);
    let parts: Vec<&str> = text.split_inclusive('\n').collect();
    // Names that are in use already stay with those who use them.
    for part in &parts {
        importer.reserve(without_end(part).0);
    }
    for (number, part) in (1..).zip(&parts) {
        let (line, end) = without_end(part);
        let new = importer.line(number, line);
        importer.crontab.push_str(new.as_deref().unwrap_or(line));
        importer.crontab.push_str(end);
        if end.is_empty() && !matches!(line::read(line, form), Line::Still) {
            importer.notes.add(number, "cron does not read a last line without an end: put a newline behind it");
        }
    }
    importer.finish()
}

fn without_end(part: &str) -> (&str, &str) {
    part.strip_suffix('\n').map_or((part, ""), |line| (line, "\n"))
}

struct Importer<'a> {
    form: Form,
    /// How Checker is called, as it was given and as one word of a shell.
    command: &'a str,
    checker: String,
    /// What cron runs commands with from here on.
    shell: String,
    /// The zone of the lines from here on.
    zone: Option<String>,
    names: Names,
    /// Scripts of lines that were wrapped already, and have a table.
    judged: BTreeSet<String>,
    settings: String,
    crontab: String,
    notes: Notes,
}

impl<'a> Importer<'a> {
    fn new(form: Form, command: &'a str) -> Self {
        let mut settings = String::new();
        for line in [
            "Scripts of a crontab: one table for each line, which is quoted above it.",
            "Each `grace` is a guess from how often the line calls: so long after its slot the script must have succeeded.",
            "cron does not mind how a command ends. Here each exit code but 0 is a failure.",
        ] {
            comment(&mut settings, line);
        }
        Self {
            form,
            command,
            checker: quote::path(command).unwrap_or_else(|| "checker".to_owned()),
            shell: SH.to_owned(),
            zone: None,
            names: Names::default(),
            judged: BTreeSet::new(),
            settings,
            crontab: String::new(),
            notes: Notes::default(),
        }
    }

    fn finish(self) -> Proposal {
        Proposal { settings: self.settings, crontab: self.crontab, notes: self.notes.sorted() }
    }

    fn reserve(&mut self, line: &str) {
        if let Line::Call(call) = line::read(line, self.form)
            && let Some(Own::Run { name, .. }) = self.own(&call)
        {
            self.names.take(&name);
        }
    }

    fn own(&self, call: &Call<'_>) -> Option<Own> {
        own::asked(quote::split_input(call.command).0, self.command)
    }

    /// Takes a line over. The answer is what stands in its place, if that is something else.
    fn line(&mut self, number: usize, line: &str) -> Option<String> {
        match line::read(line, self.form) {
            Line::Still => None,
            Line::Setting { name, value } => {
                self.setting(number, name, value);
                None
            }
            Line::Wrong(wrong) => {
                self.notes.add(number, format!("left as it is: {}", wrong.why));
                if wrong.refused {
                    let whole = "Debian's cron ignores a whole file in which it does not understand one line";
                    self.notes.share(number, whole);
                }
                None
            }
            Line::Call(call) => self.call(number, line, &call),
        }
    }

    fn setting(&mut self, number: usize, name: &str, value: &str) {
        match name {
            "SHELL" => value.clone_into(&mut self.shell),
            // Empty, it is as if it were not there (cronie).
            "CRON_TZ" if value.is_empty() => self.zone = None,
            "CRON_TZ" => {
                let known = jiff::tz::db().get(value).is_ok();
                self.zone = known.then(|| value.to_owned());
                let text = if known {
                    "cronie calls the lines below by CRON_TZ, and so do their tables. Debian's cron does not know it: there, \
                     take `timezone` out"
                        .to_owned()
                } else {
                    format!(
                        "there is no time zone \"{value}\" here, so the tables of the lines below go by [general] timezone"
                    )
                };
                self.notes.add(number, text);
            }
            "TZ" => self.notes.add(
                number,
                "TZ is for the commands below alone: cron calls them by the zone of the host, and so do their tables",
            ),
            _ => {}
        }
    }

    fn call(&mut self, number: usize, line: &str, call: &Call<'_>) -> Option<String> {
        if let When::At(cron) = &call.when
            && rhythm::longest_gap(cron).is_none()
        {
            self.notes.add(number, format!("left as it is: `{cron}` never comes; is the day of the month right?"));
            return None;
        }
        match self.own(call) {
            Some(Own::Run { name, host }) => self.wrapped(number, line, call, &name, host.as_deref()),
            Some(Own::Open) => self.notes.add(
                number,
                "it is wrapped already, but a shell makes its name: write its table by hand, or a plain name",
            ),
            Some(Own::Other) => {
                self.notes.add(number, "left as it is: Checker keeps a record of its own work by itself");
            }
            None => return self.wrap(number, line, call),
        }
        None
    }

    /// A line that is wrapped already lacks only its table.
    fn wrapped(&mut self, number: usize, line: &str, call: &Call<'_>, script: &str, host: Option<&str>) {
        let When::At(cron) = &call.when else {
            return self.notes.add(number, format!("@reboot has no time at which it is due: {script} gets no table"));
        };
        self.notes.share(number, "it is wrapped already: of its script, its times are all that is known here");
        if self.judged.insert(script.to_owned()) {
            self.table(number, line, script, cron);
        } else {
            // A second time for the same script is a job of its own.
            let name = self.names.unique(script);
            self.table(number, line, &name, cron);
            self.key("id", &name);
            self.key("script", script);
        }
        if let Some(host) = host {
            self.key("host", host);
        }
    }

    fn wrap(&mut self, number: usize, line: &str, call: &Call<'_>) -> Option<String> {
        let (run, _) = quote::split_input(call.command);
        let simple = quote::is_simple(run);
        let shell = quote::path(&self.shell).filter(|_| quote::understands(&self.shell, simple));
        let Some(shell) = shell else {
            let why = format!(
                "left as it is: SHELL is \"{}\", whose quotes are not known to be those of sh; wrap it by hand",
                self.shell
            );
            self.notes.add(number, why);
            return None;
        };
        let name = self.names.unique(&name::proposed(run));
        let start = format!("{} run {name} --", self.checker);
        let command = quote::wrapped(call.command, &start, &shell);
        if command.len() > COMMAND_MAX {
            let why = format!(
                "left as it is: wrapped, its command has {} bytes, and Debian's cron takes {COMMAND_MAX}; put it into a script",
                command.len()
            );
            self.notes.add(number, why);
            return None;
        }
        match &call.when {
            When::At(cron) => self.table(number, line, &name, cron),
            When::Reboot => self.notes.add(
                number,
                format!(
                    "@reboot has no time at which it is due: runs of {name} are recorded, and no table expects any"
                ),
            ),
        }
        self.look(number, call, run);
        Some(format!("{}{command}", call.before))
    }

    /// What somebody should look at before the new line is used.
    fn look(&mut self, number: usize, call: &Call<'_>, run: &str) {
        for text in look::at(run, call.dash) {
            self.notes.share(number, text);
        }
        if let Some(user) = call.user.filter(|user| *user != "root") {
            let text = format!(
                "it runs as {user}, who must be able to record a run: see docs/scripts.md (a spool folder for a group, or sudo)"
            );
            self.notes.share(number, &text);
        }
    }

    fn table(&mut self, number: usize, line: &str, name: &str, cron: &Cron) {
        self.settings.push('\n');
        comment(&mut self.settings, &format!("line {number}: {}", line.trim_matches(line::BLANK)));
        self.settings.push_str("[[job.script]]\n");
        self.key("name", name);
        self.key("cron", &cron.to_string());
        if let Some(zone) = self.zone.clone() {
            self.key("timezone", &zone);
        }
        let Some(gap) = rhythm::longest_gap(cron) else { return };
        let grace = format!("grace = \"{}\"  # the time that the run itself takes is in it\n", rhythm::grace(gap));
        self.settings.push_str(&grace);
        if let Some(time) = rhythm::max_runtime(gap) {
            comment(&mut self.settings, &format!("max_runtime = \"{time}\""));
        }
    }

    fn key(&mut self, key: &str, value: &str) {
        self.settings.extend([key, " = ", &quoted(value), "\n"]);
    }
}

#[cfg(test)]
mod tests;
