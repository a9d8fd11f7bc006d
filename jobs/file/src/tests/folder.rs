//! The newest file of a folder.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

fn newest(folder: &Path, rest: &str) -> Outcome {
    run(&format!("newest_of = {:?}\n{rest}", folder.to_str().unwrap()))
}

#[track_caller]
fn expect(folder: &Path, rest: &str, verdict: Verdict, want: &str) {
    let outcome = newest(folder, rest);
    let said = outcome.summary.replace(&folder.display().to_string(), "DIR");
    assert_eq!((outcome.verdict, said.as_str()), (verdict, want), "{rest}");
}

fn put(path: &Path, size: u64, age: Duration) {
    File::create(path).unwrap().set_len(size).unwrap();
    age_file(path, age);
}

/// Seven backups of a week, the last three hours old.
fn week() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for day in 0..7_u32 {
        let name = format!("db-{}.tar.gz", 7 - day);
        put(&folder.path().join(name), 2 << 30, 24 * HOUR * day + 3 * HOUR);
    }
    folder
}

#[test]
fn last_nights_backup_is_there_fresh_and_big_enough() {
    let folder = week();
    let at = folder.path();
    let keys = "min_files = 7\nmax_age = \"26h\"\nmin_size = \"1GiB\"";
    let good = "db-7.tar.gz, the newest of 7 files in DIR, was written 3 h ago and is 2 GiB";
    expect(at, keys, Verdict::Ok, good);
    let metrics = newest(at, keys).metrics;
    let labels: Vec<&str> = metrics.iter().map(|m| m.label.as_ref()).collect();
    assert_eq!(labels, ["age", "size", "files"]);
    assert_eq!((metrics[2].value, metrics[2].critical.as_deref()), (7.0, Some("7:")));
    fs::remove_file(at.join("db-7.tar.gz")).unwrap();
    expect(
        at,
        "max_age = \"26h\"",
        Verdict::Failed,
        "db-6.tar.gz, the newest of 6 files in DIR, was last written 1 d 3 h ago; at most 1 d 2 h is allowed",
    );
    expect(
        at,
        keys,
        Verdict::Failed,
        "only 6 files in DIR; at least 7 are wanted; db-6.tar.gz, the newest of 6 files in DIR, was last written 1 d 3 h \
         ago; at most 1 d 2 h is allowed",
    );
    put(&at.join("db-7.tar.gz"), 5 << 20, HOUR);
    expect(
        at,
        keys,
        Verdict::Failed,
        "db-7.tar.gz, the newest of 7 files in DIR, is only 5 MiB; at least 1 GiB is wanted",
    );
    fs::write(at.join("db-7.tar.gz"), "gzip: No space left\n").unwrap();
    let text = newest(at, "not_contains = \"No space\"");
    assert!(text.summary.ends_with("has a line that contains \"No space\": \"gzip: No space left\""), "{text:?}");
}

#[test]
fn what_does_not_count_is_no_backup() {
    let folder = week();
    let at = folder.path();
    fs::create_dir(at.join("zz-folder")).unwrap();
    put(&at.join(".hidden"), 0, Duration::ZERO);
    put(&at.join("notes.txt"), 0, HOUR);
    symlink(at.join("db-1.tar.gz"), at.join("latest")).unwrap();
    fifo(&at.join("pipe"));
    let good = "db-7.tar.gz, the newest of 7 files in DIR, was written 3 h ago and is 2 GiB";
    expect(at, "name_matches = '^db-.*[.]gz$'", Verdict::Ok, good);
    let unnamed = newest(at, "");
    assert!(unnamed.summary.starts_with("notes.txt, the newest of 8 files"), "{unnamed:?}");
    // The one that is being written.
    put(&at.join("db-8.tar.gz"), 10, Duration::from_secs(30));
    expect(at, "name_matches = '^db-'\nmin_age = \"10min\"\nmin_size = \"1GiB\"", Verdict::Ok, good);
    let young = newest(at, "name_matches = '^db-'\nmin_size = \"1GiB\"");
    assert!(young.summary.starts_with("db-8.tar.gz, the newest of 8 files"), "{young:?}");
    expect(
        at,
        "name_matches = '^x'",
        Verdict::Failed,
        "no file in DIR whose name matches \"^x\" (13 others not counted); at least 1 is wanted",
    );
    expect(
        at,
        "name_matches = '^db-'\nmin_age = \"60d\"",
        Verdict::Failed,
        "no file in DIR whose name matches \"^db-\" (8 younger than 60 d not counted, 5 others not counted); at least 1 is \
         wanted",
    );
    let folders = newest(at, "type = \"folder\"");
    assert_eq!(folders.verdict, Verdict::Ok);
    assert!(folders.summary.starts_with("zz-folder, the only folder in "), "{folders:?}");
}

#[test]
fn a_spool_may_be_empty_and_not_full() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    expect(at, "", Verdict::Failed, "no file in DIR; at least 1 is wanted");
    expect(at, "min_files = 0\nmax_files = 2", Verdict::Ok, "no file in DIR");
    for name in ["a", "b", "c"] {
        put(&at.join(name), 1, 2 * HOUR);
    }
    expect(at, "min_files = 0\nmax_files = 2", Verdict::Failed, "3 files in DIR; at most 2 are allowed");
    expect(
        at,
        "min_files = 0\nmax_files = 3",
        Verdict::Ok,
        "c, the newest of 3 files in DIR, was written 2 h ago and is 1 B",
    );
}

#[test]
fn a_folder_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("backups");
    expect(&at, "", Verdict::Failed, "DIR is not there");
    expect(&at, "optional = true", Verdict::Ok, "DIR is not there, which is fine");
    fs::write(&at, "").unwrap();
    expect(&at, "", Verdict::Failed, "DIR is a file, and no folder");
    fs::remove_file(&at).unwrap();
    fifo(&at);
    expect(&at, "", Verdict::Failed, "DIR is a named pipe, and no folder");
}
