use crate::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Tells a run that its answer is no longer wanted. Clones share one flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the run to end.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the run should end. A job that loops without awaiting looks at it now and then.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What one run is given. It holds no clients and no types of a runtime: a job brings its own.
#[derive(Debug)]
pub struct Context {
    /// The time of the decision that this run belongs to: the same for all runs of a pass.
    pub now: Timestamp,
    /// The longest time the run may take. Checker enforces it; a job may use it to say in which phase time ran out.
    pub timeout: Duration,
    /// The id of the run. Children get it as `CHECKER_RUN`.
    pub run_id: String,
    /// Set when the answer is no longer wanted.
    pub cancel: Cancel,
    scratch_root: Arc<Path>,
    /// Nearly no run asks for it.
    scratch: OnceLock<PathBuf>,
    log: Mutex<Vec<String>>,
}

impl Context {
    /// Log lines kept of one run.
    pub const LOG_LINES_MAX: usize = 100;

    /// A context for one run. Below `scratch` it may have a folder of its own, named after the run; neither need exist.
    pub fn new(now: Timestamp, timeout: Duration, run_id: String, scratch: Arc<Path>) -> Self {
        Self {
            now,
            timeout,
            run_id,
            cancel: Cancel::default(),
            scratch_root: scratch,
            scratch: OnceLock::new(),
            log: Mutex::new(Vec::new()),
        }
    }

    /// A folder of this run alone, removed when the run ends.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn scratch(&self) -> std::io::Result<&PathBuf> {
        let scratch = self.scratch.get_or_init(|| self.scratch_root.join(&self.run_id));
        std::fs::create_dir_all(scratch)?;
        Ok(scratch)
    }

    /// The folder, if the run asked for it: then it is there, or should be.
    pub fn used_scratch(&self) -> Option<&PathBuf> {
        self.scratch.get()
    }

    /// Notes a line for people who look closer (`checker try`, the log file at level debug). Lines beyond
    /// [`Self::LOG_LINES_MAX`] are dropped.
    pub fn log(&self, line: impl Into<String>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < Self::LOG_LINES_MAX {
            log.push(line.into());
        }
    }

    /// The lines noted so far.
    pub fn log_lines(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
