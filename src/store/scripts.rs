//! What is remembered of scripts: runs that no pass made, under the script's name and host.

use super::{Result, RunRecord};
use crate::decide::script::{Activity, ScriptHour, ScriptName, Wanted};
use checker_job::Timestamp;

/// What is remembered of scripts.
pub trait Scripts {
    /// Writes runs as far as they have come. Of one run, what is further replaces what is less far: begun, then given up
    /// (done without an end), then ended; so the same may be sent twice, and late. A run that has ended counts in its hour,
    /// once.
    ///
    /// Errors: [`super::StoreError::Refused`] for a run of a pass or one that contradicts itself, and then nothing is
    /// written; [`super::StoreError::Unavailable`] where the state is not in its own place.
    fn record(&self, runs: &[RunRecord]) -> Result<()>;
    /// The same, and it is on the disk when this comes back: whoever told of them may forget them.
    ///
    /// # Errors
    /// As [`Scripts::record`].
    fn record_for_good(&self, runs: &[RunRecord]) -> Result<()> {
        self.record(runs)
    }
    /// Runs of all scripts that have begun and are not over, oldest first.
    fn active(&self) -> Result<Vec<RunRecord>>;
    /// What is known of these scripts, in their order.
    fn activity(&self, wanted: &[Wanted]) -> Result<Vec<Activity>>;
    /// The newest runs of a script, newest first, begun ones included.
    fn script_runs(&self, name: &str, host: Option<&str>, limit: usize) -> Result<Vec<RunRecord>>;
    /// All scripts of which runs are known, by name and host.
    fn scripts(&self) -> Result<Vec<ScriptName>>;
    /// The hours of a script since `since`, oldest first, hosts apart.
    fn script_hours(&self, name: &str, since: Timestamp) -> Result<Vec<(String, ScriptHour)>>;
}
