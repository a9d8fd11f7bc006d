//! The job kinds: name -> spawner. Types are erased here, once.
//!
//! [`Registry::with`] takes a kind in; the settings then hand all tables of the kind to its spawner at once and get
//! [`DynJob`]s back, and every problem of every table with its place.

mod elsewhere;
mod fields;
mod read;

use crate::decide::script::Expected;
use crate::script::kind as scripts;
use crate::settings::pairs::Pairs;
use checker_job::{
    Context, Failure, Job, JobId, JobSpawner, Message, Outcome, Policy, Recovery, SpawnError, Table, Vacuity,
};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use elsewhere::Elsewhere;
pub(crate) use elsewhere::Obstacle;

/// A [`Job`] of any kind.
pub trait DynJob: Send + Sync {
    /// Who the job is.
    fn id(&self) -> &JobId;
    /// What the common keys of its table said.
    fn policy(&self) -> &Policy;
    /// Its kind: the KIND of `[[job.KIND]]`.
    fn kind(&self) -> &'static str;
    /// Whether `execute` may block its thread.
    fn blocking(&self) -> bool;
    /// How many handles a run may hold at once.
    fn handles(&self) -> usize {
        checker_job::HANDLES
    }
    /// The longest time by which a run may still call healthy what is already broken.
    fn seen_after(&self) -> Duration {
        Duration::ZERO
    }
    /// What a run leaves outside of Checker.
    fn leaves(&self) -> Option<String> {
        None
    }
    /// What is expected of a script, if the job is one that is judged by records and does not run.
    fn expected(&self) -> Option<&Expected> {
        None
    }
    /// Looks once at the target and says what it saw.
    fn execute<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
    /// Looks once, and judges the answer again in forms that are wrong.
    fn vacuity<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Option<Vacuity>> + Send + 'a>> {
        let _ = cx;
        Box::pin(std::future::ready(None))
    }
    /// Words a failure.
    fn on_failure(&self, failure: &Failure<'_>) -> Message;
    /// Words a recovery.
    fn on_recovery(&self, recovery: &Recovery<'_>) -> Message;
}

impl fmt::Debug for dyn DynJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Job({})", self.id())
    }
}

struct Erased<J> {
    job: J,
    kind: &'static str,
    blocking: bool,
}

impl<J: Job> DynJob for Erased<J> {
    fn id(&self) -> &JobId {
        self.job.id()
    }

    fn policy(&self) -> &Policy {
        self.job.policy()
    }

    fn kind(&self) -> &'static str {
        self.kind
    }

    fn blocking(&self) -> bool {
        self.blocking
    }

    fn handles(&self) -> usize {
        self.job.handles()
    }

    fn seen_after(&self) -> Duration {
        self.job.seen_after()
    }

    fn leaves(&self) -> Option<String> {
        self.job.leaves()
    }

    fn execute<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        Box::pin(self.job.execute(cx))
    }

    fn vacuity<'a>(&'a self, cx: &'a Context) -> Pin<Box<dyn Future<Output = Option<Vacuity>> + Send + 'a>> {
        Box::pin(self.job.vacuity(cx))
    }

    fn on_failure(&self, failure: &Failure<'_>) -> Message {
        self.job.on_failure(failure)
    }

    fn on_recovery(&self, recovery: &Recovery<'_>) -> Message {
        self.job.on_recovery(recovery)
    }
}

/// One `[[job.KIND]]` table: the common keys judged and taken out, the defaults merged in.
#[derive(Clone, Debug)]
pub(crate) struct RawTable<'i> {
    pub(crate) name: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) policy: Arc<Policy>,
    /// The kind's own keys, with their places.
    pub(crate) own: Pairs<'i>,
    /// The table's header.
    pub(crate) span: Range<usize>,
}

/// What is wrong with one table, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableProblem {
    /// Index of the table.
    pub(crate) table: usize,
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) remedy: String,
}

/// What a kind made of its tables.
#[derive(Default)]
pub(crate) struct Spawned {
    pub(crate) jobs: Vec<Arc<dyn DynJob>>,
    pub(crate) problems: Vec<TableProblem>,
    /// What is allowed and hardly meant.
    pub(crate) doubts: Vec<TableProblem>,
}

trait Kind: Send + Sync {
    fn example(&self) -> &'static str;
    fn keys(&self) -> Option<&'static [&'static str]>;
    fn elsewhere(&self) -> &'static [&'static str];
    fn own_meaning(&self) -> &'static [&'static str];
    fn spawn(&self, tables: &[RawTable<'_>]) -> Spawned;
}

/// How a kind's job becomes one of any kind.
type Erase<J> = fn(J) -> Arc<dyn DynJob>;

struct KindOf<S: JobSpawner> {
    erase: Erase<S::Job>,
    /// Common keys that the kind reads itself.
    own_meaning: &'static [&'static str],
}

impl<S: JobSpawner> KindOf<S> {
    fn usual() -> Self {
        let erase = |job| Arc::new(Erased { job, kind: S::KIND, blocking: S::BLOCKING }) as Arc<dyn DynJob>;
        Self { erase, own_meaning: &[] }
    }

    /// Reads the tables `chosen` into the kind's own type; the second list says which table each one was.
    fn read(
        tables: &[RawTable<'_>],
        chosen: &[usize],
        problems: &mut Vec<TableProblem>,
    ) -> (Vec<Table<S::Settings>>, Vec<usize>) {
        let declared = fields::of::<S::Settings>();
        let (mut good, mut origin) = (Vec::with_capacity(chosen.len()), Vec::with_capacity(chosen.len()));
        for &index in chosen {
            let Some(raw) = tables.get(index) else {
                continue;
            };
            match read::table::<S::Settings>(S::KIND, declared, raw, index) {
                Ok(settings) => {
                    good.push(Table {
                        name: raw.name.clone(),
                        id: raw.id.clone(),
                        policy: Arc::clone(&raw.policy),
                        settings,
                    });
                    origin.push(index);
                }
                Err(found) => problems.extend(found),
            }
        }
        (good, origin)
    }
}

impl<S: JobSpawner> Kind for KindOf<S> {
    fn example(&self) -> &'static str {
        S::EXAMPLE
    }

    fn keys(&self) -> Option<&'static [&'static str]> {
        fields::of::<S::Settings>()
    }

    fn elsewhere(&self) -> &'static [&'static str] {
        S::ELSEWHERE
    }

    fn own_meaning(&self) -> &'static [&'static str] {
        self.own_meaning
    }

    fn spawn(&self, tables: &[RawTable<'_>]) -> Spawned {
        let all: Vec<usize> = (0..tables.len()).collect();
        let mut problems = Vec::new();
        let (good, origin) = Self::read(tables, &all, &mut problems);
        if good.is_empty() {
            return Spawned { problems, ..Spawned::default() };
        }
        let doubts = S::doubts(&good).iter().map(|doubt| placed(tables, &origin, doubt)).collect();
        let jobs = match S::spawn(good) {
            Ok(jobs) => jobs,
            Err(errors) => {
                let bad: Vec<usize> = errors.iter().filter_map(|e| origin.get(e.table).copied()).collect();
                problems.extend(errors.iter().map(|e| placed(tables, &origin, e)));
                // The others are made all the same, so that names and dependencies of all jobs are judged at once.
                let rest: Vec<usize> = origin.into_iter().filter(|i| !bad.contains(i)).collect();
                let (good, _) = Self::read(tables, &rest, &mut Vec::new());
                if bad.is_empty() || good.is_empty() { Vec::new() } else { S::spawn(good).unwrap_or_default() }
            }
        };
        Spawned { jobs: jobs.into_iter().map(self.erase).collect(), problems, doubts }
    }
}

/// A problem that the kind found itself, with its place.
fn placed(tables: &[RawTable<'_>], origin: &[usize], e: &SpawnError) -> TableProblem {
    let table = origin.get(e.table).copied().unwrap_or_default();
    let raw = tables.get(table);
    let value = |key: &String| raw?.own.get(key.as_str());
    let span = e
        .key
        .as_ref()
        .and_then(value)
        .map(toml::Spanned::span)
        .or_else(|| raw.map(|r| r.span.clone()))
        .unwrap_or_default();
    let (message, remedy) = read::split(&e.message);
    TableProblem {
        table,
        span,
        message: match &e.key {
            Some(key) => format!("\"{key}\": {message}"),
            None => message,
        },
        remedy,
    }
}

/// The job kinds that this program knows.
#[derive(Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, Box<dyn Kind>>,
    twice: Vec<&'static str>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.keys()).finish()
    }
}

impl Registry {
    /// A registry without any kind.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the kind `S` in. Of two kinds with one name the first stays, and every load of settings says so.
    #[must_use]
    pub fn with<S: JobSpawner>(mut self) -> Self {
        if self.kinds.contains_key(S::KIND) {
            self.twice.push(S::KIND);
        } else {
            self.kinds.insert(S::KIND, Box::new(KindOf::<S>::usual()));
        }
        self
    }

    /// Takes in the kind `script`, whose jobs are judged by records and do not run.
    #[must_use]
    pub fn with_scripts(mut self) -> Self {
        let kind = KindOf::<scripts::Spawner> { erase: |job| Arc::new(job), own_meaning: &scripts::OWN_MEANING };
        if self.kinds.contains_key(scripts::KIND) {
            self.twice.push(scripts::KIND);
        } else {
            self.kinds.insert(scripts::KIND, Box::new(kind));
        }
        self
    }

    /// Common keys that mean something else to `kind`, so that it reads them itself.
    pub(crate) fn own_meaning(&self, kind: &str) -> &'static [&'static str] {
        self.kinds.get(kind).map_or(&[], |k| k.own_meaning())
    }

    /// The names of all kinds, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.keys().copied()
    }

    /// The block of `settings.cfg.example` of `kind`.
    pub fn example(&self, kind: &str) -> Option<&'static str> {
        self.kinds.get(kind).map(|k| k.example())
    }

    /// The keys of `kind` besides the common ones. `None` if the kind is unknown, or does not read its settings with a
    /// plain struct.
    pub fn keys(&self, kind: &str) -> Option<&'static [&'static str]> {
        self.kinds.get(kind).and_then(|k| k.keys())
    }

    /// Names that two kinds claim.
    pub(crate) fn twice(&self) -> &[&'static str] {
        &self.twice
    }

    /// Makes the jobs of all tables of `kind`; nothing if the kind is unknown.
    pub(crate) fn spawn(&self, kind: &str, tables: &[RawTable<'_>]) -> Spawned {
        match self.kinds.get(kind) {
            Some(k) if !tables.is_empty() => k.spawn(tables),
            _ => Spawned::default(),
        }
    }

    /// Which of `tables` make a job with the id `id`. Jobs do not say where they come from, and a kind makes all of
    /// its jobs at once; so the tables are halved until one is left. Only reports of errors need it.
    pub(crate) fn makers(&self, kind: &str, tables: &[RawTable<'_>], id: &JobId) -> Vec<usize> {
        let makes = |part: &[RawTable<'_>]| self.spawn(kind, part).jobs.iter().any(|j| j.id() == id);
        let mut out = Vec::new();
        let mut open = vec![(0, tables)];
        while let Some((first, part)) = open.pop() {
            if !makes(part) {
                continue;
            }
            if part.len() == 1 {
                out.push(first);
                continue;
            }
            let (left, right) = part.split_at(part.len() / 2);
            open.push((first + left.len(), right));
            open.push((first, left));
        }
        out.sort_unstable();
        out
    }
}
