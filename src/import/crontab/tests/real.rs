//! Old and new lines, run by real shells.

use super::super::*;
use super::cronlike::{Whose, handed_on};
use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// In the place of `checker run NAME -- ...`.
const STUB: &str = "#!/bin/sh\n[ \"$1 $3\" = 'run --' ] || exit 99\nshift 3\nexec \"$@\"\n";

const LINES: [&str; 48] = [
    "cd sub && pwd | sed s,.*/,, && cat inner",
    "cd nowhere && cat inner",
    "VAR='a b' env | grep ^VAR=",
    "VAR=x sh -c 'echo $VAR'",
    "nice -n 19 ionice -c3 cat in",
    "nice -n 5 ./script.sh one two",
    "flock -n lock ./script.sh locked",
    "flock -n lock -c 'echo in; exit 4'",
    "[ -x ./script.sh ] && ./script.sh",
    "[ -x ./missing ] && ./missing",
    "test -x ./missing || ( cd sub && run-parts --report parts )",
    "test -x ./missing || { cd sub && cat inner; }",
    "[ -x ./script.sh ] && if [ ! -d ./nodir ]; then ./script.sh then; fi",
    "command -v cat > /dev/null && cat in",
    "./script.sh >/dev/null 2>&1",
    "./script.sh a b >> log 2>&1",
    "./script.sh x > out 2> err; exit 7",
    "./script.sh 2>&1 | tail -n 1",
    "run-parts --report sub/parts",
    "cd / && run-parts --report /nowhere",
    r"echo $(date +\%Y) | wc -c",
    r"date -u -d @0 +\%F_\%T",
    r"printf 'a\tb\\n\%s' x",
    r#"printf "\%s\n" "it's" 'say "hi"'"#,
    "cat%Hello,%%world%",
    r"cat > got%50\% off%and 'quotes'",
    "sort -r%a%b%c",
    r"expr $(date -u -d @0 +\%s) / 60 / 60 / 24 \% 9 > /dev/null || echo Wax the floor.",
    r#"echo "It's 10pm"; echo 'a'\''b'"#,
    r"echo a\\b 'c\\d' \\",
    r"echo tail \",
    "echo one # a comment, don't read it",
    "echo *; echo ~root; echo {a,b}; echo in*",
    "for f in a b c; do echo \"$f\"; done; false",
    "if ./script.sh q; then echo yes; else echo no; fi",
    "./script.sh fail",
    "sh -c 'exit 3' || exit 5",
    "nosuchprogram; echo $?",
    "umask 077; touch private; stat -c %a private",
    r"umask 027; touch private; stat -c \%a private",
    "timeout 5 cat in",
    "timeout 0.1 sleep 5",
    "/usr/bin/env A=b ./script.sh",
    "sh -c 'kill -TERM $$'; echo $?",
    "exec cat in",
    "echo err >&2; echo out; (exit 2)",
    "cat <<< x || echo no",
    "find sub -name '*.txt' -exec basename {} \\; | sort",
];
const BASH: [&str; 8] = [
    "[[ -x ./script.sh ]] && ./script.sh",
    "cat <(echo a) <(echo b)",
    "set -o pipefail; false | cat; echo $?",
    "source ./env.sh && echo $FROM_ENV",
    ". ./env.sh; echo \"${FROM_ENV^^}\"",
    "a=(1 '2 3'); echo \"${#a[@]}\"",
    "./script.sh &> all; cat all",
    "cat <<< \"here's\"",
];

/// A folder that is gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("croimport-{}-{number}", process::id()));
        fs::create_dir_all(path.join("sub/parts")).unwrap();
        let script = "#!/bin/sh\necho \"script $#: $*\"; echo bad >&2\n[ \"$1\" != fail ] || exit 42\n";
        for (name, text, mode) in [
            ("in", "input\n", 0o644),
            ("env.sh", "FROM_ENV=value\n", 0o644),
            ("script.sh", script, 0o755),
            ("sub/inner", "inner\n", 0o644),
            ("sub/a.txt", "", 0o644),
            ("sub/b.txt", "", 0o644),
            ("sub/parts/first", "#!/bin/sh\necho first\n", 0o755),
        ] {
            fs::write(path.join(name), text).unwrap();
            fs::set_permissions(path.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Ran {
    out: String,
    err: String,
    code: Option<i32>,
    files: BTreeMap<PathBuf, String>,
}

/// As cron runs a command.
fn run(command: &str, shell: &str, whose: Whose) -> Ran {
    let folder = Folder::new();
    let (text, input) = handed_on(command, whose);
    let mut child = Command::new(shell);
    child
        .args(["-c", &text])
        .current_dir(&folder.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    child.env_clear().env("PATH", "/usr/bin:/bin").env("SHELL", shell).env("HOME", &folder.0);
    let mut child = child.spawn().unwrap();
    // Who reads nothing may be gone already.
    drop(child.stdin.take().unwrap().write_all(input.unwrap_or_default().as_bytes()));
    let ended = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(folder.0.to_str().unwrap(), "HERE");
    let mut files = BTreeMap::new();
    read_all(&folder.0, &folder.0, &mut files);
    Ran { out: text(&ended.stdout), err: text(&ended.stderr), code: ended.status.code(), files }
}

fn read_all(from: &Path, base: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, base, files);
        } else {
            let text = fs::read_to_string(&path).unwrap().replace(base.to_str().unwrap(), "HERE");
            files.insert(path.strip_prefix(base).unwrap().to_owned(), text);
        }
    }
}

fn compare(lines: &[&str], shell: &str) {
    let stub = Folder(env::temp_dir().join(format!("croimport's {} {}", process::id(), shell.replace('/', "-"))));
    fs::create_dir_all(&stub.0).unwrap();
    let checker = stub.0.join("checker");
    fs::write(&checker, STUB).unwrap();
    fs::set_permissions(&checker, fs::Permissions::from_mode(0o755)).unwrap();
    for command in lines {
        let made = propose(&format!("SHELL={shell}\n0 3 * * * {command}\n"), Form::User, checker.to_str().unwrap());
        let wrapped = made.crontab.lines().nth(1).unwrap().strip_prefix("0 3 * * * ").unwrap();
        assert!(wrapped.contains("checker' run "), "{command} is not wrapped: {:?}", made.notes);
        for whose in [Whose::Debian, Whose::Cronie] {
            assert_eq!(run(command, shell, whose), run(wrapped, shell, whose), "{command}\n{wrapped}");
        }
    }
}

#[test]
fn old_and_new_do_the_same_under_sh() {
    compare(&LINES, "/bin/sh");
}

#[test]
fn old_and_new_do_the_same_under_bash() {
    compare(&LINES, "/bin/bash");
    compare(&BASH, "/bin/bash");
}

#[test]
fn the_stub_and_the_lines_are_worth_something() {
    let ran = run("./script.sh a; cat%x", "/bin/sh", Whose::Debian);
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), ("script 1: a\nx\n", "bad\n", Some(0)));
    assert_eq!(run("./script.sh fail", "/bin/sh", Whose::Debian).code, Some(42));
    assert!(run("echo x > y", "/bin/sh", Whose::Cronie).files.contains_key(Path::new("y")));
    let simple = LINES.iter().filter(|line| quote::is_simple(quote::split_input(line).0)).count();
    assert!((8..40).contains(&simple), "{simple}");
}
