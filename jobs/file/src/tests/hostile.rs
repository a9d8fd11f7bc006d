//! Files that somebody has made to do harm, or that are no friends of a watchdog by nature.

use super::*;
use crate::read::{Hindrance, Patience, lines, open};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;

#[test]
fn a_file_without_end_is_given_up_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge");
    // No disk holds it, and no run reads it.
    File::create(&path).unwrap().set_len(1 << 42).unwrap();
    let sum = format!("sha256 = \"{:064}\"", 0);
    let outcome = run_at(&path_table(&path, &sum), now(), Duration::from_millis(300));
    assert_eq!(outcome.verdict, Verdict::Unknown);
    let said = &outcome.summary;
    assert!(said.contains("cannot be looked through in 300 ms: time ran out after") && said.len() < 400, "{said}");
    assert!(outcome.cause.is_some_and(|cause| cause.contains("too large")), "{said}");
    let outcome = run_at(&path_table(&path, "not_contains = \"x\"\nread_max = \"4TiB\""), now(), HOUR / 12_000);
    assert_eq!(outcome.verdict, Verdict::Unknown, "{outcome:?}");
    ok(&path, "not_contains = \"x\"\nread_max = \"100KiB\"");
}

#[test]
fn a_run_that_is_not_wanted_any_more_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge");
    File::create(&path).unwrap().set_len(1 << 42).unwrap();
    let job = job(&path_table(&path, "not_contains = \"x\"\nread_max = \"4TiB\""));
    let cx = Context::new(now(), HOUR, "run".to_owned(), std::env::temp_dir().into());
    cx.cancel.cancel();
    let ended = lines(open(&path).unwrap(), &job.plan, &Patience::of(&cx));
    assert!(matches!(ended, Err(Hindrance::Slow(_))), "{ended:?}");
}

#[test]
fn a_pipe_that_takes_the_place_of_a_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fifo(&path);
    let ended = open(&path).map(|_| ());
    assert!(matches!(ended, Err(Hindrance::NoFile)), "{ended:?}");
}

#[test]
fn one_line_of_many_mebibytes_is_looked_at_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut text = vec![b'x'; 3 << 20];
    text.extend_from_slice(b" here it is");
    text.extend(vec![0xff; 1 << 20]);
    fs::write(&path, &text).unwrap();
    ok(&path, "contains = \"here it is\"");
    let (verdict, sentence) = said(&path, "not_contains = \"x\"");
    assert_eq!(verdict, Verdict::Failed);
    assert!(sentence.len() < 400 && sentence.starts_with("has 48 lines that contain"), "{sentence}");
}

#[test]
fn names_and_texts_of_others_break_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"a\nBcc: x\x1b[2J\xff\xe2\x80\xae");
    let path = folder.path().join(name);
    fs::write(&path, "bad\x1b[31m \u{202e}thing\u{7}\n").unwrap();
    let outcome = run(&format!("newest_of = {:?}\nnot_contains = \"bad\"", folder.path().to_str().unwrap()));
    let said = outcome.summary;
    assert!(said.starts_with("a\\nBcc: x\\u{1b}[2J\\xff\\u{202e}, the only file in"), "{said}");
    assert!(said.ends_with(": \"bad\\u{1b}[31m \\u{202e}thing\\u{7}\""), "{said}");
    let long = folder.path().join("n".repeat(255));
    fs::write(&long, "").unwrap();
    age_file(&long, HOUR);
    let keys = "max_age = \"1s\"\nmin_size = \"1B\"\nmode = \"0000\"\ncontains = [\"none\", \"neither\", \"nor\", \"never\", \"nought\"]";
    let said = run(&path_table(&long, keys)).summary;
    assert!(said.len() <= 400 && said.contains("is empty; at least 1 B is wanted"), "{said}");
}

#[test]
fn files_of_the_kernel_have_no_size_and_are_read() {
    ok(Path::new("/proc/self/status"), "contains = \"Name:\"");
    failed(Path::new("/proc/self/status"), "contains = \"no such\"", "has no line that contains \"no such\"");
    failed(Path::new("/dev/zero"), "contains = \"x\"", "is a device, and no file");
}

#[test]
fn a_growing_file_is_read_to_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, "start\n").unwrap();
    let stop = checker_job::Cancel::default();
    let writer = std::thread::spawn({
        let (path, stop) = (path.clone(), stop.clone());
        move || {
            let mut file = File::options().append(true).open(path).unwrap();
            for _ in 0..20_000 {
                if stop.is_cancelled() {
                    break;
                }
                file.write_all(&[b'a'; 1024]).unwrap();
            }
        }
    });
    ok(&path, "not_contains = \"x\"\nread_max = \"64KiB\"\nread_from = \"start\"");
    stop.cancel();
    writer.join().unwrap();
}

#[test]
fn a_crowded_folder_costs_no_memory_and_is_given_up_in_time() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..3_000 {
        File::create(folder.path().join(number.to_string())).unwrap();
    }
    let table = format!("newest_of = {:?}", folder.path().to_str().unwrap());
    let whole = run(&table);
    assert!(whole.summary.contains("the newest of 3000 files"), "{whole:?}");
    let hurried = run_at(&table, now(), Duration::ZERO);
    assert_eq!(hurried.verdict, Verdict::Unknown);
    assert!(
        hurried.summary.contains("holds too many files: after 0 of them the 0 ms of a run were over"),
        "{hurried:?}"
    );
}

#[test]
fn why_a_file_cannot_be_judged_is_told_apart() {
    use std::io::Error;
    let cx = Context::new(now(), HOUR, "run".to_owned(), std::env::temp_dir().into());
    let said = |hindrance| crate::look::hindered(Path::new("/srv/dump"), hindrance, &cx);
    for errno in [nix::errno::Errno::EIO, nix::errno::Errno::EUCLEAN] {
        let broken = said(Hindrance::Io(Error::from(errno)));
        assert!(broken.verdict == Verdict::Failed && broken.summary.contains("the disk may be failing"), "{broken:?}");
    }
    // A directory of users that is not there says nothing about the file.
    let names = said(Hindrance::Names(Error::from(nix::errno::Errno::EIO)));
    assert!(names.verdict == Verdict::Unknown && names.summary.contains("whom /srv/dump belongs to"), "{names:?}");
    assert_eq!(names.cause.as_deref(), Some("the system gives no names of users and groups"));
}

/// Started again by the test below, as a user who may not look.
#[test]
#[ignore = "run by the test below"]
fn as_nobody() {
    let Some(path) = std::env::var_os("CHECKER_FILE_SECRET") else { return };
    let folder = Path::new(&path).ancestors().nth(2).unwrap();
    let own = |keys: &str| format!("newest_of = {:?}\nname_matches = '^own$'\n{keys}", folder.to_str().unwrap());
    for (table, what) in [
        (path_table(Path::new(&path), ""), "secret/file"),
        (path_table(Path::new(&path).parent().unwrap(), "type = \"folder\""), ""),
        (format!("newest_of = {:?}", Path::new(&path).parent().unwrap()), "secret"),
        (path_table(&folder.join("own"), "contains = \"x\""), "/own"),
        // The file is named, and not its folder.
        (own("contains = \"x\""), "/own"),
        (own("not_contains = \"x\"\nmin_size = \"1B\"\nmax_age_warning = \"1h\""), "/own"),
    ] {
        let outcome = run(&table);
        if what.is_empty() {
            assert_eq!(outcome.verdict, Verdict::Ok, "{outcome:?}");
            continue;
        }
        assert_eq!(outcome.verdict, Verdict::Unknown, "{outcome:?}");
        assert!(outcome.summary.starts_with("Checker's user may not look at "), "{outcome:?}");
        assert!(outcome.summary.contains(&format!("{what}: permission denied; give it leave")), "{outcome:?}");
        assert_eq!(outcome.cause.as_deref(), Some("Checker's user may not look at a file that it should check"));
    }
    // What is known to be bad comes before what could not be found out.
    for (table, what) in [
        (path_table(&folder.join("own"), "contains = \"x\"\nmin_size = \"1KiB\""), "is only 4 B; at least 1 KiB"),
        (own("contains = \"x\"\nmin_size = \"1KiB\""), "is only 4 B; at least 1 KiB"),
        (own("contains = \"x\"\nmin_files = 9"), "at least 9 are wanted; Checker's user may not look at"),
    ] {
        let outcome = run(&table);
        assert_eq!((outcome.verdict, outcome.cause.as_deref()), (Verdict::Failed, None), "{outcome:?}");
        assert!(outcome.summary.contains(what), "{outcome:?}");
    }
}

#[test]
fn what_we_may_not_look_at_is_unknown() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let permit =
        |path: &Path, mode| fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    let secret = folder.path().join("secret");
    fs::create_dir(&secret).unwrap();
    fs::write(secret.join("file"), "").unwrap();
    fs::write(folder.path().join("own"), "text").unwrap();
    permit(folder.path(), 0o755);
    permit(&folder.path().join("own"), 0);
    permit(&secret, 0);
    // This very program, from a place that others may read.
    let program = folder.path().join("tests");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    permit(&program, 0o755);
    let mut again = Command::new(&program);
    again.args(["tests::hostile::as_nobody", "--exact", "--ignored"]);
    again.env("CHECKER_FILE_SECRET", secret.join("file")).current_dir("/");
    if is_root() {
        // Root may look at everything.
        again.uid(65_534).gid(65_534);
    }
    let done = again.output().unwrap();
    permit(&secret, 0o700);
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success() && said.contains("1 passed"), "{said}");
}
