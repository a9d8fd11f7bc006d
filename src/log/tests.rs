use super::file::RotatingFile;
use super::line::{Event, Format, asctime_in};
use super::*;
use checker_job::Timestamp;
use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

const NO_NOTE: &dyn Fn(u64) -> String = &|lost| format!("{lost} lost\n");

fn event(message: &str) -> Event<'_> {
    Event { level: Level::Warning, target: "checker::pass", thread: "main", at: Timestamp::from_secs(0), message }
}

/// All lines of the file and its old ones, oldest first.
fn all_lines(path: &Path) -> Vec<String> {
    let mut old: Vec<(u32, String)> = Vec::new();
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let found = entry.unwrap().path();
        let number = found.to_str().unwrap().strip_prefix(path.to_str().unwrap()).map(|n| n.trim_start_matches('.'));
        let number = number.map_or(0, |n| if n.is_empty() { 0 } else { n.parse().unwrap() });
        old.push((number, std::fs::read_to_string(&found).unwrap()));
    }
    old.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
    old.iter().flat_map(|(_, text)| text.split_inclusive('\n').map(str::to_owned)).collect()
}

#[test]
fn levels_are_words_or_numbers() {
    for (text, want) in [
        ("debug", Level::Debug),
        ("INFO", Level::Info),
        ("10", Level::Debug),
        ("11", Level::Info),
        ("40", Level::Error),
        ("41", Level::Critical),
        ("50", Level::Critical),
    ] {
        assert_eq!(Level::parse(text), Ok(want), "{text}");
    }
    for bad in ["", "9", "51", "warn", "-10", "300"] {
        let sentence = Level::parse(bad).unwrap_err();
        assert!(sentence.contains(&format!("\"{bad}\"")) && sentence.contains("from 10 to 50"), "{sentence}");
    }
}

#[test]
fn every_placeholder_is_filled() {
    let format = Format::parse("100%% %(levelname)s [%(name)s] %(process)d/%(threadName)s - %(message)s").unwrap();
    let pid = std::process::id();
    assert_eq!(format.line(&event("hello")), format!("100% WARNING [checker::pass] {pid}/main - hello\n"));
    let line = Format::parse(FORMAT).unwrap().line(&event("hello"));
    let (stamp, rest) = line.split_at(23);
    assert_eq!(rest, " WARNING - hello\n");
    assert!(stamp.starts_with("19") && stamp.contains(','), "{stamp}");
}

#[test]
fn wrong_formats_are_refused_with_words() {
    for (bad, what) in [
        ("%(asctime)s %(msg)s", "%(msg)s is no placeholder"),
        ("%(message)f", "%(message)f is no placeholder"),
        ("%(message", "%(message is no placeholder"),
        ("done 100%", "% is no placeholder"),
        ("%ü", "%ü is no placeholder"),
    ] {
        let sentence = Format::parse(bad).unwrap_err();
        assert!(sentence.starts_with(what) && sentence.contains("%(threadName)s, and %%"), "{sentence}");
    }
    let settings = LogSettings { stderr_format: "%(x)s".to_owned(), ..LogSettings::default() };
    let refused = Log::new(&settings).err().unwrap();
    assert!(refused.starts_with("[log] stderr_format: %(x)s is no placeholder"), "{refused}");
}

#[test]
fn asctime_is_local_with_milliseconds() {
    // The hour that summer time skips in Berlin: 01:59:59.250 is followed by 03:00.
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let mut text = String::new();
    asctime_in(&mut text, Timestamp::from_micros(1_774_745_999_250_999), &zone);
    assert_eq!(text, "2026-03-29 01:59:59,250");
    text.clear();
    asctime_in(&mut text, Timestamp::from_micros(1_774_746_000_007_000), &zone);
    assert_eq!(text, "2026-03-29 03:00:00,007");
}

#[test]
fn no_message_can_forge_a_line() {
    let format = Format::parse("%(message)s").unwrap();
    let line =
        format.line(&event("one\n2026-01-01 00:00:00,000 INFO - all well\r\u{1b}[2J\u{2028}\u{202e}\u{85}\ttab"));
    let want = "one\\n2026-01-01 00:00:00,000 INFO - all well\\r\\u{1b}[2J\\u{2028}\\u{202e}\\u{85}\ttab\n";
    assert_eq!(line, want);
    let long = format.line(&event(&"ü".repeat(40_000)));
    assert!(long.len() < 33_000 && long.ends_with(" [... 47232 more bytes]\n"), "{}", long.len());
}

fn logged(settings: &LogSettings, say: impl FnOnce()) -> String {
    let subscriber = tracing_subscriber::registry().with(Log::new(settings).unwrap());
    tracing::subscriber::with_default(subscriber, say);
    settings.file.as_ref().map_or(String::new(), |f| std::fs::read_to_string(f).unwrap_or_default())
}

#[test]
fn events_become_lines_of_their_level() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        file: Some(folder.path().join("checker.log")),
        level: Level::Warning,
        stderr_level: Level::Critical,
        format: "%(levelname)s %(message)s".to_owned(),
        ..LogSettings::default()
    };
    let text = logged(&settings, || {
        tracing::info!("not asked for");
        tracing::warn!(job = "dns", why = "no route", n = 3, "kept");
        tracing::error!(ok = false, quoted = "a \"b\"");
        tracing::error!(critical = true, "cannot go on");
        tracing::debug!(target: "hyper", "not asked for");
        tracing::warn!(target: "hyper", "of another crate");
    });
    let want = "WARNING kept job=dns why=\"no route\" n=3\nERROR ok=false quoted=\"a \\\"b\\\"\"\n\
                CRITICAL cannot go on\nWARNING of another crate\n";
    assert_eq!(text, want);
    let settings = LogSettings { level: Level::Debug, file: Some(folder.path().join("debug.log")), ..settings };
    let text = logged(&settings, || {
        tracing::debug!("ours");
        tracing::trace!("below everything");
        tracing::info!(target: "hyper", "password=xyzzy");
    });
    assert_eq!(text, "DEBUG ours\n", "other crates show what they send; theirs is kept out below warning");
}

#[test]
fn the_file_is_opened_at_the_first_line_and_is_not_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log/checker.log");
    let mut file = RotatingFile::new(path.clone(), 1_000, 5);
    assert!(!path.parent().unwrap().exists());
    assert_eq!(file.write("one\n", NO_NOTE), None);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert!(mode & 0o027 == 0 && mode & 0o600 == 0o600, "{mode:o}");
}

#[test]
fn rotation_keeps_so_many_old_files_and_forgets_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.log");
    let mut file = RotatingFile::new(path.clone(), 10, 3);
    for n in 0..7 {
        assert_eq!(file.write(&format!("line {n}\n"), NO_NOTE), None);
    }
    assert_eq!(all_lines(&path), ["line 3\n", "line 4\n", "line 5\n", "line 6\n"]);
    // Fewer are kept from now on, and a line longer than the limit is written whole.
    let mut file = RotatingFile::new(path.clone(), 10, 1);
    assert_eq!(file.write("a line that is longer\n", NO_NOTE), None);
    assert_eq!(all_lines(&path), ["line 6\n", "a line that is longer\n"]);
    let mut file = RotatingFile::new(path.clone(), 10, 0);
    assert_eq!(file.write("alone\n", NO_NOTE), None);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "alone\n");
}

#[test]
fn a_rotation_that_was_killed_is_finished_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.log");
    for (name, text) in [("checker.log", "new 4567\n"), ("checker.log.2", "old\n"), ("checker.log.3", "older\n")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    assert_eq!(RotatingFile::new(path.clone(), 10, 3).write("next\n", NO_NOTE), None);
    assert_eq!(all_lines(&path), ["older\n", "old\n", "new 4567\n", "next\n"], "the free number takes up the shift");
}

#[test]
fn a_file_that_another_process_rotated_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.log");
    let mut file = RotatingFile::new(path.clone(), 1_000, 3);
    file.write("one\n", NO_NOTE);
    std::fs::rename(&path, folder.path().join("checker.log.1")).unwrap();
    file.write("two\n", NO_NOTE);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
    assert_eq!(all_lines(&path), ["one\n", "two\n"]);
}

#[test]
fn whoever_holds_the_lock_rotates_and_the_others_go_on_writing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.log");
    let mut file = RotatingFile::new(path.clone(), 10, 3);
    file.write("line one\n", NO_NOTE);
    let other = std::fs::File::open(&path).unwrap();
    other.lock().unwrap();
    assert_eq!(file.write("line two\n", NO_NOTE), None);
    assert!(!folder.path().join("checker.log.1").exists());
    drop(other);
    assert_eq!(file.write("line three\n", NO_NOTE), None);
    assert_eq!(all_lines(&path), ["line one\n", "line two\n", "line three\n"]);
}

#[test]
fn trouble_is_told_once_and_what_was_lost_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.log");
    std::fs::create_dir(&path).unwrap();
    let mut file = RotatingFile::new(path.clone(), 1_000, 3);
    let trouble = file.write("one\n", NO_NOTE).unwrap();
    assert!(trouble.starts_with(&format!("the log {} cannot be written: ", path.display())), "{trouble}");
    assert!(trouble.ends_with("; correct [log] file in the settings"), "{trouble}");
    assert_eq!(file.write("two\n", NO_NOTE), None);
    std::fs::remove_dir(&path).unwrap();
    assert_eq!(file.write("three\n", NO_NOTE), None);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "2 lost\nthree\n");
    let nowhere = folder.path().join("no/such/folder/checker.log");
    let trouble = RotatingFile::new(nowhere, 1_000, 3).write("one\n", NO_NOTE).unwrap();
    assert!(trouble.contains("make its folder"), "{trouble}");
}

#[test]
fn a_full_disk_and_a_pipe_without_reader_are_told_and_devices_never_rotate() {
    let trouble = RotatingFile::new("/dev/full".into(), 10, 3).write("one\n", NO_NOTE).unwrap();
    assert!(trouble.contains("/dev/full cannot be written") && trouble.ends_with("; free some space"), "{trouble}");
    let mut null = RotatingFile::new("/dev/null".into(), 1, 3);
    assert_eq!((null.write("one\n", NO_NOTE), null.write("two\n", NO_NOTE)), (None, None));
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(RotatingFile::new(pipe, 10, 3).write("one\n", NO_NOTE).is_some());
}

#[test]
fn a_folder_that_forbids_rotation_still_takes_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.log");
    // A folder in the place of FILE.1 stops the rotation, for root as well.
    std::fs::create_dir_all(folder.path().join("checker.log.1/occupied")).unwrap();
    let mut file = RotatingFile::new(path.clone(), 10, 1);
    assert_eq!(file.write("line one\n", NO_NOTE), None);
    let trouble = file.write("line two\n", NO_NOTE).unwrap();
    assert!(trouble.contains("is full and cannot be rotated"), "{trouble}");
    assert_eq!(file.write("line three\n", NO_NOTE), None);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "line one\nline two\nline three\n");
}

#[test]
fn root_does_not_lock_the_user_out_nor_follow_his_links() {
    if !nix::unistd::geteuid().is_root() {
        // Only root can give files away; as another user there is nothing to see.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(folder.path(), Some(12_345), Some(12_345)).unwrap();
    let path = folder.path().join("checker.log");
    let mut file = RotatingFile::new(path.clone(), 10, 3);
    for line in ["line one\n", "line two\n"] {
        assert_eq!(file.write(line, NO_NOTE), None);
        assert_eq!(std::fs::metadata(&path).unwrap().uid(), 12_345);
    }
    let target = tempfile::NamedTempFile::new().unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(target.path(), &path).unwrap();
    assert!(file.write("line three\n", NO_NOTE).is_some());
    assert_eq!(std::fs::read_to_string(target.path()).unwrap(), "");
}

const WRITERS: usize = 4;
const LINES: usize = 10_000;

/// What each process of the next test does.
fn write_lines(path: PathBuf, who: &str) {
    let mut file = RotatingFile::new(path, 20_000, 1_000);
    for n in 0..LINES / WRITERS {
        let line = format!("{who} {n:05} {}\n", "x".repeat(n % 90));
        assert_eq!(file.write(&line, NO_NOTE), None);
    }
}

#[test]
fn four_processes_lose_and_tear_no_line_over_many_rotations() {
    // The test starts itself again, with these set.
    if let (Ok(path), Ok(who)) = (std::env::var("CHECKER_TEST_LOG"), std::env::var("CHECKER_TEST_WRITER")) {
        return write_lines(path.into(), &who);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checker.log");
    let start = |who: usize| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "log::tests::four_processes_lose_and_tear_no_line_over_many_rotations"])
            .env("CHECKER_TEST_LOG", &path)
            .env("CHECKER_TEST_WRITER", who.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let writers: Vec<_> = (0..WRITERS).map(start).collect();
    for writer in writers {
        let end = writer.wait_with_output().unwrap();
        assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stdout));
    }
    let lines = all_lines(&path);
    assert_eq!(lines.len(), LINES);
    let mut seen: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for line in &lines {
        let [who, n, rest] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("torn: {line:?}") };
        let n: usize = n.parse().unwrap();
        assert_eq!(rest, format!("{}\n", "x".repeat(n % 90)), "torn");
        seen.entry(who).or_default().push(n);
    }
    for (who, mut numbers) in seen {
        numbers.sort_unstable();
        assert_eq!(numbers, (0..LINES / WRITERS).collect::<Vec<_>>(), "writer {who}");
    }
    let mut old = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "checker.log" {
            old += 1;
            let len = entry.metadata().unwrap().len();
            assert!(len > 20_000 - 110, "{} has {len} bytes: rotated before it was full", entry.path().display());
        }
    }
    assert!(old >= 5, "only {old} rotations: this proves little");
}

#[test]
fn threads_of_one_process_share_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        file: Some(folder.path().join("checker.log")),
        max_bytes: 5_000,
        keep: 500,
        stderr_level: Level::Critical,
        ..LogSettings::default()
    };
    let log = tracing::Dispatch::new(tracing_subscriber::registry().with(Log::new(&settings).unwrap()));
    let spawn = |who| {
        let log = log.clone();
        std::thread::spawn(move || {
            tracing::dispatcher::with_default(&log, || (0..1_000).for_each(|n| tracing::info!(who, n, "line")));
        })
    };
    for thread in (0..4).map(spawn).collect::<Vec<_>>() {
        thread.join().unwrap();
    }
    let lines = all_lines(settings.file.as_ref().unwrap());
    assert_eq!(lines.len(), 4_000);
    assert!(lines.iter().all(|l| l.contains(" INFO - line who=")), "torn");
}

#[test]
fn starting_costs_next_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings { file: Some(folder.path().join("checker.log")), ..LogSettings::default() };
    let took = (0..20).map(|_| {
        let start = std::time::Instant::now();
        let log = tracing_subscriber::registry().with(Log::new(&settings).unwrap());
        let took = start.elapsed();
        drop(log);
        took
    });
    // The quickest of many: a busy machine must not fail this.
    let best = took.min().unwrap();
    assert!(best < std::time::Duration::from_micros(200), "{best:?}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "the file is opened at its first line only");
}
