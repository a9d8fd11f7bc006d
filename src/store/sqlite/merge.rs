//! The store is back: what was recorded in the refuge goes into it, and the refuge ends.
//!
//! **Invariant:** the refuge is frozen while its content moves, and removed only when all of it is durably committed. So a
//! kill at any point leaves a refuge that the next pass merges again, with the same result: rows have ids of their own,
//! and what is added up is guarded by a mark that is committed with it.

use super::super::{Group, OfJobs, OfNode, Result};
use super::db::{Conn, Durability};
use super::errors::{Moment, Step, explain};
use super::values::{int, row, rows, run, time};
use super::{ledger, outbox, runs, states};
use crate::decide::{JobState, Tally, merge::merged};
use checker_job::{JobId, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, Transaction, params_from_iter};
use std::collections::{BTreeMap, BTreeSet};

/// Runs that go in one commit, so that no other writer waits long.
const BATCH: usize = 20_000;

/// Marks of refuges that ended longer ago than this are removed.
const MARKS_KEPT: i64 = 30 * 86_400;

/// Moves everything out of a frozen refuge into the store.
pub(super) fn merge(refuge: &Connection, id: &str, into: &Conn, now: Timestamp) -> Result<()> {
    let told = |fault| explain(fault, &into.path, Moment::Work);
    move_runs(refuge, into)?;
    let jobs = Content::read::<OfJobs>(refuge).map_err(told)?;
    let hours = read_hours(refuge).map_err(told)?;
    let passes = all(refuge, "pass").map_err(told)?;
    into.write(Durability::PowerCut, |tx| {
        let (mark, secs) = (format!("merged:{id}"), now.micros() / 1_000_000);
        let insert = "INSERT INTO counter (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING";
        if run(tx, insert, (mark, secs))? == 0 {
            return Ok(());
        }
        let old = secs - MARKS_KEPT;
        run(tx, "DELETE FROM counter WHERE name LIKE 'merged:%' AND value < ?1", [old])?;
        let mut tail = runs::Tail::default();
        for (job, hour) in &hours {
            runs::add_hour(tx, job, hour, &mut tail)?;
        }
        tail.write(tx)?;
        put_passes(tx, &passes)?;
        jobs.put::<OfJobs>(tx)
    })?;
    let node = Content::read::<OfNode>(refuge).map_err(told)?;
    let meta = all(refuge, "meta").map_err(told)?;
    into.write(Durability::PowerCut, |tx| {
        put_meta(tx, &meta)?;
        node.put::<OfNode>(tx)
    })
}

/// Rows of a table: the names of its columns, and the values.
struct Rows {
    table: String,
    columns: Vec<String>,
    values: Vec<Vec<Value>>,
}

fn all(conn: &Connection, table: &str) -> Step<Rows> {
    some(conn, table, "1 ORDER BY rowid")
}

fn some(conn: &Connection, table: &str, which: &str) -> Step<Rows> {
    let mut statement = conn.prepare(&format!("SELECT * FROM {table} WHERE {which}"))?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let found =
        statement.query_map([], |r| (0..width).map(|at| r.get(at)).collect::<rusqlite::Result<Vec<Value>>>())?;
    let values = found.collect::<rusqlite::Result<_>>()?;
    Ok(Rows { table: table.to_owned(), columns, values })
}

impl Rows {
    /// Adds the rows; `conflict` says what becomes of one that is there. `changed` sees each that was added or changed.
    fn put(&self, tx: &Transaction<'_>, conflict: &str, mut changed: impl FnMut(&[Value])) -> Step<()> {
        let places: Vec<String> = (1..=self.columns.len()).map(|n| format!("?{n}")).collect();
        let sql = format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT {conflict}",
            self.table,
            self.columns.join(", "),
            places.join(", ")
        );
        let mut statement = tx.prepare(&sql)?;
        for values in &self.values {
            if statement.execute(params_from_iter(values))? > 0 {
                changed(values);
            }
        }
        Ok(())
    }

    /// All columns but the key, as they come.
    fn set(&self, key: &[&str]) -> String {
        let others = self.columns.iter().filter(|c| !key.contains(&c.as_str()));
        others.map(|c| format!("{c} = excluded.{c}")).collect::<Vec<_>>().join(", ")
    }
}

/// History first, in pieces. Each row has an id of its own, so this may happen twice.
fn move_runs(refuge: &Connection, into: &Conn) -> Result<()> {
    let told = |fault| explain(fault, &into.path, Moment::Work);
    let mut after = 0_i64;
    loop {
        let which = format!("rowid > {after} ORDER BY rowid LIMIT {BATCH}");
        let last = format!("SELECT max(rowid) FROM (SELECT rowid FROM run WHERE {which})");
        let last: Option<i64> = refuge.query_row(&last, [], |r| r.get(0)).map_err(|e| told(e.into()))?;
        let Some(last) = last else { return Ok(()) };
        let batch = some(refuge, "run", &which).map_err(told)?;
        let steady = batch.columns.iter().position(|c| c == "steady");
        into.write(Durability::Kill, |tx| {
            let mut more = 0;
            batch.put(tx, "(id) DO NOTHING", |row| {
                more += i64::from(steady.and_then(|at| row.get(at)) == Some(&Value::Integer(1)));
            })?;
            if more == 0 { Ok(()) } else { runs::count_steady(tx, more) }
        })?;
        after = last;
    }
}

fn read_hours(refuge: &Connection) -> Step<Vec<(JobId, Tally)>> {
    let sql = "SELECT job, start, ok, warning, failed, unknown, micros_sum, micros_max FROM hour";
    rows(refuge, sql, [], |r| {
        let tally = Tally {
            hour: time(r, 1)?,
            ok: int(r, 2)?,
            warning: int(r, 3)?,
            failed: int(r, 4)?,
            unknown: int(r, 5)?,
            micros_sum: int(r, 6)?,
            micros_max: int(r, 7)?,
        };
        Ok((JobId::literal(r.get::<_, String>(0)?), tally))
    })
}

/// A pass that has ended on either side has ended.
fn put_passes(tx: &Transaction<'_>, passes: &Rows) -> Step<()> {
    let set = passes.set(&["id"]);
    passes.put(tx, &format!("(id) DO UPDATE SET {set} WHERE pass.ended IS NULL AND pass.is_open = 1"), |_| ())
}

/// What was noted in the refuge is newer. Who this node is, it may have had to invent.
fn put_meta(tx: &Transaction<'_>, meta: &Rows) -> Step<()> {
    meta.put(tx, "(key) DO UPDATE SET value = excluded.value WHERE key <> 'node'", |_| ())
}

/// The ledger of one group in the refuge.
struct Content {
    /// What the refuge began with.
    base: BTreeMap<JobId, JobState>,
    /// What it has now, and whether that is of a forgotten job.
    states: Vec<(JobId, JobState, bool)>,
    alerts: Rows,
    addressees: Rows,
    deliveries: Rows,
}

impl Content {
    fn read<G: Group>(refuge: &Connection) -> Step<Self> {
        let p = G::PREFIX;
        let base = format!("SELECT {} FROM base WHERE prefix = ?1", states::COLUMNS);
        let base = rows(refuge, &base, [p], states::read)?;
        let kept = format!("SELECT {}, forgotten FROM {p}state ORDER BY rowid", states::COLUMNS);
        Ok(Self {
            base: base.into_iter().collect(),
            states: rows(refuge, &kept, [], states::read_kept)?,
            alerts: all(refuge, &format!("{p}alert"))?,
            addressees: all(refuge, &format!("{p}addressee"))?,
            deliveries: all(refuge, &format!("{p}delivery"))?,
        })
    }

    fn put<G: Group>(&self, tx: &Transaction<'_>) -> Step<()> {
        let p = G::PREFIX;
        self.alerts.put(tx, "(job, episode, step) DO NOTHING", |_| ())?;
        self.put_states::<G>(tx)?;
        let set = self.addressees.set(&["job", "episode", "step", "recipient"]);
        let newer = format!(
            "{p}addressee.state <> 'told' AND NOT ({p}addressee.state = 'dropped' AND excluded.state IN ('waiting', 'withheld'))"
        );
        let conflict = format!("(job, episode, step, recipient) DO UPDATE SET {set} WHERE {newer}");
        self.addressees.put(tx, &conflict, |_| ())?;
        let set = self.deliveries.set(&["id"]);
        let newer = format!(
            "{p}delivery.state <> 'told' AND (excluded.state = 'told'
                 OR ({p}delivery.state <> 'superseded' AND excluded.attempts >= {p}delivery.attempts))"
        );
        self.deliveries.put(tx, &format!("(id) DO UPDATE SET {set} WHERE {newer}"), |_| ())?;
        outbox::settle_both::<G>(tx)
    }

    fn put_states<G: Group>(&self, tx: &Transaction<'_>) -> Step<()> {
        let p = G::PREFIX;
        let ended = ended::<G>(tx)?;
        let mut tail = runs::Tail::default();
        let sql = format!("SELECT {} FROM {p}state WHERE job = ?1", states::COLUMNS);
        for (job, theirs, forgotten) in &self.states {
            let ours = row(tx, &sql, [job.as_str()], states::read)?.map(|(_, state)| state);
            let has_ended = |episode: u32| ended.contains(&(job.to_string(), episode));
            if let Some((whole, hour)) = merged(self.base.get(job), ours.as_ref(), theirs, &has_ended) {
                ledger::put_state::<G>(tx, job, &whole, *forgotten && whole.seq == theirs.seq)?;
                if let Some(hour) = hour.filter(|_| G::RUNS) {
                    runs::add_hour(tx, job, &hour, &mut tail)?;
                }
            }
        }
        tail.write(tx)
    }
}

/// Episodes of which an end was decided on either side.
fn ended<G: Group>(tx: &Transaction<'_>) -> Step<BTreeSet<(String, u32)>> {
    let sql = format!("SELECT job, episode, body FROM {}alert", G::PREFIX);
    let found = rows(tx, &sql, [], |r| {
        let alert = ledger::alert_of(&r.get::<_, String>(2)?)?;
        Ok((r.get::<_, String>(0)?, int(r, 1)?, alert.kind.is_ending()))
    })?;
    Ok(found.into_iter().filter(|(.., ends)| *ends).map(|(job, episode, _)| (job, episode)).collect())
}
