//! What stands in a file.

use super::*;
use std::fs;
use std::io::{Read, Write};

#[test]
fn lines_are_wanted_and_forbidden() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "started\r\n3 files saved\nERROR: disk\nERROR: again\nbackup complete").unwrap();
    ok(&path, "contains = [\"backup complete\", \"started\"]\nmatches = '^[0-9]+ files saved$'");
    ok(&path, "matches = '^started$'");
    ok(&path, "not_contains = \"WARN\"\nnot_matches = ['^saved', 'complete.']");
    failed(&path, "contains = [\"started\", \"all good\"]", "has no line that contains \"all good\"");
    failed(&path, "matches = '^files'", "has no line that matches \"^files\"");
    failed(&path, "not_contains = \"ERROR\"", "has 2 lines that contain \"ERROR\", the last: \"ERROR: again\"");
    failed(&path, "not_matches = '(?i)DISK'", "has a line that matches \"(?i)DISK\": \"ERROR: disk\"");
    failed(
        &path,
        "contains = \"x\"\nnot_contains = \"3\"",
        "has no line that contains \"x\"; and it has a line that contains \"3\": \"3 files saved\"",
    );
    fs::write(&path, "").unwrap();
    failed(&path, "contains = \"x\"", "has no line that contains \"x\"");
    ok(&path, "not_contains = \"x\"");
}

#[test]
fn of_a_long_file_one_end_is_read_and_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut text = "first line\n".to_owned();
    text.push_str(&"in between\n".repeat(10_000));
    text.push_str("last line\n");
    fs::write(&path, &text).unwrap();
    ok(&path, "contains = [\"first\", \"last\"]");
    ok(&path, "contains = \"last\"\nread_max = \"1KiB\"");
    failed(&path, "contains = \"first\"\nread_max = \"21B\"", "has no line that contains \"first\" in its last 21 B");
    // A line of which only the end is read is none.
    failed(&path, "contains = \"tween\"\nread_max = \"19B\"", "has no line that contains \"tween\" in its last 10 B");
    ok(&path, "contains = \"in between\"\nread_max = \"21B\"");
    let start = "read_from = \"start\"\nread_max = \"11B\"";
    ok(&path, &format!("contains = \"first line\"\n{start}"));
    failed(&path, &format!("contains = \"last\"\n{start}"), "has no line that contains \"last\" in its first 11 B");
    ok(&path, &format!("not_contains = \"last\"\n{start}"));
}

#[test]
fn a_line_that_is_longer_than_what_is_read_is_looked_at_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    for end in ["", "\n"] {
        fs::write(&path, format!("{}ERROR{end}", "x".repeat(5_000))).unwrap();
        let (verdict, sentence) = said(&path, "not_contains = \"ERROR\"\nread_max = \"1KiB\"");
        assert_eq!(verdict, Verdict::Failed, "{sentence}");
        assert!(sentence.starts_with("has a line that contains \"ERROR\" in its last 1 KiB: \"xxx"), "{sentence}");
        ok(&path, "contains = \"ERROR\"\nread_max = \"6B\"");
    }
}

#[test]
fn a_log_that_begins_anew_while_it_is_opened_is_read_from_its_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "ERROR\nmore\n").unwrap();
    let mut text = String::new();
    let as_it_was = 1 << 20;
    crate::read::end(File::open(&path).unwrap(), as_it_was, 1_000).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "ERROR\nmore\n");
}

#[test]
fn a_checksum_is_that_of_sha256sum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    fs::write(&path, vec![7; 300_000]).unwrap();
    let sum = |path: &Path| {
        let out = Command::new("sha256sum").arg(path).output().unwrap();
        String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned()
    };
    let before = sum(&path);
    ok(&path, &format!("sha256 = \"{}\"", before.to_uppercase()));
    File::options().append(true).open(&path).unwrap().write_all(b"!").unwrap();
    let want = format!("has changed: its SHA-256 is {}, not {before}", sum(&path));
    failed(&path, &format!("sha256 = \"{before}\""), &want);
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    fs::write(&path, "").unwrap();
    ok(&path, &format!("sha256 = \"{empty}\""));
}
