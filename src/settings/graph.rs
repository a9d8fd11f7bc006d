//! What only all jobs together show: ids that meet, dependencies that lead nowhere or in a circle.

use super::jobs::KindJobs;
use super::nearest::nearest;
use super::section::{Cx, Span};
use crate::registry::{DynJob, Registry};
use checker_job::JobId;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

const SUGGESTED_MAX: usize = 100;

/// Judges all jobs of all kinds together.
pub(crate) fn check(cx: &Cx<'_>, kinds: &[KindJobs<'_>], registry: &Registry) {
    duplicates(cx, kinds, registry);
    // Most have none, and then there is nothing to look up.
    if !kinds.iter().any(depend) {
        return;
    }
    let known = names(kinds);
    let excused: BTreeSet<&str> = kinds.iter().flat_map(|k| k.excused.iter().map(String::as_str)).collect();
    for origin in kinds.iter().flat_map(|k| &k.origins) {
        for target in &origin.depends_on {
            let text = target.get_ref().as_str();
            let target_part = text.split_once(':').map_or(text, |(_, t)| t);
            if known.contains(text) || excused.contains(text) || excused.contains(target_part) {
                continue;
            }
            // To compare with all names costs time, and nobody reads a thousand suggestions.
            let near =
                if cx.problems.borrow().len() < SUGGESTED_MAX { nearest(text, known.iter().copied()) } else { None };
            let remedy = match near {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "name another job by its name or its id; `checker jobs` lists them".to_owned(),
            };
            cx.error(target.span(), format!("there is no job \"{text}\" to depend on"), remedy);
        }
    }
    circles(cx, kinds, registry);
}

/// Whether a job of this kind depends on another, by its table or by what the kind made of it.
fn depend(kind: &KindJobs<'_>) -> bool {
    let depends = |job: &Arc<dyn DynJob>| !job.policy().depends_on.is_empty();
    kind.origins.iter().any(|o| !o.depends_on.is_empty())
        || kind.jobs.iter().any(depends)
        || kind.disabled.iter().any(depends)
}

fn all<'a>(kinds: &'a [KindJobs<'_>]) -> impl Iterator<Item = &'a Arc<dyn DynJob>> {
    kinds.iter().flat_map(|k| k.jobs.iter().chain(&k.disabled))
}

fn names<'a>(kinds: &'a [KindJobs<'_>]) -> BTreeSet<&'a str> {
    all(kinds).flat_map(|j| [j.id().as_str(), j.policy().name.as_str()]).collect()
}

/// The places of the tables that make the job `id`.
fn places(kinds: &[KindJobs<'_>], registry: &Registry, id: &JobId) -> Vec<Span> {
    let mut out: Vec<Span> = kinds
        .iter()
        .flat_map(|k| {
            let makers = registry.makers(&k.kind, &k.tables, id);
            makers.into_iter().filter_map(|i| Some(k.origins.get(i)?.id_span.clone()))
        })
        .collect();
    out.sort_by_key(|s| s.start);
    out
}

fn duplicates(cx: &Cx<'_>, kinds: &[KindJobs<'_>], registry: &Registry) {
    let mut seen: HashSet<&JobId> = HashSet::with_capacity(kinds.iter().map(|k| k.jobs.len() + k.disabled.len()).sum());
    let mut twice: BTreeSet<&JobId> = BTreeSet::new();
    for kind in kinds {
        twice.extend(kind.jobs.iter().chain(&kind.disabled).map(|job| job.id()).filter(|id| !seen.insert(id)));
    }
    for id in twice {
        let spans = places(kinds, registry, id);
        let Some((first, others)) = spans.split_first() else {
            continue;
        };
        if others.is_empty() {
            cx.error(
                first.clone(),
                format!("this table makes two jobs with the id \"{id}\""),
                "take the target out that is listed twice",
            );
        }
        let at = cx.place(first.clone());
        for other in others {
            cx.error(
                other.clone(),
                format!("this job has the id \"{id}\", and so has the one at {at}"),
                "if both are wanted, give one an id of its own: id = \"...\"; else take one out",
            );
        }
    }
}

/// Finds jobs that wait for each other. First all jobs are put aside whose dependencies are put aside; what remains
/// leads into a circle.
fn circles(cx: &Cx<'_>, kinds: &[KindJobs<'_>], registry: &Registry) {
    let jobs: Vec<&Arc<dyn DynJob>> = all(kinds).collect();
    let mut by_word: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (i, job) in jobs.iter().enumerate() {
        by_word.entry(job.id().as_str()).or_default().push(i);
        by_word.entry(&job.policy().name).or_default().push(i);
    }
    let mut needs: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (i, job) in jobs.iter().enumerate() {
        let of_job: BTreeSet<usize> =
            job.policy().depends_on.iter().filter_map(|d| by_word.get(d.as_str())).flatten().copied().collect();
        if !of_job.is_empty() {
            needs.insert(i, of_job);
        }
    }
    loop {
        settle(&mut needs);
        let Some(circle) = circle(&needs) else {
            break;
        };
        report(cx, kinds, registry, &jobs, &circle);
        for i in circle {
            needs.remove(&i);
        }
    }
}

/// Takes out every job that waits for nobody any more.
fn settle(needs: &mut BTreeMap<usize, BTreeSet<usize>>) {
    let mut waiting: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, of_job) in needs.iter() {
        for d in of_job {
            waiting.entry(*d).or_default().push(*i);
        }
    }
    let mut free: Vec<usize> = waiting.keys().copied().filter(|d| !needs.contains_key(d)).collect();
    while let Some(done) = free.pop() {
        for i in waiting.get(&done).into_iter().flatten() {
            if let Some(of_job) = needs.get_mut(i) {
                of_job.remove(&done);
                if of_job.is_empty() {
                    needs.remove(i);
                    free.push(*i);
                }
            }
        }
    }
}

fn circle(needs: &BTreeMap<usize, BTreeSet<usize>>) -> Option<Vec<usize>> {
    let mut path = vec![*needs.keys().next()?];
    let mut seen: BTreeSet<usize> = path.iter().copied().collect();
    loop {
        let next = *needs.get(path.last()?)?.first()?;
        if !seen.insert(next) {
            let start = path.iter().position(|i| *i == next)?;
            return Some(path.split_off(start));
        }
        path.push(next);
    }
}

fn report(cx: &Cx<'_>, kinds: &[KindJobs<'_>], registry: &Registry, jobs: &[&Arc<dyn DynJob>], circle: &[usize]) {
    let members: Vec<&Arc<dyn DynJob>> = circle.iter().filter_map(|i| jobs.get(*i).copied()).collect();
    let Some(first) = members.first() else {
        return;
    };
    let way: Vec<String> = members.iter().chain([first]).map(|j| format!("\"{}\"", j.policy().name)).collect();
    let span = depends_span(kinds, registry, first.id()).unwrap_or(0..0);
    if members.len() == 1 {
        cx.error(
            span,
            format!("the job {} depends on itself", way.first().map_or("", |w| w)),
            "take it out, or, where it comes from [defaults], write depends_on = [] in the table of the job",
        );
        return;
    }
    cx.error(
        span,
        format!("jobs depend on each other in a circle: {}", way.join(" -> ")),
        "take one of these dependencies out: while all of them fail, none would be told",
    );
}

/// Where the dependencies of the job `id` are written.
fn depends_span(kinds: &[KindJobs<'_>], registry: &Registry, id: &JobId) -> Option<Span> {
    kinds.iter().find_map(|k| {
        let maker = *registry.makers(&k.kind, &k.tables, id).first()?;
        Some(k.origins.get(maker)?.depends_on.first()?.span())
    })
}
