//! The jobs that a window names.

use super::super::jobs::KindJobs;
use super::super::nearest::nearest;
use super::super::section::{Cx, Section};
use checker_job::JobId;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

/// Every job in place of names.
const ALL: &str = "*";

/// What windows may name.
pub(super) struct Targets {
    /// Jobs by name and by id.
    jobs: BTreeMap<String, Vec<JobId>>,
    /// Jobs by host.
    hosts: BTreeMap<String, Vec<JobId>>,
    /// Texts of tables that could not be read: who names one of them is not told that it is unknown.
    excused: BTreeSet<String>,
}

impl Targets {
    pub(super) fn of(kinds: &[KindJobs<'_>]) -> Self {
        let mut all = Self { jobs: BTreeMap::new(), hosts: BTreeMap::new(), excused: BTreeSet::new() };
        for kind in kinds {
            all.excused.extend(kind.excused.iter().cloned());
            all.excused.extend(kind.tables.iter().filter_map(|t| t.policy.host.clone()));
            for job in kind.jobs.iter().chain(&kind.disabled) {
                let (id, policy) = (job.id(), job.policy());
                all.jobs.entry(id.to_string()).or_default().push(id.clone());
                all.jobs.entry(policy.name.clone()).or_default().push(id.clone());
                if let Some(host) = &policy.host {
                    all.hosts.entry(host.clone()).or_default().push(id.clone());
                }
            }
        }
        all
    }

    fn every(&self) -> impl Iterator<Item = &JobId> {
        self.jobs.values().flatten()
    }

    fn is_excused(&self, text: &str) -> bool {
        let target = text.split_once(':').map_or(text, |(_, target)| target);
        self.excused.contains(text) || self.excused.contains(target)
    }
}

/// The jobs that `jobs` and `hosts` name; `None` if one of them is unknown.
pub(super) fn jobs(s: &mut Section<'_, '_>, targets: &Targets) -> Option<Vec<JobId>> {
    if !s.has("jobs") && !s.has("hosts") {
        s.take("jobs");
        s.take("hosts");
        s.missing("jobs", "[\"web\"] (names or ids; \"*\" for all), or hosts = [\"db1\"]");
        return None;
    }
    let (jobs_span, hosts_span) = (s.span_of("jobs"), s.span_of("hosts"));
    let jobs = s.texts("jobs", "[\"web\"]");
    let hosts = s.texts("hosts", "[\"db1\"]");
    let (mut found, mut good) = (BTreeSet::new(), true);
    for (list, key, span) in [(&jobs, "jobs", jobs_span), (&hosts, "hosts", hosts_span)] {
        if list.as_ref().is_some_and(Vec::is_empty) {
            s.cx.error(span, format!("\"{key}\" is empty: the window would hold nothing"), "name one, or take it out");
            good = false;
        }
    }
    for text in jobs.iter().flatten() {
        match targets.jobs.get(text.get_ref()) {
            Some(ids) => found.extend(ids.iter().cloned()),
            None if text.get_ref() == ALL => found.extend(targets.every().cloned()),
            None => good &= unknown(s.cx, text, targets, "job", targets.jobs.keys()),
        }
    }
    for text in hosts.iter().flatten() {
        match targets.hosts.get(text.get_ref()) {
            Some(ids) => found.extend(ids.iter().cloned()),
            None => good &= unknown(s.cx, text, targets, "host", targets.hosts.keys()),
        }
    }
    good.then(|| found.into_iter().collect())
}

/// Says that there is no such job or host, unless its table was told of already; whether it is excused.
fn unknown<'a>(
    cx: &Cx<'_>,
    text: &Spanned<String>,
    targets: &Targets,
    what: &str,
    known: impl Iterator<Item = &'a String>,
) -> bool {
    let name = text.get_ref();
    if targets.is_excused(name) {
        return true;
    }
    let remedy = match (nearest(name, known.map(String::as_str)), what) {
        (Some(near), _) => format!("did you mean \"{near}\"?"),
        (None, "job") => "name a job by its name or its id, or \"*\" for all; `checker jobs` lists them".to_owned(),
        (None, _) => "name the `host` of a job; `checker jobs` shows them".to_owned(),
    };
    cx.error(text.span(), format!("there is no {what} \"{name}\" for this window"), remedy);
    false
}
