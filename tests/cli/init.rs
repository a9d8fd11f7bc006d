//! `checker init`: with flags, and at a terminal.

use super::home;
use crate::support::binary::{Home, done};
use nix::pty::openpty;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn empty() -> Home {
    let home = home();
    fs::remove_file(home.path("settings.cfg")).expect("the settings");
    home
}

fn mode(home: &Home, name: &str) -> u32 {
    fs::metadata(home.path(name)).expect("a file").permissions().mode() & 0o777
}

/// What `init` proposes for later is as good as what it writes.
fn what_is_proposed_is_good(home: &Home, text: &str) {
    let (before, after) = text.split_once("# [daemon]\n").expect("a proposal");
    let proposed: String =
        after.lines().map(|l| l.trim_start_matches("# ").trim_start_matches('#').to_owned() + "\n").collect();
    home.write("mail.secret", "correct horse\n");
    home.write("proposed.cfg", &format!("{before}[daemon]\n{proposed}"));
    let check = done(&home.bare(&["check", "-f", "proposed.cfg"]).output().expect("the program starts")).ended(0);
    assert!(check.out.contains("the settings are good") && !check.out.contains("warning"), "{check:?}");
    assert!(before.len() > 100 && proposed.contains("[canary]\n"), "{text}");
}

#[test]
fn each_question_has_a_flag() {
    let home = empty();
    home.write("the.secret", "correct horse\n");
    home.write("own-ca.pem", "");
    let flags = [
        "init",
        "--servername",
        "alpha \"the first\"",
        "--contact",
        "you@example.com",
        "--mail",
        "mail.example.com:465",
        "--user",
        "alpha",
        "--pass-file",
        "the.secret",
        "--from",
        "alpha@example.com",
    ];
    let bare = |args: &[&str]| done(&home.bare(args).output().expect("the program starts"));
    let told = bare(&flags).ended(0);
    let line = format!("* * * * * {} cron -f {}", env!("CARGO_BIN_EXE_checker"), home.text("settings.cfg"));
    assert!(told.out.lines().any(|l| l == line), "a line for the crontab, with real paths: {told:?}");
    assert_eq!(mode(&home, "settings.cfg"), 0o600);
    let text = home.read("settings.cfg");
    for words in ["security = \"tls\"", "port = 465", "servername = \"alpha \\\"the first\\\"\"", "user = \"alpha\""] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains("correct horse") && !told.out.contains("correct horse"));
    let check = home.run(&["check"]).ended(0);
    assert!(check.out.contains("the settings are good") && !check.out.contains("warning"), "{check:?}");
    what_is_proposed_is_good(&home, &text);
    // It does not write over what is there.
    let again = bare(&flags).ended(64);
    assert!(again.err.contains("settings.cfg exists") && again.err.contains("--force"), "{again:?}");
    assert_eq!(home.read("settings.cfg"), text);
    let other = [
        "init",
        "--force",
        "--servername",
        "beta",
        "--contact",
        "me@example.com",
        "--mail",
        "file",
        "--from",
        "b@example.com",
    ];
    bare(&other).ended(0);
    assert!(home.read("settings.cfg").contains("servername = \"beta\"") && mode(&home, "settings.cfg") == 0o600);
    home.run(&["check"]).ended(0);
    home.run(&["test"]).ended(0);
    assert_eq!(home.subjects(), ["[beta] TEST: Checker can reach you"]);
    for mail in ["sendmail", "localhost:25"] {
        let file = format!("{}.cfg", mail.replace(':', "-"));
        let flags = ["init", "-f", &file, "--servername", "b", "--contact", "me@example.com", "--mail", mail];
        bare(&[&flags[..], &["--user", "none", "--from", "b@example.com"]].concat()).ended(0);
        bare(&["check", "-f", &file]).ended(0);
    }
}

#[test]
fn what_cannot_work_is_said_and_not_left_as_a_trap() {
    let home = empty();
    let flags =
        ["init", "--servername", "a", "--contact", "not an address", "--mail", "file", "--from", "b@example.com"];
    let told = done(&home.bare(&flags).output().expect("the program starts")).ended(64);
    assert!(told.err.contains("no mail address") && !home.path("settings.cfg").exists(), "{told:?}");
    let flags = flags.map(|f| if f == "not an address" { "me@example.com" } else { f });
    let told =
        done(&home.bare(&["init", "-f", "/proc/nowhere/settings.cfg"]).args(&flags[1..]).output().expect("a start"));
    assert!(told.err.contains("/proc/nowhere"), "{told:?}");
    assert_eq!(told.code, 73, "{told:?}");
}

/// A terminal on which somebody types answers when they are asked for.
struct Screen {
    keyboard: File,
    shown: Arc<Mutex<String>>,
}

impl Screen {
    fn wait_for(&self, words: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.text().contains(words) {
            assert!(Instant::now() < until, "no \"{words}\" in: {}", self.text());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn text(&self) -> String {
        self.shown.lock().expect("the screen").clone()
    }
}

#[test]
fn at_a_terminal_six_things_are_asked_and_the_password_is_not_shown() {
    let home = empty();
    let pty = openpty(None, None).expect("a terminal");
    let end = || Stdio::from(pty.slave.try_clone().expect("a descriptor"));
    let mut command = home.bare(&["init"]);
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().expect("the program starts");
    drop(command);
    let shown = Arc::new(Mutex::new(String::new()));
    let (mut reader, screen) = (File::from(pty.master.try_clone().expect("a descriptor")), Arc::clone(&shown));
    drop(pty.slave);
    let reading = std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        // Linux ends a terminal that nobody holds any more with an error.
        while let Ok(n @ 1..) = reader.read(&mut bytes) {
            screen.lock().expect("the screen").push_str(&String::from_utf8_lossy(&bytes[..n]));
        }
    });
    let mut screen = Screen { keyboard: File::from(pty.master), shown };
    let dialogue = [
        ("1/6", "alpha"),
        ("2/6", ""),
        ("This one has no default.", "you@example.com"),
        ("3/6", "mail.example.com"),
        ("4/6", "alpha-checker"),
        ("5/6", "alpha@example.com"),
        ("6/6 The password of alpha-checker?", "correct horse"),
    ];
    for (question, answer) in dialogue {
        screen.wait_for(question);
        // The terminal stops showing what is typed only after the sixth question is on the screen.
        screen.keyboard.write_all(format!("{answer}\n").as_bytes()).expect("typing");
    }
    assert_eq!(child.wait().expect("its end").code(), Some(0), "{}", screen.text());
    drop(screen.keyboard);
    reading.join().expect("the screen");
    let text = screen.shown.lock().expect("the screen").clone();
    assert!(text.contains("you@example.com") && text.contains("* * * * * "), "{text}");
    assert!(!text.contains("correct horse"), "{text}");
    let settings = home.read("settings.cfg");
    assert!(!settings.contains("correct horse") && settings.contains("pass_file = \"mail.secret\""), "{settings}");
    assert_eq!(home.read("mail.secret"), "correct horse\n");
    assert_eq!((mode(&home, "settings.cfg"), mode(&home, "mail.secret")), (0o600, 0o600));
    home.run(&["check"]).ended(0);
}
