//! Maildirs in a temporary folder.

use super::*;
use crate::mailbox::{Arrival, arrival};
use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;
use tempfile::TempDir;

const TEXT: &str = "0123456789abcdefghijklmnop";

fn token() -> [Token; 1] {
    [Token::new(TEXT, Some("<known@here>")).unwrap()]
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn maildir(folders: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["."].iter().chain(folders) {
        for sub in ["cur", "new", "tmp"] {
            fs::create_dir_all(dir.path().join(folder).join(sub)).unwrap();
        }
    }
    dir
}

fn ours(received: bool) -> String {
    let received = if received { "Received: by here\n" } else { "" };
    format!("{received}Subject: x\nX-Checker-Canary: {TEXT}\n\nbody\n")
}

fn found(dir: &TempDir) -> Looked {
    look(dir.path(), &token(), soon()).unwrap()
}

#[test]
fn places_are_told_by_folder() {
    for (path, expected) in [
        ("new/1.a.host", Arrival::Arrived("INBOX".to_owned())),
        ("cur/1.a.host:2,S", Arrival::Arrived("INBOX".to_owned())),
        (".Lists.Checker/new/1.a", Arrival::Arrived("Lists.Checker".to_owned())),
        (".Spam/new/1.a", Arrival::Astray("Spam".to_owned(), Place::Junk)),
        (".INBOX.Gel&APY-scht/cur/1.a:2,", Arrival::Astray("INBOX.Gelöscht".to_owned(), Place::Trash)),
        (".Sent/cur/1.a:2,S", Arrival::OwnCopy),
    ] {
        let dir = maildir(&[".Lists.Checker", ".Spam", ".INBOX.Gel&APY-scht", ".Sent"]);
        fs::write(dir.path().join("cur/9.other"), "Subject: y\n\n").unwrap();
        fs::write(dir.path().join(path), ours(true)).unwrap();
        let looked = found(&dir);
        assert_eq!(arrival(TEXT, &looked.sightings), expected, "{path}");
        assert!(looked.skipped.is_empty() && looked.sightings[0].internal_date.is_some());
    }
    let dir = maildir(&[]);
    fs::write(dir.path().join("new/1"), ours(false)).unwrap();
    assert_eq!(arrival(TEXT, &found(&dir).sightings), Arrival::OwnCopy, "nobody has received it");
    fs::write(dir.path().join("new/2"), "Received: x\r\nMessage-Id: <known@here>\r\n\r\n").unwrap();
    assert_eq!(arrival(TEXT, &found(&dir).sightings), Arrival::Arrived("INBOX".to_owned()));
}

#[test]
fn nothing_is_followed_out_and_nothing_holds_us() {
    let outside = maildir(&[]);
    fs::write(outside.path().join("new/1"), ours(true)).unwrap();
    let dir = maildir(&[".half"]);
    symlink(outside.path(), dir.path().join(".Link")).unwrap();
    symlink(outside.path().join("new/1"), dir.path().join("new/link")).unwrap();
    fs::remove_dir(dir.path().join(".half/cur")).unwrap();
    symlink(outside.path().join("new"), dir.path().join(".half/cur")).unwrap();
    nix::unistd::mkfifo(&dir.path().join("new/pipe"), Mode::from_bits_truncate(0o600)).unwrap();
    fs::create_dir(dir.path().join("new/folder")).unwrap();
    fs::write(dir.path().join(".file"), "x").unwrap();
    assert_eq!(found(&dir), Looked::default());
    assert_eq!(clean(dir.path(), &token(), soon()).unwrap(), Cleaned::default());
    assert!(outside.path().join("new/1").exists());
}

#[test]
fn only_our_own_are_removed() {
    let dir = maildir(&[".Sent"]);
    let foreign = format!("Received: x\nSubject: {TEXT}\n\nX-Checker-Canary: {TEXT}\n");
    for (path, text) in [
        ("new/1", ours(true)),
        (".Sent/cur/2:2,ST", ours(false)),
        ("cur/3:2,T", foreign.clone()),
        ("tmp/4", ours(true)),
    ] {
        fs::write(dir.path().join(path), text).unwrap();
    }
    let cleaned = clean(dir.path(), &token(), soon()).unwrap();
    assert_eq!(cleaned, Cleaned { removed: 2, ..Cleaned::default() });
    assert_eq!(fs::read_to_string(dir.path().join("cur/3:2,T")).unwrap(), foreign);
    assert!(dir.path().join("tmp/4").exists(), "what is not delivered yet is left alone");
    assert_eq!(found(&dir), Looked::default());
}

#[test]
fn thousands_of_mails_are_quick_and_large_ones_are_not_read() {
    let dir = maildir(&[]);
    fs::write(dir.path().join("cur/0:2,S"), ours(true)).unwrap();
    // Whoever is beyond the newest is not seen, and the time stamps of names count for nothing.
    std::thread::sleep(Duration::from_millis(20));
    for n in 0..NEWEST {
        fs::write(dir.path().join(format!("cur/{n}.old:2,S")), "Subject: x\n\n").unwrap();
    }
    assert_eq!(found(&dir), Looked::default());
    fs::rename(dir.path().join("cur/0:2,S"), dir.path().join("cur/0:2,")).unwrap();
    assert_eq!(found(&dir).sightings.len(), 1);
    let endless = format!("Received: x\nX-Long: {}\nX-Checker-Canary: {TEXT}\n\n", "y".repeat(HEADER_MAX));
    let dir = maildir(&[]);
    fs::write(dir.path().join("new/1"), endless).unwrap();
    assert_eq!(found(&dir), Looked::default(), "only the first 64 KiB are read");
}

#[test]
fn what_is_no_maildir_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let said = |path: &Path| look(path, &token(), soon()).unwrap_err().to_string();
    assert!(said(dir.path()).ends_with("is no maildir, it has no folder new; correct the key path"));
    let missing = said(&dir.path().join("missing"));
    assert!(missing.starts_with("maildir /") && missing.ends_with("No such file or directory; correct the key path"));
    let dir = maildir(&[]);
    fs::write(dir.path().join("new/1"), "x").unwrap();
    let late = look(dir.path(), &token(), Instant::now()).unwrap_err();
    assert_eq!(late.why, Why::Slow("its messages".to_owned()));
}
