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

/// What a checkout is known by, and what a new kind is written into; nothing can be built of it.
struct Sham {
    folder: TempDir,
}

impl Sham {
    fn new() -> Self {
        let sham = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["jobs/api", "jobs/example", "src"] {
            fs::create_dir_all(sham.path(folder)).unwrap();
        }
        fs::write(sham.path("Cargo.toml"), "[package]\nname = \"checker\"\n").unwrap();
        fs::write(sham.path("jobs/api/Cargo.toml"), "").unwrap();
        for name in ["src/bundled.rs", "settings.cfg.example", "jobs/example/example.cfg"] {
            fs::copy(Path::new(ROOT).join(name), sham.path(name)).unwrap();
        }
        sham
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `checker new-job` with these words, and with this cargo.
    fn new_job(&self, cargo: &Path, words: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_checker"));
        command.arg("new-job").args(words).env("CARGO", cargo).current_dir(self.folder.path()).stdin(Stdio::null());
        done(&command.output().unwrap())
    }

    /// All that lies below it, with its text.
    fn all(&self) -> Vec<(PathBuf, String)> {
        let (mut all, mut folders) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                }
                all.push((entry.path(), fs::read_to_string(entry.path()).unwrap_or_default()));
            }
        }
        all.sort();
        all
    }
}

/// A program that stands for cargo.
fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("cargo");
    // Not by ourselves: what another test has forked at this moment would hold it open for writing, and it would be busy.
    let write = "printf '%s\\n' '#!/bin/sh' \"$1\" >\"$0\" && chmod 700 \"$0\"";
    let done = Command::new("/bin/sh").args(["-c", write]).arg(&path).arg(text).status().unwrap();
    assert!(done.success());
    path
}

#[test]
fn what_cargo_does_not_do_is_left_to_the_hands_of_who_asked() {
    let beside = tempfile::tempdir().unwrap();
    let says_why = script(beside.path(), "echo >&2; echo 'error: Cargo.toml cannot be written' >&2; exit 101");
    for (cargo, why) in [
        (Path::new("/bin/false"), "(cargo failed, and says nothing)\n"),
        (Path::new("/nonexistent/cargo"), "(cargo does not start: No such file or directory (os error 2))\n"),
        (&says_why, "(error: Cargo.toml cannot be written)\n"),
    ] {
        let sham = Sham::new();
        let done = sham.new_job(cargo, &["tape"]);
        assert_eq!((done.code, &*done.err), (74, ""), "{done:?}");
        assert!(done.out.starts_with("The crate of the job kind tape is made, but not all that"), "{}", done.out);
        for step in [
            "let Checker depend on it: cargo add -p checker --path jobs/tape ",
            "bring fuzz/Cargo.lock up to date: (cd fuzz && cargo metadata --format-version 1 >/dev/null) ",
        ] {
            let whole = format!("This is left to you, at the root of the repository: {step}{why}");
            assert!(done.out.contains(&whole), "{whole}{}", done.out);
        }
        assert_eq!(done.out.matches("This is left to you").count(), 2, "the rest is done: {}", done.out);
        for file in ["Cargo.toml", "Cargo.lock", "fuzz/Cargo.lock"] {
            assert!(!done.out.contains(&format!("  {file}\n")), "{file} is as it was: {}", done.out);
        }
        for file in ["jobs/tape/Cargo.toml", "jobs/tape/src/lib.rs", "src/bundled.rs", "settings.cfg.example"] {
            assert!(done.out.contains(&format!("  {file}\n")), "{file}: {}", done.out);
            assert!(sham.read(file).contains("tape"), "{file}");
        }
    }
}

#[test]
fn what_is_in_a_checkout_is_changed_where_a_kind_is_listed_and_nowhere_else() {
    let sham = Sham::new();
    let before = sham.all();
    let beside = tempfile::tempdir().unwrap();
    let notes = beside.path().join("notes");
    let cargo = script(beside.path(), &format!("pwd >>{notes:?}; echo \"$*\" >>{notes:?}"));
    let done = sham.new_job(&cargo, &["tape"]);
    assert_eq!((done.code, &*done.err), (0, ""), "{done:?}");
    let (root, said) = (sham.folder.path().canonicalize().unwrap(), fs::read_to_string(notes).unwrap());
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said[..2], [root.to_str().unwrap(), "add -q -p checker --path jobs/tape"]);
    assert_eq!(said[3], "metadata -q --format-version 1 --manifest-path fuzz/Cargo.toml");
    let bundled = sham.read("src/bundled.rs");
    assert!(
        bundled.contains("        .with::<checker_example::Spawner>()\n        .with::<checker_tape::Spawner>()\n}")
    );
    let (example, tape) = (sham.read("jobs/example/example.cfg"), sham.read("jobs/tape/example.cfg"));
    assert!(sham.read("settings.cfg.example").contains(&format!("{example}\n{tape}")), "one behind the other");
    for (path, text) in sham.all() {
        let name = path.strip_prefix(sham.folder.path()).unwrap().to_owned();
        let is_ours = name.starts_with("jobs/tape")
            || ["src/bundled.rs", "settings.cfg.example"].map(Path::new).contains(&&*name);
        assert!(is_ours || before.contains(&(path, text)), "{}", name.display());
    }
}

/// Puts something in the way.
type Make = fn(&Sham);

#[test]
fn a_checkout_that_cannot_take_the_kind_is_left_as_it_was() {
    let cargo = Path::new("/bin/false");
    let makes: [(&str, Make, i32, &str); 7] = [
        ("tape", |sham| fs::create_dir(sham.path("jobs/tape")).unwrap(), 73, "jobs/tape is there already; choose"),
        ("tape", |sham| fs::write(sham.path("jobs/tape"), "mine").unwrap(), 73, "jobs/tape is there already; choose"),
        ("tape", |sham| symlink("/nowhere", sham.path("jobs/tape")).unwrap(), 73, "jobs/tape is there already; choose"),
        ("tape", |sham| fs::write(sham.path("src/bundled.rs"), "fn f() {}\n").unwrap(), 73, "lists no kind any more"),
        ("tape", |sham| fs::remove_file(sham.path("src/bundled.rs")).unwrap(), 73, "src/bundled.rs: No such file"),
        ("api", |_| (), 64, "there is such a kind already"),
        // The package of jobs/api is called checker-job.
        ("job", |_| (), 64, "there is such a kind already"),
    ];
    for (name, make, code, wanted) in makes {
        let sham = Sham::new();
        make(&sham);
        let before = sham.all();
        let done = sham.new_job(cargo, &[name]);
        assert_eq!(done.code, code, "{name}: {done:?}");
        assert!(done.err.contains(wanted), "{name}: {}", done.err);
        assert!(sham.all() == before, "{name}: {wanted}");
    }
}

#[test]
fn what_cannot_be_listed_is_left_to_the_hands_of_who_asked() {
    let sham = Sham::new();
    let beside = tempfile::tempdir().unwrap();
    let cargo = script(beside.path(), "exit 0");
    fs::write(sham.path("settings.cfg.example"), "# ours\n").unwrap();
    // In the way of the file that is to take the place of bundled.rs.
    fs::create_dir(sham.path("src/bundled.new")).unwrap();
    let bundled = sham.read("src/bundled.rs");
    let done = sham.new_job(&cargo, &["tape"]);
    assert_eq!((done.code, &*done.err), (74, ""), "{done:?}");
    for step in [
        "add the line .with::<checker_tape::Spawner>() to src/bundled.rs (cannot write ",
        "put jobs/tape/example.cfg into settings.cfg.example (the block of the kind example is not there)\n",
    ] {
        let whole = format!("This is left to you, at the root of the repository: {step}");
        assert!(done.out.contains(&whole), "{whole}{}", done.out);
    }
    let written = done.out.contains("  Cargo.toml\n");
    let not = done.out.contains("  src/bundled.rs\n") || done.out.contains("  settings.cfg.example\n");
    assert!(written && !not, "{}", done.out);
    assert_eq!((sham.read("src/bundled.rs"), &*sham.read("settings.cfg.example")), (bundled, "# ours\n"));
}
