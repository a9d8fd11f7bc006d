//! Deliveries, and how far each alert has come with each of its recipients.
//!
//! The states of an addressee: `waiting`, `withheld`, `planned` (in an unsent delivery), `told`, `refused`, `dropped`.

use super::super::{Addressed, Group, Planned, rules};
use super::errors::{Fault, Step};
use super::ledger::alert_of;
use super::values::{from_json, id, id_or_none, int, no_word, row, rows, run, time, time_or_none, to_json, whole};
use crate::decide::{AlertId, Delivery, DeliveryState, Recipient, SendResult, Sent, Waiting};
use checker_job::{JobId, Timestamp};
use rusqlite::{Connection, Row, Transaction, params};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What is open; and what a refused delivery carries, where something of the same job that is in no delivery yet waits for
/// the same recipient. The words of the open states are those of the index, and a cross join keeps that order:
/// from the few that are open, never through all.
pub(super) fn waiting<G: Group>(conn: &Connection) -> Step<Vec<Waiting>> {
    let p = G::PREFIX;
    // Nearly always nothing is open, and to see that costs next to nothing.
    let open = format!("SELECT 1 FROM {p}addressee WHERE state IN ('waiting', 'withheld', 'planned') LIMIT 1");
    if row(conn, &open, [], |_| Ok(()))?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT a.body, d.recipient, d.state, d.delivery,
             (SELECT t.thread FROM {p}addressee t
              WHERE t.job = d.job AND t.episode = d.episode AND t.recipient = d.recipient AND t.state = 'told'
              ORDER BY t.thread_at, t.thread LIMIT 1)
         FROM {p}addressee d JOIN {p}alert a ON a.job = d.job AND a.episode = d.episode AND a.step = d.step
         WHERE d.rowid IN (
             SELECT o.rowid FROM {p}addressee o WHERE o.state IN ('waiting', 'withheld', 'planned')
             UNION
             SELECT r.rowid FROM {p}addressee n
             CROSS JOIN {p}addressee r ON r.job = n.job AND r.recipient = n.recipient AND r.state = 'refused'
             JOIN {p}delivery m ON m.id = r.delivery
             WHERE n.state IN ('waiting', 'withheld', 'planned') AND n.delivery IS NULL)
         ORDER BY a.at, d.job, d.episode, d.step, d.recipient"
    );
    rows(conn, &sql, [], |r| {
        let thread: Option<String> = r.get(4)?;
        Ok(Waiting {
            alert: alert_of(r.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?,
            recipient: Recipient(r.get(1)?),
            delivery: id_or_none(r, 3)?,
            withheld: r.get_ref(2)?.as_str().map_err(rusqlite::Error::from)? == "withheld",
            told: thread.is_some(),
            thread,
        })
    })
}

pub(super) fn plan<G: Group>(tx: &Transaction<'_>, planned: &Planned) -> Step<()> {
    for id in &planned.superseded {
        supersede::<G>(tx, *id)?;
    }
    address::<G>(tx, &planned.addressed)?;
    for delivery in &planned.deliveries {
        add::<G>(tx, delivery)?;
    }
    let p = G::PREFIX;
    let drop_one = format!(
        "UPDATE {p}addressee SET state = 'dropped', delivery = NULL, reason = ?5
         WHERE job = ?1 AND episode = ?2 AND step = ?3 AND recipient = ?4
             AND state IN ('waiting', 'withheld', 'planned')"
    );
    for (alert, recipient, why) in &planned.dropped {
        run(tx, &drop_one, params![alert.job.as_str(), alert.episode, alert.step, recipient.0, why])?;
    }
    let withhold = format!(
        "UPDATE {p}addressee SET state = 'withheld'
         WHERE job = ?1 AND episode = ?2 AND step = ?3 AND recipient = ?4 AND state = 'waiting'"
    );
    for (alert, recipient) in &planned.withheld {
        run(tx, &withhold, params![alert.job.as_str(), alert.episode, alert.step, recipient.0])?;
    }
    Ok(())
}

/// What is not addressed to them yet waits for them.
fn address<G: Group>(tx: &Transaction<'_>, addressed: &[Addressed]) -> Step<()> {
    let p = G::PREFIX;
    let sql = format!(
        "INSERT INTO {p}addressee (job, episode, step, recipient, state)
         SELECT job, episode, step, ?4, 'waiting' FROM {p}alert WHERE job = ?1 AND episode = ?2 AND step = ?3
         ON CONFLICT (job, episode, step, recipient) DO NOTHING"
    );
    for (alert, recipient) in addressed {
        run(tx, &sql, params![alert.job.as_str(), alert.episode, alert.step, recipient.0])?;
    }
    Ok(())
}

pub(super) fn addressees<G: Group>(conn: &Connection, of: &BTreeSet<(JobId, u32)>) -> Step<BTreeSet<Addressed>> {
    let sql = format!("SELECT step, recipient FROM {}addressee WHERE job = ?1 AND episode = ?2", G::PREFIX);
    let mut found = BTreeSet::new();
    for (job, episode) in of {
        let alert = |step| AlertId { job: job.clone(), episode: *episode, step };
        found.extend(rows(conn, &sql, params![job.as_str(), episode], |r| {
            Ok((alert(int(r, 0)?), Recipient(r.get(1)?)))
        })?);
    }
    Ok(found)
}

/// Takes a delivery out of the outbox; what it carried waits again.
fn supersede<G: Group>(tx: &Transaction<'_>, id: Uuid) -> Step<()> {
    let p = G::PREFIX;
    let replaced = run(
        tx,
        &format!(
            "UPDATE {p}delivery SET state = 'superseded', settled_at = NULL, answer = NULL
             WHERE id = ?1 AND state IN ('unsent', 'refused')"
        ),
        [id.into_bytes()],
    )?;
    if replaced == 0 {
        return Ok(());
    }
    settle::<G>(tx, id, "state = 'waiting', delivery = NULL", "state IN ('planned', 'refused')")
}

/// Changes the addressees that are in a delivery and as `which` says.
fn settle<G: Group>(tx: &Transaction<'_>, id: Uuid, to: &str, which: &str) -> Step<()> {
    let p = G::PREFIX;
    let (recipient, alerts) = carried::<G>(tx, id)?;
    let sql = format!(
        "UPDATE {p}addressee SET {to}
         WHERE job = ?1 AND episode = ?2 AND step = ?3 AND recipient = ?4 AND delivery = ?5 AND {which}"
    );
    for alert in &alerts {
        run(tx, &sql, params![alert.job.as_str(), alert.episode, alert.step, recipient, id.into_bytes()])?;
    }
    Ok(())
}

fn carried<G: Group>(conn: &Connection, id: Uuid) -> Step<(String, Vec<AlertId>)> {
    let sql = format!("SELECT recipient, alerts FROM {}delivery WHERE id = ?1", G::PREFIX);
    row(conn, &sql, [id.into_bytes()], |r| Ok((r.get(0)?, alerts_of(&r.get::<_, String>(1)?, id)?)))?
        .ok_or_else(|| Fault::Told(rules::no_delivery(id)))
}

fn alerts_of(text: &str, delivery: Uuid) -> Step<Vec<AlertId>> {
    from_json(text, || format!("what the delivery {delivery} carries"))
}

fn add<G: Group>(tx: &Transaction<'_>, d: &Delivery) -> Step<()> {
    let p = G::PREFIX;
    let new = run(
        tx,
        &format!(
            "INSERT INTO {p}delivery (id, recipient, alerts, subject, body, message_id, in_reply_to, urgent, digest,
                 created_at, attempts, next_try, last_error, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 'unsent')
             ON CONFLICT (id) DO NOTHING"
        ),
        params![
            d.id.into_bytes(),
            d.recipient.0,
            to_json(&d.alerts)?,
            d.subject,
            d.body,
            d.message_id,
            d.in_reply_to,
            d.urgent,
            d.digest,
            d.created_at.micros(),
            d.attempts,
            d.next_try.micros(),
            d.last_error,
        ],
    )?;
    if new == 0 {
        return Ok(());
    }
    // The alert may be gone by now, and the recipient need not have been among those it was addressed to.
    let take = format!(
        "INSERT INTO {p}addressee (job, episode, step, recipient, state, delivery)
         SELECT job, episode, step, ?4, 'planned', ?5 FROM {p}alert WHERE job = ?1 AND episode = ?2 AND step = ?3
         ON CONFLICT (job, episode, step, recipient) DO UPDATE SET state = 'planned', delivery = excluded.delivery,
             reason = NULL WHERE {p}addressee.state <> 'told'"
    );
    for alert in &d.alerts {
        run(tx, &take, params![alert.job.as_str(), alert.episode, alert.step, d.recipient.0, d.id.into_bytes()])?;
    }
    Ok(())
}

/// What is to be known of a delivery to note an answer.
struct Marked {
    state: String,
    tried_at: Option<Timestamp>,
    message_id: String,
    created_at: Timestamp,
}

pub(super) fn mark<G: Group>(
    tx: &Transaction<'_>,
    id: Uuid,
    result: &SendResult,
    at: Timestamp,
    next_try: Timestamp,
) -> Step<()> {
    let sql = format!("SELECT state, tried_at, message_id, created_at FROM {}delivery WHERE id = ?1", G::PREFIX);
    let found = row(tx, &sql, [id.into_bytes()], |r| {
        Ok(Marked { state: r.get(0)?, tried_at: time_or_none(r, 1)?, message_id: r.get(2)?, created_at: time(r, 3)? })
    })?
    .ok_or_else(|| Fault::Told(rules::no_delivery(id)))?;
    if found.state == "told" {
        return Ok(());
    }
    if let SendResult::Accepted { answer } = result {
        return accept::<G>(tx, id, &found, answer, at);
    }
    if found.state == "superseded" || found.tried_at == Some(at) {
        return Ok(());
    }
    let p = G::PREFIX;
    let (why, refused) = match result {
        SendResult::Refused { why } => (why, true),
        SendResult::Later { why } | SendResult::Accepted { answer: why } => (why, false),
    };
    run(
        tx,
        &format!(
            "UPDATE {p}delivery SET attempts = attempts + 1, next_try = ?2, last_error = ?3, tried_at = ?4 WHERE id = ?1"
        ),
        params![id.into_bytes(), next_try.micros(), why, at.micros()],
    )?;
    if refused {
        run(
            tx,
            &format!("UPDATE {p}delivery SET state = 'refused', settled_at = ?2, answer = ?3 WHERE id = ?1"),
            params![id.into_bytes(), at.micros(), why],
        )?;
        settle::<G>(tx, id, "state = 'refused'", "state = 'planned'")?;
    }
    Ok(())
}

/// The recipient has it, whatever was thought before.
fn accept<G: Group>(tx: &Transaction<'_>, id: Uuid, found: &Marked, answer: &str, at: Timestamp) -> Step<()> {
    let p = G::PREFIX;
    run(
        tx,
        &format!("UPDATE {p}delivery SET state = 'told', settled_at = ?2, answer = ?3, tried_at = ?2 WHERE id = ?1"),
        params![id.into_bytes(), at.micros(), answer],
    )?;
    // The thread begins with the earliest delivery that told of it.
    let tell = format!(
        "INSERT INTO {p}addressee (job, episode, step, recipient, state, delivery, thread, thread_at)
         SELECT job, episode, step, ?4, 'told', ?5, ?6, ?7 FROM {p}alert WHERE job = ?1 AND episode = ?2 AND step = ?3
         ON CONFLICT (job, episode, step, recipient) DO UPDATE SET state = 'told', delivery = excluded.delivery,
             reason = NULL, thread = excluded.thread, thread_at = excluded.thread_at
         WHERE {p}addressee.state <> 'told' OR excluded.thread_at < {p}addressee.thread_at
             OR (excluded.thread_at = {p}addressee.thread_at AND excluded.thread < {p}addressee.thread)"
    );
    let (recipient, alerts) = carried::<G>(tx, id)?;
    for alert in &alerts {
        run(
            tx,
            &tell,
            params![
                alert.job.as_str(),
                alert.episode,
                alert.step,
                recipient,
                id.into_bytes(),
                found.message_id,
                found.created_at.micros(),
            ],
        )?;
    }
    Ok(())
}

/// After rows of two outboxes came together: an alert is in one unsent delivery at most, and what was told is in none.
pub(super) fn settle_both<G: Group>(tx: &Transaction<'_>) -> Step<()> {
    let p = G::PREFIX;
    let sql = format!("SELECT id, recipient, alerts FROM {p}delivery WHERE state IN ('unsent', 'refused')");
    let open = rows(tx, &sql, [], |r| {
        let id = id(r, 0)?;
        Ok((id, r.get::<_, String>(1)?, alerts_of(&r.get::<_, String>(2)?, id)?))
    })?;
    let owner = format!(
        "SELECT state IN ('planned', 'refused') AND delivery = ?5 FROM {p}addressee
         WHERE job = ?1 AND episode = ?2 AND step = ?3 AND recipient = ?4"
    );
    for (id, recipient, alerts) in open {
        let mut whole = true;
        for alert in &alerts {
            let key = params![alert.job.as_str(), alert.episode, alert.step, recipient, id.into_bytes()];
            let owns = row(tx, &owner, key, |r| Ok(r.get::<_, Option<bool>>(0)?))?;
            whole &= owns.is_none_or(|owns| owns == Some(true));
        }
        if !whole {
            supersede::<G>(tx, id)?;
        }
    }
    let told = format!(
        "UPDATE {p}addressee SET state = 'told', thread = (SELECT message_id FROM {p}delivery d WHERE d.id = delivery),
             thread_at = (SELECT created_at FROM {p}delivery d WHERE d.id = delivery)
         WHERE state IN ('planned', 'refused') AND delivery IN (SELECT id FROM {p}delivery WHERE state = 'told')"
    );
    run(tx, &told, [])?;
    let lost = format!(
        "UPDATE {p}addressee SET state = 'waiting', delivery = NULL WHERE state = 'planned'
             AND (delivery IS NULL OR delivery NOT IN (SELECT id FROM {p}delivery WHERE state IN ('unsent', 'refused')))"
    );
    run(tx, &lost, []).map(drop)
}

const COLUMNS: &str = "id, recipient, alerts, subject, body, message_id, in_reply_to, urgent, digest, created_at, \
                       attempts, next_try, last_error, state, settled_at, answer";

pub(super) fn unsent<G: Group>(conn: &Connection) -> Step<Vec<Delivery>> {
    let any = format!("SELECT 1 FROM {}delivery WHERE state IN ('unsent', 'refused') LIMIT 1", G::PREFIX);
    if row(conn, &any, [], |_| Ok(()))?.is_none() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM {}delivery WHERE state IN ('unsent', 'refused') ORDER BY urgent DESC, created_at, id",
        G::PREFIX
    );
    rows(conn, &sql, [], delivery_of)
}

pub(super) fn deliveries<G: Group>(conn: &Connection, limit: usize) -> Step<Vec<Delivery>> {
    let sql = format!("SELECT {COLUMNS} FROM {}delivery ORDER BY created_at DESC, id DESC LIMIT ?1", G::PREFIX);
    rows(conn, &sql, [whole(limit)], delivery_of)
}

fn delivery_of(r: &Row<'_>) -> Step<Delivery> {
    let id = id(r, 0)?;
    let settled = || -> Step<(Timestamp, String)> { Ok((time(r, 14)?, r.get(15)?)) };
    let state = match r.get::<_, String>(13)?.as_str() {
        "unsent" => DeliveryState::Unsent,
        "superseded" => DeliveryState::Superseded,
        "told" => settled().map(|(at, answer)| DeliveryState::Told { at, answer })?,
        "refused" => settled().map(|(at, why)| DeliveryState::Refused { at, why })?,
        other => return Err(no_word("the state of a delivery", other)),
    };
    Ok(Delivery {
        id,
        recipient: Recipient(r.get(1)?),
        alerts: alerts_of(&r.get::<_, String>(2)?, id)?,
        subject: r.get(3)?,
        body: r.get(4)?,
        message_id: r.get(5)?,
        in_reply_to: r.get(6)?,
        urgent: r.get(7)?,
        digest: r.get(8)?,
        created_at: time(r, 9)?,
        attempts: int(r, 10)?,
        next_try: time(r, 11)?,
        last_error: r.get(12)?,
        state,
    })
}

pub(super) fn sent<G: Group>(conn: &Connection, since: Timestamp) -> Step<Vec<Sent>> {
    let sql = format!(
        "SELECT recipient, created_at, digest, urgent FROM {}delivery
         WHERE created_at >= ?1 AND state <> 'superseded' AND alerts NOT LIKE '%\"job\":\"drill:%' ORDER BY created_at, id",
        G::PREFIX
    );
    rows(conn, &sql, [since.micros()], |r| {
        Ok(Sent { recipient: Recipient(r.get(0)?), at: time(r, 1)?, digest: r.get(2)?, urgent: r.get(3)? })
    })
}
