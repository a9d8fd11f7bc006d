//! What this node alone has: values by name, and leases.

use super::errors::Step;
use super::values::{id, row, run, time};
use checker_job::Timestamp;
use rusqlite::{Connection, Transaction, params};
use std::time::Duration;
use uuid::Uuid;

pub(super) fn meta(conn: &Connection, key: &str) -> Step<Option<String>> {
    row(conn, "SELECT value FROM meta WHERE key = ?1", [key], |r| Ok(r.get(0)?))
}

pub(super) fn set_meta(tx: &Transaction<'_>, key: &str, value: Option<&str>) -> Step<()> {
    match value {
        Some(value) => run(
            tx,
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [key, value],
        ),
        None => run(tx, "DELETE FROM meta WHERE key = ?1", [key]),
    }
    .map(drop)
}

pub(super) fn lease(
    tx: &Transaction<'_>,
    now: Timestamp,
    name: &str,
    holder: Uuid,
    ttl: Duration,
    gone: &[Uuid],
) -> Step<Option<Uuid>> {
    let held = row(tx, "SELECT holder, until FROM lease WHERE name = ?1", [name], |r| Ok((id(r, 0)?, time(r, 1)?)))?;
    if let Some((other, until)) = held
        && other != holder
        && until > now
        && !gone.contains(&other)
    {
        return Ok(Some(other));
    }
    run(
        tx,
        "INSERT INTO lease (name, holder, until) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until",
        params![name, holder.into_bytes(), now.plus(ttl).micros()],
    )?;
    Ok(None)
}

pub(super) fn release_lease(tx: &Transaction<'_>, name: &str, holder: Uuid) -> Step<()> {
    run(tx, "DELETE FROM lease WHERE name = ?1 AND holder = ?2", params![name, holder.into_bytes()]).map(drop)
}
