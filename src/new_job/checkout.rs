//! Checker's own source tree, into which a kind is written.

use super::Kind;
use std::fmt;
use std::path::{Path, PathBuf};

/// A folder that holds Checker's sources.
#[derive(Debug)]
pub struct Checkout {
    root: PathBuf,
}

/// There is none where one was looked for.
#[derive(Debug)]
pub struct NoCheckout {
    from: PathBuf,
}

impl fmt::Display for NoCheckout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is not in a checkout of Checker's sources; change into one, or name it with --checker",
            self.from.display()
        )
    }
}

impl Checkout {
    /// The one that holds `from`.
    ///
    /// # Errors
    /// [`NoCheckout`]
    pub fn around(from: &Path) -> Result<Self, NoCheckout> {
        let root = from.ancestors().find(|folder| is_root(folder));
        root.map(|root| Self { root: root.to_owned() }).ok_or_else(|| NoCheckout { from: from.to_owned() })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn read(&self, name: &str) -> Result<String, String> {
        let path = self.root.join(name);
        std::fs::read_to_string(&path).map_err(|why| format!("cannot read {}: {why}", path.display()))
    }

    /// Puts `text` in place of a file, whole or not at all.
    pub(super) fn replace(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.root.join(name);
        let beside = path.with_extension("new");
        let done = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path));
        done.map_err(|why| format!("cannot write {}: {why}", path.display()))
    }

    /// `src/bundled.rs` with the line of the kind.
    pub(super) fn with_line(&self, kind: &Kind) -> Result<String, String> {
        let text = self.read("src/bundled.rs")?;
        listed(&text, &kind.line()).ok_or_else(|| {
            let line = kind.line();
            format!("src/bundled.rs lists no kind any more as `.with::<...::Spawner>()`; add the line {line} yourself")
        })
    }

    /// `settings.cfg.example` with the block of the kind behind that of the example.
    pub(super) fn with_example(&self, kind: &Kind) -> Result<String, String> {
        let text = self.read("settings.cfg.example")?;
        let block = self.read("jobs/example/example.cfg")?;
        let at = text.find(&block).ok_or("the block of the kind example is not there")? + block.len();
        let (before, after) = text.split_at_checked(at).ok_or("it is no text")?;
        Ok(format!("{before}\n{}{after}", kind.example()))
    }
}

fn is_root(folder: &Path) -> bool {
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    manifest.contains("\nname = \"checker\"\n") && folder.join("jobs/api/Cargo.toml").is_file()
}

/// The text with one more line behind the last that lists a kind, as far in as that.
fn listed(text: &str, line: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|l| l.trim_start().starts_with(".with::<") && l.ends_with("::Spawner>()"))?;
    let space: String = lines.get(last)?.chars().take_while(|c| *c == ' ').collect();
    let new = format!("{space}{line}");
    let mut all = lines;
    all.insert(last + 1, &new);
    Some(all.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_added_behind_the_last_one() {
        let text = "fn f() {\n    Registry::new()\n        .with::<a::Spawner>()\n        .with::<b::Spawner>()\n}\n";
        let more = listed(text, ".with::<c::Spawner>()").unwrap();
        assert_eq!(more, text.replace("<b::Spawner>()\n", "<b::Spawner>()\n        .with::<c::Spawner>()\n"));
        assert_eq!(listed("fn f() {}\n", "x"), None);
        let here = include_str!("../bundled.rs");
        assert!(listed(here, ".with::<c::Spawner>()").is_some(), "as the list is now");
    }
}
