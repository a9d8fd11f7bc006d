//! Writes calls before they are answered, all that wait in one commit: so thousands a second cost one wait for the disk each
//! few milliseconds.
//!
//! **Invariant:** a call is answered with success only after its record is on the disk, in the store or in the spool.

use super::Named;
use crate::decide::script::ping::{Call, Said};
use crate::decide::{RunRecord, RunStatus, Source};
use crate::script::spool::Spool;
use crate::store::{Scripts, StoreError};
use checker_job::Timestamp;
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use tokio::sync::oneshot;
use uuid::Uuid;

/// So many may wait to be written.
const WAITING_MAX: usize = 4_096;
/// A run that has begun is waited for no longer.
const OPEN_MAX: Duration = Duration::from_secs(8 * 86_400);
/// And so many are written at once.
const BATCH_MAX: usize = 1_000;

/// What is to be written.
#[derive(Debug)]
pub enum Entry {
    /// A call of a script.
    Call {
        /// Which one.
        script: Named,
        /// What it says.
        said: Said,
        /// Of which run.
        rid: Option<Uuid>,
        /// When it came.
        at: Timestamp,
        /// The first of its body, as text.
        body: String,
        /// Where it came from.
        from: String,
    },
    /// A success that another host records.
    Record(Box<RunRecord>),
}

/// Why a call could not be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// Too many wait.
    Crowded,
    /// Neither store nor spool takes it.
    Failed(String),
}

/// The way to the one who writes. Clones lead to the same one.
#[derive(Clone, Debug)]
pub struct Ledger(SyncSender<(Entry, oneshot::Sender<Result<(), String>>)>);

type Asked = (Entry, oneshot::Sender<Result<(), String>>);

/// Opens the store for the one who writes.
pub type Open = Box<dyn Fn() -> Result<Box<dyn Scripts + Send>, StoreError> + Send>;

impl Ledger {
    /// Starts the thread that writes into the file `state`; it ends with the last way to it.
    ///
    /// # Errors
    /// If no thread can be had.
    pub fn start(open: Open, state: PathBuf, spool: Spool, node: Uuid) -> std::io::Result<Self> {
        let (to, asked) = sync_channel(WAITING_MAX);
        let mut writer = Writer { open, store: None, state, spool, node, runs: None };
        let work = move || writer.serve(&asked);
        std::thread::Builder::new().name("scripts".to_owned()).stack_size(512 * 1024).spawn(work)?;
        Ok(Self(to))
    }

    /// Comes back when it is written.
    ///
    /// # Errors
    /// See [`NotWritten`].
    pub async fn write(&self, entry: Entry) -> Result<(), NotWritten> {
        let (says, written) = oneshot::channel();
        match self.0.try_send((entry, says)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(NotWritten::Crowded),
            Err(TrySendError::Disconnected(_)) => return Err(NotWritten::Failed("nobody writes any more".to_owned())),
        }
        match written.await {
            Ok(done) => done.map_err(NotWritten::Failed),
            Err(_) => Err(NotWritten::Failed("whoever writes has ended".to_owned())),
        }
    }
}

/// Runs that calls have started and none has ended, by script, oldest first.
type OpenRuns = HashMap<Named, Vec<RunRecord>>;

/// Device and number of a file.
type FileId = (u64, u64);

struct Writer {
    open: Open,
    /// The open store, and which file it was.
    store: Option<(Box<dyn Scripts + Send>, Option<FileId>)>,
    /// Where that file belongs.
    state: PathBuf,
    spool: Spool,
    node: Uuid,
    /// Known from the store at first, then by what was written. `None`: not known.
    runs: Option<OpenRuns>,
}

impl Writer {
    fn serve(&mut self, asked: &Receiver<Asked>) {
        while let Ok(first) = asked.recv() {
            let batch: Vec<Asked> = std::iter::once(first).chain(asked.try_iter().take(BATCH_MAX - 1)).collect();
            let (entries, says): (Vec<Entry>, Vec<_>) = batch.into_iter().unzip();
            let records = self.records(&entries);
            let written = self.write(&records);
            if let Some(why) = written.iter().find_map(|one| one.as_ref().err()) {
                tracing::error!("calls of scripts cannot be written, and are refused: {why}");
                self.runs = None;
            }
            for (say, one) in says.into_iter().zip(written) {
                // Whoever has gone will call again.
                if say.send(one).is_err() {
                    tracing::debug!("a caller has not waited for its answer");
                }
            }
        }
    }

    /// What these calls make of the runs, one after the other.
    fn records(&mut self, entries: &[Entry]) -> Vec<Vec<RunRecord>> {
        let node = self.node;
        let known = self.runs.take().map_or_else(|| self.known(), Ok);
        let is_known = known.is_ok();
        let mut runs = known.unwrap_or_default();
        let mut records = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry {
                Entry::Record(run) => records.push(vec![RunRecord { node, ..RunRecord::clone(run) }]),
                Entry::Call { script, said, rid, at, body, from } => {
                    let (said, rid, at, id) = (*said, *rid, *at, Uuid::now_v7());
                    let Named { name, host } = script;
                    let open = runs.entry(script.clone()).or_default();
                    // Nobody waits for these any more.
                    open.retain(|run| at.since(run.started.unwrap_or(at)) <= OPEN_MAX);
                    let made = Call { name, host, said, rid, at, id, body, from, node }.records(open);
                    open.retain(|run| !made.iter().any(|new| new.id == run.id));
                    open.extend(made.iter().filter(|run| run.status == RunStatus::Active).cloned());
                    if open.is_empty() {
                        runs.remove(script);
                    }
                    records.push(made);
                }
            }
        }
        // What could not be looked up is looked up the next time.
        self.runs = is_known.then_some(runs);
        records
    }

    fn known(&mut self) -> Result<OpenRuns, StoreError> {
        let mut runs = OpenRuns::new();
        let known = self.store().and_then(Scripts::active)?;
        for run in known.into_iter().filter(|run| run.source == Source::Remote) {
            runs.entry(Named { name: run.job.to_string(), host: run.host.clone() }).or_default().push(run);
        }
        Ok(runs)
    }

    fn store(&mut self) -> Result<&dyn Scripts, StoreError> {
        let there = file_at(&self.state);
        // One that was set aside takes writes still, and nobody would find them.
        self.store = self.store.take().filter(|(_, opened)| opened.is_some() && *opened == there);
        if self.store.is_none() {
            let store = (self.open)()?;
            self.store = Some((store, file_at(&self.state)));
        }
        let store = self.store.as_ref().map(|(store, _)| &**store as &dyn Scripts);
        store.ok_or_else(|| StoreError::Unavailable("the state is not open".to_owned()))
    }

    /// Into the store, or else into the spool, each call by itself: one answer is not that of another.
    fn write(&mut self, records: &[Vec<RunRecord>]) -> Vec<Result<(), String>> {
        let all: Vec<RunRecord> = records.iter().flatten().cloned().collect();
        let Err(why) = self.store().and_then(|store| store.record_for_good(&all)) else {
            return vec![Ok(()); records.len()];
        };
        // Its place may have changed.
        self.store = None;
        tracing::warn!("calls of scripts go into the spool: {why}");
        let put = |run: &RunRecord| self.spool.put_for_good(run).map(drop);
        let one = |runs: &Vec<RunRecord>| runs.iter().try_for_each(put).map_err(|spool| format!("{why}; {spool}"));
        records.iter().map(one).collect()
    }
}

/// Which file is there.
fn file_at(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}
