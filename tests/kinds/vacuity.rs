//! `checker vacuity`, by the real program on real servers: of two jobs for the same target, one that checks next to nothing and
//! one that means it, the first is flagged with what it would not notice, and the second is not.

mod here;
mod mail;
mod web;

use crate::support::binary::{Home, usual};
use std::collections::BTreeMap;

/// What people read of it.
const PAGE: &str = include_str!("../../docs/vacuity.md");

/// What each of these jobs would not notice, by its name; all of them have been asked, and were healthy. Without names all are.
fn flagged(home: &Home, names: &[&str]) -> BTreeMap<String, Vec<String>> {
    let asked = [&["vacuity", "--json"], names].concat();
    let all = home.run(&asked).ended(0).json();
    let jobs = all["jobs"].as_array().unwrap_or_else(|| panic!("{all}"));
    jobs.iter()
        .map(|job| {
            let mutations = job["mutations"].as_array().unwrap();
            assert!(!mutations.is_empty(), "{job:#}");
            for name in mutations.iter().map(|m| m["name"].as_str().unwrap()) {
                let is_told = PAGE.contains(&format!("`{name}`")) || name.ends_with("_pressure");
                assert!(is_told, "docs/vacuity.md does not say what `{name}` is");
            }
            let unseen = |m: &&serde_json::Value| m["noticed"] == false && m["noticed_by"] == serde_json::json!([]);
            let unseen: Vec<String> =
                mutations.iter().filter(unseen).map(|m| m["name"].as_str().unwrap().to_owned()).collect();
            let standing = if unseen.is_empty() { "strong" } else { "weak" };
            assert_eq!(job["standing"], standing, "{job:#}");
            (job["name"].as_str().unwrap().to_owned(), unseen)
        })
        .collect()
}

/// Holds the jobs of `weak` to what they are to be flagged with, and those of `strong` to nothing.
fn judged(home: &Home, weak: &[(&str, &str, &[&str])], strong: &[(&str, &str)]) {
    // A name begins with the kind.
    let table = |name: &str, keys: &str| {
        let kind = name.split(' ').next().unwrap_or_default();
        format!("[[job.{kind}]]\nname = \"{name}\"\nid = \"{name}\"\n{keys}\n\n")
    };
    let weak_tables: String = weak.iter().map(|(name, keys, _)| table(name, keys)).collect();
    let strong_tables: String = strong.iter().map(|(name, keys)| table(name, keys)).collect();
    home.settings(&usual(&weak_tables));
    for (name, _, unseen) in weak {
        // One by one, since they may stand in for each other.
        let wanted = BTreeMap::from([((*name).to_owned(), unseen.iter().map(|word| (*word).to_owned()).collect())]);
        assert_eq!(flagged(home, &[name]), wanted);
    }
    home.settings(&usual(&strong_tables));
    let wanted: BTreeMap<String, Vec<String>> =
        strong.iter().map(|(name, _)| ((*name).to_owned(), Vec::new())).collect();
    assert_eq!(flagged(home, &[]), wanted);
}
