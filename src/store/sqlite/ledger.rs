//! States and alerts of one group.

use super::super::{Applied, Change, Group, RunRecord, Slot, rules};
use super::errors::Step;
use super::values::{first, from_json, id_or_none, int, int_or_none, row, rows, run, time_or_none, to_json};
use super::{runs, states, values};
use crate::decide::{Alert, JobState};
use checker_job::JobId;
use rusqlite::{Connection, Transaction, params};
use std::collections::HashMap;
use uuid::Uuid;

/// If fewer than one in so many states are asked for, to look each up costs less than to read all.
const LOOK_UP_BELOW: usize = 8;

/// Room is made for this many at once. How many there are is only what a file says that may be damaged.
const ROOM_MAX: usize = 65_536;

pub(super) fn slots<G: Group>(conn: &Connection) -> Step<HashMap<JobId, Slot>> {
    let sql = format!("SELECT job, seq, slot, oldest_open FROM {}state WHERE forgotten = 0", G::PREFIX);
    let mut statement = conn.prepare_cached(&sql)?;
    let mut found = statement.query([])?;
    let mut out = HashMap::with_capacity(about_how_many::<G>(conn)?.min(ROOM_MAX));
    while let Some(r) = found.next()? {
        let slot = Slot { seq: int(r, 1)?, slot: time_or_none(r, 2)?, open: int_or_none::<u32>(r, 3)?.is_some() };
        out.insert(JobId::literal(r.get::<_, String>(0)?), slot);
    }
    Ok(out)
}

/// How many states there are, or some more.
fn about_how_many<G: Group>(conn: &Connection) -> Step<usize> {
    let sql = format!("SELECT coalesce(max(rowid), 0) FROM {}state", G::PREFIX);
    Ok(row(conn, &sql, [], |r| int(r, 0))?.unwrap_or(0))
}

pub(super) fn states<G: Group>(conn: &Connection, jobs: &[JobId]) -> Step<HashMap<JobId, JobState>> {
    let mut out = HashMap::with_capacity(jobs.len());
    if jobs.len() > 1 && jobs.len() >= about_how_many::<G>(conn)? / LOOK_UP_BELOW {
        let wanted: HashMap<&str, &JobId> = jobs.iter().map(|job| (job.as_str(), job)).collect();
        let mut statement = conn.prepare_cached(&format!("SELECT {} FROM {}state", states::COLUMNS, G::PREFIX))?;
        let mut found = statement.query([])?;
        while let Some(r) = found.next()? {
            if let Some(&job) = wanted.get(states::job(r)?) {
                out.insert(job.clone(), states::read_of(r, job)?);
            }
        }
        return Ok(out);
    }
    let sql = format!("SELECT {} FROM {}state WHERE job = ?1", states::COLUMNS, G::PREFIX);
    let mut statement = conn.prepare_cached(&sql)?;
    for job in jobs {
        if let Some(state) = first(&mut statement, [job.as_str()], |r| states::read_of(r, job))? {
            out.insert(job.clone(), state);
        }
    }
    Ok(out)
}

/// The run of a change, where runs are kept.
fn kept_run<G: Group>(change: &Change) -> Option<&RunRecord> {
    change.run.as_ref().filter(|_| G::RUNS)
}

pub(super) fn commit<G: Group>(tx: &Transaction<'_>, changes: &[Change]) -> Step<Vec<Applied>> {
    let mut book = Book::<G>::new(tx)?;
    let mut tail = runs::Tail::default();
    let answers = changes.iter().map(|change| book.apply(change, &mut tail)).collect::<Step<Vec<_>>>()?;
    if G::RUNS {
        tail.write(tx)?;
    }
    Ok(answers)
}

/// What is quick to read of a state that is to be changed.
struct Current {
    seq: u64,
    run: Option<Uuid>,
    episodes: u32,
    forgotten: bool,
}

/// The statements of one commit.
struct Book<'a, G> {
    tx: &'a Transaction<'a>,
    states: states::Writer<'a>,
    runs: runs::Writer<'a>,
    current: String,
    alert: String,
    addressee: String,
    group: std::marker::PhantomData<G>,
}

impl<'a, G: Group> Book<'a, G> {
    fn new(tx: &'a Transaction<'a>) -> Step<Self> {
        let p = G::PREFIX;
        Ok(Self {
            tx,
            states: states::Writer::new(tx, p)?,
            runs: runs::Writer::new(tx)?,
            current: format!("SELECT seq, run, episodes, forgotten FROM {p}state WHERE job = ?1"),
            alert: format!(
                "INSERT INTO {p}alert (job, episode, step, at, body) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (job, episode, step) DO NOTHING"
            ),
            addressee: format!(
                "INSERT INTO {p}addressee (job, episode, step, recipient, state)
                 VALUES (?1, ?2, ?3, ?4, 'waiting')
                 ON CONFLICT (job, episode, step, recipient) DO NOTHING"
            ),
            group: std::marker::PhantomData,
        })
    }

    fn apply(&mut self, change: &'a Change, tail: &mut runs::Tail) -> Step<Applied> {
        if self.follow(change, tail)? {
            return Ok(Applied::Done);
        }
        let current = self.current(&change.job)?;
        let seq = current.as_ref().map_or(0, |c| c.seq);
        let fresh = seq == change.expected_seq;
        if !fresh && self.is_repeat(change, current.as_ref())? {
            return Ok(Applied::Already);
        }
        if let Some(record) = kept_run::<G>(change) {
            let leads_to = fresh.then(|| seq.saturating_add(1));
            if let Some(before) = self.runs.put(self.tx, record, leads_to, tail)? {
                return Ok(before);
            }
        }
        if !fresh {
            return Ok(Applied::Stale);
        }
        match &change.state {
            Some(state) => self.put(&change.job, current.as_ref(), state, false)?,
            None => self.forget(&change.job, current.as_ref())?,
        }
        self.add_all(change, tail)
    }

    /// The usual change: a new run, and a state that follows on the one that is there. Only writing shows whether it is
    /// one: if it is not, nothing was done, and the answer is `false`.
    fn follow(&mut self, change: &'a Change, tail: &mut runs::Tail) -> Step<bool> {
        let Some(state) = change.state.as_ref().filter(|_| change.expected_seq > 0) else { return Ok(false) };
        let run = kept_run::<G>(change);
        if let Some(run) = run
            && !self.runs.insert(run, Some(state.seq), tail)?
        {
            return Ok(false);
        }
        if !self.states.update(&change.job, change.expected_seq, state, false)? {
            run.map(|run| runs::take_back(self.tx, run, tail)).transpose()?;
            return Ok(false);
        }
        self.add_all(change, tail)?;
        Ok(true)
    }

    /// What comes with a state that was written.
    fn add_all(&self, change: &Change, tail: &mut runs::Tail) -> Step<Applied> {
        for alert in &change.alerts {
            self.add(alert)?;
        }
        if G::RUNS
            && let Some(hour) = &change.hour
        {
            runs::add_hour(self.tx, &change.job, hour, tail)?;
        }
        Ok(Applied::Done)
    }

    fn current(&self, job: &JobId) -> Step<Option<Current>> {
        row(self.tx, &self.current, [job.as_str()], |r| {
            Ok(Current { seq: int(r, 0)?, run: id_or_none(r, 1)?, episodes: int(r, 2)?, forgotten: r.get(3)? })
        })
    }

    /// Whether the state is what this change led to. Where runs are kept, a run is told from all others by its id.
    fn is_repeat(&self, change: &Change, current: Option<&Current>) -> Step<bool> {
        let run = kept_run::<G>(change).map(|r| r.id);
        let Some(current) = current else {
            // It was forgotten, and there was nothing to keep of it.
            return Ok(change.state.is_none() && run.is_none());
        };
        if Some(current.seq) != change.expected_seq.checked_add(1) {
            return Ok(false);
        }
        match &change.state {
            None => Ok(current.forgotten && run.is_none()),
            Some(_) if run.is_some() => Ok(current.run == run),
            Some(state) => {
                let found = states::<G>(self.tx, std::slice::from_ref(&change.job))?;
                Ok(found.get(&change.job) == Some(state))
            }
        }
    }

    /// `current` is what was read of it in this transaction.
    fn put(&mut self, job: &JobId, current: Option<&Current>, state: &JobState, forgotten: bool) -> Step<()> {
        match current {
            Some(current) => self.states.update(job, current.seq, state, forgotten).map(drop),
            None => self.states.insert(job, state, forgotten),
        }
    }

    /// A job that never had an episode leaves nothing; of any other the counters stay while its alerts do.
    fn forget(&mut self, job: &JobId, current: Option<&Current>) -> Step<()> {
        match current {
            Some(c) if c.episodes > 0 => {
                self.put(job, current, &rules::counters(c.seq.saturating_add(1), c.episodes), true)
            }
            Some(_) => {
                run(self.tx, &format!("DELETE FROM {}state WHERE job = ?1", G::PREFIX), [job.as_str()]).map(drop)
            }
            None => Ok(()),
        }
    }

    fn add(&self, alert: &Alert) -> Step<()> {
        let id = &alert.id;
        let new = run(
            self.tx,
            &self.alert,
            params![id.job.as_str(), id.episode, id.step, alert.at.micros(), to_json(alert)?],
        )?;
        if new == 0 {
            return Ok(());
        }
        for recipient in &alert.recipients {
            run(self.tx, &self.addressee, params![id.job.as_str(), id.episode, id.step, recipient.0])?;
        }
        Ok(())
    }
}

/// Writes a state as it is, whatever was there.
pub(super) fn put_state<G: Group>(tx: &Transaction<'_>, job: &JobId, state: &JobState, forgotten: bool) -> Step<()> {
    let mut book = Book::<G>::new(tx)?;
    let current = book.current(job)?;
    book.put(job, current.as_ref(), state, forgotten)
}

pub(super) fn alerts<G: Group>(conn: &Connection, job: Option<&JobId>, limit: usize) -> Step<Vec<Alert>> {
    let read = |r: &rusqlite::Row<'_>| alert_of(r.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
    let (limit, p): (i64, _) = (values::whole(limit), G::PREFIX);
    match job {
        Some(job) => rows(
            conn,
            &format!("SELECT body FROM {p}alert WHERE job = ?1 ORDER BY at DESC, episode DESC, step DESC LIMIT ?2"),
            params![job.as_str(), limit],
            read,
        ),
        None => rows(
            conn,
            &format!("SELECT body FROM {p}alert ORDER BY at DESC, job DESC, episode DESC, step DESC LIMIT ?1"),
            [limit],
            read,
        ),
    }
}

pub(super) fn alert_of(text: &str) -> Step<Alert> {
    from_json(text, || "an alert".to_owned())
}
