//! Secrets: the type that never shows itself, and the places they come from.

use super::source::Fault;
use std::fmt;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// A password or the like. Neither `Debug` nor `Display` shows it, and it cannot be serialised.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes `text` as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself: for the one place that hands it to a server, never for a message, a log or an error.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// A secret longer than this is no secret but the wrong file.
const SECRET_MAX: u64 = 64 * 1024;

/// Reads a secret from `path`. `guarded` names folders whose files others may read, because the system guards the
/// folder itself.
pub(crate) fn read(path: &Path, guarded: &[&Path]) -> Result<Secret, Fault> {
    let shown = path.display();
    let unreadable = |e: &std::io::Error| {
        Fault::new(
            format!("the file {shown} cannot be read: {}", plain(e)),
            format!("write the secret into it as the user that runs checker, then: chmod 600 {shown}"),
        )
    };
    let before = std::fs::metadata(path).map_err(|e| unreadable(&e))?;
    if !before.is_file() {
        return Err(Fault::new(format!("{shown} is no file"), "name a file that holds the secret and nothing else"));
    }
    let file = std::fs::File::open(path).map_err(|e| unreadable(&e))?;
    let meta = file.metadata().map_err(|e| unreadable(&e))?;
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 && !guarded.iter().any(|g| path.starts_with(g)) {
        return Err(Fault::new(
            format!("others on this host can read or write the secret in {shown} (its mode is {mode:04o})"),
            format!("chmod 600 {shown}   and, if others had time to read it, choose a new secret"),
        ));
    }
    let mut bytes = Vec::new();
    file.take(SECRET_MAX + 1).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
    let text = String::from_utf8(bytes).ok().filter(|t| t.len() as u64 <= SECRET_MAX).ok_or_else(|| {
        Fault::new(
            format!("{shown} does not look like a secret: it is too long, or no text"),
            "name a file that holds the secret and nothing else",
        )
    })?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.trim().is_empty() {
        return Err(Fault::new(format!("the secret file {shown} is empty"), "write the secret into it, on one line"));
    }
    Ok(Secret::new(text))
}

/// An error of the system without Rust's "(os error 2)".
pub(crate) fn plain(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "this user is not allowed to (permission denied)".to_owned(),
        _ => {
            let text = e.to_string();
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let s = Secret::new("hunter2-planted");
        assert_eq!(format!("{s} {s:?} {:?}", Some(&s)).find("hunter2"), None);
        assert_eq!(s.expose(), "hunter2-planted");
    }

    #[test]
    fn guarded_folders_may_hold_files_that_others_can_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mail");
        std::fs::write(&path, "hunter2-planted\r\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path, &[]).is_err());
        assert_eq!(read(&path, &[dir.path()]).unwrap().expose(), "hunter2-planted");
    }
}
