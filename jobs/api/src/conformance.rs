//! The conformance kit: two lines in the tests of a job crate.
//!
//! ```ignore
//! #[test]
//! fn conforms() {
//!     checker_job::conformance::check::<checker_example::Spawner>();
//! }
//!
//! #[test]
//! fn stands_fire() {
//!     checker_job::conformance::under_fire::<checker_example::Spawner>("[[job.example]]\npath = \"/etc/passwd\"\n");
//! }
//! ```

mod apart;
mod fire;
mod left;
#[cfg(test)]
mod samples;

use crate::{COMMON_KEYS, Frequency, JobSpawner, Policy, Table};
use serde::Deserialize;
use std::sync::Arc;

/// Holds a job kind to its contract.
///
/// # Panics
/// With a sentence that says what does not hold.
#[expect(clippy::panic, reason = "a conformance kit reports by panicking inside a test")]
pub fn check<S: JobSpawner>() {
    let kind = S::KIND;
    let is_word = !kind.is_empty() && kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    assert!(is_word, "KIND {kind:?} must be lower case letters, digits and _");
    let tables = example_tables(kind, S::EXAMPLE);
    assert!(!tables.is_empty(), "EXAMPLE of {kind} holds no [[job.{kind}]] table");
    let spawn = || {
        let tables = tables.iter().map(|t| table_of::<S>(kind, t.clone())).collect();
        S::spawn(tables).unwrap_or_else(|errors| panic!("EXAMPLE of {kind} does not spawn: {errors:?}"))
    };
    let (first, second) = (spawn(), spawn());
    let ids = |jobs: &[S::Job]| jobs.iter().map(|j| crate::Job::id(j).clone()).collect::<Vec<_>>();
    assert!(
        ids(&first) == ids(&second),
        "{kind}: the same tables gave other ids: {:?} and {:?}",
        ids(&first),
        ids(&second)
    );
    for job in &first {
        assert!(
            !crate::Job::policy(job).name.is_empty(),
            "{kind}: the job {} has no name: build id and policy with Table::job",
            crate::Job::id(job)
        );
    }
    keys_are_strict_and_documented::<S>(kind, &tables);
}

/// Runs the jobs of these `[[job.KIND]]` tables, whose targets the test has made, through what they must stand: a run on
/// its own, runs dropped in the middle, a thousand at once (200 on threads). Nothing may panic, block where it says that it
/// does not, end the process, outlive its timeout, or leave a child process, a thread or a file handle behind; outcomes and
/// words must be usable.
///
/// It burns in a process of its own, which is this test started again; so call it on the test's own thread, once in a test.
///
/// # Panics
/// With a sentence that says what does not hold.
#[expect(clippy::panic, reason = "a conformance kit reports by panicking inside a test")]
pub fn under_fire<S: JobSpawner>(settings: &str) {
    if let Err(what) = apart::apart(|| fire::through::<S>(settings)) {
        panic!("{}: {what}", S::KIND);
    }
}

/// One table with these keys of the kind's own, and with the built-in policy: for tests of what a kind makes of it.
///
/// # Panics
/// If the kind does not take these keys, with the sentence that a user would see.
#[expect(clippy::panic, reason = "a conformance kit reports by panicking inside a test")]
pub fn table<S: JobSpawner>(keys: &str) -> Table<S::Settings> {
    let settings = toml::from_str(keys).unwrap_or_else(|e| panic!("{keys}: {e}"));
    Table { name: None, id: None, policy: Arc::default(), settings }
}

#[expect(clippy::panic, reason = "a conformance kit reports by panicking inside a test")]
fn example_tables(kind: &str, example: &str) -> Vec<toml::Table> {
    let parsed: toml::Table = example.parse().unwrap_or_else(|e| panic!("EXAMPLE of {kind} is no TOML: {e}"));
    let tables = parsed.get("job").and_then(|j| j.get(kind)).and_then(|t| t.as_array()).cloned().unwrap_or_default();
    tables.into_iter().filter_map(|t| t.as_table().cloned()).collect()
}

#[expect(clippy::panic, reason = "a conformance kit reports by panicking inside a test")]
fn table_of<S: JobSpawner>(kind: &str, mut table: toml::Table) -> Table<S::Settings> {
    let text = |v: Option<toml::Value>| v.and_then(|v| v.as_str().map(str::to_owned));
    let (name, id) = (text(table.remove("name")), text(table.remove("id")));
    let every = text(table.remove("every")).map(|every| Frequency::parse(&every));
    let every =
        every.transpose().unwrap_or_else(|e| panic!("`every` in EXAMPLE of {kind}: {e}")).unwrap_or(Frequency::Minute);
    for key in COMMON_KEYS {
        table.remove(key);
    }
    let settings = S::Settings::deserialize(table).unwrap_or_else(|e| panic!("EXAMPLE of {kind} is not accepted: {e}"));
    Table { name, id, policy: Arc::new(Policy { every, ..Policy::default() }), settings }
}

/// A typing error in the settings of a watchdog must never mean "not watched". And every key that is accepted must
/// stand in EXAMPLE, in use or behind `# `, because that block is where people look; behind `# ` it must be right too.
fn keys_are_strict_and_documented<S: JobSpawner>(kind: &str, tables: &[toml::Table]) {
    let Some(mut table) = tables.first().cloned() else {
        return;
    };
    for key in COMMON_KEYS {
        table.remove(key);
    }
    let mut wrong = table.clone();
    wrong.insert("no_such_key_as_this".to_owned(), toml::Value::Boolean(true));
    let refused = S::Settings::deserialize(wrong).err().map(|e| e.to_string());
    assert!(refused.is_some(), "{kind}: Settings accepts unknown keys; add #[serde(deny_unknown_fields)]");
    let accepted = accepted_keys(&refused.unwrap_or_default());
    for key in S::ELSEWHERE {
        assert!(
            accepted.iter().any(|known| known == key) && !key.ends_with("_file"),
            "{kind}: ELSEWHERE names {key}, which is no key of the kind, or names a file of this machine"
        );
    }
    for key in accepted {
        assert!(
            !COMMON_KEYS.contains(&key.as_str()),
            "{kind}: the key {key} is a common one, which Checker takes out of the table; name it otherwise"
        );
        let lines: Vec<&str> = S::EXAMPLE.lines().filter_map(|line| line_of(line, kind, &key)).collect();
        assert!(
            !lines.is_empty(),
            "{kind}: EXAMPLE does not show the key {key}; add it with its default, as in `# {key} = ...`"
        );
        // A value that goes over several lines is no TOML by its first one, and is only looked for.
        for one in lines.iter().filter_map(|l| l.parse::<toml::Table>().ok()) {
            let mut with = table.clone();
            with.extend(one);
            let read = S::Settings::deserialize(with);
            assert!(
                read.is_ok(),
                "{kind}: EXAMPLE shows `{}`, which is not accepted: {}",
                lines.join("` and `"),
                read.err().map(|e| e.to_string()).unwrap_or_default()
            );
        }
    }
}

/// The keys that serde lists behind "expected" when it refuses an unknown one.
fn accepted_keys(refusal: &str) -> Vec<String> {
    let listed = refusal.split_once("expected").map_or("", |(_, after)| after);
    let quoted = listed.split('`').skip(1).step_by(2);
    quoted.map(str::to_owned).collect()
}

/// The line, without a leading `# `, if it sets `key` or opens a table of that name.
fn line_of<'a>(line: &'a str, kind: &str, key: &str) -> Option<&'a str> {
    let bare = line.trim_start().trim_start_matches('#').trim_start();
    let sets = bare.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['=', '.']));
    let opens =
        [format!("[job.{kind}.{key}]"), format!("[[job.{kind}.{key}]]")].iter().any(|header| bare.starts_with(header));
    (sets || opens).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_are_read_off_serdes_own_words() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        #[expect(dead_code, reason = "only its names matter")]
        struct Three {
            a: u8,
            r#b_c: Option<u8>,
            d: Option<u8>,
        }
        let refusal = toml::from_str::<Three>("a = 1\nx = 1").unwrap_err();
        assert_eq!(accepted_keys(refusal.message()), ["a", "b_c", "d"]);
    }

    #[test]
    fn a_key_is_found_in_use_and_behind_a_mark_only_as_a_whole() {
        assert_eq!(line_of("# env = {}", "x", "env"), Some("env = {}"));
        assert_eq!(line_of("  env.A = 1", "x", "env"), Some("env.A = 1"));
        assert!(line_of("#[job.x.env]", "x", "env").is_some());
        assert!(line_of("environment = 1", "x", "env").is_none());
        assert!(line_of("# the env is cleared", "x", "env").is_none());
    }
}
