//! Seeds, and inputs that once found something, through the bodies that fuzzers run; and some thousand changes of them.

use std::path::{Path, PathBuf};

/// A row of numbers that look like chance and are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The seeds of `target`, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder().join("seeds").join(target)).unwrap();
    let mut all: Vec<(String, Vec<u8>)> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    assert!(all.len() >= 3, "{target} has {} seeds", all.len());
    all
}

/// One to four changes: a byte, a piece taken out, doubled, or taken from another seed.
fn change(mut bytes: Vec<u8>, all: &[(String, Vec<u8>)], chance: &mut Chance) -> Vec<u8> {
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len());
        let end = (at + 1 + chance.below(16)).min(bytes.len());
        match chance.below(5) {
            0 if !bytes.is_empty() => bytes[at] = u8::try_from(chance.below(256)).unwrap(),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << chance.below(8),
            2 if !bytes.is_empty() => drop(bytes.drain(at..end)),
            3 if !bytes.is_empty() => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let other = &all[chance.below(all.len())].1;
                let from = chance.below(other.len());
                let to = (from + 1 + chance.below(64)).min(other.len());
                bytes.splice(at..at, other[from.min(to)..to].iter().copied());
            }
        }
    }
    bytes
}

/// Runs `body` over all seeds of `target`, and over `changes` changed ones. What fails is printed as Rust bytes.
fn replay(target: &str, body: fn(&[u8]), changes: usize) {
    let all = seeds(target);
    let mut chance = Chance(0x0dd5_eed5);
    let run = |bytes: &[u8], name: &str| {
        let held = std::panic::catch_unwind(|| body(bytes));
        assert!(held.is_ok(), "{target}: {name} fails: b\"{}\"", bytes.escape_ascii());
    };
    for (name, bytes) in &all {
        run(bytes, name);
    }
    for _ in 0..changes {
        let (name, bytes) = &all[chance.below(all.len())];
        run(&change(bytes.clone(), &all, &mut chance), &format!("{name}, changed,"));
    }
    run(b"", "nothing");
}

#[test]
fn peer_answer() {
    replay("peer_answer", super::peer_answer, 3_000);
}

#[test]
fn look() {
    replay("look", super::look, 3_000);
}

#[test]
fn status() {
    replay("status", super::status, 3_000);
}

#[test]
fn http_request() {
    replay("http_request", super::http_request, 3_000);
}

#[test]
fn imap() {
    replay("imap", super::imap, 3_000);
}

#[test]
fn smtp() {
    replay("smtp", super::smtp, 1_000);
}

#[test]
fn settings() {
    replay("settings", super::settings, 3_000);
}

#[test]
fn plugin_output() {
    replay("plugin_output", super::plugin_output, 3_000);
}

#[test]
fn first_settings() {
    replay("first_settings", super::first_settings, 3_000);
}

#[test]
fn json_condition() {
    replay("json_condition", super::json_condition, 3_000);
}

#[test]
fn control() {
    replay("control", super::control, 3_000);
}

/// A target without a test would rot.
#[test]
fn each_target_is_replayed_here() {
    let here = include_str!("tests.rs");
    let mut count = 0;
    for entry in std::fs::read_dir(folder().join("fuzz_targets")).unwrap() {
        let path = entry.unwrap().path();
        let target = path.file_stem().unwrap().to_str().unwrap();
        assert!(here.contains(&format!("replay(\"{target}\", super::{target}, ")), "no test replays {target}");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("checker::fuzzing::{target}(data)")), "{} runs another body", path.display());
        count += 1;
    }
    assert!(count >= 7, "{count} targets");
}
