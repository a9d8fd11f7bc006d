//! Reading settings files: their form, their mode, and which ones a pattern names.

use super::secret::plain;
use super::source::Fault;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The text of a file and its mode; `None` for a text that never was a file.
pub(crate) struct Loaded {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) mode: Option<u32>,
}

/// A settings file may be this long: ten times what ten thousand jobs need.
const SETTINGS_MAX: u64 = 32 * 1024 * 1024;

/// Reads the file `real`, which reports call `shown`.
pub(crate) fn read(real: &Path, shown: &Path) -> Result<Loaded, Fault> {
    let unreadable = |e: &std::io::Error| {
        Fault::new(
            format!("the settings file cannot be read: {}", plain(e)),
            "check its name, owner and mode; the user that runs checker must be able to read it",
        )
    };
    let before = std::fs::metadata(real).map_err(|e| unreadable(&e))?;
    if !before.is_file() {
        return Err(Fault::new("this is no file", "name the settings file itself, such as /etc/checker/settings.cfg"));
    }
    let file = std::fs::File::open(real).map_err(|e| unreadable(&e))?;
    let mode = file.metadata().map_err(|e| unreadable(&e))?.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(Fault::new(
            format!(
                "others on this host can write this file (its mode is {mode:04o}), and with it decide what checker runs"
            ),
            format!("read it through, then: chmod go-w {}", shown.display()),
        ));
    }
    // As much as there is, so that a large file is not moved about while it grows.
    let mut bytes = Vec::with_capacity(usize::try_from(before.len().min(SETTINGS_MAX)).unwrap_or(0) + 1);
    file.take(SETTINGS_MAX + 1).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
    if bytes.len() as u64 > SETTINGS_MAX {
        return Err(Fault::new(
            "this file is longer than 32 MiB",
            "is it the right file? Settings are text; spread very many jobs over files named in [general] include",
        ));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let good = e.as_bytes().get(..e.utf8_error().valid_up_to());
        let line = good.unwrap_or_default().split(|b| *b == b'\n').count();
        Fault::new(
            format!("line {line} is not UTF-8 text"),
            "save the file as UTF-8, for example: iconv -f latin1 -t utf-8 OLD > NEW",
        )
    })?;
    let text = match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    };
    Ok(Loaded { path: shown.to_owned(), text, mode: Some(mode) })
}

/// The files that `pattern` (relative to `base`) names, sorted; `*` may stand in the last component only. Hidden files
/// and copies of editors (ending in `~`) are left out, so that they never become settings by accident.
pub(crate) fn matching(base: &Path, pattern: &str) -> Result<Vec<PathBuf>, Fault> {
    let whole = base.join(pattern);
    let (folder, last) = match (whole.parent(), whole.file_name().and_then(|n| n.to_str())) {
        (Some(folder), Some(last)) => (folder.to_owned(), last.to_owned()),
        _ => {
            return Err(Fault::new("this names no file", "write for example include = [\"settings.d/*.cfg\"]"));
        }
    };
    if folder.to_string_lossy().contains('*') {
        return Err(Fault::new(
            "* may stand in the last part of the path only",
            "write for example include = [\"settings.d/*.cfg\"], or one entry for each folder",
        ));
    }
    if !last.contains('*') {
        return Ok(whole.exists().then_some(whole).into_iter().collect());
    }
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            return Err(Fault::new(
                format!("the folder {} cannot be read: {}", folder.display(), plain(&e)),
                "check its owner and mode",
            ));
        }
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|e| {
            let name = e.file_name();
            let name = name.to_string_lossy();
            !name.starts_with('.') && !name.ends_with('~') && glob(&last, &name)
        })
        .map(|e| e.path())
        .collect();
    found.sort();
    Ok(found)
}

fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_names() {
        for (pattern, name, want) in [
            ("*.cfg", "a.cfg", true),
            ("*.cfg", "a.cfg.bak", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcY", false),
            ("*", "x", true),
            ("a", "a", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob(pattern, name), want, "{pattern} {name}");
        }
    }
}
