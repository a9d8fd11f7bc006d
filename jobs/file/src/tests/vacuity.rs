//! What a job would call healthy, of real files.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

const LOG: &str = "backup started\n1 file saved\n2 files saved\nbackup complete\n";

fn vacuity(text: &str) -> Vacuity {
    let job = job(text);
    let cx = context(now(), Duration::from_secs(30));
    let vacuity = at_once(job.vacuity(&cx)).unwrap();
    let run = at_once(job.execute(&cx));
    assert_eq!(vacuity.outcome.verdict, run.verdict, "{text}");
    vacuity
}

/// What was made of it, and of that what is called healthy.
fn names(text: &str) -> [Vec<&'static str>; 2] {
    let Vacuity { outcome, mutations, .. } = vacuity(text);
    assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
    let missed = mutations.iter().filter(|m| !m.is_noticed()).map(|m| m.name).collect();
    [mutations.iter().map(|m| m.name).collect(), missed]
}

#[track_caller]
fn flagged(text: &str, all: &[&str], missed: &[&str]) {
    assert_eq!(names(text), [all, missed], "{text}");
}

#[test]
fn a_job_that_names_a_path_alone_sees_only_that_something_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, LOG).unwrap();
    let all = ["gone", "wrong_type", "stale", "empty", "truncated", "wrong_answer"];
    let at = |rest: &str| path_table(&path, rest);
    flagged(&at(""), &all, &["stale", "empty", "truncated", "wrong_answer"]);
    flagged(&at("type = \"any\"\noptional = true"), &all, &all);
    flagged(&at("min_size = \"40B\"\nmax_age = \"26h\""), &all, &["wrong_answer"]);
    flagged(&at("contains = \"complete\"\nmax_age = \"26h\""), &all, &[]);
    flagged(&at("matches = '^[0-9]+ files'\nmax_age_warning = \"26h\""), &all, &[]);
    // Both halves have such a line, and so has whatever is not empty.
    flagged(&at("contains = \"backup\"\nmax_age = \"26h\""), &all, &["truncated"]);
    flagged(&at("matches = '.'\nmax_age = \"26h\""), &all, &["truncated", "wrong_answer"]);
    flagged(&at("not_contains = \"ERROR\"\nmax_age = \"26h\""), &all, &["empty", "truncated", "wrong_answer"]);
    // A limit that is too far away.
    flagged(&at("contains = \"complete\"\nmax_age = \"1000d\""), &all, &["stale"]);
}

#[test]
fn what_must_not_change_is_known_by_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("program");
    fs::write(&path, vec![7; 300_000]).unwrap();
    let out = Command::new("sha256sum").arg(&path).output().unwrap();
    let sum = String::from_utf8(out.stdout).unwrap().split(' ').next().unwrap().to_owned();
    let all = ["gone", "wrong_type", "empty", "truncated", "wrong_answer"];
    flagged(&path_table(&path, &format!("sha256 = \"{sum}\"")), &all, &[]);
    age_file(&path, 24 * HOUR * 400);
    flagged(&path_table(&path, ""), &all, &["empty", "truncated", "wrong_answer"]);
    flagged(&path_table(&path, "min_age = \"2h\""), &all, &["empty", "truncated", "wrong_answer"]);
}

#[test]
fn the_part_that_is_read_is_that_of_the_wrong_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, format!("{}{LOG}", "in between\n".repeat(100_000))).unwrap();
    let at = |rest: &str| path_table(&path, &format!("max_age = \"26h\"\nread_max = \"100B\"\n{rest}"));
    let all = ["gone", "wrong_type", "stale", "empty", "truncated", "wrong_answer"];
    flagged(&at("contains = \"complete\""), &all, &[]);
    flagged(&at("contains = \"in between\"\nread_from = \"start\""), &all, &["truncated"]);
}

#[test]
fn of_a_folder_the_newest_file_is_made_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let at = |rest: &str| format!("newest_of = {:?}\n{rest}", folder.path().to_str().unwrap());
    for (name, text) in [("old.sql", "-- saved\n"), ("new.sql", "-- begin\nINSERT\n-- saved\n")] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    age_file(&folder.path().join("old.sql"), 24 * HOUR);
    let all = ["gone", "empty_folder", "stale", "empty", "truncated", "wrong_answer"];
    flagged(&at(""), &all, &["stale", "empty", "truncated", "wrong_answer"]);
    flagged(&at("optional = true"), &all, &["gone", "stale", "empty", "truncated", "wrong_answer"]);
    flagged(&at("max_age = \"26h\"\ncontains = \"-- saved\""), &all, &[]);
    // Nobody can know what will stand in the next one.
    fs::write(folder.path().join("new.sql"), "\x1f\u{8b}\0\0\0\0\0\0").unwrap();
    let all = ["gone", "empty_folder", "stale", "empty", "truncated"];
    flagged(&at("max_age = \"26h\"\nmin_size = \"8B\""), &all, &[]);
}

#[test]
fn a_folder_that_may_be_empty_must_not_fill_up() {
    let folder = tempfile::tempdir().unwrap();
    let at = |rest: &str| format!("newest_of = {:?}\nmin_files = 0\n{rest}", folder.path().to_str().unwrap());
    flagged(&at(""), &["gone", "piled_up"], &["piled_up"]);
    flagged(&at("max_files = 100"), &["gone", "piled_up"], &[]);
    fs::write(folder.path().join("letter"), "text").unwrap();
    flagged(&at("max_files = 100"), &["gone", "piled_up"], &[]);
    flagged(&at("max_files = 100\nmax_age = \"1h\""), &["gone", "piled_up", "stale"], &[]);
}

#[test]
fn what_is_no_file_is_made_wrong_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let [gone, pipe] = ["gone", "pipe"].map(|name| folder.path().join(name));
    flagged(&path_table(&gone, "absent = true"), &["present"], &[]);
    flagged(&path_table(&gone, "optional = true\nmax_age = \"1h\""), &["gone"], &["gone"]);
    fifo(&pipe);
    flagged(&path_table(&pipe, "type = \"fifo\""), &["gone", "wrong_type"], &[]);
    flagged(&path_table(&pipe, "type = \"any\""), &["gone", "wrong_type"], &["wrong_type"]);
    let weak = vacuity(&path_table(folder.path(), "type = \"any\""));
    let wrong = &weak.mutations[1];
    assert_eq!((wrong.what.as_ref(), wrong.remedy.as_ref()), ("a file in its place", "set type = \"folder\""));
}

#[test]
fn where_nothing_is_healthy_nothing_is_made_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let [gone, link, empty] = ["gone", "link", "empty"].map(|name| folder.path().join(name));
    symlink(&gone, &link).unwrap();
    File::create(&empty).unwrap();
    for text in [
        path_table(&gone, ""),
        path_table(&link, "absent = true"),
        path_table(&empty, "min_size = \"1B\""),
        format!("newest_of = {:?}", gone.to_str().unwrap()),
        format!("newest_of = {:?}", empty.to_str().unwrap()),
        format!("newest_of = {:?}\nmin_files = 7", folder.path().to_str().unwrap()),
    ] {
        let vacuity = vacuity(&text);
        assert_eq!(vacuity.outcome.verdict, Verdict::Failed, "{text}");
        assert_eq!(vacuity.mutations, [], "{text}");
    }
    // Of what is empty, as a mark is, nothing can be cut off.
    flagged(&path_table(&empty, ""), &["gone", "wrong_type", "stale"], &["stale"]);
}

#[test]
fn what_an_empty_file_may_hold_is_not_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mark");
    File::create(&path).unwrap();
    let caveat = |rest: &str| vacuity(rest).caveat;
    let fresh = path_table(&path, "max_age = \"26h\"");
    assert!(caveat(&fresh).starts_with("it is empty, so that nothing which stands in it could be made wrong"));
    assert!(!caveat(&format!("newest_of = {:?}", folder.path().to_str().unwrap())).is_empty());
    // Here nothing is to be in it, or nobody is to look.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(caveat(&path_table(&path, &format!("sha256 = \"{empty}\""))), "");
    assert_eq!(caveat(&format!("newest_of = {:?}\nmin_files = 0", folder.path().to_str().unwrap())), "");
    fs::write(&path, "text").unwrap();
    assert_eq!(caveat(&fresh), "");
}
