//! Where the state of this process is: at its own place, in a refuge, or nowhere; and who else is alive.
//!
//! **The rule for passes side by side.** A pass begins in the refuge if there is one and the store is not back, and stays
//! where it is until an operation fails there. While a refuge is there, every new pass either ends it (it merges it, and
//! works in the store) or joins it; so of two passes in different places, the one in the store began before the trouble.
//! Both hold their locks at the store's own place too, so neither takes the other for dead, and neither runs what the
//! other has claimed. When the refuge ends, [`crate::decide::merge`] says which state counts. A pass that still works in
//! a refuge that ends finds it frozen, and goes on in the store.

mod moves;
mod words;

use super::super::{Guard, LockFile, PassStart, Result, StoreClock};
use super::Sqlite;
use super::db::{Conn, Db, PATIENCE};
use super::places::Places;
use super::refuge;
use checker_job::{JobId, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use uuid::Uuid;
pub use words::Degraded;

/// Who mends (merges a refuge, sets a damaged file aside, makes a refuge) holds this lock there.
const MENDER: Uuid = Uuid::from_u128(0x6368_6563_6b65_7200_6d65_6e64_6572_0000);

/// How long another process is given to mend.
const MEND_TIME: Duration = Duration::from_secs(10);

/// Where no lock file can be asked, a pass that began longer ago than this counts as gone.
const UNSEEN_MAX: Duration = Duration::from_secs(600);

/// Where one state lives, for one process. All connections of the process are of one home and change their place together.
pub struct Home {
    main: PathBuf,
    places: Places,
    clock: StoreClock,
    /// Whether it may begin and end refuges. Commands that a person types go where the state is, and change nothing.
    mends: bool,
    here: Mutex<Here>,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Home({})", self.main.display())
    }
}

/// Where a state is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Where {
    Main,
    Refuge(PathBuf),
    Nowhere,
}

struct Here {
    opened: bool,
    /// Counts changes of the place.
    generation: u64,
    at: Where,
    trouble: Option<Degraded>,
    began: Timestamp,
    locks: Vec<LockFile>,
    /// Whether the locks at the store's own place can be asked.
    sees_main: bool,
    held: BTreeMap<Uuid, Vec<Guard>>,
    /// What passes of this process have begun and claimed: they go along.
    passes: BTreeMap<Uuid, (PassStart, Vec<(JobId, Uuid)>)>,
    /// Jobs of a pass that is nowhere: others cannot read its claims.
    jobs: BTreeMap<JobId, Guard>,
    /// Keeps what is in memory.
    anchor: Option<Conn>,
}

impl Home {
    /// The home of the state at `main`. `runtime` is `$RUNTIME_DIRECTORY`. With `mends` it begins and ends refuges, as a
    /// pass does. Nothing is opened yet.
    pub fn new(main: &Path, runtime: Option<&Path>, clock: StoreClock, mends: bool) -> Arc<Self> {
        let here = Here {
            opened: false,
            generation: 0,
            at: Where::Main,
            trouble: None,
            began: clock.now(),
            locks: Vec::new(),
            sees_main: false,
            held: BTreeMap::new(),
            passes: BTreeMap::new(),
            jobs: BTreeMap::new(),
            anchor: None,
        };
        let places = Places::of(main, runtime, &std::env::temp_dir());
        Arc::new(Self { main: main.to_owned(), places, clock, mends, here: Mutex::new(here) })
    }

    /// A connection to where the state is. The first one finds out where that is: a refuge that is there ends, if the
    /// store is back.
    ///
    /// # Errors
    /// As of [`Sqlite::open`], where no refuge may be used: the place is a mistake, or its user is another.
    pub fn open(self: &Arc<Self>) -> Result<Sqlite> {
        let mut here = self.here();
        let conn = if here.opened { self.connect(&here)? } else { self.first(&mut here)? };
        here.opened = true;
        Ok(Sqlite(Arc::new(Db::of(conn, &self.main, self.clock.clone(), Some(Arc::clone(self))))))
    }

    /// The state file of the refuge in use, if there is one.
    pub fn refuge(&self) -> Option<PathBuf> {
        refuge::newest(self.places.there())
    }

    /// What is wrong with the store, if it is not where it belongs or was mended in this process.
    pub fn degraded(&self) -> Option<Degraded> {
        self.here().trouble.clone()
    }

    /// Whether the state ends with this process.
    pub fn is_nowhere(&self) -> bool {
        self.here().at == Where::Nowhere
    }

    /// Shows that `id` is alive until this home is dropped or the process ends.
    ///
    /// # Errors
    /// [`crate::store::StoreError::Refused`] if it is alive already; [`crate::store::StoreError::Unavailable`] if no lock can be had.
    pub fn hold(&self, id: Uuid) -> Result<()> {
        let mut here = self.here();
        self.find_locks(&mut here)?;
        let guards: Result<Vec<Guard>> = here.locks.iter().map(|lock| lock.hold(id)).collect();
        here.held.insert(id, guards?);
        Ok(())
    }

    /// Whether the process that held `id` is gone.
    pub fn is_gone(&self, id: Uuid) -> bool {
        let mut here = self.here();
        if self.find_locks(&mut here).is_err() || !here.locks.iter().all(|lock| lock.is_free(id).unwrap_or(false)) {
            return false;
        }
        // It may hold its lock where we cannot look.
        here.sees_main || self.clock.now().since(made_at(id)) > UNSEEN_MAX
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find_locks(&self, here: &mut Here) -> Result<()> {
        if !here.locks.is_empty() {
            return Ok(());
        }
        let found = LockFile::beside(&self.main).or_else(|why| LockFile::look_beside(&self.main).map_err(|_| why));
        here.sees_main = found.is_ok();
        let lock = found.or_else(|why| LockFile::of_program().map_err(|_| why))?;
        here.locks.push(lock);
        Ok(())
    }

    /// Where all connections of this process lead.
    fn connect(&self, here: &Here) -> Result<Conn> {
        let mut conn = match &here.at {
            Where::Main => Conn::open(&self.main, PATIENCE)?,
            Where::Refuge(file) => refuge::open(file, PATIENCE)?,
            Where::Nowhere => refuge::nowhere(refuge::From::Main(&self.main, self.first_episode()))?,
        };
        conn.generation = here.generation;
        Ok(conn)
    }

    /// No job has had more failures than there were minutes since 1970.
    fn first_episode(&self) -> u32 {
        u32::try_from(self.clock.now().micros() / 60_000_000).unwrap_or(0)
    }

    pub(super) fn begun(&self, pass: &PassStart) {
        self.here().passes.entry(pass.id).or_insert_with(|| (pass.clone(), Vec::new()));
    }

    pub(super) fn released(&self, pass: Uuid, jobs: &[JobId]) {
        let mut here = self.here();
        for job in jobs {
            here.jobs.remove(job);
        }
        if let Some((_, claims)) = here.passes.get_mut(&pass) {
            let released: HashSet<&JobId> = jobs.iter().collect();
            claims.retain(|(job, _)| !released.contains(job));
        }
    }

    pub(super) fn ended(&self, pass: Uuid) {
        let mut here = self.here();
        here.passes.remove(&pass);
        here.jobs.clear();
    }

    /// What others hold of `wanted`, if that is `taken` in the store. Where nobody else can read claims, each is a lock of
    /// its own.
    pub(super) fn claimed(&self, pass: Uuid, wanted: &[(JobId, Uuid)], mut taken: BTreeSet<JobId>) -> BTreeSet<JobId> {
        let mut here = self.here();
        if here.at == Where::Nowhere
            && let Ok(lock) = LockFile::of_program()
        {
            for (job, _) in wanted {
                let held = !taken.contains(job)
                    && lock.hold(self.lock_of(job)).is_ok_and(|guard| here.jobs.insert(job.clone(), guard).is_none());
                if !held {
                    taken.insert(job.clone());
                }
            }
        }
        if let Some((_, claims)) = here.passes.get_mut(&pass) {
            claims.extend(wanted.iter().filter(|(job, _)| !taken.contains(job)).cloned());
        }
        taken
    }

    fn lock_of(&self, job: &JobId) -> Uuid {
        let name = format!("{}\0{job}", self.main.display());
        Uuid::new_v5(&MENDER, name.as_bytes())
    }

    /// Whether messages may leave: what is nowhere is told every ten minutes, because nobody remembers what was told.
    pub(super) fn may_tell(&self) -> bool {
        self.here().at != Where::Nowhere || self.clock.now().micros() / 60_000_000 % 10 == 0
    }
}

/// When an id of version 7 was made.
fn made_at(id: Uuid) -> Timestamp {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(0);
    Timestamp::from_micros(millis.saturating_mul(1_000))
}

/// Waits for whoever mends.
fn mender(lock: &LockFile) -> Option<Guard> {
    let until = Instant::now() + MEND_TIME;
    loop {
        match lock.hold(MENDER) {
            Ok(guard) => return Some(guard),
            Err(_) if Instant::now() >= until => return None,
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Open passes that others than the mender could take for dead once the refuge has ended.
fn live_here_alone(open: &[Uuid], refuge: &LockFile, main: Option<&LockFile>) -> bool {
    open.iter().any(|id| {
        let here = !refuge.is_free(*id).unwrap_or(true);
        here && main.is_none_or(|lock| lock.is_free(*id).unwrap_or(true))
    })
}

#[cfg(test)]
mod tests;
