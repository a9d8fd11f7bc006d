//! What the environment says about places, read once at the edge; and where the settings file is.

use super::secret::Secret;
use std::fmt;
use std::path::{Path, PathBuf};

/// The environment as far as settings depend on it. Tests build one by hand.
#[derive(Clone, Debug)]
pub struct Env {
    /// The current folder.
    pub cwd: PathBuf,
    /// The place that is looked at last: `/etc/checker/settings.cfg`.
    pub system_settings: PathBuf,
    /// `CHECKER_SETTINGS`.
    pub settings: Option<PathBuf>,
    /// `CREDENTIALS_DIRECTORY`, set by systemd.
    pub credentials: Option<PathBuf>,
    /// `STATE_DIRECTORY`, set by systemd.
    pub state: Option<PathBuf>,
    /// `LOGS_DIRECTORY`, set by systemd.
    pub logs: Option<PathBuf>,
    /// `RUNTIME_DIRECTORY`, set by systemd.
    pub runtime: Option<PathBuf>,
    /// `CHECKER_MAIL_PASS`: the mail password, where neither settings nor credentials name one.
    pub mail_pass: Option<Secret>,
}

impl Env {
    /// An environment in which nothing is set, in the folder `cwd`.
    pub fn bare(cwd: impl Into<PathBuf>) -> Self {
        Self {
            cwd: cwd.into(),
            system_settings: PathBuf::from("/etc/checker/settings.cfg"),
            settings: None,
            credentials: None,
            state: None,
            logs: None,
            runtime: None,
            mail_pass: None,
        }
    }

    /// The environment of this process. Only the edge of the program calls this.
    pub fn from_process() -> Self {
        let path = |name: &str| {
            let value = std::env::var_os(name).filter(|v| !v.is_empty())?;
            // systemd lists several folders with colons; the first is the main one.
            let text = value.to_string_lossy();
            Some(match text.split_once(':') {
                Some((first, _)) if name.ends_with("_DIRECTORY") => PathBuf::from(first),
                _ => PathBuf::from(&value),
            })
        };
        Self {
            settings: path("CHECKER_SETTINGS"),
            credentials: path("CREDENTIALS_DIRECTORY"),
            state: path("STATE_DIRECTORY"),
            logs: path("LOGS_DIRECTORY"),
            runtime: path("RUNTIME_DIRECTORY"),
            mail_pass: std::env::var("CHECKER_MAIL_PASS").ok().filter(|p| !p.is_empty()).map(Secret::new),
            ..Self::bare(std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")))
        }
    }
}

/// No settings file: the places that were tried, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotFound {
    /// Each place with where its name came from.
    pub tried: Vec<(PathBuf, &'static str)>,
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no settings file. Tried:\n")?;
        for (path, why) in &self.tried {
            writeln!(f, "  {} ({why})", path.display())?;
        }
        f.write_str(
            "Run `checker init` to write one, or name it with -f FILE. (`cron` never looks at the current folder.)\n",
        )
    }
}

impl std::error::Error for NotFound {}

/// Finds the settings file: `explicit` (the option `-f`), else `CHECKER_SETTINGS`, else, for commands that a person
/// types, `./settings.cfg`, else `/etc/checker/settings.cfg`. A named file that does not exist is an error and never
/// leads to another one.
///
/// # Errors
/// The places tried.
pub fn locate(explicit: Option<&Path>, for_person: bool, env: &Env) -> Result<PathBuf, NotFound> {
    let mut tried = Vec::new();
    if let Some(path) = explicit {
        tried.push((path.to_owned(), "the option -f"));
    } else if let Some(path) = &env.settings {
        tried.push((path.clone(), "the variable CHECKER_SETTINGS"));
    } else {
        if for_person {
            tried.push((env.cwd.join("settings.cfg"), "the current folder"));
        }
        tried.push((env.system_settings.clone(), "the place of the system"));
    }
    tried
        .iter()
        .map(|(path, _)| path)
        .find(|p| match env.cwd.join(p).symlink_metadata() {
            Ok(_) => true,
            // What may not be looked at is there: reading it will say why it cannot be read.
            Err(e) => e.kind() == std::io::ErrorKind::PermissionDenied,
        })
        .cloned()
        .ok_or(NotFound { tried })
}

/// Turns the relative paths of the settings into real ones.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    /// The folder of the main settings file.
    pub(crate) base: PathBuf,
    state: PathBuf,
    logs: PathBuf,
    runtime: PathBuf,
}

impl Paths {
    pub(crate) fn new(settings: &Path, env: &Env) -> Self {
        let full = env.cwd.join(settings);
        let base = full.parent().unwrap_or(Path::new("/")).to_owned();
        let system = base.starts_with("/etc");
        let choose = |said: &Option<PathBuf>, of_system: &str| match said {
            Some(path) => path.clone(),
            None if system => PathBuf::from(of_system),
            None => base.clone(),
        };
        Self {
            state: choose(&env.state, "/var/lib/checker"),
            logs: choose(&env.logs, "/var/log/checker"),
            runtime: choose(&env.runtime, "/run/checker"),
            base,
        }
    }

    /// A file beside the settings: secrets, certificates.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    /// A file that Checker keeps.
    pub(crate) fn state(&self, path: &str) -> PathBuf {
        self.state.join(path)
    }

    /// A log file.
    pub(crate) fn log(&self, path: &str) -> PathBuf {
        self.logs.join(path)
    }

    /// A socket.
    pub(crate) fn runtime(&self, path: &str) -> PathBuf {
        self.runtime.join(path)
    }
}
