//! A new job kind, written from the example: the crate, the dependency and the line in the list, in a checkout of Checker; or a
//! package of one's own that is Checker and the kind.
//!
//! What is to be written is worked out first ([`Kind`]), then it is written. No crate that is there is overwritten; in
//! `Cargo.toml`, `src/bundled.rs` and `settings.cfg.example` lines are added.

mod checkout;
mod kind;

pub use checkout::{Checkout, NoCheckout};
pub use kind::{BadName, Kind};

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What has been written, and what could not be.
#[derive(Debug, Default)]
pub struct Written {
    /// Files, in the order in which one reads them.
    pub files: Vec<PathBuf>,
    /// What is left to do by hand, each a line that says how.
    pub by_hand: Vec<String>,
}

/// Writes the kind into the checkout, and makes Checker depend on it and list it.
///
/// # Errors
/// A sentence. The folder of the crate is taken away again if it could not be written whole.
pub fn inside(checkout: &Checkout, kind: &Kind) -> Result<Written, String> {
    let folder = checkout.root().join("jobs").join(kind.word());
    if is_there(&folder) {
        return Err(format!("{} is there already; choose another name, or remove it", folder.display()));
    }
    let list = checkout.with_line(kind)?;
    let mut written = Written { files: write_all(&folder, &kind.crate_in_checkout())?, by_hand: Vec::new() };
    let mut step = |files: &[&str], what: &str, done: Result<(), String>| match done {
        Ok(()) => written.files.extend(files.iter().map(|file| checkout.root().join(file))),
        Err(why) => written.by_hand.push(format!("{what} ({why})")),
    };
    let path = format!("jobs/{}", kind.word());
    step(
        &["Cargo.toml", "Cargo.lock"],
        &format!("let Checker depend on it: cargo add -p checker --path {path}"),
        cargo(checkout.root(), &["add", "-q", "-p", "checker", "--path", &path]),
    );
    let line = format!("add the line {} to src/bundled.rs", kind.line());
    step(&["src/bundled.rs"], &line, checkout.replace("src/bundled.rs", &list));
    let example = checkout.with_example(kind).and_then(|text| checkout.replace("settings.cfg.example", &text));
    step(&["settings.cfg.example"], &format!("put {path}/example.cfg into settings.cfg.example"), example);
    let fuzz = ["metadata", "-q", "--format-version", "1", "--manifest-path", "fuzz/Cargo.toml"];
    let lock = "bring fuzz/Cargo.lock up to date: (cd fuzz && cargo metadata --format-version 1 >/dev/null)";
    step(&["fuzz/Cargo.lock"], lock, cargo(checkout.root(), &fuzz));
    Ok(written)
}

/// Writes a package of its own into `folder`: Checker, as it is in the checkout, and the kind.
///
/// # Errors
/// A sentence. The folder is taken away again if it could not be written whole.
pub fn outside(checkout: &Checkout, kind: &Kind, folder: &Path) -> Result<Written, String> {
    if is_there(folder) {
        return Err(format!("{} is there already; name a folder that is not", folder.display()));
    }
    let mut files = kind.crate_of_its_own(checkout.root());
    // The same versions of everything as Checker is tested with.
    files.push(("Cargo.lock".into(), checkout.read("Cargo.lock")?));
    Ok(Written { files: write_all(folder, &files)?, by_hand: Vec::new() })
}

/// A link that leads nowhere is there, too.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn write_all(folder: &Path, files: &[(PathBuf, String)]) -> Result<Vec<PathBuf>, String> {
    let write = |(name, text): &(PathBuf, String)| {
        let path = folder.join(name);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        std::fs::write(&path, text)?;
        Ok(path)
    };
    let written: io::Result<Vec<PathBuf>> = files.iter().map(write).collect();
    written.map_err(|why| {
        // Half a crate in jobs/ would keep cargo from doing anything at all.
        drop(std::fs::remove_dir_all(folder));
        format!("cannot write {}: {why}", folder.display())
    })
}

fn cargo(root: &Path, words: &[&str]) -> Result<(), String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(words).current_dir(root).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let done = command.output().map_err(|why| format!("cargo does not start: {why}"))?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(said.lines().find(|line| !line.trim().is_empty()).unwrap_or("cargo failed, and says nothing").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_half_crate_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let files = |names: &[&str]| names.iter().map(|name| ((*name).into(), "text".to_owned())).collect::<Vec<_>>();
        let half = folder.path().join("half");
        let why = write_all(&half, &files(&["src", "src/lib.rs"])).unwrap_err();
        assert!(why.starts_with("cannot write ") && why.contains("half: "), "{why}");
        assert!(!half.exists());
        let whole = folder.path().join("a/whole");
        let written = write_all(&whole, &files(&["Cargo.toml", "src/lib.rs"])).unwrap();
        assert_eq!(written, ["Cargo.toml", "src/lib.rs"].map(|name| whole.join(name)));
        assert!(written.iter().all(|path| std::fs::read_to_string(path).unwrap() == "text"));
    }
}
