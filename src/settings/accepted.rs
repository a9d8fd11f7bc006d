//! The last accepted settings, kept beside the state: a pass goes on with them when an edit has broken the file.
//!
//! The copy is for our own eyes (mode 0600). Secrets that stand in files of their own stay there; only their names are in
//! it. A secret that stands in the settings themselves is in the copy too, as it is in the file.

use super::files::Loaded;
use super::{Env, Report, Settings, SourceText};
use crate::registry::Registry;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The name behind the state's own.
const ENDING: &str = ".settings";

#[derive(Serialize, Deserialize)]
struct Copy {
    v: u32,
    files: Vec<File>,
}

#[derive(Serialize, Deserialize)]
struct File {
    path: PathBuf,
    text: String,
}

/// Keeps these settings as the last accepted ones. Writes only if they have changed; a reader finds the old copy or the
/// new one.
///
/// # Errors
/// If the copy cannot be written.
pub fn keep(settings: &Settings) -> io::Result<()> {
    let path = place(&settings.general.state);
    let files = settings.sources.iter().map(|s| File { path: s.path.clone(), text: s.text.clone() }).collect();
    let text = serde_json::to_string(&Copy { v: 1, files })?;
    if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let fresh = path.with_extension(format!("settings.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    std::fs::rename(&fresh, &path)
}

/// The last settings that were accepted from the file at `path`, if a copy of ours is found and still loads. The state's
/// place is taken from the broken file, as far as its line can be read.
pub fn recall(path: &Path, registry: &Registry, env: &Env) -> Option<(Settings, Report)> {
    let main = env.cwd.join(path);
    let text = std::fs::read_to_string(&main).unwrap_or_default();
    let paths = super::env::Paths::new(path, env);
    let state = state_line(&text).map(|s| paths.state(&s));
    let mut places: Vec<PathBuf> = state.into_iter().collect();
    places.push(paths.state(super::general::STATE));
    places.iter().find_map(|state| load(&place(state), &main, registry, env))
}

fn load(copy: &Path, main: &Path, registry: &Registry, env: &Env) -> Option<(Settings, Report)> {
    let found = copy.metadata().ok()?;
    if found.uid() != nix::unistd::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        return None;
    }
    let copy: Copy = serde_json::from_str(&std::fs::read_to_string(copy).ok()?).ok()?;
    let mut files = copy.files.into_iter().map(|f| SourceText { path: f.path, text: f.text });
    let first = files.next().filter(|f| f.path == main)?;
    let loaded = |s: SourceText| Loaded { path: s.path, text: s.text, mode: None };
    super::judge(loaded(first), Some(files.map(loaded).collect()), registry, env).ok()
}

fn place(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(ENDING);
    PathBuf::from(name)
}

/// The value of a line `state = "..."`, in a file that need not be TOML any more.
fn state_line(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let value = line.trim().strip_prefix("state")?.trim_start().strip_prefix('=')?.trim_start();
        let (value, _) = value.strip_prefix('"')?.split_once('"')?;
        (!value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_line_is_found_in_what_is_no_toml() {
        assert_eq!(state_line("[general\n  state=\"/var/x.db\" # here\n").as_deref(), Some("/var/x.db"));
        assert_eq!(state_line("statement = \"x\"\n#state = \"y\"\nstate = \"\"\n"), None);
    }
}
