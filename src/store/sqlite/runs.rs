//! Runs and the tallies of complete hours: jobs alone have them.

use super::super::{Applied, RunRecord, RunStatus};
use super::errors::Step;
use super::repeated::Repeated;
use super::values::{
    from_json, id, id_or_none, int, outcome_json, row, rows, run, source_of, source_word, status_of, status_word, time,
    time_or_none, whole,
};
use crate::decide::Tally;
use checker_job::{JobId, Timestamp};
use rusqlite::{Connection, Row, Transaction, params};

/// What a commit writes once, at its end.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// How many steady runs there are more.
    steady: i64,
    /// The oldest hour that was added.
    oldest_hour: Option<Timestamp>,
    /// The same of scripts.
    pub(super) oldest_script_hour: Option<Timestamp>,
}

impl Tail {
    pub(super) fn write(self, tx: &Transaction<'_>) -> Step<()> {
        if self.steady != 0 {
            count_steady(tx, self.steady)?;
        }
        for (name, oldest) in [("hours", self.oldest_hour), ("script_hours", self.oldest_script_hour)] {
            if let Some(hour) = oldest {
                // Hours before this mark were looked for already.
                let sql = "UPDATE counter SET value = 0 WHERE name = ?1 AND value > ?2";
                run(tx, sql, params![name, hour.micros()])?;
            }
        }
        Ok(())
    }
}

/// There may be very many steady runs, so they are counted as they come and go.
pub(super) fn count_steady(tx: &Transaction<'_>, more: i64) -> Step<()> {
    run(tx, "UPDATE counter SET value = value + ?1 WHERE name = 'steady'", [more])?;
    Ok(())
}

/// Writes the runs of one commit.
pub(super) struct Writer<'a> {
    insert: Repeated<'a>,
    /// The run that was written last: most of what a run has, all runs of a pass have.
    last: Option<&'a RunRecord>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(conn: &'a Connection) -> Step<Self> {
        let sql =
            "INSERT INTO run (id, job, status, queue, priority, not_before, attempt, source, asked_by, args, node,
                 host, pass, started, ended, verdict, outcome, steady, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
             ON CONFLICT (id) DO NOTHING";
        Ok(Self { insert: Repeated::new(conn, sql)?, last: None })
    }

    /// Writes a run, with the number of the state that it led to (`None`: it came too late). If it was written before as
    /// done, nothing changes, and the answer is what became of it then.
    pub(super) fn put(
        &mut self,
        tx: &Transaction<'_>,
        record: &'a RunRecord,
        leads_to: Option<u64>,
        tail: &mut Tail,
    ) -> Step<Option<Applied>> {
        if self.insert(record, leads_to, tail)? {
            return Ok(None);
        }
        let key = record.id.into_bytes();
        let found = row(tx, "SELECT status, seq, steady FROM run WHERE id = ?1", [key], |r| {
            let done = status_of(&r.get::<_, String>(0)?)? == RunStatus::Done;
            let applied = r.get::<_, Option<i64>>(1)?.is_some();
            Ok((done, applied, r.get::<_, bool>(2)?))
        })?;
        if let Some((done, applied, steady)) = found {
            if done {
                return Ok(Some(if applied { Applied::Already } else { Applied::Stale }));
            }
            tail.steady -= i64::from(steady);
        }
        run(tx, "DELETE FROM run WHERE id = ?1", [key])?;
        self.insert(record, leads_to, tail)?;
        Ok(None)
    }

    /// Writes a run that is new. If one has its id, nothing changes, and the answer is `false`.
    pub(super) fn insert(&mut self, record: &'a RunRecord, leads_to: Option<u64>, tail: &mut Tail) -> Step<bool> {
        let row = &mut self.insert;
        if !self.last.is_some_and(|last| is_alike(last, record)) {
            bind_alike(row, record)?;
        }
        self.last = Some(record);
        row.id(1, record.id)?;
        row.text(2, record.job.as_str())?;
        row.time_or_none(14, record.started)?;
        row.time_or_none(15, record.ended)?;
        row.word(16, record.outcome.as_ref().map(|o| o.verdict.word()))?;
        row.text_or_none(17, record.outcome.as_ref().map(outcome_json).transpose()?.as_deref())?;
        row.int(18, record.steady.into())?;
        row.int_or_none(19, leads_to.map(whole))?;
        let is_new = row.run()? > 0;
        tail.steady += i64::from(is_new && record.steady);
        Ok(is_new)
    }
}

/// Removes a run that this transaction has written.
pub(super) fn take_back(tx: &Transaction<'_>, record: &RunRecord, tail: &mut Tail) -> Step<()> {
    tail.steady -= i64::from(record.steady);
    run(tx, "DELETE FROM run WHERE id = ?1", [record.id.into_bytes()]).map(drop)
}

/// Whether two runs have the same values in all that [`bind_alike`] binds.
fn is_alike(a: &RunRecord, b: &RunRecord) -> bool {
    (a.status, a.priority, a.not_before, a.attempt, a.source)
        == (b.status, b.priority, b.not_before, b.attempt, b.source)
        && (a.node, a.pass) == (b.node, b.pass)
        && (&a.queue, &a.host, &a.asked_by, &a.args) == (&b.queue, &b.host, &b.asked_by, &b.args)
}

fn bind_alike(row: &mut Repeated<'_>, record: &RunRecord) -> Step<()> {
    row.word(3, Some(status_word(record.status)))?;
    row.text(4, &record.queue)?;
    row.int(5, record.priority.into())?;
    row.time_or_none(6, record.not_before)?;
    row.int(7, record.attempt.into())?;
    row.word(8, Some(source_word(record.source)))?;
    row.text_or_none(9, record.asked_by.as_deref())?;
    row.text_or_none(10, record.args.as_deref())?;
    row.id(11, record.node)?;
    row.text(12, &record.host)?;
    row.id_or_none(13, record.pass)
}

/// What [`record_of`] reads.
pub(super) const COLUMNS: &str = "id, job, status, queue, priority, not_before, attempt, source, asked_by, args, node, \
     host, pass, started, ended, outcome, steady";

pub(super) fn history(conn: &Connection, job: &JobId, limit: usize) -> Step<Vec<RunRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM run WHERE job = ?1 ORDER BY id DESC LIMIT ?2");
    rows(conn, &sql, params![job.as_str(), whole(limit)], record_of)
}

pub(super) fn record_of(r: &Row<'_>) -> Step<RunRecord> {
    let id = id(r, 0)?;
    let outcome: Option<String> = r.get(15)?;
    Ok(RunRecord {
        id,
        job: JobId::literal(r.get::<_, String>(1)?),
        status: status_of(&r.get::<_, String>(2)?)?,
        queue: r.get(3)?,
        priority: int(r, 4)?,
        not_before: time_or_none(r, 5)?,
        attempt: int(r, 6)?,
        source: source_of(&r.get::<_, String>(7)?)?,
        asked_by: r.get(8)?,
        args: r.get(9)?,
        node: super::values::id(r, 10)?,
        host: r.get(11)?,
        pass: id_or_none(r, 12)?,
        started: time_or_none(r, 13)?,
        ended: time_or_none(r, 14)?,
        outcome: outcome.map(|text| from_json(&text, || format!("the outcome of the run {id}"))).transpose()?,
        steady: r.get(16)?,
    })
}

/// An hour is added once, with the state that it was counted in. It can come twice only if the wall clock was set back:
/// then both parts count.
pub(super) fn add_hour(tx: &Transaction<'_>, job: &JobId, hour: &Tally, tail: &mut Tail) -> Step<()> {
    tail.oldest_hour = Some(tail.oldest_hour.map_or(hour.hour, |h| h.min(hour.hour)));
    run(
        tx,
        "INSERT INTO hour (job, start, ok, warning, failed, unknown, micros_sum, micros_max)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (job, start) DO UPDATE SET ok = hour.ok + excluded.ok, warning = hour.warning + excluded.warning,
             failed = hour.failed + excluded.failed, unknown = hour.unknown + excluded.unknown,
             micros_sum = hour.micros_sum + excluded.micros_sum,
             micros_max = CASE WHEN hour.micros_max < excluded.micros_max THEN excluded.micros_max
                 ELSE hour.micros_max END",
        params![
            job.as_str(),
            hour.hour.micros(),
            hour.ok,
            hour.warning,
            hour.failed,
            hour.unknown,
            whole(hour.micros_sum),
            whole(hour.micros_max),
        ],
    )?;
    Ok(())
}

pub(super) fn hours(conn: &Connection, job: &JobId, since: Timestamp) -> Step<Vec<Tally>> {
    rows(
        conn,
        "SELECT start, ok, warning, failed, unknown, micros_sum, micros_max FROM hour
         WHERE job = ?1 AND start >= ?2 ORDER BY start",
        params![job.as_str(), since.micros()],
        |r| {
            Ok(Tally {
                hour: time(r, 0)?,
                ok: int(r, 1)?,
                warning: int(r, 2)?,
                failed: int(r, 3)?,
                unknown: int(r, 4)?,
                micros_sum: int(r, 5)?,
                micros_max: int(r, 6)?,
            })
        },
    )
}
