//! The little that a wrapped script needs of the settings. It reads no jobs and judges nothing, because a script must run
//! whatever the settings say.

use super::env::{Env, Paths};
use super::source::Fault;
use super::{Control, accepted, files, general, locate, plain};
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Where the state is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// The settings file.
    pub path: PathBuf,
    /// The file that holds the state.
    pub state: PathBuf,
    /// `$RUNTIME_DIRECTORY`.
    pub runtime: Option<PathBuf>,
    /// Where it stands which scripts are switched off.
    pub control: Option<Control>,
}

impl Brief {
    /// Of the settings file at `path`. One that is no TOML (any more) is read as far as its lines can be.
    ///
    /// # Errors
    /// A sentence: the file cannot be read, or others may write it.
    pub fn read(path: &Path, env: &Env) -> Result<Self, String> {
        let told = |fault: Fault| format!("{}: {}; {}", path.display(), fault.message, fault.remedy);
        let text = files::read(&env.cwd.join(path), path).map_err(told)?.text;
        let paths = Paths::new(path, env);
        // `[daemon]` has a `control` of its own, a socket.
        let control_line = || {
            let scripts = text.split_once("[scripts]")?.1;
            accepted::line_of(scripts, "control")
        };
        let (state, control) = parsed(&text).unwrap_or_else(|| (accepted::state_line(&text), control_line()));
        Ok(Self {
            path: env.cwd.join(path),
            state: paths.state(state.as_deref().unwrap_or(general::STATE)),
            runtime: env.runtime.clone(),
            control: control.and_then(|text| Control::parse(&text, |path| paths.beside(path)).ok()),
        })
    }

    /// Of the settings that this process would find, as a command under cron does.
    ///
    /// # Errors
    /// A sentence, as [`Brief::read`]; or the places that were tried.
    pub fn of_process() -> Result<Self, String> {
        let env = Env::from_process();
        let path = locate(None, false, &env).map_err(|places| places.to_string())?;
        Self::read(&path, &env)
    }
}

/// `state` under `[general]`, and `control` under `[scripts]`; `None` where the text is no TOML.
fn parsed(text: &str) -> Option<(Option<String>, Option<String>)> {
    let value = |root: &DeTable<'_>, table: &str, key: &str| {
        let table = root.get(table)?.get_ref().as_table()?;
        match table.get(key)?.get_ref() {
            DeValue::String(text) if !text.is_empty() => Some(text.to_string()),
            _ => None,
        }
    };
    let of = |root: &DeTable<'_>| (value(root, "general", "state"), value(root, "scripts", "control"));
    if let Some(document) = plain::read(text, 0) {
        return Some(of(&document.root));
    }
    DeTable::parse(text).ok().map(|root| of(root.get_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn state_of(text: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.cfg");
        std::fs::write(&path, text).unwrap();
        let brief = Brief::read(&path, &Env::bare(folder.path()))?;
        Ok(brief.state.strip_prefix(folder.path()).map_or(brief.state.clone(), Path::to_owned).display().to_string())
    }

    #[test]
    fn the_state_is_found_in_good_settings_and_in_broken_ones() {
        for (text, state) in [
            ("", "checker.db"),
            ("[general]\nservername = \"a\"\n", "checker.db"),
            ("[general]\nstate = \"x.db\"\n[[job.tcp]]\naddress = \"a:1\"\n", "x.db"),
            ("[general]\nstate = '/var/x.db'\n[[job.tcp]]\naddress = [\n\"a:1\"]\n", "/var/x.db"),
            ("[[job.tcp]]\naddress = \"a:1\"\n[general]\nstate = \"x.db\"\n", "x.db"),
            ("[general\nstate = \"x.db\"\n", "x.db"),
            ("[general]\nstate = 7\n", "checker.db"),
        ] {
            assert_eq!(state_of(text).as_deref(), Ok(state), "{text}");
        }
    }

    #[test]
    fn what_is_switched_off_stays_so_in_broken_settings() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.cfg");
        for text in [
            "[scripts]\ncontrol = \"x.ini\"\n",
            "[daemon]\ncontrol = \"a.sock\"\n[scripts]\ncontrol = \"x.ini\"\n[[broken\n",
        ] {
            std::fs::write(&path, text).unwrap();
            let brief = Brief::read(&path, &Env::bare(folder.path())).unwrap();
            assert_eq!(brief.control, Some(Control::File(folder.path().join("x.ini"))), "{text}");
        }
    }

    #[test]
    fn settings_that_others_may_write_lead_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.cfg");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
        let why = Brief::read(&path, &Env::bare(folder.path())).unwrap_err();
        assert!(why.contains("chmod go-w"), "{why}");
    }
}
