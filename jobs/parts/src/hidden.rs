//! Secrets: how they are read, and how they stay out of everything that people see.

use crate::paths::whole;
use checker_job::TableErrors;
use serde::Deserialize;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A secret file larger than this is none.
const SECRET_MAX: u64 = 64 * 1024;
/// What stands in place of a secret.
const MASK: &str = "(hidden)";

/// A text that is never shown: not by `Debug`, not in an error, not in an outcome.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The text itself, for the wire only.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Reads a secret: the file's text without the line break at its end.
///
/// # Errors
/// A sentence that names the file, never what is in it.
pub fn read_file(path: &Path) -> Result<Hidden, String> {
    let systemd = std::env::var_os("CREDENTIALS_DIRECTORY");
    read_file_of(path, systemd.as_deref().map(Path::new))
}

/// User and password of a table, by its keys `user` and `pass_file`: both or neither. What is wrong is noted.
pub fn login(errors: &mut TableErrors<'_>, user: Option<&str>, file: Option<&Path>) -> Option<(String, Hidden)> {
    let (user, file) = match (user, file) {
        (Some(user), Some(file)) => (user, file),
        (Some(_), None) => {
            errors.note("user", "a user alone cannot log in; set pass_file, the file that holds the password");
            return None;
        }
        (None, Some(_)) => {
            errors.note("pass_file", "a password needs a user; set user");
            return None;
        }
        (None, None) => return None,
    };
    if user.is_empty() || user.chars().any(char::is_control) {
        errors.note(
            "user",
            "it is empty, or holds a control character; write the account's name as your mail program has it",
        );
    }
    let pass = errors.keep("pass_file", read_file(file))?;
    Some((user.to_owned(), pass))
}

fn read_file_of(path: &Path, credentials: Option<&Path>) -> Result<Hidden, String> {
    let shown = path.display();
    whole(path)?;
    let unreadable = |e: std::io::Error| format!("cannot read the secret file {shown}: {e}");
    let is_file = std::fs::metadata(path).map_err(unreadable)?.is_file();
    if !is_file {
        return Err(format!("{shown} is no file"));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    ours_alone_of(path, "secret file", meta.mode(), credentials)?;
    if meta.len() > SECRET_MAX {
        return Err(format!("the secret file {shown} is larger than 64 KiB; it must hold one line"));
    }
    let mut text = String::new();
    file.by_ref()
        .take(SECRET_MAX)
        .read_to_string(&mut text)
        .map_err(|_| format!("cannot read the secret file {shown} as text"))?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(format!("the secret file {shown} is empty"));
    }
    if line.chars().any(char::is_control) {
        return Err(format!(
            "the secret file {shown} holds more than one line, or a control character; it must hold the secret alone"
        ));
    }
    Ok(Hidden(line.to_owned()))
}

/// Sees that others can neither read nor write a file of this mode: whoever can has the secret. Who has it delivered, by
/// systemd (`LoadCredential=`) or as a secret of a container, cannot choose its mode; it is kept from others in another way.
///
/// # Errors
/// A sentence with the remedy, that calls the file `what`.
pub(crate) fn ours_alone(path: &Path, what: &str, mode: u32) -> Result<(), String> {
    let systemd = std::env::var_os("CREDENTIALS_DIRECTORY");
    ours_alone_of(path, what, mode, systemd.as_deref().map(Path::new))
}

fn ours_alone_of(path: &Path, what: &str, mode: u32, credentials: Option<&Path>) -> Result<(), String> {
    // Every path begins with an empty one, and with the root.
    let credentials = credentials.filter(|dir| dir.is_absolute() && dir.parent().is_some());
    let delivered = path.starts_with("/run/secrets") || credentials.is_some_and(|dir| path.starts_with(dir));
    if mode & 0o077 != 0 && !delivered {
        let (shown, mode) = (path.display(), mode & 0o777);
        return Err(format!(
            "the {what} {shown} can be read or written by others (mode {mode:03o}); run: chmod 600 {shown}"
        ));
    }
    Ok(())
}

/// The secrets of a job, so that a server that echoes them cannot bring them into a message.
#[derive(Clone, Debug, Default)]
pub struct Scrubber(Vec<Hidden>);

impl Scrubber {
    /// Remembers a secret. Anything shorter than 4 bytes would only tear holes into innocent text.
    pub fn add(&mut self, secret: &str) {
        if secret.len() >= 4 {
            self.0.push(Hidden(secret.to_owned()));
            // The longest first: a part that is masked early would leave the rest of a longer one in sight.
            self.0.sort_by_key(|s| std::cmp::Reverse(s.0.len()));
        }
    }

    /// `text` without the secrets.
    pub fn scrub(&self, text: String) -> String {
        let mut text = text;
        for secret in &self.0 {
            if text.contains(&secret.0) {
                text = text.replace(&secret.0, MASK);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn write(dir: &Path, name: &str, text: &str, mode: u32) -> std::path::PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused_unless_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let open = write(dir.path(), "open", "hunter2-secret\n", 0o640);
        let error = read_file_of(&open, None).unwrap_err();
        assert!(error.contains("mode 640") && error.contains("chmod 600"), "{error}");
        let read = read_file_of(&open, Some(dir.path())).unwrap();
        assert_eq!(read.reveal(), "hunter2-secret");
        for nowhere in ["", "/", "secrets"] {
            let error = read_file_of(&open, Some(Path::new(nowhere))).unwrap_err();
            assert!(error.contains("mode 640"), "{nowhere:?}: {error}");
        }
        let closed = write(dir.path(), "closed", "hunter2-secret\r\n", 0o600);
        assert_eq!(read_file_of(&closed, None).unwrap().reveal(), "hunter2-secret");
        assert_eq!(format!("{read:?}"), "(hidden)");
    }

    #[test]
    fn a_file_that_is_no_secret_is_explained_without_its_text() {
        let dir = tempfile::tempdir().unwrap();
        for (text, want) in [("", "is empty"), ("\n", "is empty"), ("planted-1\nplanted-2\n", "more than one line")] {
            let path = write(dir.path(), "secret", text, 0o600);
            let error = read_file_of(&path, None).unwrap_err();
            assert!(error.contains(want) && !error.contains("planted"), "{error}");
        }
        let error = read_file_of(dir.path(), None).unwrap_err();
        assert!(error.contains("is no file"), "{error}");
        let error = read_file_of(Path::new("secret"), None).unwrap_err();
        assert_eq!(error, "secret is a relative path; write the whole path, from / on");
        let error = read_file_of(&dir.path().join("none"), None).unwrap_err();
        assert!(error.contains("none: No such file"), "{error}");
    }

    #[test]
    fn the_longest_secret_is_masked_first() {
        let mut scrubber = Scrubber::default();
        for secret in ["pass", "my-password", "x"] {
            scrubber.add(secret);
        }
        assert_eq!(scrubber.scrub("x my-password pass".to_owned()), "x (hidden) (hidden)");
    }
}
