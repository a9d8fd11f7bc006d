//! `settings.cfg.example` is what it says.

use super::good::{HEAD, MAIL, good};
use super::{folder, put};
use checker::settings::{COMMON_KEYS, Env, Settings, load};

const EXAMPLE: &str = include_str!("../../settings.cfg.example");

/// The example as it stands, or with every line `#key` taken in.
fn loaded(text: &str) -> Settings {
    let dir = folder(text);
    put(&dir.path().join("mail.secret"), 0o600, "hunter2-planted");
    let url = "https://ntfy.example.com/hunter2-planted";
    put(&dir.path().join("ntfy.url"), 0o600, url);
    put(&dir.path().join("ping.key"), 0o600, "fqOOd6-F4MMNuCEnzTU01w");
    put(&dir.path().join("cronscripts.ini"), 0o644, "");
    put(&dir.path().join("scripts.token"), 0o600, "hunter2-planted-in-a-token");
    put(&dir.path().join("own-ca.pem"), 0o644, "");
    let job = "[[job.tcp]]\naddress = \"a:1\"\n";
    put(&dir.path().join("settings.d/one.cfg"), 0o644, job);
    let path = dir.path().join("settings.cfg");
    let env = Env::bare(dir.path());
    let (settings, report) = load(&path, &checker::bundled(), &env).unwrap_or_else(|r| panic!("{}", r.render()));
    assert!(report.problems.is_empty(), "{}", report.render());
    settings
}

#[test]
fn the_example_loads_as_it_is_and_whole() {
    loaded(EXAMPLE);
    let mut whole = String::new();
    for line in EXAMPLE.lines() {
        let key = line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['));
        whole.push_str(key.unwrap_or(line));
        whole.push('\n');
    }
    let s = loaded(&whole);
    let tables = whole.lines().filter(|line| line.starts_with("[[job.")).count();
    assert!(tables > 10, "{tables}");
    // And that of settings.d/one.cfg.
    assert_eq!((s.jobs.len(), s.peers.len(), s.channels.len()), (tables + 1, 2, 2));
    assert_eq!(
        s.windows.iter().map(|(window, _)| window.name.as_str()).collect::<Vec<_>>(),
        ["updates", "accounts", "moving house"]
    );
}

#[test]
fn the_blocks_of_the_kinds_are_the_crates_own() {
    let registry = checker::bundled();
    for kind in registry.kinds() {
        let block = registry.example(kind).unwrap();
        assert!(
            EXAMPLE.contains(block),
            "settings.cfg.example does not hold the block of {kind} as jobs/{kind} has it"
        );
    }
}

#[test]
fn the_example_names_every_common_key() {
    for key in COMMON_KEYS {
        assert!(EXAMPLE.contains(&format!("{key} = ")), "{key} is missing");
    }
}

#[test]
fn what_the_example_says_to_be_built_in_holds_without_it() {
    let job = "[[job.tcp]]\naddress = \"a:1\"\n";
    let section = |name: &str| {
        let header = format!("\n[{name}]\n");
        let (_, rest) = EXAMPLE.split_once(&header).unwrap();
        let body = rest.split("# -----").next().unwrap();
        format!("{header}{body}")
    };
    let (defaults, log) = (section("defaults"), section("log"));
    let bare = good(&format!("{HEAD}{MAIL}{job}"));
    let said = good(&format!("{HEAD}{MAIL}{defaults}{log}{job}"));
    assert_eq!(bare.jobs[0].policy(), said.jobs[0].policy());
    let named = |s: &Settings| {
        let mut log = s.log.clone();
        log.file = log.file.map(|f| f.file_name().unwrap().into());
        log
    };
    assert_eq!(named(&bare), named(&said));
}

/// The paragraph in which `key` stands, and the block of `kind` without its line.
fn paragraph<'a>(block: &'a str, key: &str) -> (&'a str, String) {
    let is_it = |line: &&str| line.starts_with(&format!("{key} = "));
    let paragraph = block.split("\n\n").find(|part| part.lines().any(|line| is_it(&line))).unwrap();
    let without = block.split_inclusive('\n').filter(|line| !is_it(line)).collect();
    (paragraph, without)
}

#[test]
fn the_times_of_mail_are_not_said_to_be_built_in() {
    let block = checker::bundled().example("mail").unwrap().to_owned();
    let (every, without_every) = paragraph(&block, "every");
    assert!(every.contains("Required, here or in"), "{every}");
    let judged = |block: &str| {
        let dir = folder(&format!("{HEAD}{MAIL}{block}"));
        load(&dir.path().join("settings.cfg"), &checker::bundled(), &Env::bare(dir.path()))
    };
    let refused = judged(&without_every).unwrap_err();
    assert!(refused.to_string().contains("\"every\": a run each 1 min"), "{refused}");
    let (timeout, without_timeout) = paragraph(&block, "timeout");
    let built_in = judged(&without_timeout).unwrap().0.jobs[0].policy().timeout;
    assert!(timeout.contains(&format!("which is \"{}s\" if it says nothing", built_in.as_secs())), "{timeout}");
    assert!(EXAMPLE.contains("(`every`, `timeout`, `failure_threshold`), it is a sample"));
}
