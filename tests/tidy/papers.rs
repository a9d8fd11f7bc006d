//! Rules about documents, scripts and all other text.

use super::File;

/// Lines that say what is deliberately absent.
const INVARIANTS_MIN: usize = 8;

/// What a snapshot, a sample of a message or an input of a fuzzer holds is not ours to tidy.
fn is_quoted(file: &File) -> bool {
    let quoted = file.path.ends_with(".snap") || file.path.contains("/data/") || file.path.ends_with(".eml");
    quoted || file.path.starts_with("fuzz/seeds/")
}

/// No trailing blanks, no carriage returns, one line feed at the end.
pub(super) fn lines_end_clean(file: &File) -> Vec<String> {
    if is_quoted(file) || file.text.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in file.text.split('\n').enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            found.push(format!("{}:{}: blanks or a carriage return at the end of the line", file.path, number + 1));
        }
    }
    if !file.text.ends_with('\n') || file.text.ends_with("\n\n") {
        found.push(format!("{}: must end with one line feed", file.path));
    }
    found
}

/// Paths of one machine and words of one person's tools mean nothing to those who read the repository. Written in
/// parts, so that this file does not find itself.
fn traces() -> Vec<String> {
    let paths = ["work", "tmp"].map(|folder| format!("/{folder}/"));
    let tools = [
        ("cla", "ude"),
        ("anthro", "pic"),
        ("open", "ai"),
        ("chat", "gpt"),
        ("co", "pilot"),
        ("sub", "agent"),
        ("language ", "model"),
        ("as an ", "ai"),
    ];
    paths.into_iter().chain(tools.map(|(a, b)| format!("{a}{b}"))).collect()
}

/// See [`traces`].
pub(super) fn no_traces_of_a_workplace(file: &File) -> Vec<String> {
    if file.path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    let traces = traces();
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let line = line.to_lowercase();
        for trace in traces.iter().filter(|trace| stands_in(&line, trace)) {
            found.push(format!(
                "{}:{}: {trace}: no paths of one machine and no words of tools; tests make folders with tempfile",
                file.path,
                number + 1
            ));
        }
    }
    found
}

/// A path counts where it begins: `/var/tmp/` and `url/tmp/` are others.
fn stands_in(line: &str, trace: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || "._-~})".contains(c);
    line.match_indices(trace).any(|(at, _)| !line[..at].chars().next_back().is_some_and(is_word))
}

/// A file that a shell runs.
pub(super) fn is_script(file: &File) -> bool {
    let first = file.text.lines().next().unwrap_or_default();
    file.path.ends_with(".sh") || (first.starts_with("#!") && first.ends_with("sh"))
}

/// A script that cannot be called.
pub(super) fn scripts_are_executable(file: &File) -> Vec<String> {
    if !is_script(file) || file.executable {
        return Vec::new();
    }
    vec![format!("{0}: is a script and not executable: run `chmod +x {0}`", file.path)]
}

/// Links of a document to files beside it.
pub(super) fn links_lead_somewhere(file: &File, there: &dyn Fn(&str) -> bool) -> Vec<String> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (number, target) in links(&file.text) {
        let path = target.split('#').next().unwrap_or_default();
        let outside = target.contains("://") || target.starts_with("mailto:");
        if outside || path.is_empty() || there(&joined(folder, path)) {
            continue;
        }
        found.push(format!(
            "{}:{number}: the link to {target} leads nowhere: correct it, or write that file",
            file.path
        ));
    }
    found
}

/// What stands in `](...)`, outside of code, with its line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in line.split('`').step_by(2).flat_map(|plain| plain.split("](").skip(1)) {
            let target = part.split(')').next().unwrap_or_default();
            links.push((number + 1, target.split(' ').next().unwrap_or_default()));
        }
    }
    links
}

fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = if folder.is_empty() { Vec::new() } else { folder.split('/').collect() };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What must stay true is said where people look for it.
pub(super) fn invariants_are_stated(architecture: &str) -> Vec<String> {
    let count = architecture.lines().filter(|line| line.starts_with("**Invariant:** ")).count();
    if count >= INVARIANTS_MIN {
        return Vec::new();
    }
    vec![format!(
        "docs/architecture.md has {count} lines that begin with `**Invariant:** `, at least {INVARIANTS_MIN} are wanted: \
         say what is deliberately absent"
    )]
}

/// What a change is noted under.
pub(super) fn changelog_has_unreleased(changelog: &str) -> Vec<String> {
    let mut lines = changelog.lines().skip_while(|line| !matches!(*line, "## [Unreleased]" | "## Unreleased")).skip(1);
    if lines.any(|line| line.starts_with("### ")) {
        return Vec::new();
    }
    vec!["CHANGELOG.md needs `## Unreleased`, and below it `### Added`, `### Changed` or `### Fixed`".to_owned()]
}

#[test]
fn untidy_ends_are_found() {
    let found = |path: &str, text: &str| lines_end_clean(&File::sample(path, text)).len();
    assert_eq!(found("a.md", "one \ntwo\t\nthree\r\nfour"), 4);
    assert_eq!(found("a.md", "one\n\n"), 1);
    assert_eq!(found("a.md", "one\ntwo\n"), 0);
    assert_eq!(found("tests/x.snap", "-- \n"), 0);
    assert_eq!(found("fuzz/seeds/smtp/good", "220 x\r\n"), 0);
    assert_eq!(found("fuzz/run", "x \n"), 1);
}

#[test]
fn traces_are_found() {
    for trace in traces() {
        let text = format!("fine\nsee {}x\n", trace.to_uppercase());
        let found = no_traces_of_a_workplace(&File::sample("docs/a.md", &text));
        assert!(found.len() == 1 && found[0].starts_with(&format!("docs/a.md:2: {trace}: ")), "{trace}: {found:?}");
    }
    for path in traces().iter().filter(|trace| trace.starts_with('/')) {
        let fine = format!("/var{path}x $dir{path} http://example.com{path}\n");
        assert_eq!(no_traces_of_a_workplace(&File::sample("docs/a.md", &fine)), Vec::<String>::new());
    }
}

#[test]
fn scripts_that_cannot_run_are_found() {
    let mut script = File::sample("tests/all", "#!/bin/bash\ntrue\n");
    assert_eq!(scripts_are_executable(&script).len(), 1);
    script.executable = true;
    assert!(scripts_are_executable(&script).is_empty());
    assert!(
        is_script(&File::sample("x", "#!/usr/bin/env bash\n"))
            && !is_script(&File::sample("x.py", "#!/usr/bin/python3\n"))
    );
}

#[test]
fn broken_links_are_found() {
    let text = "[a](there.md) [b](gone.md#x) [c](../README.md \"t\") [d](https://e.org) [e](#x)\n`[f](gone)`\n```\n[g](gone)\n```\n";
    let there = |path: &str| ["docs/there.md", "README.md"].contains(&path);
    let found = links_lead_somewhere(&File::sample("docs/a.md", text), &there);
    assert!(found.len() == 1 && found[0].starts_with("docs/a.md:1: the link to gone.md#x"), "{found:?}");
    assert!(links_lead_somewhere(&File::sample("docs/a.rs", text), &there).is_empty());
}

#[test]
fn missing_chapters_are_found() {
    let line = "**Invariant:** no.\n";
    assert_eq!(invariants_are_stated(&line.repeat(INVARIANTS_MIN - 1)).len(), 1);
    assert_eq!(invariants_are_stated(&line.repeat(INVARIANTS_MIN)).len(), 0);
    assert_eq!(changelog_has_unreleased("# Changelog\n\n## 0.1.0\n### Added\n").len(), 1);
    assert_eq!(changelog_has_unreleased("## Unreleased\n").len(), 1);
    assert_eq!(changelog_has_unreleased("# Changelog\n\n## [Unreleased]\n\n### Added\n").len(), 0);
}
