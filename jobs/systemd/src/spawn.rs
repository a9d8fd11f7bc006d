//! From tables to jobs: every problem of every table, each with its key.

use crate::judge::Wanted;
use crate::name;
use crate::show::Manager;
use crate::{Settings, Spawner, SystemdJob, Target};
use checker_job::{JobSpawner, SpawnError, Table, TableErrors};
use checker_parts::paths::whole;
use std::path::PathBuf;

/// Makes the jobs of all tables.
pub(crate) fn spawn(tables: &[Table<Settings>]) -> Result<Vec<SystemdJob>, Vec<SpawnError>> {
    let (mut jobs, mut errors) = (Vec::new(), Vec::new());
    for (number, table) in tables.iter().enumerate() {
        let mut reader = Reader { settings: &table.settings, errors: TableErrors::new(number, &mut errors) };
        let manager = reader.manager();
        let wanted = reader.wanted();
        let whose = if table.settings.user { " (user)" } else { "" };
        let targets = reader.targets(&wanted);
        let alone = targets.len() == 1;
        for target in targets {
            let what = match &target {
                Target::Unit(name, _) => name.as_str(),
                Target::Failed(_) => "failed units",
            };
            let (id, policy) = table.job(Spawner::KIND, &format!("{what}{whose}"), alone);
            jobs.push(SystemdJob { id, policy, manager: manager.clone(), target });
        }
    }
    if errors.is_empty() { Ok(jobs) } else { Err(errors) }
}

/// Reads one table. A wrong key is noted and left out, so that the others are read too.
struct Reader<'a> {
    settings: &'a Settings,
    errors: TableErrors<'a>,
}

impl Reader<'_> {
    fn targets(&mut self, wanted: &Wanted) -> Vec<Target> {
        let settings = self.settings;
        let Some(units) = &settings.unit else { return vec![Target::Failed(self.except())] };
        if units.is_empty() {
            self.errors.note("unit", "the list is empty; leave the key out for all units that have failed");
        }
        if !settings.except.is_empty() {
            self.errors.note("except", "with `unit` only that unit is looked at; leave one of both keys out");
        }
        let names = self.errors.each("unit", units, |text| name::whole(text), String::clone);
        self.restarts_of(&names);
        names.into_iter().map(|name| Target::Unit(name, wanted.clone())).collect()
    }

    /// Only services are restarted by systemd.
    fn restarts_of(&mut self, names: &[String]) {
        let settings = self.settings;
        let Some(other) = names.iter().find(|name| !name.ends_with(".service")) else { return };
        for (key, given) in [
            ("restarts_warning", settings.restarts_warning.is_some()),
            ("restarts_critical", settings.restarts_critical.is_some()),
        ] {
            if given {
                self.errors
                    .note(key, format!("systemd restarts services alone, and {other} is none; leave this key out"));
            }
        }
    }

    fn except(&mut self) -> Vec<String> {
        let settings = self.settings;
        for (key, given) in [
            ("state", !settings.state.is_empty()),
            ("must_be_enabled", settings.must_be_enabled.is_some()),
            ("restarts_warning", settings.restarts_warning.is_some()),
            ("restarts_critical", settings.restarts_critical.is_some()),
        ] {
            if given {
                self.errors.note(key, "it is about one unit; name that with `unit`, or leave this key out");
            }
        }
        for pattern in &settings.except {
            if pattern.matches('*').count() > 1 {
                self.errors.note("except", format!("{pattern:?} has more than one *; write more patterns instead"));
            } else if pattern.trim_matches('*').is_empty() {
                self.errors.note("except", format!("{pattern:?} fits every unit, so nothing would be looked at"));
            }
        }
        settings.except.iter().cloned().collect()
    }

    fn wanted(&mut self) -> Wanted {
        let settings = self.settings;
        for word in &settings.state {
            if !["active", "inactive"].contains(&word.as_str()) {
                self.errors.note("state", format!("{word:?} is not known; use \"active\", \"inactive\", or both"));
            }
        }
        if let (Some(warning), Some(critical)) = (settings.restarts_warning, settings.restarts_critical)
            && critical <= warning
        {
            self.errors.note("restarts_critical", "it must be more than `restarts_warning`, or nobody is ever warned");
        }
        let is = |word: &str| settings.state.iter().any(|state| state == word);
        if settings.must_be_enabled == Some(true) && is("inactive") && !is("active") {
            self.errors.note(
                "must_be_enabled",
                "it is about a unit that is active, and `state` wants none; leave one of both out",
            );
        }
        Wanted {
            active: settings.state.is_empty() || is("active"),
            inactive: is("inactive"),
            must_be_enabled: settings.must_be_enabled.unwrap_or(true),
            restarts_warning: settings.restarts_warning,
            restarts_critical: settings.restarts_critical,
        }
    }

    fn manager(&mut self) -> Manager {
        let settings = self.settings;
        if let Some(directory) = &settings.runtime_directory {
            if settings.user {
                self.errors.keep("runtime_directory", whole(directory));
            } else {
                self.errors.note(
                    "runtime_directory",
                    "only the manager of a user has one; set user = true, or leave this key out",
                );
            }
        }
        let usual = || PathBuf::from(format!("/run/user/{}", nix::unistd::geteuid()));
        let of_user = settings.user.then(|| settings.runtime_directory.clone().unwrap_or_else(usual));
        Manager { systemctl: "systemctl".to_owned(), of_user }
    }
}
