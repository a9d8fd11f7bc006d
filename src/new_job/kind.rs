//! The name of a new kind, and the files that it begins with: those of `jobs/example` under another name. Pure.

use std::fmt;
use std::path::{Path, PathBuf};

/// The example as it is in this build.
const EXAMPLE: [(&str, &str); 3] = [
    ("example.cfg", include_str!("../../jobs/example/example.cfg")),
    ("src/lib.rs", include_str!("../../jobs/example/src/lib.rs")),
    ("src/tests.rs", include_str!("../../jobs/example/src/tests.rs")),
];
const MANIFEST: &str = include_str!("../../jobs/example/Cargo.toml");
/// What the example says of itself alone.
const OF_ITSELF: [(&str, &str); 2] = [
    (" Also the crate to copy for a kind of your own: see jobs/README.md.", ""),
    (
        "//! It is useful as it is, and it is the crate to copy for a kind of your own (`checker new-job NAME` copies it).\n",
        "//! It began as a copy of the kind `example`.\n",
    ),
];
const DESCRIPTION: &str = "a file must be there, be fresh, and hold enough lines";
/// Folders in jobs/ that are no kinds, and `checker-job`, which is the package of the first of them.
const TAKEN: [&str; 3] = ["api", "parts", "job"];
const LONGEST: usize = 30;

/// The word of a new kind: `backup` in `[[job.backup]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind(String);

/// Why a word cannot name a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadName {
    /// It does not begin with a letter, or holds something else than lower case letters, digits and `_`.
    Letters,
    /// It is too long for tables that people read.
    Long,
    /// It is taken by what is in `jobs/`, or by a kind of this program.
    Taken,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Letters => {
                f.write_str("use a lower case letter, then lower case letters, digits and _, as in \"backup\"")
            }
            Self::Long => write!(f, "use at most {LONGEST} characters"),
            Self::Taken => f.write_str("there is such a kind already; choose another name"),
        }
    }
}

impl Kind {
    /// Reads a name; `known` are the kinds that there are.
    ///
    /// # Errors
    /// [`BadName`]
    pub fn new<'a>(word: &str, mut known: impl Iterator<Item = &'a str>) -> Result<Self, BadName> {
        let is_sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if !word.starts_with(|c: char| c.is_ascii_lowercase()) || !word.bytes().all(is_sound) {
            return Err(BadName::Letters);
        }
        if word.len() > LONGEST {
            return Err(BadName::Long);
        }
        if TAKEN.contains(&word) || known.any(|kind| kind == word) {
            return Err(BadName::Taken);
        }
        Ok(Self(word.to_owned()))
    }

    /// As it stands in `[[job.WORD]]`.
    pub fn word(&self) -> &str {
        &self.0
    }

    /// The package of its crate.
    pub fn package(&self) -> String {
        format!("checker-{}", self.0)
    }

    /// Its line in `src/bundled.rs`.
    pub fn line(&self) -> String {
        format!(".with::<{}::Spawner>()", self.module())
    }

    /// Its block of settings.
    pub fn example(&self) -> String {
        self.renamed(EXAMPLE[0].1)
    }

    fn module(&self) -> String {
        format!("checker_{}", self.0)
    }

    /// The crate for `jobs/WORD`.
    pub(super) fn crate_in_checkout(&self) -> Vec<(PathBuf, String)> {
        let manifest = self.renamed(MANIFEST).replace("the crate that you copy to write your own", DESCRIPTION);
        self.with_sources(manifest)
    }

    /// A package of its own, whose program is Checker with this kind.
    pub(super) fn crate_of_its_own(&self, checkout: &Path) -> Vec<(PathBuf, String)> {
        let (package, word, description) = (self.package(), &self.0, DESCRIPTION);
        // A string of JSON is one of TOML too.
        let path = |below: &str| serde_json::Value::from(checkout.join(below).display().to_string());
        let (checker, api) = (path(""), path("jobs/api"));
        let manifest = format!(
            "[package]\nname = \"{package}\"\nversion = \"0.1.0\"\ndescription = \"Checker with the job kind {word}: \
             {description}\"\nedition = \"2024\"\n\n# A workspace of its own, wherever it lies.\n[workspace]\n\n[[bin]]\n\
             name = \"checker\"\npath = \"src/main.rs\"\n\n[dependencies]\nchecker = {{ path = {checker} }}\n\
             checker-job = {{ path = {api} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\n\
             [dev-dependencies]\nchecker-job = {{ path = {api}, features = [\"conformance\"] }}\ntempfile = \"3\"\n\n\
             # As Checker itself: quick to build, quick enough to run; and small where cron starts it each minute.\n\
             [profile.dev]\nopt-level = 1\ndebug = \"line-tables-only\"\n\n[profile.dev.package.\"*\"]\ndebug = false\n\n\
             [profile.release]\nopt-level = \"s\"\nlto = \"fat\"\ncodegen-units = 1\n"
        );
        let mut files = self.with_sources(manifest);
        let main = format!(
            "//! Checker, with every job kind that it comes with, and ours.\n\n\
             fn main() -> std::process::ExitCode {{\n    checker::run(checker::bundled().with::<{}::Spawner>())\n}}\n",
            self.module()
        );
        files.push(("src/main.rs".into(), main));
        files
    }

    fn with_sources(&self, manifest: String) -> Vec<(PathBuf, String)> {
        let sources = EXAMPLE.map(|(name, text)| (PathBuf::from(name), self.renamed(text)));
        [(PathBuf::from("Cargo.toml"), manifest)].into_iter().chain(sources).collect()
    }

    fn renamed(&self, text: &str) -> String {
        let word = &self.0;
        let mut text = text.to_owned();
        for (from, to) in OF_ITSELF {
            text = text.replace(from, to);
        }
        text.replace("checker-example", &self.package())
            .replace("job.example", &format!("job.{word}"))
            .replace("= \"example\";", &format!("= \"{word}\";"))
            .replace("kind `example`: ", &format!("kind `{word}`: "))
            .replace("# example: ", &format!("# {word}: "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(word: &str) -> Result<Kind, BadName> {
        Kind::new(word, ["tcp", "http"].into_iter())
    }

    #[test]
    fn names_are_those_that_settings_and_crates_can_have() {
        for (word, why) in [
            ("", BadName::Letters),
            ("Backup", BadName::Letters),
            ("my-backup", BadName::Letters),
            ("9lives", BadName::Letters),
            ("_x", BadName::Letters),
            ("../up", BadName::Letters),
            ("tcp", BadName::Taken),
            ("api", BadName::Taken),
            ("parts", BadName::Taken),
            ("job", BadName::Taken),
            ("a_name_that_is_longer_than_it_need_be", BadName::Long),
        ] {
            assert_eq!(kind(word), Err(why), "{word}");
        }
        // No word of Rust is in the way: the crate's name begins with ours.
        for word in ["self", "super", "crate", "type", "fn", "async", "core"] {
            assert_eq!(kind(word).unwrap().line(), format!(".with::<checker_{word}::Spawner>()"));
        }
        assert_eq!(kind("backup_2").unwrap().line(), ".with::<checker_backup_2::Spawner>()");
    }

    #[test]
    fn nothing_of_the_example_is_left_but_what_it_began_as() {
        let kind = kind("backup").unwrap();
        for (name, text) in kind.crate_in_checkout().iter().chain(&kind.crate_of_its_own(Path::new("/src/checker"))) {
            let left: Vec<&str> = text.lines().filter(|line| line.contains("example")).collect();
            let known = |line: &&str| {
                line.contains("include_str!(\"../example.cfg\")")
                    || line.contains("`example.cfg`")
                    || line.contains("settings.cfg.example")
                    || line.contains("copy of the kind `example`")
                    || line.contains("checker_job::conformance")
            };
            assert!(left.iter().all(known), "{}: {left:#?}", name.display());
            assert!(!text.contains("to copy"), "{}", name.display());
        }
        assert!(kind.example().contains("[[job.backup]]"));
    }
}
