//! Passes and what they hold. The claims of a pass are one text in its row, so that taking any number of jobs costs the
//! write of one row.

use super::super::{OpenPass, PassEnd, PassStart, rules};
use super::errors::{Fault, Step};
use super::values::{from_json, id, int, push_json, row, rows, run, time, time_or_none, whole};
use checker_job::JobId;
use rusqlite::{Connection, Transaction, params};
use serde::de::DeserializeOwned;
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

pub(super) fn begin(tx: &Transaction<'_>, pass: &PassStart) -> Step<()> {
    run(
        tx,
        "INSERT INTO pass (id, node, started, called, claims, is_open, runs, bad)
         VALUES (?1, ?2, ?3, ?4, '{}', 1, 0, 0) ON CONFLICT (id) DO NOTHING",
        params![pass.id.into_bytes(), pass.node.into_bytes(), pass.started.micros(), pass.called,],
    )
    .map(drop)
}

pub(super) fn open(conn: &Connection) -> Step<Vec<OpenPass>> {
    rows(conn, "SELECT id, started, claims FROM pass WHERE is_open = 1 ORDER BY id", [], |r| {
        let id = id(r, 0)?;
        Ok(OpenPass { id, started: time(r, 1)?, claims: claims_of(&r.get::<_, String>(2)?, id)? })
    })
}

fn claims_of<T: DeserializeOwned>(text: &str, pass: Uuid) -> Step<T> {
    from_json(text, || format!("what the pass {pass} has claimed"))
}

/// The answer is what others hold of `wanted`.
pub(super) fn claim(
    tx: &Transaction<'_>,
    pass: Uuid,
    wanted: &[(JobId, Uuid)],
    dead: &[Uuid],
) -> Step<BTreeSet<JobId>> {
    if dead.contains(&pass) {
        return Err(Fault::Told(rules::pass_dead(pass)));
    }
    for id in dead {
        run(tx, "UPDATE pass SET is_open = 0, claims = '{}' WHERE id = ?1 AND is_open = 1", [id.into_bytes()])?;
    }
    let mut mine = None;
    let mut held = BTreeSet::new();
    for other in open(tx)? {
        if other.id == pass {
            mine = Some(other.claims);
        } else {
            held.extend(other.claims.into_keys());
        }
    }
    let Some(mut mine) = mine else {
        return Err(Fault::Told(match is_open(tx, pass)? {
            None => rules::no_pass(pass),
            Some(_) => rules::pass_closed(pass),
        }));
    };
    let granted = wanted.iter().filter(|(job, _)| !held.contains(job));
    if mine.is_empty() {
        write_claims(tx, pass, granted.map(|(job, run)| (job, run)))?;
    } else {
        mine.extend(granted.cloned());
        write_claims(tx, pass, mine.iter())?;
    }
    Ok(wanted.iter().map(|(job, _)| job).filter(|job| held.contains(*job)).cloned().collect())
}

/// What [`claims_of`] reads. There may be very many, so it is written here, and not by way of a map.
fn text_of<'c>(claims: impl Iterator<Item = (&'c JobId, &'c Uuid)>) -> Step<String> {
    let mut text = String::from("{");
    for (job, run) in claims {
        if text.len() > 1 {
            text.push(',');
        }
        push_json(&mut text, job.as_str())?;
        text.push_str(":\"");
        text.push_str(run.hyphenated().encode_lower(&mut [0; 36]));
        text.push('"');
    }
    text.push('}');
    Ok(text)
}

fn is_open(conn: &Connection, pass: Uuid) -> Step<Option<bool>> {
    row(conn, "SELECT is_open FROM pass WHERE id = ?1", [pass.into_bytes()], |r| Ok(r.get(0)?))
}

fn write_claims<'c>(tx: &Transaction<'_>, pass: Uuid, claims: impl Iterator<Item = (&'c JobId, &'c Uuid)>) -> Step<()> {
    let text = text_of(claims)?;
    run(tx, "UPDATE pass SET claims = ?2 WHERE id = ?1", params![pass.into_bytes(), text]).map(drop)
}

pub(super) fn release(tx: &Transaction<'_>, pass: Uuid, jobs: &[JobId]) -> Step<()> {
    let held = row(tx, "SELECT claims FROM pass WHERE id = ?1 AND is_open = 1", [pass.into_bytes()], |r| {
        claims_of(&r.get::<_, String>(0)?, pass)
    })?;
    // A pass that is closed holds nothing.
    let Some(mut held): Option<HashMap<JobId, Uuid>> = held else { return Ok(()) };
    let before = held.len();
    for job in jobs {
        held.remove(job);
    }
    if held.len() == before {
        return Ok(());
    }
    write_claims(tx, pass, held.iter())
}

pub(super) fn end(tx: &Transaction<'_>, pass: Uuid, end: &PassEnd) -> Step<()> {
    let ended = run(
        tx,
        "UPDATE pass SET is_open = 0, claims = '{}', ended = ?2, runs = ?3, bad = ?4
         WHERE id = ?1 AND ended IS NULL",
        params![pass.into_bytes(), end.ended.micros(), end.runs, end.bad],
    )?;
    if ended == 0 && is_open(tx, pass)?.is_none() {
        return Err(Fault::Told(rules::no_pass(pass)));
    }
    Ok(())
}

pub(super) fn newest(conn: &Connection, limit: usize) -> Step<Vec<(PassStart, Option<PassEnd>)>> {
    rows(
        conn,
        "SELECT id, node, started, called, ended, runs, bad FROM pass ORDER BY id DESC LIMIT ?1",
        [whole(limit)],
        |r| {
            let start = PassStart { id: id(r, 0)?, node: id(r, 1)?, started: time(r, 2)?, called: r.get(3)? };
            let (runs, bad) = (int(r, 5)?, int(r, 6)?);
            let end = time_or_none(r, 4)?.map(|ended| PassEnd { ended, runs, bad });
            Ok((start, end))
        },
    )
}
