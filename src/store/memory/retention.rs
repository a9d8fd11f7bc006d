use super::super::{Retention, RunRecord, RunStatus, Source, rules};
use super::ledger::Book;
use super::passes::Passes;
use crate::decide::{AlertId, DeliveryState};
use checker_job::{Timestamp, Verdict};
use uuid::Uuid;

/// The same kinds in the same order as every store: runs, passes, hours, alerts, deliveries.
pub(super) fn prune(book: &mut Book, passes: Option<&mut Passes>, now: Timestamp, keep: &Retention) -> u64 {
    let batch = usize::try_from(keep.batch).unwrap_or(usize::MAX);
    let cutoff = rules::cutoff(now, keep);
    let mut left = batch;
    left -= old_runs(book, cutoff, left);
    left -= steady_runs(book, keep, left);
    if let Some(passes) = passes {
        left -= passes.remove_old(cutoff, left);
    }
    left -= hours(book, rules::hours_cutoff(now, keep), left);
    left -= script_hours(book, rules::hours_cutoff(now, keep), left);
    left -= alerts(book, cutoff, left);
    left -= deliveries(book, cutoff, left);
    let alerts = &book.alerts;
    book.states.retain(|job, kept| !kept.forgotten || alerts.keys().any(|id| id.job == *job));
    (batch - left) as u64
}

/// Whether a run may go at all.
fn may_go(book: &Book, run: &RunRecord) -> bool {
    let newer = |other: &RunRecord| {
        let later = (other.ended, other.id) > (run.ended, run.id);
        other.is_success() && other.job == run.job && other.host == run.host && later
    };
    let newest_success = run.is_success() && !book.runs.values().any(|k| newer(&k.record));
    let judged = |run: &RunRecord| {
        run.source != Source::Cron && run.outcome.as_ref().is_some_and(|o| o.verdict != Verdict::Unknown)
    };
    let newer =
        |other: &RunRecord| judged(other) && other.job == run.job && other.host == run.host && other.id > run.id;
    let newest = judged(run) && !book.runs.values().any(|k| newer(&k.record));
    run.status == RunStatus::Done && !newest_success && !newest
}

fn remove_runs(book: &mut Book, at_most: usize, which: impl Fn(&RunRecord) -> bool) -> usize {
    let all = book.runs.values().map(|k| &k.record);
    let ids: Vec<Uuid> = all.filter(|run| which(run) && may_go(book, run)).map(|run| run.id).take(at_most).collect();
    for id in &ids {
        book.runs.remove(id);
    }
    ids.len()
}

fn old_runs(book: &mut Book, cutoff: Timestamp, at_most: usize) -> usize {
    let bound = rules::first_id(cutoff);
    remove_runs(book, at_most, |run| run.id < bound && run.ended.is_none_or(|ended| ended < cutoff))
}

fn steady_runs(book: &mut Book, keep: &Retention, at_most: usize) -> usize {
    let there = book.runs.values().filter(|k| k.record.steady).count();
    let limit = usize::try_from(keep.steady_runs).unwrap_or(usize::MAX);
    let surplus = there.saturating_sub(limit).min(at_most);
    remove_runs(book, surplus, |run| run.steady)
}

fn hours(book: &mut Book, cutoff: Timestamp, at_most: usize) -> usize {
    let all = book.hours.keys().filter(|(_, start)| *start < cutoff);
    let keys: Vec<_> = all.take(at_most).cloned().collect();
    for key in &keys {
        book.hours.remove(key);
    }
    keys.len()
}

fn script_hours(book: &mut Book, cutoff: Timestamp, at_most: usize) -> usize {
    let all = book.script_hours.keys().filter(|(_, start)| *start < cutoff);
    let keys: Vec<_> = all.take(at_most).cloned().collect();
    for key in &keys {
        book.script_hours.remove(key);
    }
    keys.len()
}

fn alerts(book: &mut Book, cutoff: Timestamp, at_most: usize) -> usize {
    let mut old: Vec<(Timestamp, AlertId)> = book
        .alerts
        .values()
        .filter(|alert| alert_may_go(book, &alert.id, cutoff))
        .map(|alert| (alert.at, alert.id.clone()))
        .collect();
    old.sort();
    old.truncate(at_most);
    for (_, id) in &old {
        book.alerts.remove(id);
        book.addressees.retain(|(of, _), _| of != id);
    }
    old.len()
}

fn alert_may_go(book: &Book, id: &AlertId, cutoff: Timestamp) -> bool {
    let same = |other: &AlertId| other.job == id.job && other.episode == id.episode;
    let is_open = book
        .states
        .get(&id.job)
        .and_then(|kept| rules::oldest_open(&kept.state))
        .is_some_and(|oldest| oldest <= id.episode);
    let young = book.alerts.values().any(|other| same(&other.id) && other.at >= cutoff);
    let untold = book.addressees.iter().any(|((of, _), progress)| same(of) && progress.is_open());
    !is_open && !young && !untold
}

fn deliveries(book: &mut Book, cutoff: Timestamp, at_most: usize) -> usize {
    let all = book.deliveries.values().map(|p| &p.delivery);
    let mut old: Vec<(Timestamp, Uuid)> = all
        .filter(|d| d.created_at < cutoff && d.state != DeliveryState::Unsent)
        .map(|d| (d.created_at, d.id))
        .collect();
    old.sort_unstable();
    old.truncate(at_most);
    for (_, id) in &old {
        book.deliveries.remove(id);
    }
    old.len()
}
