//! The state of a job as a row. Nearly all jobs are well, so what a well job has stands in columns, and all else, which it
//! has not, is one text.

use super::errors::{Fault, Step};
use super::repeated::Repeated;
use super::values::{from_json, id_or_none, int, time, time_or_none, to_json, verdict_of, whole};
use crate::decide::script::Watched;
use crate::decide::{Ack, Episode, Flapping, JobState, Silence, Tally};
use crate::store::rules;
use checker_job::{JobId, Timestamp, Verdict};
use rusqlite::{Connection, Row, Transaction};
use serde::{Deserialize, Serialize};

/// What [`read`] reads.
pub(super) const COLUMNS: &str =
    "job, seq, run, slot, ran_at, verdict, summary, since, episodes, hour, ok, micros_sum, micros_max, rest";

/// What a well job has not. Versionless JSON: readers accept unknown fields and missing ones.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Rest {
    #[serde(skip_serializing_if = "none")]
    good: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Box<Episode>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blind: Option<Box<Episode>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<Timestamp>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blinds: Vec<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flapping: Option<Box<Flapping>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack: Option<Box<Ack>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    planned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    silence: Option<Box<Silence>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watched: Option<Box<Watched>>,
    /// Of the hour that is being counted, as the next two.
    #[serde(skip_serializing_if = "none")]
    warning: u32,
    #[serde(skip_serializing_if = "none")]
    failed: u32,
    #[serde(skip_serializing_if = "none")]
    unknown: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn none(count: &u32) -> bool {
    *count == 0
}

impl Rest {
    fn of(state: &JobState) -> Option<Self> {
        let tally = &state.tally;
        let is_empty = state.good == 0
            && state.failure.is_none()
            && state.blind.is_none()
            && state.changes.is_empty()
            && state.blinds.is_empty()
            && state.flapping.is_none()
            && state.ack.is_none()
            && !state.planned
            && state.silence.is_none()
            && state.watched.is_none()
            && (tally.warning, tally.failed, tally.unknown) == (0, 0, 0);
        (!is_empty).then(|| Self {
            good: state.good,
            failure: state.failure.clone(),
            blind: state.blind.clone(),
            changes: state.changes.clone(),
            blinds: state.blinds.clone(),
            flapping: state.flapping.clone(),
            ack: state.ack.clone(),
            planned: state.planned,
            silence: state.silence.clone(),
            watched: state.watched.clone(),
            warning: tally.warning,
            failed: tally.failed,
            unknown: tally.unknown,
        })
    }
}

/// The job alone.
pub(super) fn job<'r>(row: &'r Row<'_>) -> Step<&'r str> {
    text(row, 0)
}

/// The job and its state, from [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> Step<(JobId, JobState)> {
    let job = JobId::literal(job(row)?);
    let state = read_of(row, &job)?;
    Ok((job, state))
}

/// The state alone, which is that of `job`.
pub(super) fn read_of(row: &Row<'_>, job: &JobId) -> Step<JobState> {
    state_of(row).map_err(|fault| match fault {
        Fault::Text { why, .. } => Fault::Text { what: format!("the state of the job {job}"), why },
        other => other,
    })
}

/// The same of [`COLUMNS`] and `forgotten`.
pub(super) fn read_kept(row: &Row<'_>) -> Step<(JobId, JobState, bool)> {
    let (job, state) = read(row)?;
    Ok((job, state, row.get(14)?))
}

fn text<'r>(row: &'r Row<'_>, at: usize) -> Step<&'r str> {
    Ok(row.get_ref(at)?.as_str().map_err(rusqlite::Error::from)?)
}

fn text_or_none<'r>(row: &'r Row<'_>, at: usize) -> Step<Option<&'r str>> {
    Ok(row.get_ref(at)?.as_str_or_null().map_err(rusqlite::Error::from)?)
}

fn state_of(row: &Row<'_>) -> Step<JobState> {
    let rest = match text_or_none(row, 13)? {
        Some(text) => from_json(text, || "a state".to_owned())?,
        None => Rest::default(),
    };
    Ok(JobState {
        seq: int(row, 1)?,
        run: id_or_none(row, 2)?,
        slot: time_or_none(row, 3)?,
        ran_at: time_or_none(row, 4)?,
        verdict: text_or_none(row, 5)?.map(verdict_of).transpose()?,
        summary: text(row, 6)?.to_owned(),
        since: time_or_none(row, 7)?,
        good: rest.good,
        episodes: int(row, 8)?,
        failure: rest.failure,
        blind: rest.blind,
        changes: rest.changes,
        blinds: rest.blinds,
        flapping: rest.flapping,
        ack: rest.ack,
        planned: rest.planned,
        silence: rest.silence,
        watched: rest.watched,
        tally: Tally {
            hour: time(row, 9)?,
            ok: int(row, 10)?,
            warning: rest.warning,
            failed: rest.failed,
            unknown: rest.unknown,
            micros_sum: int(row, 11)?,
            micros_max: int(row, 12)?,
        },
    })
}

/// Writes states of one group.
pub(super) struct Writer<'a> {
    insert: Repeated<'a>,
    update: Repeated<'a>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(conn: &'a Connection, p: &str) -> Step<Self> {
        let insert = format!(
            "INSERT INTO {p}state (job, seq, run, slot, ran_at, verdict, summary, since, episodes, hour, ok, micros_sum,
                 micros_max, rest, oldest_open, forgotten)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)"
        );
        let update = format!(
            "UPDATE {p}state SET seq = ?2, run = ?3, slot = ?4, ran_at = ?5, verdict = ?6, summary = ?7, since = ?8,
                 episodes = ?9, hour = ?10, ok = ?11, micros_sum = ?12, micros_max = ?13, rest = ?14, oldest_open = ?15,
                 forgotten = ?16
             WHERE job = ?1 AND seq = ?17"
        );
        Ok(Self { insert: Repeated::new(conn, &insert)?, update: Repeated::new(conn, &update)? })
    }

    /// Writes the state of a job that has none.
    pub(super) fn insert(&mut self, job: &JobId, state: &JobState, forgotten: bool) -> Step<()> {
        bind(&mut self.insert, job, state, forgotten)?;
        self.insert.run().map(drop)
    }

    /// Writes over the state with the number `before`, and says whether there is one.
    pub(super) fn update(&mut self, job: &JobId, before: u64, state: &JobState, forgotten: bool) -> Step<bool> {
        bind(&mut self.update, job, state, forgotten)?;
        self.update.int(17, whole(before))?;
        Ok(self.update.run()? > 0)
    }
}

fn bind(row: &mut Repeated<'_>, job: &JobId, state: &JobState, forgotten: bool) -> Step<()> {
    row.text(1, job.as_str())?;
    row.int(2, whole(state.seq))?;
    row.id_or_none(3, state.run)?;
    row.time_or_none(4, state.slot)?;
    row.time_or_none(5, state.ran_at)?;
    row.word(6, state.verdict.map(Verdict::word))?;
    row.text(7, &state.summary)?;
    row.time_or_none(8, state.since)?;
    row.int(9, state.episodes.into())?;
    row.int(10, state.tally.hour.micros())?;
    row.int(11, state.tally.ok.into())?;
    row.int(12, whole(state.tally.micros_sum))?;
    row.int(13, whole(state.tally.micros_max))?;
    row.text_or_none(14, Rest::of(state).as_ref().map(to_json).transpose()?.as_deref())?;
    row.int_or_none(15, rules::oldest_open(state).map(Into::into))?;
    row.int(16, forgotten.into())
}

/// Removes the rows that cannot be read: each would stop every pass.
pub(super) fn remove_unreadable(tx: &Transaction<'_>, p: &str) -> Step<()> {
    let mut statement = tx.prepare(&format!("SELECT {COLUMNS}, rowid FROM {p}state"))?;
    let mut found = statement.query([])?;
    let mut bad: Vec<i64> = Vec::new();
    while let Some(row) = found.next()? {
        if read(row).is_err() {
            bad.push(row.get(14)?);
        }
    }
    let mut remove = tx.prepare(&format!("DELETE FROM {p}state WHERE rowid = ?1"))?;
    for row in bad {
        remove.execute([row])?;
    }
    Ok(())
}
