//! A new job kind, written from the example: the crate, the dependency and the line in the list, in a checkout of Checker; or a
//! package of one's own that is Checker and the kind.
//!
//! What is to be written is worked out first ([`Kind`]), then it is written, and nothing that is there is overwritten.

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
    if folder.exists() {
        return Err(format!("{} is there already; choose another name, or remove it", folder.display()));
    }
    let list = checkout.with_line(kind)?;
    let mut written = Written { files: write_all(&folder, &kind.crate_in_checkout())?, by_hand: Vec::new() };
    let mut step = |what: &str, done: Result<(), String>| {
        if let Err(why) = done {
            written.by_hand.push(format!("{what} ({why})"));
        }
    };
    let path = format!("jobs/{}", kind.word());
    step(
        &format!("cargo add -p checker --path {path}"),
        cargo(checkout.root(), &["add", "-q", "-p", "checker", "--path", &path]),
    );
    step(&format!("add the line {} to src/bundled.rs", kind.line()), checkout.replace("src/bundled.rs", &list));
    let example = checkout.with_example(kind).and_then(|text| checkout.replace("settings.cfg.example", &text));
    step(&format!("put {path}/example.cfg into settings.cfg.example"), example);
    let fuzz = ["metadata", "-q", "--format-version", "1", "--manifest-path", "fuzz/Cargo.toml"];
    step("cd fuzz && cargo metadata >/dev/null", cargo(checkout.root(), &fuzz));
    written.files.extend(["Cargo.toml", "src/bundled.rs", "settings.cfg.example"].map(|f| checkout.root().join(f)));
    Ok(written)
}

/// Writes a package of its own into `folder`: Checker, as it is in the checkout, and the kind.
///
/// # Errors
/// A sentence. The folder is taken away again if it could not be written whole.
pub fn outside(checkout: &Checkout, kind: &Kind, folder: &Path) -> Result<Written, String> {
    if folder.exists() {
        return Err(format!("{} is there already; name a folder that is not", folder.display()));
    }
    let mut files = kind.crate_of_its_own(checkout.root());
    // The same versions of everything as Checker is tested with.
    files.push(("Cargo.lock".into(), checkout.read("Cargo.lock")?));
    Ok(Written { files: write_all(folder, &files)?, by_hand: Vec::new() })
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
