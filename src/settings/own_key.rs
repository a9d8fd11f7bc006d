//! A `[[peer]]` table with the key of this very node. Only the machine whose settings they are can know that, so it is
//! judged by `checker check` and not in each load.

use super::report::{Report, Severity};
use super::source::{Fault, Sources};
use super::{Settings, SourceText};
use crate::peer::PublicKey;
use std::path::Path;

/// The report with one error more for each peer that has the key `own`, the public one of this node. `main` is the main
/// file as it was named.
#[must_use]
pub fn refuse_own_key(settings: &Settings, report: Report, own: &PublicKey, main: &Path) -> Report {
    let is_own = |key: &&str| PublicKey::parse(key).is_ok_and(|key| key == *own);
    let keys: Vec<&str> = settings.peers.iter().filter_map(|p| p.key.as_deref()).filter(is_own).collect();
    if keys.is_empty() {
        return report;
    }
    let mut sources = Sources::new();
    let (mut found, mut base) = (Vec::new(), 0);
    for (n, SourceText { path, text }) in settings.sources.iter().enumerate() {
        // It was parsed before: only places are asked of it now.
        drop(sources.add(if n == 0 { main } else { path }, text));
        found.extend(keys.iter().filter_map(|key| Some((base + place(text, key)?, key.len()))));
        base += text.len() + 1;
    }
    let mut problems = report.problems;
    problems.extend(found.into_iter().map(|(start, len)| {
        let fault = Fault::new(
            "this is the key of this very node",
            "paste here what `checker peers invite` prints on the OTHER machine",
        );
        sources.problem(Severity::Error, start..start + len, fault)
    }));
    Report::new(problems, report.jobs)
}

/// Where the key stands, in use and not in a comment.
fn place(text: &str, key: &str) -> Option<usize> {
    let in_use = |at: &usize| {
        let line = text.get(..*at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
        !line.contains('#')
    };
    text.match_indices(key).map(|(at, _)| at).find(in_use)
}
