//! The rules of this repository, as tests. Each says what to do when it fails.
//!
//! A rule is a pure function over paths and texts, so that a bad sample can show that it fails when it should: those
//! samples stand beside the rules. Here the rules meet the files that are tracked (without git: all files).

#![expect(
    clippy::string_slice,
    clippy::format_collect,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "cut where an ASCII sign was found; short samples; names as they are in this repository"
)]

mod cargo;
mod code;
mod crontab;
mod house;
mod keys;
mod papers;
mod source;
mod writing;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One text file of the repository.
#[derive(Clone, Debug)]
struct File {
    /// Its path from the root of the repository, with `/`.
    path: String,
    text: String,
    executable: bool,
    /// Only tests are in it, because of its path or because a `#[cfg(test)] mod` names it.
    is_test: bool,
}

impl File {
    fn sample(path: &str, text: &str) -> Self {
        let is_test = code::is_test_path(path);
        Self { path: path.to_owned(), text: text.to_owned(), executable: false, is_test }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Asked at run time first: with a shared target folder this program may have been built from another clone.
fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// All tracked text files.
fn files() -> Vec<File> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let mut paths: Vec<String> = match listed {
        Ok(out) if out.status.success() && !out.stdout.is_empty() => {
            String::from_utf8(out.stdout).unwrap().split_terminator('\0').map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    if paths.is_empty() {
        walk(&root(), "", &mut paths);
    }
    let mut files: Vec<File> = paths.iter().filter_map(|path| read(path)).collect();
    let of_tests: Vec<String> = files.iter().flat_map(|f| code::test_modules(&f.path, &f.text)).collect();
    for file in &mut files {
        file.is_test |=
            of_tests.iter().any(|stem| file.path.strip_prefix(stem).is_some_and(|r| r == ".rs" || r.starts_with('/')));
    }
    files
}

fn walk(folder: &Path, prefix: &str, paths: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && name != ".git" {
                walk(&entry.path(), &format!("{path}/"), paths);
            }
        } else {
            paths.push(path);
        }
    }
}

/// A file, unless it is gone or no text.
fn read(path: &str) -> Option<File> {
    let full = root().join(path);
    let text = std::fs::read_to_string(&full).ok()?;
    let executable = full.metadata().ok()?.permissions().mode() & 0o111 != 0;
    Some(File { path: path.to_owned(), text, executable, is_test: code::is_test_path(path) })
}

fn must_read(path: &str) -> String {
    read(path).unwrap_or_else(|| panic!("{path} is missing; the house of docs/architecture.md has it")).text
}

/// Ends the test if there is anything to do.
fn none(found: &[String]) {
    assert!(found.is_empty(), "\n\n{}\n", found.join("\n"));
}

/// A rule about each file for itself.
fn each(rule: fn(&File) -> Vec<String>) {
    let files = files();
    assert!(files.len() > 20, "only {} files found: the rules are not looking at this repository", files.len());
    none(&files.iter().flat_map(rule).collect::<Vec<_>>());
}

#[test]
fn the_core_is_pure() {
    each(source::core_is_pure);
}

#[test]
fn only_the_clock_reads_the_time() {
    each(source::only_the_clock_reads_the_time);
}

#[test]
fn only_the_store_knows_sql() {
    each(source::only_the_store_knows_sql);
}

#[test]
fn only_the_mailbox_knows_imap() {
    each(source::only_the_mailbox_knows_imap);
}

#[test]
fn nothing_is_unsafe() {
    each(source::nothing_is_unsafe);
}

#[test]
fn nothing_is_left_for_later() {
    each(source::nothing_is_left_for_later);
}

#[test]
fn files_are_short() {
    each(source::files_are_short);
}

#[test]
fn lines_end_clean() {
    each(papers::lines_end_clean);
}

#[test]
fn no_traces_of_a_workplace() {
    each(papers::no_traces_of_a_workplace);
}

#[test]
fn links_lead_somewhere() {
    let there = |path: &str| root().join(path).exists();
    none(&files().iter().flat_map(|f| papers::links_lead_somewhere(f, &there)).collect::<Vec<_>>());
}

#[test]
fn scripts_run() {
    let files = files();
    none(&files.iter().flat_map(papers::scripts_are_executable).collect::<Vec<_>>());
    for script in files.iter().filter(|f| papers::is_script(f)) {
        let judged = Command::new("bash").arg("-n").arg(root().join(&script.path)).output().unwrap();
        let said = String::from_utf8_lossy(&judged.stderr);
        assert!(judged.status.success(), "{} is no valid script: {said}", script.path);
    }
}

#[test]
fn the_architecture_states_its_invariants() {
    none(&papers::invariants_are_stated(&must_read("docs/architecture.md")));
}

#[test]
fn the_changelog_has_room_for_what_comes() {
    none(&papers::changelog_has_unreleased(&must_read("CHANGELOG.md")));
}

#[test]
fn one_tls_and_no_openssl() {
    none(&cargo::one_tls_and_no_openssl(&must_read("Cargo.lock")));
}

#[test]
fn fuzzers_run_what_users_have() {
    none(&cargo::fuzzed_is_shipped(&must_read("Cargo.lock"), &must_read("fuzz/Cargo.lock")));
    none(&cargo::fuzzed_is_whole(&must_read("Cargo.toml"), &must_read("fuzz/Cargo.lock")));
}

#[test]
fn every_member_inherits_the_lints() {
    let manifests: Vec<File> = files().into_iter().filter(|f| f.path.ends_with("Cargo.toml")).collect();
    assert!(manifests.len() >= 6, "only {} manifests found", manifests.len());
    none(&manifests.iter().flat_map(cargo::inherits_the_lints).collect::<Vec<_>>());
    none(&cargo::lints_are_strict(&must_read("Cargo.toml"), &must_read("clippy.toml")));
}

#[test]
fn every_folder_of_jobs_is_a_kind_that_is_bundled() {
    let folders = house::job_folders(&root().join("jobs"));
    assert!(folders.len() >= 6, "only {} folders found in jobs/", folders.len());
    none(&house::kinds_are_bundled(&folders, &must_read("Cargo.toml"), &must_read("src/bundled.rs")));
}

#[test]
fn every_key_is_in_the_example() {
    let example = must_read("settings.cfg.example");
    none(&keys::designed_keys_are_shown(&example));
    let sources: Vec<File> = files().into_iter().filter(|f| f.path.starts_with("src/settings/")).collect();
    assert!(!sources.is_empty(), "src/settings/ is not found");
    none(&sources.iter().flat_map(|f| keys::read_keys_are_shown(f, &example)).collect::<Vec<_>>());
}

#[test]
fn the_crontab_is_one_that_cron_takes() {
    none(&crontab::problems(&must_read("crontab.example")));
    none(&crontab::first_programs_lines(&must_read("crontab.example")));
}

#[test]
fn the_code_in_the_documents_is_the_code_that_compiles() {
    none(&writing::blocks_are_compiled(&must_read("docs/writing-a-job.md")));
}
