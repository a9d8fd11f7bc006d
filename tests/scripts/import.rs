//! `checker script import`: a whole crontab is covered in a minute.

use super::home;
use crate::support::binary::done;
use std::fs;
use std::io::Write;
use std::process::Stdio;

const SAMPLE: &str = include_str!("../data/sample.crontab");

#[test]
fn a_crontab_becomes_settings_that_are_good_and_a_crontab_that_records() {
    let (home, _) = home("");
    home.write("crontab", SAMPLE);
    fs::create_dir(home.path("settings.d")).unwrap();
    let settings = home.read("settings.cfg");
    home.settings(&settings.replace("[email]", "include = [\"settings.d/*.cfg\"]\n\n[email]"));
    let args = ["script", "import", "crontab", "--program", "/usr/local/bin/checker"];
    let shown = home.run(&args).ended(0);
    let files = ["-o", "settings.d/scripts.cfg", "--crontab", "crontab.new"];
    let told = home.run(&[&args[..], &files].concat()).ended(0);
    assert_eq!(told.err, shown.err, "what is to be looked at is said each time");
    assert_eq!(home.read("settings.d/scripts.cfg"), shown.out);
    let jobs = shown.out.lines().filter(|line| *line == "[[job.script]]").count();
    assert!(jobs >= 25 && told.out.contains(&format!("{jobs} jobs")), "{told:?}");
    let check = home.run(&["check"]).ended(0);
    assert!(check.out.contains(&format!("{jobs} jobs")), "{check:?}");
    // Each line is there still, and most of them record now.
    let new = home.read("crontab.new");
    assert_eq!(new.lines().count(), SAMPLE.lines().count());
    assert!(new.lines().filter(|line| line.contains("/usr/local/bin/checker run ")).count() >= jobs);
    // Nothing is written over, and an imported crontab is imported as it is.
    home.run(&[&args[..], &files[..2]].concat()).ended(73);
    let again = home.run(&["script", "import", "crontab.new", "--program", "/usr/local/bin/checker", "--json"]);
    assert_eq!(again.ended(0).json()["crontab"], new);
}

#[test]
fn it_reads_what_crontab_prints_and_says_what_it_cannot_read() {
    let (home, _) = home("");
    let mut child = home.command(&["script", "import", "-", "--json"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"*/5 * * * * /usr/local/bin/sync-mail --all\nnonsense\n").unwrap();
    let made = done(&child.wait_with_output().unwrap()).ended(0);
    assert!(made.err.contains("checker: -: line 2: "), "{}", made.err);
    let made = made.json();
    assert_eq!(made["jobs"], 1);
    assert!(made["toml"].as_str().unwrap().contains("cron = \"*/5 * * * *\""), "{made}");
    let missing = home.run(&["script", "import", "none"]).ended(74);
    assert!(missing.err.contains("none cannot be read"), "{missing:?}");
    fs::write(home.path("latin"), b"# \xe4\n").unwrap();
    let latin = home.run(&["script", "import", "latin"]).ended(64);
    assert!(latin.err.contains("iconv"), "{latin:?}");
}
