use super::super::{OpenPass, PassEnd, PassStart, Result, rules};
use checker_job::{JobId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// All passes that are kept.
#[derive(Default)]
pub(super) struct Passes(BTreeMap<Uuid, Pass>);

struct Pass {
    start: PassStart,
    is_open: bool,
    claims: BTreeMap<JobId, Uuid>,
    end: Option<PassEnd>,
}

impl Passes {
    pub(super) fn begin(&mut self, pass: &PassStart) {
        self.0.entry(pass.id).or_insert_with(|| Pass {
            start: pass.clone(),
            is_open: true,
            claims: BTreeMap::new(),
            end: None,
        });
    }

    pub(super) fn open(&self) -> Vec<OpenPass> {
        let open = self.0.values().filter(|p| p.is_open);
        open.map(|p| OpenPass { id: p.start.id, started: p.start.started, claims: p.claims.clone() }).collect()
    }

    pub(super) fn claim(&mut self, pass: Uuid, wanted: &[(JobId, Uuid)], dead: &[Uuid]) -> Result<BTreeSet<JobId>> {
        if dead.contains(&pass) {
            return Err(rules::pass_dead(pass));
        }
        match self.0.get(&pass) {
            None => return Err(rules::no_pass(pass)),
            Some(p) if !p.is_open => return Err(rules::pass_closed(pass)),
            Some(_) => {}
        }
        for id in dead {
            if let Some(p) = self.0.get_mut(id) {
                p.is_open = false;
                p.claims.clear();
            }
        }
        let others = || self.0.values().filter(|p| p.start.id != pass);
        let held = |job: &&JobId| others().any(|p| p.claims.contains_key(*job));
        let taken: BTreeSet<JobId> = wanted.iter().map(|(job, _)| job).filter(held).cloned().collect();
        if let Some(mine) = self.0.get_mut(&pass) {
            mine.claims.extend(wanted.iter().filter(|(job, _)| !taken.contains(job)).cloned());
        }
        Ok(taken)
    }

    pub(super) fn release(&mut self, pass: Uuid, jobs: &[JobId]) {
        if let Some(p) = self.0.get_mut(&pass) {
            p.claims.retain(|job, _| !jobs.contains(job));
        }
    }

    pub(super) fn end(&mut self, pass: Uuid, end: &PassEnd) -> Result<()> {
        let p = self.0.get_mut(&pass).ok_or_else(|| rules::no_pass(pass))?;
        p.end.get_or_insert(*end);
        p.is_open = false;
        p.claims.clear();
        Ok(())
    }

    pub(super) fn newest(&self, limit: usize) -> Vec<(PassStart, Option<PassEnd>)> {
        let newest = self.0.values().rev().take(limit);
        newest.map(|p| (p.start.clone(), p.end)).collect()
    }

    /// Passes that are closed and too old, oldest first.
    pub(super) fn remove_old(&mut self, cutoff: Timestamp, at_most: usize) -> usize {
        let bound = rules::first_id(cutoff);
        let old = |p: &&Pass| p.start.id < bound && p.start.started < cutoff && !p.is_open;
        let ids: Vec<Uuid> = self.0.values().filter(old).take(at_most).map(|p| p.start.id).collect();
        for id in &ids {
            self.0.remove(id);
        }
        ids.len()
    }
}
