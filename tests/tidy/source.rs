//! Rules about Rust files.

use super::File;
use super::code::{code_of, has, lines_with, without_tests};

/// The longest file, in lines.
const LINES_MAX: usize = 450;

/// What the pure core must not know.
const IMPURE: [&str; 26] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::io",
    "std::process",
    "std::thread",
    "thread::",
    "env::",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "clock::",
    "tokio",
    "async fn",
    "async move",
    "async {",
    ".await",
    "rand::",
    "now_v7",
    "new_v4",
    "tracing",
    "println!",
    "eprintln!",
    "static mut",
    "use std::{",
];

/// `src/decide` sees values and nothing else.
pub(super) fn core_is_pure(file: &File) -> Vec<String> {
    let inside = file.path == "src/decide.rs" || file.path.starts_with("src/decide/");
    if !inside || !file.is_rust() || file.is_test {
        return Vec::new();
    }
    let code = code_of(&file.text);
    let remedy = "src/decide is pure: no IO, clock, randomness, environment, thread or async. Take what you need as an \
                  argument and do the rest in the shell (src/pass.rs); write `use std::...` one to a line";
    lines_with(&file.path, without_tests(&code), &IMPURE, remedy)
}

/// A second clock would be one that tests and simulations cannot set.
pub(super) fn only_the_clock_reads_the_time(file: &File) -> Vec<String> {
    if !file.is_rust() || !file.path.starts_with("src/") || file.path == "src/clock.rs" || file.is_test {
        return Vec::new();
    }
    let code = code_of(&file.text);
    let words = ["SystemTime::now", "Timestamp::now", "Zoned::now", "UtcDateTime::now"];
    let remedy = "only src/clock.rs reads the time; take `now` as an argument, or call crate::clock::now() in the shell \
                  (std::time::Instant is fine for measuring)";
    lines_with(&file.path, without_tests(&code), &words, remedy)
}

/// Everything else calls the store's operations.
pub(super) fn only_the_store_knows_sql(file: &File) -> Vec<String> {
    if !file.is_rust() || !file.path.starts_with("src/") || file.path.starts_with("src/store/") {
        return Vec::new();
    }
    let words =
        ["INSERT INTO", "INSERT OR", "DELETE FROM", "CREATE TABLE", "SELECT *", "SELECT count", "PRAGMA", "rusqlite"];
    let remedy = "only src/store/ knows SQL; add an operation to the traits in src/store.rs and call that";
    lines_with(&file.path, &file.text, &words, remedy)
}

/// Its crate is weak, so one module stands around it.
pub(super) fn only_the_mailbox_knows_imap(file: &File) -> Vec<String> {
    if !file.is_rust() || file.path.starts_with("jobs/parts/src/mailbox") {
        return Vec::new();
    }
    let remedy = "only jobs/parts/src/mailbox knows IMAP, and guards its crate; add what you need there and call that";
    lines_with(&file.path, &code_of(&file.text), &["imap::Client", "imap::Session", "imap_proto", "use imap::"], remedy)
}

/// The compiler forbids it as well; this says it of members that forgot the lints.
pub(super) fn nothing_is_unsafe(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let remedy = "this repository has none; use nix, rustix or std for what the system offers";
    lines_with(&file.path, &code_of(&file.text), &["unsafe"], remedy)
}

/// What is open is an issue, not a mark in a file.
pub(super) fn nothing_is_left_for_later(file: &File) -> Vec<String> {
    // Written in two parts, so that this file does not find itself.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
    let mut found = lines_with(&file.path, &file.text, &marks, "do it now, or open an issue and take the mark out");
    if file.is_rust() {
        let code = code_of(&file.text);
        let remedy = "finish it: what is merged works";
        found.extend(lines_with(&file.path, &code, &["dbg!", "unimplemented!", "todo!"], remedy));
    }
    found
}

/// A file that fits a head.
pub(super) fn files_are_short(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    if !file.is_rust() || lines <= LINES_MAX {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines: at most {LINES_MAX}; split it by what its parts do", file.path)]
}

#[test]
fn an_impure_core_is_found() {
    for word in IMPURE {
        let bad = File::sample("src/decide/noise.rs", &format!("fn f() {{\n    {word};\n}}\n"));
        let found = core_is_pure(&bad);
        let here = format!("src/decide/noise.rs:2: {}: ", word.trim());
        assert!(found.iter().any(|f| f.starts_with(&here)), "{word}: {found:?}");
    }
    let fine = "//! No clock, no std::fs.\npub struct W {\n    pub thread: Option<String>,\n}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
    assert!(core_is_pure(&File::sample("src/decide/noise.rs", fine)).is_empty());
    for elsewhere in ["src/decide/transition/tests.rs", "src/pass.rs", "jobs/tcp/src/lib.rs"] {
        assert!(core_is_pure(&File::sample(elsewhere, "use std::fs;")).is_empty(), "{elsewhere}");
    }
}

#[test]
fn a_second_clock_is_found() {
    let text = "fn f() {\n    let t = std::time::SystemTime::now();\n}\n";
    let found = only_the_clock_reads_the_time(&File::sample("src/pass.rs", text));
    assert!(found.len() == 1 && found[0].starts_with("src/pass.rs:2: SystemTime::now: "), "{found:?}");
    let found = only_the_clock_reads_the_time(&File::sample("src/cli/status.rs", "jiff::Timestamp::now()"));
    assert_eq!(found.len(), 1);
    for elsewhere in ["src/clock.rs", "jobs/http/src/lib.rs", "src/pass/tests.rs"] {
        assert!(only_the_clock_reads_the_time(&File::sample(elsewhere, text)).is_empty(), "{elsewhere}");
    }
    assert!(
        only_the_clock_reads_the_time(&File::sample("src/pass.rs", "Instant::now() // SystemTime::now")).is_empty()
    );
}

#[test]
fn sql_outside_the_store_is_found() {
    let text = "db.run(\"INSERT INTO job VALUES (1)\")";
    assert_eq!(only_the_store_knows_sql(&File::sample("src/pass.rs", text)).len(), 1);
    assert_eq!(only_the_store_knows_sql(&File::sample("src/store.rs", "use rusqlite::Row;")).len(), 1);
    assert!(only_the_store_knows_sql(&File::sample("src/store/sqlite.rs", text)).is_empty());
}

#[test]
fn imap_outside_the_mailbox_is_found() {
    let text = "let session = imap::Client::new(tcp);";
    assert_eq!(only_the_mailbox_knows_imap(&File::sample("jobs/imap/src/lib.rs", text)).len(), 1);
    assert!(only_the_mailbox_knows_imap(&File::sample("jobs/parts/src/mailbox/session.rs", text)).is_empty());
    assert!(only_the_mailbox_knows_imap(&File::sample("tests/mail.rs", "use super::imap::Imap;")).is_empty());
}

#[test]
fn danger_and_leftovers_are_found() {
    let bad = concat!("uns", "afe { *p }\n");
    assert_eq!(nothing_is_unsafe(&File::sample("jobs/x/src/lib.rs", bad)).len(), 1);
    assert!(nothing_is_unsafe(&File::sample("Cargo.toml", bad)).is_empty());
    let mark = concat!("# TO", "DO: later\nmktemp -d XXXXXX\n");
    let found = nothing_is_left_for_later(&File::sample("tests/install", mark));
    assert!(found.len() == 1 && found[0].starts_with("tests/install:1: "), "{found:?}");
    let code = "fn f() {\n    dbg!(1);\n    unimplemented!()\n}\n";
    assert_eq!(nothing_is_left_for_later(&File::sample("src/x.rs", code)).len(), 2);
    assert!(has("dbg!(1)", "dbg!"));
}

#[test]
fn a_long_file_is_found() {
    let text = "x\n".repeat(LINES_MAX + 1);
    let found = files_are_short(&File::sample("src/x.rs", &text));
    assert_eq!(found, ["src/x.rs: 451 lines: at most 450; split it by what its parts do"]);
    assert!(files_are_short(&File::sample("Cargo.lock", &text)).is_empty());
    assert!(files_are_short(&File::sample("src/x.rs", &"x\n".repeat(LINES_MAX))).is_empty());
}
