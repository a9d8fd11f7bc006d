//! The last accepted settings, kept beside the state: a pass goes on with them when an edit has broken the file.
//!
//! The copy is for our own eyes (mode 0600). Secrets that stand in files of their own stay there; only their names are in
//! it. A secret that stands in the settings themselves is in the copy too, as it is in the file.

use super::files::Loaded;
use super::{Env, Report, Settings, SourceText};
use crate::registry::Registry;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The name behind the state's own.
const ENDING: &str = ".settings";
/// The copy is compared in pieces of this many bytes.
const PIECE: usize = 32 * 1024;

/// The first line of the copy. The texts follow, one after the other, as they are.
#[derive(Serialize, Deserialize)]
struct Head {
    v: u32,
    files: Vec<File>,
}

#[derive(Serialize, Deserialize)]
struct File {
    path: PathBuf,
    bytes: usize,
}

/// Keeps these settings as the last accepted ones. Writes only if they have changed; a reader finds the old copy or the
/// new one.
///
/// # Errors
/// If the copy cannot be written.
pub fn keep(settings: &Settings) -> io::Result<()> {
    let path = place(&settings.general.state);
    let files = settings.sources.iter().map(|s| File { path: s.path.clone(), bytes: s.text.len() }).collect();
    let mut head = serde_json::to_string(&Head { v: 1, files })?;
    head.push('\n');
    let texts = settings.sources.iter().map(|s| s.text.as_str());
    let parts: Vec<&str> = std::iter::once(head.as_str()).chain(texts).collect();
    if holds(&path, &parts).unwrap_or(false) {
        return Ok(());
    }
    let fresh = path.with_extension(format!("settings.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    parts.iter().try_for_each(|part| file.write_all(part.as_bytes())).and_then(|()| file.sync_all())?;
    std::fs::rename(&fresh, &path)
}

/// Whether the file consists of these parts. Each pass asks, so it is read in small pieces.
fn holds(path: &Path, parts: &[&str]) -> io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    let len: usize = parts.iter().map(|part| part.len()).sum();
    if file.metadata()?.len() != len as u64 {
        return Ok(false);
    }
    let mut buffer = vec![0; PIECE];
    for piece in parts.iter().flat_map(|part| part.as_bytes().chunks(PIECE)) {
        let Some(read) = buffer.get_mut(..piece.len()) else {
            return Ok(false);
        };
        file.read_exact(read)?;
        if read != piece {
            return Ok(false);
        }
    }
    Ok(true)
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
    let copy = std::fs::read_to_string(copy).ok()?;
    let (head, mut rest) = copy.split_once('\n')?;
    let mut files = Vec::new();
    for File { path, bytes } in serde_json::from_str::<Head>(head).ok()?.files {
        let (text, others) = rest.split_at_checked(bytes)?;
        files.push(SourceText { path, text: text.to_owned() });
        rest = others;
    }
    let mut files = files.into_iter();
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
pub(super) fn state_line(text: &str) -> Option<String> {
    line_of(text, "state")
}

/// The same of another key.
pub(super) fn line_of(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let value = line.trim().strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start();
        let (value, _) = value.strip_prefix('"')?.split_once('"')?;
        (!value.is_empty()).then(|| value.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_known_by_every_byte_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        let long = "x".repeat(PIECE + 1);
        let parts = ["head\n", "one", "", &long];
        let whole = parts.concat();
        assert!(holds(&path, &parts).is_err(), "there is none");
        for (kept, same) in [
            (whole.clone(), true),
            (whole.replace("one", "two"), false),
            (format!("y{}", whole.trim_start_matches('h')), false),
            (format!("{}y", whole.strip_suffix('x').unwrap()), false),
            (format!("{whole}x"), false),
            (whole.replacen('x', "", 1), false),
            (whole.replacen('x', "y", 1), false),
        ] {
            std::fs::write(&path, kept).unwrap();
            assert_eq!(holds(&path, &parts).unwrap(), same);
        }
    }

    #[test]
    fn the_states_line_is_found_in_what_is_no_toml() {
        assert_eq!(state_line("[general\n  state=\"/var/x.db\" # here\n").as_deref(), Some("/var/x.db"));
        assert_eq!(state_line("statement = \"x\"\n#state = \"y\"\nstate = \"\"\n"), None);
    }
}
