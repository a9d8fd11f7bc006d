//! What can be said without opening a file.

use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

#[test]
fn a_file_is_there_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    failed(&path, "", "is not there");
    failed(&folder.path().join("no/log"), "", "is not there");
    ok(&path, "absent = true");
    ok(&path, "optional = true\nmin_size = \"1GiB\"");
    fs::write(&path, "12345").unwrap();
    age_file(&path, 3 * HOUR);
    assert_eq!(said(&path, ""), (Verdict::Ok, "was written 3 h ago and is 5 B".to_owned()));
    failed(&path, "absent = true", "is there, a file, and must not be");
    failed(&path, "optional = true\nmin_size = \"1GiB\"", "is only 5 B; at least 1 GiB is wanted");
    failed(&path.join("below"), "", "is not there");
}

#[test]
fn links_are_followed_and_one_that_leads_nowhere_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("link"), folder.path().join("to"));
    symlink(&to, &path).unwrap();
    failed(&path, "", &format!("is a link to {}, which is not there", to.display()));
    failed(&path, "optional = true", &format!("is a link to {}, which is not there", to.display()));
    failed(&path, "absent = true", "is there, a link, and must not be");
    fs::write(&to, "12345").unwrap();
    failed(&path, "max_size = \"4B\"", "is 5 B; at most 4 B is allowed");
    let circle = folder.path().join("circle");
    symlink(&circle, &circle).unwrap();
    failed(&circle, "", "is a link that leads in circles");
    failed(&circle, "absent = true", "is a link that leads in circles");
}

#[test]
fn ages_are_judged_in_two_degrees_and_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "").unwrap();
    age_file(&path, 27 * HOUR);
    ok(&path, "max_age = \"28h\"\nmin_age = \"26h\"");
    failed(&path, "max_age = \"26h\"", "was last written 1 d 3 h ago; at most 1 d 2 h is allowed");
    let warned = said(&path, "max_age_warning = \"26h\"\nmax_age = \"28h\"");
    assert_eq!(warned, (Verdict::Warning, "was last written 1 d 3 h ago; at most 1 d 2 h is allowed".to_owned()));
    failed(&path, "min_age = \"2d\"", "was written 1 d 3 h ago; it should not have changed for 2 d");
    let outcome = run(&path_table(&path, "max_age = \"26h\""));
    let age = &outcome.metrics[0];
    assert!((97_200.0..97_300.0).contains(&age.value) && age.critical.as_deref() == Some("93600"), "{age:?}");
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    File::open(&path).unwrap().set_modified(written).unwrap();
    let at = |micros: i64| {
        let now = Timestamp::from_micros(1_700_003_600_000_000 + micros);
        run_at(&path_table(&path, "max_age = \"1h\""), now, HOUR).verdict
    };
    assert_eq!((at(0), at(1)), (Verdict::Ok, Verdict::Failed), "the limit itself is allowed");
}

#[test]
fn a_file_from_the_future_is_no_freshness() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "").unwrap();
    let begun = now();
    let ahead = SystemTime::now() + 2 * HOUR + Duration::from_secs(30);
    File::open(&path).unwrap().set_modified(ahead).unwrap();
    let outcome = run_at(&path_table(&path, "max_age = \"1h\""), begun, HOUR);
    assert_eq!(outcome.verdict, Verdict::Warning);
    assert!(outcome.summary.ends_with("is dated 2 h in the future; see to the clocks"), "{outcome:?}");
    ok(&path, "");
}

#[test]
fn sizes_are_judged_in_two_degrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    // Without a byte on the disk: only what `stat` says is asked.
    File::create(&path).unwrap().set_len(3 << 30).unwrap();
    ok(&path, "min_size = \"3GiB\"\nmax_size = \"3GiB\"");
    failed(&path, "min_size = \"4GiB\"", "is only 3 GiB; at least 4 GiB is wanted");
    failed(&path, "max_size_warning = \"1GiB\"\nmax_size = \"2GiB\"", "is 3 GiB; at most 2 GiB is allowed");
    let warned = said(&path, "max_size_warning = \"2GiB\"\nmax_size = \"5GiB\"");
    assert_eq!(warned, (Verdict::Warning, "is 3 GiB; at most 2 GiB is allowed".to_owned()));
    let close = "is 3 GiB (3221225472 bytes of 3221225471); at most 2.9 GiB is allowed";
    let (verdict, sentence) = said(&path, "max_size = \"3221225471B\"");
    assert_eq!((verdict, sentence.as_str()), (Verdict::Failed, "is 3 GiB; at most 2.9 GiB is allowed"), "not {close}");
    failed(
        &path,
        "min_size = \"3221225473B\"",
        "is only 3 GiB (3221225472 bytes of 3221225473); at least 3 GiB is wanted",
    );
    fs::write(&path, "").unwrap();
    failed(&path, "min_size = \"1B\"", "is empty; at least 1 B is wanted");
    let keys = "min_size = \"1B\"\nmax_size = \"9B\"\nmax_size_warning = \"8B\"\nmax_age_warning = \"1min\"";
    let metrics = run(&path_table(&path, keys)).metrics;
    let [age, size] = metrics.as_slice() else { panic!("{metrics:?}") };
    assert_eq!((size.value, size.warning.as_deref(), size.critical.as_deref()), (0.0, Some("8"), Some("1:9")));
    assert_eq!((age.warning.as_deref(), age.critical.as_deref()), (Some("60"), None));
}

#[test]
fn types_are_told_apart_and_only_files_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("file"), "").unwrap();
    fs::create_dir(at("folder")).unwrap();
    fifo(&at("fifo"));
    let _listening = UnixListener::bind(at("socket")).unwrap();
    symlink("/dev/null", at("device")).unwrap();
    let words = ["file", "folder", "fifo", "socket", "device"];
    for is in words {
        for wanted in words.into_iter().filter(|wanted| *wanted != is) {
            let show = |word: &str| if word == "fifo" { "named pipe".to_owned() } else { word.to_owned() };
            let want = format!("is a {}, and no {}", show(is), show(wanted));
            failed(&at(is), &format!("type = \"{wanted}\""), &want);
        }
        ok(&at(is), &format!("type = \"{is}\""));
        ok(&at(is), "type = \"any\"");
    }
    // A named pipe that is opened hangs.
    failed(&at("fifo"), "contains = \"x\"\nmax_age = \"1h\"", "is a named pipe, and no file");
}

#[test]
fn owner_and_mode_are_judged_by_name_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    ok(&path, "mode = \"0640\"");
    ok(&path, "mode = \"640\"");
    failed(&path, "mode = \"0600\"", "has the mode 0640, not 0600");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).unwrap();
    failed(&path, "mode = \"0755\"", "has the mode 4755, not 0755");
    let meta = fs::metadata(&path).unwrap();
    ok(&path, &format!("owner = \"{}\"\ngroup = \"{}\"", meta.uid(), meta.gid()));
    if !is_root() {
        return;
    }
    ok(&path, "owner = \"root\"\ngroup = \"root\"");
    failed(&path, "owner = \"nobody\"", "belongs to the user root, not to nobody");
    std::os::unix::fs::chown(&path, Some(1_234_567), Some(7_654_321)).unwrap();
    failed(&path, "owner = \"root\"", "belongs to the user number 1234567, which has no name here, not to root");
    ok(&path, "owner = \"1234567\"\ngroup = \"7654321\"");
}

#[test]
fn all_that_is_wrong_is_said_at_once_the_gravest_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    fs::write(&path, "123").unwrap();
    age_file(&path, 3 * HOUR);
    failed(
        &path,
        "max_age_warning = \"2h\"\nmin_size = \"1KiB\"\ncontains = \"done\"",
        "is only 3 B; at least 1 KiB is wanted; and it has no line that contains \"done\"; and it was last written 3 h ago; \
         at most 2 h is allowed",
    );
}
