//! A job kind of one's own, both ways: written into Checker, and in a package that is Checker and the kind. Written by the
//! program, built and run.

use crate::support::binary::{Done, Home, done};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A copy of Checker's sources that may be written to.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("checker-own-").tempdir().unwrap();
        copy(Path::new(ROOT), &folder.path().join("checker"));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `checker new-job` with these words, in this folder.
    fn new_job(&self, at: &str, words: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_checker"));
        done(&command.arg("new-job").args(words).current_dir(self.path(at)).stdin(Stdio::null()).output().unwrap())
    }

    fn cargo(&self, at: &str, words: &[&str]) {
        let mut command = Command::new(std::env::var_os("CARGO").expect("cargo runs the tests"));
        command.args(words).arg("--offline").current_dir(self.path(at)).stdin(Stdio::null());
        let out = command.env("CARGO_TARGET_DIR", self.path("target")).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "cargo {words:?}: {}{said}", String::from_utf8_lossy(&out.stdout));
    }

    /// What the tests of Checker have built of other people's crates need not be built again. All that is Checker's own is
    /// left out: the copy's would be written over it.
    fn borrow_what_is_built(&self) {
        let deps = std::env::current_exe().unwrap();
        let built = deps.parent().unwrap().parent().unwrap();
        for below in ["deps", "build", ".fingerprint"] {
            let to = self.path("target/debug").join(below);
            fs::create_dir_all(&to).unwrap();
            for entry in fs::read_dir(built.join(below)).unwrap().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.contains("checker") || name.contains("bad_jobs") || name.starts_with("pass-") {
                    continue;
                }
                link(&entry.path(), &to.join(&name), below == ".fingerprint");
            }
        }
    }
}

/// Links what is only read, and copies what cargo may write.
fn link(from: &Path, to: &Path, may_write: bool) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().flatten() {
            link(&entry.path(), &to.join(entry.file_name()), may_write);
        }
    } else if may_write || fs::hard_link(from, to).is_err() {
        // What another process of cargo has just taken away is not needed. The time of a file is what cargo goes by.
        let Ok(meta) = fs::metadata(from) else { return };
        if fs::copy(from, to).is_ok() {
            let file = fs::File::options().write(true).open(to).unwrap();
            file.set_modified(meta.modified().unwrap()).unwrap();
        }
    }
}

/// All but what is built and what git keeps.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let target = to.join(&name);
        if name == "target" || name == ".git" {
            continue;
        }
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&path, &target);
        } else if kind.is_symlink() {
            symlink(fs::read_link(&path).unwrap(), &target).unwrap();
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_kind_of_ones_own_is_written_built_and_run_in_both_ways() {
    let copy = Copy::new();
    let inside = copy.new_job("checker/jobs", &["tape"]);
    assert_eq!((inside.code, &*inside.err), (0, ""), "{inside:?}");
    assert!(inside.out.contains("settings may hold [[job.tape]]"), "{}", inside.out);
    assert!(copy.read("checker/src/bundled.rs").contains("        .with::<checker_tape::Spawner>()\n}"));
    assert!(copy.read("checker/settings.cfg.example").contains("\n[[job.tape]]\n"));
    assert!(copy.read("checker/fuzz/Cargo.lock").contains("name = \"checker-tape\""));
    let outside = copy.new_job("", &["disc", "--outside", "mine", "--checker", "checker"]);
    assert_eq!((outside.code, &*outside.err), (0, ""), "{outside:?}");

    copy.borrow_what_is_built();
    // One build for both: the package outside is made of the Checker that has the kind inside.
    copy.cargo("mine", &["build"]);
    copy.cargo("checker", &["test", "-q", "-p", "checker-tape"]);
    let home = Home::with_jobs(
        "[[job.tape]]\nname = \"on tape\"\npath = \"HOME/tape.log\"\n\n[[job.disc]]\nname = \"on disc\"\npath = \
         \"HOME/disc.log\"\nmin_lines = 2\n",
    )
    .running(&copy.path("target/debug/checker"));
    home.settings(&home.read("settings.cfg"));
    home.write("disc.log", "one\ntwo\n");
    let tape = home.run(&["try", "on tape"]);
    assert!(tape.out.starts_with("on tape: failed") && tape.out.contains("tape.log is not there"), "{tape:?}");
    let disc = home.run(&["try", "on disc"]);
    assert!(disc.out.starts_with("on disc: ok"), "{disc:?}");
    assert_eq!(home.run(&["cron", "--now"]).code, 0);
    home.write("tape.log", "");
    let again = home.run(&["try", "on tape"]);
    assert!(again.out.starts_with("on tape: ok"), "{again:?}");
}

#[test]
fn nothing_that_is_there_is_written_over_and_each_wrong_word_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let new_job = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_checker"));
        done(&command.arg("new-job").args(words).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap())
    };
    for (words, code, wanted) in [
        (&["tape"][..], 64, "is not in a checkout of Checker's sources; change into one, or name it with --checker"),
        (&["Tape", "--checker", ROOT], 64, "\"Tape\" cannot name a job kind: use a lower case letter"),
        (&["tcp", "--checker", ROOT], 64, "there is such a kind already"),
        (&["parts", "--checker", ROOT], 64, "there is such a kind already"),
        (&["tape", "--checker", ROOT, "--outside", "."], 73, "is there already; name a folder that is not"),
        (&["tape", "--checker", ROOT, "--outside", "/proc/no"], 73, "cannot write /proc/no"),
    ] {
        let done = new_job(words);
        assert_eq!(done.code, code, "{words:?}: {done:?}");
        assert!(done.err.starts_with("checker: ") && done.err.contains(wanted), "{words:?}: {}", done.err);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of what was refused");
}
