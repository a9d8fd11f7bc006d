//! Settings: every wrong file of `tests/data/settings` gives exactly the report beside it, and good ones load.
//!
//! `CHECKER_WRITE_REPORTS=1 cargo test --test checker settings` writes the reports anew; then read each one.
//!
//! Lines that begin with `#!` in such a file say what is around it: `#! file NAME MODE TEXT` is another file (`\n`
//! stands for a line break), `#! mode MODE` is the mode of the file itself, 0600 otherwise.

mod example;
mod good;
mod kinds;
mod secrets;
mod together;
mod windows;

use checker::settings::{Env, Report, Settings, load, load_text};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a planted secret begins with: it may appear in no report.
const PLANTED: &str = "hunter2";

fn put(path: &Path, mode: u32, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn octal(word: &str) -> u32 {
    u32::from_str_radix(word, 8).unwrap()
}

/// The text as `settings.cfg` in a new folder, with everything its `#!` lines ask for.
fn folder(text: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut mode = 0o600;
    for line in text.lines().filter_map(|l| l.strip_prefix("#! ")) {
        let mut words = line.splitn(4, ' ');
        match (words.next().unwrap(), words.next().unwrap()) {
            ("mode", m) => mode = octal(m),
            ("file", name) => {
                let file_mode = octal(words.next().unwrap());
                let text = words.next().unwrap_or_default().replace("\\n", "\n");
                put(&dir.path().join(name), file_mode, &text);
            }
            (other, _) => panic!("unknown word {other}"),
        }
    }
    put(&dir.path().join("settings.cfg"), mode, text);
    dir
}

fn judged(dir: &TempDir) -> Result<(Settings, Report), Report> {
    let env = Env::bare(dir.path());
    load(Path::new("settings.cfg"), &kinds::registry(), &env)
}

/// The report as text, with the folder called DIR.
fn rendered(report: &Report, dir: &TempDir) -> String {
    report.render().replace(&*dir.path().to_string_lossy(), "DIR")
}

fn cases() -> Vec<PathBuf> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/settings");
    let mut all: Vec<PathBuf> = std::fs::read_dir(data)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "cfg"))
        .collect();
    all.sort();
    all
}

#[test]
fn wrong_files_give_their_exact_report() {
    let write = std::env::var_os("CHECKER_WRITE_REPORTS").is_some();
    let mut wrong = Vec::new();
    let all = cases();
    assert!(all.len() >= 30, "only {} wrong files", all.len());
    for case in all {
        let dir = folder(&std::fs::read_to_string(&case).unwrap());
        let Err(report) = judged(&dir) else {
            panic!("{} is accepted", case.display());
        };
        assert!(report.has_errors(), "{}", case.display());
        let text = rendered(&report, &dir);
        let json = report.to_json().to_string();
        for shown in [&text, &json, &format!("{report:?}")] {
            assert!(!shown.contains(PLANTED), "{}:\n{shown}", case.display());
        }
        let beside = case.with_extension("txt");
        if write {
            std::fs::write(&beside, &text).unwrap();
        } else if std::fs::read_to_string(&beside).unwrap_or_default() != text {
            wrong.push(format!("--- {}\n{text}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "other reports than noted:\n{}", wrong.join("\n"));
}

#[test]
fn problems_come_in_the_order_of_their_places() {
    for case in cases() {
        let dir = folder(&std::fs::read_to_string(&case).unwrap());
        let report = judged(&dir).unwrap_err();
        let of_main: Vec<usize> = report
            .problems
            .iter()
            .filter(|p| p.file == Path::new("settings.cfg"))
            .map(|p| p.place.as_ref().map_or(0, |at| at.line))
            .collect();
        assert!(of_main.is_sorted(), "{}: {of_main:?}", case.display());
    }
}

#[test]
fn a_report_for_programs_says_the_same() {
    let dir = folder("[general]\nservername = 7\nalertcontact = \"you@example.com\"\n[email]\ntransport = \"file\"\n");
    let json = judged(&dir).unwrap_err().to_json();
    assert_eq!(json["v"], 1);
    assert_eq!(json["usable"], false);
    assert_eq!(json["errors"], 1);
    let problem = &json["problems"][0];
    assert_eq!(problem["severity"], "error");
    assert_eq!((&problem["line"], &problem["column"]), (&2.into(), &14.into()));
    assert_eq!(problem["file"], "settings.cfg");
    assert_eq!(problem["message"], "\"servername\" must be a text, and this is a whole number");
}

#[test]
fn what_is_no_readable_file_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let env = Env::bare(dir.path());
    let words = |name: &str| {
        let report = load(Path::new(name), &kinds::registry(), &env).unwrap_err();
        rendered(&report, &dir)
    };
    assert!(
        words("missing.cfg").starts_with("missing.cfg: error: the settings file cannot be read: it does not exist\n")
    );
    assert!(words(".").starts_with(".: error: this is no file\n"));
    put(&dir.path().join("latin.cfg"), 0o600, "");
    std::fs::write(dir.path().join("latin.cfg"), b"[general]\nservername = \"K\xf6ln\"\n").unwrap();
    assert!(words("latin.cfg").starts_with("latin.cfg: error: line 2 is not UTF-8 text\n"));
}

#[test]
fn random_damage_never_panics_and_never_shows_the_secret() {
    let text = "[general]\nservername = \"alpha\"\nalertcontact = \"you@example.com\"\n[email]\nfrom = \"a@example.com\"\n\
        [email.smtp]\nhost = \"smtp.example.com\"\nuser = \"a\"\npass = \"hunter2-planted\"\n[[job.tcp]]\naddress = \"a:1\"\n";
    let env = Env::bare("/nowhere");
    let registry = kinds::registry();
    let start = text.find(PLANTED).unwrap();
    let mut broken = 0;
    for at in 0..text.len() {
        // The damage must not turn the key itself into another word, or nobody could know that a secret follows.
        if (start - 8..start + 16).contains(&at) {
            continue;
        }
        for with in ["", "\"", "=", "[", "\n", "\\", "'''"] {
            let mut damaged = text.to_owned();
            damaged.replace_range(at..=at, with);
            if let Err(report) = load_text(Path::new("/x/settings.cfg"), &damaged, &registry, &env) {
                broken += 1;
                let shown = report.render();
                assert!(!shown.contains(PLANTED), "{damaged}\n{shown}");
            }
        }
    }
    assert!(broken > 500, "{broken}");
}
