//! Runs of scripts, by name and host.

use super::super::RunRecord;
use super::errors::Step;
use super::runs::{COLUMNS, Tail, Writer, record_of, take_back};
use super::values::{int, row, rows, run, status_of, time, whole};
use crate::decide::script::{Activity, Measured, ScriptHour, ScriptName, Wanted, share, stage};
use checker_job::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};
use std::collections::BTreeSet;

/// With these words a query finds the index of runs that no pass made.
const OF_SCRIPTS: &str = "source <> 'cron'";
/// And with these that of successes.
const OK: &str = "source <> 'cron' AND verdict = 'ok'";

pub(super) fn record(tx: &Transaction<'_>, runs: &[RunRecord]) -> Step<()> {
    let mut tail = Tail::default();
    for record in runs {
        let key = record.id.into_bytes();
        let sql = "SELECT status, ended IS NOT NULL FROM run WHERE id = ?1";
        let before = row(tx, sql, [key], |r| Ok(stage(status_of(&r.get::<_, String>(0)?)?, r.get(1)?)))?;
        if before.is_some_and(|before| before >= stage(record.status, record.ended.is_some())) {
            continue;
        }
        if before.is_some() {
            take_back(tx, record, &mut tail)?;
        }
        Writer::new(tx)?.insert(record, None, &mut tail)?;
        if let Some(hour) = share(record) {
            add_hour(tx, record, &hour, &mut tail)?;
        }
    }
    tail.write(tx)
}

fn add_hour(tx: &Transaction<'_>, of: &RunRecord, hour: &ScriptHour, tail: &mut Tail) -> Step<()> {
    tail.oldest_script_hour = Some(tail.oldest_script_hour.map_or(hour.hour, |h| h.min(hour.hour)));
    let Measured { count, micros, longest } = hour.ok;
    run(
        tx,
        "INSERT INTO script_hour (name, host, start, ok, failed, micros_sum, micros_max)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (name, host, start) DO UPDATE SET ok = script_hour.ok + excluded.ok,
             failed = script_hour.failed + excluded.failed, micros_sum = script_hour.micros_sum + excluded.micros_sum,
             micros_max = CASE WHEN script_hour.micros_max < excluded.micros_max THEN excluded.micros_max
                 ELSE script_hour.micros_max END",
        params![
            of.job.as_str(),
            of.host,
            hour.hour.micros(),
            whole(count),
            whole(hour.failed),
            whole(micros),
            whole(longest)
        ],
    )
    .map(drop)
}

pub(super) fn active(conn: &Connection) -> Step<Vec<RunRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM run WHERE status <> 'done' AND {OF_SCRIPTS} ORDER BY id");
    rows(conn, &sql, [], record_of)
}

pub(super) fn activity(conn: &Connection, wanted: &[Wanted]) -> Step<Vec<Activity>> {
    // Few are: all of them are quicker to find than those of one script.
    let active = if wanted.iter().any(|w| w.newest > 0) { active(conn)? } else { Vec::new() };
    let one = |wanted: &Wanted| {
        let is_its = |run: &&RunRecord| {
            run.job.as_str() == wanted.name && wanted.host.as_ref().is_none_or(|host| *host == run.host)
        };
        let mut known = Activity::default();
        // Host by host, because that is how the index is made.
        for host in hosts_of(conn, wanted)? {
            known = later(known, successes(conn, wanted, &host)?);
            if let Some(since) = wanted.since {
                known.window.join(window(conn, wanted, &host, since)?);
            }
        }
        Ok(Activity {
            active: active.iter().filter(is_its).cloned().collect(),
            newest: if wanted.newest == 0 { Vec::new() } else { over(conn, wanted)? },
            before: match (wanted.before, wanted.since) {
                (Some(before), Some(since)) => hours_between(conn, wanted, before, since)?,
                _ => Measured::default(),
            },
            ..known
        })
    };
    wanted.iter().map(one).collect()
}

/// `AND host = ?2`, where one is wanted; else `?2` is named all the same.
fn on_host(wanted: Option<&str>) -> &'static str {
    if wanted.is_some() { "host = ?2" } else { "?2 IS NULL" }
}

/// The hosts on which it ever succeeded, if any will do; else the one that is wanted.
fn hosts_of(conn: &Connection, wanted: &Wanted) -> Step<Vec<String>> {
    if let Some(host) = &wanted.host {
        return Ok(vec![host.clone()]);
    }
    let next = format!("SELECT host FROM run WHERE job = ?1 AND {OK} AND host > ?2 ORDER BY host LIMIT 1");
    let (mut all, mut at) = (Vec::new(), String::new());
    while let Some(found) = row(conn, &next, params![wanted.name, at], |r| Ok(r.get::<_, String>(0)?))? {
        all.push(found.clone());
        at = found;
    }
    Ok(all)
}

/// What is known of some hosts, and of one more.
fn later(known: Activity, (success, started): (Option<RunRecord>, Option<RunRecord>)) -> Activity {
    let by_end = |run: &RunRecord| (run.ended, run.id);
    let by_start = |run: &RunRecord| (run.started, run.ended, run.id);
    let all = [known.success, known.started, success, started];
    let last = all.iter().flatten().max_by_key(|run| by_end(run)).cloned();
    let begun = all.iter().flatten().max_by_key(|run| by_start(run)).cloned();
    let started = begun.filter(|run| last.as_ref().is_some_and(|last| last.id != run.id));
    Activity { success: last, started, ..Activity { success: None, started: None, ..known } }
}

/// Of those that ended last, the one that started last: an older end has an older start, at the latest from there on.
fn successes(conn: &Connection, wanted: &Wanted, host: &str) -> Step<(Option<RunRecord>, Option<RunRecord>)> {
    let sql = format!(
        "SELECT {COLUMNS} FROM run WHERE job = ?1 AND host = ?2 AND {OK} AND ended <= ?3 ORDER BY ended DESC, id DESC"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query(params![wanted.name, host, wanted.until.micros()])?;
    let Some(first) = found.next()?.map(record_of).transpose()? else { return Ok((None, None)) };
    let mut latest = first.clone();
    while let Some(next) = found.next()? {
        if time(next, 14)? < latest.started.unwrap_or_default() {
            break;
        }
        let next = record_of(next)?;
        if next.started > latest.started {
            latest = next;
        }
    }
    let started = (latest.id != first.id).then_some(latest);
    Ok((Some(first), started))
}

fn over(conn: &Connection, wanted: &Wanted) -> Step<Vec<RunRecord>> {
    let host = wanted.host.as_deref();
    let sql = format!(
        "SELECT {COLUMNS} FROM run WHERE job = ?1 AND {} AND {OF_SCRIPTS} AND status = 'done' AND verdict <> 'unknown' AND started <= ?3
         ORDER BY id DESC LIMIT ?4",
        on_host(host)
    );
    rows(conn, &sql, params![wanted.name, host, wanted.until.micros(), whole(wanted.newest)], record_of)
}

fn window(conn: &Connection, wanted: &Wanted, host: &str, since: Timestamp) -> Step<Measured> {
    let sql = format!(
        "SELECT count(*), coalesce(sum(ended - started), 0), coalesce(max(ended - started), 0) FROM run
         WHERE job = ?1 AND host = ?2 AND {OK} AND ended >= ?3 AND ended <= ?4"
    );
    let found = row(conn, &sql, params![wanted.name, host, since.micros(), wanted.until.micros()], |r| {
        Ok(Measured { count: int(r, 0)?, micros: int(r, 1)?, longest: int(r, 2)? })
    })?;
    Ok(found.unwrap_or_default())
}

/// Whole hours: the one in which the window begins is left out.
fn hours_between(conn: &Connection, wanted: &Wanted, from: Timestamp, until: Timestamp) -> Step<Measured> {
    const HOUR: i64 = 3_600_000_000;
    let host = wanted.host.as_deref();
    let sql = format!(
        "SELECT coalesce(sum(ok), 0), coalesce(sum(micros_sum), 0), coalesce(max(micros_max), 0) FROM script_hour
         WHERE name = ?1 AND {} AND start >= ?3 AND start <= ?4",
        on_host(host)
    );
    let last = until.micros().saturating_sub(HOUR);
    let found = row(conn, &sql, params![wanted.name, host, from.micros(), last], |r| {
        Ok(Measured { count: int(r, 0)?, micros: int(r, 1)?, longest: int(r, 2)? })
    })?;
    Ok(found.unwrap_or_default())
}

pub(super) fn newest(conn: &Connection, name: &str, host: Option<&str>, limit: usize) -> Step<Vec<RunRecord>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM run WHERE job = ?1 AND {} AND {OF_SCRIPTS} ORDER BY id DESC LIMIT ?3",
        on_host(host)
    );
    rows(conn, &sql, params![name, host, whole(limit)], record_of)
}

/// Runs that are kept, and hours of those that are not any more. Goes from one to the next: there may be a year of each.
pub(super) fn names(conn: &Connection) -> Step<Vec<ScriptName>> {
    let name = |r: &Row<'_>| Ok(ScriptName { name: r.get(0)?, host: r.get(1)? });
    let mut all: BTreeSet<ScriptName> =
        rows(conn, &format!("SELECT job, host FROM run WHERE status <> 'done' AND {OF_SCRIPTS}"), [], name)?
            .into_iter()
            .collect();
    let successes =
        format!("SELECT job, host FROM run WHERE {OK} AND (job, host) > (?1, ?2) ORDER BY job, host LIMIT 1");
    for next in
        ["SELECT name, host FROM script_hour WHERE (name, host) > (?1, ?2) ORDER BY name, host LIMIT 1", &successes]
    {
        let mut at = ScriptName { name: String::new(), host: String::new() };
        while let Some(found) = row(conn, next, [&at.name, &at.host], name)? {
            all.insert(found.clone());
            at = found;
        }
    }
    Ok(all.into_iter().collect())
}

pub(super) fn hours(conn: &Connection, name: &str, since: Timestamp) -> Step<Vec<(String, ScriptHour)>> {
    let sql = "SELECT host, start, ok, failed, micros_sum, micros_max FROM script_hour
               WHERE name = ?1 AND start >= ?2 ORDER BY start, host";
    rows(conn, sql, params![name, since.micros()], |r| {
        let ok = Measured { count: int(r, 2)?, micros: int(r, 4)?, longest: int(r, 5)? };
        Ok((r.get(0)?, ScriptHour { hour: time(r, 1)?, ok, failed: int(r, 3)? }))
    })
}
