//! Webhooks, commands and the service of `[deadman]`: with real servers and real programs, in passes of the real program.

mod answers;
mod broken;
mod deadman;
mod hook;
mod hung;
mod looks;
mod script;
mod told;

use crate::support::binary::{Home, usual, utc};
use checker_job::Timestamp;
use std::time::Duration;

/// What must never be seen anywhere but in the request itself.
const SECRET: &str = "hunter2Planted";

/// Minutes after noon, a second late as cron is.
fn minute(n: u64) -> Timestamp {
    utc("2026-05-01 10:00:01").plus(Duration::from_secs(60 * n))
}

/// The table of a job that is well while the file `up.NAME` is there.
fn target(name: &str, keys: &str) -> String {
    format!(
        "[[job.example]]\nid = \"{name}\"\nname = \"{name}\"\nfailure_threshold = 1\n{keys}\npath = \"HOME/up.{name}\"\n\n"
    )
}

/// A webhook whose address is in the file `phone.url`.
fn webhook(name: &str, keys: &str) -> String {
    format!("[[channel.webhook]]\nname = \"{name}\"\nurl_file = \"{name}.url\"\n{keys}\n\n")
}

/// A home with these tables, and the address of the webhook `phone`.
fn home(tables: &[String], port: u16) -> Home {
    let home = Home::with_jobs("");
    home.write("phone.url", &format!("http://127.0.0.1:{port}/{SECRET}/topic\n"));
    home.settings(&usual(&tables.concat()));
    home
}

/// Mends the target of this name.
fn mend(home: &Home, name: &str) {
    home.write(&format!("up.{name}"), "up\n");
    let file = std::fs::File::options().write(true).open(home.path(&format!("up.{name}"))).expect("the target");
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).expect("an old file");
}

/// Breaks the target of this name.
fn smash(home: &Home, name: &str) {
    std::fs::remove_file(home.path(&format!("up.{name}"))).expect("the target");
}

/// Mail breaks: what should be its folder is a file. Or it works again.
fn mail_works(home: &Home, works: bool) {
    let folder = home.path("mail");
    if works {
        std::fs::remove_file(&folder).expect("the file in its place");
        if home.path("mail.kept").exists() {
            std::fs::rename(home.path("mail.kept"), folder).expect("the folder is back");
        }
    } else {
        if folder.exists() {
            std::fs::rename(&folder, home.path("mail.kept")).expect("the folder is away");
        }
        home.write("mail", "no folder\n");
    }
}

/// `DOWN: router` of `[alpha] DOWN: router: why`.
fn short(subject: &str) -> String {
    let subject = subject.strip_prefix("[alpha] ").unwrap_or(subject);
    subject.split(": ").take(2).collect::<Vec<_>>().join(": ")
}

/// Nothing that Checker wrote holds the secret.
#[track_caller]
fn no_secret_is_written(home: &Home) {
    for entry in std::fs::read_dir(home.path("")).expect("the folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.extension().is_some_and(|e| e == "url") || !path.is_file() {
            continue;
        }
        let bytes = std::fs::read(path).expect("a file");
        let found = bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes());
        assert!(!found, "{} holds the secret", name.display());
    }
}
