//! What is removed, and what is kept whatever its age. Each kind goes oldest first, until the batch is used up.

use super::super::{Group, Retention, rules};
use super::errors::Step;
use super::runs::count_steady;
use super::values::{row, rows, run, whole};
use checker_job::Timestamp;
use rusqlite::{Transaction, params};

pub(super) fn prune<G: Group>(tx: &Transaction<'_>, now: Timestamp, keep: &Retention) -> Step<u64> {
    let cutoff = rules::cutoff(now, keep);
    let mut left = i64::from(keep.batch);
    if G::RUNS {
        left -= old_runs(tx, cutoff, left)?;
        left -= steady_runs(tx, keep.steady_runs, left)?;
        left -= passes(tx, cutoff, left)?;
        left -= hours(tx, rules::hours_cutoff(now, keep), left)?;
        left -= script_hours(tx, rules::hours_cutoff(now, keep), left)?;
    }
    left -= alerts::<G>(tx, cutoff, left)?;
    left -= deliveries::<G>(tx, cutoff, left)?;
    counters::<G>(tx)?;
    Ok(u64::try_from(i64::from(keep.batch) - left).unwrap_or(0))
}

/// "Neither the newest success of this script on this host, nor its newest run that succeeded or failed": without the second,
/// one that failed last would look well as soon as that is old.
const NO_NEWEST: &str = "NOT (source <> 'cron' AND verdict <> 'unknown' AND NOT EXISTS (
    SELECT 1 FROM run n WHERE n.source <> 'cron' AND n.verdict <> 'unknown' AND n.job = run.job AND n.host = run.host
        AND n.id > run.id))
    AND NOT (source <> 'cron' AND verdict = 'ok' AND NOT EXISTS (
    SELECT 1 FROM run n WHERE n.source <> 'cron' AND n.verdict = 'ok' AND n.job = run.job AND n.host = run.host
        AND (n.ended, n.id) > (run.ended, run.id)))";

/// The ids bound what is looked at; the instants decide.
fn old_runs(tx: &Transaction<'_>, cutoff: Timestamp, left: i64) -> Step<i64> {
    let which = "id < ?1 AND (ended IS NULL OR ended < ?2)";
    remove_runs(tx, which, params![rules::first_id(cutoff).into_bytes(), cutoff.micros(), left])
}

fn steady_runs(tx: &Transaction<'_>, limit: u64, left: i64) -> Step<i64> {
    let sql = "SELECT value FROM counter WHERE name = 'steady'";
    let there: i64 = row(tx, sql, [], |r| Ok(r.get(0)?))?.unwrap_or(0);
    let surplus = there.saturating_sub(whole(limit)).min(left);
    if surplus <= 0 {
        return Ok(0);
    }
    remove_runs(tx, "steady = 1 AND ?1 = ?2", params![0, 0, surplus])
}

fn remove_runs(tx: &Transaction<'_>, which: &str, params: impl rusqlite::Params) -> Step<i64> {
    let sql = format!(
        "DELETE FROM run WHERE id IN (SELECT id FROM run WHERE {which} AND status = 'done' AND {NO_NEWEST}
             ORDER BY id LIMIT ?3)
         RETURNING steady"
    );
    let gone: Vec<bool> = rows(tx, &sql, params, |r| Ok(r.get(0)?))?;
    let steady = gone.iter().filter(|steady| **steady).count();
    if steady > 0 {
        count_steady(tx, -whole(steady))?;
    }
    Ok(whole(gone.len()))
}

fn passes(tx: &Transaction<'_>, cutoff: Timestamp, left: i64) -> Step<i64> {
    run(
        tx,
        "DELETE FROM pass WHERE id IN (SELECT id FROM pass WHERE id < ?1 AND started < ?2 AND is_open = 0
             ORDER BY id LIMIT ?3)",
        params![rules::first_id(cutoff).into_bytes(), cutoff.micros(), left],
    )
    .map(whole)
}

/// Hours are kept by job, so each job is visited; once an hour is enough for that.
fn hours(tx: &Transaction<'_>, cutoff: Timestamp, left: i64) -> Step<i64> {
    let next = "SELECT job, '' FROM hour WHERE job > ?1 AND ?2 = ?2 ORDER BY job LIMIT 1";
    let old = "DELETE FROM hour WHERE job = ?1 AND ?2 = ?2 AND start IN (SELECT start FROM hour
                   WHERE job = ?1 AND start < ?3 ORDER BY start LIMIT ?4)";
    visit(tx, "hours", [next, old], cutoff, left)
}

/// Those of scripts, by name and host.
fn script_hours(tx: &Transaction<'_>, cutoff: Timestamp, left: i64) -> Step<i64> {
    let next = "SELECT name, host FROM script_hour WHERE (name, host) > (?1, ?2) ORDER BY name, host LIMIT 1";
    let old = "DELETE FROM script_hour WHERE name = ?1 AND host = ?2 AND start IN (SELECT start FROM script_hour
                   WHERE name = ?1 AND host = ?2 AND start < ?3 ORDER BY start LIMIT ?4)";
    visit(tx, "script_hours", [next, old], cutoff, left)
}

/// Goes from one to the `next` and removes what is `old` there, unless that was done for this hour.
fn visit(tx: &Transaction<'_>, counter: &str, [next, old]: [&str; 2], cutoff: Timestamp, left: i64) -> Step<i64> {
    let sql = "SELECT value FROM counter WHERE name = ?1";
    let done: i64 = row(tx, sql, [counter], |r| Ok(r.get(0)?))?.unwrap_or(0);
    if cutoff.micros() <= done {
        return Ok(0);
    }
    let (mut gone, mut at) = (0, (String::new(), String::new()));
    while let Some(found) = row(tx, next, [&at.0, &at.1], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))? {
        gone += whole(run(tx, old, params![found.0, found.1, cutoff.micros(), left - gone])?);
        if gone >= left {
            return Ok(gone);
        }
        at = found;
    }
    run(tx, "UPDATE counter SET value = ?1 WHERE name = ?2", params![cutoff.micros(), counter])?;
    Ok(gone)
}

/// An alert is kept while its episode is open or somebody is still to be told about it, and with it the others of the
/// episode: they say who was told.
fn alerts<G: Group>(tx: &Transaction<'_>, cutoff: Timestamp, left: i64) -> Step<i64> {
    let p = G::PREFIX;
    let sql = format!(
        "SELECT a.job, a.episode, a.step FROM {p}alert a
         WHERE a.at < ?1
             AND NOT EXISTS (SELECT 1 FROM {p}state s WHERE s.job = a.job AND s.oldest_open <= a.episode)
             AND NOT EXISTS (SELECT 1 FROM {p}addressee d WHERE d.job = a.job AND d.episode = a.episode
                 AND d.state IN ('waiting', 'withheld', 'planned'))
             AND NOT EXISTS (SELECT 1 FROM {p}alert b WHERE b.job = a.job AND b.episode = a.episode AND b.at >= ?1)
         ORDER BY a.at, a.job, a.episode, a.step LIMIT ?2"
    );
    let gone: Vec<(String, i64, i64)> =
        rows(tx, &sql, params![cutoff.micros(), left], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    for table in ["alert", "addressee"] {
        let sql = format!("DELETE FROM {p}{table} WHERE job = ?1 AND episode = ?2 AND step = ?3");
        for (job, episode, step) in &gone {
            run(tx, &sql, params![job, episode, step])?;
        }
    }
    Ok(whole(gone.len()))
}

fn deliveries<G: Group>(tx: &Transaction<'_>, cutoff: Timestamp, left: i64) -> Step<i64> {
    let p = G::PREFIX;
    run(
        tx,
        &format!(
            "DELETE FROM {p}delivery WHERE id IN (SELECT id FROM {p}delivery
                 WHERE created_at < ?1 AND state <> 'unsent' ORDER BY created_at, id LIMIT ?2)"
        ),
        params![cutoff.micros(), left],
    )
    .map(whole)
}

/// The counters of forgotten jobs of which no alert is left.
fn counters<G: Group>(tx: &Transaction<'_>) -> Step<()> {
    let p = G::PREFIX;
    run(
        tx,
        &format!(
            "DELETE FROM {p}state WHERE forgotten = 1
                 AND NOT EXISTS (SELECT 1 FROM {p}alert a WHERE a.job = {p}state.job)"
        ),
        [],
    )
    .map(drop)
}
