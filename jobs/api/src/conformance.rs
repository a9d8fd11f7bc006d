//! The conformance kit: one line in the tests of a job crate.
//!
//! ```ignore
//! #[test]
//! fn conforms() {
//!     checker_job::conformance::check::<checker_example::Spawner>();
//! }
//! ```

use crate::{JobSpawner, Policy, Table};
use serde::Deserialize;

/// Keys that Checker takes out of a table before the kind sees it.
pub const COMMON_KEYS: [&str; 13] = [
    "name",
    "id",
    "host",
    "every",
    "notify",
    "remind",
    "failure_threshold",
    "recovery_threshold",
    "timeout",
    "contacts",
    "depends_on",
    "note",
    "enabled",
];

/// Holds a job kind to its contract.
///
/// # Panics
/// With a sentence that says what does not hold.
#[expect(clippy::panic, reason = "a conformance kit reports by panicking inside a test")]
pub fn check<S: JobSpawner>() {
    let kind = S::KIND;
    if kind.is_empty() || !kind.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        panic!("KIND {kind:?} must be lower case letters, digits and _");
    }
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
    unknown_key_is_refused::<S>(kind, &tables);
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
    for key in COMMON_KEYS {
        table.remove(key);
    }
    let settings = S::Settings::deserialize(table).unwrap_or_else(|e| panic!("EXAMPLE of {kind} is not accepted: {e}"));
    Table { name, id, policy: Policy::default(), settings }
}

/// A typing error in the settings of a watchdog must never mean "not watched".
#[expect(clippy::panic, reason = "a conformance kit reports by panicking inside a test")]
fn unknown_key_is_refused<S: JobSpawner>(kind: &str, tables: &[toml::Table]) {
    let Some(mut table) = tables.first().cloned() else {
        return;
    };
    for key in COMMON_KEYS {
        table.remove(key);
    }
    table.insert("no_such_key_as_this".to_owned(), toml::Value::Boolean(true));
    assert!(
        S::Settings::deserialize(table).is_err(),
        "{kind}: Settings accepts unknown keys; add #[serde(deny_unknown_fields)]"
    );
}
