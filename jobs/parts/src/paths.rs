//! Paths in settings.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// A path that means the same wherever a pass is started: it begins with `/`.
///
/// # Errors
/// A sentence without a full stop that says what is wrong and what to write.
pub fn whole(path: &Path) -> Result<PathBuf, String> {
    let shown = path.display();
    if path.is_relative() {
        return Err(format!("{shown} is a relative path; write the whole path, from / on"));
    }
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(format!("{:?} holds a NUL, which no path can", shown.to_string()));
    }
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_at_the_root_and_holds_no_nul() {
        assert_eq!(whole(Path::new("/a/b")), Ok(PathBuf::from("/a/b")));
        assert_eq!(whole(Path::new("a")).unwrap_err(), "a is a relative path; write the whole path, from / on");
        assert_eq!(whole(Path::new("/a\0b")).unwrap_err(), "\"/a\\0b\" holds a NUL, which no path can");
    }
}
